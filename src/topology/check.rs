//! What is odd about a topology.

use petgraph::algo::connected_components;

use super::graph::{DeviceKind, Topology};
use super::route::{Through, find_route};

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
    let cpus = topology.cpus();
    for gpu in topology.gpus() {
        let reaches_cpu = cpus
            .iter()
            .any(|cpu| find_route(topology, gpu, *cpu, Through::Host).is_some());
        if !reaches_cpu && !cpus.is_empty() {
            let name = &topology.device(gpu).name;
            findings.push(format!("`{name}` has no PCIe path to a CPU"));
        }
    }
    findings.extend(unused_ports(topology));
    findings
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
