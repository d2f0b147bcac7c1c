//! Folding: one representative of everything that is interchangeable.
//!
//! The coarsest *equitable partition* of activities, resources and pools is found by colour
//! refinement (McKay 1981; Grohe et al. 2014, *Dimension Reduction via Colour Refinement*): two
//! activities stay in one class while they have equal figures, use equally many resources of each
//! class with equal coefficients and wait for activities of the same classes; two resources while
//! they are used by equally many activities of each class. Max-min fair rates are unique, hence
//! equal within a class, so the *quotient* – one activity and one resource a class, a coefficient
//! for each pair that sums over the class – has the same rates, and with them the same times.
//! It is an ordinary program; nothing of the engine knows of it.

use std::hash::Hasher;

use rustc_hash::{FxHashMap, FxHasher};

use super::ids::{ActivityId, PoolId, ResourceId};
use super::program::{Activity, Allocation, Limit, NONE, Program};
use super::trace::{Binding, Interval, Trace};

/// Rounds of refinement after which a program counts as one that does not fold.
const MAX_ROUNDS: usize = 64;

/// A program folded into its classes.
#[derive(Debug, Clone)]
pub struct Folded {
    /// One activity, resource and pool for each class; what they are called is the first of it.
    pub program: Program,
    activity: Vec<u32>,
    resource: Vec<u32>,
    pool: Vec<u32>,
}

/// Uses of resources and pools, seen from there.
struct Reverse {
    users: Vec<Vec<(ActivityId, f64)>>,
    holders: Vec<Vec<(ActivityId, Allocation)>>,
}

/// The class of everything, by id; classes are numbered by their first member.
#[derive(Clone, PartialEq)]
struct Classes {
    activity: Vec<u32>,
    resource: Vec<u32>,
    pool: Vec<u32>,
}

/// Folds a program; none if it does not have a partition worth folding: more than half as many
/// classes as activities.
pub fn fold(program: &Program) -> Option<Folded> {
    let reverse = Reverse::new(program);
    let classes = refine(program, &reverse)?;
    Some(Folded {
        program: quotient(program, &reverse, &classes),
        activity: classes.activity,
        resource: classes.resource,
        pool: classes.pool,
    })
}

impl Reverse {
    fn new(program: &Program) -> Self {
        let mut reverse = Self {
            users: vec![Vec::new(); program.resources.len()],
            holders: vec![Vec::new(); program.pools.len()],
        };
        for index in 0..program.len() {
            let id = ActivityId(index as u32);
            for (resource, coefficient) in program.demands(id) {
                reverse.users[resource.index()].push((id, *coefficient));
            }
            for allocation in program.memory(id) {
                reverse.holders[allocation.pool.index()].push((id, *allocation));
            }
        }
        reverse
    }
}

/// What distinguishes a node: numbers, then lists whose order does not count.
type Signature = Vec<u64>;

/// Refines until no class splits; none if that takes too long.
fn refine(program: &Program, reverse: &Reverse) -> Option<Classes> {
    let mut classes = Classes {
        activity: vec![0; program.len()],
        resource: vec![0; program.resources.len()],
        pool: vec![0; program.pools.len()],
    };
    let mut signature = Signature::new();
    for _ in 0..MAX_ROUNDS {
        let mut next = classes.clone();
        // Predecessors come first, so their new classes are known already.
        let mut names = Names::default();
        for index in 0..program.len() {
            signature.clear();
            sign_activity(program, &classes, &next.activity, index, &mut signature);
            next.activity[index] = names.of(&signature);
        }
        let mut names = Names::default();
        for (index, resource) in program.resources.iter().enumerate() {
            signature.clear();
            signature.extend([
                u64::from(classes.resource[index]),
                resource.capacity.to_bits(),
                u64::from(resource.kind),
            ]);
            let users = reverse.users[index].iter();
            let pairs = users.map(|(id, c)| [u64::from(next.activity[id.index()]), c.to_bits()]);
            append_sorted(&mut signature, pairs);
            next.resource[index] = names.of(&signature);
        }
        let mut names = Names::default();
        for (index, pool) in program.pools.iter().enumerate() {
            signature.clear();
            signature.extend([u64::from(classes.pool[index]), pool.capacity.to_bits()]);
            let pairs = reverse.holders[index].iter().map(|(id, allocation)| {
                let account = u64::from(next.activity[id.index()]) << 16;
                [
                    account + u64::from(allocation.account),
                    allocation.bytes.to_bits(),
                ]
            });
            append_sorted(&mut signature, pairs);
            next.pool[index] = names.of(&signature);
        }
        if next == classes {
            return Some(classes);
        }
        // Classes only split: once they are too many they stay so.
        let found = next
            .activity
            .iter()
            .max()
            .map_or(0, |most| *most as usize + 1);
        if 2 * found > program.len() {
            return None;
        }
        classes = next;
    }
    None
}

/// The figures of an activity, what it uses, and what it waits for.
fn sign_activity(
    program: &Program,
    classes: &Classes,
    before: &[u32],
    index: usize,
    signature: &mut Signature,
) {
    let id = ActivityId(index as u32);
    let stored = &program.activities[index];
    let limit = match stored.limit_resource {
        NONE => u64::from(NONE),
        resource => u64::from(classes.resource[resource as usize]),
    };
    signature.extend([
        u64::from(classes.activity[index]),
        stored.latency.to_bits(),
        stored.work.to_bits(),
        stored.weight.to_bits(),
        stored.release.to_bits(),
        stored.limit.to_bits(),
        limit,
    ]);
    let demands = program.demands(id).iter();
    append_sorted(
        signature,
        demands.map(|(r, c)| [u64::from(classes.resource[r.index()]), c.to_bits()]),
    );
    let after = program.after(id).iter();
    append_sorted(signature, after.map(|b| [u64::from(before[b.index()]), 0]));
    let memory = program.memory(id).iter();
    append_sorted(
        signature,
        memory.map(|a| {
            let pool = u64::from(classes.pool[a.pool.index()]) << 16;
            [pool + u64::from(a.account), a.bytes.to_bits()]
        }),
    );
}

/// Appends a list in an order of its own, with equal members counted, and its length before it.
fn append_sorted(signature: &mut Signature, pairs: impl Iterator<Item = [u64; 2]>) {
    let mut pairs: Vec<[u64; 2]> = pairs.collect();
    pairs.sort_unstable();
    signature.push(pairs.len() as u64);
    signature.extend(pairs.into_iter().flatten());
}

/// Numbers for signatures, in the order of first appearance. Equal numbers mean equal signatures:
/// the hash only finds them.
#[derive(Default)]
struct Names {
    by_hash: FxHashMap<u64, Vec<u32>>,
    start: Vec<usize>,
    all: Vec<u64>,
}

impl Names {
    fn of(&mut self, signature: &[u64]) -> u32 {
        let mut hasher = FxHasher::default();
        signature.iter().for_each(|word| hasher.write_u64(*word));
        let known = self.by_hash.entry(hasher.finish()).or_default();
        for name in known.iter() {
            let start = self.start[*name as usize];
            let end = self.start.get(*name as usize + 1).copied();
            if self.all[start..end.unwrap_or(self.all.len())] == *signature {
                return *name;
            }
        }
        let name = self.start.len() as u32;
        known.push(name);
        self.start.push(self.all.len());
        self.all.extend_from_slice(signature);
        name
    }
}

/// The first member of each class.
fn firsts(class: &[u32]) -> Vec<u32> {
    let mut first = Vec::new();
    for (index, class) in class.iter().enumerate() {
        if *class as usize == first.len() {
            first.push(index as u32);
        }
    }
    first
}

/// One activity, resource and pool a class.
fn quotient(program: &Program, reverse: &Reverse, classes: &Classes) -> Program {
    let mut folded = Program::default();
    let resources = firsts(&classes.resource);
    for first in &resources {
        folded.add_resource(program.resources[*first as usize].clone());
    }
    let pools = firsts(&classes.pool);
    for first in &pools {
        folded.add_pool(program.pools[*first as usize].clone());
    }
    let activities = firsts(&classes.activity);
    let demands = class_demands(reverse, classes, &resources, activities.len());
    let memory = class_memory(reverse, classes, &pools, activities.len());
    for (class, first) in activities.iter().enumerate() {
        let id = ActivityId(*first);
        let stored = &program.activities[id.index()];
        let mut after: Vec<ActivityId> = program
            .after(id)
            .iter()
            .map(|before| ActivityId(classes.activity[before.index()]))
            .collect();
        after.sort_unstable();
        after.dedup();
        folded.add(&Activity {
            tag: stored.tag,
            latency: stored.latency,
            work: stored.work,
            demands: &demands[class],
            weight: stored.weight,
            limit: stored.limit.is_finite().then(|| Limit {
                rate: stored.limit,
                resource: (stored.limit_resource != NONE)
                    .then(|| ResourceId(classes.resource[stored.limit_resource as usize])),
            }),
            after: &after,
            stream: None,
            release: stored.release,
            memory: &memory[class],
        });
    }
    folded
}

/// What a whole class of activities asks of one resource of a class, by class of activities.
fn class_demands(
    reverse: &Reverse,
    classes: &Classes,
    resources: &[u32],
    activities: usize,
) -> Vec<Vec<(ResourceId, f64)>> {
    let mut demands: Vec<Vec<(ResourceId, f64)>> = vec![Vec::new(); activities];
    for (class, first) in resources.iter().enumerate() {
        let resource = ResourceId(class as u32);
        for (id, coefficient) in &reverse.users[*first as usize] {
            let of = &mut demands[classes.activity[id.index()] as usize];
            match of.last_mut() {
                Some((last, sum)) if *last == resource => *sum += coefficient,
                _ => of.push((resource, *coefficient)),
            }
        }
    }
    demands
}

/// What a whole class of activities takes of one pool of a class, by class of activities.
fn class_memory(
    reverse: &Reverse,
    classes: &Classes,
    pools: &[u32],
    activities: usize,
) -> Vec<Vec<Allocation>> {
    let mut memory: Vec<Vec<Allocation>> = vec![Vec::new(); activities];
    for (class, first) in pools.iter().enumerate() {
        for (id, allocation) in &reverse.holders[*first as usize] {
            memory[classes.activity[id.index()] as usize].push(Allocation {
                pool: PoolId(class as u32),
                ..*allocation
            });
        }
    }
    memory
}

impl Folded {
    /// Number of classes of activities.
    pub fn classes(&self) -> usize {
        self.program.len()
    }

    /// The class of a resource: a resource of the folded program.
    pub fn resource_class(&self, resource: ResourceId) -> ResourceId {
        ResourceId(self.resource[resource.index()])
    }

    /// Whether these resources, in ascending order, are all members of all their classes.
    pub fn is_union_of_classes(&self, resources: &[ResourceId]) -> bool {
        let mut touched: Vec<u32> = resources.iter().map(|r| self.resource[r.index()]).collect();
        touched.sort_unstable();
        touched.dedup();
        let members = self.resource.iter();
        members
            .filter(|class| touched.binary_search(class).is_ok())
            .count()
            == resources.len()
    }

    /// The trace of the whole program from that of the folded one.
    pub fn expand(&self, program: &Program, folded: &Trace) -> Trace {
        let mut trace = Trace {
            makespan: folded.makespan,
            solves: folded.solves,
            solved_activities: folded.solved_activities,
            ..Trace::default()
        };
        for (index, class) in self.activity.iter().enumerate() {
            let class = *class as usize;
            let id = ActivityId(index as u32);
            trace.start.push(folded.start[class]);
            trace.work_start.push(folded.work_start[class]);
            trace.end.push(folded.end[class]);
            trace
                .enabled_by
                .push(folded.enabled_by[class].and_then(|by| {
                    let mut after = program.after(id).iter().copied();
                    after.find(|before| self.activity[before.index()] == by.0)
                }));
            let of = folded.intervals_of(ActivityId(class as u32)).iter();
            trace.intervals.extend(of.map(|interval| Interval {
                activity: id,
                binding: self.own(program, id, interval.binding),
                ..*interval
            }));
        }
        let pools = self.pool.iter();
        let pool = |class: &u32| folded.memory.pools[*class as usize].clone();
        trace.memory.pools = pools.map(pool).collect();
        trace.seal();
        trace
    }

    /// The activity's own resource of a binding's class.
    fn own(&self, program: &Program, id: ActivityId, binding: Binding) -> Binding {
        match binding {
            Binding::Limit(_) => {
                let resource = program.activities[id.index()].limit_resource;
                Binding::Limit((resource != NONE).then_some(ResourceId(resource)))
            }
            Binding::Resource(class) => {
                let mut demands = program.demands(id).iter().map(|(resource, _)| *resource);
                let own = demands.find(|resource| self.resource_class(*resource) == class);
                Binding::Resource(own.unwrap_or(class))
            }
        }
    }
}
