//! The event loop.

use super::component::Usage;
use super::ids::{ActivityId, ResourceId};
use super::memory::Memory;
use super::program::{NONE, Program};
use super::queue::{Event, Queue};
use super::reference;
use super::solver::{MaxMin, Share, System};
use super::trace::{Interval, Trace};

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

/// How far a load may exceed a capacity by rounding.
const LOAD_TOLERANCE: f64 = 1e-9;

/// Where an activity stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Released,
    Latent,
    Working,
    Ended,
}

/// Running state of one activity.
#[derive(Debug, Clone, Copy)]
struct State {
    phase: Phase,
    pending: u32,
    generation: u32,
    /// Work left at `since`.
    left: f64,
    /// When the rate was last settled \[s\].
    since: f64,
    /// Start of the interval now open \[s\].
    opened: f64,
    share: Share,
    first_successor: u32,
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
    Ok(engine.finish())
}

/// All state of a run.
struct Engine<'a> {
    options: &'a Options<'a>,
    now: f64,
    queue: Queue,
    states: Vec<State>,
    successors: Vec<Successor>,
    usage: Usage,
    solver: MaxMin,
    memory: Memory,
    trace: Trace,
    /// Ready to start now, in the order of readiness.
    ready: Vec<ActivityId>,
    /// Ended now, not yet told to the driver.
    ended: Vec<ActivityId>,
    /// Resources whose users changed since the last solve.
    dirty: Vec<ResourceId>,
}

/// What the solver sees.
struct View<'a> {
    program: &'a Program,
    usage: &'a Usage,
    options: &'a Options<'a>,
}

impl View<'_> {
    fn scale(&self, resource: u32) -> f64 {
        match self.options.capacity_scale {
            Some(scale) if resource != NONE => scale[resource as usize],
            _ => 1.0,
        }
    }
}

impl System for View<'_> {
    fn demands(&self, id: ActivityId) -> &[(ResourceId, f64)] {
        self.program.demands(id)
    }

    fn weight(&self, id: ActivityId) -> f64 {
        self.program.activities[id.index()].weight
    }

    fn limit(&self, id: ActivityId) -> (f64, Option<ResourceId>) {
        let stored = &self.program.activities[id.index()];
        let resource = (stored.limit_resource != NONE).then_some(ResourceId(stored.limit_resource));
        (stored.limit * self.scale(stored.limit_resource), resource)
    }

    fn capacity(&self, id: ResourceId) -> f64 {
        self.program.resources[id.index()].capacity * self.scale(id.0)
    }

    fn users(&self, id: ResourceId) -> &[ActivityId] {
        self.usage.users(id)
    }
}

impl<'a> Engine<'a> {
    fn new(program: &Program, options: &'a Options<'a>) -> Self {
        Self {
            options,
            now: 0.0,
            queue: Queue::default(),
            states: Vec::with_capacity(program.len()),
            successors: Vec::new(),
            usage: Usage::default(),
            solver: MaxMin::default(),
            memory: Memory::new(program.pools.len()),
            trace: Trace::default(),
            ready: Vec::new(),
            ended: Vec::new(),
            dirty: Vec::new(),
        }
    }

    /// Takes in what the program has and the engine does not know yet.
    fn take_in(&mut self, program: &Program) {
        let known = self.states.len();
        self.usage.reserve(program.resources.len(), program.len());
        self.solver.reserve(program.resources.len(), program.len());
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
                phase: Phase::Waiting,
                pending,
                generation: 0,
                left: program.work(id),
                since: 0.0,
                opened: 0.0,
                share: Share::NONE,
                first_successor: NONE,
            });
            if pending == 0 {
                self.ready.push(id);
            }
        }
    }

    /// Time of the next valid event.
    fn next_time(&mut self) -> Option<f64> {
        while let Some(event) = self.queue.peek() {
            if self.states[event.activity.index()].generation == event.generation {
                return Some(event.time);
            }
            self.queue.pop();
        }
        None
    }

    /// Moves to `time` and applies every event that happens then.
    fn advance(&mut self, program: &Program, time: f64) {
        self.now = time;
        let horizon = time * (1.0 + SAME_TIME);
        while let Some(event) = self.queue.peek().copied() {
            if event.time > horizon {
                break;
            }
            self.queue.pop();
            let state = &self.states[event.activity.index()];
            if state.generation != event.generation {
                continue;
            }
            match state.phase {
                Phase::Released => self.ready.push(event.activity),
                Phase::Latent => self.begin_work(program, event.activity),
                Phase::Working => self.end(program, event.activity),
                Phase::Waiting | Phase::Ended => {}
            }
        }
    }

    /// Starts all that can start at this moment, then solves the rates once.
    fn settle(&mut self, driver: &mut impl Driver) -> Result<(), EngineError> {
        loop {
            while !self.ready.is_empty() {
                let ready = std::mem::take(&mut self.ready);
                for id in &ready {
                    self.start(driver.program(), *id);
                }
            }
            if self.ended.is_empty() {
                break;
            }
            for id in std::mem::take(&mut self.ended) {
                driver.completed(id, self.now);
            }
            self.take_in(driver.program());
        }
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
        let unbounded = program.demands(id).is_empty() && stored.limit.is_infinite();
        if stored.work == 0.0 || unbounded {
            self.end(program, id);
            return;
        }
        let state = &mut self.states[id.index()];
        state.phase = Phase::Working;
        state.generation += 1;
        state.since = self.now;
        state.opened = self.now;
        self.usage.join(program, id);
        self.dirty
            .extend(program.demands(id).iter().map(|(resource, _)| *resource));
        if program.demands(id).is_empty() {
            self.run_alone(program, id);
        }
    }

    /// An activity without demands has only its own limit.
    fn run_alone(&mut self, program: &Program, id: ActivityId) {
        let view = View {
            program,
            usage: &self.usage,
            options: self.options,
        };
        self.solver.solve(&view, &[id], &[]);
        self.apply(id);
    }

    /// The work is done: successors may start.
    fn end(&mut self, program: &Program, id: ActivityId) {
        if self.states[id.index()].phase == Phase::Working {
            self.close_interval(id);
            self.usage.leave(program, id);
            self.dirty
                .extend(program.demands(id).iter().map(|(resource, _)| *resource));
        }
        self.memory
            .give(&program.pools, program.memory(id), self.now);
        let state = &mut self.states[id.index()];
        state.phase = Phase::Ended;
        state.generation += 1;
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

    /// Puts the next event of an activity into the queue; earlier ones are void.
    fn schedule(&mut self, id: ActivityId, time: f64) {
        let state = &mut self.states[id.index()];
        state.generation += 1;
        self.queue.push(Event {
            time,
            activity: id,
            generation: state.generation,
        });
    }

    /// Solves what changed.
    fn solve(&mut self, program: &Program) -> Result<(), EngineError> {
        if self.dirty.is_empty() {
            return Ok(());
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        match self.options.solver {
            Solver::Incremental => {
                self.usage.begin_search();
                for resource in &dirty {
                    if self.usage.find(program, *resource) && !self.usage.activities.is_empty() {
                        self.solve_component(program)?;
                    }
                }
            }
            Solver::Full => self.solve_everything(program)?,
        }
        dirty.clear();
        self.dirty = dirty;
        Ok(())
    }

    /// Solves the component found last and applies the shares that changed.
    fn solve_component(&mut self, program: &Program) -> Result<(), EngineError> {
        let view = View {
            program,
            usage: &self.usage,
            options: self.options,
        };
        self.solver
            .solve(&view, &self.usage.activities, &self.usage.resources);
        self.trace.solves += 1;
        self.trace.solved_activities += self.usage.activities.len() as u64;
        for resource in &self.usage.resources {
            self.check_load(&view, *resource)?;
        }
        for slot in 0..self.usage.activities.len() {
            let id = self.usage.activities[slot];
            self.check_progress(program, id)?;
            self.apply(id);
        }
        Ok(())
    }

    /// Solves all running activities by the reference.
    fn solve_everything(&mut self, program: &Program) -> Result<(), EngineError> {
        let running: Vec<ActivityId> = (0..self.states.len())
            .filter(|i| self.states[*i].phase == Phase::Working)
            .map(|i| ActivityId(i as u32))
            .collect();
        let resources: Vec<ResourceId> = (0..program.resources.len())
            .map(|i| ResourceId(i as u32))
            .collect();
        let view = View {
            program,
            usage: &self.usage,
            options: self.options,
        };
        let shares = reference::solve(&view, &running, &resources);
        for (id, share) in running.iter().zip(&shares) {
            self.solver.share[id.index()] = *share;
        }
        for resource in &resources {
            self.check_load(&view, *resource)?;
        }
        for id in running {
            self.check_progress(program, id)?;
            self.apply(id);
        }
        self.trace.solves += 1;
        Ok(())
    }

    /// No resource carries more than it can.
    fn check_load(&self, view: &View<'_>, resource: ResourceId) -> Result<(), EngineError> {
        let capacity = view.capacity(resource);
        let load: f64 = view
            .users(resource)
            .iter()
            .map(|id| {
                let rate = self.solver.share[id.index()].rate;
                let of = view.demands(*id).iter().filter(|(r, _)| *r == resource);
                of.map(|(_, coefficient)| coefficient * rate).sum::<f64>()
            })
            .sum();
        if load <= capacity * (1.0 + LOAD_TOLERANCE) {
            return Ok(());
        }
        Err(EngineError::Overloaded {
            resource: view.program.resources[resource.index()].name.clone(),
            load,
            capacity,
            time: self.now,
        })
    }

    /// Every running activity moves.
    fn check_progress(&self, program: &Program, id: ActivityId) -> Result<(), EngineError> {
        let share = self.solver.share[id.index()];
        if share.rate > 0.0 {
            return Ok(());
        }
        let name = share
            .binding
            .resource()
            .map(|r| &program.resources[r.index()].name);
        Err(EngineError::Stalled {
            activity: id.0,
            resource: name.cloned().unwrap_or_default(),
        })
    }

    /// Takes over an activity's new share if it differs from the old one.
    fn apply(&mut self, id: ActivityId) {
        let new = self.solver.share[id.index()];
        let old = self.states[id.index()].share;
        if new == old {
            return;
        }
        self.close_interval(id);
        let now = self.now;
        let state = &mut self.states[id.index()];
        state.left = (state.left - old.rate * (now - state.since)).max(0.0);
        state.since = now;
        state.share = new;
        if new.rate != old.rate {
            let end = now + state.left / new.rate;
            self.schedule(id, end);
        }
    }

    /// Records the interval now open, if time has passed in it.
    fn close_interval(&mut self, id: ActivityId) {
        let state = &mut self.states[id.index()];
        if self.options.record && self.now > state.opened && state.share.rate > 0.0 {
            self.trace.intervals.push(Interval {
                activity: id,
                start: state.opened,
                end: self.now,
                rate: state.share.rate,
                binding: state.share.binding,
            });
        }
        state.opened = self.now;
    }

    /// The record of the run.
    fn finish(mut self) -> Trace {
        self.trace.memory = self.memory.finish();
        self.trace.seal();
        self.trace
    }
}
