//! Many equal micro-batches by a few of them: folding in time.
//!
//! Once the first micro-batches have filled the machine, each further period (one micro-batch, or
//! as many as there are pipeline stages) prolongs the step by the same time, until the last ones
//! drain it. So a step of many is a step of few, its first and last micro-batches kept, and as
//! often as need be one period: the difference between that step and one that is a period shorter.
//! A third step, another period shorter, shows whether periods are alike; the analysis looks.

use super::loaded::Loaded;
use super::task::Plan;
use super::training;
use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::spec::{Diagnostic, Schedule};

/// Periods that the shortest of the three steps has.
const FILLED: u32 = 2;
/// How many times the longest of the three a step must be for it to be worth it.
const WORTH: u32 = 4;

/// The plan of a job with many micro-batches by few of them, if it is worth it.
///
/// # Errors
/// As those of [`super::plan`].
pub fn plan_periodic(
    catalog: &Catalog,
    fabric: &Fabric,
    loaded: &Loaded,
) -> Result<Option<Plan>, Diagnostic> {
    let Loaded::Training(source, spec) = loaded else {
        return Ok(None);
    };
    let all = spec.accumulate.as_ref().map_or(1, |count| count.value);
    let stages = spec.parallel.pipeline.as_ref();
    let period = stages.map_or(1, |stages| stages.value.max(1));
    let longest = period.saturating_mul(FILLED + 2);
    // GPipe holds the activations of all micro-batches: its memory has no steady state.
    let holds_all = period > 1 && spec.parallel.schedule == Schedule::GPipe;
    if holds_all || !all.is_multiple_of(period) || all < WORTH.saturating_mul(longest) {
        return Ok(None);
    }
    let step = |count: u32| training::plan(catalog, fabric, source, spec, Some(count.into()));
    periodic(step, period, all).map(Some)
}

/// The three steps as one plan.
fn periodic(
    step: impl Fn(u32) -> Result<Plan, Diagnostic>,
    period: u32,
    all: u32,
) -> Result<Plan, Diagnostic> {
    let longest = (FILLED + 2) * period;
    let mut plan = step(longest)?;
    let mut less = step(longest - period)?;
    let mut least = step(longest - 2 * period)?;
    let periods = f64::from((all - longest) / period);
    for phase in &mut plan.phases {
        phase.repeat = 1.0 + periods;
    }
    for phase in &mut less.phases {
        phase.name = "step less a period";
        phase.repeat = -periods;
    }
    plan.phases.append(&mut less.phases);
    plan.steady = least.phases.pop();
    let simulated = format!("{longest} of {all}, then periods of {period}");
    plan.facts
        .push(("micro-batches simulated".into(), simulated));
    Ok(plan)
}
