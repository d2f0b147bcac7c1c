//! The chain of activities that makes the run as long as it is.
//!
//! Every activity starts at the very moment at which its last predecessor ends, so walking back
//! from the last end over "who let me start" covers the whole run without gap or overlap: the
//! segments sum to the makespan exactly.

use crate::engine::{ActivityId, Program, ResourceId, Trace};
use crate::fabric::ResourceKind;

/// A stretch of the critical path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Which activity; none while nothing could run.
    pub activity: Option<ActivityId>,
    /// From \[s\].
    pub start: f64,
    /// To \[s\].
    pub end: f64,
    /// What it waited for.
    pub kind: ResourceKind,
    /// The resource that bound, if one did.
    pub resource: Option<ResourceId>,
}

/// The critical path of a run, first segment first.
pub fn critical_path(program: &Program, trace: &Trace) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut at = trace.last();
    while let Some(id) = at {
        push_activity(program, trace, id, &mut segments);
        let start = trace.start[id.index()];
        at = trace.enabled_by[id.index()];
        if at.is_none() && start > 0.0 {
            let before = released_after(trace, start);
            let from = before.map_or(0.0, |id| trace.end[id.index()]);
            if from < start {
                segments.push(idle(from, start));
            }
            at = before;
        }
    }
    segments.reverse();
    segments
}

/// The segments of one activity, last first.
fn push_activity(program: &Program, trace: &Trace, id: ActivityId, segments: &mut Vec<Segment>) {
    for interval in trace.intervals_of(id).iter().rev() {
        let resource = interval.binding.resource();
        let kind = resource.map_or(ResourceKind::Latency, |r| {
            ResourceKind::from_code(program.resources[r.index()].kind)
        });
        segments.push(Segment {
            activity: Some(id),
            start: interval.start,
            end: interval.end,
            kind,
            resource,
        });
    }
    let (start, work_start) = (trace.start[id.index()], trace.work_start[id.index()]);
    if work_start > start {
        segments.push(Segment {
            activity: Some(id),
            start,
            end: work_start,
            kind: ResourceKind::Latency,
            resource: None,
        });
    }
}

/// An activity that had to wait for its release: what ended last before it. It began earlier, so
/// that the walk back ends even where activities take no time at all.
fn released_after(trace: &Trace, start: f64) -> Option<ActivityId> {
    let ended = trace
        .end
        .iter()
        .enumerate()
        .filter(|(index, end)| **end <= start && trace.start[*index] < start);
    let last = ended.max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)));
    last.map(|(index, _)| ActivityId(index as u32))
}

fn idle(start: f64, end: f64) -> Segment {
    Segment {
        activity: None,
        start,
        end,
        kind: ResourceKind::Idle,
        resource: None,
    }
}
