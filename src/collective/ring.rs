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
    let hops = communicator.channels.iter().flat_map(|channel| {
        used_hops(operation, channel).map(move |hop| {
            let per_byte = hop_demands(communicator, channel, hop);
            (per_byte, factor * channel.share)
        })
    });
    Demands::sum(hops)
}

/// Which hops of a ring an operation uses, in order: a broadcast begins at rank 0 and does not
/// return to it, a reduce ends there.
pub(super) fn used_hops(operation: Operation, channel: &Channel) -> impl Iterator<Item = usize> {
    let n = channel.order.len();
    let root = channel.order.iter().position(|rank| *rank == 0);
    let (first, hops) = match operation {
        Operation::Broadcast => (root.unwrap_or(0), n - 1),
        Operation::Reduce => (root.unwrap_or(0) + 1, n - 1),
        _ => (0, n),
    };
    (first..first + hops).map(move |hop| hop % n)
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
