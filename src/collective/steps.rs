//! The same ring collective as single sends: one activity per channel, step and rank.

use super::channels::Channel;
use super::communicator::Communicator;
use super::operation::Operation;
use super::ring::{hop_demands, used_hops};
use crate::engine::{Activity, ActivityId, Program};
use crate::fabric::Demands;
use crate::spec::{Diagnostic, ProtocolSpec};

/// Appends every send of a collective to `program`, whose first resources are the fabric's.
/// Returns the activities that end it.
///
/// # Errors
/// No protocol of the library works on these channels.
pub fn expand_steps(
    communicator: &Communicator<'_>,
    operation: Operation,
    bytes: f64,
    program: &mut Program,
) -> Result<Vec<ActivityId>, Diagnostic> {
    let plan = communicator.plan(operation, bytes)?;
    let Some(protocol) = communicator.library.protocols.get(&plan.protocol) else {
        return Ok(Vec::new());
    };
    let begin = program.add(&Activity {
        latency: protocol.base.value.0,
        ..Activity::default()
    });
    let rate = plan.bytes / (plan.alone_s - plan.latency_s);
    let mut ends = Vec::new();
    for channel in &communicator.channels {
        let sends = Sends {
            hops: used_hops(operation, communicator.size())
                .map(|hop| send_demands(communicator, channel, hop, operation, protocol, rate))
                .collect(),
            latency: communicator.hop_latency(protocol),
            begin,
        };
        ends.extend(match operation {
            Operation::Broadcast => {
                let slice = communicator.slice(bytes) * channel.share;
                sends.chain(program, bytes * channel.share, slice)
            }
            _ => {
                let steps = operation.steps(communicator.size());
                let chunk = bytes * operation.edge_factor(communicator.size()) / steps as f64;
                sends.ring(program, steps, chunk * channel.share)
            }
        });
    }
    Ok(ends)
}

/// Demands of one byte sent over a hop, the sender's compute units included.
fn send_demands(
    communicator: &Communicator<'_>,
    channel: &Channel,
    hop: usize,
    operation: Operation,
    protocol: &ProtocolSpec,
    rate: f64,
) -> Demands {
    let mut demands = Demands::default();
    let per_byte = hop_demands(communicator, channel, hop);
    demands.add_scaled(&per_byte, 1.0 / protocol.bandwidth_share.value.0);
    let sender = communicator.group[channel.order[hop]];
    if let Some(share) = communicator.channel_share(sender)
        && let Some(gpu) = communicator.fabric.gpu(sender)
    {
        let sent_per_byte = operation.edge_factor(communicator.size());
        demands.add(gpu.compute, share / (rate * sent_per_byte));
    }
    demands
}

/// The sends of one channel.
struct Sends {
    /// Demands per byte of each hop.
    hops: Vec<Demands>,
    /// Latency of a step \[s\].
    latency: f64,
    /// What all first sends wait for.
    begin: ActivityId,
}

impl Sends {
    /// In every step each rank sends a chunk on, once its own last send is done and the chunk has
    /// arrived.
    fn ring(&self, program: &mut Program, steps: usize, chunk: f64) -> Vec<ActivityId> {
        let n = self.hops.len();
        let mut last = vec![self.begin; n];
        for _ in 0..steps {
            let step: Vec<ActivityId> = (0..n)
                .map(|rank| {
                    let received = last[(rank + n - 1) % n];
                    program.add(&Activity {
                        latency: self.latency,
                        work: chunk,
                        demands: self.hops[rank].as_slice(),
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
    fn chain(&self, program: &mut Program, bytes: f64, slice: f64) -> Vec<ActivityId> {
        let slices = (bytes / slice).ceil().max(1.0);
        let mut busy = vec![self.begin; self.hops.len()];
        let mut arrived = self.begin;
        for _ in 0..slices as u64 {
            arrived = self.begin;
            for (hop, demands) in self.hops.iter().enumerate() {
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
}
