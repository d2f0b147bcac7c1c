//! The event queue: earliest first, everything of one moment together.
//!
//! A heap orders the moments, a bucket holds what is due at each. A moment that was used lately is
//! found again through a small direct-mapped table, so that a thousand equal activities cost one
//! heap operation. An event is void once its activity is due at another time; the owner knows
//! that, so nothing is ever removed from the middle.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ids::ActivityId;

/// Moments that are found again without a search.
const RECENT: usize = 256;
/// The bits of no time: times are finite and not negative.
const NEVER: u64 = u64::MAX;
/// Void events that may wait before the queue is swept, besides as many again as live ones.
const SLACK: usize = 1 << 16;

/// Pending events.
#[derive(Debug)]
pub(super) struct Queue {
    /// Bits of the time, which order as the times do, and the bucket.
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    buckets: Vec<Vec<ActivityId>>,
    free: Vec<u32>,
    recent: Vec<(u64, u32)>,
    /// Events in all buckets.
    events: usize,
    /// Number of events at which to sweep.
    most: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            buckets: Vec::new(),
            free: Vec::new(),
            recent: vec![(NEVER, 0); RECENT],
            events: 0,
            most: SLACK,
        }
    }
}

/// Place of a time in the table of recent moments (Fibonacci hashing).
fn slot(bits: u64) -> usize {
    (bits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize
}

impl Queue {
    /// Adds an event: O(1) at a recent moment, else O(log moments).
    pub(super) fn push(&mut self, time: f64, id: ActivityId) {
        let bits = time.to_bits();
        self.events += 1;
        let recent = &mut self.recent[slot(bits)];
        if recent.0 == bits {
            self.buckets[recent.1 as usize].push(id);
            return;
        }
        let bucket = self.free.pop().unwrap_or_else(|| {
            self.buckets.push(Vec::new());
            (self.buckets.len() - 1) as u32
        });
        self.buckets[bucket as usize].push(id);
        self.heap.push(Reverse((bits, bucket)));
        *recent = (bits, bucket);
    }

    /// The earliest moment with its events.
    pub(super) fn peek(&self) -> Option<(f64, &[ActivityId])> {
        let Reverse((bits, bucket)) = self.heap.peek()?;
        Some((f64::from_bits(*bits), &self.buckets[*bucket as usize]))
    }

    /// Removes the earliest moment; its events are appended to `into`.
    pub(super) fn pop(&mut self, into: &mut Vec<ActivityId>) {
        if let Some(Reverse((bits, bucket))) = self.heap.pop() {
            let events = &mut self.buckets[bucket as usize];
            self.events -= events.len();
            into.append(events);
            self.free.push(bucket);
            let recent = &mut self.recent[slot(bits)];
            if *recent == (bits, bucket) {
                recent.0 = NEVER;
            }
        }
    }

    /// Drops void events once there are many, so that the queue stays as large as what is due.
    pub(super) fn sweep(&mut self, due: impl Fn(ActivityId) -> f64) {
        if self.events < self.most {
            return;
        }
        for Reverse((bits, bucket)) in &self.heap {
            let events = &mut self.buckets[*bucket as usize];
            events.retain(|id| due(*id).to_bits() == *bits);
        }
        let buckets = &mut self.buckets;
        let free = &mut self.free;
        let recent = &mut self.recent;
        self.heap.retain(|Reverse((bits, bucket))| {
            let used = !buckets[*bucket as usize].is_empty();
            if !used {
                buckets[*bucket as usize] = Vec::new();
                free.push(*bucket);
                let entry = &mut recent[slot(*bits)];
                if *entry == (*bits, *bucket) {
                    entry.0 = NEVER;
                }
            }
            used
        });
        self.events = self.buckets.iter().map(Vec::len).sum();
        self.most = 2 * self.events + SLACK;
    }
}
