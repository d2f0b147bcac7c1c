//! Routes: the shortest path by number of wires, ties spread.
//!
//! The tie rule: traffic is spread over *all* shortest paths, at each device in proportion to the
//! parallel links that lead on (a GPU uses all its NVSwitch planes at once, link by link; a packet
//! network hashes over its ports). How fast a link is does not matter, as it does not to such
//! hardware: so more capacity on one wire leaves every route as it was, and can slow nothing.
//! A route can be pinned by naming devices to pass.

use petgraph::visit::EdgeRef;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::hash_map::Entry;

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
    /// Wires of GPU links, their switches and cards that forward only.
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

    /// Whether traffic may pass a device from such a wire to another.
    fn passes(self, kind: &DeviceKind, wire: &Wire) -> bool {
        let forwarded = self == Through::GpuLinks && wire.forwards;
        self.device(kind) || forwarded && matches!(kind, DeviceKind::Gpu(_))
    }
}

/// The shortest route between two devices, or none if they are not connected that way.
pub fn find_route(
    topology: &Topology,
    from: DeviceId,
    to: DeviceId,
    through: Through,
) -> Option<Route> {
    let ground = Ground {
        topology,
        through,
        ends: [from, to],
    };
    Some(Ways::find(ground)?.spread())
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

/// The CPU socket of a device's machine fewest wires away; the first in order of several.
pub fn nearest_cpu(topology: &Topology, device: DeviceId) -> Option<DeviceId> {
    let node = topology.device(device).node;
    let is_near = |id: &DeviceId| {
        let found = topology.device(*id);
        found.cpu().is_some() && found.node == node
    };
    let ground = Ground {
        topology,
        through: Through::Host,
        ends: [device, device],
    };
    let mut search = Search::at(device);
    while !search.front.is_empty() {
        let near = search.front.iter().copied().filter(is_near);
        if let Some(cpu) = near.min() {
            return Some(cpu);
        }
        search.step(&ground);
    }
    None
}

/// Where traffic between two devices may go.
#[derive(Clone, Copy)]
struct Ground<'a> {
    topology: &'a Topology,
    through: Through,
    ends: [DeviceId; 2],
}

impl<'a> Ground<'a> {
    /// The wires of a device that the traffic may use, with their far ends.
    fn wires(self, at: DeviceId) -> impl Iterator<Item = (LinkId, DeviceId)> + 'a {
        let graph = &self.topology.graph;
        let passes = move |id: DeviceId, wire: &Wire| {
            self.ends.contains(&id) || self.through.passes(&graph[id].kind, wire)
        };
        let wires = graph.edges(at).filter(move |edge| {
            let wire = edge.weight();
            self.through.wire(wire) && passes(at, wire) && passes(edge.target(), wire)
        });
        wires.map(|edge| (edge.id(), edge.target()))
    }
}

/// All shortest ways between two devices.
struct Ways<'a> {
    ground: Ground<'a>,
    /// Wires that are left to the end from every device on such a way.
    left: FxHashMap<DeviceId, u32>,
    /// Those devices, the end first.
    nearest_first: Vec<DeviceId>,
}

impl<'a> Ways<'a> {
    /// Searches from both ends at once, so that of a large fabric only what is about as near to
    /// them as they are to each other is looked at.
    fn find(ground: Ground<'a>) -> Option<Self> {
        let [from, to] = ground.ends;
        let (mut near, mut far) = (Search::at(from), Search::at(to));
        let mut meeting: Vec<DeviceId> = if from == to { vec![to] } else { Vec::new() };
        while meeting.is_empty() {
            let near_is_smaller = near.front.len() <= far.front.len();
            let (search, other) = match near_is_smaller {
                true => (&mut near, &far),
                false => (&mut far, &near),
            };
            if search.front.is_empty() {
                return None;
            }
            search.step(&ground);
            let met = search.front.iter().filter(|id| other.seen.contains_key(id));
            meeting = met.copied().collect();
        }
        let depth = near.depth + far.depth;
        let mut ways = Self {
            ground,
            left: FxHashMap::default(),
            nearest_first: Vec::new(),
        };
        let after = far.back(&ground, &meeting);
        ways.add(after.into_iter().rev());
        ways.add(meeting.iter().map(|id| (*id, far.depth)));
        let before = near.back(&ground, &meeting).into_iter();
        ways.add(before.map(|(id, done)| (id, depth - done)));
        Some(ways)
    }

    fn add(&mut self, devices: impl Iterator<Item = (DeviceId, u32)>) {
        for (id, left) in devices {
            self.left.insert(id, left);
            self.nearest_first.push(id);
        }
    }

    /// The wires that lead from a device one step nearer to the end, with their far ends.
    fn onward(&self, at: DeviceId) -> impl Iterator<Item = (LinkId, DeviceId)> + '_ {
        let left = |id: DeviceId| self.left.get(&id).copied();
        let nearer = left(at).and_then(|wires| wires.checked_sub(1));
        let wires = self.ground.wires(at);
        wires.filter(move |(_, other)| nearer.is_some() && left(*other) == nearer)
    }

    /// Parallel links that lead from every device to the end: a wire counts for no more than what
    /// leads on behind it, so that a plane of the fabric that is thin at its far end gets little
    /// from the start.
    fn links_onward(&self) -> FxHashMap<DeviceId, f64> {
        let mut links = FxHashMap::default();
        for at in &self.nearest_first {
            let leads = |(wire, other): (LinkId, DeviceId)| {
                f64::from(self.ground.topology.graph[wire].count).min(links[&other])
            };
            let all = match self.left[at] {
                0 => f64::INFINITY,
                _ => self.onward(*at).map(leads).sum(),
            };
            links.insert(*at, all);
        }
        links
    }

    /// Spreads one unit of traffic over all ways.
    fn spread(&self) -> Route {
        let [from, to] = self.ground.ends;
        let topology = self.ground.topology;
        let graph = &topology.graph;
        let links = self.links_onward();
        let mut route = Route::default();
        let mut front = vec![(from, 1.0, 0.0)];
        while front.first().is_some_and(|(at, ..)| *at != to) {
            let mut next: Vec<(DeviceId, f64, f64)> = Vec::new();
            for (at, share, latency) in front {
                let mut wires: Vec<_> = self.onward(at).collect();
                wires.sort_unstable();
                for (link, other) in wires {
                    let wire = &graph[link];
                    let part = share * f64::from(wire.count).min(links[&other]) / links[&at];
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
}

/// A breadth-first search from one end.
struct Search {
    /// Wires from the start of every device found so far.
    seen: FxHashMap<DeviceId, u32>,
    /// The farthest of them.
    front: Vec<DeviceId>,
    /// How far they are.
    depth: u32,
}

impl Search {
    fn at(start: DeviceId) -> Self {
        Self {
            seen: FxHashMap::from_iter([(start, 0)]),
            front: vec![start],
            depth: 0,
        }
    }

    /// Goes one wire farther.
    fn step(&mut self, ground: &Ground<'_>) {
        self.depth += 1;
        let mut next = Vec::new();
        for at in &self.front {
            for (_, other) in ground.wires(*at) {
                if let Entry::Vacant(unseen) = self.seen.entry(other) {
                    unseen.insert(self.depth);
                    next.push(other);
                }
            }
        }
        self.front = next;
    }

    /// The devices on shortest ways from the start to the farthest found, without those, farthest
    /// first, with the wires from the start to each.
    fn back(&self, ground: &Ground<'_>, farthest: &[DeviceId]) -> Vec<(DeviceId, u32)> {
        let mut all = Vec::new();
        let mut front = farthest.to_vec();
        for depth in (0..self.depth).rev() {
            let mut next = Vec::new();
            let mut taken = FxHashSet::default();
            for at in front {
                for (_, other) in ground.wires(at) {
                    if self.seen.get(&other) == Some(&depth) && taken.insert(other) {
                        next.push(other);
                    }
                }
            }
            all.extend(next.iter().map(|id| (*id, depth)));
            front = next;
        }
        all
    }
}

/// Time through a device on the way.
fn switch_latency(topology: &Topology, id: DeviceId) -> f64 {
    match &topology.graph[id].kind {
        DeviceKind::Switch { latency, .. } => latency.0,
        _ => 0.0,
    }
}
