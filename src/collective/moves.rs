//! Who sends to whom in which step: what a lesson shows.

use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, Send};
use super::ring::used_hops;
use crate::spec::Diagnostic;

/// One chunk on its way in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Step, from 0.
    pub step: usize,
    /// Sender's rank.
    pub from: usize,
    /// Receiver's rank; the sender itself where a switch answers.
    pub to: usize,
    /// Which chunk: the rank whose part it is.
    pub chunk: usize,
}

/// The moves of a collective, of its first channel where there are several.
///
/// # Errors
/// The library cannot run the operation here.
pub fn moves(
    communicator: &Communicator<'_>,
    operation: Operation,
    bytes: f64,
) -> Result<Vec<Move>, Diagnostic> {
    let n = communicator.size();
    if n < 2 {
        return Ok(Vec::new());
    }
    let (communicator, chosen) = communicator.tuned(operation, bytes)?;
    let pattern = chosen.pattern;
    if pattern.form == Form::Ring {
        let channel = &communicator.channels[0];
        let order = &channel.order;
        let steps = operation.steps(n);
        let chain = operation.is_chain();
        let used: Vec<usize> = used_hops(operation, channel).collect();
        let hops = |step: usize| match chain {
            true => used[step..=step].to_vec(),
            false => used.clone(),
        };
        let all = (0..steps).flat_map(|step| hops(step).into_iter().map(move |hop| (step, hop)));
        return Ok(all
            .map(|(step, hop)| Move {
                step,
                from: order[hop],
                to: order[(hop + 1) % n],
                // In step s a rank passes on the chunk of the rank s places before it.
                chunk: if chain {
                    0
                } else {
                    order[(hop + n * steps - step) % n]
                },
            })
            .collect());
    }
    if let Form::Stages(stages) = &pattern.form {
        let rounds = stages.iter().flat_map(|stage| vec![stage; stage.rounds]);
        let all = rounds.enumerate().flat_map(|(step, stage)| {
            let sends = pattern.sends[stage.sends.clone()].iter();
            sends.map(move |send| sent(step, send))
        });
        return Ok(all.collect());
    }
    let depth = depths(
        &pattern
            .sends
            .iter()
            .map(|s| s.after.as_slice())
            .collect::<Vec<_>>(),
    );
    let all = pattern.sends.iter().zip(depth);
    Ok(all.map(|(send, step)| sent(step, send)).collect())
}

/// A rank's own part on its way.
fn sent(step: usize, send: &Send) -> Move {
    Move {
        step,
        from: send.from,
        to: send.to,
        chunk: send.from,
    }
}

/// How many sends lie before each.
fn depths(after: &[&[usize]]) -> Vec<usize> {
    let mut depth: Vec<usize> = Vec::with_capacity(after.len());
    for before in after {
        let deepest = before.iter().filter_map(|at| depth.get(*at)).max();
        depth.push(deepest.map_or(0, |most| most + 1));
    }
    depth
}
