//! The time that a library believes when it chooses.
//!
//! That is the cost model it publishes (NCCL 2.30 `src/graph/tuning.cc`): a latency and a bandwidth
//! for each algorithm and protocol. It errs by a factor of up to 2, and its errors show as jumps in
//! measured curves.

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::plan::Configuration;
use crate::fabric::Transport;
use crate::spec::{GenerationSpec, ProtocolSpec, ReleaseShare};

/// Size-dependent correction of trees, from 64 B up in powers of two: `treeCorrectionFactor` of
/// NCCL 2.30 `src/graph/tuning.cc`.
const TREE_CORRECTION: [(&str, [f64; 24]); 3] = [
    (
        "ll",
        [
            1.0, 1.0, 1.0, 1.0, 0.9, 0.8, 0.7, 0.7, 0.7, 0.7, 0.6, 0.5, 0.4, 0.4, 0.5, 0.6, 0.7,
            0.8, 0.9, 1.0, 1.0, 1.0, 1.0, 1.0,
        ],
    ),
    (
        "ll128",
        [
            1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.8, 0.8, 0.8, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.8,
            0.9, 0.9, 0.9, 0.9, 1.0, 1.0, 1.0,
        ],
    ),
    (
        "simple",
        [
            0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.7, 0.6, 0.6, 0.5, 0.5, 0.5, 0.5, 0.6, 0.7,
            0.8, 0.7, 0.7, 0.8, 0.9, 0.9, 0.9,
        ],
    ),
];

/// Share of the rings' rate that the cost model gives a tree, and how many times slower it is
/// with LL.
const TREE: f64 = 0.92;
const TREE_LL: f64 = 3.8;

/// How much longer the cost model's steps of LL take inside machines when there are several, and a
/// ring's of Simple where its slices are full ("plateau effect").
const LL_BETWEEN: f64 = 1.8;
const RING_PLATEAU: f64 = 1.4;

/// Hop of NVLS in the cost model, `nvlsHwLat` \[s\], and its channels on Hopper.
const NVLS_HOP: f64 = 25e-6;
const NVLS_CHANNELS: f64 = 16.0;

/// What a library believes of one way: min(`per_bus` · bus, `limit`) · `factor` bytes of size a
/// second after `latency_s`, where bus is the bandwidth that it counts on for its rings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    latency_s: f64,
    per_bus: f64,
    limit: f64,
    factor: f64,
}

impl Belief {
    /// Time of a size when the rings run at `bus` \[B/s\] \[s\].
    pub(super) fn time_s(&self, bus: f64, bytes: f64) -> f64 {
        self.latency_s + bytes / ((self.per_bus * bus).min(self.limit) * self.factor)
    }
}

impl Communicator<'_> {
    /// What the library believes of a configuration, or none where its cost model is silent.
    pub(super) fn belief(&self, tried: &Configuration<'_>) -> Option<Belief> {
        match self.machines.len() {
            1 => self.belief_inside(tried),
            _ => self.belief_between(tried),
        }
    }

    /// What the library believes inside a machine.
    fn belief_inside(&self, tried: &Configuration<'_>) -> Option<Belief> {
        let (pattern, protocol) = (tried.pattern, tried.protocol);
        let generation = self.generation()?;
        let bus_factor = tried.operation.edge_factor(self.size());
        let hop = match pattern.transport {
            Transport::GpuLink => protocol.hop.gpu_link.value.0,
            _ => protocol.hop.pcie.value.0,
        };
        let ll_limit = generation.ll_limit.value.0;
        let share = match tried.name {
            "ll128" => self.ll128_share(generation, protocol),
            _ => protocol.bandwidth_share.value.0,
        };
        let stepwise = |per_bus: f64, limit: f64, factor: f64| Belief {
            latency_s: protocol.base.value.0 + pattern.local_steps as f64 * hop,
            per_bus,
            limit,
            factor,
        };
        let unlimited = f64::INFINITY;
        // A tree's two halves each carry half of the data.
        let tree = 0.5 * tree_correction(tried.name, tried.bytes);
        Some(match (pattern.algorithm, tried.name) {
            (Algorithm::Ring, "ll") => stepwise(share, ll_limit, 1.0 / bus_factor),
            (Algorithm::Ring, _) => stepwise(share, unlimited, 1.0 / bus_factor),
            (Algorithm::Tree, "ll") => stepwise(TREE / TREE_LL, ll_limit, tree),
            (Algorithm::Tree, "ll128") => stepwise(TREE * 7.0 / 9.0, unlimited, tree),
            (Algorithm::Tree, _) => stepwise(TREE, unlimited, tree),
            (Algorithm::Nvls, _) => {
                let efficiency = generation.in_switch.as_ref()?.efficiency.value.0;
                let busy = (NVLS_CHANNELS - 1.0) / NVLS_CHANNELS;
                Belief {
                    latency_s: NVLS_HOP,
                    per_bus: 2.0 * efficiency * busy,
                    limit: unlimited,
                    factor: 1.0 / bus_factor,
                }
            }
            _ => return None,
        })
    }

    /// What the library believes of a ring or a tree between machines.
    ///
    /// Rings and trees count on the network; but of two machines the model takes what its search
    /// found inside them, and a tree was searched there at twice the network's speed, for each
    /// machine's tree enters it by one GPU and leaves it by another.
    fn belief_between(&self, tried: &Configuration<'_>) -> Option<Belief> {
        let (pattern, name, protocol) = (tried.pattern, tried.name, tried.protocol);
        let slower = if name == "ll" { LL_BETWEEN } else { 1.0 };
        let inside = pattern.local_steps as f64 * protocol.hop.gpu_link.value.0 * slower;
        let between = pattern.network_steps as f64 * protocol.hop.network.value.0;
        let latency_s = protocol.base.value.0 + inside + between;
        let two = self.machines.len() == 2;
        match pattern.algorithm {
            Algorithm::Ring => {
                let plateau = tried.operation == Operation::AllReduce && name == "simple";
                Some(Belief {
                    latency_s: latency_s * if plateau { RING_PLATEAU } else { 1.0 },
                    per_bus: protocol.bandwidth_share.value.0,
                    limit: f64::INFINITY,
                    factor: 1.0 / tried.operation.edge_factor(self.size()),
                })
            }
            Algorithm::Tree => {
                let channel = self.generation()?.tree_channel.as_ref()?;
                let most = channel.between(self.machines.len());
                let share = match name {
                    "ll" => 1.0 / TREE_LL,
                    "ll128" => protocol.bandwidth_share.value.0,
                    _ => 1.0,
                };
                Some(Belief {
                    latency_s,
                    per_bus: TREE * 0.5 * share * if two { 2.0 } else { 1.0 },
                    limit: pattern.channels as f64 * most * share,
                    factor: tree_correction(name, tried.bytes),
                })
            }
            _ => None,
        }
    }

    /// Share of the rings' rate that the cost model of this release of the library gives LL128.
    fn ll128_share(&self, generation: &GenerationSpec, protocol: &ProtocolSpec) -> f64 {
        let known = |share: &&ReleaseShare| self.forced.release.is_none_or(|r| share.from <= r);
        let latest = generation.ll128.iter().filter(known);
        let latest = latest.max_by_key(|share| share.from);
        latest.map_or(protocol.bandwidth_share.value.0, |share| share.value.0)
    }
}

/// Correction of a tree's bandwidth at a size.
fn tree_correction(protocol: &str, bytes: f64) -> f64 {
    let found = TREE_CORRECTION.iter().find(|(name, _)| *name == protocol);
    let step = (bytes / 64.0).max(1.0).log2().floor() as usize;
    found
        .and_then(|(_, factors)| factors.get(step))
        .copied()
        .unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_corrected_between_64_bytes_and_half_a_gigabyte() {
        assert_eq!(tree_correction("simple", 64.0), 0.9);
        assert_eq!(tree_correction("ll", 64.0 * 4096.0), 0.4);
        assert_eq!(tree_correction("ll128", 4e9), 1.0);
    }
}
