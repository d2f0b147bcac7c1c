//! The kernels of the first rank as points under its roofline.

use std::collections::BTreeMap;

use super::outcome::PhaseOutcome;
use crate::engine::ActivityId;
use crate::fabric::ResourceKind;
use crate::plan::{Lane, Plan};

/// All runs of one kind of kernel in one phase.
#[derive(Debug, Clone, PartialEq)]
pub struct RooflinePoint {
    /// Phase and kernel.
    pub name: String,
    /// Useful operations per byte moved \[FLOP/B\].
    pub intensity: f64,
    /// Rate reached, launches included \[FLOP/s\].
    pub achieved: f64,
    /// Share of the step.
    pub share: f64,
    /// What bound longest.
    pub kind: ResourceKind,
}

/// Sums over the runs of one kind of kernel.
#[derive(Default)]
struct Sum {
    flops: f64,
    bytes: f64,
    time: f64,
    by_kind: BTreeMap<ResourceKind, f64>,
}

/// The kernels of rank 0 by name, longest first.
pub fn roofline_points(plan: &Plan, phases: &[PhaseOutcome]) -> Vec<RooflinePoint> {
    let step_s: f64 = phases.iter().map(|p| p.repeat * p.time_s).sum();
    let mut sums: BTreeMap<(&'static str, &'static str), Sum> = BTreeMap::new();
    for (phase, outcome) in plan.phases.iter().zip(phases) {
        for index in 0..phase.program.len() {
            let id = ActivityId(index as u32);
            let task = &phase.tasks[phase.program.tag(id) as usize];
            let (Lane::Compute(0), Some(kernel)) = (task.lane, task.kernel) else {
                continue;
            };
            let kernel = &phase.kernels[kernel as usize];
            let sum = sums.entry((outcome.name, kernel.name)).or_default();
            let start = outcome.trace.start[index];
            sum.flops += outcome.repeat * kernel.flops;
            sum.bytes += outcome.repeat * kernel.bytes;
            sum.time += outcome.repeat * (outcome.trace.end[index] - start);
            for interval in outcome.trace.intervals_of(id) {
                if let Some(resource) = interval.binding.resource() {
                    let code = phase.program.resources[resource.index()].kind;
                    let time = outcome.repeat * (interval.end - interval.start);
                    *sum.by_kind
                        .entry(ResourceKind::from_code(code))
                        .or_default() += time;
                }
            }
        }
    }
    let mut points: Vec<RooflinePoint> = sums
        .into_iter()
        .filter(|(_, sum)| sum.flops > 0.0 && sum.bytes > 0.0 && sum.time > 0.0)
        .map(|((phase, kernel), sum)| point(format!("{phase}: {kernel}"), &sum, step_s))
        .collect();
    points.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.name.cmp(&b.name)));
    points
}

fn point(name: String, sum: &Sum, step_s: f64) -> RooflinePoint {
    let longest = sum.by_kind.iter().max_by(|a, b| a.1.total_cmp(b.1));
    RooflinePoint {
        name,
        intensity: sum.flops / sum.bytes,
        achieved: sum.flops / sum.time,
        share: sum.time / step_s,
        kind: longest.map_or(ResourceKind::Latency, |(kind, _)| *kind),
    }
}
