//! What stands behind each activity of a program.

use std::borrow::Cow;

use crate::engine::{Folded, Program, fold};
use crate::topology::DeviceId;

/// Where in a picture of the step an activity belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The compute stream of a rank.
    Compute(u32),
    /// Communication of the group that this rank leads.
    Communication(u32),
    /// The host thread of a rank.
    Host(u32),
    /// A flow of its own.
    Flow(u32),
    /// Bookkeeping without duration.
    Nowhere,
}

/// What an activity is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// What a person calls it.
    pub name: &'static str,
    /// Layer of the network, if it belongs to one.
    pub layer: Option<u32>,
    /// Where it runs.
    pub lane: Lane,
    /// The kernel's figures, if it is one: an index into [`Phase::kernels`].
    pub kernel: Option<u32>,
    /// The size of a collective or flow \[B\]; 0 for others.
    pub bytes: f64,
}

/// A kernel's figures, shared by every rank that runs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelTask {
    /// What a person calls it.
    pub name: &'static str,
    /// Useful operations \[FLOP\].
    pub flops: f64,
    /// Bytes that VRAM moves, or the last-level cache in its place.
    pub bytes: f64,
}

/// One flow of a flow list.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowTask {
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// Size \[B\].
    pub bytes: f64,
    /// Asked-for start \[s\].
    pub start_s: f64,
}

/// What a plan produces per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tokens trained on or generated.
    Tokens,
    /// Bytes moved.
    Bytes,
}

/// A program that is simulated once and happens `repeat` times.
#[derive(Debug, Clone)]
pub struct Phase {
    /// Its name: `step`, `prefill`, `decode`, `flows`.
    pub name: &'static str,
    /// How often it happens in one step of the workload; negative for what others have too often.
    pub repeat: f64,
    /// What to run; its first resources are the fabric's.
    pub program: Program,
    /// The program's classes, where it folds and folding is on.
    pub folded: Option<Folded>,
    /// By activity.
    pub tasks: Vec<Task>,
    /// Distinct kernels.
    pub kernels: Vec<KernelTask>,
    /// Flows by lane number, for a list of flows.
    pub flows: Vec<FlowTask>,
}

/// Fewest activities that are worth looking for symmetry in.
const WORTH_FOLDING: usize = 256;

impl Phase {
    /// Looks for symmetry.
    #[must_use]
    pub(super) fn folded(mut self) -> Self {
        if self.program.len() >= WORTH_FOLDING {
            self.folded = fold(&self.program);
        }
        self
    }

    /// The classes of the program, found now where it was not folded before.
    pub fn classes(&self) -> Option<Cow<'_, Folded>> {
        match &self.folded {
            Some(folded) => Some(Cow::Borrowed(folded)),
            None => fold(&self.program).map(Cow::Owned),
        }
    }
}

/// A workload on a machine, ready to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The workload's name.
    pub workload: String,
    /// One sentence about the workload.
    pub title: String,
    /// The phases of one step, in order.
    pub phases: Vec<Phase>,
    /// Where the second phase is the first less a period: the same less another. As long as the
    /// periods are alike, the plan says what a step with all of them does.
    pub steady: Option<Phase>,
    /// Units produced in one step.
    pub produced: f64,
    /// What is produced.
    pub unit: Unit,
    /// GPUs that the job uses, those that a rank stands for included; 0 for flows.
    pub gpus: u64,
    /// Devices by rank that runs; empty for flows.
    pub ranks: Vec<DeviceId>,
    /// The ranks of the whole job that each of them stands for, itself among them, in order.
    pub represented: Vec<Vec<u32>>,
    /// Facts to show beside the result: parallelism, framework, library.
    pub facts: Vec<(String, String)>,
}

impl Plan {
    /// Every activity on its own, whether or not others do the same.
    pub fn unfold(&mut self) {
        let phases = self.phases.iter_mut().chain(&mut self.steady);
        phases.for_each(|phase| phase.folded = None);
    }
}
