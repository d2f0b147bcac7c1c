//! Who runs on what.

use smallvec::SmallVec;
use std::cell::Cell;

use super::filling::Filling;
use super::ids::{ActivityId, ResourceId, Slot};
use super::program::{NONE, Program};

/// One running activity at one of its resources.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) slot: Slot,
    /// Which of the activity's demands this is.
    demand: u32,
    /// Use of the resource per unit of work.
    pub(super) coefficient: f64,
    /// Use of the resource per unit of level: coefficient · weight.
    pub(super) slope: f64,
}

/// A running activity: all that is asked of it while shares are found, in two cache lines.
#[derive(Debug)]
#[repr(align(64))]
struct Runner {
    demands: SmallVec<[(ResourceId, f64); 4]>,
    weight: f64,
    limit: f64,
    limit_resource: Option<ResourceId>,
    activity: ActivityId,
}

/// Who runs on one resource, and how full it is: two cache lines side by side.
#[derive(Debug)]
#[repr(align(128))]
struct Users {
    /// Most resources have one or two users, who need no place of their own.
    all: SmallVec<[User; 2]>,
    /// Sum of the users' slopes; rounding stays in it until the resource is empty.
    slope: f64,
    /// A cell, since the solver writes it while it walks the users.
    filling: Cell<Filling>,
}

/// Running activities by slot and by resource.
#[derive(Debug, Default)]
pub(super) struct Usage {
    users: Vec<Users>,
    runners: Vec<Runner>,
    /// Where in its resource's list each demand of a runner stands, so that leaving is O(1). Apart
    /// from the rest, since whoever leaves moves others.
    places: Vec<SmallVec<[u32; 4]>>,
    /// Slots that nobody has, the one left last at the end.
    free: Vec<Slot>,
}

impl Usage {
    /// Resources known so far.
    pub(super) fn resources(&self) -> usize {
        self.users.len()
    }

    /// Takes in more resources, by capacity.
    pub(super) fn reserve(&mut self, capacities: impl Iterator<Item = f64>) {
        self.users.extend(capacities.map(|capacity| Users {
            all: SmallVec::new(),
            slope: 0.0,
            filling: Cell::new(Filling::new(capacity)),
        }));
    }

    /// How full a resource is.
    pub(super) fn filling(&self, resource: ResourceId) -> Filling {
        self.users[resource.index()].filling.get()
    }

    /// Says how full a resource is.
    pub(super) fn fill(&self, resource: ResourceId, filling: Filling) {
        self.users[resource.index()].filling.set(filling);
    }

    /// Forgets which search reached which resource last.
    pub(super) fn forget_searches(&self) {
        for users in &self.users {
            let filling = users.filling.get();
            users.filling.set(Filling { seen: 0, ..filling });
        }
    }

    /// An activity begins to use its resources. Its own limit is that of the program times
    /// `limit_scale`.
    pub(super) fn join(&mut self, program: &Program, id: ActivityId, limit_scale: f64) -> Slot {
        let stored = &program.activities[id.index()];
        let slot = self.free.pop().unwrap_or(Slot(self.runners.len() as u32));
        let mut places = SmallVec::new();
        for (demand, (resource, coefficient)) in program.demands(id).iter().enumerate() {
            let users = &mut self.users[resource.index()];
            let slope = coefficient * stored.weight;
            places.push(users.all.len() as u32);
            users.slope += slope;
            users.all.push(User {
                slot,
                demand: demand as u32,
                coefficient: *coefficient,
                slope,
            });
        }
        let limit_resource = stored.limit_resource;
        let runner = Runner {
            demands: SmallVec::from_slice(program.demands(id)),
            weight: stored.weight,
            limit: stored.limit * limit_scale,
            limit_resource: (limit_resource != NONE).then_some(ResourceId(limit_resource)),
            activity: id,
        };
        if slot.index() == self.runners.len() {
            self.runners.push(runner);
            self.places.push(places);
        } else {
            self.runners[slot.index()] = runner;
            self.places[slot.index()] = places;
        }
        slot
    }

    /// An activity no longer uses its resources; its slot is free for another.
    pub(super) fn leave(&mut self, slot: Slot) {
        for demand in 0..self.runners[slot.index()].demands.len() {
            let (resource, _) = self.runners[slot.index()].demands[demand];
            let place = self.places[slot.index()][demand];
            let users = &mut self.users[resource.index()];
            let left = users.all.swap_remove(place as usize);
            if let Some(moved) = users.all.get(place as usize) {
                self.places[moved.slot.index()][moved.demand as usize] = place;
            }
            users.slope = match users.all.is_empty() {
                true => 0.0,
                false => users.slope - left.slope,
            };
        }
        self.free.push(slot);
    }

    /// The activity that has a slot.
    pub(super) fn activity(&self, slot: Slot) -> ActivityId {
        self.runners[slot.index()].activity
    }

    /// Use of each resource per unit of rate.
    pub(super) fn demands(&self, slot: Slot) -> &[(ResourceId, f64)] {
        &self.runners[slot.index()].demands
    }

    /// Fair weight.
    pub(super) fn weight(&self, slot: Slot) -> f64 {
        self.runners[slot.index()].weight
    }

    /// Own limit of the rate and the resource it comes from.
    pub(super) fn limit(&self, slot: Slot) -> (f64, Option<ResourceId>) {
        let runner = &self.runners[slot.index()];
        (runner.limit, runner.limit_resource)
    }

    /// Running activities that use a resource.
    pub(super) fn users(&self, resource: ResourceId) -> &[User] {
        &self.users[resource.index()].all
    }

    /// Sum over the users of a resource of their use per unit of level, rounded.
    pub(super) fn slope(&self, resource: ResourceId) -> f64 {
        self.users[resource.index()].slope
    }

    /// Whether an activity meets no other at any of its resources.
    pub(super) fn is_alone(&self, slot: Slot) -> bool {
        let demands = self.demands(slot).iter();
        demands
            .map(|(resource, _)| self.users[resource.index()].all.len())
            .all(|users| users == 1)
    }
}
