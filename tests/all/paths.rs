//! Path kinds and transfer paths of known machines.

use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::engine::ResourceId;
use narrows::fabric::{Fabric, PeerRule, ResourceKind, TransferPath, Transport, transfer};
use narrows::topology::{PathKind, path_kind};

fn between(fabric: &Fabric, a: &str, b: &str, rule: PeerRule) -> TransferPath {
    let find = |name| fabric.topology.find(name).unwrap();
    transfer(fabric, find(a), find(b), rule, false).unwrap()
}

/// Demands of one byte on all resources of a kind.
fn on(fabric: &Fabric, path: &TransferPath, kind: ResourceKind) -> f64 {
    let of_kind = path.demands.as_slice().iter();
    of_kind
        .filter(|(id, _)| fabric.kind(*id) == kind)
        .map(|(_, c)| c)
        .sum()
}

/// The matrix that `nvidia-smi topo -m` prints on a DGX-1 with V100 (NVIDIA/go-gpuallocator,
/// common_test.go).
#[test]
fn the_cube_mesh_has_its_published_matrix() {
    let published = [
        "X NV1 NV1 NV2 NV2 SYS SYS SYS",
        "NV1 X NV2 NV1 SYS NV2 SYS SYS",
        "NV1 NV2 X NV2 SYS SYS NV1 SYS",
        "NV2 NV1 NV2 X SYS SYS SYS NV1",
        "NV2 SYS SYS SYS X NV1 NV1 NV2",
        "SYS NV2 SYS SYS NV1 X NV2 NV1",
        "SYS SYS NV1 SYS NV1 NV2 X NV2",
        "SYS SYS SYS NV1 NV2 NV1 NV2 X",
    ];
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "dgx-1-v100-32gb");
    let gpus = fabric.topology.gpus();
    for (a, row) in gpus.iter().zip(published) {
        let kinds = gpus
            .iter()
            .map(|b| path_kind(&fabric.topology, *a, *b).to_string());
        assert_eq!(kinds.collect::<Vec<_>>().join(" "), row);
    }
}

#[test]
fn path_kinds_follow_the_wiring() {
    let catalog = Catalog::shipped().unwrap();
    let kind = |machine: &str, a: &str, b: &str| {
        let fabric = shipped(&catalog, machine);
        let find = |name| fabric.topology.find(name).unwrap();
        path_kind(&fabric.topology, find(a), find(b))
    };
    assert_eq!(
        kind("dgx-a100-80gb", "gpu0", "gpu7"),
        PathKind::GpuLinks(12)
    );
    assert_eq!(kind("dgx-h100", "gpu0", "gpu7"), PathKind::GpuLinks(18));
    assert_eq!(
        kind("handbuilt-8x-a100-80gb-pcie", "gpu0", "gpu1"),
        PathKind::Pix
    );
    assert_eq!(
        kind("handbuilt-8x-a100-80gb-pcie", "gpu0", "gpu2"),
        PathKind::Node
    );
    assert_eq!(
        kind("handbuilt-8x-a100-80gb-pcie", "gpu0", "gpu7"),
        PathKind::Sys
    );
}

/// A bridge of a CPU makes PHB, a second switch PXB.
#[test]
fn host_bridges_and_cascaded_switches_have_their_labels() {
    let bridge = "{switch: {kind: switch, name: root, class: pcie, host_bridge: true}}";
    let fabric = from_yaml(&format!(
        "kind: topology\nname: t\ndevices:\n  cpu0: epyc-7742\n  root0: {bridge}\n  \
         plx[0-1]: pcie-switch-gen4\n  gpu[0-3]: a100-pcie-80gb\nlinks:\n  \
         - {{from: root0, to: cpu0, use: pcie4-x16}}\n  \
         - {{from: plx0, to: root0, use: pcie4-x16}}\n  \
         - {{from: plx1, to: plx0, use: pcie4-x16}}\n  \
         - {{from: gpu0, to: plx0, use: pcie4-x16}}\n  \
         - {{from: 'gpu[1-2]', to: plx1, use: pcie4-x16}}\n  \
         - {{from: gpu3, to: root0, use: pcie4-x16}}\n"
    ));
    let kind = |a: &str, b: &str| {
        let find = |name| fabric.topology.find(name).unwrap();
        path_kind(&fabric.topology, find(a), find(b)).to_string()
    };
    assert_eq!(kind("gpu1", "gpu2"), "PIX");
    assert_eq!(kind("gpu0", "gpu1"), "PXB");
    assert_eq!(kind("gpu0", "gpu3"), "PHB");
}

/// Without peer-to-peer each byte is written to host memory and read from there; across sockets
/// it also crosses the link between them.
#[test]
fn a_staged_copy_passes_host_memory_twice() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "handbuilt-8x-rtx4090");
    let near = between(&fabric, "gpu0", "gpu1", PeerRule::ThroughHost);
    assert_eq!(near.transport, Transport::Staged);
    assert_eq!(on(&fabric, &near, ResourceKind::CpuMemory), 2.0);
    assert_eq!(on(&fabric, &near, ResourceKind::Socket), 0.0);
    let far = between(&fabric, "gpu0", "gpu7", PeerRule::ThroughHost);
    assert!(on(&fabric, &far, ResourceKind::Socket) >= 1.0);
    let cpu = fabric.topology.find("cpu0").unwrap();
    assert_eq!(
        far.demands.of(fabric.cpu(cpu).unwrap().memory),
        2.0,
        "the sender's memory"
    );
}

/// Peer to peer a byte crosses each wire once and touches no host memory; a collective library
/// does so only below the same switch.
#[test]
fn peer_to_peer_stays_off_host_memory() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "handbuilt-8x-a100-80gb-pcie");
    let near = between(&fabric, "gpu0", "gpu1", PeerRule::SameSwitch);
    assert_eq!(near.transport, Transport::Peer);
    assert_eq!(on(&fabric, &near, ResourceKind::Pcie), 2.0);
    let far = between(&fabric, "gpu0", "gpu2", PeerRule::ThroughHost);
    assert_eq!(far.transport, Transport::Peer);
    assert_eq!(on(&fabric, &far, ResourceKind::CpuMemory), 0.0);
    let library = between(&fabric, "gpu0", "gpu2", PeerRule::SameSwitch);
    assert_eq!(library.transport, Transport::Staged);
}

/// Traffic between two cards uses all planes of NVSwitches in proportion to their links.
#[test]
fn traffic_is_spread_over_all_planes() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "dgx-h100");
    let path = between(&fabric, "gpu0", "gpu5", PeerRule::ThroughHost);
    let mut leaving: Vec<f64> = path
        .demands
        .as_slice()
        .iter()
        .filter(|(id, _): &&(ResourceId, f64)| fabric.resource(*id).name.starts_with("gpu0→"))
        .map(|(_, share)| (share * 18.0).round())
        .collect();
    leaving.sort_by(f64::total_cmp);
    assert_eq!(
        leaving,
        [4.0, 4.0, 5.0, 5.0],
        "links per GPU to each switch"
    );
}
