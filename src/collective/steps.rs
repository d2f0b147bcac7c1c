//! The same collective as single sends: one activity per channel, step and rank.

use super::channels::Channel;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, Stage};
use super::plan::Candidate;
use super::ring::{hop_demands, used_hops};
use crate::engine::{Activity, ActivityId, Limit, Program};
use crate::fabric::Demands;
use crate::spec::Diagnostic;

/// Most activities that one collective is expanded into.
const MAX_SENDS: usize = 1 << 22;

/// Slices that a tree's data is cut into: so many that filling the tree does not count, for
/// measured timings hold it already.
const TREE_SLICES: usize = 512;

/// Appends every send of a collective to `program`, whose first resources are the fabric's.
/// Returns the activities that end it.
///
/// # Errors
/// No protocol of the library works on these channels, or there are too many sends to list.
pub fn expand_steps(
    communicator: &Communicator<'_>,
    operation: Operation,
    bytes: f64,
    program: &mut Program,
) -> Result<Vec<ActivityId>, Diagnostic> {
    if communicator.size() < 2 {
        return Ok(Vec::new());
    }
    let (communicator, chosen) = communicator.tuned(operation, bytes)?;
    let steps = chosen.pattern.steps();
    let sends = match &chosen.pattern.form {
        Form::Ring => communicator.channels.len() * steps * communicator.size(),
        Form::Stages(stages) => stages.iter().map(|s| s.rounds * s.sends.len()).sum(),
        Form::Pipeline => TREE_SLICES * chosen.pattern.sends.len(),
    };
    if sends > MAX_SENDS {
        return Err(Diagnostic::new(format!(
            "{sends} sends are too many to list"
        )));
    }
    let begin = program.add(&Activity {
        latency: chosen.times.base_s,
        ..Activity::default()
    });
    let expansion = Expansion {
        communicator: &communicator,
        operation,
        bytes,
        latency: (chosen.times.latency_s - chosen.times.base_s) / steps as f64,
        chosen: &chosen,
        begin,
    };
    Ok(match &chosen.pattern.form {
        Form::Ring => expansion.rings(program),
        Form::Stages(stages) => expansion.stages(program, stages),
        Form::Pipeline => expansion.pipeline(program),
    })
}

/// A collective being written out.
struct Expansion<'a> {
    communicator: &'a Communicator<'a>,
    operation: Operation,
    bytes: f64,
    /// Latency of a step \[s\].
    latency: f64,
    chosen: &'a Candidate,
    /// What all first sends wait for.
    begin: ActivityId,
}

impl Expansion<'_> {
    /// What the demands grow by for the protocol.
    fn overhead(&self) -> f64 {
        1.0 / self.chosen.payload()
    }

    fn rings(&self, program: &mut Program) -> Vec<ActivityId> {
        let n = self.communicator.size();
        let mut ends = Vec::new();
        for channel in &self.communicator.channels {
            let hops: Vec<Demands> = used_hops(self.operation, channel)
                .map(|hop| self.hop(channel, hop))
                .collect();
            let bytes = self.bytes * channel.share;
            ends.extend(match self.operation.is_chain() {
                true => {
                    let slice = self.communicator.slice(self.bytes) * channel.share;
                    self.chain(program, &hops, bytes, slice)
                }
                false => {
                    let steps = self.operation.steps(n);
                    let chunk = bytes * self.operation.edge_factor(n) / steps as f64;
                    self.ring(program, &hops, steps, chunk)
                }
            });
        }
        ends
    }

    /// Demands of one byte sent over a hop, the sender's compute units included.
    fn hop(&self, channel: &Channel, hop: usize) -> Demands {
        let mut demands = Demands::default();
        let per_byte = hop_demands(self.communicator, channel, hop);
        demands.add_scaled(&per_byte, self.overhead());
        let sender = self.communicator.group[channel.order[hop]];
        if let Some(share) = self.communicator.channel_share(sender)
            && let Some(gpu) = self.communicator.fabric.gpu(sender)
        {
            let factor = self.operation.edge_factor(self.communicator.size());
            demands.add(gpu.compute, share / (self.chosen.times.rate * factor));
        }
        demands
    }

    /// In every step each rank sends a chunk on, once its own last send is done and the chunk has
    /// arrived.
    fn ring(
        &self,
        program: &mut Program,
        hops: &[Demands],
        steps: usize,
        chunk: f64,
    ) -> Vec<ActivityId> {
        let n = hops.len();
        let mut last = vec![self.begin; n];
        for _ in 0..steps {
            let step: Vec<ActivityId> = (0..n)
                .map(|rank| {
                    let received = last[(rank + n - 1) % n];
                    program.add(&Activity {
                        latency: self.latency,
                        work: chunk,
                        demands: hops[rank].as_slice(),
                        after: &[last[rank], received],
                        ..Activity::default()
                    })
                })
                .collect();
            last = step;
        }
        last
    }

    /// Slices run down the chain one behind the other; the latency of a hop delays a slice but
    /// does not hold up the one behind it.
    fn chain(
        &self,
        program: &mut Program,
        hops: &[Demands],
        bytes: f64,
        slice: f64,
    ) -> Vec<ActivityId> {
        let slices = (bytes / slice).ceil().max(1.0);
        let mut busy = vec![self.begin; hops.len()];
        let mut arrived = self.begin;
        for _ in 0..slices as u64 {
            arrived = self.begin;
            for (hop, demands) in hops.iter().enumerate() {
                let sent = program.add(&Activity {
                    work: bytes / slices,
                    demands: demands.as_slice(),
                    after: &[busy[hop], arrived],
                    ..Activity::default()
                });
                busy[hop] = sent;
                arrived = program.add(&Activity {
                    latency: self.latency,
                    after: &[sent],
                    ..Activity::default()
                });
            }
        }
        vec![arrived]
    }

    /// Every round all sends of a stage at once; the next round waits for all of them. A send's
    /// weight is its size, so that those which share a wire end together; what a rank's channels
    /// limit goes at that pace.
    fn stages(&self, program: &mut Program, stages: &[Stage]) -> Vec<ActivityId> {
        let pattern = &self.chosen.pattern;
        let overhead = self.overhead();
        let rounds: usize = stages.iter().map(|stage| stage.rounds).sum();
        let latency = self.latency * pattern.steps() as f64 / rounds as f64;
        let limited = self.chosen.limit_by.filter(|_| stages.len() == 1);
        let mut done = self.begin;
        let mut ends = vec![self.begin];
        let each = stages.iter().flat_map(|stage| vec![stage; stage.rounds]);
        for stage in each {
            let sends = pattern.sends[stage.sends.clone()].iter();
            ends = sends
                .map(|send| {
                    let mut demands = Demands::default();
                    demands.add_scaled(&send.demands, overhead);
                    program.add(&Activity {
                        latency,
                        work: self.bytes * send.share / stage.rounds as f64,
                        demands: demands.as_slice(),
                        weight: send.share,
                        limit: limited.map(|resource| Limit {
                            rate: self.chosen.times.rate * send.share,
                            resource: Some(resource),
                        }),
                        after: &[done],
                        ..Activity::default()
                    })
                })
                .collect();
            done = program.add(&Activity {
                after: &ends,
                ..Activity::default()
            });
        }
        ends
    }

    /// Slices flow through the sends; the latency of the whole way is paid once.
    fn pipeline(&self, program: &mut Program) -> Vec<ActivityId> {
        let pattern = &self.chosen.pattern;
        let overhead = self.overhead();
        let begin = program.add(&Activity {
            latency: self.latency * pattern.steps() as f64,
            after: &[self.begin],
            ..Activity::default()
        });
        let demands: Vec<Demands> = pattern
            .sends
            .iter()
            .map(|send| {
                let mut demands = Demands::default();
                demands.add_scaled(&send.demands, overhead);
                demands
            })
            .collect();
        let mut busy = vec![begin; pattern.sends.len()];
        for _ in 0..TREE_SLICES {
            for (at, send) in pattern.sends.iter().enumerate() {
                let mut after: Vec<ActivityId> = vec![busy[at]];
                after.extend(send.after.iter().map(|before| busy[*before]));
                busy[at] = program.add(&Activity {
                    work: self.bytes * send.share / TREE_SLICES as f64,
                    demands: demands[at].as_slice(),
                    after: &after,
                    ..Activity::default()
                });
            }
        }
        busy
    }
}
