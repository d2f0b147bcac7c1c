//! What broken and narrow machines cost, on those that ship.

use crate::close::assert_close;
use crate::machines::shipped;
use narrows::catalog::Catalog;
use narrows::collective::{Algorithm, Communicator, Forced, Operation};
use narrows::fabric::Fabric;
use narrows::spec::{Kind, LibrarySpec, LinkClass};
use narrows::topology::{DeviceId, Topology, cluster};
use narrows::units::BytesPerSecond;

/// Time of a ring all-reduce over all GPUs \[s\].
fn ring_s(topology: Topology, bytes: f64) -> f64 {
    let library = Catalog::shipped()
        .unwrap()
        .get::<LibrarySpec>("nccl-2")
        .unwrap();
    let fabric = Fabric::new(topology);
    let group = fabric.topology.gpus();
    let communicator = Communicator::new(&fabric, &library, group)
        .unwrap()
        .forced(Forced {
            algorithm: Some(Algorithm::Ring),
            ..Forced::default()
        });
    communicator
        .plan(Operation::AllReduce, bytes)
        .unwrap()
        .alone_s
}

/// On every hand-built box of two sockets a link of 1 GB/s between them costs what a ring sends
/// over it: 2(n−1)/n of the size each way.
#[test]
fn crossing_the_sockets_of_a_handbuilt_box_costs_what_the_link_carries() {
    let catalog = Catalog::shipped().unwrap();
    let mut boxes = 0;
    for name in catalog.names(Kind::Topology) {
        let mut topology = shipped(&catalog, name).topology;
        let sockets: Vec<_> = topology
            .wires()
            .filter(|(.., wire)| wire.class == LinkClass::Socket)
            .map(|(id, ..)| id)
            .collect();
        if !name.starts_with("handbuilt-") || topology.cpus().len() != 2 || sockets.len() != 1 {
            continue;
        }
        let n = topology.gpus().len() as f64;
        let whole = ring_s(topology.clone(), 4e9);
        let wire = &mut topology.graph[sockets[0]];
        wire.bandwidth = BytesPerSecond(1e9);
        wire.collective = BytesPerSecond(1e9);
        wire.both_directions = None;
        wire.both_directions_host = None;
        let narrow = ring_s(topology, 4e9);
        let crossing = 2.0 * (n - 1.0) / n * 4.0;
        assert!(
            (0.95..1.15).contains(&(narrow / crossing)),
            "{name}: {narrow} s, {crossing} s"
        );
        assert!(narrow > 2.0 * whole, "{name}: {whole} s → {narrow} s");
        boxes += 1;
    }
    assert!(boxes >= 8, "only {boxes} boxes");
}

/// One NIC of eight less in every machine leaves seven rings: seven eighths of the bandwidth.
#[test]
fn one_nic_of_eight_is_an_eighth_of_the_bandwidth() {
    let catalog = Catalog::shipped().unwrap();
    let whole = cluster(&catalog, "dgx-h100", 3).unwrap();
    for lost in ["nic7", "nic0"] {
        let mut broken = whole.clone();
        broken.graph.retain_edges(|graph, edge| {
            let ends = graph.edge_endpoints(edge).unwrap();
            let mine = |id: DeviceId| graph[id].name.ends_with(lost);
            graph[edge].class != LinkClass::Network || !(mine(ends.0) || mine(ends.1))
        });
        let (before, after) = (ring_s(whole.clone(), 16e9), ring_s(broken, 16e9));
        assert_close(after / before, 8.0 / 7.0, 0.03);
    }
}
