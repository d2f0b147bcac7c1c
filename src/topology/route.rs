//! Routes: the shortest path by number of wires, ties spread.
//!
//! The tie rule: traffic is spread over *all* shortest paths, at each device in proportion to the
//! parallel links that lead on (a GPU uses all its NVSwitch planes at once, link by link; a packet
//! network hashes over its ports). How fast a link is does not matter, as it does not to such
//! hardware: so more capacity on one wire leaves every route as it was, and can slow nothing.
//! A route can be pinned by naming devices to pass.

use petgraph::visit::EdgeRef;
use std::collections::VecDeque;

use super::graph::{DeviceId, DeviceKind, LinkId, Topology, Wire};
use crate::spec::LinkClass;

/// A wire in one direction and the share of the traffic on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hop {
    /// The wire.
    pub link: LinkId,
    /// Whether it is used from its first end to its second.
    pub forward: bool,
    /// Share of the traffic, in (0, 1\].
    pub share: f64,
}

/// Where traffic between two devices goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Route {
    /// Wires with their shares.
    pub hops: Vec<Hop>,
    /// Devices passed that forward the traffic, in breadth-first order.
    pub passes: Vec<DeviceId>,
    /// Time of the first byte over the slowest of the paths \[s\].
    pub latency_s: f64,
}

/// Which wires and devices a route may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Through {
    /// Wires of GPU links and their switches only.
    GpuLinks,
    /// PCIe wires and switches, not through a CPU.
    PcieSwitches,
    /// PCIe and socket wires, through CPUs too.
    Host,
    /// Everything but other GPUs.
    Anything,
}

impl Through {
    fn wire(self, wire: &Wire) -> bool {
        match self {
            Through::GpuLinks => wire.class == LinkClass::GpuLink,
            Through::PcieSwitches => wire.class == LinkClass::Pcie,
            Through::Host => matches!(wire.class, LinkClass::Pcie | LinkClass::Socket),
            Through::Anything => true,
        }
    }

    fn device(self, kind: &DeviceKind) -> bool {
        match kind {
            DeviceKind::Switch {
                host_bridge: false, ..
            } => true,
            DeviceKind::Cpu(_) | DeviceKind::Switch { .. } => {
                matches!(self, Through::Host | Through::Anything)
            }
            DeviceKind::Nic | DeviceKind::Host => self == Through::Anything,
            DeviceKind::Gpu(_) => false,
        }
    }
}

/// The shortest route between two devices, or none if they are not connected that way.
pub fn find_route(
    topology: &Topology,
    from: DeviceId,
    to: DeviceId,
    through: Through,
) -> Option<Route> {
    let distance = distances(topology, to, through);
    distance[from.index()]?;
    Some(spread(topology, from, to, through, &distance))
}

/// The route that passes `via` in order, shortest between them.
pub fn find_route_via(
    topology: &Topology,
    from: DeviceId,
    to: DeviceId,
    via: &[DeviceId],
    through: Through,
) -> Option<Route> {
    let mut route = Route::default();
    let mut at = from;
    for next in via.iter().chain([&to]) {
        let leg = find_route(topology, at, *next, through)?;
        route.hops.extend(leg.hops);
        route.passes.extend(leg.passes);
        route.latency_s += leg.latency_s;
        if *next != to {
            route.passes.push(*next);
        }
        at = *next;
    }
    Some(route)
}

/// Number of wires from every device to `to`.
fn distances(topology: &Topology, to: DeviceId, through: Through) -> Vec<Option<u32>> {
    let graph = &topology.graph;
    let mut distance = vec![None; graph.node_count()];
    distance[to.index()] = Some(0);
    let mut queue = VecDeque::from([to]);
    while let Some(at) = queue.pop_front() {
        if at != to && !through.device(&graph[at].kind) {
            continue;
        }
        let next = distance[at.index()].map(|d: u32| d + 1);
        for edge in graph.edges(at).filter(|e| through.wire(e.weight())) {
            let other = if edge.source() == at {
                edge.target()
            } else {
                edge.source()
            };
            if distance[other.index()].is_none() {
                distance[other.index()] = next;
                queue.push_back(other);
            }
        }
    }
    distance
}

/// Parallel links that lead from every device to `to` on shortest paths: a wire counts for no
/// more than what leads on behind it, so that a plane of the fabric that is thin at its far end
/// gets little from the start.
fn links_onward(
    topology: &Topology,
    to: DeviceId,
    through: Through,
    distance: &[Option<u32>],
) -> Vec<f64> {
    let graph = &topology.graph;
    let mut nearest_first: Vec<DeviceId> = graph
        .node_indices()
        .filter(|id| distance[id.index()].is_some() && *id != to)
        .collect();
    nearest_first.sort_by_key(|id| distance[id.index()]);
    let mut links = vec![0.0; graph.node_count()];
    links[to.index()] = f64::INFINITY;
    for at in nearest_first {
        let wires = onward(topology, at, to, through, distance);
        links[at.index()] = wires
            .map(|(wire, other)| f64::from(graph[wire].count).min(links[other.index()]))
            .sum();
    }
    links
}

/// The wires that lead from a device one step nearer to `to`, with their far ends.
fn onward<'a>(
    topology: &'a Topology,
    at: DeviceId,
    to: DeviceId,
    through: Through,
    distance: &'a [Option<u32>],
) -> impl Iterator<Item = (LinkId, DeviceId)> + 'a {
    let graph = &topology.graph;
    let nearer = distance[at.index()].and_then(|d| d.checked_sub(1));
    let leads_on = move |other: DeviceId| {
        nearer.is_some()
            && distance[other.index()] == nearer
            && (other == to || through.device(&graph[other].kind))
    };
    let wires = graph.edges(at).filter(move |e| through.wire(e.weight()));
    wires
        .filter(move |e| leads_on(e.target()))
        .map(|e| (e.id(), e.target()))
}

/// Spreads one unit of traffic over all shortest paths.
fn spread(
    topology: &Topology,
    from: DeviceId,
    to: DeviceId,
    through: Through,
    distance: &[Option<u32>],
) -> Route {
    let graph = &topology.graph;
    let links = links_onward(topology, to, through, distance);
    let mut route = Route::default();
    let mut front = vec![(from, 1.0, 0.0)];
    while front.first().is_some_and(|(at, ..)| *at != to) {
        let mut next: Vec<(DeviceId, f64, f64)> = Vec::new();
        for (at, share, latency) in front {
            let mut wires: Vec<_> = onward(topology, at, to, through, distance).collect();
            wires.sort_unstable();
            for (link, other) in wires {
                let wire = &graph[link];
                let part =
                    share * f64::from(wire.count).min(links[other.index()]) / links[at.index()];
                let forward = graph.edge_endpoints(link).is_some_and(|(a, _)| a == at);
                route.hops.push(Hop {
                    link,
                    forward,
                    share: part,
                });
                let reached = latency + wire.latency.0 + switch_latency(topology, other);
                match next.iter_mut().find(|(device, ..)| *device == other) {
                    Some((_, sum, slowest)) => {
                        *sum += part;
                        *slowest = slowest.max(reached);
                    }
                    None => next.push((other, part, reached)),
                }
            }
        }
        if next.first().is_some_and(|(at, ..)| *at != to) {
            route.passes.extend(next.iter().map(|(device, ..)| *device));
        }
        front = next;
    }
    route.latency_s = front.first().map_or(0.0, |(_, _, latency)| *latency);
    route
}

/// Time through a device on the way.
fn switch_latency(topology: &Topology, id: DeviceId) -> f64 {
    match &topology.graph[id].kind {
        DeviceKind::Switch { latency, .. } => latency.0,
        _ => 0.0,
    }
}
