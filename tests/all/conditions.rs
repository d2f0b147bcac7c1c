//! What is slow, has failed or jitters: exact with and without folding, and what it does.

use std::sync::Arc;

use crate::close::assert_close;
use crate::machines::from_yaml;
use narrows::analysis::{simulate, step_time};
use narrows::catalog::{Catalog, load};
use narrows::engine::fold;
use narrows::fabric::Fabric;
use narrows::plan::{Loaded, Plan, Wanted, load_workload, machine, plan};
use narrows::spec::{Diagnostic, Kind, Source, parse};
use narrows::topology::{Changes, expand, expand_with};
use proptest::prelude::*;

fn texts(conditions: &[&str]) -> Vec<Arc<Source>> {
    let source = |text: &&str| Source::new("condition", format!("{{{text}}}"));
    conditions.iter().map(source).collect()
}

/// A shipped machine, or so many copies of it, under conditions; never a sample.
fn under(catalog: &Catalog, name: &str, nodes: u32, conditions: &[&str]) -> Fabric {
    let source = match nodes {
        1 => load(catalog, name, &[Kind::Topology], "topology").unwrap(),
        _ => Source::new(
            "cluster.yaml",
            format!("kind: topology\nname: c\nnodes: {{use: {name}, count: {nodes}}}\n"),
        ),
    };
    let changes = Changes {
        sample: None,
        conditions: texts(conditions),
    };
    let topology = expand_with(catalog, &source, &changes);
    Fabric::new(topology.unwrap_or_else(|e| panic!("{}", e.render())))
}

fn job(text: &str) -> Loaded {
    let source = Source::new("job.yaml", text.to_string());
    let spec = parse(&source).unwrap_or_else(|e: Diagnostic| panic!("{}", e.render()));
    Loaded::Training(source, Box::new(spec))
}

fn step_s(plan: &Plan) -> f64 {
    let times = plan.phases.iter().map(|phase| {
        let trace = simulate(phase, None, false).unwrap();
        phase.repeat * trace.makespan
    });
    times.sum()
}

/// Every activity of a plan starts and ends when it does without folding. Gives the number of
/// classes and of activities.
fn folds_exactly(mut folded: Plan) -> (usize, usize) {
    let mut counts = (0, 0);
    for phase in &mut folded.phases {
        phase.folded = phase.folded.take().or_else(|| fold(&phase.program));
        counts.0 += phase
            .folded
            .as_ref()
            .map_or(phase.program.len(), |f| f.classes());
        counts.1 += phase.program.len();
        let with = simulate(phase, None, true).unwrap();
        narrows::analysis::check(phase, &with).unwrap();
        phase.folded = None;
        let without = simulate(phase, None, true).unwrap();
        assert_close(with.makespan, without.makespan, 1e-9);
        let room = 1e-9 * without.makespan;
        for (a, b) in [(&with.start, &without.start), (&with.end, &without.end)] {
            let apart = a
                .iter()
                .zip(b)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            assert!(apart <= room, "{apart} s apart in {} s", without.makespan);
        }
    }
    counts
}

/// A straggler, a slow link, a dead rail or plane, by the name of the first machine's devices.
fn troubles(node: &str, link: [&str; 2], dead: &str) -> Vec<Vec<String>> {
    let straggler = format!("slow: {node}gpu1, compute: 0.7, memory: 0.9");
    let slow = format!(
        "slow: {node}{}, to: {node}{}, bandwidth: 0.4",
        link[0], link[1]
    );
    let failed = format!("failed: {node}{dead}");
    let all = vec![straggler.clone(), slow.clone(), failed.clone()];
    vec![vec![], vec![straggler], vec![slow], vec![failed], all]
}

fn check_all(machine: &str, nodes: u32, workload: &str, link: [&str; 2], dead: &str) {
    let catalog = Catalog::shipped().unwrap();
    let loaded = load_workload(&catalog, workload).unwrap();
    let node = if nodes == 1 { "" } else { "node0." };
    for conditions in troubles(node, link, dead) {
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let fabric = under(&catalog, machine, nodes, &conditions);
        let planned = plan(&catalog, &fabric, &loaded);
        let planned = planned.unwrap_or_else(|e| panic!("{conditions:?}: {}", e.render()));
        let (classes, all) = folds_exactly(planned);
        let few = all < 256 || classes * 2 <= all;
        assert!(
            few,
            "{machine} {workload} {conditions:?}: {classes} classes of {all}"
        );
    }
}

#[test]
fn workloads_fold_exactly_on_one_machine() {
    let rtx = "handbuilt-8x-rtx4090";
    check_all(rtx, 1, "gpt-125m-train", ["gpu2", "cpu0"], "gpu7");
    check_all(rtx, 1, "llama3-8b-infer", ["gpu2", "cpu0"], "gpu7");
    for workload in [
        "gpt-1.3b-train",
        "llama2-7b-train",
        "llama2-70b-infer",
        "flows-two-into-one",
    ] {
        let bridged = "handbuilt-8x-a100-80gb-pcie-bridged";
        check_all(bridged, 1, workload, ["gpu2", "cpu0"], "gpu4, to: gpu5");
        check_all("dgx-h100", 1, workload, ["gpu2", "nvs1"], "nvs0");
    }
}

#[test]
fn workloads_fold_exactly_on_clusters() {
    for (machine, nodes, workload) in [
        ("dgx-a100-80gb", 2, "llama2-70b-infer"),
        ("dgx-h100", 4, "llama2-7b-train"),
        ("dgx-a100-80gb", 8, "llama3-8b-infer"),
        ("dgx-h100", 32, "gpt-125m-train"),
    ] {
        check_all(machine, nodes, workload, ["gpu2", "nvs1"], "nic0");
    }
}

/// The largest shipped workload on the fewest GPUs that it fits, in all troubles at once.
#[test]
fn the_largest_workload_folds_exactly() {
    let catalog = Catalog::shipped().unwrap();
    let loaded = load_workload(&catalog, "llama3-405b-train").unwrap();
    let conditions = [
        "slow: node5.gpu1, compute: 0.7",
        "slow: node9.gpu2, to: node9.nvs1, bandwidth: 0.4",
        "failed: node3.nic0",
    ];
    let fabric = under(&catalog, "dgx-h100", 16, &conditions);
    let (classes, all) = folds_exactly(plan(&catalog, &fabric, &loaded).unwrap());
    assert!(classes * 2 < all, "{classes} classes of {all}");
}

/// Two layers of a small network.
fn small_job(parallel: &str, zero: u8) -> Loaded {
    job(&format!(
        "kind: training
name: small
model: {{kind: model, name: m, source: test, layers: 2, hidden: 1024, heads: 16, kv_heads: 16,
  ffn: 4096, vocabulary: 512, max_sequence: 512, activation: gelu, norm: layernorm,
  position: rope, tied_embeddings: true}}
precision: fp16
sequence: 512
micro_batch: 1
accumulate: 2
zero: {zero}
bucket: 4 MiB
parallel: {{{parallel}}}
framework: megatron-core
"
    ))
}

/// A condition in terms of numbers: what, which device or link, how much.
type Drawn = (u8, u16, u8);

fn condition(fabric: &Fabric, (what, which, amount): Drawn) -> String {
    let topology = &fabric.topology;
    let name = |id| topology.device(id).name.clone();
    let gpus = topology.gpus();
    let gpu = name(gpus[usize::from(which) % gpus.len()]);
    let wires: Vec<_> = topology.wires().collect();
    let (_, a, b, _) = wires[usize::from(which) % wires.len()];
    let (a, b) = (name(a), name(b));
    let share = f64::from(amount) / 256.0 * 0.9 + 0.1;
    match what {
        0 => format!("slow: {gpu}, compute: {share}"),
        1 => format!("slow: {gpu}, memory: {share}, bandwidth: {share}"),
        2 => format!("slow: {a}, to: {b}, bandwidth: {share}"),
        3 => format!("failed: {a}, to: {b}"),
        4 => format!("jitter: {gpu}, compute: 0.05, seed: {amount}"),
        _ => format!("jitter: {gpu}, memory: 0.2, distribution: lognormal"),
    }
}

proptest! {
    #![proptest_config(crate::cases(40))]

    /// Whatever is slow, has failed or jitters.
    #[test]
    fn folding_is_exact_under_any_conditions(
        machine in 0usize..6,
        parallel in 0usize..5,
        drawn in prop::collection::vec((0u8..6, any::<u16>(), any::<u8>()), 0..4),
    ) {
        let catalog = Catalog::shipped().unwrap();
        let (name, nodes) = [
            ("handbuilt-8x-rtx4090", 1),
            ("handbuilt-8x-a100-80gb-pcie-bridged", 1),
            ("dgx-1-v100-32gb", 1),
            ("dgx-h100", 1),
            ("dgx-a100-80gb", 2),
            ("aws-p4de", 3),
        ][machine];
        let (degrees, zero) = [
            ("tensor: 1", 0),
            ("tensor: 1", 3),
            ("tensor: 8, sequence_parallel: true", 1),
            ("tensor: 2, pipeline: 2", 1),
            ("tensor: 1, pipeline: 2, schedule: gpipe", 0),
        ][parallel];
        let plain = under(&catalog, name, nodes, &[]);
        let drawn: Vec<String> = drawn.iter().map(|drawn| condition(&plain, *drawn)).collect();
        let drawn: Vec<&str> = drawn.iter().map(String::as_str).collect();
        let fabric = under(&catalog, name, nodes, &drawn);
        match plan(&catalog, &fabric, &small_job(degrees, zero)) {
            Ok(planned) => {
                folds_exactly(planned);
            }
            // What has failed may have cut a group in two.
            Err(diagnostic) => {
                let message = diagnostic.to_string();
                prop_assert!(message.starts_with("no path leads"), "{message}");
            }
        }
    }
}

/// Time of a job on a cluster, sampled or whole, and how many ranks ran.
fn cluster_s(
    catalog: &Catalog,
    text: &str,
    conditions: &[&str],
    job: &Loaded,
    fold: bool,
) -> (f64, usize) {
    let source = Source::new("cluster.yaml", text);
    let wanted = Wanted {
        nodes: None,
        conditions: texts(conditions),
        fold,
    };
    let fabric = machine(catalog, &source, &wanted, job);
    let fabric = fabric.unwrap_or_else(|e| panic!("{}", e.render()));
    assert!(fold || fabric.sample.is_none());
    let planned = plan(catalog, &fabric, job).unwrap();
    (step_s(&planned), planned.ranks.len())
}

fn superpod(machine: &str, count: u32, per_leaf: u32) -> String {
    format!(
        "kind: topology\nname: c\nnodes: {{use: {machine}, count: {count}}}\n\
         fabric: {{nodes_per_leaf: {per_leaf}}}\n"
    )
}

/// The sample's step is the whole's, and it runs so many ranks.
fn samples_exactly(catalog: &Catalog, text: &str, conditions: &[&str], job: &Loaded, ran: usize) {
    let (sampled, ranks) = cluster_s(catalog, text, conditions, job, true);
    let (whole, _) = cluster_s(catalog, text, conditions, job, false);
    assert_eq!(ranks, ran, "{conditions:?}");
    assert_close(sampled, whole, 1e-9);
}

#[test]
fn a_sample_holds_what_conditions_touch() {
    let catalog = Catalog::shipped().unwrap();
    let job = small_job("tensor: 8, pipeline: 2, sequence_parallel: true", 1);
    let cluster = superpod("dgx-h100", 16, 4);
    let straggler = "slow: node11.gpu5, compute: 0.7";
    for (conditions, ran) in [
        // One rank of each of 2 stages.
        (&[][..], 2),
        // Of two replicas, the slow one's place and one for the others.
        (&[straggler][..], 8),
        (&["slow: node2.nic1, bandwidth: 0.5"][..], 8),
        // Traffic is spread link by link, however fast they are: its neighbours notice nothing.
        (&["slow: node6.gpu0, to: node6.nvs0, bandwidth: 0.5"][..], 8),
        (&["slow: node1.cpu0, compute: 0.25"][..], 8),
        // Gone, both neighbours use the other switches: one to receive, one to send.
        (&["failed: node6.gpu0, to: node6.nvs0"][..], 12),
        // Three replicas, three places.
        (&[straggler, "slow: node4.gpu1, memory: 0.5"][..], 18),
        // Two replicas, every place.
        (
            &["jitter: \"node1.gpu[0-7]\", compute: 0.05, seed: 1"][..],
            32,
        ),
        // Traffic goes around through others: the whole.
        (&["failed: node5.nic3"][..], 128),
        (&["slow: spine, to: leaf3, bandwidth: 0.5"][..], 128),
    ] {
        samples_exactly(&catalog, &cluster, conditions, &job, ran);
    }
}

/// Where one rank of a machine cannot stand for the others, all of them run.
#[test]
fn a_sample_does_not_assume_that_a_machine_is_symmetric() {
    let mut catalog = Catalog::shipped().unwrap();
    let uneven = "kind: topology\nname: uneven\nuse: dgx-h100\nconditions:\n  \
                  - {slow: gpu6, compute: 0.6}\n  - {failed: nic2}\n";
    let folder = crate::cli::folder(&[("uneven.yaml", uneven)]);
    catalog.add_folder(folder.path()).unwrap();
    let job = small_job("tensor: 8, pipeline: 2, sequence_parallel: true", 1);
    // Two GPUs to a switch and two NICs: either NIC carries both.
    samples_exactly(&catalog, &superpod("dgx-a100-80gb", 16, 16), &[], &job, 32);
    let (sampled, ranks) = cluster_s(&catalog, &superpod("uneven", 16, 16), &[], &job, true);
    let (whole, _) = cluster_s(&catalog, &superpod("uneven", 16, 16), &[], &job, false);
    assert!((4..=32).contains(&ranks), "{ranks}");
    assert_close(sampled, whole, 1e-9);
}

/// Replicas whose way from stage to stage crosses leaves or not by their number are no copies.
#[test]
fn a_sample_does_not_assume_that_leaves_fit() {
    let catalog = Catalog::shipped().unwrap();
    let job = small_job("tensor: 8, pipeline: 2, sequence_parallel: true", 1);
    for (per_leaf, ran) in [(2, 2), (4, 2), (8, 2), (16, 2), (3, 64)] {
        samples_exactly(&catalog, &superpod("dgx-h100", 8, per_leaf), &[], &job, ran);
    }
}

/// Two GPUs and a switch between them.
const PAIR: &str = "kind: topology
name: pair
devices:
  cpu0: epyc-7742
  plx0: pcie-switch-gen4
  gpu[0-1]: a100-pcie-80gb
links:
  - {from: plx0, to: cpu0, use: pcie4-x16}
  - {from: \"gpu[0-1]\", to: plx0, use: pcie4-x16}
";

fn copy_s(machine: &str) -> f64 {
    let text = "kind: flows\nname: f\nflows:\n  - {from: gpu0, to: gpu1, bytes: 10 GB}\n";
    let source = Source::new("flows.yaml", text);
    let flows = Loaded::Flows(source.clone(), parse(&source).unwrap());
    let catalog = Catalog::shipped().unwrap();
    step_s(&plan(&catalog, &from_yaml(machine), &flows).unwrap())
}

#[test]
fn a_link_at_half_rate_takes_twice_as_long() {
    let plain = copy_s(PAIR);
    let slow = |line: &str| copy_s(&format!("{PAIR}conditions:\n  - {line}\n"));
    let half = slow("{slow: gpu1, to: plx0, bandwidth: 0.5}");
    assert_close(half / plain, 2.0, 1e-4);
    assert_close(slow("{slow: gpu1, bandwidth: 0.5}"), half, 1e-12);
    let rate = format!("{PAIR}conditions: [{{slow: gpu1, to: plx0, bandwidth: 5 GB/s}}]\n");
    assert_close(copy_s(&rate), 2.0, 1e-4);
    // Twice half is a quarter.
    let twice = "{slow: gpu1, bandwidth: 0.5}\n  - {slow: plx0, to: gpu1, bandwidth: 0.5}";
    assert_close(slow(twice) / plain, 4.0, 1e-4);
}

/// What has failed is gone, and so is the way over it.
#[test]
fn traffic_goes_around_what_has_failed() {
    let around = PAIR.replace("plx0:", "plx[0-1]:")
        + "  - {from: plx1, to: cpu0, use: pcie4-x16}\n"
        + "  - {from: \"gpu[0-1]\", to: plx1, use: pcie4-x16}\n";
    let both = copy_s(&around);
    let failed = copy_s(&format!("{around}conditions: [{{failed: plx1}}]\n"));
    assert_close(failed / both, 2.0, 1e-4);
    assert_close(failed, copy_s(PAIR), 1e-4);
    let fabric = from_yaml(&format!("{around}conditions: [{{failed: gpu0}}]\n"));
    assert_eq!(fabric.topology.gpus().len(), 1);
}

/// Kernels that computing binds take as much longer as the GPU computes slower.
#[test]
fn a_straggler_computes_slower() {
    let catalog = Catalog::shipped().unwrap();
    let job = small_job("tensor: 1, data: 1", 0);
    let time = |conditions: &[&str]| {
        let fabric = under(&catalog, "dgx-a100-80gb", 1, conditions);
        let planned = plan(&catalog, &fabric, &job).unwrap();
        step_time(&planned, None).unwrap()
    };
    let plain = time(&[]);
    assert!(time(&["slow: gpu0, compute: 0.5"]) > 1.05 * plain);
    assert!(time(&["slow: gpu0, memory: 0.5"]) > 1.05 * plain);
    assert_close(time(&["slow: gpu1, compute: 0.5"]), plain, 1e-12);
}

#[test]
fn jitter_depends_on_its_seed_alone() {
    let catalog = Catalog::shipped().unwrap();
    let clocks = |conditions: &[&str]| -> Vec<f64> {
        let fabric = under(&catalog, "dgx-a100-80gb", 2, conditions);
        let topology = &fabric.topology;
        let gpus = topology.gpus();
        gpus.iter()
            .map(|id| topology.device(*id).gpu().unwrap().compute.clock.value.0)
            .collect()
    };
    let plain = clocks(&[]);
    let drawn = clocks(&["jitter: \"node[0-1].gpu[0-7]\", compute: 0.05, seed: 1"]);
    assert_eq!(
        drawn,
        clocks(&["jitter: \"node[0-1].gpu[7,6,0-5]\", compute: 0.05, seed: 1"])
    );
    assert_ne!(
        drawn,
        clocks(&["jitter: \"node[0-1].gpu[0-7]\", compute: 0.05, seed: 2"])
    );
    assert!(
        drawn
            .iter()
            .zip(&plain)
            .all(|(a, b)| a != b && (a / b - 1.0).abs() < 0.25)
    );
}

/// What `topo show --resolved` prints is the same machine.
#[test]
fn resolved_conditions_read_back() {
    let catalog = Catalog::shipped().unwrap();
    let text = format!(
        "{PAIR}  - {{from: gpu0, to: gpu1, bandwidth: 7 GB/s, class: gpu-link}}
conditions:
  - {{slow: gpu0, to: gpu1, bandwidth: 0.5}}
  - {{slow: \"gpu[0-1]\", to: \"plx0\", bandwidth: 0.25}}
  - {{jitter: \"gpu[0-1]\", compute: 0.1, memory: 0.05, seed: 3}}
  - {{failed: cpu0, to: plx0}}
"
    );
    let once = from_yaml(&text);
    let again = narrows::topology::resolved_yaml(&once.topology);
    let again = expand(&catalog, &Source::new("again.yaml", again));
    let again = Fabric::new(again.unwrap_or_else(|e| panic!("{}", e.render())));
    let capacities = |fabric: &Fabric| -> Vec<(String, u64)> {
        let all = fabric.resources.iter();
        all.map(|r| (r.name.clone(), r.capacity.to_bits()))
            .collect()
    };
    assert_eq!(capacities(&once), capacities(&again));
}

/// The slow rank is named, and the others wait for it.
#[test]
fn classes_of_ranks_say_who_waits_for_whom() {
    let dir = crate::cli::folder(&[]);
    let args = [
        "run",
        "dgx-h100",
        "llama2-7b-train",
        "--condition",
        "slow: gpu3, compute: 0.7",
        "--ranks",
    ];
    let text = crate::cli::narrows(dir.path(), &args).stdout;
    assert!(text.contains("class of 7 ranks: 0, 1, 2, 4, …"), "{text}");
    let json = crate::cli::narrows(dir.path(), &[&args[..], &["--json"]].concat()).json();
    let classes = json["rank_classes"].as_array().unwrap();
    assert_eq!(classes.len(), 2, "{classes:?}");
    assert_eq!(
        classes[0]["ranks"],
        serde_json::json!([0, 1, 2, 4, 5, 6, 7])
    );
    assert_eq!(classes[0]["waiting"][0]["for_class_of_rank"], 3);
    let step = json["step_time_s"].as_f64().unwrap();
    for class in classes {
        let of = |key: &str| class[key].as_f64().unwrap();
        let waiting = class["waiting"].as_array().unwrap().iter();
        let waiting: f64 = waiting.map(|wait| wait["time_s"].as_f64().unwrap()).sum();
        let all = of("computing_s") + of("communicating_s") + of("launching_s") + waiting;
        assert_close(all, step, 1e-9);
    }
    let waited = classes[0]["waiting"][0]["time_s"].as_f64().unwrap();
    assert!(waited > 0.1 * step, "{waited} of {step}");
}

/// A sample's classes hold every rank of the job once.
#[test]
fn classes_of_a_sample_hold_all_ranks() {
    let dir = crate::cli::folder(&[]);
    let args = [
        "run",
        "superpod-h100",
        "llama3-405b-train",
        "--nodes",
        "64",
        "--condition",
        "slow: node17.gpu5, compute: 0.7",
        "--ranks",
        "--json",
    ];
    let mut args = args.to_vec();
    let job = "kind: training\nname: j\nmodel: llama3-8b\nprecision: bf16\nsequence: 2048\n\
               micro_batch: 1\naccumulate: 2\nzero: 1\nframework: megatron-core\n\
               parallel: {tensor: 8, pipeline: 2, sequence_parallel: true}\n";
    crate::cli::write(dir.path(), "j.yaml", job.as_bytes());
    args[2] = "j.yaml";
    let json = crate::cli::narrows(dir.path(), &args).json();
    let classes = json["rank_classes"].as_array().unwrap();
    let ranks = classes
        .iter()
        .flat_map(|class| class["ranks"].as_array().unwrap());
    let mut ranks: Vec<u64> = ranks.map(|rank| rank.as_u64().unwrap()).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (0..512).collect::<Vec<u64>>());
    // node17 holds ranks 136 to 143 of stage 0.
    let alone = classes
        .iter()
        .any(|class| class["ranks"] == serde_json::json!([141]));
    assert!(alone, "{classes:?}");
}

/// What is too large to run rank by rank is refused with a reason.
#[test]
fn what_cannot_be_sampled_is_not_guessed() {
    let dir = crate::cli::folder(&[]);
    let args = [
        "run",
        "superpod-h100",
        "llama3-405b-train",
        "--nodes",
        "2048",
        "--condition",
        "failed: node5.nic3",
    ];
    let run = crate::cli::narrows(dir.path(), &args);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    for words in ["--nodes", "keep ranks from standing"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

/// Uneven stages: the longest of them decides.
#[test]
fn stages_can_have_layers_as_given() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = under(&catalog, "dgx-a100-80gb", 1, &[]);
    let time = |layers: &str| {
        let parallel = format!("tensor: 1, data: 4, pipeline: 2{layers}");
        let Loaded::Training(source, mut spec) = small_job(&parallel, 1) else {
            unreachable!()
        };
        if let narrows::spec::NameOr::Inline(model) = &mut spec.model.value {
            model.layers = 6;
        }
        step_s(&plan(&catalog, &fabric, &Loaded::Training(source, spec)).unwrap())
    };
    assert_close(time(""), time(", layers: [3, 3]"), 1e-12);
    let (even, uneven) = (time(""), time(", layers: [5, 1]"));
    assert!(uneven > 1.05 * even, "{uneven} {even}");
}
