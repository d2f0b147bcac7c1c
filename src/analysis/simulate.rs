//! Running a plan, as it is or with something scaled.

use super::check::CheckError;
use crate::engine::{EngineError, Options, Program, Static, Trace, run};
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

/// Runs one phase. Where it folds, only its classes are run; with `record` the trace is that of
/// the whole program all the same, without it only the times of the run as a whole are.
///
/// # Errors
/// The engine cannot finish.
pub fn simulate(phase: &Phase, scale: Option<Scale>, record: bool) -> Result<Trace, EngineError> {
    let (_, trace) = simulate_classes(phase, scale, record)?;
    Ok(match &phase.folded {
        Some(folded) if record => folded.expand(&phase.program, &trace),
        _ => trace,
    })
}

/// Runs one phase, and gives the program that was run: the folded one where there is one.
///
/// # Errors
/// The engine cannot finish.
pub(super) fn simulate_classes(
    phase: &Phase,
    scale: Option<Scale>,
    record: bool,
) -> Result<(&Program, Trace), EngineError> {
    let program = match &phase.folded {
        Some(folded) => &folded.program,
        None => &phase.program,
    };
    let capacity: Option<Vec<f64>> = scale.map(|scale| {
        let factor = |kind: u16| match kind == scale.kind.code() {
            true => scale.factor,
            false => 1.0,
        };
        program.resources.iter().map(|r| factor(r.kind)).collect()
    });
    let latency_scale = match scale {
        Some(Scale {
            kind: ResourceKind::Latency,
            factor,
        }) => 1.0 / factor,
        _ => 1.0,
    };
    let options = Options {
        record,
        capacity_scale: capacity.as_deref(),
        latency_scale,
        ..Options::default()
    };
    let trace = run(&mut Static(program), &options)?;
    Ok((program, trace))
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
