//! Rings as demands.
//!
//! In steady state every edge of a ring carries 2(n−1)/n bytes per byte of an all-reduce
//! (Patarasuk & Yuan 2009), so the whole collective is one flow with a coefficient on each
//! resource it crosses.

use super::channels::Channel;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::with_vram;
use crate::fabric::Demands;

/// Demands of one byte of size on the edges of all rings and the VRAM at their ends.
pub(super) fn edge_demands(communicator: &Communicator<'_>, operation: Operation) -> Demands {
    let n = communicator.size();
    let factor = operation.edge_factor(n);
    let mut demands = Demands::default();
    for channel in &communicator.channels {
        for hop in used_hops(operation, n) {
            let per_byte = hop_demands(communicator, channel, hop);
            demands.add_scaled(&per_byte, factor * channel.share);
        }
    }
    demands
}

/// Which hops of a ring an operation uses: a broadcast does not return to the root.
pub(super) fn used_hops(operation: Operation, n: usize) -> std::ops::Range<usize> {
    if operation.is_chain() { 0..n - 1 } else { 0..n }
}

/// Demands of one byte over one hop: wires, host memory, VRAM at the receiver.
pub(super) fn hop_demands(
    communicator: &Communicator<'_>,
    channel: &Channel,
    hop: usize,
) -> Demands {
    let receiver = channel.order[(hop + 1) % channel.order.len()];
    with_vram(communicator, &channel.paths[hop], receiver)
}
