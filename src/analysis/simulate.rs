//! Running a plan, as it is or with something scaled.

use super::check::CheckError;
use crate::engine::{EngineError, Options, Static, Trace, run};
use crate::fabric::ResourceKind;
use crate::plan::{Phase, Plan};

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// The engine could not finish.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A result contradicts itself.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// A change of capacity of all resources of a kind; for [`ResourceKind::Latency`] latencies are
/// divided by the factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Which resources.
    pub kind: ResourceKind,
    /// New capacity over old.
    pub factor: f64,
}

/// Runs one phase.
///
/// # Errors
/// The engine cannot finish.
pub fn simulate(phase: &Phase, scale: Option<Scale>, record: bool) -> Result<Trace, EngineError> {
    let capacity: Option<Vec<f64>> = scale.map(|scale| {
        let factor = |kind: u16| {
            if kind == scale.kind.code() {
                scale.factor
            } else {
                1.0
            }
        };
        phase
            .program
            .resources
            .iter()
            .map(|r| factor(r.kind))
            .collect()
    });
    let latency_scale = match scale {
        Some(Scale {
            kind: ResourceKind::Latency,
            factor,
        }) => 1.0 / factor,
        _ => 1.0,
    };
    run(
        &mut Static(&phase.program),
        &Options {
            record,
            capacity_scale: capacity.as_deref(),
            latency_scale,
            ..Options::default()
        },
    )
}

/// Time of a whole step with something scaled \[s\].
///
/// # Errors
/// The engine cannot finish.
pub fn step_time(plan: &Plan, scale: Scale) -> Result<f64, EngineError> {
    plan.phases.iter().try_fold(0.0, |sum, phase| {
        let trace = simulate(phase, Some(scale), false)?;
        Ok(sum + phase.repeat * trace.makespan)
    })
}
