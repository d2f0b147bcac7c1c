//! Closed-form answers of the engine: the relation first, then the numbers.

use crate::close::assert_close;
use narrows::engine::{
    Activity, ActivityId, Allocation, Binding, Driver, EngineError, Limit, Options, Pool, Program,
    Resource, ResourceId, Static, Trace, run,
};

const EXACT: f64 = 1e-9;

fn resource(program: &mut Program, name: &str, capacity: f64) -> ResourceId {
    program.add_resource(Resource {
        name: name.into(),
        capacity,
        kind: 0,
    })
}

fn flow(program: &mut Program, bytes: f64, demands: &[(ResourceId, f64)]) -> ActivityId {
    program.add(&Activity {
        work: bytes,
        demands,
        ..Activity::default()
    })
}

fn run_all(program: &Program) -> Trace {
    run(&mut Static(program), &Options::default()).unwrap()
}

/// One flow on one link: t = L + S/B.
#[test]
fn one_flow_takes_latency_plus_size_over_bandwidth() {
    let mut p = Program::default();
    let link = resource(&mut p, "link", 50.0);
    let id = p.add(&Activity {
        latency: 3.0,
        work: 100.0,
        demands: &[(link, 1.0)],
        ..Activity::default()
    });
    let trace = run_all(&p);
    assert_close(trace.makespan, 3.0 + 100.0 / 50.0, EXACT);
    assert_eq!(trace.intervals_of(id)[0].binding, Binding::Resource(link));
}

/// Two flows on one link: each at B/2 until the shorter ends, then the longer at B.
#[test]
fn two_flows_share_a_link() {
    let mut p = Program::default();
    let link = resource(&mut p, "link", 10.0);
    let short = flow(&mut p, 10.0, &[(link, 1.0)]);
    let long = flow(&mut p, 30.0, &[(link, 1.0)]);
    let trace = run_all(&p);
    assert_close(trace.end[short.index()], 2.0 * 10.0 / 10.0, EXACT);
    assert_close(trace.end[long.index()], (10.0 + 30.0) / 10.0, EXACT);
    assert_eq!(trace.intervals_of(long).len(), 2);
}

/// Parking lot: one long flow over n links, one short flow on each. Every flow gets B/2.
#[test]
fn parking_lot_with_equal_links() {
    let mut p = Program::default();
    let links: Vec<_> = (0..5)
        .map(|i| resource(&mut p, &format!("l{i}"), 8.0))
        .collect();
    let path: Vec<_> = links.iter().map(|l| (*l, 1.0)).collect();
    let long = flow(&mut p, 40.0, &path);
    let short: Vec<_> = links
        .iter()
        .map(|l| flow(&mut p, 40.0, &[(*l, 1.0)]))
        .collect();
    let trace = run_all(&p);
    for id in short.iter().chain([&long]) {
        assert_close(trace.intervals_of(*id)[0].rate, 4.0, EXACT);
        assert_close(trace.end[id.index()], 10.0, EXACT);
    }
}

/// Unequal parking lot: B₁ = 4, B₂ = 10. Long = short₁ = 2, short₂ = 8.
#[test]
fn parking_lot_with_unequal_links_is_max_min() {
    let mut p = Program::default();
    let narrow = resource(&mut p, "narrow", 4.0);
    let wide = resource(&mut p, "wide", 10.0);
    let long = flow(&mut p, 100.0, &[(narrow, 1.0), (wide, 1.0)]);
    let one = flow(&mut p, 100.0, &[(narrow, 1.0)]);
    let two = flow(&mut p, 100.0, &[(wide, 1.0)]);
    let trace = run_all(&p);
    let first = |id| trace.intervals_of(id)[0];
    assert_close(first(long).rate, 2.0, EXACT);
    assert_close(first(one).rate, 2.0, EXACT);
    assert_close(first(two).rate, 8.0, EXACT);
    assert_eq!(first(long).binding, Binding::Resource(narrow));
    assert_eq!(first(two).binding, Binding::Resource(wide));
}

/// Weights 1 : 3 on one link give rates B/4 and 3B/4; a coefficient of 2 costs double.
#[test]
fn weights_and_coefficients() {
    let mut p = Program::default();
    let link = resource(&mut p, "link", 8.0);
    let mut add = |weight, coefficient| {
        p.add(&Activity {
            work: 1e3,
            weight,
            demands: &[(link, coefficient)],
            ..Activity::default()
        })
    };
    let (light, heavy, costly) = (add(1.0, 1.0), add(3.0, 1.0), add(2.0, 2.0));
    let trace = run_all(&p);
    let rate = |id| trace.intervals_of(id)[0].rate;
    assert_close(rate(heavy), 3.0 * rate(light), EXACT);
    assert_close(rate(light) + rate(heavy) + 2.0 * rate(costly), 8.0, EXACT);
    assert_close(rate(costly), 2.0 * rate(light), EXACT);
}

/// Roofline: a kernel of F FLOP and D bytes takes max(F/P, D/B), on each side of the ridge.
#[test]
fn a_kernel_on_each_side_of_the_ridge() {
    for (flops, bytes) in [(300.0, 10.0), (30.0, 10.0)] {
        let mut p = Program::default();
        let compute = resource(&mut p, "compute", 100.0);
        let memory = resource(&mut p, "memory", 10.0);
        let id = flow(&mut p, 1.0, &[(compute, flops), (memory, bytes)]);
        let trace = run_all(&p);
        assert_close(trace.makespan, (flops / 100.0f64).max(bytes / 10.0), EXACT);
        let bound = if flops / 100.0 > bytes / 10.0 {
            compute
        } else {
            memory
        };
        assert_eq!(trace.intervals_of(id)[0].binding, Binding::Resource(bound));
    }
}

/// An own limit binds below the fair share; what it leaves goes to the other.
#[test]
fn an_own_limit_leaves_the_rest_to_others() {
    let mut p = Program::default();
    let link = resource(&mut p, "link", 10.0);
    let limited = p.add(&Activity {
        work: 20.0,
        demands: &[(link, 1.0)],
        limit: Some(Limit {
            rate: 2.0,
            resource: None,
        }),
        ..Activity::default()
    });
    let other = flow(&mut p, 80.0, &[(link, 1.0)]);
    let trace = run_all(&p);
    assert_eq!(trace.intervals_of(limited)[0].binding, Binding::Limit(None));
    assert_close(trace.intervals_of(other)[0].rate, 8.0, EXACT);
    assert_close(trace.makespan, 10.0, EXACT);
}

/// Streams are in order; a release holds an activity back; zero work ends at once.
#[test]
fn streams_releases_and_empty_activities() {
    let mut p = Program::default();
    let link = resource(&mut p, "link", 1.0);
    let stream = p.add_stream();
    let mut add = |work, release| {
        p.add(&Activity {
            work,
            release,
            demands: &[(link, 1.0)],
            stream: Some(stream),
            ..Activity::default()
        })
    };
    let (a, b, c) = (add(2.0, 0.0), add(0.0, 0.0), add(3.0, 7.0));
    let trace = run_all(&p);
    assert_eq!(trace.end[a.index()], 2.0);
    assert_eq!(trace.end[b.index()], 2.0);
    assert_eq!(trace.enabled_by[b.index()], Some(a));
    assert_eq!(trace.start[c.index()], 7.0);
    assert_eq!(trace.makespan, 10.0);
}

/// Memory: level over time, peak, and overflow as a result.
#[test]
fn memory_pools_report_peak_and_overflow() {
    let mut p = Program::default();
    let pool = p.add_pool(Pool {
        name: "vram".into(),
        capacity: 10.0,
    });
    let hold = |account, bytes| Allocation {
        pool,
        account,
        bytes,
    };
    let first = p.add(&Activity {
        latency: 1.0,
        memory: &[hold(0, 6.0), hold(0, -6.0)],
        ..Activity::default()
    });
    p.add(&Activity {
        latency: 1.0,
        after: &[first],
        memory: &[hold(1, 9.0), hold(2, 3.0), hold(1, -9.0)],
        ..Activity::default()
    });
    let trace = run_all(&p);
    let pool = &trace.memory.pools[0];
    assert_eq!(pool.peak, 12.0);
    assert_eq!(pool.peak_time, 1.0);
    let overflow = pool.overflow.as_ref().unwrap();
    assert_eq!(
        (overflow.time, overflow.accounts.clone()),
        (1.0, vec![0.0, 9.0, 3.0])
    );
    assert_eq!(pool.levels, vec![(0.0, 6.0), (1.0, 12.0), (2.0, 3.0)]);
}

/// A driver adds each activity when the one before has ended.
#[test]
fn a_driver_adds_activities_as_others_end() {
    struct Chain {
        program: Program,
        link: ResourceId,
        left: u32,
    }
    impl Driver for Chain {
        fn program(&self) -> &Program {
            &self.program
        }
        fn completed(&mut self, id: ActivityId, _time: f64) {
            if self.left > 0 {
                self.left -= 1;
                self.program.add(&Activity {
                    work: 5.0,
                    demands: &[(self.link, 1.0)],
                    after: &[id],
                    ..Activity::default()
                });
            }
        }
    }
    let mut program = Program::default();
    let link = resource(&mut program, "link", 1.0);
    flow(&mut program, 5.0, &[(link, 1.0)]);
    let mut chain = Chain {
        program,
        link,
        left: 9,
    };
    let trace = run(&mut chain, &Options::default()).unwrap();
    assert_close(trace.makespan, 50.0, EXACT);
    assert_eq!(chain.program.len(), 10);
}

/// Work on a resource without capacity is an error that names it, not an endless loop.
#[test]
fn a_dead_resource_is_named() {
    let mut p = Program::default();
    let link = resource(&mut p, "dead link", 0.0);
    flow(&mut p, 1.0, &[(link, 1.0)]);
    let error = run(&mut Static(&p), &Options::default()).unwrap_err();
    assert!(matches!(error, EngineError::Stalled { resource, .. } if resource == "dead link"));
}

/// Data-parallel overlap: k layers of backward t each, a reduction c after each on another
/// resource. Hidden but for the last if c ≤ t: k·t + c. Bound by the link if c ≥ t: t + k·c.
#[test]
fn overlapped_reductions_have_their_closed_form() {
    for (t, c) in [(3.0, 2.0), (2.0, 3.0), (2.0, 2.0)] {
        let k = 7;
        let mut p = Program::default();
        let unit = resource(&mut p, "unit", 1.0);
        let link = resource(&mut p, "link", 1.0);
        let (backward, reduction) = (p.add_stream(), p.add_stream());
        for _ in 0..k {
            let layer = p.add(&Activity {
                work: t,
                demands: &[(unit, 1.0)],
                stream: Some(backward),
                ..Activity::default()
            });
            p.add(&Activity {
                work: c,
                demands: &[(link, 1.0)],
                after: &[layer],
                stream: Some(reduction),
                ..Activity::default()
            });
        }
        let n = f64::from(k);
        let expected = if c <= t { n * t + c } else { t + n * c };
        assert_close(run_all(&p).makespan, expected, EXACT);
    }
}
