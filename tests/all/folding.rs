//! A folded run is the unfolded run.

use crate::close::assert_close;
use narrows::engine::{
    Activity, ActivityId, Allocation, Options, Pool, Program, Resource, ResourceId, Static, Trace,
    fold, run,
};
use proptest::prelude::*;

/// One activity of a rank: latency, work, use of the rank's two own resources and of the shared
/// one, whether it is a meeting of all ranks, predecessor.
type Drawn = (u8, u16, [u8; 3], bool, u8);

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec(
        (
            0u8..3,
            1u16..200,
            [0u8..3, 0u8..3, 0u8..3],
            any::<bool>(),
            any::<u8>(),
        ),
        1..12,
    )
}

/// The same activities on every rank, but for one resource of one rank that is slower.
fn ranks(count: usize, drawn: &[Drawn], slow: Option<(usize, f64)>) -> Program {
    let mut p = Program::default();
    let mut resource = |capacity: f64| {
        p.add_resource(Resource {
            name: "r".into(),
            capacity,
            kind: 0,
        })
    };
    let shared = resource(7.0);
    let own: Vec<[ResourceId; 2]> = (0..count)
        .map(|rank| {
            let factor = slow.map_or(1.0, |(at, factor)| if at == rank { factor } else { 1.0 });
            [resource(5.0 * factor), resource(11.0)]
        })
        .collect();
    let pools: Vec<_> = (0..count)
        .map(|_| {
            p.add_pool(Pool {
                name: "p".into(),
                capacity: 50.0,
            })
        })
        .collect();
    let mut done: Vec<Vec<ActivityId>> = Vec::new();
    for (latency, work, used, meeting, before) in drawn {
        let before = |rank: usize| match done.len() {
            0 => Vec::new(),
            n if *meeting => done[usize::from(*before) % n].clone(),
            n => vec![done[usize::from(*before) % n][rank]],
        };
        let ids = (0..count).map(|rank| {
            let all = [own[rank][0], own[rank][1], shared];
            let uses = all.iter().zip(used).filter(|(_, c)| **c > 0);
            let demands: Vec<_> = uses.map(|(r, c)| (*r, f64::from(*c))).collect();
            let hold = |bytes| Allocation {
                pool: pools[rank],
                account: 1,
                bytes,
            };
            p.add(&Activity {
                latency: f64::from(*latency),
                work: f64::from(*work),
                demands: &demands,
                after: &before(rank),
                memory: &[hold(f64::from(*work)), hold(-f64::from(*work))],
                ..Activity::default()
            })
        });
        let ids = ids.collect();
        done.push(ids);
    }
    p
}

fn simulate(p: &Program) -> Trace {
    run(&mut Static(p), &Options::default()).unwrap()
}

fn same(a: &Trace, b: &Trace) {
    assert_close(a.makespan, b.makespan, 1e-9);
    for i in 0..a.end.len() {
        assert_close(a.start[i], b.start[i], 1e-9);
        assert_close(a.end[i], b.end[i], 1e-9);
        let id = ActivityId(i as u32);
        let work = |t: &Trace| -> f64 {
            let of = t.intervals_of(id).iter();
            of.map(|x| x.rate * (x.end - x.start)).sum()
        };
        assert_close(work(a), work(b), 1e-9);
    }
    for (a, b) in a.memory.pools.iter().zip(&b.memory.pools) {
        assert_close(a.peak, b.peak, 1e-9);
        assert_eq!(a.overflow.is_some(), b.overflow.is_some());
    }
}

proptest! {
    #![proptest_config(crate::cases(128))]

    /// Equal ranks are one class for each thing they do, and the run is the same.
    #[test]
    fn equal_ranks_fold_into_one(drawn in drawn(), count in 2usize..9) {
        let p = ranks(count, &drawn, None);
        let folded = fold(&p).expect("folds");
        prop_assert!(folded.classes() <= drawn.len());
        let trace = folded.expand(&p, &simulate(&folded.program));
        same(&trace, &simulate(&p));
    }

    /// One slow resource unfolds its rank (and what meets it), and the run is the same.
    #[test]
    fn a_straggler_unfolds_only_itself(
        drawn in drawn(), count in 5usize..9, at in 0usize..5, factor in 0.3f64..0.9
    ) {
        let p = ranks(count, &drawn, Some((at, factor)));
        let folded = fold(&p).expect("folds");
        prop_assert!(folded.classes() <= 2 * drawn.len());
        let trace = folded.expand(&p, &simulate(&folded.program));
        same(&trace, &simulate(&p));
    }
}

/// Nothing in common: nothing to fold.
#[test]
fn different_activities_do_not_fold() {
    let mut p = Program::default();
    for work in 1..9 {
        p.add(&Activity {
            latency: f64::from(work),
            ..Activity::default()
        });
    }
    assert!(fold(&p).is_none());
}
