//! What an algorithm asks of the machine: who sends what to whom, and so the demands of a byte.

use rustc_hash::FxHashMap;

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::ring::edge_demands;
use crate::fabric::{Demands, PeerRule, TransferPath, Transport, transfer};

/// VRAM traffic at the receiver per byte that arrives: it is written into the library's buffer,
/// read from there, and one local operand is read or the result written. Through host memory the
/// buffer is not in VRAM.
const VRAM_PER_BYTE: f64 = 3.0;
const VRAM_PER_STAGED_BYTE: f64 = 2.0;

/// Most sends of one pattern: a guard against all-to-all over thousands of ranks.
const MAX_SENDS: usize = 1 << 17;

/// How the sends of a pattern follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Along the communicator's rings.
    Ring,
    /// So many rounds in which every send carries its equal part.
    Rounds(usize),
    /// Slices flow through the sends in order, one behind the other.
    Pipeline,
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
        Some(Send {
            from,
            to,
            share,
            demands: with_vram(communicator, &path, to),
            after: Vec::new(),
        })
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
        let mut demands = Demands::default();
        for send in &sends {
            demands.add_scaled(&send.demands, send.share);
        }
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
}

impl Communicator<'_> {
    /// The rings of the communicator.
    pub(super) fn ring_pattern(&self, operation: Operation) -> Pattern {
        let machines = self.machines.len();
        let steps = operation.steps(self.size());
        let network_steps = match operation {
            _ if machines == 1 => 0,
            Operation::AllReduce => 2 * (machines - 1),
            _ => machines - 1,
        };
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

    /// One and two shots: every rank reads from every other.
    pub(super) fn shots(&self, algorithm: Algorithm) -> Option<Pattern> {
        let n = self.size() as f64;
        let (share, rounds) = match algorithm {
            Algorithm::OneShot => (1.0, 1),
            _ => (2.0 / n, 2),
        };
        self.every_pair(algorithm, rounds, share)
    }

    /// Every rank sends a part to every other: all-to-all; gather and scatter use one row of it.
    pub(super) fn pairwise(&self, operation: Operation) -> Option<Pattern> {
        let n = self.size();
        let mut paths = Paths::new(self);
        let wanted = |from: usize, to: usize| match operation {
            Operation::AllToAll => from != to,
            Operation::Gather => from != 0 && to == 0,
            Operation::Scatter => from == 0 && to != 0,
            _ => to == (from + 1) % n,
        };
        let share = match operation {
            Operation::SendRecv => 1.0,
            _ => 1.0 / n as f64,
        };
        if operation == Operation::AllToAll && n * n > MAX_SENDS {
            return None;
        }
        let mut sends = Vec::new();
        for from in 0..n {
            for to in (0..n).filter(|to| wanted(from, *to)) {
                sends.push(paths.send(from, to, share)?);
            }
        }
        let several = self.machines.len() > 1;
        let steps = (usize::from(!several), usize::from(several));
        let form = Form::Rounds(1);
        Some(Pattern::of_sends(
            Algorithm::Pairwise,
            form,
            sends,
            steps,
            &paths,
        ))
    }

    fn every_pair(&self, algorithm: Algorithm, rounds: usize, share: f64) -> Option<Pattern> {
        let n = self.size();
        if n * n > MAX_SENDS || self.machines.len() > 1 {
            return None;
        }
        let mut paths = Paths::new(self);
        let mut sends = Vec::new();
        for from in 0..n {
            for to in (0..n).filter(|to| *to != from) {
                sends.push(paths.send(from, to, share)?);
            }
        }
        let form = Form::Rounds(rounds);
        Some(Pattern::of_sends(
            algorithm,
            form,
            sends,
            (rounds, 0),
            &paths,
        ))
    }
}
