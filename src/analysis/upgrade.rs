//! The smallest upgrade that moves the bottleneck.

use super::critical_path::critical_path;
use super::outcome::TimeBy;
use super::simulate::{Scale, Scaled, simulate_classes};
use crate::engine::EngineError;
use crate::fabric::ResourceKind;
use crate::plan::Plan;

/// What happens when the bottleneck is widened just enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Upgrade {
    /// What is widened.
    pub kind: ResourceKind,
    /// By how much, at least, until something else binds for longer.
    pub factor: f64,
    /// Time of the step then \[s\].
    pub step_s: f64,
    /// What binds longest then.
    pub then: ResourceKind,
}

/// Beyond this an upgrade cannot be bought.
const MOST: f64 = 64.0;
/// How finely the factor is found.
const PRECISION: f64 = 1.05;

/// Widens `kind` until another kind binds for longer; none if it still binds at 64 times.
///
/// # Errors
/// The engine cannot finish.
pub fn find_upgrade(plan: &Plan, kind: ResourceKind) -> Result<Option<Upgrade>, EngineError> {
    let attempt = |factor: f64| -> Result<Upgrade, EngineError> {
        let (step_s, times) = times_with(
            plan,
            Scale {
                of: Scaled::Kind(kind),
                factor,
            },
        )?;
        Ok(Upgrade {
            kind,
            factor,
            step_s,
            then: times.largest(),
        })
    };
    let mut enough = attempt(MOST)?;
    if enough.then == kind {
        return Ok(None);
    }
    let mut too_little: f64 = 1.0;
    while enough.factor / too_little > PRECISION {
        let middle = attempt((too_little * enough.factor).sqrt())?;
        if middle.then == kind {
            too_little = middle.factor;
        } else {
            enough = middle;
        }
    }
    Ok(Some(enough))
}

/// Time of a step and time by kind with something scaled.
fn times_with(plan: &Plan, scale: Scale<'_>) -> Result<(f64, TimeBy), EngineError> {
    let mut step_s = 0.0;
    let mut times = TimeBy::default();
    for phase in &plan.phases {
        let (program, trace) = simulate_classes(phase, Some(scale), true)?;
        step_s += phase.repeat * trace.makespan;
        times.add(&critical_path(program, &trace), phase.repeat);
    }
    Ok((step_s, times))
}
