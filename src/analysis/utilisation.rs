//! How busy each wire was.

use super::outcome::PhaseOutcome;
use crate::engine::{ActivityId, ResourceId};
use crate::fabric::Fabric;
use crate::plan::Plan;

/// Mean utilisation over the step of every wire, its busier direction, from 0 to 1.
pub fn link_utilisation(fabric: &Fabric, plan: &Plan, phases: &[PhaseOutcome]) -> Vec<f64> {
    let mut busy = vec![0.0; fabric.resources.len()];
    let mut step_s = 0.0;
    for (phase, outcome) in plan.phases.iter().zip(phases) {
        step_s += outcome.repeat * outcome.time_s;
        for index in 0..phase.program.len() {
            let id = ActivityId(index as u32);
            let work = phase.program.work(id) * outcome.repeat;
            for (resource, coefficient) in phase.program.demands(id) {
                busy[resource.index()] += coefficient * work;
            }
        }
    }
    let share = |id: ResourceId| busy[id.index()] / fabric.resource(id).capacity / step_s;
    fabric
        .wires()
        .iter()
        .map(|wire| {
            let directions = share(wire.forward).max(share(wire.backward));
            let both = [wire.both, wire.both_host].into_iter().flatten().map(share);
            both.fold(directions, f64::max)
        })
        .collect()
}
