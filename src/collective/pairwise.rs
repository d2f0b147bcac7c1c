//! Every rank to every other: all-to-all, one and two shots; gather, scatter and single sends.

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, MAX_SENDS, Paths, Pattern, Send};
use crate::spec::Diagnostic;

/// What every rank sends to every other of an uneven all-to-all, as shares of the largest rank's
/// buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    shares: Vec<Vec<f64>>,
    /// The largest rank's buffer \[B\].
    bytes: f64,
}

impl Parts {
    /// From the bytes that rank `row` sends to rank `column`.
    ///
    /// # Errors
    /// The matrix is not square, holds a negative or infinite number, or nobody sends anything.
    pub fn new(bytes: Vec<Vec<f64>>) -> Result<Self, Diagnostic> {
        let n = bytes.len();
        for (rank, row) in bytes.iter().enumerate() {
            if row.len() != n {
                return Err(Diagnostic::new(format!(
                    "rank {rank} has {} sizes; expected {n}, one for every rank",
                    row.len()
                )));
            }
            if let Some(wrong) = row.iter().find(|size| !(size.is_finite() && **size >= 0.0)) {
                return Err(Diagnostic::new(format!(
                    "rank {rank} sends {wrong} bytes; expected 0 or more"
                )));
            }
        }
        let largest = bytes.iter().map(|row| row.iter().sum()).fold(0.0, f64::max);
        let apart = |(rank, row): (usize, &Vec<f64>)| {
            let others = row.iter().enumerate().filter(|(to, _)| *to != rank);
            others.map(|(_, size)| size).sum::<f64>() > 0.0
        };
        if !bytes.iter().enumerate().any(apart) {
            return Err(Diagnostic::new("no rank sends anything to another"));
        }
        let shares = bytes.into_iter().map(|row| {
            let shares = row.into_iter().map(|size| size / largest);
            shares.collect()
        });
        Ok(Self {
            shares: shares.collect(),
            bytes: largest,
        })
    }

    /// Ranks.
    pub fn ranks(&self) -> usize {
        self.shares.len()
    }

    /// The largest rank's buffer \[B\]: the size of the collective.
    pub fn bytes(&self) -> f64 {
        self.bytes
    }
}

impl<'c> Communicator<'c> {
    /// One and two shots: every rank reads from every other.
    pub(super) fn shots(&self, algorithm: Algorithm) -> Option<Pattern> {
        let n = self.size();
        let (share, rounds) = match algorithm {
            Algorithm::OneShot => (1.0, 1),
            _ => (2.0 / n as f64, 2),
        };
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
        let form = Form::rounds(rounds, sends.len());
        let steps = (rounds, 0);
        Some(Pattern::of_sends(algorithm, form, sends, steps, &paths))
    }

    /// Every rank sends a part to every other: all-to-all; gather and scatter use one row of it.
    pub(super) fn pairwise(&self, operation: Operation) -> Option<Pattern> {
        let algorithm = match operation {
            Operation::AllToAll => Algorithm::Pairwise,
            _ => Algorithm::PointToPoint,
        };
        self.exchange(operation, algorithm, |paths, from, to, share| {
            paths.send(from, to, share)
        })
    }

    /// All-to-all between machines where a GPU hands what is for another rail to its neighbour on
    /// that rail (PXN): the network sees traffic within rails only. None where a machine's GPUs
    /// have no links to each other, or the machines differ.
    pub(super) fn pairwise_pxn(&self, operation: Operation) -> Option<Pattern> {
        let each = self.machines.first()?.len();
        let alike = self.machines.iter().all(|members| members.len() == each);
        if operation != Operation::AllToAll || self.machines.len() < 2 || !alike || each < 2 {
            return None;
        }
        let mut place = vec![(0, 0); self.size()];
        for (machine, members) in self.machines.iter().enumerate() {
            for (rail, rank) in members.iter().enumerate() {
                place[*rank] = (machine, rail);
            }
        }
        self.exchange(
            operation,
            Algorithm::PairwisePxn,
            |paths, from, to, share| {
                let ((near, rail), (far, other)) = (place[from], place[to]);
                if near == far || rail == other {
                    return paths.send(from, to, share);
                }
                paths.relayed(from, self.machines[near][other], to, share)
            },
        )
    }

    /// All sends of an operation, each made by `send`.
    fn exchange<'b>(
        &'b self,
        operation: Operation,
        algorithm: Algorithm,
        mut send: impl FnMut(&mut Paths<'c, 'b>, usize, usize, f64) -> Option<Send>,
    ) -> Option<Pattern> {
        let n = self.size();
        let wanted = |from: usize, to: usize| match operation {
            Operation::AllToAll => from != to,
            Operation::Gather => from != 0 && to == 0,
            Operation::Scatter => from == 0 && to != 0,
            _ => to == (from + 1) % n,
        };
        if operation == Operation::AllToAll && n * n > MAX_SENDS {
            return None;
        }
        let parts = self
            .parts
            .as_ref()
            .filter(|_| operation == Operation::AllToAll);
        let share = |from: usize, to: usize| match (parts, operation) {
            (Some(parts), _) => parts.shares[from][to],
            (None, Operation::SendRecv) => 1.0,
            _ => 1.0 / n as f64,
        };
        let mut paths = Paths::new(self);
        let mut sends = Vec::new();
        for from in 0..n {
            for to in (0..n).filter(|to| wanted(from, *to)) {
                let share = share(from, to);
                if share > 0.0 {
                    sends.push(send(&mut paths, from, to, share)?);
                }
            }
        }
        let several = self.machines.len() > 1;
        let steps = (usize::from(!several), usize::from(several));
        let form = Form::rounds(1, sends.len());
        Some(Pattern::of_sends(algorithm, form, sends, steps, &paths))
    }
}
