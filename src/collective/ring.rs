//! A ring collective as one activity.
//!
//! In steady state every edge of a ring carries 2(n−1)/n bytes per byte of an all-reduce
//! (Patarasuk & Yuan 2009), so the whole collective is one flow with a coefficient on each
//! resource it crosses; the dependent steps cost a latency each.

use super::bandwidth::alone;
use super::communicator::Communicator;
use super::operation::Operation;
use crate::fabric::{Demands, Transport};
use crate::spec::{Diagnostic, ProtocolSpec};
use crate::topology::DeviceId;
use crate::units::Seconds;

/// A collective as one activity.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectivePlan {
    /// Algorithm.
    pub algorithm: &'static str,
    /// Protocol of the library.
    pub protocol: String,
    /// Number of channels.
    pub channels: usize,
    /// Fixed delay \[s\].
    pub latency_s: f64,
    /// Work: the size in nccl-tests' sense \[B\].
    pub bytes: f64,
    /// Demands per byte of size.
    pub demands: Demands,
    /// Highest rate of the protocol \[B/s of size\].
    pub limit: f64,
    /// Time when nothing else runs \[s\].
    pub alone_s: f64,
}

/// VRAM traffic at the receiver per byte that arrives: it is written into the library's buffer,
/// read from there, and one local operand is read or the result written. Through host memory the
/// buffer is not in VRAM.
const VRAM_PER_BYTE: f64 = 3.0;
const VRAM_PER_STAGED_BYTE: f64 = 2.0;

impl Communicator<'_> {
    /// The collective with the protocol that is fastest for its size.
    ///
    /// # Errors
    /// The library has no protocol that works on these channels.
    pub fn plan(&self, operation: Operation, bytes: f64) -> Result<CollectivePlan, Diagnostic> {
        if self.size() < 2 {
            return Ok(nothing(bytes));
        }
        let edges = edge_demands(self, operation);
        let usable = self.library.protocols.iter().filter(|(_, protocol)| {
            !protocol.gpu_links_only || self.slowest_transport() == Transport::GpuLink
        });
        usable
            .map(|(name, protocol)| self.with_protocol(operation, bytes, &edges, name, protocol))
            .reduce(|best, next| {
                if next.alone_s < best.alone_s {
                    next
                } else {
                    best
                }
            })
            .ok_or_else(|| {
                Diagnostic::new(format!(
                    "library `{}` has no protocol for this path",
                    self.library.name
                ))
            })
    }

    fn with_protocol(
        &self,
        operation: Operation,
        bytes: f64,
        edges: &Demands,
        name: &str,
        protocol: &ProtocolSpec,
    ) -> CollectivePlan {
        let n = self.size();
        let mut demands = Demands::default();
        demands.add_scaled(edges, 1.0 / protocol.bandwidth_share.value.0);
        let limit = protocol
            .max_bandwidth
            .as_ref()
            .map_or(f64::INFINITY, |most| most.value.0 / operation.bus_factor(n));
        let rate = alone(self.fabric, &demands).min(limit);
        self.add_channel_units(&mut demands, rate);
        let latency_s = protocol.base.value.0
            + operation.steps(n) as f64 * self.hop_latency(protocol)
            + self.pipeline_fill(operation, bytes, rate);
        CollectivePlan {
            algorithm: "ring",
            protocol: name.to_string(),
            channels: self.channels.len(),
            latency_s,
            bytes,
            demands,
            limit,
            alone_s: latency_s + bytes / rate,
        }
    }

    /// Cost of one step of a protocol over the slowest path of the rings \[s\].
    pub(super) fn hop_latency(&self, protocol: &ProtocolSpec) -> f64 {
        let Seconds(hop) = match self.slowest_transport() {
            Transport::GpuLink => protocol.hop.gpu_link.value,
            Transport::Peer | Transport::Staged => protocol.hop.pcie.value,
            Transport::Network => protocol.hop.network.value,
        };
        hop
    }

    /// Time until the last rank of a broadcast chain has its first slice, less the one slice time
    /// that the steady state counts \[s\].
    fn pipeline_fill(&self, operation: Operation, bytes: f64, rate: f64) -> f64 {
        if operation != Operation::Broadcast {
            return 0.0;
        }
        (self.size() as f64 - 2.0) * self.slice(bytes) / rate
    }

    /// Bytes of all channels' slices together.
    pub(super) fn slice(&self, bytes: f64) -> f64 {
        (self.library.slice.value.0 * self.channels.len() as f64).min(bytes)
    }

    /// The compute units that the channels occupy while the collective runs at its own pace.
    fn add_channel_units(&self, demands: &mut Demands, rate: f64) {
        for id in &self.group {
            if let Some(share) = self.channel_share(*id)
                && let Some(gpu) = self.fabric.gpu(*id)
            {
                demands.add(gpu.compute, share / rate);
            }
        }
    }

    /// Share of a GPU's compute units that the channels occupy.
    pub(super) fn channel_share(&self, id: DeviceId) -> Option<f64> {
        let spec = self.fabric.topology.device(id).gpu()?;
        let units = f64::from(self.library.channel_units.value);
        Some((units / f64::from(spec.compute.units.value)).min(0.5))
    }
}

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
    match operation {
        Operation::Broadcast => 0..n - 1,
        _ => 0..n,
    }
}

/// Demands of one byte over one hop: wires, host memory, VRAM at the receiver.
pub(super) fn hop_demands(
    communicator: &Communicator<'_>,
    channel: &super::channels::Channel,
    hop: usize,
) -> Demands {
    let path = &channel.paths[hop];
    let receiver = communicator.group[channel.order[(hop + 1) % channel.order.len()]];
    let mut demands = path.demands.clone();
    if let Some(gpu) = communicator.fabric.gpu(receiver) {
        let traffic = match path.transport {
            Transport::Staged => VRAM_PER_STAGED_BYTE,
            _ => VRAM_PER_BYTE,
        };
        demands.add(gpu.vram, traffic);
    }
    demands
}

/// A collective of one rank.
fn nothing(bytes: f64) -> CollectivePlan {
    CollectivePlan {
        algorithm: "none",
        protocol: "none".into(),
        channels: 0,
        latency_s: 0.0,
        bytes,
        demands: Demands::default(),
        limit: f64::INFINITY,
        alone_s: 0.0,
    }
}
