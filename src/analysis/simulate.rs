//! Running a plan, as it is or with something scaled.

use super::check::CheckError;
use crate::engine::{EngineError, Folded, Options, Program, ResourceId, Static, Trace, run};
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
    /// The periods of a plan that counts on it are not alike.
    #[error("the micro-batches do not repeat")]
    Unsteady,
}

/// Which resources a change of capacity is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaled<'a> {
    /// All of a kind; for [`ResourceKind::Latency`] latencies are divided by the factor.
    Kind(ResourceKind),
    /// These, in ascending order.
    Resources(&'a [ResourceId]),
}

/// A change of capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale<'a> {
    /// Of which resources.
    pub of: Scaled<'a>,
    /// New capacity over old.
    pub factor: f64,
}

/// Runs one phase. Where it folds, only its classes are run; with `record` the trace is that of
/// the whole program all the same, without it only the times of the run as a whole are.
///
/// # Errors
/// The engine cannot finish.
pub fn simulate(
    phase: &Phase,
    scale: Option<Scale<'_>>,
    record: bool,
) -> Result<Trace, EngineError> {
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
pub(super) fn simulate_classes<'a>(
    phase: &'a Phase,
    scale: Option<Scale<'_>>,
    record: bool,
) -> Result<(&'a Program, Trace), EngineError> {
    let folded = phase.folded.as_ref();
    // Classes stay classes only where all of their members change alike.
    let folded = folded.filter(|folded| match scale.map(|scale| scale.of) {
        Some(Scaled::Resources(some)) => folded.is_union_of_classes(some),
        Some(Scaled::Kind(_)) | None => true,
    });
    let program = folded.map_or(&phase.program, |folded| &folded.program);
    let capacity = scale.map(|scale| capacities(phase, folded, scale));
    let latency_scale = match scale {
        Some(Scale {
            of: Scaled::Kind(ResourceKind::Latency),
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

/// New capacity over old of every resource of a program, or of its classes.
fn capacities(phase: &Phase, folded: Option<&Folded>, scale: Scale<'_>) -> Vec<f64> {
    let program = folded.map_or(&phase.program, |folded| &folded.program);
    match scale.of {
        Scaled::Kind(kind) => {
            let factor = |other: u16| {
                if other == kind.code() {
                    scale.factor
                } else {
                    1.0
                }
            };
            program.resources.iter().map(|r| factor(r.kind)).collect()
        }
        Scaled::Resources(some) => {
            let mut factors = vec![1.0; program.resources.len()];
            for resource in some {
                let id = folded.map_or(*resource, |folded| folded.resource_class(*resource));
                factors[id.index()] = scale.factor;
            }
            factors
        }
    }
}

/// Time of a whole step, as it is or with something scaled \[s\].
///
/// # Errors
/// The engine cannot finish.
pub fn step_time(plan: &Plan, scale: Option<Scale<'_>>) -> Result<f64, EngineError> {
    plan.phases.iter().try_fold(0.0, |sum, phase| {
        let trace = simulate(phase, scale, false)?;
        Ok(sum + phase.repeat * trace.makespan)
    })
}
