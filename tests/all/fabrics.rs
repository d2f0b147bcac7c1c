//! Tori and dragonflies against closed forms: wires across the middle, rates through it.

use super::cli::{folder, narrows};
use crate::close::assert_close;
use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::collective::{Communicator, Operation};
use narrows::fabric::{Fabric, ResourceKind};
use narrows::spec::{LibrarySpec, Source};
use narrows::topology::{Through, Topology, expand, find_route, mixed};

/// A machine that is nothing but its NIC.
const NODE: &str = "kind: topology\nname: node\ndevices:\n  nic0: {nic: {}}\n";
/// Payload of the links that the tests name \[B/s\].
const NDR: f64 = 49e9;
const HDR: f64 = 24.3e9;

/// Time of a list of flows of 10 GB on copies of the machine \[s\].
fn flows_s(count: usize, fabric: &str, flows: &[(usize, usize)]) -> f64 {
    let cluster = format!(
        "kind: topology\nname: c\nnodes: {{use: node.yaml, count: {count}}}\nfabric: {fabric}\n"
    );
    let mut text = String::from("kind: flows\nname: f\nflows:\n");
    for (from, to) in flows {
        text += &format!("  - {{from: node{from}.nic0, to: node{to}.nic0, bytes: 10 GB}}\n");
    }
    let files = [
        ("node.yaml", NODE),
        ("c.yaml", cluster.as_str()),
        ("f.yaml", text.as_str()),
    ];
    let dir = folder(&files);
    let json = narrows(dir.path(), &["run", "c.yaml", "f.yaml", "--json"]).json();
    json["step_time_s"].as_f64().unwrap()
}

/// Raw rate of the GPU links between two parts of a machine, one direction \[B/s\].
fn across(topology: &Topology, raw: f64, first: impl Fn(usize) -> bool) -> f64 {
    let gpus = topology.gpus();
    let place = |id| gpus.iter().position(|gpu| *gpu == id);
    let cut = topology.wires().filter(
        |(_, a, b, _)| matches!((place(*a), place(*b)), (Some(a), Some(b)) if first(a) != first(b)),
    );
    cut.map(|(.., wire)| raw * f64::from(wire.count)).sum()
}

/// The maker publishes 1.6 and 3.2 TB/s across the middle of a pod of 16 × 16 chips.
#[test]
fn pods_have_the_bisection_that_their_maker_publishes() {
    let catalog = Catalog::shipped().unwrap();
    for (name, raw, published) in [
        ("tpu-v5e-256", 50e9, 1.6e12),
        ("tpu-v6e-256", 100e9, 3.2e12),
    ] {
        let fabric = shipped(&catalog, name);
        let found = across(&fabric.topology, raw, |chip| chip < 128);
        assert_close(found, published, 1e-12);
        let found = across(&fabric.topology, raw, |chip| chip % 16 < 8);
        assert_close(found, published, 1e-12);
    }
}

/// A cube of 4 × 4 × 4: two wires through each of its 16 rows, in every direction.
#[test]
fn a_cube_is_cut_alike_in_every_dimension() {
    let fabric = shipped(&Catalog::shipped().unwrap(), "tpu-v4-cube");
    for stride in [1, 4, 16] {
        let found = across(&fabric.topology, 50e9, |chip| chip / stride % 4 < 2);
        assert_close(found, 32.0 * 50e9, 1e-12);
    }
}

/// The all-reduce of a row of k closed chips runs both ways around it: 2(k−1)/k bytes leave every
/// chip for each of the size, half over each of its two links of the row, and none over others.
#[test]
fn an_all_reduce_over_one_dimension_uses_the_links_of_its_rows_alone() {
    let catalog = Catalog::shipped().unwrap();
    let library = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    for (name, first, stride, k) in [
        ("tpu-v5e-256", 0, 1, 16),
        ("tpu-v5e-256", 5, 16, 16),
        ("tpu-v4-cube", 20, 1, 4),
        ("tpu-v4-cube", 1, 16, 4),
    ] {
        let fabric = shipped(&catalog, name);
        let gpus = fabric.topology.gpus();
        let row = (0..k).map(|at| gpus[first + at * stride]).collect();
        let communicator = Communicator::new(&fabric, &library, row).unwrap();
        let plan = communicator.plan(Operation::AllReduce, 1e9).unwrap();
        let links: Vec<f64> = link_demands(&fabric, plan.demands.as_slice());
        assert_eq!(links.len(), 2 * k, "{name}");
        // What the protocol adds to the payload is the same everywhere.
        let payload = (k as f64 - 1.0) / k as f64;
        let overhead = links[0] / payload;
        assert!((1.0..1.3).contains(&overhead), "{overhead}");
        for found in links {
            assert_close(found, payload * overhead, 1e-12);
        }
    }
}

/// Coefficients of GPU links.
fn link_demands(fabric: &Fabric, demands: &[(narrows::engine::ResourceId, f64)]) -> Vec<f64> {
    let links = demands
        .iter()
        .filter(|(id, _)| fabric.kind(*id) == ResourceKind::GpuLink);
    links.map(|(_, coefficient)| *coefficient).collect()
}

/// Everyone sends to the machine half-way round: the two cuts of the torus carry everything, k/4
/// flows a link and direction.
#[test]
fn a_torus_passes_what_its_middle_does() {
    for (extents, count) in [("[8]", 8_usize), ("[8, 4]", 32), ("[4, 2, 3]", 24)] {
        let k: usize = extents[1..2].parse().unwrap();
        let half = count / 2;
        let flows: Vec<_> = (0..count).map(|i| (i, (i + half) % count)).collect();
        let fabric = format!("{{torus: {extents}, link: ib-ndr, uplink: ib-hdr}}");
        let expected = 10e9 * (k as f64 / 4.0) / HDR;
        assert_close(flows_s(count, &fabric, &flows), expected, 1e-4);
    }
}

/// All of one group send to all of the other: their links share it out evenly.
#[test]
fn a_dragonfly_passes_what_its_global_links_do() {
    for links in [1, 2, 4, 8] {
        let fabric = format!(
            "{{link: ib-ndr, uplink: ib-xdr, dragonfly: {{leaves_per_group: 4, local_links: 8, \
             global_links: {links}, global: ib-hdr}}}}"
        );
        let pairs = (0..4).flat_map(|from| (4..8).map(move |to| (from, to)));
        let flows: Vec<_> = pairs.collect();
        // A NIC sends four flows, the links between the groups sixteen.
        let expected = 10e9 * f64::max(16.0 / (f64::from(links) * HDR), 4.0 / NDR);
        assert_close(flows_s(8, &fabric, &flows), expected, 1e-4);
    }
}

/// Frontier's groups send through 512 ports and leave through 4 links to each of 73 others:
/// published as a blocking factor of 1.753. Every switch has 16 + 31 of its 64 ports in use, and
/// at most 16 more.
#[test]
fn frontier_has_its_published_groups() {
    let catalog = Catalog::shipped().unwrap();
    let text = &catalog.file("frontier").unwrap().source.text;
    assert!(text.contains("count: 9408"));
    let nics_of_group = 32 * 16;
    let fabric = shipped(&catalog, "frontier");
    let topology = &fabric.topology;
    let leaves: Vec<_> = topology
        .devices()
        .filter(|(_, device)| device.name.starts_with("leaf"))
        .map(|(id, _)| id)
        .collect();
    assert_eq!(leaves.len(), 9408 / 4);
    let ports = |leaf: usize| {
        let edges = topology.graph.edges(leaves[leaf]);
        edges.fold((0, 0, 0), |(nics, own, other), edge| {
            use petgraph::visit::EdgeRef;
            match leaves.binary_search(&edge.target()) {
                Err(_) => (nics + 1, own, other),
                Ok(at) if at / 32 == leaf / 32 => (nics, own + 1, other),
                Ok(_) => (nics, own, other + 1),
            }
        })
    };
    let mut global = 0;
    for leaf in 0..32 {
        let (nics, own, other) = ports(leaf);
        assert_eq!((nics, own), (16, 31));
        assert!(other <= 16, "{other}");
        global += other;
    }
    assert_eq!(global, 73 * 4);
    assert_close(f64::from(nics_of_group) / f64::from(global), 1.753, 1e-3);
    // Routes are searched between their ends: over the whole fabric this takes minutes.
    let rccl = catalog.get::<LibrarySpec>("rccl-2").unwrap();
    let group = topology.gpus()[..64].to_vec();
    let all = Communicator::new(&fabric, &rccl, group).unwrap();
    all.plan(Operation::AllReduce, 1e6).unwrap();
}

#[test]
fn machines_of_a_torus_must_be_as_many_as_its_places() {
    let cluster =
        "kind: topology\nname: c\nnodes: {use: dgx-h100, count: 8}\nfabric: {torus: [8]}\n";
    let catalog = Catalog::shipped().unwrap();
    assert!(expand(&catalog, &Source::new("c.yaml", cluster)).is_ok());
    let dir = folder(&[("c.yaml", cluster)]);
    let run = narrows(
        dir.path(),
        &["run", "c.yaml", "llama2-7b-train", "--nodes", "6"],
    );
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("does not hold 6 leaves"),
        "{}",
        run.stderr
    );
}

/// Two leaves of four hosts under four spines, each of which has a quarter of a host's rate.
const LEAF_SPINE: &str = "\
kind: topology
name: m
devices:
  h[0-7]: {host: {}}
  leaf[0-1]: {switch: {kind: switch, name: leaf, class: network}}
  spine[0-3]: {switch: {kind: switch, name: spine, class: network}}
links:
  - {from: 'h[0-7]', to: 'leaf[0-1]', bandwidth: 10 GB/s, latency: 1 us}
  - {from: 'leaf[0-1]', to: 'spine[0-3]', bandwidth: 2.5 GB/s, latency: 1 us, wiring: every}
";

/// A flow spread over all spines runs at its host's rate, a hashed one at that of its spine.
#[test]
fn a_hashed_flow_takes_one_path_of_all() {
    let time_s = |routing: &str| {
        let flow = "flows:\n  - {from: h0, to: h4, bytes: 10 GB}\n";
        let text = format!("kind: flows\nname: f\n{routing}{flow}");
        let dir = folder(&[("m.yaml", LEAF_SPINE), ("f.yaml", text.as_str())]);
        let json = narrows(dir.path(), &["run", "m.yaml", "f.yaml", "--json"]).json();
        json["step_time_s"].as_f64().unwrap()
    };
    assert_close(time_s(""), 1.0 + 4e-6, 1e-9);
    assert_close(time_s("routing: hash\n"), 4.0 + 4e-6, 1e-9);
    assert_close(time_s("routing: hash\nseed: 9\n"), 4.0 + 4e-6, 1e-9);
}

/// Every drawn path is one of the shortest, whole and of the same latency, and keys fall evenly.
#[test]
fn hashed_paths_are_whole_and_fall_evenly() {
    let fabric = from_yaml(LEAF_SPINE);
    let topology = &fabric.topology;
    let [from, to] = ["h1", "h6"].map(|name| topology.find(name).unwrap());
    let spread = find_route(topology, from, to, Through::Anything).unwrap();
    let mut taken = [0_u32; 4];
    let draws = 4000;
    for key in 0..draws {
        let path = spread.hashed(topology, from, mixed(key));
        assert_eq!(path, spread.hashed(topology, from, mixed(key)));
        assert_eq!(path.hops.len(), 4);
        assert!(path.hops.iter().all(|hop| (hop.share - 1.0).abs() < 1e-12));
        assert_close(path.latency_s, spread.latency_s, 1e-12);
        let spines = (0..4).map(|n| topology.find(&format!("spine{n}")).unwrap());
        for (count, spine) in taken.iter_mut().zip(spines) {
            *count += u32::from(path.passes.contains(&spine));
        }
    }
    // Four standard deviations of a fair draw.
    let (mean, deviation) = (draws as f64 / 4.0, (draws as f64 * 3.0 / 16.0).sqrt());
    for count in taken {
        assert!(
            (f64::from(count) - mean).abs() < 4.0 * deviation,
            "{taken:?}"
        );
    }
}

/// Flows that a hash puts on one spine share it; no flow is faster than its spine, and the last
/// ends when the fullest spine has sent all of its flows.
#[test]
fn hashed_flows_collide_and_the_fullest_spine_ends_last() {
    let flows = "kind: flows\nname: f\nrouting: hash\nflows:\n  \
                 - {from: 'h[0-3]', to: 'h[4-7]', bytes: 10 GB}\n";
    let dir = folder(&[("m.yaml", LEAF_SPINE), ("f.yaml", flows)]);
    let run = || narrows(dir.path(), &["run", "m.yaml", "f.yaml", "--json"]).json();
    let json = run();
    let mut found: Vec<f64> = json["flows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| (flow["finish_s"].as_f64().unwrap() - 4e-6) / 4.0)
        .collect();
    assert_eq!(json, run());
    // n flows on one spine end together after n times one flow's time.
    found.sort_by(f64::total_cmp);
    for time in &found {
        let alike = found.iter().filter(|other| (**other - time).abs() < 1e-9);
        let spines = alike.count() as f64 / time;
        assert_close(spines, spines.round(), 1e-9);
    }
}
