//! Weighted max-min fair rates by progressive filling, of no more than a change can reach.
//!
//! All rates grow in proportion to their weights, `r = w · λ`, until a resource has no capacity
//! left or an activity reaches its own limit; what is held down then stays at its rate, the rest
//! grows on. The level λ at which an activity is held down is its *level*.
//!
//! **What a change can reach.** Until the level at which an activity is held down, the filling
//! goes the same way with and without it, but for how full its own resources are. None of these
//! fills below that level (the activity would have been held down there). So when it ends, every
//! share of a lower level stays; when it begins, every share below any lower bound of its new
//! level stays. Only activities at or above the threshold that are connected through resources
//! are solved again, over what the others leave. A resource that was not full when an activity
//! left it carries no change: it fills neither with nor without it.
//!
//! The order of the freezes comes from a heap of the levels at which each resource would run
//! full; a level can only rise as others freeze, so an outdated entry is put back with its new
//! level. Cost: O(E log R) for E demands and R resources of what is solved.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::component::Usage;
use super::filling::Filling;
use super::ids::{ResourceId, Slot};
use super::program::NONE;
use super::trace::Binding;

/// A rate and what held it there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) rate: f64,
    /// Rate per weight.
    pub(super) level: f64,
    pub(super) binding: Binding,
}

/// What an activity has now and where the search for shares has it: all that a visit to one of
/// its resources needs to know, in half a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Pace {
    pub(super) rate: f64,
    /// Rate per weight; infinite for one that has just begun.
    pub(super) level: f64,
    /// Level in a set before it is taken over.
    pub(super) fresh: f64,
    /// The full resource that holds it down; none if its own limit does.
    pub(super) bound: u32,
    /// The search that reached it last; one more once it froze there.
    pub(super) mark: u32,
}

impl Pace {
    /// Of an activity that has no rate yet.
    pub(super) const NEW: Self = Self {
        rate: 0.0,
        level: f64::INFINITY,
        fresh: 0.0,
        bound: NONE,
        mark: 0,
    };
}

/// What may freeze next, at which level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    level: f64,
    /// Resources before activities at equal levels, each by id.
    key: (bool, u32),
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.level
            .total_cmp(&other.level)
            .then(self.key.cmp(&other.key))
    }
}

/// How far a sum may be off by rounding, relative to the capacity.
pub(super) const TOLERANCE: f64 = 1e-9;

/// How far below a threshold a level still counts as reached: levels carry rounding.
const BELOW: f64 = 1.0 - 1e-6;

/// Scratch space that lives as long as the run, so that no solve allocates.
#[derive(Debug, Default)]
pub(super) struct MaxMin {
    pub(super) stamp: u32,
    pub(super) heap: BinaryHeap<Reverse<Candidate>>,
    pub(super) resources: Vec<ResourceId>,
    pub(super) activities: Vec<Slot>,
    /// What every running activity has now, by slot.
    pub(super) pace: Vec<Pace>,
    /// The shares of the activities solved last.
    pub(super) solved: Vec<(Slot, Share)>,
}

impl MaxMin {
    /// An activity begins: nothing is known of its share.
    pub(super) fn begin(&mut self, slot: Slot) {
        if self.pace.len() <= slot.index() {
            self.pace.resize(slot.index() + 1, Pace::NEW);
        }
        self.pace[slot.index()] = Pace::NEW;
    }

    /// Forgets what was reached: the next search may reach anything.
    pub(super) fn begin_search(&mut self, usage: &Usage) {
        if self.stamp >= u32::MAX - 3 {
            self.pace.iter_mut().for_each(|pace| pace.mark = 0);
            usage.forget_searches();
            self.stamp = 0;
        }
        self.stamp += 2;
    }

    /// The share of an activity that meets no other.
    pub(super) fn solve_alone(&mut self, usage: &Usage, id: Slot) -> Share {
        let (limit, resource) = usage.limit(id);
        let mut rate = limit;
        let mut binding = Binding::Limit(resource);
        let demands = usage.demands(id);
        for (resource, coefficient) in demands {
            let most = usage.filling(*resource).capacity / coefficient;
            if most < rate {
                (rate, binding) = (most, Binding::Resource(*resource));
            }
        }
        for (resource, coefficient) in demands {
            let filling = usage.filling(*resource);
            let left = filling.capacity * (1.0 - TOLERANCE) - coefficient * rate;
            let full = left <= 0.0;
            usage.fill(*resource, Filling { full, ..filling });
        }
        Share {
            rate,
            level: rate / usage.weight(id),
            binding,
        }
    }

    /// A level below which an activity that begins cannot be held down: its own limit, or its
    /// resources shared with all their users to the end.
    pub(super) fn lowest_level(&self, usage: &Usage, id: Slot) -> f64 {
        let own = usage.limit(id).0 / usage.weight(id);
        let shared = usage.demands(id).iter().map(|(resource, coefficient)| {
            let slope = usage.slope(*resource).max(coefficient * usage.weight(id));
            usage.filling(*resource).capacity / slope
        });
        shared.fold(own, f64::min)
    }

    /// Reaches out from `seed` over activities at or above `threshold`, and solves these over
    /// what the others leave. The result is in `solved`, empty if there was nobody new to reach.
    ///
    /// # Errors
    /// A resource that was given more load than it can carry, with the load: a bug.
    pub(super) fn solve(
        &mut self,
        usage: &Usage,
        seed: ResourceId,
        threshold: f64,
    ) -> Result<(), (ResourceId, f64)> {
        self.resources.clear();
        self.activities.clear();
        self.solved.clear();
        self.heap.clear();
        self.reach(usage, seed);
        let mut next = 0;
        while next < self.resources.len() {
            let resource = self.resources[next];
            next += 1;
            self.survey(usage, resource, threshold * BELOW);
        }
        for index in 0..self.resources.len() {
            self.push_resource(usage, self.resources[index]);
        }
        self.freeze_all(usage);
        self.close(usage)
    }

    /// Freezes everything that grows, in the order of levels.
    pub(super) fn freeze_all(&mut self, usage: &Usage) {
        while let Some(Reverse(candidate)) = self.heap.pop() {
            match candidate.key {
                (false, resource) => {
                    self.fill(usage, ResourceId(resource), candidate.level);
                }
                (true, activity) => self.reach_limit(usage, Slot(activity)),
            }
        }
    }

    /// A resource before anyone takes of it.
    pub(super) fn empty(&self, usage: &Usage, resource: ResourceId) -> Filling {
        let Filling { capacity, full, .. } = usage.filling(resource);
        Filling {
            left: capacity,
            seen: self.stamp,
            full,
            ..Filling::new(capacity)
        }
    }

    /// Puts an activity's own limit into the heap, if it has one.
    pub(super) fn push_limit(&mut self, usage: &Usage, id: Slot) {
        let (limit, _) = usage.limit(id);
        if limit.is_finite() {
            self.heap.push(Reverse(Candidate {
                level: limit / usage.weight(id),
                key: (true, id.0),
            }));
        }
    }

    /// Adds a resource to those reached unless it is there already.
    pub(super) fn reach(&mut self, usage: &Usage, resource: ResourceId) {
        let filling = usage.filling(resource);
        if filling.seen != self.stamp {
            let seen = self.stamp;
            usage.fill(resource, Filling { seen, ..filling });
            self.resources.push(resource);
        }
    }

    /// Takes in the users of a resource: those below the threshold stay as they are.
    fn survey(&mut self, usage: &Usage, resource: ResourceId, threshold: f64) {
        let mut filling = self.empty(usage, resource);
        for user in usage.users(resource) {
            let id = user.slot;
            let pace = self.pace[id.index()];
            if pace.level < threshold {
                filling.left -= user.coefficient * pace.rate;
                continue;
            }
            filling.slope += user.slope;
            filling.growing += 1;
            if self.pace[id.index()].mark < self.stamp {
                self.pace[id.index()].mark = self.stamp;
                self.activities.push(id);
                for (other, _) in usage.demands(id) {
                    self.reach(usage, *other);
                }
                self.push_limit(usage, id);
            }
        }
        usage.fill(resource, filling);
    }

    /// Puts a resource into the heap at the level where it would run full.
    pub(super) fn push_resource(&mut self, usage: &Usage, resource: ResourceId) {
        let filling = usage.filling(resource);
        if filling.growing > 0 {
            self.heap.push(Reverse(Candidate {
                level: filling.level(),
                key: (false, resource.0),
            }));
        }
    }

    /// A resource has come to the top of the heap: freeze its users, or put it back if its level
    /// has risen since.
    fn fill(&mut self, usage: &Usage, resource: ResourceId, queued_level: f64) {
        let filling = usage.filling(resource);
        if filling.growing == 0 {
            return;
        }
        let level = filling.level();
        if level > queued_level {
            self.push_resource(usage, resource);
            return;
        }
        let held = level;
        usage.fill(resource, Filling { held, ..filling });
        let binding = Binding::Resource(resource);
        for user in usage.users(resource) {
            let id = user.slot;
            if self.pace[id.index()].mark == self.stamp {
                let rate = usage.weight(id) * level;
                let share = Share {
                    rate,
                    level,
                    binding,
                };
                self.freeze(usage, id, share);
            }
        }
    }

    /// An activity has come to the top of the heap: it cannot go faster.
    fn reach_limit(&mut self, usage: &Usage, id: Slot) {
        if self.pace[id.index()].mark == self.stamp {
            let (rate, resource) = usage.limit(id);
            let share = Share {
                rate,
                level: rate / usage.weight(id),
                binding: Binding::Limit(resource),
            };
            self.freeze(usage, id, share);
        }
    }

    /// Fixes an activity's share and takes it from its resources.
    fn freeze(&mut self, usage: &Usage, id: Slot, share: Share) {
        self.pace[id.index()].mark = self.stamp + 1;
        self.solved.push((id, share));
        let weight = usage.weight(id);
        for (resource, coefficient) in usage.demands(id) {
            let filling = usage.filling(*resource);
            let after = Filling {
                left: filling.left - coefficient * share.rate,
                slope: filling.slope - coefficient * weight,
                growing: filling.growing - 1,
                ..filling
            };
            usage.fill(*resource, after);
        }
    }

    /// Notes which resources are full, and that none carries more than it can.
    pub(super) fn close(&mut self, usage: &Usage) -> Result<(), (ResourceId, f64)> {
        for resource in &self.resources {
            let filling = usage.filling(*resource);
            let Filling { capacity, left, .. } = filling;
            let full = left <= TOLERANCE * capacity;
            usage.fill(*resource, Filling { full, ..filling });
            if left < -TOLERANCE * capacity {
                return Err((*resource, capacity - left));
            }
        }
        Ok(())
    }
}
