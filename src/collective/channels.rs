//! Rings over a group, found on the graph.
//!
//! Three ways, as NCCL has them: GPU links through switches (one ring that uses every plane at
//! once), GPU links from card to card (as many Hamiltonian rings as the mesh carries), and PCIe
//! (one ring ordered by the tree, so that every host bridge is crossed once in each direction).

use rustc_hash::{FxHashMap, FxHashSet};

use super::grid_ring::grid_ring;
use crate::fabric::{Fabric, PeerRule, TransferPath, Transport, transfer};
use crate::spec::LinkClass;
use crate::topology::{DeviceId, DeviceKind, Through, find_route, nearest_cpu};

/// One ring with its share of the data.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Positions in the group, in ring order.
    pub order: Vec<usize>,
    /// Path from each position of `order` to the next, the last to the first.
    pub paths: Vec<TransferPath>,
    /// Share of the data it carries.
    pub share: f64,
}

/// Steps that the search for Hamiltonian rings may take: enough for 16 cards of any mesh in use,
/// and far below a millisecond's worth.
const SEARCH_BUDGET: u32 = 200_000;

/// Largest group whose rings are searched for: more cards without a switch between them form a
/// grid.
const MOST_SEARCHED: usize = 64;

/// Candidate sets of channels for a group; each set is a complete way to run a ring.
pub(super) fn candidates(
    fabric: &Fabric,
    group: &[DeviceId],
    machines: &[Vec<usize>],
) -> Vec<Vec<Channel>> {
    if machines.len() > 1 {
        let all: Vec<Vec<usize>> = machines.iter().map(|m| (0..m.len()).collect()).collect();
        let one = vec![vec![0]; machines.len()];
        let mut heads = vec![all, nic_heads(fabric, group, machines), one];
        heads.dedup();
        let sets = heads.iter();
        let sets = sets.map(|heads| rails(fabric, group, machines, heads));
        return sets.flatten().collect();
    }
    let mut sets = Vec::new();
    let rings = card_rings(fabric, group);
    if !rings.is_empty() {
        let share = 1.0 / rings.len() as f64;
        let channels = rings
            .into_iter()
            .map(|order| mesh_channel(fabric, group, order, share));
        sets.extend(channels.collect::<Option<Vec<_>>>());
    }
    if group.len() > MOST_SEARCHED && !sets.is_empty() {
        return sets;
    }
    let order = tree_order(fabric, group);
    if forwarded(fabric, group) {
        let both = both_directions(vec![order.clone()], group.len());
        let share = 1.0 / both.len() as f64;
        let channels = both
            .into_iter()
            .map(|order| mesh_channel(fabric, group, order, share));
        sets.extend(channels.collect::<Option<Vec<_>>>());
    }
    sets.extend(path_channel(fabric, group, order).map(|channel| vec![channel]));
    sets
}

/// Whether all cards of a group pass on what is for others: a ring may then go around both ways
/// over links that lie between its members.
fn forwarded(fabric: &Fabric, group: &[DeviceId]) -> bool {
    let graph = &fabric.topology.graph;
    let forwards = |id: &DeviceId| graph.edges(*id).any(|wire| wire.weight().forwards);
    group.iter().all(forwards)
}

/// Places in every machine of ranks that have NICs of their own, equally many in all: where a
/// machine has lost a NIC, the rank that must go a longer way to another's is no head.
fn nic_heads(fabric: &Fabric, group: &[DeviceId], machines: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let topology = &fabric.topology;
    let way = |from: usize, to: usize| {
        let route = find_route(topology, group[from], group[to], Through::Anything);
        let passes = route.map_or_else(Vec::new, |route| route.passes);
        let length = passes.len();
        let node = topology.device(group[from]).node;
        let mine = passes.into_iter().filter(|id| {
            let device = topology.device(*id);
            device.node == node && matches!(device.kind, DeviceKind::Nic)
        });
        (length, mine.collect::<Vec<_>>())
    };
    let heads = |(at, members): (usize, &Vec<usize>)| {
        // To its like in the next machine, which is on its rail.
        let next = &machines[(at + 1) % machines.len()];
        let ranks = members.iter().enumerate();
        let ways = ranks.map(|(place, rank)| (place, way(*rank, next[place % next.len()])));
        let mut ways: Vec<_> = ways.collect();
        ways.sort_by_key(|(place, (length, _))| (*length, *place));
        let mut taken: Vec<DeviceId> = Vec::new();
        let mut heads = Vec::new();
        for (place, (_, nics)) in ways {
            if !nics.iter().any(|nic| taken.contains(nic)) {
                taken.extend(nics);
                heads.push(place);
            }
        }
        heads.sort_unstable();
        heads
    };
    let mut all: Vec<Vec<usize>> = machines.iter().enumerate().map(heads).collect();
    let least = all.iter().map(Vec::len).min().unwrap_or(0);
    for heads in &mut all {
        heads.truncate(least);
    }
    all
}

/// Rings that walk through every machine and change machines on a rail of their own: ring r enters
/// a machine at head r and leaves it at head r−1, and the next machine the other way round, so
/// that both ends of a network hop lie on one rail.
fn rails(
    fabric: &Fabric,
    group: &[DeviceId],
    machines: &[Vec<usize>],
    heads: &[Vec<usize>],
) -> Option<Vec<Channel>> {
    let count = heads.iter().map(Vec::len).max()?;
    let ring = |rail: usize| {
        let mut order = Vec::with_capacity(group.len());
        for (at, (members, heads)) in machines.iter().zip(heads).enumerate() {
            let head = |rail: usize| heads[rail % heads.len()];
            let (first, last) = (head(rail), head(rail + heads.len() - 1));
            let mut walk = members[first..].to_vec();
            walk.extend_from_slice(&members[..first]);
            if first != last {
                let leaves = members[last];
                walk.retain(|rank| *rank != leaves);
                walk.push(leaves);
            }
            if at % 2 == 1 {
                walk.reverse();
            }
            order.extend(walk);
        }
        let channel = path_channel(fabric, group, order)?;
        let share = 1.0 / count as f64;
        Some(Channel { share, ..channel })
    };
    (0..count).map(ring).collect()
}

/// Rings over links from card to card.
fn card_rings(fabric: &Fabric, group: &[DeviceId]) -> Vec<Vec<usize>> {
    let places = group.iter().enumerate().map(|(at, id)| (*id, at));
    let places: FxHashMap<DeviceId, usize> = places.collect();
    let links = fabric.topology.wires().filter_map(|(_, a, b, wire)| {
        let ends = (places.get(&a)?, places.get(&b)?);
        (wire.class == LinkClass::GpuLink).then_some((*ends.0, *ends.1, wire.count))
    });
    let links: Vec<(usize, usize, u32)> = links.collect();
    if group.len() <= MOST_SEARCHED {
        let rings = mesh_rings(&link_units(group.len(), &links));
        if !rings.is_empty() {
            return rings;
        }
    }
    let linked: FxHashSet<(usize, usize)> = links
        .iter()
        .flat_map(|(a, b, _)| [(*a, *b), (*b, *a)])
        .collect();
    let ring = grid_ring(group.len(), |a, b| linked.contains(&(a, b)));
    both_directions(ring.into_iter().collect(), group.len())
}

/// Parallel GPU links from card to card, by position: directed units.
fn link_units(size: usize, links: &[(usize, usize, u32)]) -> Vec<Vec<u32>> {
    let mut units = vec![vec![0; size]; size];
    for (a, b, count) in links {
        units[*a][*b] += count;
        units[*b][*a] += count;
    }
    units
}

/// As many rings as the mesh carries, each taken in both directions.
fn mesh_rings(units: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let n = units.len();
    let degree = |row: &Vec<u32>| row.iter().sum::<u32>();
    let least = units.iter().map(degree).min().unwrap_or(0);
    let most = if n == 2 { least } else { least / 2 };
    let search = |count: u32, directed: bool| {
        let mut search = RingSearch {
            units: units.to_vec(),
            rings: Vec::new(),
            budget: SEARCH_BUDGET,
            directed,
        };
        search.find(count as usize).then_some(search.rings)
    };
    let odd_link_left = n > 2 && least % 2 == 1;
    if odd_link_left && let Some(rings) = search(least, true) {
        return rings;
    }
    let found = (1..=most).rev().find_map(|count| search(count, false));
    found.map_or_else(Vec::new, |rings| both_directions(rings, n))
}

/// Every ring and its reverse; two cards have only one ring.
fn both_directions(rings: Vec<Vec<usize>>, n: usize) -> Vec<Vec<usize>> {
    if n == 2 {
        return rings;
    }
    let reversed = |ring: &Vec<usize>| {
        let rest = ring[1..].iter().rev().copied();
        std::iter::once(ring[0]).chain(rest).collect()
    };
    let backward: Vec<Vec<usize>> = rings.iter().map(reversed).collect();
    rings.into_iter().chain(backward).collect()
}

/// Depth-first search with backtracking for link-disjoint Hamiltonian rings.
struct RingSearch {
    /// Links not used yet (the same both ways: a ring is run in both directions).
    units: Vec<Vec<u32>>,
    rings: Vec<Vec<usize>>,
    budget: u32,
    /// Whether the two directions of a link may belong to different rings.
    directed: bool,
}

impl RingSearch {
    /// Finds `count` more rings.
    fn find(&mut self, count: usize) -> bool {
        count == 0 || self.extend(&mut vec![0], count)
    }

    /// Extends a ring begun at card 0; when it closes, goes on to the next ring.
    fn extend(&mut self, path: &mut Vec<usize>, count: usize) -> bool {
        if self.budget == 0 {
            return false;
        }
        self.budget -= 1;
        let at = path[path.len() - 1];
        if path.len() == self.units.len() {
            if self.units[at][0] == 0 {
                return false;
            }
            self.take(at, 0);
            self.rings.push(path.clone());
            if self.find(count - 1) {
                return true;
            }
            self.rings.pop();
            self.give(at, 0);
            return false;
        }
        for next in self.most_links_first(at) {
            if path.contains(&next) {
                continue;
            }
            self.take(at, next);
            path.push(next);
            if self.extend(path, count) {
                return true;
            }
            path.pop();
            self.give(at, next);
        }
        false
    }

    /// Neighbours by links left, then number.
    fn most_links_first(&self, at: usize) -> Vec<usize> {
        let row = &self.units[at];
        let mut next: Vec<usize> = (0..row.len()).filter(|to| row[*to] > 0).collect();
        next.sort_by_key(|to| (std::cmp::Reverse(row[*to]), *to));
        next
    }

    fn take(&mut self, a: usize, b: usize) {
        self.units[a][b] -= 1;
        if a != b && self.units.len() > 2 && !self.directed {
            self.units[b][a] -= 1;
        }
    }

    fn give(&mut self, a: usize, b: usize) {
        self.units[a][b] += 1;
        if a != b && self.units.len() > 2 && !self.directed {
            self.units[b][a] += 1;
        }
    }
}

/// A ring over card-to-card links.
fn mesh_channel(
    fabric: &Fabric,
    group: &[DeviceId],
    order: Vec<usize>,
    share: f64,
) -> Option<Channel> {
    let channel = path_channel(fabric, group, order)?;
    let all_links = channel
        .paths
        .iter()
        .all(|path| path.transport == Transport::GpuLink);
    all_links.then_some(Channel { share, ..channel })
}

/// A ring in a given order over the best path of each hop.
fn path_channel(fabric: &Fabric, group: &[DeviceId], order: Vec<usize>) -> Option<Channel> {
    let path = |i: usize| {
        let from = group[order[i]];
        let to = group[order[(i + 1) % order.len()]];
        transfer(fabric, from, to, PeerRule::SameSwitch, true)
    };
    let paths = (0..order.len()).map(path).collect::<Option<Vec<_>>>()?;
    Some(Channel {
        order,
        paths,
        share: 1.0,
    })
}

/// Positions ordered by where they hang in the PCIe tree: by socket, then by switch from the root
/// down, then by number.
fn tree_order(fabric: &Fabric, group: &[DeviceId]) -> Vec<usize> {
    let topology = &fabric.topology;
    let place = |id: DeviceId| {
        let cpu = nearest_cpu(topology, id)?;
        let route = find_route(topology, id, cpu, Through::Host)?;
        let from_root = route.passes.into_iter().rev();
        Some(std::iter::once(cpu).chain(from_root).collect::<Vec<_>>())
    };
    let mut order: Vec<usize> = (0..group.len()).collect();
    let places: Vec<_> = group.iter().map(|id| place(*id)).collect();
    order.sort_by(|a, b| places[*a].cmp(&places[*b]).then(a.cmp(b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hybrid cube mesh of the DGX-1 with V100: 8 double and 8 single edges, three rings.
    #[test]
    fn hybrid_cube_mesh_carries_three_rings_both_ways() {
        let double = [
            (0, 3),
            (0, 4),
            (1, 2),
            (1, 5),
            (2, 3),
            (4, 7),
            (5, 6),
            (6, 7),
        ];
        let single = [
            (0, 1),
            (0, 2),
            (1, 3),
            (2, 6),
            (3, 7),
            (4, 5),
            (4, 6),
            (5, 7),
        ];
        let mut units = vec![vec![0; 8]; 8];
        for (edges, count) in [(double, 2), (single, 1)] {
            for (a, b) in edges {
                units[a][b] = count;
                units[b][a] = count;
            }
        }
        assert_eq!(mesh_rings(&units).len(), 6);
    }

    #[test]
    fn a_pair_uses_all_its_links_and_a_lonely_card_has_no_ring() {
        assert_eq!(mesh_rings(&[vec![0, 4], vec![4, 0]]).len(), 4);
        assert!(mesh_rings(&[vec![0, 0], vec![0, 0]]).is_empty());
    }

    #[test]
    fn a_full_mesh_of_eight_carries_seven_rings() {
        let units: Vec<Vec<u32>> = (0..8)
            .map(|a| (0..8).map(|b| u32::from(a != b)).collect())
            .collect();
        assert_eq!(mesh_rings(&units).len(), 7);
    }
}
