//! The measured time of an algorithm: latencies of its steps, and its data over the narrowest
//! resource.

use std::borrow::Cow;

use super::algorithm::{Algorithm, LaunchMode};
use super::bandwidth::alone;
use super::communicator::Communicator;
use super::pattern::Pattern;
use crate::engine::ResourceId;
use crate::fabric::{Demands, Transport};
use crate::spec::{Figure, GenerationSpec, TimingSpec};
use crate::units::Seconds;

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
    /// their own have those of another whose sends they share: of rings, of pairwise sends, of
    /// trees or NVLS trees where the network's switches add; a library without generations has its
    /// protocols' figures.
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
        // Sums in the network's switches are made of full packets.
        let full = |algorithm| (protocol == "simple").then_some(algorithm);
        let stand_in = match algorithm {
            Algorithm::Nvls if transport == Transport::Network => full(Algorithm::NvlsTree),
            Algorithm::CollNetDirect | Algorithm::CollNetChain => full(Algorithm::Tree),
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

    /// What sums inside the switches of several machines reach of their links' rate, which the
    /// pattern's sends hold already.
    pub(super) fn reached_in_switches(&self) -> f64 {
        let timing = self.timing(Transport::Network, Algorithm::NvlsTree, "simple");
        timing.map_or(1.0, |timing| timing.share.0)
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
        let share = match pattern.algorithm {
            Algorithm::NvlsTree => 1.0,
            _ => timing.share.0,
        };
        let mut demands = Demands::default();
        demands.add_scaled(&pattern.demands, 1.0 / share);
        let (mut rate, mut limit_by) = match pattern.rate(self.fabric, share) {
            (staged, Some(resource)) => (staged, Some(resource)),
            _ => (alone(self.fabric, &demands).0, None),
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
        if pattern.algorithm == Algorithm::Tree && protocol == "simple" {
            steps_s += self.tree_fill_s(pattern, bytes, rate);
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

    /// What the first slices of all channels take on their way through a tree, less the one step
    /// that the data's own time counts \[s\]: with full packets a rank passes a slice on when all
    /// of it has arrived (NCCL `calcCollChunking`, one slot a slice). Inside a machine every
    /// channel has its own pace; between machines all share the wires.
    fn tree_fill_s(&self, pattern: &Pattern, bytes: f64, rate: f64) -> f64 {
        let Some(channel) = self.generation().and_then(|g| g.tree_channel.as_ref()) else {
            return 0.0;
        };
        let most = self.library.channel_units.value.max(1) as usize;
        let channels = pattern.channels.min(most) as f64;
        let slice = self.slot().min(bytes / channels);
        let inside_s = slice / channel.between(self.machines.len());
        let between_s = inside_s.max(channels * slice / rate);
        let between = pattern.network_steps.saturating_sub(1);
        pattern.local_steps as f64 * inside_s + between as f64 * between_s
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
}
