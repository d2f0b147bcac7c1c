//! The plain solver: the definition written down, kept to check the fast one against.
//!
//! Every round it looks at every resource and every activity, finds the lowest level at which
//! one of them stops the growth, and freezes those that stop there. O(rounds · E), no heap, no
//! component, nothing carried over.

use super::ids::{ActivityId, ResourceId};
use super::solver::Share;
use super::trace::Binding;

/// The system to solve: where the solver's numbers come from.
pub(super) trait System {
    /// Use of each resource per unit of rate.
    fn demands(&self, id: ActivityId) -> &[(ResourceId, f64)];
    /// Fair weight.
    fn weight(&self, id: ActivityId) -> f64;
    /// Own limit of the rate and the resource it comes from.
    fn limit(&self, id: ActivityId) -> (f64, Option<ResourceId>);
    /// Capacity of a resource.
    fn capacity(&self, id: ResourceId) -> f64;
}

/// Solves all `activities` over all `resources` anew; shares in the order of `activities`,
/// none for an activity that nothing holds down.
pub(super) fn solve(
    system: &impl System,
    activities: &[ActivityId],
    resources: &[ResourceId],
) -> Vec<Option<Share>> {
    let mut share: Vec<Option<Share>> = vec![None; activities.len()];
    loop {
        let resource_level = resources
            .iter()
            .filter_map(|r| Some((level(system, *r, activities, &share)?, *r)))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        let limit_level = activities
            .iter()
            .zip(&share)
            .filter(|(_, share)| share.is_none())
            .map(|(id, _)| system.limit(*id).0 / system.weight(*id))
            .min_by(f64::total_cmp);
        let (resource_at, resource) = match resource_level {
            Some((level, resource)) => (level, Some(resource)),
            None => (f64::INFINITY, None),
        };
        let limit_at = limit_level.unwrap_or(f64::INFINITY);
        if limit_level.is_none() {
            break;
        }
        let level = resource_at.min(limit_at);
        for (slot, id) in activities.iter().enumerate() {
            if share[slot].is_some() {
                continue;
            }
            let (limit, of) = system.limit(*id);
            let uses = |r: ResourceId| system.demands(*id).iter().any(|(d, _)| *d == r);
            if let Some(resource) = resource
                && resource_at <= limit_at
                && uses(resource)
            {
                share[slot] = Some(Share {
                    rate: system.weight(*id) * level,
                    level,
                    binding: Binding::Resource(resource),
                });
            } else if limit_at < resource_at && limit / system.weight(*id) <= level {
                share[slot] = Some(Share {
                    rate: limit,
                    level,
                    binding: Binding::Limit(of),
                });
            }
        }
        if level.is_infinite() {
            break;
        }
    }
    share
}

/// The level at which a resource runs full, or none if no growing activity uses it.
fn level(
    system: &impl System,
    resource: ResourceId,
    activities: &[ActivityId],
    share: &[Option<Share>],
) -> Option<f64> {
    let mut left = system.capacity(resource);
    let mut slope = 0.0;
    for (id, share) in activities.iter().zip(share) {
        for (_, coefficient) in system.demands(*id).iter().filter(|(r, _)| *r == resource) {
            match share {
                Some(share) => left -= coefficient * share.rate,
                None => slope += coefficient * system.weight(*id),
            }
        }
    }
    (slope > 0.0).then(|| left.max(0.0) / slope)
}
