//! What `nvidia-smi topo -m` would call the path between two devices.

use std::fmt;

use super::graph::{DeviceId, DeviceKind, Topology};
use super::route::{Through, find_route};

/// The label of a path, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathKind {
    /// The device itself.
    Itself,
    /// That many bonded GPU links, directly or through switches.
    GpuLinks(u32),
    /// At most one PCIe switch.
    Pix,
    /// Several PCIe switches, no host bridge.
    Pxb,
    /// Through one PCIe host bridge.
    Phb,
    /// Between host bridges of one socket.
    Node,
    /// Between sockets.
    Sys,
    /// Not connected inside the machine.
    None,
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathKind::Itself => f.write_str("X"),
            PathKind::GpuLinks(count) => write!(f, "NV{count}"),
            PathKind::Pix => f.write_str("PIX"),
            PathKind::Pxb => f.write_str("PXB"),
            PathKind::Phb => f.write_str("PHB"),
            PathKind::Node => f.write_str("NODE"),
            PathKind::Sys => f.write_str("SYS"),
            PathKind::None => f.write_str("-"),
        }
    }
}

/// The kind of the best path between two devices.
pub fn path_kind(topology: &Topology, a: DeviceId, b: DeviceId) -> PathKind {
    if a == b {
        return PathKind::Itself;
    }
    if let Some(route) = find_route(topology, a, b, Through::GpuLinks) {
        let first = route.hops.iter().filter(|hop| {
            let ends = topology.graph.edge_endpoints(hop.link);
            ends.is_some_and(|(x, y)| x == a || y == a)
        });
        let links = first.map(|hop| topology.graph[hop.link].count).sum();
        return PathKind::GpuLinks(links);
    }
    match find_route(topology, a, b, Through::Host) {
        Some(route) => host_path(topology, &route.passes),
        None => PathKind::None,
    }
}

/// Classifies a PCIe path by the devices it passes.
fn host_path(topology: &Topology, passes: &[DeviceId]) -> PathKind {
    let (mut cpus, mut bridges, mut switches) = (0, 0, 0);
    for id in passes {
        match topology.device(*id).kind {
            DeviceKind::Cpu(_) => cpus += 1,
            DeviceKind::Switch {
                host_bridge: true, ..
            } => bridges += 1,
            _ => switches += 1,
        }
    }
    match (cpus, bridges, switches) {
        (0, 0, 0 | 1) => PathKind::Pix,
        (0, 0, _) => PathKind::Pxb,
        (0, ..) => PathKind::Phb,
        (1, ..) => PathKind::Node,
        _ => PathKind::Sys,
    }
}

/// Most devices of a path matrix: a larger one nobody can read.
const MAX_MATRIX: usize = 64;

/// The kinds between all GPUs and NICs: their ids, and one row each. It is empty where there are
/// more than 64 of them.
pub fn path_matrix(topology: &Topology) -> (Vec<DeviceId>, Vec<Vec<PathKind>>) {
    let shown = topology
        .devices()
        .filter(|(_, d)| matches!(d.kind, DeviceKind::Gpu(_) | DeviceKind::Nic));
    let mut ids: Vec<DeviceId> = shown.map(|(id, _)| id).collect();
    if ids.len() > MAX_MATRIX {
        ids.clear();
    }
    ids.sort_by_key(|id| topology.device(*id).gpu().is_none());
    let rows = ids
        .iter()
        .map(|a| ids.iter().map(|b| path_kind(topology, *a, *b)).collect())
        .collect();
    (ids, rows)
}
