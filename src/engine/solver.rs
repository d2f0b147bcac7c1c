//! Weighted max-min fair rates of one component by progressive filling.
//!
//! All rates grow in proportion to their weights, `r = w · λ`, until a resource has no capacity
//! left or an activity reaches its own limit; what is held down then stays at its rate, the rest
//! grows on. The order of these freezes comes from a heap of the levels λ at which each resource
//! would run full; a level can only rise as others freeze, so an outdated entry is put back with
//! its new level. Cost: O(E log R) for E demands and R resources of the component.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::ids::{ActivityId, ResourceId};
use super::trace::Binding;

/// The system to solve; also where the caller's activity data come from.
pub(super) trait System {
    /// Use of each resource per unit of rate.
    fn demands(&self, id: ActivityId) -> &[(ResourceId, f64)];
    /// Fair weight.
    fn weight(&self, id: ActivityId) -> f64;
    /// Own limit of the rate and the resource it comes from.
    fn limit(&self, id: ActivityId) -> (f64, Option<ResourceId>);
    /// Capacity of a resource.
    fn capacity(&self, id: ResourceId) -> f64;
    /// Running activities that use a resource.
    fn users(&self, id: ResourceId) -> &[ActivityId];
}

/// A rate and what held it there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    pub(super) rate: f64,
    pub(super) binding: Binding,
}

impl Share {
    /// Of an activity that does not run.
    pub(super) const NONE: Self = Self {
        rate: 0.0,
        binding: Binding::Limit(None),
    };
}

/// What may freeze next, at which level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
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

/// State of a resource during one solve.
#[derive(Debug, Clone, Copy, Default)]
struct Filling {
    /// Capacity not taken by frozen activities.
    left: f64,
    /// Sum of coefficient · weight over growing activities.
    slope: f64,
    /// Growing activities.
    growing: u32,
}

impl Filling {
    /// The level λ at which the resource runs full.
    fn level(&self) -> f64 {
        self.left / self.slope
    }
}

/// Scratch space that lives as long as the run, so that no solve allocates.
#[derive(Debug, Default)]
pub(super) struct MaxMin {
    filling: Vec<Filling>,
    frozen: Vec<bool>,
    heap: BinaryHeap<Reverse<Candidate>>,
    /// The latest share of every activity, by id.
    pub(super) share: Vec<Share>,
}

impl MaxMin {
    /// Makes room for this many resources and activities.
    pub(super) fn reserve(&mut self, resources: usize, activities: usize) {
        self.filling.resize(resources, Filling::default());
        self.frozen.resize(activities, false);
        self.share.resize(activities, Share::NONE);
    }

    /// Solves the component of `activities` and `resources` (closed under use).
    pub(super) fn solve(
        &mut self,
        system: &impl System,
        activities: &[ActivityId],
        resources: &[ResourceId],
    ) {
        if let [only] = activities {
            self.share[only.index()] = alone(system, *only);
            return;
        }
        self.start(system, activities, resources);
        while let Some(Reverse(candidate)) = self.heap.pop() {
            match candidate.key {
                (false, resource) => self.fill(system, ResourceId(resource), candidate.level),
                (true, activity) => self.reach_limit(system, ActivityId(activity)),
            }
        }
        for id in activities {
            self.frozen[id.index()] = false;
        }
    }

    /// Sums the slopes and fills the heap.
    fn start(&mut self, system: &impl System, activities: &[ActivityId], resources: &[ResourceId]) {
        for resource in resources {
            self.filling[resource.index()] = Filling {
                left: system.capacity(*resource),
                ..Filling::default()
            };
        }
        self.heap.clear();
        for id in activities {
            let weight = system.weight(*id);
            for (resource, coefficient) in system.demands(*id) {
                let filling = &mut self.filling[resource.index()];
                filling.slope += coefficient * weight;
                filling.growing += 1;
            }
            let (limit, _) = system.limit(*id);
            if limit.is_finite() {
                self.heap.push(Reverse(Candidate {
                    level: limit / weight,
                    key: (true, id.0),
                }));
            }
        }
        for resource in resources {
            self.push_resource(*resource);
        }
    }

    /// Puts a resource into the heap at the level where it would run full.
    fn push_resource(&mut self, resource: ResourceId) {
        let filling = &self.filling[resource.index()];
        if filling.growing > 0 {
            self.heap.push(Reverse(Candidate {
                level: filling.level(),
                key: (false, resource.0),
            }));
        }
    }

    /// A resource has come to the top of the heap: freeze its users, or put it back if its level
    /// has risen since.
    fn fill(&mut self, system: &impl System, resource: ResourceId, queued_level: f64) {
        let filling = self.filling[resource.index()];
        if filling.growing == 0 {
            return;
        }
        let level = filling.level();
        if level > queued_level {
            self.push_resource(resource);
            return;
        }
        let binding = Binding::Resource(resource);
        for id in system.users(resource) {
            if !self.frozen[id.index()] {
                let rate = system.weight(*id) * level;
                self.freeze(system, *id, Share { rate, binding });
            }
        }
    }

    /// An activity has come to the top of the heap: it cannot go faster.
    fn reach_limit(&mut self, system: &impl System, id: ActivityId) {
        if !self.frozen[id.index()] {
            let (rate, resource) = system.limit(id);
            let binding = Binding::Limit(resource);
            self.freeze(system, id, Share { rate, binding });
        }
    }

    /// Fixes an activity's share and takes it from its resources.
    fn freeze(&mut self, system: &impl System, id: ActivityId, share: Share) {
        self.frozen[id.index()] = true;
        self.share[id.index()] = share;
        let weight = system.weight(id);
        for (resource, coefficient) in system.demands(id) {
            let filling = &mut self.filling[resource.index()];
            filling.left = (filling.left - coefficient * share.rate).max(0.0);
            filling.slope -= coefficient * weight;
            filling.growing -= 1;
        }
    }
}

/// The share of an activity that meets no other.
fn alone(system: &impl System, id: ActivityId) -> Share {
    let (limit, resource) = system.limit(id);
    let mut share = Share {
        rate: limit,
        binding: Binding::Limit(resource),
    };
    for (resource, coefficient) in system.demands(id) {
        let rate = system.capacity(*resource) / coefficient;
        if rate < share.rate {
            share = Share {
                rate,
                binding: Binding::Resource(*resource),
            };
        }
    }
    share
}
