//! A change solved as far as it is felt, and no further.
//!
//! An allocation is the max-min fair one exactly if no resource is overloaded and every activity
//! has a *bottleneck*: its own limit, or a full resource at which nobody has a higher level
//! (Bertsekas & Gallager, *Data Networks*, §6.5.2). So a small set of activities is solved over
//! what all others leave, and at every resource it touches the others' bottlenecks, and its own
//! against the others, are looked at. Whoever has lost its bottleneck, or is above one that the
//! set relies on, joins the set, and it is solved again. When nobody joins, the whole allocation
//! is the fair one, whatever the size of the rest. A set that grows large is given up: then the
//! solver's own bound on what a change can reach serves better.

use super::component::Usage;
use super::ids::{ResourceId, Slot};
use super::solver::{MaxMin, TOLERANCE};

/// Activities beyond which a set is given up.
const MOST: usize = 256;
/// Rounds after which a set is given up.
const ROUNDS: usize = 24;
/// How far a level must be above another to count as higher: levels carry rounding.
const ABOVE: f64 = 1.0 + 1e-12;

impl MaxMin {
    /// Solves around a full resource that an activity has left: those it holds down.
    ///
    /// # Errors
    /// A resource that was given more load than it can carry, with the load: a bug.
    pub(super) fn solve_freed(
        &mut self,
        usage: &Usage,
        resource: ResourceId,
    ) -> Result<bool, (ResourceId, f64)> {
        self.begin_set(usage);
        for user in usage.users(resource) {
            if self.pace[user.slot.index()].bound == resource.0 {
                self.enlist(usage, user.slot);
            }
        }
        self.solve_set(usage)
    }

    /// Solves around an activity that begins.
    ///
    /// # Errors
    /// A resource that was given more load than it can carry, with the load: a bug.
    pub(super) fn solve_begun(
        &mut self,
        usage: &Usage,
        id: Slot,
    ) -> Result<bool, (ResourceId, f64)> {
        self.begin_set(usage);
        if self.pace[id.index()].level.is_infinite() {
            self.enlist(usage, id);
        }
        self.solve_set(usage)
    }

    fn begin_set(&mut self, usage: &Usage) {
        self.begin_search(usage);
        self.resources.clear();
        self.activities.clear();
        self.solved.clear();
    }

    /// An activity joins the set, and with it its resources.
    fn enlist(&mut self, usage: &Usage, id: Slot) {
        if self.pace[id.index()].mark >= self.stamp {
            return;
        }
        self.pace[id.index()].mark = self.stamp;
        self.activities.push(id);
        for (resource, _) in usage.demands(id) {
            self.reach(usage, *resource);
        }
    }

    /// Solves the set until nobody joins; false if it was given up.
    fn solve_set(&mut self, usage: &Usage) -> Result<bool, (ResourceId, f64)> {
        for _ in 0..ROUNDS {
            if self.activities.len() > MOST {
                return Ok(false);
            }
            self.solved.clear();
            self.heap.clear();
            for index in 0..self.activities.len() {
                let id = self.activities[index];
                self.pace[id.index()].mark = self.stamp;
                self.push_limit(usage, id);
            }
            for index in 0..self.resources.len() {
                let resource = self.resources[index];
                self.survey_set(usage, resource);
                self.push_resource(usage, resource);
            }
            self.freeze_all(usage);
            for (id, share) in &self.solved {
                self.pace[id.index()].fresh = share.level;
            }
            let before = self.activities.len();
            for index in 0..self.resources.len() {
                self.question(usage, self.resources[index]);
            }
            if self.activities.len() == before {
                self.close(usage)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the others leave of a resource, and how the set grows there.
    fn survey_set(&mut self, usage: &Usage, resource: ResourceId) {
        let mut filling = self.empty(usage, resource);
        for user in usage.users(resource) {
            let id = user.slot.index();
            if self.pace[id].mark >= self.stamp {
                filling.slope += user.slope;
                filling.growing += 1;
            } else {
                filling.left -= user.coefficient * self.pace[id].rate;
            }
        }
        usage.fill(resource, filling);
    }

    /// Lets join who has lost its bottleneck at a resource, or is above one of the set's there.
    fn question(&mut self, usage: &Usage, resource: ResourceId) {
        let filling = usage.filling(resource);
        let full = filling.left <= TOLERANCE * filling.capacity;
        if !full && !filling.full {
            // It held nobody down before and holds nobody down now.
            return;
        }
        let users = usage.users(resource);
        let members = users
            .iter()
            .filter(|user| self.pace[user.slot.index()].mark > self.stamp);
        let most = members
            .map(|user| self.pace[user.slot.index()].fresh)
            .fold(0.0, f64::max);
        for user in users {
            let pace = self.pace[user.slot.index()];
            let lost = pace.bound == resource.0 && (!full || most > pace.level * ABOVE);
            if lost || pace.level > filling.held * ABOVE {
                self.enlist(usage, user.slot);
            }
        }
    }
}
