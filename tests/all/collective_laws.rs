//! Collectives: closed forms, and both forms against each other.

use crate::close::assert_close;
use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::collective::{Choice, Communicator, Forced, Operation, expand_steps};
use narrows::engine::{Options, Program, Static, run};
use narrows::fabric::{Fabric, ResourceKind, Transport};
use narrows::spec::{Kind, LibrarySpec, Source, parse};
use narrows::topology::cluster;
use proptest::prelude::*;
use std::sync::LazyLock;

const ALPHA_S: f64 = 2e-6;
const BANDWIDTH: f64 = 50e9;

/// A library with one protocol: no base cost, α a hop, the whole link.
fn plain_library() -> LibrarySpec {
    let figure = |value: &str| format!("{{value: {value}, source: test}}");
    let hop = figure("2 us");
    let one = "{base: 0 s, hop: 2 us, share: 1.0, source: test}";
    let timing =
        format!("{{ring-simple: {one}, point-to-point-simple: {one}, pairwise-simple: {one}}}");
    let text = format!(
        "kind: library\nname: plain\nprotocols:\n  simple:\n    base: {}\n    \
         hop: {{gpu_link: {hop}, pcie: {hop}, network: {hop}}}\n    bandwidth_share: {}\n\
         generations:\n  any:\n    architectures: [ampere]\n    ll_limit: {}\n    \
         gpu_link: {timing}\n    pcie: {timing}\n    network: {timing}\n\
         default_generation: any\nchannel_units: {}\nslice: {}\n",
        figure("0 s"),
        figure("1.0"),
        figure("100 GB/s"),
        figure("1"),
        figure("1 MiB"),
    );
    parse(&Source::new("plain.yaml", text)).unwrap_or_else(|e| panic!("{}", e.render()))
}

/// `n` GPUs on one non-blocking switch; a link of `BANDWIDTH` each.
fn switch(n: usize) -> Fabric {
    from_yaml(&format!(
        "kind: topology\nname: switch\ndevices:\n  gpu[0-{}]: a100-sxm-80gb\n  \
         hub: {{switch: {{kind: switch, name: hub, class: gpu-link}}}}\nlinks:\n  \
         - {{from: 'gpu[0-{}]', to: hub, class: gpu-link, bandwidth: 50 GB/s}}\n",
        n - 1,
        n - 1
    ))
}

fn program(fabric: &Fabric) -> Program {
    let mut program = Program::default();
    for resource in &fabric.resources {
        program.add_resource(resource.clone());
    }
    program
}

/// Time of a collective as one activity.
fn as_one(communicator: &Communicator<'_>, operation: Operation, bytes: f64) -> f64 {
    let plan = communicator.plan(operation, bytes).unwrap();
    let mut program = program(communicator.fabric);
    program.add(&plan.activity());
    let time = run(&mut Static(&program), &Options::default())
        .unwrap()
        .makespan;
    assert_close(time, plan.alone_s, 1e-9);
    time
}

/// Time of a collective as single sends.
fn as_sends(communicator: &Communicator<'_>, operation: Operation, bytes: f64) -> f64 {
    let mut program = program(communicator.fabric);
    expand_steps(communicator, operation, bytes, &mut program).unwrap();
    let options = Options {
        record: false,
        ..Options::default()
    };
    run(&mut Static(&program), &options).unwrap().makespan
}

/// Ring on a non-blocking switch: t = steps · (α + S/(n·B)); for all-reduce
/// 2(n−1)/n · S/B + 2(n−1) · α. Both forms.
#[test]
fn rings_on_a_switch_have_their_closed_form() {
    let library = plain_library();
    for n in [2, 3, 4, 8] {
        let fabric = switch(n);
        let communicator = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
        for bytes in [8.0, 1e6, 1e9] {
            let m = n as f64;
            let all_reduce = 2.0 * (m - 1.0) / m * bytes / BANDWIDTH + 2.0 * (m - 1.0) * ALPHA_S;
            let half = (m - 1.0) / m * bytes / BANDWIDTH + (m - 1.0) * ALPHA_S;
            let laws = [
                (Operation::AllReduce, all_reduce),
                (Operation::AllGather, half),
                (Operation::ReduceScatter, half),
                (Operation::SendRecv, bytes / BANDWIDTH + ALPHA_S),
            ];
            for (operation, time) in laws {
                assert_close(as_one(&communicator, operation, bytes), time, 1e-9);
                assert_close(as_sends(&communicator, operation, bytes), time, 1e-9);
            }
        }
    }
}

/// A chain of slices: t = (n−1)·α + S/B + (n−2)·slice/B.
#[test]
fn a_broadcast_chain_fills_and_then_streams() {
    let library = plain_library();
    let fabric = switch(5);
    let communicator = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let slice = 1024.0 * 1024.0;
    let bytes = 64.0 * slice;
    let time = 4.0 * ALPHA_S + bytes / BANDWIDTH + 3.0 * slice / BANDWIDTH;
    assert_close(
        as_one(&communicator, Operation::Broadcast, bytes),
        time,
        1e-9,
    );
    assert_close(
        as_sends(&communicator, Operation::Broadcast, bytes),
        time,
        1e-9,
    );
}

/// On every shipped machine both forms of a ring collective agree within 1 % from 64 MB up.
#[test]
fn both_forms_agree_on_every_shipped_machine() {
    let catalog = Catalog::shipped().unwrap();
    let library = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let mut machines = 0;
    for name in catalog.names(Kind::Topology) {
        let fabric = shipped(&catalog, name);
        let gpus = fabric.topology.gpus();
        if !(2..=16).contains(&gpus.len()) {
            continue;
        }
        let communicator = Communicator::new(&fabric, &library, gpus).unwrap();
        for operation in [
            Operation::AllReduce,
            Operation::AllGather,
            Operation::ReduceScatter,
        ] {
            for bytes in [64e6, 256e6, 1e9] {
                let one = as_one(&communicator, operation, bytes);
                let sends = as_sends(&communicator, operation, bytes);
                assert!(
                    (one / sends - 1.0).abs() < 0.01,
                    "{operation} of {bytes} B on {name}: {one} s as one, {sends} s as sends"
                );
            }
        }
        machines += 1;
    }
    assert!(machines >= 10, "only {machines} machines");
}

#[test]
fn channels_are_those_the_fabric_carries() {
    let catalog = Catalog::shipped().unwrap();
    let library = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let found = |name: &str| {
        let fabric = shipped(&catalog, name);
        let gpus = fabric.topology.gpus();
        let communicator = Communicator::new(&fabric, &library, gpus).unwrap();
        (
            communicator.channels.len(),
            communicator.slowest_transport(),
        )
    };
    assert_eq!(
        found("dgx-1-v100-32gb"),
        (6, Transport::GpuLink),
        "three rings, both ways"
    );
    assert_eq!(
        found("dgx-a100-80gb"),
        (1, Transport::GpuLink),
        "one ring over all planes"
    );
    assert_eq!(
        found("handbuilt-8x-rtx3090"),
        (1, Transport::Staged),
        "no peer-to-peer"
    );
}

/// Ordered by the tree, a PCIe ring crosses the socket link once in each direction.
#[test]
fn a_pcie_ring_crosses_the_sockets_once_each_way() {
    let catalog = Catalog::shipped().unwrap();
    let library = catalog.get::<LibrarySpec>("nccl-2").unwrap();
    let fabric = shipped(&catalog, "handbuilt-8x-a100-80gb-pcie");
    let gpus = fabric.topology.gpus();
    let communicator = Communicator::new(&fabric, &library, gpus).unwrap();
    let socket: Vec<_> = (0..fabric.resources.len() as u32)
        .map(narrows::engine::ResourceId)
        .filter(|id| fabric.kind(*id) == ResourceKind::Socket)
        .collect();
    for direction in &socket[..2] {
        let crossings = communicator.channels[0]
            .paths
            .iter()
            .filter(|path| path.demands.of(*direction) > 0.0);
        assert_eq!(crossings.count(), 1, "{}", fabric.resource(*direction).name);
    }
}

/// A library that goes by its own cost model can be led astray: NCCL's has a pair of A100 leave
/// the LL protocol too early where links are fast. The default does not follow it there.
#[test]
fn a_librarys_own_choice_can_slow_a_collective_on_a_faster_link() {
    let time = |rate: u32, choice: Choice| {
        let fabric = from_yaml(&format!(
            "kind: topology\nname: pair\ndevices:\n  gpu[0-1]: a100-sxm-80gb\nlinks:\n  \
             - {{from: gpu0, to: gpu1, class: gpu-link, bandwidth: {rate} GB/s}}\n"
        ));
        let all = Communicator::new(&fabric, &LIBRARIES[1], fabric.topology.gpus()).unwrap();
        let forced = Forced {
            choice,
            ..Forced::default()
        };
        let plan = all.forced(forced).plan(Operation::AllReduce, 1048576.0);
        plan.unwrap().alone_s
    };
    assert!(time(249, Choice::Library) > 1.3 * time(226, Choice::Library));
    assert!(time(249, Choice::Tuned) < time(226, Choice::Tuned));
}

/// The plain library and a real one.
static LIBRARIES: LazyLock<[LibrarySpec; 2]> = LazyLock::new(|| {
    let nccl = Catalog::shipped().unwrap().get::<LibrarySpec>("nccl-2");
    [plain_library(), LibrarySpec::clone(&nccl.unwrap())]
});

/// The same law on shipped machines and pairs of them, resource by resource.
#[test]
fn more_of_any_resource_never_slows_a_collective_on_shipped_machines() {
    let catalog = Catalog::shipped().unwrap();
    let machines = [
        ("handbuilt-8x-a100-80gb-pcie", 1),
        ("handbuilt-8x-rtx3090", 1),
        ("dgx-1-v100-32gb", 1),
        ("dgx-a100-80gb", 2),
        ("dgx-h100", 2),
        ("mi300x-8x", 1),
    ];
    for (name, copies) in machines {
        let mut fabric = Fabric::new(cluster(&catalog, name, copies).unwrap());
        let times = |fabric: &Fabric| {
            let all = Communicator::new(fabric, &LIBRARIES[1], fabric.topology.gpus()).unwrap();
            let plans = Operation::ALL.iter().flat_map(|operation| {
                let all = &all;
                [1e3, 1e6, 1e9].map(|bytes| all.plan(*operation, bytes).unwrap().alone_s)
            });
            plans.collect::<Vec<f64>>()
        };
        let before = times(&fabric);
        // Every thirteenth: all kinds, and ends of all sorts.
        for index in (0..fabric.resources.len()).step_by(13) {
            let capacity = fabric.resources[index].capacity;
            fabric.resources[index].capacity = 1.7 * capacity;
            let after = times(&fabric);
            fabric.resources[index].capacity = capacity;
            let worst = before
                .iter()
                .zip(&after)
                .map(|(narrow, wide)| wide / narrow);
            let worst = worst.fold(0.0, f64::max);
            let wider = &fabric.resources[index].name;
            assert!(
                worst <= 1.0 + 1e-12,
                "{name} ×{copies}, {wider} wider: ×{worst}"
            );
        }
    }
}

/// A machine as drawn: how its parts hang together, and a width for each of its wires.
#[derive(Debug, Clone)]
struct Drawn {
    gpus: usize,
    /// GPU-link switches; every GPU hangs on each.
    planes: usize,
    /// Pairs of GPUs with a link of their own.
    mesh: Vec<(usize, usize)>,
    /// CPU sockets, each with a PCIe switch; none for a machine of GPU links alone.
    sockets: usize,
    /// Whether the planes are joined to each other.
    trunk: bool,
    /// Width of every wire in order \[GB/s\].
    widths: Vec<u32>,
}

impl Drawn {
    /// Ends and class of every wire.
    fn wires(&self) -> Vec<(String, String, &'static str)> {
        let mut wires = Vec::new();
        for gpu in 0..self.gpus {
            for plane in 0..self.planes {
                // With a trunk a GPU hangs on one plane only, so that routes have two switches.
                if !self.trunk || gpu % self.planes == plane {
                    wires.push((format!("gpu{gpu}"), format!("hub{plane}"), "gpu-link"));
                }
            }
            if self.sockets > 0 {
                let switch = gpu * self.sockets / self.gpus;
                wires.push((format!("gpu{gpu}"), format!("plx{switch}"), "pcie"));
            }
        }
        for plane in (1..self.planes).filter(|_| self.trunk) {
            wires.push(("hub0".into(), format!("hub{plane}"), "gpu-link"));
        }
        for (a, b) in &self.mesh {
            wires.push((format!("gpu{a}"), format!("gpu{b}"), "gpu-link"));
        }
        for socket in 0..self.sockets {
            wires.push((format!("plx{socket}"), format!("cpu{socket}"), "pcie"));
        }
        for socket in 1..self.sockets {
            wires.push(("cpu0".into(), format!("cpu{socket}"), "socket"));
        }
        wires
    }

    fn fabric(&self) -> Fabric {
        let devices = [
            ("gpu", self.gpus, "a100-sxm-80gb"),
            (
                "hub",
                self.planes,
                "{switch: {kind: switch, name: hub, class: gpu-link}}",
            ),
            (
                "plx",
                self.sockets,
                "{switch: {kind: switch, name: plx, class: pcie}}",
            ),
            ("cpu", self.sockets, "epyc-7742"),
        ];
        let mut text = "kind: topology\nname: drawn\ndevices:\n".to_string();
        for (name, count, what) in devices.into_iter().filter(|(_, count, _)| *count > 0) {
            text += &format!("  {name}[0-{}]: {what}\n", count - 1);
        }
        text += "links:\n";
        for ((from, to, class), width) in self.wires().iter().zip(self.widths.iter().cycle()) {
            text += &format!(
                "  - {{from: {from}, to: {to}, class: {class}, bandwidth: {width} GB/s, \
                 latency: 1 us}}\n"
            );
        }
        from_yaml(&text)
    }

    /// The same with one wire wider.
    fn widened(&self, wire: usize, more: u32) -> Self {
        let wires = self.wires().len();
        let mut widths: Vec<u32> = self.widths.iter().copied().cycle().take(wires).collect();
        widths[wire % wires] += more;
        Self {
            widths,
            ..self.clone()
        }
    }
}

prop_compose! {
    fn drawn()(
        gpus in 2usize..7,
        planes in 0usize..4,
        sockets in 0usize..3,
        trunk in any::<bool>(),
        links in prop::collection::vec((0usize..7, 0usize..7), 0..12),
        widths in prop::collection::vec(1u32..60, 40),
    ) -> Drawn {
        let mesh = links.into_iter().map(|(a, b)| (a % gpus, b % gpus)).filter(|(a, b)| a != b);
        let planes = if planes == 0 && sockets == 0 { 1 } else { planes };
        let mesh = mesh.collect();
        Drawn { gpus, planes, mesh, sockets, trunk: trunk && planes > 1, widths }
    }
}

proptest! {
    #![proptest_config(crate::cases(2000))]

    /// More capacity on one link never slows a single collective: over several planes, meshes,
    /// trunks and PCIe trees, whatever the library may choose from.
    #[test]
    fn a_wider_link_never_slows_a_collective(
        machine in drawn(),
        wire in 0usize..64,
        more in 1u32..200,
        log_bytes in 3.0f64..31.0,
        operation in prop::sample::select(Operation::ALL.to_vec()),
    ) {
        let (before, after) = (machine.fabric(), machine.widened(wire, more).fabric());
        let bytes = log_bytes.exp2();
        for library in LIBRARIES.iter() {
            let time = |fabric: &Fabric| {
                let all = Communicator::new(fabric, library, fabric.topology.gpus()).unwrap();
                all.plan(operation, bytes).unwrap().alone_s
            };
            let (narrow, wide) = (time(&before), time(&after));
            prop_assert!(
                wide <= narrow * (1.0 + 1e-12),
                "{operation} of {bytes} B with {}: {narrow} s, then {wide} s",
                library.name
            );
        }
    }
}
