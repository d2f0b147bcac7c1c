//! The event queue: earliest first, everything of one moment together.
//!
//! A heap orders the moments, a bucket holds what is due at each. A moment that was used lately is
//! found again through a small direct-mapped table, so that a thousand equal activities cost one
//! heap operation. An event is void once its activity is due at another time; the owner knows
//! that, so nothing is ever removed from the middle.

use dary_heap::QuaternaryHeap;
use std::cmp::Reverse;

use super::ids::ActivityId;

/// Moments that are found again without a search.
const RECENT: usize = 256;
/// The bits of no time: times are finite and not negative.
const NEVER: u64 = u64::MAX;
/// Void events that may wait before the queue is swept, besides as many again as live ones.
const SLACK: usize = 1 << 12;

/// Stands for "no bucket": a moment with a single event holds it itself.
const SINGLE: u32 = u32::MAX;

/// A moment of the heap, with its event or its bucket of events. Bits of times order as the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    bits: u64,
    bucket: u32,
    event: ActivityId,
}

/// Pending events.
#[derive(Debug)]
pub(super) struct Queue {
    heap: QuaternaryHeap<Reverse<Moment>>,
    buckets: Vec<Vec<ActivityId>>,
    free: Vec<u32>,
    /// Bits of the time and its bucket, which the second event of a moment opens.
    recent: Vec<(u64, u32)>,
    /// Events in all moments.
    events: usize,
    /// Number of events at which to sweep.
    most: usize,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            heap: QuaternaryHeap::new(),
            buckets: Vec::new(),
            free: Vec::new(),
            recent: vec![(NEVER, SINGLE); RECENT],
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
        let mut bucket = SINGLE;
        if recent.0 == bits {
            if recent.1 != SINGLE {
                self.buckets[recent.1 as usize].push(id);
                return;
            }
            bucket = self.free.pop().unwrap_or_else(|| {
                self.buckets.push(Vec::new());
                (self.buckets.len() - 1) as u32
            });
            self.buckets[bucket as usize].push(id);
        }
        *recent = (bits, bucket);
        self.heap.push(Reverse(Moment {
            bits,
            bucket,
            event: id,
        }));
    }

    /// The earliest moment with its events.
    pub(super) fn peek(&self) -> Option<(f64, &[ActivityId])> {
        let Reverse(moment) = self.heap.peek()?;
        let events = match moment.bucket {
            SINGLE => std::slice::from_ref(&moment.event),
            bucket => &self.buckets[bucket as usize],
        };
        Some((f64::from_bits(moment.bits), events))
    }

    /// Removes the earliest moment; its events are appended to `into`.
    pub(super) fn pop(&mut self, into: &mut Vec<ActivityId>) {
        let Some(Reverse(moment)) = self.heap.pop() else {
            return;
        };
        if moment.bucket == SINGLE {
            self.events -= 1;
            into.push(moment.event);
        } else {
            let events = &mut self.buckets[moment.bucket as usize];
            self.events -= events.len();
            into.append(events);
            self.close(moment);
        }
    }

    /// A moment's bucket is empty: others may have it.
    fn close(&mut self, moment: Moment) {
        self.free.push(moment.bucket);
        let recent = &mut self.recent[slot(moment.bits)];
        if *recent == (moment.bits, moment.bucket) {
            *recent = (NEVER, SINGLE);
        }
    }

    /// Drops void events once there are many, so that the queue stays as large as what is due.
    pub(super) fn sweep(&mut self, due: impl Fn(ActivityId) -> f64) {
        if self.events < self.most {
            return;
        }
        let mut moments = std::mem::take(&mut self.heap).into_vec();
        self.events = 0;
        moments.retain(|Reverse(moment)| {
            let valid = |id: &ActivityId| due(*id).to_bits() == moment.bits;
            if moment.bucket == SINGLE {
                let stays = valid(&moment.event);
                self.events += usize::from(stays);
                return stays;
            }
            let events = &mut self.buckets[moment.bucket as usize];
            events.retain(valid);
            self.events += events.len();
            if events.is_empty() {
                self.close(*moment);
                return false;
            }
            true
        });
        self.heap = moments.into();
        self.most = 2 * self.events + SLACK;
    }
}
