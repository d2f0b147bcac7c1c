//! What is odd about a topology.

use petgraph::algo::connected_components;
use petgraph::visit::EdgeRef;

use super::graph::{DeviceKind, Topology};
use crate::spec::LinkClass;

/// Findings about a topology that can be built but may not be what was meant.
pub fn check(topology: &Topology) -> Vec<String> {
    let mut findings = Vec::new();
    let parts = connected_components(&topology.graph);
    if parts > 1 {
        findings.push(format!(
            "the devices fall into {parts} groups without a wire between them"
        ));
    }
    for (id, device) in topology.devices() {
        if topology.graph.edges(id).next().is_none() && topology.graph.node_count() > 1 {
            findings.push(format!("`{}` has no wire", device.name));
        }
    }
    let has_cpu = !topology.cpus().is_empty();
    let reached = reached_from_cpus(topology);
    for gpu in topology.gpus() {
        if has_cpu && !reached[gpu.index()] {
            let name = &topology.device(gpu).name;
            findings.push(format!("`{name}` has no PCIe path to a CPU"));
        }
    }
    findings.extend(unused_ports(topology));
    findings
}

/// Whether each device can be reached from some CPU through sockets and PCIe switches.
fn reached_from_cpus(topology: &Topology) -> Vec<bool> {
    let mut reached = vec![false; topology.graph.node_count()];
    let mut open = topology.cpus();
    for cpu in &open {
        reached[cpu.index()] = true;
    }
    while let Some(at) = open.pop() {
        for edge in topology.graph.edges(at) {
            let host = matches!(edge.weight().class, LinkClass::Pcie | LinkClass::Socket);
            let other = edge.target();
            if host && !reached[other.index()] {
                reached[other.index()] = true;
                if matches!(topology.device(other).kind, DeviceKind::Switch { .. }) {
                    open.push(other);
                }
            }
        }
    }
    reached
}

/// Switches that lead nowhere.
fn unused_ports(topology: &Topology) -> Vec<String> {
    topology
        .devices()
        .filter(|(id, device)| {
            matches!(device.kind, DeviceKind::Switch { .. })
                && topology.graph.edges(*id).count() == 1
        })
        .map(|(_, device)| {
            format!(
                "switch `{}` has a single wire and leads nowhere",
                device.name
            )
        })
        .collect()
}
