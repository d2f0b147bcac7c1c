//! How much the step gains from a little more of each thing, by running it again.

use rayon::prelude::*;
use std::collections::BTreeSet;

use super::simulate::{Scale, step_time};
use crate::engine::{ActivityId, EngineError};
use crate::fabric::ResourceKind;
use crate::plan::Plan;

/// The change that is tried: one per cent more.
const STEP: f64 = 1.01;

/// d ln step / d ln capacity of every kind of resource the plan uses: −1 where the step is in
/// inverse proportion to it, 0 where it does not matter. Runs on all cores; the result does not
/// depend on their number.
///
/// # Errors
/// The engine cannot finish.
pub fn sensitivities(plan: &Plan, step_s: f64) -> Result<Vec<(ResourceKind, f64)>, EngineError> {
    used_kinds(plan)
        .into_par_iter()
        .map(|kind| {
            let faster = step_time(plan, Scale { kind, factor: STEP })?;
            let slope = (faster / step_s).ln() / STEP.ln();
            // What rounding leaves is no sensitivity.
            Ok((kind, if slope.abs() < 1e-9 { 0.0 } else { slope }))
        })
        .collect()
}

/// The kinds of resource that any activity uses, and latency if any has one.
fn used_kinds(plan: &Plan) -> Vec<ResourceKind> {
    let mut kinds = BTreeSet::new();
    for phase in &plan.phases {
        for index in 0..phase.program.len() {
            let id = ActivityId(index as u32);
            for (resource, _) in phase.program.demands(id) {
                kinds.insert(ResourceKind::from_code(
                    phase.program.resources[resource.index()].kind,
                ));
            }
            if phase.program.latency(id) > 0.0 {
                kinds.insert(ResourceKind::Latency);
            }
        }
    }
    kinds.into_iter().collect()
}
