//! The event loop.

use super::component::Usage;
use super::ids::{ActivityId, ResourceId, Slot};
use super::memory::Memory;
use super::program::{NONE, Program};
use super::queue::Queue;
use super::reference::System;
use super::resolve::View;
use super::solver::MaxMin;
use super::trace::{Binding, Interval, Trace};

/// Where the activities come from.
pub trait Driver {
    /// The program so far.
    fn program(&self) -> &Program;

    /// An activity has ended; the driver may append to its program.
    fn completed(&mut self, _activity: ActivityId, _time: f64) {}
}

/// A program that is known from the beginning.
#[derive(Debug, Clone, Copy)]
pub struct Static<'a>(pub &'a Program);

impl Driver for Static<'_> {
    fn program(&self) -> &Program {
        self.0
    }
}

/// Which solver finds the rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Solver {
    /// Only the connected component that changed.
    #[default]
    Incremental,
    /// Everything anew after every event, by the plain reference.
    Full,
}

/// How to run.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Whether to keep the intervals of every activity.
    pub record: bool,
    /// The solver.
    pub solver: Solver,
    /// Factor on the capacity of each resource; all 1 where absent.
    pub capacity_scale: Option<&'a [f64]>,
    /// Factor on every latency.
    pub latency_scale: f64,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            record: true,
            solver: Solver::Incremental,
            capacity_scale: None,
            latency_scale: 1.0,
        }
    }
}

/// Why a run has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EngineError {
    /// An activity has work but a rate of zero.
    #[error("activity {activity} can never end: resource `{resource}` has no capacity")]
    Stalled {
        /// Which activity.
        activity: u32,
        /// The resource without capacity.
        resource: String,
    },
    /// A resource was given more load than it can carry: a bug of the solver.
    #[error(
        "resource `{resource}` carried {load} at t={time} s, more than its capacity {capacity}"
    )]
    Overloaded {
        /// Which resource.
        resource: String,
        /// Its load \[units/s\].
        load: f64,
        /// Its capacity \[units/s\].
        capacity: f64,
        /// When \[s\].
        time: f64,
    },
}

/// Two events this near, relative to the time itself, happen together: it is the rounding that
/// adding up the same durations in another order leaves.
const SAME_TIME: f64 = 1e-13;

/// Where an activity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Released,
    Latent,
    Working,
    Ended,
}

/// How far the work of a running activity is.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Work left at `since`.
    left: f64,
    /// When the rate was last settled \[s\].
    since: f64,
    /// Start of the interval now open \[s\].
    opened: f64,
    binding: Binding,
}

/// State of one activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// When its next event is due \[s\]; not a number while none is.
    due: f64,
    /// Time under which it stands in the queue, never after `due`; not a number while it does not.
    queued: f64,
    pending: u32,
    first_successor: u32,
    /// Its place among the running ones while it works.
    slot: Slot,
    phase: Phase,
}

/// One edge of the successor lists.
#[derive(Debug, Clone, Copy)]
struct Successor {
    activity: ActivityId,
    next: u32,
}

/// Runs a driver's program to its end.
///
/// # Errors
/// See [`EngineError`].
pub fn run(driver: &mut impl Driver, options: &Options<'_>) -> Result<Trace, EngineError> {
    let mut engine = Engine::new(driver.program(), options);
    engine.take_in(driver.program());
    engine.settle(driver)?;
    while let Some(time) = engine.next_time() {
        engine.advance(driver.program(), time);
        engine.settle(driver)?;
    }
    Ok(engine.finish(driver.program()))
}

/// All state of a run.
pub(super) struct Engine<'a> {
    pub(super) options: &'a Options<'a>,
    pub(super) now: f64,
    queue: Queue,
    states: Vec<State>,
    /// By slot.
    progress: Vec<Progress>,
    successors: Vec<Successor>,
    pub(super) usage: Usage,
    pub(super) solver: MaxMin,
    memory: Memory,
    pub(super) trace: Trace,
    /// Ready to start now, in the order of readiness.
    ready: Vec<ActivityId>,
    /// Ended now, not yet told to the driver.
    ended: Vec<ActivityId>,
    /// Due at the same moment; kept for its space.
    batch: Vec<ActivityId>,
    /// Began to work since the last solve.
    pub(super) begun: Vec<Slot>,
    /// Full resources that an activity left since the last solve, with the level it had there.
    pub(super) freed: Vec<(f64, ResourceId)>,
}

impl<'a> Engine<'a> {
    fn new(program: &Program, options: &'a Options<'a>) -> Self {
        Self {
            options,
            now: 0.0,
            queue: Queue::default(),
            states: Vec::with_capacity(program.len()),
            progress: Vec::new(),
            successors: Vec::new(),
            usage: Usage::default(),
            solver: MaxMin::default(),
            memory: Memory::new(program.pools.len()),
            trace: Trace::default(),
            ready: Vec::new(),
            ended: Vec::new(),
            batch: Vec::new(),
            begun: Vec::new(),
            freed: Vec::new(),
        }
    }

    /// Takes in what the program has and the engine does not know yet.
    fn take_in(&mut self, program: &Program) {
        let known = self.states.len();
        if known == program.len() {
            return;
        }
        let view = View {
            program,
            options: self.options,
        };
        let new = (self.usage.resources()..program.resources.len()).map(|id| ResourceId(id as u32));
        self.usage.reserve(new.map(|id| view.capacity(id)));
        self.trace.start.resize(program.len(), f64::NAN);
        self.trace.work_start.resize(program.len(), f64::NAN);
        self.trace.end.resize(program.len(), f64::NAN);
        self.trace.enabled_by.resize(program.len(), None);
        for index in known..program.len() {
            let id = ActivityId(index as u32);
            let mut pending = 0;
            for before in program.after(id) {
                let state = &mut self.states[before.index()];
                if state.phase != Phase::Ended {
                    self.successors.push(Successor {
                        activity: id,
                        next: state.first_successor,
                    });
                    state.first_successor = (self.successors.len() - 1) as u32;
                    pending += 1;
                }
            }
            self.states.push(State {
                due: f64::NAN,
                queued: f64::NAN,
                pending,
                first_successor: NONE,
                slot: Slot(NONE),
                phase: Phase::Waiting,
            });
            if pending == 0 {
                self.ready.push(id);
            }
        }
    }

    /// Time of the next event that is not void.
    fn next_time(&mut self) -> Option<f64> {
        while let Some((time, events)) = self.queue.peek() {
            if events.iter().any(|id| self.states[id.index()].due == time) {
                return Some(time);
            }
            let mut batch = std::mem::take(&mut self.batch);
            batch.clear();
            self.queue.pop(&mut batch);
            for id in &batch {
                self.postpone(*id, time);
            }
            self.batch = batch;
        }
        None
    }

    /// Moves to `time` and applies every event that happens then, in the order of the activities.
    fn advance(&mut self, program: &Program, time: f64) {
        self.now = time;
        let horizon = time * (1.0 + SAME_TIME);
        let mut batch = std::mem::take(&mut self.batch);
        batch.clear();
        while self.queue.peek().is_some_and(|(at, _)| at <= horizon) {
            self.queue.pop(&mut batch);
        }
        // Made of sorted runs, which the stable sort merges.
        batch.sort();
        batch.dedup();
        self.leave_resources(program, &batch, horizon);
        for id in &batch {
            let state = &mut self.states[id.index()];
            let due = state.due <= horizon;
            if !due {
                self.postpone(*id, horizon);
                continue;
            }
            state.due = f64::NAN;
            state.queued = f64::NAN;
            match state.phase {
                Phase::Released => self.ready.push(*id),
                Phase::Latent => self.begin_work(program, *id),
                Phase::Working => self.end(program, *id),
                Phase::Waiting | Phase::Ended => {}
            }
        }
        self.batch = batch;
        let states = &self.states;
        self.queue.sweep(|id| states[id.index()].queued);
    }

    /// Those of a batch whose work is done leave their resources: the last first, since those who
    /// came together stand in a row, and the last of a row leaves without moving another.
    fn leave_resources(&mut self, program: &Program, batch: &[ActivityId], horizon: f64) {
        for id in batch.iter().rev() {
            let state = &self.states[id.index()];
            if state.phase == Phase::Working && state.due <= horizon {
                self.usage.leave(state.slot);
            }
        }
        for id in batch {
            let State {
                phase, due, slot, ..
            } = self.states[id.index()];
            if phase == Phase::Working && due <= horizon {
                self.close_interval(slot);
                let level = self.solver.pace[slot.index()].level;
                for (resource, _) in program.demands(*id) {
                    if self.usage.filling(*resource).full && !self.usage.users(*resource).is_empty()
                    {
                        self.freed.push((level, *resource));
                    }
                }
            }
        }
    }

    /// Starts all that can start at this moment, then solves the rates once.
    fn settle(&mut self, driver: &mut impl Driver) -> Result<(), EngineError> {
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            while !self.ready.is_empty() {
                batch.clear();
                std::mem::swap(&mut batch, &mut self.ready);
                for id in &batch {
                    self.start(driver.program(), *id);
                }
            }
            if self.ended.is_empty() {
                break;
            }
            batch.clear();
            std::mem::swap(&mut batch, &mut self.ended);
            for id in &batch {
                driver.completed(*id, self.now);
            }
            self.take_in(driver.program());
        }
        self.batch = batch;
        self.solve(driver.program())
    }

    /// An activity has all it waits for: it waits for its release, or begins.
    fn start(&mut self, program: &Program, id: ActivityId) {
        let stored = &program.activities[id.index()];
        if stored.release > self.now {
            self.states[id.index()].phase = Phase::Released;
            self.trace.enabled_by[id.index()] = None;
            self.schedule(id, stored.release);
            return;
        }
        self.trace.start[id.index()] = self.now;
        self.memory
            .take(&program.pools, program.memory(id), self.now);
        let latency = stored.latency * self.options.latency_scale;
        if latency > 0.0 {
            self.states[id.index()].phase = Phase::Latent;
            self.schedule(id, self.now + latency);
        } else {
            self.begin_work(program, id);
        }
    }

    /// The latency is over: the activity joins its resources, or ends if it has no work.
    fn begin_work(&mut self, program: &Program, id: ActivityId) {
        self.trace.work_start[id.index()] = self.now;
        let stored = &program.activities[id.index()];
        let unbounded = stored.limit.is_infinite() && program.demands(id).is_empty();
        if stored.work == 0.0 || unbounded {
            self.end(program, id);
            return;
        }
        let view = View {
            program,
            options: self.options,
        };
        let slot = self.usage.join(program, id, view.limit_scale(id));
        self.solver.begin(slot);
        self.begun.push(slot);
        let progress = Progress {
            left: stored.work,
            since: self.now,
            opened: self.now,
            binding: Binding::Limit(None),
        };
        match self.progress.get_mut(slot.index()) {
            Some(place) => *place = progress,
            None => self.progress.push(progress),
        }
        let state = &mut self.states[id.index()];
        state.phase = Phase::Working;
        state.slot = slot;
    }

    /// The work is done: successors may start.
    fn end(&mut self, program: &Program, id: ActivityId) {
        self.memory
            .give(&program.pools, program.memory(id), self.now);
        let state = &mut self.states[id.index()];
        state.phase = Phase::Ended;
        state.due = f64::NAN;
        state.queued = f64::NAN;
        self.trace.end[id.index()] = self.now;
        self.trace.makespan = self.now;
        self.ended.push(id);
        let mut edge = state.first_successor;
        while edge != NONE {
            let Successor { activity, next } = self.successors[edge as usize];
            let successor = &mut self.states[activity.index()];
            successor.pending -= 1;
            if successor.pending == 0 {
                self.trace.enabled_by[activity.index()] = Some(id);
                self.ready.push(activity);
            }
            edge = next;
        }
    }

    /// The next event of an activity. One that stands in the queue for a later time is void; one
    /// for an earlier time stays, and is put back when its time comes.
    fn schedule(&mut self, id: ActivityId, time: f64) {
        let state = &mut self.states[id.index()];
        state.due = time;
        if state.queued <= time {
            return;
        }
        state.queued = time;
        self.queue.push(time, id);
    }

    /// An event has come out of the queue no later than `time`, before it was due: if it is the
    /// one that stands for the activity, it goes back.
    fn postpone(&mut self, id: ActivityId, time: f64) {
        let state = &mut self.states[id.index()];
        if state.queued <= time {
            state.queued = state.due;
            if state.due.is_finite() {
                self.queue.push(state.due, id);
            }
        }
    }

    /// An activity goes on at a new pace, or under a new binding.
    pub(super) fn set_pace(&mut self, slot: Slot, rate: f64, level: f64, binding: Binding) {
        self.close_interval(slot);
        let now = self.now;
        let pace = &mut self.solver.pace[slot.index()];
        let old = std::mem::replace(&mut pace.rate, rate);
        pace.level = level;
        pace.bound = match binding {
            Binding::Resource(resource) => resource.0,
            Binding::Limit(_) => NONE,
        };
        let progress = &mut self.progress[slot.index()];
        progress.left = (progress.left - old * (now - progress.since)).max(0.0);
        progress.since = now;
        progress.binding = binding;
        if rate != old {
            let end = now + progress.left / rate;
            self.schedule(self.usage.activity(slot), end);
        }
    }

    /// What holds a running activity down now.
    pub(super) fn binding(&self, slot: Slot) -> Binding {
        self.progress[slot.index()].binding
    }

    /// The running activities, in the order of the program.
    pub(super) fn running(&self) -> Vec<Slot> {
        let working = self.states.iter().filter(|s| s.phase == Phase::Working);
        working.map(|state| state.slot).collect()
    }

    /// Records the interval now open, if time has passed in it.
    fn close_interval(&mut self, slot: Slot) {
        let progress = &mut self.progress[slot.index()];
        let rate = self.solver.pace[slot.index()].rate;
        if self.options.record && self.now > progress.opened && rate > 0.0 {
            self.trace.intervals.push(Interval {
                activity: self.usage.activity(slot),
                start: progress.opened,
                end: self.now,
                rate,
                binding: progress.binding,
            });
        }
        progress.opened = self.now;
    }

    /// The record of the run.
    fn finish(mut self, program: &Program) -> Trace {
        self.trace.memory = self.memory.finish(&program.pools);
        self.trace.seal();
        self.trace
    }
}
