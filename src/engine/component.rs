//! Who runs on what.

use smallvec::SmallVec;

use super::ids::{ActivityId, ResourceId};
use super::program::Program;

/// One running activity at one of its resources.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) activity: ActivityId,
    /// Which of the program's demands this is.
    demand: u32,
    /// Use of the resource per unit of work.
    pub(super) coefficient: f64,
    /// Use of the resource per unit of level: coefficient · weight.
    pub(super) slope: f64,
}

/// Who runs on one resource: a cache line.
#[derive(Debug, Default)]
struct Users {
    /// Most resources have one or two users, who need no place of their own.
    all: SmallVec<[User; 2]>,
    /// Sum of the users' slopes; rounding stays in it until the resource is empty.
    slope: f64,
}

/// Running activities by resource.
#[derive(Debug, Default)]
pub(super) struct Usage {
    users: Vec<Users>,
    /// Where in its resource's list each running demand stands, so that leaving is O(1).
    places: Vec<u32>,
}

impl Usage {
    /// Makes room for a program's resources and demands.
    pub(super) fn reserve(&mut self, program: &Program) {
        self.users
            .resize_with(program.resources.len(), Users::default);
        self.places.resize(program.demand_count(), 0);
    }

    /// An activity begins to use its resources.
    pub(super) fn join(&mut self, program: &Program, id: ActivityId) {
        let weight = program.weight(id);
        let first = program.first_demand(id);
        for (offset, (resource, coefficient)) in program.demands(id).iter().enumerate() {
            let users = &mut self.users[resource.index()];
            let demand = (first + offset) as u32;
            let slope = coefficient * weight;
            self.places[demand as usize] = users.all.len() as u32;
            users.slope += slope;
            users.all.push(User {
                activity: id,
                demand,
                coefficient: *coefficient,
                slope,
            });
        }
    }

    /// An activity no longer uses its resources.
    pub(super) fn leave(&mut self, program: &Program, id: ActivityId) {
        let first = program.first_demand(id);
        for (offset, (resource, _)) in program.demands(id).iter().enumerate() {
            let users = &mut self.users[resource.index()];
            let place = self.places[first + offset];
            let left = users.all.swap_remove(place as usize);
            if let Some(moved) = users.all.get(place as usize) {
                self.places[moved.demand as usize] = place;
            }
            users.slope = match users.all.is_empty() {
                true => 0.0,
                false => users.slope - left.slope,
            };
        }
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
    pub(super) fn is_alone(&self, program: &Program, id: ActivityId) -> bool {
        let demands = program.demands(id).iter();
        demands
            .map(|(resource, _)| self.users[resource.index()].all.len())
            .all(|users| users == 1)
    }
}
