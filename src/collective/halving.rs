//! Recursive halving and doubling.
//!
//! Partners at distance 1, 2, 4… exchange a half, a quarter, an eighth… of the buffer; then the
//! same backwards (Rabenseifner 2004, vector halving and distance doubling): 2 log2 p steps and
//! 2(p−1)/p of the size out of every rank (Thakur, Rabenseifner, Gropp 2005, §4.5). The largest
//! exchanges are between neighbours in the group. Ranks beyond the largest power of two hand their
//! buffer to a neighbour first and get the result last: 2 more steps of the whole size.

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, Paths, Pattern, Send, Stage};

/// Stages under construction.
#[derive(Default)]
pub(super) struct Stages {
    pub sends: Vec<Send>,
    pub stages: Vec<Stage>,
}

impl Stages {
    /// Appends a stage; an empty one is left out.
    pub(super) fn push(&mut self, sends: Vec<Send>, rounds: usize) {
        let first = self.sends.len();
        self.sends.extend(sends);
        if self.sends.len() > first {
            self.stages.push(Stage {
                sends: first..self.sends.len(),
                rounds: rounds.max(1),
            });
        }
    }
}

impl Communicator<'_> {
    /// Halving, doubling or both, or none: parts of an all-gather or reduce-scatter need a power of
    /// two of ranks.
    pub(super) fn halving_doubling(&self, operation: Operation) -> Option<Pattern> {
        let n = self.size();
        let power = 1 << n.ilog2();
        let extra = n - power;
        if extra > 0 && operation != Operation::AllReduce {
            return None;
        }
        // Of the first 2 · extra ranks only the odd ones take part.
        let active: Vec<usize> = (0..n)
            .filter(|rank| *rank >= 2 * extra || rank % 2 == 1)
            .collect();
        let mut paths = Paths::new(self);
        let mut stages = Stages::default();
        let odd_one_out = |paths: &mut Paths<'_, '_>, back: bool| {
            let pair = (0..extra).map(|pair| (2 * pair, 2 * pair + 1));
            let sends = pair.map(|(a, b)| {
                if back {
                    paths.send(b, a, 1.0)
                } else {
                    paths.send(a, b, 1.0)
                }
            });
            sends.collect::<Option<Vec<_>>>()
        };
        stages.push(odd_one_out(&mut paths, false)?, 1);
        let levels = power.ilog2();
        let mut exchange = |stages: &mut Stages, level: u32| {
            let distance = 1 << level;
            let share = match operation {
                // What a rank of an all-gather has doubles: the distance is its count of parts.
                Operation::AllGather => distance as f64 / power as f64,
                _ => 0.5 / distance as f64,
            };
            let sends = (0..power).map(|at| paths.send(active[at], active[at ^ distance], share));
            stages.push(sends.collect::<Option<Vec<_>>>()?, 1);
            Some(())
        };
        for level in 0..levels {
            exchange(&mut stages, level)?;
        }
        if operation == Operation::AllReduce {
            for level in (0..levels).rev() {
                exchange(&mut stages, level)?;
            }
        }
        stages.push(odd_one_out(&mut paths, true)?, 1);
        Some(self.staged(Algorithm::HalvingDoubling, stages, &paths))
    }

    /// A pattern of stages; a stage with a send between machines counts as steps between machines.
    pub(super) fn staged(
        &self,
        algorithm: Algorithm,
        all: Stages,
        paths: &Paths<'_, '_>,
    ) -> Pattern {
        let node = |rank: usize| self.fabric.topology.device(self.group[rank]).node;
        let mut steps = (0, 0);
        for stage in &all.stages {
            let mut sends = all.sends[stage.sends.clone()].iter();
            match sends.any(|send| node(send.from) != node(send.to)) {
                true => steps.1 += stage.rounds,
                false => steps.0 += stage.rounds,
            }
        }
        Pattern::of_sends(algorithm, Form::Stages(all.stages), all.sends, steps, paths)
    }
}
