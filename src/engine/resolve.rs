//! Which rates an instant's changes touch, and what they become.

use super::ids::{ActivityId, ResourceId, Slot};
use super::program::{NONE, Program};
use super::reference::{self, System};
use super::run::{Engine, EngineError, Options, Solver};
use super::solver::{Share, TOLERANCE};

/// Two rates this near, relative to themselves, are the same: the rest is rounding. A rate is
/// compared with the one that is kept, so that nothing adds up.
const SAME_RATE: f64 = 1e-14;

/// Changes of one instant that are followed one by one.
const FEW: usize = 64;

/// What a program asks for under the options of a run.
pub(super) struct View<'a> {
    pub(super) program: &'a Program,
    pub(super) options: &'a Options<'a>,
}

impl View<'_> {
    /// Factor on the limit of an activity: limits move with the resource that they come from.
    pub(super) fn limit_scale(&self, id: ActivityId) -> f64 {
        self.scale(self.program.activities[id.index()].limit_resource)
    }

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
        (stored.limit * self.limit_scale(id), resource)
    }

    fn capacity(&self, id: ResourceId) -> f64 {
        self.program.resources[id.index()].capacity * self.scale(id.0)
    }
}

impl Engine<'_> {
    /// Solves what changed since the last solve.
    pub(super) fn solve(&mut self, program: &Program) -> Result<(), EngineError> {
        if self.begun.is_empty() && self.freed.is_empty() {
            return Ok(());
        }
        let view = View {
            program,
            options: self.options,
        };
        match self.options.solver {
            Solver::Incremental => self.solve_changes(&view)?,
            Solver::Full => self.solve_everything(&view)?,
        }
        self.begun.clear();
        self.freed.clear();
        Ok(())
    }

    /// Solves around each change: a few one by one as far as they are felt, many at once.
    fn solve_changes(&mut self, view: &View<'_>) -> Result<(), EngineError> {
        if self.begun.len() + self.freed.len() <= FEW && self.solve_nearby(view)? {
            return Ok(());
        }
        self.solve_reachable(view)
    }

    /// Solves each change as far as it is felt; false if that is too far for one.
    fn solve_nearby(&mut self, view: &View<'_>) -> Result<bool, EngineError> {
        for index in 0..self.begun.len() + self.freed.len() {
            let near = match self.begun.get(index) {
                Some(slot) if self.usage.is_alone(*slot) => continue,
                Some(slot) => self.solver.solve_begun(&self.usage, *slot),
                None => {
                    let (_, resource) = self.freed[index - self.begun.len()];
                    self.solver.solve_freed(&self.usage, resource)
                }
            };
            if !near.map_err(|(resource, load)| self.overloaded(view, resource, load))? {
                return Ok(false);
            }
            self.apply_solved(view)?;
        }
        for index in 0..self.begun.len() {
            self.solve_if_alone(view, self.begun[index])?;
        }
        Ok(true)
    }

    /// An activity that meets no other needs no solver; whether it is one.
    fn solve_if_alone(&mut self, view: &View<'_>, slot: Slot) -> Result<bool, EngineError> {
        let alone = self.usage.is_alone(slot);
        if alone {
            let share = self.solver.solve_alone(&self.usage, slot);
            self.trace.solves += 1;
            self.trace.solved_activities += 1;
            self.apply(view, slot, &share)?;
        }
        Ok(alone)
    }

    /// Takes over what the solver found.
    fn apply_solved(&mut self, view: &View<'_>) -> Result<(), EngineError> {
        if self.solver.solved.is_empty() {
            return Ok(());
        }
        let solved = std::mem::take(&mut self.solver.solved);
        self.trace.solves += 1;
        self.trace.solved_activities += solved.len() as u64;
        for (slot, share) in &solved {
            self.apply(view, *slot, share)?;
        }
        self.solver.solved = solved;
        Ok(())
    }

    /// Solves all that the changes can reach, the one that reaches furthest down first.
    fn solve_reachable(&mut self, view: &View<'_>) -> Result<(), EngineError> {
        self.solver.begin_search(&self.usage);
        let mut seeds = std::mem::take(&mut self.freed);
        let mut last = (f64::INFINITY, ResourceId(NONE));
        for index in 0..self.begun.len() {
            let slot = self.begun[index];
            if self.solve_if_alone(view, slot)? {
                continue;
            }
            if let Some((resource, _)) = self.usage.demands(slot).first() {
                // Neighbours in the program often begin together at one resource.
                let level = self.solver.lowest_level(&self.usage, slot);
                if *resource != last.1 || level < last.0 {
                    last = (level, *resource);
                    seeds.push(last);
                }
            }
        }
        if seeds.len() > 1 {
            seeds.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        for (level, resource) in &seeds {
            self.solver
                .solve(&self.usage, *resource, *level)
                .map_err(|(resource, load)| self.overloaded(view, resource, load))?;
            self.apply_solved(view)?;
        }
        self.freed = seeds;
        Ok(())
    }

    /// Solves all running activities by the reference.
    fn solve_everything(&mut self, view: &View<'_>) -> Result<(), EngineError> {
        let program = view.program;
        let slots = self.running();
        let running: Vec<ActivityId> = slots.iter().map(|s| self.usage.activity(*s)).collect();
        let resources: Vec<ResourceId> = (0..program.resources.len())
            .map(|i| ResourceId(i as u32))
            .collect();
        let shares = reference::solve(view, &running, &resources);
        let mut load = vec![0.0; resources.len()];
        for (id, share) in running.iter().zip(&shares) {
            for (resource, coefficient) in view.demands(*id) {
                load[resource.index()] += coefficient * share.map_or(0.0, |share| share.rate);
            }
        }
        for resource in resources {
            let load = load[resource.index()];
            if load > view.capacity(resource) * (1.0 + TOLERANCE) {
                return Err(self.overloaded(view, resource, load));
            }
        }
        for (slot, share) in slots.iter().zip(&shares) {
            if let Some(share) = share {
                self.apply(view, *slot, share)?;
            }
        }
        self.trace.solves += 1;
        Ok(())
    }

    /// The error of a resource that carries more than it can.
    fn overloaded(&self, view: &View<'_>, resource: ResourceId, load: f64) -> EngineError {
        EngineError::Overloaded {
            resource: view.program.resources[resource.index()].name.clone(),
            load,
            capacity: view.capacity(resource),
            time: self.now,
        }
    }

    /// Takes over an activity's new share if it differs from the old one; every running activity
    /// moves.
    fn apply(&mut self, view: &View<'_>, slot: Slot, new: &Share) -> Result<(), EngineError> {
        if new.rate <= 0.0 {
            let name = new
                .binding
                .resource()
                .map(|r| &view.program.resources[r.index()].name);
            return Err(EngineError::Stalled {
                activity: self.usage.activity(slot).0,
                resource: name.cloned().unwrap_or_default(),
            });
        }
        let old = self.solver.pace[slot.index()].rate;
        let same = (new.rate - old).abs() <= SAME_RATE * old;
        if same && self.binding(slot) == new.binding {
            return Ok(());
        }
        let rate = if same { old } else { new.rate };
        self.set_pace(slot, rate, new.level, new.binding);
        Ok(())
    }
}
