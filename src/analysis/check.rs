//! The self-check of every run: a result that contradicts itself is an error, never printed.

use crate::engine::{ActivityId, Program, ResourceId, Trace};
use crate::plan::Phase;

/// A violated invariant, with the culprit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CheckError {
    /// An activity did not do the work it had.
    #[error("`{activity}` did {done} of {asked} units of work: work is not conserved")]
    Conservation {
        /// Which activity.
        activity: String,
        /// Work done.
        done: f64,
        /// Work asked for.
        asked: f64,
    },
    /// The step is shorter than a resource allows.
    #[error("the run takes {makespan} s, but `{resource}` alone needs {needed} s")]
    ResourceBound {
        /// Which resource.
        resource: String,
        /// Time it needs for its total load \[s\].
        needed: f64,
        /// Time of the run \[s\].
        makespan: f64,
    },
    /// The step is shorter than its chain of fixed delays.
    #[error(
        "the run takes {makespan} s, but the latencies up to `{activity}` alone need {needed} s"
    )]
    LatencyBound {
        /// Last activity of the chain.
        activity: String,
        /// Time of the chain \[s\].
        needed: f64,
        /// Time of the run \[s\].
        makespan: f64,
    },
    /// An activity never ended.
    #[error("`{activity}` never ended")]
    Unfinished {
        /// Which activity.
        activity: String,
    },
}

/// Rounding that the invariants leave room for.
const TOLERANCE: f64 = 1e-9;

/// Checks one phase's trace: everything ended, work conserved, the makespan not below the load of
/// any resource nor below any chain of latencies. (That no resource was overloaded at any instant
/// the engine checks itself, at every solve.)
///
/// # Errors
/// The first violated invariant.
pub fn check(phase: &Phase, trace: &Trace) -> Result<(), CheckError> {
    let program = &phase.program;
    let name = |id: ActivityId| phase.tasks[program.tag(id) as usize].name.to_string();
    let mut load = vec![0.0; program.resources.len()];
    let mut chain = vec![0.0f64; program.len()];
    for index in 0..program.len() {
        let id = ActivityId(index as u32);
        if !trace.end[index].is_finite() {
            return Err(CheckError::Unfinished { activity: name(id) });
        }
        let asked = program.work(id);
        let done: f64 = trace
            .intervals_of(id)
            .iter()
            .map(|interval| interval.rate * (interval.end - interval.start))
            .sum();
        let bounded = !program.demands(id).is_empty();
        if bounded && (done - asked).abs() > TOLERANCE * asked + rounding(program, trace, id) {
            let activity = name(id);
            return Err(CheckError::Conservation {
                activity,
                done,
                asked,
            });
        }
        for (resource, coefficient) in program.demands(id) {
            load[resource.index()] += coefficient * asked;
        }
        let before = program.after(id).iter().map(|b| chain[b.index()]);
        chain[index] = before.fold(program.release(id), f64::max) + program.latency(id);
        if chain[index] > trace.makespan * (1.0 + TOLERANCE) {
            return Err(CheckError::LatencyBound {
                activity: name(id),
                needed: chain[index],
                makespan: trace.makespan,
            });
        }
    }
    check_loads(phase, trace, &load)
}

/// What the rounding of a time stamp is worth in an activity's work.
fn rounding(program: &Program, trace: &Trace, id: ActivityId) -> f64 {
    let intervals = trace.intervals_of(id);
    let fastest = if intervals.is_empty() {
        // Shorter than the clock can tell apart: at most what it could do alone.
        let demands = program.demands(id).iter();
        let alone = demands.map(|(resource, c)| program.resources[resource.index()].capacity / c);
        alone.fold(f64::INFINITY, f64::min)
    } else {
        let rates = intervals.iter().map(|interval| interval.rate);
        rates.fold(0.0, f64::max)
    };
    fastest * trace.end[id.index()] * 1e-12
}

fn check_loads(phase: &Phase, trace: &Trace, load: &[f64]) -> Result<(), CheckError> {
    for (index, resource) in phase.program.resources.iter().enumerate() {
        let needed = load[ResourceId(index as u32).index()] / resource.capacity;
        if needed > trace.makespan * (1.0 + TOLERANCE) {
            return Err(CheckError::ResourceBound {
                resource: resource.name.clone(),
                needed,
                makespan: trace.makespan,
            });
        }
    }
    Ok(())
}
