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
    /// Wire protocols by name.
    pub protocols: BTreeMap<String, ProtocolSpec>,
    /// Compute units that the channels of one collective occupy.
    #[serde(deserialize_with = "above_zero")]
    pub channel_units: Figure<u32>,
    /// Largest piece a ring step is cut into.
    #[serde(deserialize_with = "above_zero")]
    pub slice: Figure<Bytes>,
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
