//! What there is to run: resources, pools and activities, append-only, in flat arrays.

use super::ids::{ActivityId, PoolId, ResourceId, StreamId};

/// Something with a capacity that activities share.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Name for messages and reports.
    pub name: String,
    /// Capacity \[units/s\]; the unit is the caller's.
    pub capacity: f64,
    /// The caller's classification; the engine only carries it.
    pub kind: u16,
}

/// A memory that activities allocate from and free to.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Name for messages and reports.
    pub name: String,
    /// Capacity \[B\].
    pub capacity: f64,
}

/// An own upper bound of an activity's rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The bound \[work/s\].
    pub rate: f64,
    /// The resource of which the activity cannot use more, so that the bound moves with it.
    pub resource: Option<ResourceId>,
}

/// Memory taken (positive) or given back (negative).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allocation {
    /// Which pool.
    pub pool: PoolId,
    /// The caller's account within the pool (weights, activations, …).
    pub account: u16,
    /// Bytes: taken when the activity starts, or if negative given back when it ends.
    pub bytes: f64,
}

/// One activity to add.
#[derive(Debug, Clone, Default)]
pub struct Activity<'a> {
    /// The caller's tag; the engine only carries it.
    pub tag: u32,
    /// Fixed delay before the work \[s\].
    pub latency: f64,
    /// Amount of work in the caller's unit; may be 0.
    pub work: f64,
    /// Use of each resource per unit of work.
    pub demands: &'a [(ResourceId, f64)],
    /// Fair share: of two activities at one resource, the one of twice the weight gets twice
    /// the rate. 0 means 1.
    pub weight: f64,
    /// Own upper bound of the rate.
    pub limit: Option<Limit>,
    /// Activities that must end first.
    pub after: &'a [ActivityId],
    /// Stream it is appended to.
    pub stream: Option<StreamId>,
    /// Earliest start \[s\].
    pub release: f64,
    /// Memory it takes and gives back.
    pub memory: &'a [Allocation],
}

/// The fixed-size part of a stored activity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) latency: f64,
    pub(super) work: f64,
    pub(super) weight: f64,
    pub(super) release: f64,
    pub(super) limit: f64,
    pub(super) limit_resource: u32,
    pub(super) tag: u32,
}

/// Stands for "no resource" in [`Stored::limit_resource`].
pub(super) const NONE: u32 = u32::MAX;

/// Resources, pools and activities.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Resources by id.
    pub resources: Vec<Resource>,
    /// Pools by id.
    pub pools: Vec<Pool>,
    pub(super) activities: Vec<Stored>,
    demands: Vec<(ResourceId, f64)>,
    demand_end: Vec<u32>,
    after: Vec<ActivityId>,
    after_end: Vec<u32>,
    memory: Vec<Allocation>,
    memory_end: Vec<u32>,
    stream_tail: Vec<Option<ActivityId>>,
}

impl Program {
    /// Adds a resource.
    pub fn add_resource(&mut self, resource: Resource) -> ResourceId {
        assert!(
            resource.capacity.is_finite() && resource.capacity >= 0.0,
            "capacity must be finite and not negative"
        );
        self.resources.push(resource);
        ResourceId((self.resources.len() - 1) as u32)
    }

    /// Adds a memory pool.
    pub fn add_pool(&mut self, pool: Pool) -> PoolId {
        self.pools.push(pool);
        PoolId((self.pools.len() - 1) as u32)
    }

    /// Adds an empty stream.
    pub fn add_stream(&mut self) -> StreamId {
        self.stream_tail.push(None);
        StreamId((self.stream_tail.len() - 1) as u32)
    }

    /// Adds an activity. It can only come after activities that exist, so no cycle can arise.
    ///
    /// # Panics
    /// If a number is negative or not finite, or an id does not exist: a bug of the caller, never
    /// of its user.
    pub fn add(&mut self, activity: &Activity<'_>) -> ActivityId {
        let id = ActivityId(self.activities.len() as u32);
        check(activity, id, self.resources.len());
        self.activities.push(Stored {
            latency: activity.latency,
            work: activity.work,
            weight: if activity.weight > 0.0 {
                activity.weight
            } else {
                1.0
            },
            release: activity.release,
            limit: activity.limit.map_or(f64::INFINITY, |limit| limit.rate),
            limit_resource: activity
                .limit
                .and_then(|limit| limit.resource)
                .map_or(NONE, |resource| resource.0),
            tag: activity.tag,
        });
        let used = activity.demands.iter().filter(|(_, c)| *c > 0.0);
        self.demands.extend(used);
        self.demand_end.push(self.demands.len() as u32);
        self.after.extend_from_slice(activity.after);
        if let Some(stream) = activity.stream {
            self.after
                .extend(self.stream_tail[stream.index()].replace(id));
        }
        self.after_end.push(self.after.len() as u32);
        self.memory.extend_from_slice(activity.memory);
        self.memory_end.push(self.memory.len() as u32);
        id
    }

    /// Number of activities.
    pub fn len(&self) -> usize {
        self.activities.len()
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.activities.is_empty()
    }

    /// The caller's tag of an activity.
    pub fn tag(&self, id: ActivityId) -> u32 {
        self.activities[id.index()].tag
    }

    /// Amount of work of an activity.
    pub fn work(&self, id: ActivityId) -> f64 {
        self.activities[id.index()].work
    }

    /// Fair weight of an activity.
    pub fn weight(&self, id: ActivityId) -> f64 {
        self.activities[id.index()].weight
    }

    /// Fixed delay of an activity \[s\].
    pub fn latency(&self, id: ActivityId) -> f64 {
        self.activities[id.index()].latency
    }

    /// Earliest start of an activity \[s\].
    pub fn release(&self, id: ActivityId) -> f64 {
        self.activities[id.index()].release
    }

    /// Use of each resource per unit of work.
    pub fn demands(&self, id: ActivityId) -> &[(ResourceId, f64)] {
        part(&self.demands, &self.demand_end, id)
    }

    /// Activities that must end first, the one before it in its stream included.
    pub fn after(&self, id: ActivityId) -> &[ActivityId] {
        part(&self.after, &self.after_end, id)
    }

    /// Memory it takes and gives back.
    pub fn memory(&self, id: ActivityId) -> &[Allocation] {
        part(&self.memory, &self.memory_end, id)
    }

    /// Last activity of a stream so far.
    pub fn tail(&self, stream: StreamId) -> Option<ActivityId> {
        self.stream_tail[stream.index()]
    }
}

/// The slice of a flat array that belongs to `id`.
fn part<'a, T>(all: &'a [T], end: &[u32], id: ActivityId) -> &'a [T] {
    &all[first(end, id)..end[id.index()] as usize]
}

/// Where the slice that belongs to `id` begins.
fn first(end: &[u32], id: ActivityId) -> usize {
    match id.index() {
        0 => 0,
        i => end[i - 1] as usize,
    }
}

/// Preconditions of [`Program::add`].
fn check(activity: &Activity<'_>, id: ActivityId, resources: usize) {
    let number = |x: f64| x.is_finite() && x >= 0.0;
    assert!(
        number(activity.latency),
        "latency must be finite and not negative"
    );
    assert!(
        number(activity.work),
        "work must be finite and not negative"
    );
    assert!(
        number(activity.weight),
        "weight must be finite and not negative"
    );
    assert!(
        number(activity.release),
        "release must be finite and not negative"
    );
    for &(resource, coefficient) in activity.demands {
        assert!(
            resource.index() < resources,
            "demand on a resource that does not exist"
        );
        assert!(
            number(coefficient),
            "demand must be finite and not negative"
        );
    }
    assert!(
        activity.after.iter().all(|before| *before < id),
        "an activity can only come after one that exists"
    );
}
