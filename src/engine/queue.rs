//! The event queue: earliest first, equal times by activity id.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::ids::ActivityId;

/// Something that will happen to an activity unless its generation has moved on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// When \[s\].
    pub(super) time: f64,
    /// To which activity.
    pub(super) activity: ActivityId,
    /// Valid only while the activity is in this generation.
    pub(super) generation: u32,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time
            .total_cmp(&other.time)
            .then(self.activity.cmp(&other.activity))
            .then(self.generation.cmp(&other.generation))
    }
}

/// Pending events.
#[derive(Debug, Default)]
pub(super) struct Queue(BinaryHeap<Reverse<Event>>);

impl Queue {
    /// Adds an event: O(log n).
    pub(super) fn push(&mut self, event: Event) {
        self.0.push(Reverse(event));
    }

    /// The earliest event.
    pub(super) fn peek(&self) -> Option<&Event> {
        self.0.peek().map(|Reverse(event)| event)
    }

    /// Removes the earliest event: O(log n).
    pub(super) fn pop(&mut self) -> Option<Event> {
        self.0.pop().map(|Reverse(event)| event)
    }
}
