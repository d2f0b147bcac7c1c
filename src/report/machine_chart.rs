//! A machine as a layered picture.

use super::draw::{Edge, Node, Topology as Picture, layout};
use crate::fabric::Fabric;
use crate::spec::LinkClass;
use crate::topology::{DeviceKind, Wire};

/// The most devices a picture holds.
const MOST_DEVICES: usize = 160;

/// The picture of a machine with each wire's utilisation.
pub(super) fn machine(fabric: &Fabric, utilisation: &[f64], subtitle: String) -> Picture {
    let topology = &fabric.topology;
    let shown = topology.graph.node_count().min(MOST_DEVICES);
    let tiers: Vec<u8> = topology
        .devices()
        .take(shown)
        .map(|(_, d)| tier(&d.kind))
        .collect();
    let wires: Vec<_> = topology
        .wires()
        .filter(|(_, a, b, _)| a.index() < shown && b.index() < shown)
        .collect();
    let ends: Vec<(usize, usize)> = wires
        .iter()
        .map(|(_, a, b, _)| (a.index(), b.index()))
        .collect();
    let places = layout(&tiers, &ends);
    let nodes = topology
        .devices()
        .take(shown)
        .zip(&places)
        .map(|((_, device), x)| Node {
            id: device.name.clone(),
            label: device.name.clone(),
            tier: tier(&device.kind),
            x: *x,
            kind: colour(&device.kind).into(),
        });
    let edges = wires.iter().map(|(id, a, b, wire)| Edge {
        a: topology.device(*a).name.clone(),
        b: topology.device(*b).name.clone(),
        label: String::new(),
        bytes_per_s: wire.bandwidth.0,
        utilisation: utilisation[id.index()],
        class: class(wire),
    });
    Picture {
        title: topology.title.clone(),
        subtitle,
        nodes: nodes.collect(),
        edges: edges.collect(),
    }
}

/// Rows from the top: CPUs, PCIe switches, GPUs and NICs, switches of GPU links and networks.
fn tier(kind: &DeviceKind) -> u8 {
    match kind {
        DeviceKind::Cpu(_) => 0,
        DeviceKind::Switch {
            class: LinkClass::Pcie | LinkClass::Socket,
            ..
        } => 1,
        DeviceKind::Nic | DeviceKind::Gpu(_) | DeviceKind::Host => 2,
        DeviceKind::Switch { .. } => 3,
    }
}

/// Key of the palette.
fn colour(kind: &DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Cpu(_) => "cpu-memory",
        DeviceKind::Switch { class, .. } => match class {
            LinkClass::GpuLink => "gpu-link",
            LinkClass::Pcie => "pcie",
            LinkClass::Socket => "socket",
            LinkClass::Network => "network",
        },
        DeviceKind::Nic => "network",
        DeviceKind::Gpu(_) => "compute",
        DeviceKind::Host => "idle",
    }
}

/// What a wire is called below the picture.
fn class(wire: &Wire) -> String {
    let name = if wire.model.is_empty() {
        "link"
    } else {
        &wire.model
    };
    match wire.count {
        1 => name.to_string(),
        count => format!("{name}, {count} in parallel"),
    }
}
