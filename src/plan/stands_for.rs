//! Whether a part of a job runs as the whole does.
//!
//! The rates of the whole are max-min fair and equal within its classes. Given to the part, they
//! are max-min fair there too if no resource is asked for more by any class than in the whole, and
//! each activity uses, of every class of resources that it uses in the whole, one that is asked
//! for exactly as much: then what is full in the whole is full in the part. Max-min fair rates are
//! unique, so the part has them; and if its activities wait for the same classes and every class
//! has a member in it, it takes the same times.

use std::collections::{BTreeMap, BTreeSet};

use super::task::{Lane, Plan, Task};
use crate::engine::{ActivityId, Folded, Program, ResourceId};

/// Rounding of sums of coefficients.
const TOLERANCE: f64 = 1e-12;

/// Whether a plan for some ranks of a sample stands for one for all of them, whose classes are
/// given. Both are on the same resources; `trunks` are those that never run full.
pub(super) fn stands_for(
    part: &Plan,
    whole: &Plan,
    classes: &Folded,
    trunks: &BTreeSet<ResourceId>,
) -> bool {
    let (Some(small), Some(large)) = (part.phases.first(), whole.phases.first()) else {
        return false;
    };
    let Some(pairs) = paired((part, &small.tasks), (whole, &large.tasks)) else {
        return false;
    };
    let class = |id: ActivityId| classes.activity_class(id);
    let present: BTreeSet<ActivityId> = pairs.iter().map(|id| class(*id)).collect();
    if present.len() != classes.classes() {
        return false;
    }
    let (small, large) = (&small.program, &large.program);
    let own_class = |id: ActivityId| class(pairs[id.index()]);
    let in_part = loads(small, own_class);
    let in_whole = loads(large, class);
    let as_much = |of: &BTreeMap<(ResourceId, ActivityId), f64>, resource, class| {
        of.get(&(resource, class)).copied().unwrap_or(0.0)
    };
    let equal = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
    let mut exact: BTreeSet<ResourceId> = in_whole.keys().map(|(resource, _)| *resource).collect();
    for ((resource, class), load) in &in_whole {
        if !equal(*load, as_much(&in_part, *resource, *class)) {
            exact.remove(resource);
        }
    }
    let too_much = in_part.iter().any(|((resource, class), load)| {
        *load > as_much(&in_whole, *resource, *class) * (1.0 + TOLERANCE)
    });
    if too_much {
        return false;
    }
    let kinds = |program: &Program, id: ActivityId, kept: &dyn Fn(ResourceId) -> bool| {
        let used = program.demands(id).iter().map(|(resource, _)| *resource);
        let used = used.filter(|resource| !trunks.contains(resource) && kept(*resource));
        let kinds: BTreeSet<ResourceId> = used.map(|r| classes.resource_class(r)).collect();
        kinds
    };
    (0..small.len()).all(|index| {
        let id = ActivityId(index as u32);
        let other = pairs[index];
        let before: BTreeSet<_> = small.after(id).iter().map(|b| own_class(*b)).collect();
        let before_other: BTreeSet<_> = large.after(other).iter().map(|b| class(*b)).collect();
        let bound = |program: &Program, id| {
            let limit = program.limit(id)?;
            Some((
                limit.rate.to_bits(),
                limit.resource.map(|r| classes.resource_class(r)),
            ))
        };
        same_figures(small, id, large, other)
            && bound(small, id) == bound(large, other)
            && before == before_other
            && kinds(small, id, &|r| exact.contains(&r)) == kinds(large, other, &|_| true)
    })
}

/// The activity of the whole for each of the part: the same rank's, in its order.
fn paired(
    (part, small): (&Plan, &[Task]),
    (whole, large): (&Plan, &[Task]),
) -> Option<Vec<ActivityId>> {
    let mut by_device: BTreeMap<_, std::vec::IntoIter<ActivityId>> = BTreeMap::new();
    let mut lists: BTreeMap<_, Vec<ActivityId>> = BTreeMap::new();
    let program = &whole.phases[0].program;
    for index in 0..program.len() {
        let id = ActivityId(index as u32);
        let task = &large[program.tag(id) as usize];
        let device = whole.ranks[owner(program, id, task)? as usize];
        lists.entry(device).or_default().push(id);
    }
    by_device.extend(
        lists
            .into_iter()
            .map(|(device, ids)| (device, ids.into_iter())),
    );
    let mut pairs = Vec::new();
    let program_part = &part.phases[0].program;
    for index in 0..program_part.len() {
        let id = ActivityId(index as u32);
        let task = &small[program_part.tag(id) as usize];
        let device = part.ranks[owner(program_part, id, task)? as usize];
        let other = by_device.get_mut(&device)?.next()?;
        let found = &large[program.tag(other) as usize];
        if (found.name, found.layer) != (task.name, task.layer) {
            return None;
        }
        pairs.push(other);
    }
    Some(pairs)
}

/// The rank that an activity belongs to: bookkeeping has memory on one.
fn owner(program: &Program, id: ActivityId, task: &Task) -> Option<u32> {
    match task.lane {
        Lane::Compute(rank) | Lane::Communication(rank) | Lane::Host(rank) => Some(rank),
        Lane::Flow(_) => None,
        Lane::Nowhere => program.memory(id).first().map(|taken| taken.pool.0),
    }
}

/// What each class asks of each resource.
fn loads(
    program: &Program,
    class: impl Fn(ActivityId) -> ActivityId,
) -> BTreeMap<(ResourceId, ActivityId), f64> {
    let mut loads = BTreeMap::new();
    for index in 0..program.len() {
        let id = ActivityId(index as u32);
        for (resource, coefficient) in program.demands(id) {
            *loads.entry((*resource, class(id))).or_default() += coefficient;
        }
    }
    loads
}

/// Whether two activities have the same latency, work, weight and release.
fn same_figures(a: &Program, of_a: ActivityId, b: &Program, of_b: ActivityId) -> bool {
    let figures = |program: &Program, id: ActivityId| {
        [
            program.latency(id),
            program.work(id),
            program.weight(id),
            program.release(id),
        ]
        .map(f64::to_bits)
    };
    figures(a, of_a) == figures(b, of_b)
}
