//! How data gets from one device to another: directly, peer to peer, or staged in host memory.

use super::demands::Demands;
use super::resources::Fabric;
use crate::topology::{DeviceId, Route, Through, find_route, nearest_cpu};

/// How a transfer between two GPUs goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Over GPU links.
    GpuLink,
    /// Peer to peer over PCIe.
    Peer,
    /// Written to host memory by the sender and read by the receiver.
    Staged,
    /// Over network interfaces.
    Network,
}

/// How far apart two GPUs may be for peer-to-peer over PCIe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerRule {
    /// Under the same tree of PCIe switches: what NCCL allows by default (path ≤ PXB).
    SameSwitch,
    /// Through CPUs too: what a plain device-to-device copy does where the cards allow it.
    ThroughHost,
}

/// A transfer path with its demands per byte.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferPath {
    /// How it goes.
    pub transport: Transport,
    /// Demands per byte on wires and host memory; VRAM is the caller's to add.
    pub demands: Demands,
    /// Time of the first byte \[s\].
    pub latency_s: f64,
}

/// The path of data between two GPUs, or none if nothing connects them.
pub fn transfer(
    fabric: &Fabric,
    from: DeviceId,
    to: DeviceId,
    rule: PeerRule,
    collective: bool,
) -> Option<TransferPath> {
    let topology = &fabric.topology;
    let direct = |route: Route, transport| TransferPath {
        transport,
        demands: fabric.route_demands(&route, collective, false),
        latency_s: route.latency_s,
    };
    if let Some(route) = find_route(topology, from, to, Through::GpuLinks) {
        return Some(direct(route, Transport::GpuLink));
    }
    if topology.device(from).node != topology.device(to).node {
        let route = find_route(topology, from, to, Through::Anything)?;
        return Some(direct(route, Transport::Network));
    }
    let allows = |id: DeviceId| {
        topology
            .device(id)
            .gpu()
            .is_some_and(|g| g.p2p_over_pcie.value)
    };
    if allows(from) && allows(to) {
        let through = match rule {
            PeerRule::SameSwitch => Through::PcieSwitches,
            PeerRule::ThroughHost => Through::Host,
        };
        if let Some(route) = find_route(topology, from, to, through) {
            return Some(direct(route, Transport::Peer));
        }
    }
    if let Some(path) = staged(fabric, from, to, collective) {
        return Some(path);
    }
    let route = find_route(topology, from, to, Through::Anything)?;
    Some(direct(route, Transport::Network))
}

/// Through a buffer in the memory of the sender's CPU: one write, one read, pipelined.
fn staged(fabric: &Fabric, from: DeviceId, to: DeviceId, collective: bool) -> Option<TransferPath> {
    let topology = &fabric.topology;
    let cpu = nearest_cpu(topology, from)?;
    let up = find_route(topology, from, cpu, Through::Host)?;
    let down = find_route(topology, cpu, to, Through::Host)?;
    let mut demands = fabric.route_demands(&up, collective, true);
    demands.add_scaled(&fabric.route_demands(&down, collective, true), 1.0);
    let memory = fabric.cpu(cpu)?.memory;
    let rate = fabric.resource(memory).capacity;
    let staging = topology
        .device(cpu)
        .cpu()
        .and_then(|spec| spec.staging.as_ref());
    let slower = staging.map_or(1.0, |figure| (rate / figure.value.0).max(1.0));
    demands.add(memory, 2.0 * if collective { slower } else { 1.0 });
    Some(TransferPath {
        transport: Transport::Staged,
        demands,
        latency_s: up.latency_s + down.latency_s,
    })
}

/// The path of data between a GPU and the memory of its CPU (`to_gpu` or back).
pub fn host_transfer(fabric: &Fabric, gpu: DeviceId, to_gpu: bool) -> Option<TransferPath> {
    let cpu = nearest_cpu(&fabric.topology, gpu)?;
    let (from, to) = if to_gpu { (cpu, gpu) } else { (gpu, cpu) };
    let route = find_route(&fabric.topology, from, to, Through::Host)?;
    let mut demands = fabric.route_demands(&route, false, true);
    demands.add(fabric.cpu(cpu)?.memory, 1.0);
    Some(TransferPath {
        transport: Transport::Staged,
        demands,
        latency_s: route.latency_s,
    })
}
