//! The graph itself.

use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;
use std::sync::Arc;

use super::condition::Condition;
use crate::spec::{CpuSpec, GpuSpec, LinkClass, Place};
use crate::units::{BytesPerSecond, Seconds};

/// A device of a topology; an index in the order of the file.
pub type DeviceId = NodeIndex<u32>;

/// A wire of a topology.
pub type LinkId = EdgeIndex<u32>;

/// What a device is.
#[derive(Debug, Clone)]
pub enum DeviceKind {
    /// A GPU or another accelerator.
    Gpu(Arc<GpuSpec>),
    /// A CPU socket.
    Cpu(Arc<CpuSpec>),
    /// A non-blocking switch.
    Switch {
        /// Fabric it belongs to.
        class: LinkClass,
        /// Catalogue name, or empty.
        model: String,
        /// Time through it.
        latency: Seconds,
        /// Whether it is a root complex of a CPU.
        host_bridge: bool,
        /// Whether it adds up what passes.
        reduces: bool,
    },
    /// A network interface.
    Nic,
    /// An end point without properties.
    Host,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Name in the topology.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Which copy of a machine it belongs to; 0 outside of copies.
    pub node: u32,
}

impl Device {
    /// The GPU's figures, if it is one.
    pub fn gpu(&self) -> Option<&Arc<GpuSpec>> {
        match &self.kind {
            DeviceKind::Gpu(spec) => Some(spec),
            _ => None,
        }
    }

    /// The CPU's figures, if it is one.
    pub fn cpu(&self) -> Option<&Arc<CpuSpec>> {
        match &self.kind {
            DeviceKind::Cpu(spec) => Some(spec),
            _ => None,
        }
    }
}

/// One wire, or several parallel ones between the same two devices.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Catalogue name of the link, or empty.
    pub model: String,
    /// Fabric.
    pub class: LinkClass,
    /// Parallel links.
    pub count: u32,
    /// Rate of one direction, all parallel links together.
    pub bandwidth: BytesPerSecond,
    /// Rate of both directions together, where they disturb each other.
    pub both_directions: Option<BytesPerSecond>,
    /// The same for traffic from and to host memory only.
    pub both_directions_host: Option<BytesPerSecond>,
    /// The same of a collective library's kernels.
    pub collective_both_host: Option<BytesPerSecond>,
    /// Rate of one direction that a collective library's kernels reach.
    pub collective: BytesPerSecond,
    /// Time of the first byte.
    pub latency: Seconds,
    /// What conditions have left of its rates; 1 without.
    pub left: f64,
    /// Whether cards at its ends pass on what arrives over such wires for others.
    pub forwards: bool,
}

/// A machine or cluster, complete and connected.
#[derive(Debug, Clone)]
pub struct Topology {
    /// Name.
    pub name: String,
    /// Name a person would say.
    pub title: String,
    /// Where the wiring was read.
    pub source: String,
    /// What had to be assumed.
    pub assumes: Vec<String>,
    /// Price \[USD\], if known.
    pub price_usd: Option<f64>,
    /// Operating systems that share the GPUs evenly.
    pub hosts: u32,
    /// Where it is written, for messages about it.
    pub place: Place,
    /// What is slow, has failed or jitters; the graph is as they leave it.
    pub conditions: Vec<Condition>,
    /// Devices and wires.
    pub graph: UnGraph<Device, Wire, u32>,
}

impl Topology {
    /// A device.
    pub fn device(&self, id: DeviceId) -> &Device {
        &self.graph[id]
    }

    /// All devices in order.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        self.graph.node_indices().map(|id| (id, &self.graph[id]))
    }

    /// All GPUs in order: a GPU's place in this list is its rank's default.
    pub fn gpus(&self) -> Vec<DeviceId> {
        let gpus = self.devices().filter(|(_, d)| d.gpu().is_some());
        gpus.map(|(id, _)| id).collect()
    }

    /// All CPU sockets in order.
    pub fn cpus(&self) -> Vec<DeviceId> {
        let cpus = self.devices().filter(|(_, d)| d.cpu().is_some());
        cpus.map(|(id, _)| id).collect()
    }

    /// All wires with their ends, in order.
    pub fn wires(&self) -> impl Iterator<Item = (LinkId, DeviceId, DeviceId, &Wire)> {
        self.graph
            .edge_references()
            .map(|e| (e.id(), e.source(), e.target(), e.weight()))
    }

    /// The device of a name.
    pub fn find(&self, name: &str) -> Option<DeviceId> {
        self.devices()
            .find(|(_, d)| d.name == name)
            .map(|(id, _)| id)
    }

    /// A wire's name for reports: `gpu0–plx0`.
    pub fn wire_name(&self, id: LinkId) -> String {
        match self.graph.edge_endpoints(id) {
            Some((a, b)) => format!("{}–{}", self.graph[a].name, self.graph[b].name),
            None => String::new(),
        }
    }
}
