//! Names of algorithms and launch modes, and what a user may force.

use std::fmt;

use crate::spec::Release;
use crate::units::Bytes;

/// How a collective moves its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Rings over all ranks, one per channel.
    Ring,
    /// Double binary trees across machines, chains inside.
    Tree,
    /// The switches add up and send to all (NVLS).
    Nvls,
    /// The same in every machine, and trees between them.
    NvlsTree,
    /// Every rank reads everything from every other.
    OneShot,
    /// Every rank reduces its part, then reads the others' parts.
    TwoShot,
    /// Every rank sends its part to every other.
    Pairwise,
    /// Single sends, each to one other rank.
    PointToPoint,
    /// Parallel aggregated trees: halving or doubling with one rank a machine.
    Pat,
    /// Every rank sends its part to every other; to other machines through the GPU beside the
    /// NIC of the receiver's rail (PXN).
    PairwisePxn,
    /// Recursive halving, then recursive doubling.
    HalvingDoubling,
    /// Buckets around the rings of a torus of one, two or three dimensions.
    Torus,
    /// Inside every machine, then between machines on every rail, then inside again.
    Hierarchical,
    /// Directly to the heads of the rails, summed in the network's switches (SHARP).
    CollNetDirect,
    /// Along chains to the heads of the rails, summed in the network's switches (SHARP).
    CollNetChain,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 15] = [
        Self::Ring,
        Self::Tree,
        Self::Nvls,
        Self::NvlsTree,
        Self::OneShot,
        Self::TwoShot,
        Self::Pairwise,
        Self::PointToPoint,
        Self::Pat,
        Self::PairwisePxn,
        Self::HalvingDoubling,
        Self::Torus,
        Self::Hierarchical,
        Self::CollNetDirect,
        Self::CollNetChain,
    ];

    /// As typed on the command line and written in library files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ring => "ring",
            Self::Tree => "tree",
            Self::Nvls => "nvls",
            Self::NvlsTree => "nvls-tree",
            Self::OneShot => "one-shot",
            Self::TwoShot => "two-shot",
            Self::Pairwise => "pairwise",
            Self::PointToPoint => "point-to-point",
            Self::Pat => "pat",
            Self::PairwisePxn => "pairwise-pxn",
            Self::HalvingDoubling => "halving-doubling",
            Self::Torus => "torus",
            Self::Hierarchical => "hierarchical",
            Self::CollNetDirect => "collnet-direct",
            Self::CollNetChain => "collnet-chain",
        }
    }

    /// The algorithm of a key; case, `_` and `-` do not matter.
    pub fn from_key(key: &str) -> Option<Self> {
        let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
        Self::ALL.into_iter().find(|a| plain(a.key()) == plain(key))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

/// How the ranks' kernels are launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LaunchMode {
    /// A process for every rank.
    #[default]
    Processes,
    /// One process for all ranks (`-g N`).
    OneProcess,
    /// A process for every rank, and the time is that of the host's call and its wait.
    HostTimed,
    /// Replayed in a CUDA graph of an inference engine, with its own kernels for small sizes.
    Graph,
}

impl LaunchMode {
    /// All modes.
    pub const ALL: [Self; 4] = [
        Self::Processes,
        Self::OneProcess,
        Self::HostTimed,
        Self::Graph,
    ];

    /// As typed on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::OneProcess => "one-process",
            Self::HostTimed => "host-timed",
            Self::Graph => "graph",
        }
    }

    /// The mode of a key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.key() == key)
    }
}

/// How one of several ways is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// Of the ways that the library's published cost model would take over links as fast as these
    /// or slower, the one that is predicted to be fastest: what a library that was tuned on such
    /// links does. A faster link only adds ways, so it never slows a collective. Between machines,
    /// where makers ship tuner plugins, the way that is predicted to be fastest.
    #[default]
    Tuned,
    /// The way that the library's cost model believes to be fastest; where it is silent, the
    /// predicted time stands for what it believes. It errs by a factor of up to 2, and a faster
    /// link can lead it to a slower way.
    Library,
}

impl Choice {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Tuned, Self::Library];

    /// As typed on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Tuned => "tuned",
            Self::Library => "library",
        }
    }

    /// The choice of a key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.key() == key)
    }
}

/// What is not left to the library.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forced {
    /// Only this algorithm.
    pub algorithm: Option<Algorithm>,
    /// Only this protocol.
    pub protocol: Option<String>,
    /// Without reduction in switches (`NCCL_NVLS_ENABLE=0`).
    pub without_switches: bool,
    /// By what the rest is chosen.
    pub choice: Choice,
    /// Which release of the library it is; the newest known if none.
    pub release: Option<Release>,
    /// One slot of the Simple buffer where it is not the library's own (`NCCL_BUFFSIZE`).
    pub slot: Option<Bytes>,
}
