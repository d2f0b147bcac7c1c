//! Catalogue files of software: communication libraries and frameworks.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::figure::{Figure, Share, above_zero, above_zero_if_any};
use crate::units::{Bytes, BytesPerSecond, Seconds};

/// A collective communication library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibrarySpec {
    /// `library`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Makers of devices whose library it is.
    #[serde(default)]
    pub vendors: Vec<String>,
    /// Wire protocols by name, as the library's own cost model has them: they decide the choice.
    pub protocols: BTreeMap<String, ProtocolSpec>,
    /// Measured timings by generation of devices: they give the time. Without any, the protocols'
    /// own figures do.
    #[serde(default)]
    pub generations: BTreeMap<String, GenerationSpec>,
    /// Generation of devices whose architecture none names.
    #[serde(default)]
    pub default_generation: String,
    /// Host time a rank adds when one process drives all of them (`-g N`).
    #[serde(default)]
    pub one_process_per_rank: Option<Figure<Seconds>>,
    /// What a host's call and its wait add to the time on the devices.
    #[serde(default)]
    pub host_call: Option<Figure<Seconds>>,
    /// Kernels of inference engines that replace the library inside CUDA graphs.
    #[serde(default)]
    pub direct: Option<DirectSpec>,
    /// Algorithms that it takes by itself, beside those of NCCL: `torus`, `halving-doubling`…
    #[serde(default)]
    pub offers: Vec<String>,
    /// Compute units that the channels of one collective occupy; 0 where copy engines do the work.
    pub channel_units: Figure<u32>,
    /// Largest piece a ring step is cut into.
    #[serde(deserialize_with = "above_zero")]
    pub slice: Figure<Bytes>,
}

/// Sizes up to which inference engines use their own all-reduce.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectSpec {
    /// Sizes from which the library takes over, by generation of devices.
    pub limits: BTreeMap<String, DirectLimits>,
    /// Largest size of one shot with up to four ranks; two ranks always use one shot.
    pub one_shot_up_to_4: Figure<Bytes>,
    /// Largest size of one shot with more ranks.
    pub one_shot_up_to_8: Figure<Bytes>,
}

/// Sizes from which an inference engine leaves all-reduce to the library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectLimits {
    /// With two ranks.
    pub ranks_2: Bytes,
    /// With three or four.
    pub ranks_4: Bytes,
    /// With five to eight.
    pub ranks_8: Bytes,
    /// Where the sizes come from.
    pub source: String,
}

/// What a library reaches on one generation of devices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationSpec {
    /// Device architectures it covers.
    pub architectures: Vec<String>,
    /// Most the LL protocol reaches on one machine, in the library's cost model.
    pub ll_limit: Figure<BytesPerSecond>,
    /// Shares of the rings' rate that the cost model gives LL128, each from a release on; where
    /// there is none, that of the protocol.
    #[serde(default)]
    pub ll128: Vec<ReleaseShare>,
    /// What a channel of a tree between machines carries of a size; with it, what full slices take
    /// to fill the tree counts.
    #[serde(default)]
    pub tree_channel: Option<TreeChannelSpec>,
    /// Reduction inside the switches, where the devices can use it.
    #[serde(default)]
    pub in_switch: Option<InSwitchSpec>,
    /// Over GPU links: timings by `algorithm-protocol`.
    pub gpu_link: BTreeMap<String, TimingSpec>,
    /// Over PCIe, directly or through the host.
    pub pcie: BTreeMap<String, TimingSpec>,
    /// Between machines; a hop's time comes on top of that of the path.
    pub network: BTreeMap<String, TimingSpec>,
}

/// A release of a library: `2.29.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Release([u32; 3]);

impl Release {
    /// The first release that a text names, with or without words around it.
    pub fn find(text: &str) -> Option<Self> {
        let outside = |c: char| !c.is_ascii_digit() && c != '.';
        text.split(outside).find_map(|part| {
            let mut numbers = part.split('.').map(str::parse::<u32>);
            let major = numbers.next()?.ok()?;
            let minor = numbers.next()?.ok()?;
            let patch = numbers.next().and_then(Result::ok).unwrap_or(0);
            Some(Self([major, minor, patch]))
        })
    }
}

impl TryFrom<String> for Release {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::find(&text).ok_or_else(|| format!("`{text}` is no release, such as 2.29.7"))
    }
}

/// A share that holds from a release on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseShare {
    /// The first release that has it.
    pub from: Release,
    /// The share.
    pub value: Share,
    /// Where it was read.
    pub source: String,
    /// Reasoning.
    #[serde(default)]
    pub note: Option<String>,
}

/// What a channel of a tree carries of an all-reduce's size in a second, by the number of machines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeChannelSpec {
    /// On one machine.
    #[serde(deserialize_with = "above_zero")]
    pub one_machine: Figure<BytesPerSecond>,
    /// On two.
    #[serde(deserialize_with = "above_zero")]
    pub two_machines: Figure<BytesPerSecond>,
    /// On more.
    #[serde(deserialize_with = "above_zero")]
    pub more: Figure<BytesPerSecond>,
}

impl TreeChannelSpec {
    /// What it carries between so many machines \[B/s\].
    pub fn between(&self, machines: usize) -> f64 {
        let figure = match machines {
            1 => &self.one_machine,
            2 => &self.two_machines,
            _ => &self.more,
        };
        figure.value.0
    }
}

/// Reduction inside switches (NVLS).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InSwitchSpec {
    /// Fewest ranks of a machine with which the library uses it.
    pub min_ranks: Figure<u32>,
    /// Share of the link rate in the library's cost model.
    pub efficiency: Figure<Share>,
}

/// The time of one algorithm and protocol:
/// `base + steps · hop · (1 + growth · S/(S + growth_size))`
/// `+ S/rate · (1 + bubble/steps / (1 + S/bubble_size))`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingSpec {
    /// Fixed cost.
    pub base: Seconds,
    /// Cost of one dependent step of the smallest message.
    pub hop: Seconds,
    /// By how much a step grows when it carries full chunks.
    #[serde(default)]
    pub growth: f64,
    /// Size of message at which half of that is reached.
    #[serde(default)]
    pub growth_size: Option<Bytes>,
    /// Chunks that the links idle at the beginning and end of a pass, in units of a step's chunk.
    #[serde(default)]
    pub bubble: f64,
    /// Size of message at which half of the bubble is hidden by the pass before; never if absent.
    #[serde(default)]
    pub bubble_size: Option<Bytes>,
    /// Share of the links' collective rate that is payload.
    pub share: Share,
    /// Rate at which a rank copies its own part, where nothing hides it.
    #[serde(default)]
    pub local_copy: Option<BytesPerSecond>,
    /// Most that the channels of one rank send, whatever its wires carry; no limit if absent.
    #[serde(default)]
    pub rank_limit: Option<BytesPerSecond>,
    /// Where the figures come from.
    pub source: String,
    /// Reasoning, caveats, the data they were fitted on.
    #[serde(default)]
    pub note: Option<String>,
    /// True where nobody has published them and they were reasoned instead.
    #[serde(default)]
    pub estimate: bool,
}

/// A wire protocol of a collective library.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolSpec {
    /// Fixed cost of one ring collective.
    pub base: Figure<Seconds>,
    /// Cost of one ring step by the kind of path it takes.
    pub hop: PathCost,
    /// Share of the link rate that is payload.
    pub bandwidth_share: Figure<Share>,
    /// Most a whole collective reaches.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub max_bandwidth: Option<Figure<BytesPerSecond>>,
    /// Whether it needs GPU links on every hop.
    #[serde(default)]
    pub gpu_links_only: bool,
}

/// One cost per kind of path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathCost {
    /// Over GPU links.
    pub gpu_link: Figure<Seconds>,
    /// Over PCIe, directly or through the host.
    pub pcie: Figure<Seconds>,
    /// Over the network.
    pub network: Figure<Seconds>,
}

/// A training framework or inference engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameworkSpec {
    /// `framework`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Host time to issue one kernel.
    pub host_per_kernel: Figure<Seconds>,
    /// Host time at the start of a step (data, scheduler, sampling).
    pub host_per_step: Figure<Seconds>,
    /// Whether a step is replayed as one captured graph: one launch for all kernels.
    #[serde(default)]
    pub captured_graph: bool,
    /// Whether attention runs as one fused kernel that keeps no score matrix.
    #[serde(default)]
    pub fused_attention: bool,
    /// Whether norm, activation and residual operators are fused with their neighbours.
    #[serde(default)]
    pub fused_elementwise: bool,
    /// Default size of a gradient bucket.
    #[serde(deserialize_with = "above_zero")]
    pub bucket: Figure<Bytes>,
    /// VRAM that the runtime itself takes on each device.
    pub context_memory: Figure<Bytes>,
    /// Communication library it uses.
    pub library: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_found_among_words() {
        let release = Release::find("NCCL 2.29.7-1, out of place");
        assert_eq!(release, Some(Release([2, 29, 7])));
        assert!(Release::find("2.9") < Release::find("2.27.5"));
        assert_eq!(Release::find("not stated (2 nodes)"), None);
        assert!(Release::try_from("new".to_string()).is_err());
    }
}
