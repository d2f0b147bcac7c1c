//! Topology files: boxes and wires.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::condition::ConditionSpec;
use super::device::{CpuSpec, GpuSpec, LinkClass, LinkSpec, SwitchSpec};
use super::figure::above_zero_if_any;
use super::hostlist::Hostlist;
use super::name_or::NameOr;
use super::ordered::Ordered;
use super::read::Spanned;
use crate::units::{BytesPerSecond, Seconds};

/// A machine or cluster as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologySpec {
    /// `topology`.
    pub kind: String,
    /// Name.
    pub name: Spanned<String>,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Where the wiring was read.
    #[serde(default)]
    pub source: String,
    /// What had to be assumed, a sentence each.
    #[serde(default)]
    pub assumes: Vec<String>,
    /// Street or list price \[USD\], a hint.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub price_usd: Option<super::figure::Figure<f64>>,
    /// Another topology that this one is a variant of.
    #[serde(default, rename = "use")]
    pub base: Option<Spanned<String>>,
    /// Catalogue names to replace in `use` and in parts: old name to new name.
    #[serde(default)]
    pub replace: BTreeMap<String, Spanned<String>>,
    /// Whole topologies inside this one, by name pattern; their devices are `part.device`.
    #[serde(default)]
    pub parts: Ordered<PartSpec>,
    /// Copies of one machine, called `node0`, `node1`…, to be joined by `fabric`.
    #[serde(default)]
    pub nodes: Option<NodesSpec>,
    /// How the NICs of `nodes` are joined.
    #[serde(default)]
    pub fabric: Option<FabricSpec>,
    /// The network that this machine's NICs are made for: the default of a `fabric` around it.
    #[serde(default)]
    pub network: Option<NetworkSpec>,
    /// Operating systems that share this machine's GPUs evenly (a rack of trays); 1 if absent.
    #[serde(default)]
    pub hosts: Option<Spanned<u32>>,
    /// Devices by name pattern.
    #[serde(default)]
    pub devices: Ordered<Spanned<NameOr<DeviceUse>>>,
    /// Wires.
    #[serde(default)]
    pub links: Vec<Spanned<LinkUse>>,
    /// What of all this is slow, has failed, or jitters.
    #[serde(default)]
    pub conditions: Vec<Spanned<ConditionSpec>>,
}

/// A topology used as a part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartSpec {
    /// Its name or path.
    #[serde(rename = "use")]
    pub base: Spanned<String>,
}

/// Copies of one machine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodesSpec {
    /// Its name or path.
    #[serde(rename = "use")]
    pub base: Spanned<String>,
    /// How many.
    pub count: Spanned<u32>,
}

/// How switches join the NICs of many machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FabricKind {
    /// Leaf r takes the r-th NIC of every machine of a group.
    RailOptimised,
    /// A leaf takes all NICs of the machines of a group.
    FatTree,
}

/// The network that a machine is made for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpec {
    /// Link from a NIC to its leaf.
    pub link: Spanned<String>,
    /// How machines of this kind are joined.
    pub kind: FabricKind,
    /// The switches between them.
    #[serde(default)]
    pub switch: Option<Spanned<String>>,
}

/// A fabric of leaf and spine switches; the spine is one non-blocking device. Where leaves are
/// wired to each other there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FabricSpec {
    /// Shape; the machine's own if absent.
    #[serde(default)]
    pub kind: Option<FabricKind>,
    /// Link from a NIC to its leaf; the machine's own if absent.
    #[serde(default)]
    pub link: Option<Spanned<String>>,
    /// Link from a leaf to the spine or to another leaf; that of the NICs if absent.
    #[serde(default)]
    pub uplink: Option<Spanned<String>>,
    /// Machines to a leaf (or to a set of rail leaves); all if absent.
    #[serde(default)]
    pub nodes_per_leaf: Option<Spanned<u32>>,
    /// Links down over links up of a leaf; 1 if absent.
    #[serde(default)]
    pub oversubscription: Option<Spanned<f64>>,
    /// Instead of `kind`: leaves on a closed grid, so many along each dimension, each wired to
    /// its neighbours; `nodes_per_leaf` is 1 if absent.
    #[serde(default)]
    pub torus: Option<Spanned<Vec<u32>>>,
    /// Instead of `kind`: groups of leaves, all joined to each other; `nodes_per_leaf` is 1 if
    /// absent.
    #[serde(default)]
    pub dragonfly: Option<DragonflySpec>,
    /// Switch of the catalogue that leaves and spine are; the machine's own if absent.
    #[serde(default)]
    pub switch: Option<Spanned<String>>,
    /// Time through a switch; that of the switch named if absent.
    #[serde(default)]
    pub switch_latency: Option<Seconds>,
}

impl FabricSpec {
    /// Whether the leaves are wired to each other, without a spine.
    pub fn is_direct(&self) -> bool {
        self.torus.is_some() || self.dragonfly.is_some()
    }
}

/// A dragonfly: every leaf of a group is joined to every other, and every group to every other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DragonflySpec {
    /// Leaves of a group.
    pub leaves_per_group: Spanned<u32>,
    /// Parallel links between two leaves of a group; 1 if absent.
    #[serde(default)]
    pub local_links: Option<Spanned<u32>>,
    /// Links between two groups; 1 if absent.
    #[serde(default)]
    pub global_links: Option<Spanned<u32>>,
    /// Link from group to group; that between leaves if absent.
    #[serde(default)]
    pub global: Option<Spanned<String>>,
}

/// A device defined in place.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceUse {
    /// A GPU.
    Gpu(Box<GpuSpec>),
    /// A CPU socket.
    Cpu(Box<CpuSpec>),
    /// A switch.
    Switch(Box<SwitchSpec>),
    /// A network interface.
    Nic {
        /// Name a person would say.
        #[serde(default)]
        title: String,
    },
    /// An end point without properties of its own.
    Host {
        /// Name a person would say.
        #[serde(default)]
        title: String,
    },
}

/// One or several wires of a kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkUse {
    /// One end.
    pub from: Spanned<Hostlist>,
    /// The other end.
    pub to: Spanned<Hostlist>,
    /// Link from the catalogue.
    #[serde(default, rename = "use")]
    pub link: Option<Spanned<NameOr<LinkSpec>>>,
    /// Without `use`: the fabric.
    #[serde(default)]
    pub class: Option<LinkClass>,
    /// Without `use`: rate of one direction.
    #[serde(default)]
    pub bandwidth: Option<Spanned<BytesPerSecond>>,
    /// Without `use`: rate of both directions together.
    #[serde(default)]
    pub both_directions: Option<Spanned<BytesPerSecond>>,
    /// Without `use`: time of the first byte.
    #[serde(default)]
    pub latency: Option<Seconds>,
    /// Parallel links between the two ends.
    #[serde(default)]
    pub count: Option<Spanned<u32>>,
    /// How two lists of ends are joined.
    #[serde(default)]
    pub wiring: Wiring,
    /// Of a grid: ends along each dimension; the last one runs fastest.
    #[serde(default)]
    pub shape: Option<Spanned<Vec<u32>>>,
    /// Whether cards at its ends pass on what arrives over such links for others.
    #[serde(default)]
    pub forwards: bool,
}

/// How two lists of ends are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wiring {
    /// The longer list in equal blocks over the shorter one; pairs where both are equally long.
    #[default]
    Blocks,
    /// Every end of one list with every end of the other, once.
    Every,
    /// Neighbours on a grid, each row closed to a ring.
    Torus,
    /// Neighbours on a grid with open ends.
    Mesh,
}
