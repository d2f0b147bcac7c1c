//! Two times of an algorithm: the one the library believes when it chooses, and the measured one.
//!
//! The library's belief is the cost model it publishes (NCCL 2.30 `src/graph/tuning.cc`): a
//! latency and a bandwidth for each algorithm and protocol. It errs by a factor of up to 2, and its
//! errors show as jumps in measured curves; so it decides the choice here too, on one machine.
//! Between machines tuner plugins of the network's maker decide, and the faster one is taken.

use std::borrow::Cow;

use super::algorithm::{Algorithm, LaunchMode};
use super::bandwidth::alone;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::Pattern;
use crate::engine::ResourceId;
use crate::fabric::{Demands, Transport};
use crate::spec::{Figure, GenerationSpec, ProtocolSpec, TimingSpec};
use crate::units::Seconds;

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

/// Hop of NVLS in the cost model, `nvlsHwLat` \[s\], and its channels on Hopper.
const NVLS_HOP: f64 = 25e-6;
const NVLS_CHANNELS: f64 = 16.0;

/// A pattern's time in its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    /// Before the first step \[s\].
    pub base_s: f64,
    /// Everything but the data: base, steps, bubbles, own copies \[s\].
    pub latency_s: f64,
    /// Rate of the data when nothing else runs \[B/s of size\].
    pub rate: f64,
}

impl Times {
    /// Total for a size \[s\].
    pub(super) fn total(&self, bytes: f64) -> f64 {
        self.latency_s + bytes / self.rate
    }
}

/// By how much a step's latency has grown at a size.
fn grown(timing: &TimingSpec, bytes: f64) -> f64 {
    let half = timing.growth_size.map_or(1.0, |size| size.0.max(1.0));
    1.0 + timing.growth * bytes / (bytes + half)
}

impl Communicator<'_> {
    /// The timings for the devices of the group: those of the first rank's architecture.
    pub(super) fn generation(&self) -> Option<&GenerationSpec> {
        self.library.generations.get(self.generation_name())
    }

    /// The name of that generation.
    pub(super) fn generation_name(&self) -> &str {
        let spec = self.fabric.topology.device(self.group[0]).gpu();
        let covers = |g: &GenerationSpec| {
            spec.is_some_and(|spec| g.architectures.contains(&spec.architecture))
        };
        let mut generations = self.library.generations.iter();
        let found = generations.find(|(_, generation)| covers(generation));
        found.map_or(&self.library.default_generation, |(name, _)| name)
    }

    /// The timing of an algorithm and protocol over a kind of path. Algorithms without timings of
    /// their own have those of another whose sends they share: of rings, of trees where the
    /// network's switches add, of pairwise sends; a library without generations has its protocols'
    /// figures.
    fn timing(
        &self,
        transport: Transport,
        algorithm: Algorithm,
        protocol: &str,
    ) -> Option<Cow<'_, TimingSpec>> {
        let Some(generation) = self.generation() else {
            return self.plain_timing(transport, protocol).map(Cow::Owned);
        };
        let table = match transport {
            Transport::GpuLink => &generation.gpu_link,
            Transport::Peer | Transport::Staged => &generation.pcie,
            Transport::Network => &generation.network,
        };
        let of = |algorithm: Algorithm| table.get(&format!("{algorithm}-{protocol}"));
        let switches = matches!(
            algorithm,
            Algorithm::CollNetDirect | Algorithm::CollNetChain
        ) || (algorithm == Algorithm::Nvls && transport == Transport::Network);
        let stand_in = match algorithm {
            // Sums in the network's switches are made of full packets.
            _ if switches => (protocol == "simple").then_some(Algorithm::Tree),
            Algorithm::Tree
            | Algorithm::Pat
            | Algorithm::HalvingDoubling
            | Algorithm::Torus
            | Algorithm::Hierarchical => Some(Algorithm::Ring),
            Algorithm::PointToPoint | Algorithm::PairwisePxn => Some(Algorithm::Pairwise),
            _ => None,
        };
        let found = of(algorithm).or_else(|| stand_in.and_then(of));
        found.map(Cow::Borrowed)
    }

    /// The timing that a protocol's own figures make.
    fn plain_timing(&self, transport: Transport, protocol: &str) -> Option<TimingSpec> {
        let spec = self.library.protocols.get(protocol)?;
        let hop = match transport {
            Transport::GpuLink => &spec.hop.gpu_link,
            Transport::Peer | Transport::Staged => &spec.hop.pcie,
            Transport::Network => &spec.hop.network,
        };
        Some(TimingSpec {
            base: spec.base.value,
            hop: hop.value,
            growth: 0.0,
            growth_size: None,
            bubble: 0.0,
            bubble_size: None,
            share: spec.bandwidth_share.value,
            local_copy: None,
            rank_limit: None,
            source: spec.base.source.clone(),
            note: None,
            estimate: false,
        })
    }

    /// The slowest kind of path inside a machine, as far as the rings tell.
    fn local_transport(&self) -> Transport {
        let paths = self.channels.iter().flat_map(|channel| &channel.paths);
        let local = paths
            .map(|path| path.transport)
            .filter(|t| *t != Transport::Network);
        local.max().unwrap_or(Transport::GpuLink)
    }

    /// The measured time of a pattern, or none if the library has no such thing here.
    pub(super) fn times(
        &self,
        pattern: &Pattern,
        protocol: &str,
        bytes: f64,
    ) -> Option<(Times, Demands, Option<ResourceId>)> {
        let timing = self.timing(pattern.transport, pattern.algorithm, protocol)?;
        let mut demands = Demands::default();
        demands.add_scaled(&pattern.demands, 1.0 / timing.share.0);
        let (mut rate, mut limit_by) = match pattern.rate(self.fabric, timing.share.0) {
            (staged, Some(resource)) => (staged, Some(resource)),
            _ => (alone(self.fabric, &demands), None),
        };
        if let (Some(limit), Some((rank, share))) = (timing.rank_limit, pattern.busiest_sender())
            && limit.0 / share < rate
        {
            rate = limit.0 / share;
            limit_by = self.fabric.gpu(self.group[rank]).map(|gpu| gpu.compute);
        }
        let mut steps_s = 0.0;
        if pattern.transport == Transport::Network {
            let hop = timing.hop.0 + pattern.network_latency_s;
            steps_s += pattern.network_steps as f64 * hop * grown(&timing, bytes);
            let inside = self
                .timing(self.local_transport(), pattern.algorithm, protocol)
                .or_else(|| self.timing(self.local_transport(), Algorithm::Ring, protocol));
            let inside = inside.unwrap_or_else(|| timing.clone());
            steps_s += pattern.local_steps as f64 * inside.hop.0 * grown(&inside, bytes);
        } else {
            steps_s += pattern.local_steps as f64 * timing.hop.0 * grown(&timing, bytes);
        }
        let base_s = timing.base.0 + self.launch_s();
        let hidden = timing
            .bubble_size
            .map_or(1.0, |half| 1.0 + bytes / half.0.max(1.0));
        let bubble_s = bytes / rate * timing.bubble / pattern.steps() as f64 / hidden;
        let part = bytes / self.size() as f64;
        let copied = timing.local_copy.filter(|_| !self.in_place);
        let copy_s = copied.map_or(0.0, |rate| part / rate.0);
        let times = Times {
            base_s,
            latency_s: base_s + steps_s + bubble_s + copy_s,
            rate,
        };
        Some((times, demands, limit_by))
    }

    /// What launching all ranks from one process adds \[s\].
    fn launch_s(&self) -> f64 {
        let seconds = |figure: &Option<Figure<Seconds>>| figure.as_ref().map_or(0.0, |f| f.value.0);
        match self.launch {
            LaunchMode::OneProcess => {
                seconds(&self.library.one_process_per_rank) * self.size() as f64
            }
            LaunchMode::HostTimed => seconds(&self.library.host_call),
            LaunchMode::Processes | LaunchMode::Graph => 0.0,
        }
    }

    /// The time the library believes when it chooses, or none where its cost model is silent.
    pub(super) fn believed_s(
        &self,
        operation: Operation,
        pattern: &Pattern,
        name: &str,
        protocol: &ProtocolSpec,
        bytes: f64,
    ) -> Option<f64> {
        let generation = self.generation()?;
        let factor = operation.edge_factor(self.size());
        let bus = alone(self.fabric, &self.ring_pattern(operation).demands) * factor;
        let hop = match pattern.transport {
            Transport::GpuLink => protocol.hop.gpu_link.value.0,
            _ => protocol.hop.pcie.value.0,
        };
        let base = protocol.base.value.0;
        let ll_limit = generation.ll_limit.value.0;
        let latency = base + pattern.local_steps as f64 * hop;
        let share = protocol.bandwidth_share.value.0;
        let rate = match (pattern.algorithm, name) {
            (Algorithm::Ring, "ll") => (bus * share).min(ll_limit) / factor,
            (Algorithm::Ring, _) => bus * share / factor,
            (Algorithm::Tree, "ll") => {
                0.5 * (0.92 * bus / 3.8).min(ll_limit) * tree_correction(name, bytes)
            }
            (Algorithm::Tree, "ll128") => {
                0.5 * 0.92 * bus * 7.0 / 9.0 * tree_correction(name, bytes)
            }
            (Algorithm::Tree, _) => 0.5 * 0.92 * bus * tree_correction(name, bytes),
            (Algorithm::Nvls, _) => {
                let efficiency = generation.in_switch.as_ref()?.efficiency.value.0;
                let busy = (NVLS_CHANNELS - 1.0) / NVLS_CHANNELS;
                return Some(NVLS_HOP + bytes * factor / (2.0 * bus * efficiency * busy));
            }
            _ => return None,
        };
        Some(latency + bytes / rate)
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
