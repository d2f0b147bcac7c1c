//! What must hold for any program.

use crate::close::assert_close;
use narrows::engine::{
    Activity, ActivityId, Limit, Options, Program, Resource, ResourceId, Solver, Static, Trace, run,
};
use proptest::prelude::*;

/// One drawn activity: latency, work, weight, demands, limit, predecessors, stream.
type Drawn = (u8, u16, u8, Vec<(u8, u8)>, Option<u8>, Vec<u8>, Option<u8>);

fn activity() -> impl Strategy<Value = Drawn> {
    (
        0u8..4,
        0u16..200,
        1u8..4,
        prop::collection::vec((0u8..6, 1u8..4), 0..4),
        prop::option::weighted(0.3, 1u8..30),
        prop::collection::vec(any::<u8>(), 0..2),
        prop::option::weighted(0.3, 0u8..3),
    )
}

fn program() -> impl Strategy<Value = Program> {
    (
        prop::collection::vec(1u16..100, 6),
        prop::collection::vec(activity(), 1..40),
    )
        .prop_map(|(capacities, drawn)| build(&capacities, &drawn))
}

fn build(capacities: &[u16], drawn: &[Drawn]) -> Program {
    let mut p = Program::default();
    for (i, capacity) in capacities.iter().enumerate() {
        p.add_resource(Resource {
            name: format!("r{i}"),
            capacity: f64::from(*capacity),
            kind: 0,
        });
    }
    let streams: Vec<_> = (0..3).map(|_| p.add_stream()).collect();
    for (index, (latency, work, weight, demands, limit, after, stream)) in drawn.iter().enumerate()
    {
        let mut used: Vec<(ResourceId, f64)> = demands
            .iter()
            .map(|(r, c)| (ResourceId(u32::from(*r)), f64::from(*c)))
            .collect();
        used.sort_by_key(|(r, _)| *r);
        used.dedup_by_key(|(r, _)| *r);
        let after: Vec<_> = after
            .iter()
            .filter(|_| index > 0)
            .map(|a| ActivityId(u32::from(*a) % index as u32))
            .collect();
        p.add(&Activity {
            latency: f64::from(*latency),
            work: f64::from(*work),
            weight: f64::from(*weight),
            demands: &used,
            limit: limit.map(|rate| Limit {
                rate: f64::from(rate),
                resource: None,
            }),
            after: &after,
            stream: stream.map(|s| streams[usize::from(s)]),
            ..Activity::default()
        });
    }
    p
}

fn solve(p: &Program, solver: Solver) -> Trace {
    let options = Options {
        solver,
        ..Options::default()
    };
    run(&mut Static(p), &options).unwrap()
}

/// Every activity's rate at `time`.
fn rates(p: &Program, trace: &Trace, time: f64) -> Vec<f64> {
    (0..p.len())
        .map(|i| {
            let of = trace.intervals_of(ActivityId(i as u32)).iter();
            of.filter(|x| x.start <= time && time < x.end)
                .map(|x| x.rate)
                .sum()
        })
        .collect()
}

/// Midpoints between all event times.
fn instants(trace: &Trace) -> Vec<f64> {
    let mut times: Vec<f64> = trace
        .intervals
        .iter()
        .flat_map(|i| [i.start, i.end])
        .collect();
    times.sort_by(f64::total_cmp);
    times.dedup_by(|a, b| (*a - *b).abs() <= 1e-9 * b.abs());
    times
        .windows(2)
        .map(|w| f64::midpoint(w[0], w[1]))
        .collect()
}

fn load(p: &Program, rates: &[f64], resource: ResourceId) -> f64 {
    (0..p.len())
        .flat_map(|i| {
            let of = p.demands(ActivityId(i as u32)).iter();
            of.filter(|(r, _)| *r == resource)
                .map(move |(_, c)| c * rates[i])
        })
        .sum()
}

proptest! {
    #![proptest_config(crate::cases(256))]

    /// Re-solving only what changed gives what re-solving everything gives.
    #[test]
    fn incremental_equals_full(p in program()) {
        let fast = solve(&p, Solver::Incremental);
        let plain = solve(&p, Solver::Full);
        for i in 0..p.len() {
            assert_close(fast.end[i], plain.end[i], 1e-9);
            assert_close(fast.start[i], plain.start[i], 1e-9);
        }
    }

    /// Rate times time is the work asked for.
    #[test]
    fn work_is_conserved(p in program()) {
        let trace = solve(&p, Solver::Incremental);
        for i in 0..p.len() {
            let id = ActivityId(i as u32);
            let done: f64 = trace.intervals_of(id).iter().map(|x| x.rate * (x.end - x.start)).sum();
            let bounded = !p.demands(id).is_empty() || !trace.intervals_of(id).is_empty();
            if bounded {
                assert_close(done, p.work(id), 1e-9);
            }
        }
    }

    /// At no instant does a resource carry more than it can.
    #[test]
    fn no_resource_exceeds_its_capacity(p in program()) {
        let trace = solve(&p, Solver::Incremental);
        for time in instants(&trace) {
            let rates = rates(&p, &trace, time);
            for (r, resource) in p.resources.iter().enumerate() {
                let load = load(&p, &rates, ResourceId(r as u32));
                prop_assert!(load <= resource.capacity * (1.0 + 1e-9), "{load} on {resource:?}");
            }
        }
    }

    /// Max-min: whoever is not at its own limit has a full resource on which nobody has a higher
    /// rate per weight (Bertsekas & Gallager, Data Networks, §6.5.2).
    #[test]
    fn the_allocation_is_max_min(p in program()) {
        let trace = solve(&p, Solver::Incremental);
        for time in instants(&trace) {
            let rates = rates(&p, &trace, time);
            for x in trace.intervals.iter().filter(|x| x.start <= time && time < x.end) {
                let narrows::engine::Binding::Resource(r) = x.binding else { continue };
                let load = load(&p, &rates, r);
                assert_close(load, p.resources[r.index()].capacity, 1e-9);
                let mine = x.rate / weight(&p, x.activity);
                for y in trace.intervals.iter().filter(|y| y.start <= time && time < y.end) {
                    if p.demands(y.activity).iter().any(|(d, _)| *d == r) {
                        prop_assert!(y.rate / weight(&p, y.activity) <= mine * (1.0 + 1e-9));
                    }
                }
            }
        }
    }
}

fn weight(p: &Program, id: ActivityId) -> f64 {
    p.weight(id)
}
