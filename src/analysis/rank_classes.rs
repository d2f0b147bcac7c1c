//! Ranks that do the same, how they spend the step, and for whom they wait.
//!
//! Ranks are of one class where all that they compute is, phase by phase, of the same classes of
//! activities. A rank's time between two of its kernels is read backwards from the later one, as
//! the critical path is: time inside communication, then time until the last of those it
//! communicates with was ready, which is waiting for that rank.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use crate::engine::{ActivityId, Trace};
use crate::plan::{Lane, Phase, Plan};

/// Ranks that do the same.
#[derive(Debug, Clone, PartialEq)]
pub struct RankClass {
    /// The ranks of the job, in order.
    pub ranks: Vec<u32>,
    /// The device of the first.
    pub device: String,
    /// Time in kernels a step \[s\].
    pub computing_s: f64,
    /// Time in communication alone \[s\].
    pub communicating_s: f64,
    /// Time until the host thread issued the next kernel \[s\].
    pub launching_s: f64,
    /// Time until others were ready \[s\], by their class (a place in the list), longest first.
    pub waiting_s: Vec<(usize, f64)>,
}

/// How a rank spends its time.
#[derive(Debug, Clone, Default)]
struct Spent {
    computing: f64,
    communicating: f64,
    launching: f64,
    /// By the rank that was waited for.
    waiting: BTreeMap<u32, f64>,
}

/// The classes of a plan's ranks, by first rank; none for flows.
pub fn rank_classes(plan: &Plan, outcome: &Outcome) -> Vec<RankClass> {
    let mut signatures: Vec<Vec<u32>> = vec![Vec::new(); plan.ranks.len()];
    let mut spent = vec![Spent::default(); plan.ranks.len()];
    for (phase, result) in plan.phases.iter().zip(&outcome.phases) {
        sign(phase, &mut signatures);
        spend(phase, &result.trace, phase.repeat, &mut spent);
    }
    let mut members: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for (rank, signature) in signatures.iter().enumerate() {
        members.entry(signature).or_default().push(rank);
    }
    let of_job = |rank: &usize| plan.represented[*rank].iter().copied();
    let mut classes: Vec<(Vec<u32>, Vec<usize>)> = members
        .into_values()
        .map(|members| {
            let mut ranks: Vec<u32> = members.iter().flat_map(of_job).collect();
            ranks.sort_unstable();
            (ranks, members)
        })
        .collect();
    classes.sort();
    let mut class_of = vec![0; plan.ranks.len()];
    for (class, (_, members)) in classes.iter().enumerate() {
        members.iter().for_each(|rank| class_of[*rank] = class);
    }
    let class = |(ranks, members): (Vec<u32>, Vec<usize>)| {
        let first = members[0];
        let mut waiting: BTreeMap<usize, f64> = BTreeMap::new();
        for (rank, time) in &spent[first].waiting {
            *waiting.entry(class_of[*rank as usize]).or_default() += time;
        }
        let mut waiting_s: Vec<(usize, f64)> = waiting.into_iter().collect();
        waiting_s.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let pools = plan.phases.first().map(|phase| &phase.program.pools);
        RankClass {
            ranks,
            device: pools.map_or_else(String::new, |pools| pools[first].name.clone()),
            computing_s: spent[first].computing,
            communicating_s: spent[first].communicating,
            launching_s: spent[first].launching,
            waiting_s,
        }
    };
    classes.into_iter().map(class).collect()
}

/// Appends the classes of what each rank computes.
fn sign(phase: &Phase, signatures: &mut [Vec<u32>]) {
    let classes = phase.classes();
    for index in 0..phase.program.len() {
        let id = ActivityId(index as u32);
        if let Lane::Compute(rank) = lane(phase, id) {
            let class = classes
                .as_ref()
                .map_or(id, |classes| classes.activity_class(id));
            signatures[rank as usize].push(class.0);
        }
    }
}

fn lane(phase: &Phase, id: ActivityId) -> Lane {
    phase.tasks[phase.program.tag(id) as usize].lane
}

/// Adds how each rank spends a phase.
fn spend(phase: &Phase, trace: &Trace, repeat: f64, spent: &mut [Spent]) {
    let mut done = vec![0.0; spent.len()];
    for index in 0..phase.program.len() {
        let Lane::Compute(rank) = lane(phase, ActivityId(index as u32)) else {
            continue;
        };
        let of = &mut spent[rank as usize];
        let (start, end) = (trace.start[index], trace.end[index]);
        let gap = (done[rank as usize], start);
        explain(phase, trace, rank, gap, trace.enabled_by[index], repeat, of);
        of.computing += repeat * (end - start);
        done[rank as usize] = end;
    }
    for (rank, of) in spent.iter_mut().enumerate() {
        let gap = (done[rank], trace.makespan);
        explain(phase, trace, rank as u32, gap, trace.last(), repeat, of);
    }
}

/// Adds why a rank did nothing from one time to another, at which `by` ended.
fn explain(
    phase: &Phase,
    trace: &Trace,
    rank: u32,
    (from, mut to): (f64, f64),
    mut by: Option<ActivityId>,
    repeat: f64,
    of: &mut Spent,
) {
    while to > from {
        let Some(id) = by else {
            of.launching += repeat * (to - from);
            return;
        };
        let begin = trace.start[id.index()].clamp(from, to);
        match lane(phase, id) {
            Lane::Compute(other) | Lane::Host(other) if other != rank => {
                *of.waiting.entry(other).or_default() += repeat * (to - from);
                return;
            }
            Lane::Host(_) => {
                of.launching += repeat * (to - from);
                return;
            }
            Lane::Communication(_) | Lane::Flow(_) => of.communicating += repeat * (to - begin),
            Lane::Compute(_) => of.computing += repeat * (to - begin),
            Lane::Nowhere => {}
        }
        to = begin;
        by = trace.enabled_by[id.index()];
    }
}
