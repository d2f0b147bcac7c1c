//! Routes against their definition, looked up by brute force.

use std::collections::{BTreeMap, VecDeque};

use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::topology::{DeviceId, DeviceKind, LinkId, Through, Topology, find_route};

/// Wires from every device to `to`, through everything but GPUs.
fn distances(topology: &Topology, to: DeviceId) -> BTreeMap<DeviceId, u32> {
    let mut distance = BTreeMap::from([(to, 0)]);
    let mut queue = VecDeque::from([to]);
    while let Some(at) = queue.pop_front() {
        if at != to && matches!(topology.device(at).kind, DeviceKind::Gpu(_)) {
            continue;
        }
        for other in topology.graph.neighbors(at) {
            if !distance.contains_key(&other) {
                distance.insert(other, distance[&at] + 1);
                queue.push_back(other);
            }
        }
    }
    distance
}

/// Share of the traffic on every wire: at each device in proportion to the parallel links that
/// lead on, each counting for no more than what leads on behind it.
fn shares(topology: &Topology, from: DeviceId, to: DeviceId) -> Option<BTreeMap<LinkId, f64>> {
    let distance = distances(topology, to);
    let far = *distance.get(&from)?;
    let passes = |id: DeviceId| id == to || !matches!(topology.device(id).kind, DeviceKind::Gpu(_));
    let wires = |at: DeviceId| {
        let all = topology.wires().filter_map(move |(link, a, b, wire)| {
            let other = [(a, b), (b, a)].into_iter().find(|ends| ends.0 == at)?.1;
            Some((link, other, f64::from(wire.count)))
        });
        let nearer = distance[&at].checked_sub(1);
        let all: Vec<_> = all
            .filter(|(_, other, _)| passes(*other) && distance.get(other).copied() == nearer)
            .collect();
        all
    };
    let mut links: BTreeMap<DeviceId, f64> = BTreeMap::from([(to, f64::INFINITY)]);
    let mut nearest_first: Vec<_> = distance.iter().filter(|(_, at)| **at <= far).collect();
    nearest_first.sort_by_key(|(_, distance)| **distance);
    for (at, _) in nearest_first.iter().skip(1) {
        let sum = wires(**at)
            .into_iter()
            .map(|(_, other, count)| count.min(links[&other]));
        links.insert(**at, sum.sum());
    }
    let mut arrives = BTreeMap::from([(from, 1.0)]);
    let mut shares = BTreeMap::new();
    for (at, _) in nearest_first.iter().rev() {
        let Some(all) = arrives.get(*at).copied() else {
            continue;
        };
        for (link, other, count) in wires(**at) {
            let part = all * count.min(links[&other]) / links[*at];
            shares.insert(link, part);
            *arrives.entry(other).or_insert(0.0) += part;
        }
    }
    Some(shares)
}

fn check(topology: &Topology, from: DeviceId, to: DeviceId) {
    let route = find_route(topology, from, to, Through::Anything);
    let expected = shares(topology, from, to);
    let (Some(route), Some(expected)) = (&route, &expected) else {
        assert_eq!(route.is_some(), expected.is_some());
        return;
    };
    assert_eq!(route.hops.len(), expected.len());
    for hop in &route.hops {
        let wanted = expected[&hop.link];
        assert!((hop.share - wanted).abs() < 1e-12, "{hop:?}, not {wanted}");
    }
}

/// On shipped machines, and where several leaves, uneven planes and dead ends are on the way.
#[test]
fn routes_are_all_shortest_ways_spread_by_links() {
    let catalog = Catalog::shipped().unwrap();
    let pod = "kind: topology\nname: t\nnodes: {use: dgx-a100-80gb, count: 4}\n";
    let machines = [
        shipped(&catalog, "dgx-1-v100-32gb"),
        shipped(&catalog, "frontier-node"),
        shipped(&catalog, "gb200-nvl72"),
        from_yaml(&format!(
            "{pod}fabric: {{kind: rail-optimised, link: ib-hdr, nodes_per_leaf: 2}}\n"
        )),
        from_yaml(&format!(
            "{pod}fabric: {{kind: fat-tree, link: ib-hdr, nodes_per_leaf: 1}}\n"
        )),
    ];
    for fabric in &machines {
        let topology = &fabric.topology;
        let all: Vec<DeviceId> = topology.devices().map(|(id, _)| id).collect();
        for (at, from) in all.iter().enumerate().step_by(3) {
            check(topology, *from, *from);
            for to in all.iter().skip(at % 5).step_by(7) {
                check(topology, *from, *to);
            }
        }
    }
}

/// Two islands have no route, whichever end the search begins at.
#[test]
fn islands_have_no_route() {
    let fabric = from_yaml(
        "kind: topology\nname: t\ndevices:\n  a[0-3]: {host: {}}\n  b: {host: {}}\nlinks:\n  \
         - {from: a0, to: 'a[1-3]', class: network, bandwidth: 1 GB/s}\n",
    );
    let find = |name| fabric.topology.find(name).unwrap();
    for (from, to) in [("a1", "b"), ("b", "a1"), ("a0", "b"), ("a1", "a3")] {
        check(&fabric.topology, find(from), find(to));
    }
    assert!(find_route(&fabric.topology, find("b"), find("a2"), Through::Anything).is_none());
}
