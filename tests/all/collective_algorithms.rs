//! Algorithms of collectives: closed forms, and both forms against each other.

use crate::close::assert_close;
use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::collective::{
    Algorithm, CollectivePlan, Communicator, Forced, Operation, Parts, expand_steps, together,
};
use narrows::engine::{Options, Program, Static, run};
use narrows::fabric::Fabric;
use narrows::spec::{Kind, LibrarySpec, Source, parse};
use narrows::topology::{DeviceId, cluster, expand};

pub const BANDWIDTH: f64 = 50e9;
pub const ALPHA_S: f64 = 2e-6;

/// A library with one protocol: no base cost, α a hop, the whole link.
pub fn plain_library() -> LibrarySpec {
    let figure = |value: &str| format!("{{value: {value}, source: test}}");
    let hop = figure("2 us");
    let text = format!(
        "kind: library\nname: plain\nprotocols:\n  simple:\n    base: {}\n    \
         hop: {{gpu_link: {hop}, pcie: {hop}, network: {hop}}}\n    bandwidth_share: {}\n\
         channel_units: {}\nslice: {}\n",
        figure("0 s"),
        figure("1.0"),
        figure("1"),
        figure("1 MiB"),
    );
    parse(&Source::new("plain.yaml", text)).unwrap_or_else(|e| panic!("{}", e.render()))
}

fn program(fabric: &Fabric) -> Program {
    let mut program = Program::default();
    for resource in &fabric.resources {
        program.add_resource(resource.clone());
    }
    program
}

/// Appends a collective as one activity.
fn append(program: &mut Program, on: &Communicator<'_>, operation: Operation, bytes: f64) {
    let plan = on.plan(operation, bytes).unwrap();
    program.add(&plan.activity());
}

fn makespan(program: &Program) -> f64 {
    let options = Options {
        record: false,
        ..Options::default()
    };
    run(&mut Static(program), &options).unwrap().makespan
}

/// Time as one activity and time as single sends \[s\]; none where the algorithm is not defined.
pub fn both_forms(
    communicator: &Communicator<'_>,
    operation: Operation,
    bytes: f64,
) -> Option<(f64, f64)> {
    let plan = communicator.plan(operation, bytes).ok()?;
    let mut one = program(communicator.fabric);
    append(&mut one, communicator, operation, bytes);
    let together = makespan(&one);
    assert_close(together, plan.alone_s, 1e-9);
    let mut sends = program(communicator.fabric);
    expand_steps(communicator, operation, bytes, &mut sends).unwrap();
    Some((together, makespan(&sends)))
}

fn with<'a>(communicator: &Communicator<'a>, algorithm: Algorithm) -> Communicator<'a> {
    communicator.clone().forced(Forced {
        algorithm: Some(algorithm),
        ..Forced::default()
    })
}

/// Everything that is defined on a fabric: how many cases, and those whose forms differ by 2 %.
#[derive(Default)]
struct Held {
    defined: usize,
    apart: Vec<String>,
}

impl Held {
    fn add(&mut self, name: &str, fabric: &Fabric, library: &LibrarySpec, sizes: &[f64]) {
        let all = &Algorithm::ALL;
        self.add_of(name, fabric, usize::MAX, all, library, sizes);
    }

    /// The first so many GPUs and these algorithms only.
    fn add_of(
        &mut self,
        name: &str,
        fabric: &Fabric,
        ranks: usize,
        algorithms: &[Algorithm],
        library: &LibrarySpec,
        sizes: &[f64],
    ) {
        let group: Vec<DeviceId> = fabric.topology.gpus().into_iter().take(ranks).collect();
        let communicator = Communicator::new(fabric, library, group).unwrap();
        for algorithm in algorithms {
            let communicator = with(&communicator, *algorithm);
            let communicator = &communicator;
            for operation in Operation::ALL {
                for bytes in sizes {
                    let Some((one, sends)) = both_forms(communicator, operation, *bytes) else {
                        continue;
                    };
                    self.defined += 1;
                    if (one / sends - 1.0).abs() >= 0.02 {
                        self.apart.push(format!(
                            "{operation} {algorithm} of {bytes} B on {name}: {one} s as one, \
                             {sends} s as sends"
                        ));
                    }
                }
            }
        }
    }

    #[track_caller]
    fn check(self, least: usize) {
        assert!(self.apart.is_empty(), "{:#?}", self.apart);
        assert!(self.defined >= least, "only {} cases", self.defined);
    }
}

#[test]
fn both_forms_of_every_algorithm_agree_on_every_machine() {
    let catalog = Catalog::shipped().unwrap();
    let nccl = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let mut held = Held::default();
    for name in catalog.names(Kind::Topology) {
        let fabric = shipped(&catalog, name);
        if (2..=16).contains(&fabric.topology.gpus().len()) {
            held.add(name, &fabric, &nccl, &[16e6]);
        }
    }
    held.check(700);
}

/// Machines of more than 16 devices that are no cluster.
const RACKS_AND_PODS: [&str; 9] = [
    "gb200-nvl72",
    "gb300-nvl72",
    "dgx-gh200",
    "tpu-v4-cube",
    "tpu-v4-4096",
    "tpu-v5e-256",
    "tpu-v5p-pod",
    "tpu-v6e-256",
    "tpu-v7-pod",
];

/// Racks and pods as one machine: twelve devices with every algorithm, a whole rack with those that
/// are not millions of sends.
#[test]
fn both_forms_of_every_algorithm_agree_in_racks() {
    let catalog = Catalog::shipped().unwrap();
    let nccl = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let few = |algorithm: &Algorithm| *algorithm != Algorithm::Tree;
    let few: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(few).collect();
    let mut held = Held::default();
    for name in RACKS_AND_PODS {
        let fabric = shipped(&catalog, name);
        held.add_of(name, &fabric, 12, &Algorithm::ALL, &nccl, &[16e6]);
    }
    let name = "gb300-nvl72";
    let fabric = shipped(&catalog, name);
    held.add_of(name, &fabric, 72, &few, &nccl, &[16e6]);
    held.check(159);
}

#[test]
fn both_forms_of_every_algorithm_agree_between_machines() {
    let catalog = Catalog::shipped().unwrap();
    let nccl = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let mut held = Held::default();
    for (name, copies) in [("dgx-h100", 2), ("dgx-a100-80gb", 3), ("mi300x-8x", 2)] {
        let fabric = Fabric::new(cluster(&catalog, name, copies).unwrap());
        held.add(name, &fabric, &nccl, &[16e6, 1e9]);
    }
    let sharp = from_yaml(&format!("{}{SHARP}", nodes("dgx-h100", 4)));
    held.add("dgx-h100 with SHARP", &sharp, &nccl, &[16e6, 1e9]);
    held.check(100);
}

/// The head of a topology of copies.
pub fn nodes(machine: &str, count: usize) -> String {
    format!("kind: topology\nname: t\nnodes: {{use: {machine}, count: {count}}}\n")
}

const SHARP: &str = "fabric: {kind: rail-optimised, link: ib-ndr, switch: quantum-2, \
                     nodes_per_leaf: 2}\n";

/// `n` GPUs on one non-blocking switch; a link of `BANDWIDTH` each.
fn switch(n: usize) -> Fabric {
    from_yaml(&format!(
        "kind: topology\nname: switch\ndevices:\n  gpu[0-{0}]: a100-sxm-80gb\n  \
         hub: {{switch: {{kind: switch, name: hub, class: gpu-link}}}}\nlinks:\n  \
         - {{from: 'gpu[0-{0}]', to: hub, class: gpu-link, bandwidth: 50 GB/s}}\n",
        n - 1,
    ))
}

/// Recursive halving–doubling: 2 log2 p α + 2(p−1)/p S/B (Thakur, Rabenseifner, Gropp 2005); two
/// more steps of S for ranks beyond a power of two.
#[test]
fn halving_and_doubling_have_their_closed_form() {
    let library = plain_library();
    for (n, levels, extra) in [
        (2, 1, 0.0),
        (4, 2, 0.0),
        (8, 3, 0.0),
        (16, 4, 0.0),
        (6, 2, 2.0),
    ] {
        let fabric = switch(n);
        let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
        let all = with(&all, Algorithm::HalvingDoubling);
        let power = f64::from(1 << levels);
        let bytes = 1e9;
        let half = (power - 1.0) / power * bytes / BANDWIDTH + f64::from(levels) * ALPHA_S;
        let time = 2.0 * half + extra * (bytes / BANDWIDTH + ALPHA_S);
        let (one, sends) = both_forms(&all, Operation::AllReduce, bytes).unwrap();
        assert_close(one, time, 1e-9);
        assert_close(sends, time, 1e-9);
        if extra == 0.0 {
            for operation in [Operation::AllGather, Operation::ReduceScatter] {
                let (one, sends) = both_forms(&all, operation, bytes).unwrap();
                assert_close(one, half, 1e-9);
                assert_close(sends, half, 1e-9);
            }
        }
    }
}

/// A torus of chips with one link of `BANDWIDTH` between neighbours, row-major.
fn torus(dims: &[usize], wrap: bool) -> Fabric {
    let n: usize = dims.iter().product();
    let mut links = String::new();
    for rank in 0..n {
        let mut stride = n;
        for k in dims {
            stride /= k;
            let at = rank / stride % k;
            let next = if at + 1 < *k {
                rank + stride
            } else if wrap && *k > 2 {
                rank + stride - k * stride
            } else {
                continue;
            };
            links += &format!(
                "  - {{from: gpu{rank}, to: gpu{next}, class: gpu-link, bandwidth: 50 GB/s}}\n"
            );
        }
    }
    from_yaml(&format!(
        "kind: topology\nname: torus\ndevices:\n  cpu0: xeon-8480c\n  \
         gpu[0-{0}]: a100-sxm-80gb\nlinks:\n  \
         - {{from: 'gpu[0-{0}]', to: cpu0, use: pcie5-x16}}\n{links}",
        n - 1
    ))
}

/// Buckets around a closed torus of k^d chips use all 2d links of every chip all the time:
/// 2(p−1)/p · S / (2 d B), and 2 d (k − 1) steps; without wrap-around links d of them.
#[test]
fn a_torus_uses_all_its_links() {
    let library = plain_library();
    for (dims, wrap) in [
        (vec![4], true),
        (vec![4, 4], true),
        (vec![4, 4], false),
        (vec![3, 3, 3], true),
        (vec![2, 2, 2], false),
    ] {
        let fabric = torus(&dims, wrap);
        let group = fabric.topology.gpus();
        let (p, d, k) = (group.len() as f64, dims.len() as f64, dims[0] as f64);
        let all = Communicator::new(&fabric, &library, group).unwrap();
        let all = with(&all, Algorithm::Torus);
        let used = if wrap { 2.0 * d } else { d };
        let bytes = 1e9;
        let half = (p - 1.0) / p * bytes / (used * BANDWIDTH) + d * (k - 1.0) * ALPHA_S;
        for (operation, time) in [
            (Operation::AllReduce, 2.0 * half),
            (Operation::AllGather, half),
            (Operation::ReduceScatter, half),
        ] {
            let (one, sends) = both_forms(&all, operation, bytes).unwrap();
            assert_close(one, time, 1e-6);
            assert_close(sends, time, 1e-6);
        }
    }
}

/// A dimension of twice the length does not halve the rate: parts are cut to fit, and both forms
/// agree. The bound is what a chip with four links can receive.
#[test]
fn an_uneven_torus_comes_near_its_bound() {
    let library = plain_library();
    let fabric = torus(&[4, 8], true);
    let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let all = with(&all, Algorithm::Torus);
    let (one, sends) = both_forms(&all, Operation::AllReduce, 4e9).unwrap();
    assert_close(one, sends, 1e-3);
    let bound = 2.0 * 31.0 / 32.0 * 4e9 / (4.0 * BANDWIDTH);
    assert!(one > bound && one < 1.1 * bound, "{one} s, bound {bound} s");
}

/// Three stages: 2(l−1)/l S/B inside, 2(m−1)/m S/l over every NIC.
#[test]
fn a_hierarchy_adds_up_its_stages() {
    let library = plain_library();
    let catalog = Catalog::shipped().unwrap();
    let fabric = Fabric::new(cluster(&catalog, "dgx-a100-80gb", 4).unwrap());
    let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let time = |algorithm| {
        with(&all, algorithm)
            .plan(Operation::AllReduce, 4e9)
            .unwrap()
    };
    let plan = time(Algorithm::Hierarchical);
    assert_eq!(plan.steps, 2 * 7 + 2 * 3);
    let gather = with(&all, Algorithm::Hierarchical);
    let gather = gather.plan(Operation::AllGather, 4e9).unwrap();
    assert_close(2.0 * gather.alone_s, plan.alone_s, 1e-9);
    let machine = shipped(&catalog, "dgx-a100-80gb");
    let inside = Communicator::new(&machine, &library, machine.topology.gpus()).unwrap();
    let inside = inside.plan(Operation::AllReduce, 4e9).unwrap();
    let rail: Vec<DeviceId> = all.group.iter().copied().step_by(8).collect();
    let between = Communicator::new(&fabric, &library, rail).unwrap();
    let between = between.plan(Operation::AllReduce, 4e9 / 8.0).unwrap();
    let sum = inside.alone_s + between.alone_s;
    assert!(
        (plan.alone_s / sum - 1.0).abs() < 0.01,
        "{} s, {sum} s",
        plan.alone_s
    );
}

/// A sum in the switches costs a NIC 1/heads of the size, whatever the number of machines; a ring
/// costs it 2(n−1)/n of that.
#[test]
fn sharp_halves_what_a_nic_carries_and_needs_a_switch_that_adds() {
    let catalog = Catalog::shipped().unwrap();
    let library = plain_library();
    for count in [2, 4, 6] {
        let fabric = from_yaml(&format!("{}{SHARP}", nodes("dgx-h100", count)));
        let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
        let inside = with(&all, Algorithm::CollNetDirect);
        let plan = inside.plan(Operation::AllReduce, 8e9).unwrap();
        assert_eq!(plan.steps, 4);
        let nic = fabric.topology.find("node0.nic0").unwrap();
        let loads = fabric.of_device(nic).into_iter().filter(|id| {
            let name = &fabric.resource(*id).name;
            name.contains("leaf")
        });
        let loads: Vec<f64> = loads.map(|id| plan.demands.of(id)).collect();
        let overhead = {
            let wires = fabric.topology.wires();
            let wire = wires
                .map(|(.., wire)| wire)
                .find(|wire| wire.model == "ib-ndr")
                .unwrap();
            wire.bandwidth.0 / wire.collective.0
        };
        assert_eq!(loads.len(), 2, "both directions");
        for load in loads {
            assert_close(load, overhead / 8.0, 1e-9);
        }
    }
    let plain = Fabric::new(cluster(&catalog, "dgx-h100", 2).unwrap());
    let all = Communicator::new(&plain, &library, plain.topology.gpus()).unwrap();
    for algorithm in [Algorithm::CollNetDirect, Algorithm::CollNetChain] {
        let without = with(&all, algorithm).plan(Operation::AllReduce, 8e9);
        assert!(without.is_err(), "{algorithm} without a switch that adds");
    }
}

/// Through the rail's GPU nothing crosses the spine: an oversubscribed one slows only the plain
/// form.
#[test]
fn forwarding_keeps_all_to_all_off_the_spine() {
    let library = plain_library();
    let fabric = from_yaml(&format!(
        "{}fabric: {{kind: rail-optimised, link: ib-ndr, oversubscription: 8}}\n",
        nodes("dgx-h100", 4)
    ));
    let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let plan = |algorithm| {
        with(&all, algorithm)
            .plan(Operation::AllToAll, 1e9)
            .unwrap()
    };
    let (plain, relayed) = (plan(Algorithm::Pairwise), plan(Algorithm::PairwisePxn));
    let spine = fabric.topology.find("spine").unwrap();
    let crossing = |plan: &CollectivePlan| {
        let wires = fabric.of_device(spine).into_iter();
        wires.map(|id| plan.demands.of(id)).sum::<f64>()
    };
    assert!(crossing(&plain) > 0.0);
    assert_eq!(crossing(&relayed), 0.0);
    assert!(relayed.alone_s < 0.5 * plain.alone_s);
    let chosen = all.plan(Operation::AllToAll, 1e9).unwrap();
    assert_eq!(chosen.algorithm, "pairwise-pxn");
}

/// An uneven all-to-all takes as long as its busiest port: rank 0 sends 3, 2 and 1 GB; rank 1
/// receives 3 + 4 GB.
#[test]
fn an_uneven_all_to_all_is_as_slow_as_its_busiest_port() {
    let library = plain_library();
    let fabric = switch(4);
    let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let row = |sizes: [f64; 4]| sizes.map(|gigabytes| gigabytes * 1e9).to_vec();
    let sizes = vec![
        row([0.0, 3.0, 2.0, 1.0]),
        row([0.0; 4]),
        row([0.0, 4.0, 0.0, 0.0]),
        row([1.0, 0.0, 0.0, 9.0]),
    ];
    let parts = Parts::new(sizes).unwrap();
    // What a rank keeps counts for its buffer, as in nccl-tests.
    assert_eq!(parts.bytes(), 10e9);
    let uneven = all.clone().uneven(parts.clone()).unwrap();
    let (one, sends) = both_forms(&uneven, Operation::AllToAll, parts.bytes()).unwrap();
    assert_close(one, 7e9 / BANDWIDTH + ALPHA_S, 1e-9);
    assert_close(sends, 7e9 / BANDWIDTH + ALPHA_S, 1e-9);
    let even = Parts::new(vec![vec![1.0; 4]; 4]).unwrap();
    let even = all.clone().uneven(even).unwrap();
    let plan = |on: &Communicator<'_>| on.plan(Operation::AllToAll, 1e9).unwrap().alone_s;
    assert_close(plan(&even), plan(&all), 1e-12);
    assert!(Parts::new(vec![vec![1.0], vec![1.0]]).is_err());
    assert!(Parts::new(vec![vec![1.0, 0.0], vec![0.0, 1.0]]).is_err());
    assert!(Parts::new(vec![vec![0.0, f64::NAN], vec![0.0, 0.0]]).is_err());
    assert!(
        all.uneven(Parts::new(vec![vec![1.0; 2]; 2]).unwrap())
            .is_err()
    );
}

/// Two groups at once take twice the time where one wire binds both, and no longer than one where
/// their binding wires differ.
#[test]
fn groups_that_share_the_binding_wire_take_turns() {
    let library = plain_library();
    let fabric = from_yaml(
        "kind: topology\nname: t\ndevices:\n  gpu[0-7]: a100-sxm-80gb\n  \
         hub[0-1]: {switch: {kind: switch, name: hub, class: gpu-link}}\nlinks:\n  \
         - {from: hub0, to: hub1, class: gpu-link, bandwidth: 20 GB/s}\n  \
         - {from: 'gpu[0-7]', to: 'hub[0-1]', class: gpu-link, bandwidth: 50 GB/s}\n",
    );
    let gpus = fabric.topology.gpus();
    let time = |groups: &[&[usize]]| {
        let plan = |group: &&[usize]| {
            let group = group.iter().map(|rank| gpus[*rank]).collect();
            let communicator = Communicator::new(&fabric, &library, group).unwrap();
            communicator.plan(Operation::AllReduce, 4e9).unwrap()
        };
        let plans: Vec<CollectivePlan> = groups.iter().map(plan).collect();
        together(&fabric, &plans).unwrap()
    };
    // Across the link between the hubs.
    let (one, two) = (
        time(&[&[0, 1, 4, 5]]),
        time(&[&[0, 1, 4, 5], &[2, 3, 6, 7]]),
    );
    let latency = 6.0 * ALPHA_S;
    assert_close(two - latency, 2.0 * (one - latency), 1e-6);
    // Each on a hub of its own.
    let (one, two) = (
        time(&[&[0, 1, 2, 3]]),
        time(&[&[0, 1, 2, 3], &[4, 5, 6, 7]]),
    );
    assert_close(two, one, 1e-9);
}

/// In a rack the switches of all trays add: whatever the number of trays, a GPU sends its buffer
/// once, and its part of the sum once more. Both forms agree there too.
#[test]
fn sums_in_switches_span_the_trays_of_a_rack() {
    let catalog = Catalog::shipped().unwrap();
    let nccl = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    for name in ["gb200-nvl72", "gb300-nvl72"] {
        let fabric = shipped(&catalog, name);
        let gpus = fabric.topology.gpus();
        for ranks in [8, 32, 72] {
            let all = Communicator::new(&fabric, &nccl, gpus[..ranks].to_vec()).unwrap();
            let plan = |algorithm| {
                let all = with(&all, algorithm);
                all.plan(Operation::AllReduce, 4e9).unwrap()
            };
            let (nvls, ring) = (plan(Algorithm::Nvls), plan(Algorithm::Ring));
            assert!(nvls.alone_s < ring.alone_s, "{name}, {ranks} ranks");
            let sent = |plan: &CollectivePlan| -> f64 {
                let wires = fabric.of_device(all.group[0]).into_iter();
                let up = wires.filter(|id| fabric.resource(*id).name.starts_with("gpu0→nvs"));
                up.map(|id| plan.demands.of(id)).sum()
            };
            let n = ranks as f64;
            let share = nccl.generations["blackwell"].gpu_link["nvls-simple"]
                .share
                .0;
            let ratio = (1.0 + 1.0 / n) / share / (2.0 * (n - 1.0) / n);
            assert_close(sent(&nvls) / sent(&ring), ratio, 1e-9);
        }
        let all = Communicator::new(&fabric, &nccl, gpus).unwrap();
        for algorithm in [
            Algorithm::Ring,
            Algorithm::Nvls,
            Algorithm::TwoShot,
            Algorithm::HalvingDoubling,
        ] {
            let rack = with(&all, algorithm);
            let (one, sends) = both_forms(&rack, Operation::AllReduce, 16e6).unwrap();
            assert!(
                (one / sends - 1.0).abs() < 0.02,
                "{algorithm} on {name}: {one} s, {sends} s"
            );
        }
    }
}

/// A fabric can name its switches; only those of a network will do.
#[test]
fn a_fabric_names_a_switch_of_a_network() {
    let bad = |switch: &str| {
        let text = format!("{}fabric: {{switch: {switch}}}\n", nodes("dgx-h100", 2));
        let catalog = Catalog::shipped().unwrap();
        let error = expand(&catalog, &Source::new("t.yaml", text)).unwrap_err();
        error.render()
    };
    assert!(bad("nvswitch-3").contains("is no switch of a network"));
    assert!(bad("quantum2").contains("did you mean `quantum-2`?"));
}

/// In place no rank copies the part of an all-to-all that it keeps.
#[test]
fn in_place_saves_the_copy_of_the_own_part() {
    let catalog = Catalog::shipped().unwrap();
    let nccl = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let fabric = shipped(&catalog, "dgx-a100-80gb");
    let all = Communicator::new(&fabric, &nccl, fabric.topology.gpus()).unwrap();
    let time = |all: &Communicator<'_>| all.plan(Operation::AllToAll, 8e9).unwrap().alone_s;
    let copies = nccl.generations["ampere"].gpu_link["pairwise-simple"].local_copy;
    let saved = time(&all) - time(&all.clone().in_place(true));
    assert_close(saved, 1e9 / copies.unwrap().0, 1e-6);
}

/// What a library takes by itself is the name of an algorithm.
#[test]
fn offers_of_libraries_are_algorithms() {
    let catalog = Catalog::shipped().unwrap();
    for name in catalog.names(Kind::Library) {
        let library = catalog.get::<LibrarySpec>(name).unwrap();
        for key in &library.offers {
            let known = Algorithm::from_key(key).is_some_and(|known| known.key() == key);
            assert!(known, "{name} offers `{key}`");
        }
    }
}
