//! Where the time of one collective goes, and what else the library could have done.

use super::bandwidth::alone;
use super::communicator::Communicator;
use super::operation::Operation;
use crate::spec::Diagnostic;

/// One way to run a collective, in its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// Algorithm.
    pub algorithm: &'static str,
    /// Protocol.
    pub protocol: String,
    /// Dependent steps.
    pub steps: usize,
    /// Before the first step \[s\].
    pub base_s: f64,
    /// All steps' latencies, bubbles and own copies \[s\].
    pub steps_s: f64,
    /// The data over the narrowest resource \[s\].
    pub data_s: f64,
    /// Name of the narrowest resource.
    pub narrowest: String,
    /// What the library believes it takes \[s\].
    pub believed_s: f64,
    /// Whether the library takes it.
    pub chosen: bool,
}

impl Way {
    /// Total \[s\].
    pub fn total_s(&self) -> f64 {
        self.base_s + self.steps_s + self.data_s
    }
}

/// All ways that come into question, the chosen one first.
///
/// # Errors
/// The library cannot run the operation here.
pub fn ways(
    communicator: &Communicator<'_>,
    operation: Operation,
    bytes: f64,
) -> Result<Vec<Way>, Diagnostic> {
    if communicator.size() < 2 {
        return Ok(Vec::new());
    }
    let (communicator, chosen) = communicator.tuned(operation, bytes)?;
    let fabric = communicator.fabric;
    let mut ways: Vec<Way> = communicator
        .candidates(operation, bytes)
        .into_iter()
        .map(|way| {
            let (_, narrowest) = alone(fabric, &way.demands);
            Way {
                algorithm: way.pattern.algorithm.key(),
                steps: way.pattern.steps(),
                base_s: way.times.base_s,
                steps_s: way.total_s - bytes / way.times.rate - way.times.base_s,
                data_s: bytes / way.times.rate,
                narrowest: way
                    .limit_by
                    .or(narrowest)
                    .map_or(String::new(), |id| fabric.resource(id).name.clone()),
                believed_s: way.believed_s,
                chosen: way.pattern.algorithm == chosen.pattern.algorithm
                    && way.protocol == chosen.protocol,
                protocol: way.protocol,
            }
        })
        .collect();
    ways.sort_by(|a, b| {
        b.chosen
            .cmp(&a.chosen)
            .then(a.total_s().total_cmp(&b.total_s()))
    });
    Ok(ways)
}
