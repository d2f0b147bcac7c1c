//! Whole workloads on whole machines: nothing is lost, nothing is overdrawn.

use crate::close::assert_close;
use crate::machines::shipped;
use narrows::analysis::{analyse, check, simulate};
use narrows::catalog::Catalog;
use narrows::collective::Operation;
use narrows::engine::{ActivityId, Trace};
use narrows::fabric::Fabric;
use narrows::plan::{Lane, Phase, Plan, load_workload, plan};

const RUNS: [(&str, &str); 8] = [
    ("handbuilt-8x-a100-80gb-pcie", "gpt-1.3b-train"),
    ("dgx-a100-80gb", "llama2-7b-train"),
    ("dgx-a100-80gb", "llama2-70b-infer"),
    ("dgx-h100", "llama3-8b-infer"),
    ("handbuilt-8x-rtx3090", "gpt-125m-train"),
    ("handbuilt-8x-rtx2080ti", "gpt-125m-train"),
    ("dgx-1-v100-16gb", "gpt-125m-train"),
    ("desktop-rtx3070", "gpt-125m-train"),
];

fn planned(machine: &str, workload: &str) -> (Fabric, Plan) {
    let catalog = Catalog::shipped().unwrap();
    let fabric = shipped(&catalog, machine);
    let loaded = load_workload(&catalog, workload).unwrap();
    let plan = plan(&catalog, &fabric, &loaded).unwrap_or_else(|e| panic!("{}", e.render()));
    (fabric, plan)
}

fn activities(phase: &Phase) -> impl Iterator<Item = ActivityId> {
    (0..phase.program.len() as u32).map(ActivityId)
}

/// Bytes and work asked for are done; the self-check passes; two runs are the same.
#[test]
fn shipped_workloads_pass_the_self_check_and_repeat_exactly() {
    for (machine, workload) in RUNS {
        let (_, plan) = planned(machine, workload);
        for phase in &plan.phases {
            let trace = simulate(phase, None, true).unwrap();
            check(phase, &trace).unwrap_or_else(|e| panic!("{workload} on {machine}: {e}"));
            let again = simulate(phase, None, true).unwrap();
            assert_eq!(trace.end, again.end, "{workload} on {machine}");
            assert_eq!(trace.intervals, again.intervals, "{workload} on {machine}");
        }
    }
}

/// A check that cannot fail checks nothing: a trace with a shortened interval is refused.
#[test]
fn the_self_check_notices_lost_work() {
    let (_, plan) = planned("desktop-rtx3070", "gpt-125m-train");
    let phase = &plan.phases[0];
    let mut trace: Trace = simulate(phase, None, true).unwrap();
    let middle = trace.intervals.len() / 2;
    trace.intervals[middle].rate *= 0.999;
    let error = check(phase, &trace).unwrap_err();
    assert!(
        error.to_string().contains("work is not conserved"),
        "{error}"
    );
}

/// Time by kind sums to the step.
#[test]
fn time_by_kind_sums_to_the_step() {
    for (machine, workload) in RUNS {
        let (fabric, plan) = planned(machine, workload);
        let outcome = analyse(&fabric, &plan).unwrap();
        assert_close(outcome.times.total(), outcome.step_s, 1e-9);
        let resources: f64 = outcome.times.resources().iter().map(|(_, t)| t).sum();
        assert!(resources <= outcome.step_s * (1.0 + 1e-9));
    }
}

/// FLOP spent: six for each parameter and token, and the attention, whose share is small here.
#[test]
fn training_spends_six_flop_per_parameter_and_token() {
    let (_, plan) = planned("dgx-a100-80gb", "llama2-7b-train");
    let phase = &plan.phases[0];
    let flops: f64 = activities(phase)
        .filter_map(|id| {
            let task = &phase.tasks[phase.program.tag(id) as usize];
            task.kernel
                .map(|kernel| phase.kernels[kernel as usize].flops)
        })
        .sum();
    let parameters = 6.74e9;
    let ratio = flops / (6.0 * parameters * plan.produced);
    assert!((1.0..1.25).contains(&ratio), "{ratio} times 6·N·tokens");
}

/// Plain data parallelism reduces each gradient once: 2 B for each of 1.3 G parameters.
#[test]
fn data_parallelism_reduces_every_gradient_once() {
    let (_, plan) = planned("dgx-a100-80gb", "gpt-1.3b-train");
    let phase = &plan.phases[0];
    let reduced: f64 = activities(phase)
        .map(|id| &phase.tasks[phase.program.tag(id) as usize])
        .filter(|task| task.name == Operation::AllReduce.key())
        .map(|task| task.bytes)
        .sum();
    let parameters = 24.0 * (12.0 * 2048.0 * 2048.0 + 13.0 * 2048.0)
        + (50257.0 + 2048.0) * 2048.0
        + 2.0 * 2048.0;
    assert_close(reduced, 2.0 * parameters, 1e-9);
}

/// Full sharding moves each weight twice forward and back, and each gradient once: 3 times the
/// weights (Rajbhandari 2020, §7.2), less the last layer, which stays gathered.
#[test]
fn full_sharding_moves_three_times_the_weights() {
    let (_, plan) = planned("dgx-a100-80gb", "llama2-7b-train");
    let phase = &plan.phases[0];
    let moved: f64 = activities(phase)
        .map(|id| &phase.tasks[phase.program.tag(id) as usize])
        .filter(|task| matches!(task.lane, Lane::Communication(_)))
        .map(|task| task.bytes)
        .sum();
    let ratio = moved / (2.0 * 6.738e9);
    assert!((2.9..=3.0).contains(&ratio), "{ratio} times the weights");
}

/// Data-parallel overlap bound: the step lies between the larger and the sum of compute and
/// communication, each alone.
#[test]
fn overlapped_reduction_lies_between_its_bounds() {
    let (_, plan) = planned("handbuilt-8x-a100-80gb-pcie", "gpt-1.3b-train");
    let phase = &plan.phases[0];
    let trace = simulate(phase, None, true).unwrap();
    let busy = |lane: Lane| -> f64 {
        let of = activities(phase)
            .filter(|id| phase.tasks[phase.program.tag(*id) as usize].lane == lane);
        of.map(|id| trace.end[id.index()] - trace.start[id.index()])
            .sum()
    };
    let (compute, reduction) = (busy(Lane::Compute(0)), busy(Lane::Communication(0)));
    assert!(trace.makespan >= compute.max(reduction));
    assert!(
        trace.makespan <= (compute + reduction) * 1.02,
        "besides the host's first launches"
    );
    assert!(
        trace.makespan < 0.95 * (compute + reduction),
        "something overlaps"
    );
}
