//! What an algorithm asks of the machine: who sends what to whom, and so the demands of a byte.

use rustc_hash::FxHashMap;

use std::ops::Range;

use super::algorithm::Algorithm;
use super::bandwidth::alone;
use super::communicator::Communicator;
use super::operation::Operation;
use super::ring::edge_demands;
use crate::engine::ResourceId;
use crate::fabric::{Demands, Fabric, PeerRule, TransferPath, Transport, transfer};

/// VRAM traffic at the receiver per byte that arrives: it is written into the library's buffer,
/// read from there, and one local operand is read or the result written. Through host memory the
/// buffer is not in VRAM.
const VRAM_PER_BYTE: f64 = 3.0;
const VRAM_PER_STAGED_BYTE: f64 = 2.0;

/// VRAM traffic of a byte that a GPU hands on: written, then read.
const VRAM_PER_RELAYED_BYTE: f64 = 2.0;

/// Most sends of one pattern: a guard against all-to-all over thousands of ranks.
pub(super) const MAX_SENDS: usize = 1 << 17;

/// How the sends of a pattern follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// Along the communicator's rings.
    Ring,
    /// One stage after the other.
    Stages(Vec<Stage>),
    /// Slices flow through the sends in order, one behind the other.
    Pipeline,
}

/// Sends that go on side by side, in so many rounds in which each carries its equal part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    /// Places in the pattern's list.
    pub sends: Range<usize>,
    /// Rounds; each waits for the one before.
    pub rounds: usize,
}

impl Form {
    /// One stage of all of so many sends.
    pub(super) fn rounds(rounds: usize, sends: usize) -> Self {
        Self::Stages(vec![Stage {
            sends: 0..sends,
            rounds,
        }])
    }
}

/// One sender and one receiver.
#[derive(Debug, Clone)]
pub(super) struct Send {
    /// Sender's rank.
    pub from: usize,
    /// Receiver's rank.
    pub to: usize,
    /// Bytes per byte of the collective's size.
    pub share: f64,
    /// Demands per byte sent.
    pub demands: Demands,
    /// Sends that bring a slice to the sender.
    pub after: Vec<usize>,
}

/// An algorithm on a communicator.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub algorithm: Algorithm,
    pub form: Form,
    /// Empty for rings, which the channels describe.
    pub sends: Vec<Send>,
    /// Demands per byte of size.
    pub demands: Demands,
    pub channels: usize,
    /// Dependent steps inside machines.
    pub local_steps: usize,
    /// Dependent steps between machines.
    pub network_steps: usize,
    /// Slowest kind of path.
    pub transport: Transport,
    /// Longest time of the first byte between machines \[s\].
    pub network_latency_s: f64,
}

/// Paths between ranks, each found once, and what they have in common.
pub(super) struct Paths<'a, 'b> {
    communicator: &'b Communicator<'a>,
    known: FxHashMap<(usize, usize), TransferPath>,
    pub transport: Transport,
    pub network_latency_s: f64,
}

impl<'a, 'b> Paths<'a, 'b> {
    pub(super) fn new(communicator: &'b Communicator<'a>) -> Self {
        Self {
            communicator,
            known: FxHashMap::default(),
            transport: Transport::GpuLink,
            network_latency_s: 0.0,
        }
    }

    /// A send of `share` bytes per byte of size, VRAM at the receiver included.
    pub(super) fn send(&mut self, from: usize, to: usize, share: f64) -> Option<Send> {
        let path = self.path(from, to)?;
        Some(Send {
            from,
            to,
            share,
            demands: with_vram(self.communicator, &path, to),
            after: Vec::new(),
        })
    }

    /// The same by way of another rank, whose memory holds what passes for a moment.
    pub(super) fn relayed(
        &mut self,
        from: usize,
        by: usize,
        to: usize,
        share: f64,
    ) -> Option<Send> {
        let first = self.path(from, by)?;
        let mut send = self.send(by, to, share)?;
        send.from = from;
        send.demands.add_scaled(&first.demands, 1.0);
        let communicator = self.communicator;
        if let Some(gpu) = communicator.fabric.gpu(communicator.group[by]) {
            send.demands.add(gpu.vram, VRAM_PER_RELAYED_BYTE);
        }
        Some(send)
    }

    /// The same over the links of the ranks of a row, whose routers pass it on: the first sends to
    /// the last.
    pub(super) fn along(&mut self, row: &[usize], share: f64) -> Option<Send> {
        let (from, to) = (*row.first()?, *row.last()?);
        let before = row.len().checked_sub(2)?;
        let mut send = self.send(row[before], to, share)?;
        for pair in row[..=before].windows(2) {
            send.demands
                .add_scaled(&self.path(pair[0], pair[1])?.demands, 1.0);
        }
        send.from = from;
        Some(send)
    }

    /// The path between two ranks.
    fn path(&mut self, from: usize, to: usize) -> Option<TransferPath> {
        let communicator = self.communicator;
        let path = match self.known.get(&(from, to)) {
            Some(path) => path.clone(),
            None => {
                let (a, b) = (communicator.group[from], communicator.group[to]);
                let path = transfer(communicator.fabric, a, b, PeerRule::SameSwitch, true)?;
                self.known.insert((from, to), path.clone());
                path
            }
        };
        self.transport = self.transport.max(path.transport);
        if path.transport == Transport::Network {
            self.network_latency_s = self.network_latency_s.max(path.latency_s);
        }
        Some(path)
    }
}

/// Demands of a byte over a path with the VRAM traffic of its receiver.
pub(super) fn with_vram(
    communicator: &Communicator<'_>,
    path: &TransferPath,
    receiver: usize,
) -> Demands {
    let mut demands = path.demands.clone();
    if let Some(gpu) = communicator.fabric.gpu(communicator.group[receiver]) {
        let traffic = match path.transport {
            Transport::Staged => VRAM_PER_STAGED_BYTE,
            _ => VRAM_PER_BYTE,
        };
        demands.add(gpu.vram, traffic);
    }
    demands
}

impl Pattern {
    /// A pattern of single sends.
    pub(super) fn of_sends(
        algorithm: Algorithm,
        form: Form,
        sends: Vec<Send>,
        steps: (usize, usize),
        paths: &Paths<'_, '_>,
    ) -> Self {
        let parts = sends.iter().map(|send| (&send.demands, send.share));
        let demands = Demands::sum(parts);
        Self {
            algorithm,
            form,
            sends,
            demands,
            channels: 1,
            local_steps: steps.0,
            network_steps: steps.1,
            transport: paths.transport,
            network_latency_s: paths.network_latency_s,
        }
    }

    /// All dependent steps.
    pub(super) fn steps(&self) -> usize {
        (self.local_steps + self.network_steps).max(1)
    }

    /// The rank that sends most, and its bytes per byte of size; none of a ring.
    pub(super) fn busiest_sender(&self) -> Option<(usize, f64)> {
        let ranks = self.sends.iter().map(|send| send.from).max()? + 1;
        let mut sent = vec![0.0; ranks];
        for send in &self.sends {
            sent[send.from] += send.share;
        }
        let sent = sent.into_iter().enumerate();
        sent.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Rate of the data when nothing else runs and `share` of what the wires carry is payload
    /// \[B/s of size\], and the resource that holds up longest where stages follow each other: no
    /// stage begins before the one before it has ended, so the times of the stages add up.
    pub(super) fn rate(&self, fabric: &Fabric, share: f64) -> (f64, Option<ResourceId>) {
        let together = alone(fabric, &self.demands).0 * share;
        let Form::Stages(stages) = &self.form else {
            return (together, None);
        };
        if stages.len() < 2 {
            return (together, None);
        }
        let mut total_s = 0.0;
        let mut longest: (f64, Option<ResourceId>) = (0.0, None);
        for stage in stages {
            let sends = self.sends[stage.sends.clone()].iter();
            let load = Demands::sum(sends.map(|send| (&send.demands, send.share)));
            let (rate, resource) = alone(fabric, &load);
            let seconds = 1.0 / rate;
            total_s += seconds;
            if seconds > longest.0 {
                longest = (seconds, resource);
            }
        }
        let staged = share / total_s;
        if staged < together {
            (staged, longest.1)
        } else {
            (together, None)
        }
    }
}

impl Communicator<'_> {
    /// The rings of the communicator.
    pub(super) fn ring_pattern(&self, operation: Operation) -> Pattern {
        let machines = self.machines.len() * self.size() / self.group.len();
        let steps = operation.steps(self.size());
        let network_steps = between_machines(operation, machines, self.size());
        let paths = || self.channels.iter().flat_map(|channel| &channel.paths);
        let network = paths().filter(|path| path.transport == Transport::Network);
        Pattern {
            algorithm: Algorithm::Ring,
            form: Form::Ring,
            sends: Vec::new(),
            demands: edge_demands(self, operation),
            channels: self.channels.len(),
            local_steps: steps - network_steps,
            network_steps,
            transport: self.slowest_transport(),
            network_latency_s: network.map(|path| path.latency_s).fold(0.0, f64::max),
        }
    }
}

/// How often the part that goes farthest around a ring goes between machines. A turn crosses as
/// many such edges as there are machines; of an all-gather or reduce-scatter a part takes one edge
/// less than a turn, of an all-reduce two less than two turns, and some part leaves out edges
/// inside a machine where there are such.
fn between_machines(operation: Operation, machines: usize, size: usize) -> usize {
    if machines == 1 {
        return 0;
    }
    let turns = match operation {
        Operation::AllReduce => 2,
        Operation::AllGather | Operation::ReduceScatter => 1,
        _ => return machines - 1,
    };
    let inside = size / machines - 1;
    turns * machines - turns.saturating_sub(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_part_of_a_ring_crosses_every_edge_between_machines() {
        let steps =
            |operation, machines, each| between_machines(operation, machines, machines * each);
        assert_eq!(steps(Operation::AllGather, 2, 8), 2);
        assert_eq!(steps(Operation::AllReduce, 2, 8), 4);
        assert_eq!(steps(Operation::AllReduce, 2, 2), 3);
        assert_eq!(steps(Operation::AllReduce, 4, 1), 6);
        assert_eq!(steps(Operation::ReduceScatter, 4, 1), 3);
        assert_eq!(steps(Operation::AllReduce, 1, 8), 0);
    }
}
