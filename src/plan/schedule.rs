//! Pipeline schedules as data: in which order a stage takes which micro-batch.
//!
//! Narayanan 2021 (arXiv 2104.04473, section 2.2). With `p` stages and `m` micro-batches the idle
//! share of a step is (p−1)/m under GPipe and 1F1B, and (p−1)/(m·v) where every stage holds `v`
//! parts and takes the micro-batches in turns of `p`. Under 1F1B stage `i` holds the activations
//! of at most p−i micro-batches.

use crate::spec::Schedule;

/// One pass of one micro-batch through one part of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Forward, or backward.
    pub forward: bool,
    /// Which micro-batch.
    pub micro_batch: u32,
    /// Which of the stage's parts.
    pub chunk: u32,
}

/// The slots of stage `stage` of `stages`, each with `chunks` parts, in order.
pub fn order(
    schedule: Schedule,
    stages: u32,
    stage: u32,
    micro_batches: u32,
    chunks: u32,
) -> Vec<Slot> {
    let total = micro_batches * chunks;
    let slot = |forward: bool, k: u32| {
        let turn = stages * chunks;
        let (round, place) = match chunks {
            1 => (k, 0),
            _ => (k / turn * stages + k % stages, k % turn / stages),
        };
        Slot {
            forward,
            micro_batch: round,
            chunk: if forward { place } else { chunks - 1 - place },
        }
    };
    let warm_up = match (schedule, chunks) {
        (Schedule::GPipe, _) => total,
        (Schedule::OneForwardOneBackward, 1) => stages - 1 - stage,
        (Schedule::OneForwardOneBackward, _) => (stages - 1 - stage) * 2 + (chunks - 1) * stages,
    };
    let warm_up = warm_up.min(total);
    let mut slots: Vec<Slot> = (0..warm_up).map(|k| slot(true, k)).collect();
    for k in warm_up..total {
        slots.push(slot(true, k));
        slots.push(slot(false, k - warm_up));
    }
    slots.extend((total - warm_up..total).map(|k| slot(false, k)));
    slots
}
