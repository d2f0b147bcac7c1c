//! What happened: everything downstream reads only this.

use super::ids::{ActivityId, ResourceId};
use super::memory::MemoryTrace;

/// What held an activity's rate down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A resource with no capacity left for it.
    Resource(ResourceId),
    /// Its own limit, with the resource the limit comes from.
    Limit(Option<ResourceId>),
}

impl Binding {
    /// The resource to blame, if any.
    pub fn resource(self) -> Option<ResourceId> {
        match self {
            Binding::Resource(resource) => Some(resource),
            Binding::Limit(resource) => resource,
        }
    }
}

/// A stretch of time in which an activity worked at one rate under one binding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Which activity.
    pub activity: ActivityId,
    /// From \[s\].
    pub start: f64,
    /// To \[s\].
    pub end: f64,
    /// At which rate \[work/s\].
    pub rate: f64,
    /// Held down by what.
    pub binding: Binding,
}

/// The record of one run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// When each activity started (its latency, if it has one) \[s\].
    pub start: Vec<f64>,
    /// When its work started \[s\].
    pub work_start: Vec<f64>,
    /// When it ended \[s\].
    pub end: Vec<f64>,
    /// The activity whose end let it start; none where it was free from the beginning or waited
    /// for its release.
    pub enabled_by: Vec<Option<ActivityId>>,
    /// Intervals sorted by activity, then time. Empty if recording was off.
    pub intervals: Vec<Interval>,
    /// Where each activity's intervals end in `intervals`.
    pub(super) interval_end: Vec<u32>,
    /// Memory over time.
    pub memory: MemoryTrace,
    /// Time of the last end \[s\].
    pub makespan: f64,
    /// How many times rates were solved, and for how many activities in all.
    pub solves: u64,
    /// Sum over solves of the activities in the component solved.
    pub solved_activities: u64,
}

impl Trace {
    /// The intervals of one activity, in time.
    pub fn intervals_of(&self, id: ActivityId) -> &[Interval] {
        let start = match id.index() {
            0 => 0,
            i => self.interval_end[i - 1] as usize,
        };
        &self.intervals[start..self.interval_end[id.index()] as usize]
    }

    /// The activity that ended last; the one of the lowest id where several did.
    pub fn last(&self) -> Option<ActivityId> {
        let last = self.end.iter().position(|end| *end == self.makespan)?;
        Some(ActivityId(last as u32))
    }

    /// Sorts the intervals by activity and builds the index. They come in time, so counting those
    /// of each activity is enough: O(intervals).
    pub(super) fn seal(&mut self) {
        self.interval_end = vec![0; self.end.len()];
        for interval in &self.intervals {
            self.interval_end[interval.activity.index()] += 1;
        }
        let mut total = 0;
        for end in &mut self.interval_end {
            let count = *end;
            *end = total;
            total += count;
        }
        let Some(filler) = self.intervals.first().copied() else {
            return;
        };
        let mut sorted = vec![filler; self.intervals.len()];
        for interval in &self.intervals {
            let at = &mut self.interval_end[interval.activity.index()];
            sorted[*at as usize] = *interval;
            *at += 1;
        }
        self.intervals = sorted;
    }
}
