//! Large jobs: what stands for others, pipelines, and the closed forms they must meet.

use crate::close::assert_close;
use narrows::analysis::{Scale, Scaled, analyse, simulate, step_time};
use narrows::catalog::{Catalog, load};
use narrows::engine::ActivityId;
use narrows::fabric::{Fabric, ResourceKind};
use narrows::plan::{Lane, Loaded, Plan, Wanted, machine, order, plan};
use narrows::spec::{Kind, Schedule, Source, parse};
use narrows::topology::expand;

fn training(text: &str) -> Loaded {
    let source = Source::new("job.yaml", text.to_string());
    let spec = parse(&source).unwrap();
    Loaded::Training(source, Box::new(spec))
}

fn shipped(catalog: &Catalog, name: &str) -> Fabric {
    let source = load(catalog, name, &[Kind::Topology], "topology").unwrap();
    Fabric::new(expand(catalog, &source).unwrap())
}

/// A pipeline of equal stages in which nothing but one kernel a layer takes time: GPT-like layers
/// without embedding or vocabulary to speak of.
fn job(parallel: &str, accumulate: u32) -> Loaded {
    training(&format!(
        "kind: training
name: job
model: {{kind: model, name: m, source: test, layers: 16, hidden: 1024, heads: 16, kv_heads: 16,
  ffn: 4096, vocabulary: 1,
  max_sequence: 2048, activation: gelu, norm: layernorm, position: rope, tied_embeddings: true}}
precision: bf16
sequence: 2048
micro_batch: 1
accumulate: {accumulate}
zero: 0
parallel: {{{parallel}}}
framework: megatron-core
"
    ))
}

/// Idle share of a pipeline with free communication and launches: step over the busy time of the
/// slowest stage, less one.
fn bubble(schedule: Schedule, p: u32, m: u32, v: u32) -> f64 {
    // One unit forward, two backward, split over v parts; each slot waits for its neighbour.
    let orders: Vec<_> = (0..p).map(|i| order(schedule, p, i, m, v)).collect();
    let mut done = std::collections::BTreeMap::new();
    let mut at = vec![0usize; p as usize];
    let mut time = vec![0.0f64; p as usize];
    let parts = p * v;
    while at.iter().zip(&orders).any(|(at, slots)| *at < slots.len()) {
        for i in 0..p as usize {
            while let Some(slot) = orders[i].get(at[i]) {
                let part = slot.chunk * p + i as u32;
                let before = match (slot.forward, part) {
                    (true, 0) => Some(0.0),
                    (true, part) => done.get(&(true, slot.micro_batch, part - 1)).copied(),
                    (false, part) if part + 1 == parts => {
                        done.get(&(true, slot.micro_batch, part)).copied()
                    }
                    (false, part) => done.get(&(false, slot.micro_batch, part + 1)).copied(),
                };
                let Some(before) = before else { break };
                let long = if slot.forward { 1.0 } else { 2.0 };
                time[i] = time[i].max(before) + long / f64::from(v);
                done.insert((slot.forward, slot.micro_batch, part), time[i]);
                at[i] += 1;
            }
        }
    }
    let step = time.into_iter().fold(0.0, f64::max);
    step / (3.0 * f64::from(m)) - 1.0
}

/// Narayanan 2021, section 2.2: (p−1)/m, and (p−1)/(m·v) interleaved.
#[test]
fn the_bubble_has_its_closed_form() {
    for (p, m) in [(2, 4), (4, 4), (4, 8), (8, 32)] {
        let expected = f64::from(p - 1) / f64::from(m);
        assert_close(bubble(Schedule::GPipe, p, m, 1), expected, 1e-9);
        assert_close(
            bubble(Schedule::OneForwardOneBackward, p, m, 1),
            expected,
            1e-9,
        );
        for v in [2, 4] {
            let expected = expected / f64::from(v);
            assert_close(
                bubble(Schedule::OneForwardOneBackward, p, m, v),
                expected,
                1e-9,
            );
        }
    }
}

/// Under 1F1B stage i holds at most p−i micro-batches' activations; under GPipe all m.
#[test]
fn stages_hold_as_many_micro_batches_as_their_place_says() {
    let (p, m) = (4u32, 8u32);
    let most = |schedule, i| {
        let mut held = 0i32;
        let levels = order(schedule, p, i, m, 1).into_iter().map(|slot| {
            held += if slot.forward { 1 } else { -1 };
            held
        });
        levels.max().unwrap()
    };
    for i in 0..p {
        assert_eq!(most(Schedule::OneForwardOneBackward, i), (p - i) as i32);
        assert_eq!(most(Schedule::GPipe, i), m as i32);
    }
}

/// The same in the simulated VRAM: peaks fall by one micro-batch's activations a stage.
#[test]
fn activations_in_vram_fall_from_stage_to_stage() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "dgx-a100-80gb");
    let planned = plan(&catalog, &fabric, &job("pipeline: 4, data: 1", 8)).unwrap();
    let outcome = analyse(&fabric, &planned).unwrap();
    let held = |stage: usize| {
        let accounts = &outcome.memory[stage].accounts;
        let found = accounts.iter().find(|(a, _)| a.key() == "activations");
        found.map_or(0.0, |(_, bytes)| *bytes)
    };
    let one = held(3);
    assert!(one > 0.0);
    for stage in 0..4 {
        assert_close(held(stage), (4 - stage) as f64 * one, 1e-9);
    }
}

/// Every layer is computed once a micro-batch and direction, on whatever stage it lies.
#[test]
fn a_pipeline_does_the_same_work() {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, "dgx-a100-80gb");
    let flops = |parallel: &str| {
        let planned = plan(&catalog, &fabric, &job(parallel, 8)).unwrap();
        let phase = &planned.phases[0];
        let of = (0..phase.program.len()).filter_map(|i| {
            let task = &phase.tasks[phase.program.tag(ActivityId(i as u32)) as usize];
            task.kernel
                .filter(|_| matches!(task.lane, Lane::Compute(_)))
        });
        let sum: f64 = of
            .map(|kernel| &phase.kernels[kernel as usize])
            .filter(|kernel| kernel.name != "adam")
            .map(|kernel| kernel.flops)
            .sum();
        sum
    };
    let whole = flops("data: 1");
    for parallel in ["pipeline: 4, data: 1", "pipeline: 4, virtual: 2, data: 1"] {
        assert_close(flops(parallel), whole, 1e-9);
    }
}

fn step_s(plan: &Plan) -> f64 {
    let times = plan.phases.iter().map(|phase| {
        let trace = simulate(phase, None, false).unwrap();
        phase.repeat * trace.makespan
    });
    times.sum()
}

/// A sample of two replicas gives the step of the whole cluster.
#[test]
fn a_sampled_cluster_is_the_whole_cluster() {
    let catalog = Catalog::shipped().unwrap();
    let source = load(&catalog, "superpod-h100", &[Kind::Topology], "topology").unwrap();
    let job = job("tensor: 8, pipeline: 2, sequence_parallel: true", 4);
    let time = |fold| {
        let wanted = Wanted {
            nodes: Some(8),
            fold,
            ..Wanted::default()
        };
        let fabric = machine(&catalog, &source, &wanted, &job).unwrap();
        assert_eq!(fabric.sample.is_some(), fold);
        let mut planned = plan(&catalog, &fabric, &job).unwrap();
        if !fold {
            planned.unfold();
        }
        assert_eq!(planned.gpus, 64);
        step_s(&planned)
    };
    assert_close(time(true), time(false), 1e-9);
}

/// Folded is unfolded for what is shipped, as it is and with each kind of resource scaled.
#[test]
fn folded_plans_run_as_unfolded_ones() {
    let catalog = Catalog::shipped().unwrap();
    for (machine, workload) in [
        ("dgx-a100-80gb", "llama2-7b-train"),
        ("dgx-h100", "llama2-70b-infer"),
        ("handbuilt-8x-a100-80gb-pcie", "gpt-1.3b-train"),
        ("handbuilt-8x-rtx4090", "llama3-8b-infer"),
    ] {
        let fabric = shipped(&catalog, machine);
        let loaded = narrows::plan::load_workload(&catalog, workload).unwrap();
        for slow in [None, Some("gpu3 compute"), Some("gpu5"), Some("plx0")] {
            let mut fabric = fabric.clone();
            for resource in &mut fabric.resources {
                let hit = slow.is_some_and(|slow| resource.name.starts_with(slow));
                if hit {
                    resource.capacity *= 0.7;
                }
            }
            let folded = plan(&catalog, &fabric, &loaded).unwrap();
            let mut plain = folded.clone();
            plain.unfold();
            assert_close(step_s(&folded), step_s(&plain), 1e-9);
            let scale = Scale {
                of: Scaled::Kind(ResourceKind::Vram),
                factor: 1.3,
            };
            let times = [&folded, &plain].map(|plan| step_time(plan, Some(scale)).unwrap());
            assert_close(times[0], times[1], 1e-9);
            for phase in &folded.phases {
                let all = simulate(phase, None, true).unwrap();
                narrows::analysis::check(phase, &all).unwrap();
            }
        }
    }
}
