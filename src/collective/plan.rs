//! A collective as one activity: the algorithm and protocol that the library takes.

use super::algorithm::{Algorithm, Choice, LaunchMode};
use super::bandwidth::alone;
use super::belief::Belief;
use super::channels::Channel;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::Pattern;
use super::ring::{hop_demands, used_hops};
use super::timing::Times;
use crate::engine::{Activity, Limit, ResourceId};
use crate::fabric::{Demands, Transport};
use crate::spec::{Diagnostic, ProtocolSpec};
use crate::topology::DeviceId;

/// Fewest slices of a chain for each of its hops.
const SLICES_PER_HOP: f64 = 16.0;

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
    /// Part of it before the first step \[s\].
    pub base_s: f64,
    /// Dependent steps.
    pub steps: usize,
    /// Work: the size in nccl-tests' sense \[B\].
    pub bytes: f64,
    /// Demands per byte of size.
    pub demands: Demands,
    /// Highest rate of stages that follow each other, or of a rank's channels \[B/s of size\].
    pub limit: f64,
    /// The resource that holds up longest where there is such a limit.
    pub limit_by: Option<ResourceId>,
    /// Time when nothing else runs \[s\].
    pub alone_s: f64,
}

impl CollectivePlan {
    /// The activity that the collective is, as long as it waits for nothing.
    pub fn activity(&self) -> Activity<'_> {
        Activity {
            latency: self.latency_s,
            work: self.bytes,
            demands: self.demands.as_slice(),
            limit: self.limit.is_finite().then_some(Limit {
                rate: self.limit,
                resource: self.limit_by,
            }),
            ..Activity::default()
        }
    }
}

/// An algorithm with a protocol, tried for an operation of a size: what a tuner rates.
pub(super) struct Configuration<'a> {
    pub operation: Operation,
    pub bytes: f64,
    pub pattern: &'a Pattern,
    /// Name of the protocol.
    pub name: &'a str,
    pub protocol: &'a ProtocolSpec,
}

/// One way to run a collective.
pub(super) struct Candidate {
    pub pattern: Pattern,
    pub protocol: String,
    pub times: Times,
    pub demands: Demands,
    /// What holds up longest where stages follow each other.
    pub limit_by: Option<ResourceId>,
    /// Time when nothing else runs \[s\].
    pub total_s: f64,
    /// What the library's cost model says, where it says anything.
    pub belief: Option<Belief>,
    /// What the library believes it takes \[s\]; the measured time where it is silent.
    pub believed_s: f64,
}

impl Candidate {
    /// Share of what the wires carry that is payload, by the protocol.
    pub(super) fn payload(&self) -> f64 {
        payload(&self.pattern, &self.demands)
    }

    /// What the library believes it takes over rings of another speed \[s\].
    fn believed_at(&self, bus: f64, bytes: f64) -> f64 {
        let believed = self.belief.map(|belief| belief.time_s(bus, bytes));
        believed.unwrap_or(self.total_s)
    }
}

/// Share of what the wires carry that is payload: what a pattern's demands have grown by.
fn payload(pattern: &Pattern, demands: &Demands) -> f64 {
    let mut plain = pattern.demands.as_slice().iter();
    let plain = plain.find(|(_, coefficient)| *coefficient > 0.0);
    plain.map_or(1.0, |(id, coefficient)| coefficient / demands.of(*id))
}

/// Speeds of rings at which a library's choice is looked up: the slowest \[B/s\], and the ratio of
/// one to the next. They are the same for every machine, as the list of speeds is that NCCL's
/// search goes through, so that a faster link can only add to them.
const SLOWEST_BUS: f64 = 1e6;
const BUS_STEP: f64 = 1.19;

impl Communicator<'_> {
    /// The collective with the algorithm and protocol that the library takes for its size.
    ///
    /// # Errors
    /// The library has no protocol that works on these channels.
    pub fn plan(&self, operation: Operation, bytes: f64) -> Result<CollectivePlan, Diagnostic> {
        if self.size() < 2 {
            return Ok(nothing(bytes));
        }
        let (tuned, chosen) = self.tuned(operation, bytes)?;
        let rate = chosen.times.rate;
        let mut demands = chosen.demands;
        tuned.add_channel_units(&mut demands, rate);
        Ok(CollectivePlan {
            algorithm: chosen.pattern.algorithm.key(),
            protocol: chosen.protocol,
            channels: chosen.pattern.channels,
            latency_s: chosen.total_s - bytes / rate,
            base_s: chosen.times.base_s,
            steps: chosen.pattern.steps(),
            bytes,
            demands,
            limit: chosen.limit_by.map_or(f64::INFINITY, |_| rate),
            limit_by: chosen.limit_by,
            alone_s: chosen.total_s,
        })
    }

    /// The way that the library takes.
    pub(super) fn choose(&self, operation: Operation, bytes: f64) -> Result<Candidate, Diagnostic> {
        let mut candidates = self.candidates(operation, bytes);
        let direct =
            |c: &Candidate| matches!(c.pattern.algorithm, Algorithm::OneShot | Algorithm::TwoShot);
        if candidates.iter().any(direct) {
            candidates.retain(direct);
        }
        let by_library = self.forced.choice == Choice::Library;
        if !by_library {
            self.keep_believed(operation, bytes, &mut candidates);
        }
        let cost = |c: &Candidate| if by_library { c.believed_s } else { c.total_s };
        let best = candidates.into_iter().reduce(|best, next| {
            if cost(&next) < cost(&best) {
                next
            } else {
                best
            }
        });
        best.ok_or_else(|| self.no_way(operation))
    }

    /// Keeps the ways that the library believes to be fastest over links of these speeds or slower.
    fn keep_believed(&self, operation: Operation, bytes: f64, candidates: &mut Vec<Candidate>) {
        let silent = self.machines.len() > 1 || candidates.iter().any(|c| c.belief.is_none());
        if candidates.len() < 2 || silent {
            return;
        }
        let own = self.bus(operation);
        let mut kept = vec![false; candidates.len()];
        let mut bus = SLOWEST_BUS;
        loop {
            let believed = candidates.iter().map(|way| way.believed_at(bus, bytes));
            let faster =
                |best: (usize, f64), next: (usize, f64)| if next.1 < best.1 { next } else { best };
            if let Some((best, _)) = believed.enumerate().reduce(faster) {
                kept[best] = true;
            }
            bus *= BUS_STEP;
            if bus > own {
                break;
            }
        }
        let mut kept = kept.into_iter();
        candidates.retain(|_| kept.next() == Some(true));
    }

    /// The bandwidth that the library counts on for its rings, in the sense of nccl-tests \[B/s\].
    fn bus(&self, operation: Operation) -> f64 {
        alone(self.fabric, &self.ring_pattern(operation).demands).0
            * operation.edge_factor(self.size())
    }

    /// All ways that the library has, less those that the user rules out.
    pub(super) fn candidates(&self, operation: Operation, bytes: f64) -> Vec<Candidate> {
        let mut found = Vec::new();
        for pattern in self.patterns(operation, bytes) {
            let wanted = self.forced.algorithm.is_none_or(|a| a == pattern.algorithm);
            if !wanted {
                continue;
            }
            for (name, protocol) in &self.library.protocols {
                let links = !protocol.gpu_links_only || self.links_everywhere();
                let forced = self
                    .forced
                    .protocol
                    .as_ref()
                    .is_none_or(|only| only == name);
                if links && forced {
                    found.extend(self.candidate(&Configuration {
                        operation,
                        bytes,
                        pattern: &pattern,
                        name,
                        protocol,
                    }));
                }
            }
        }
        found
    }

    fn candidate(&self, tried: &Configuration<'_>) -> Option<Candidate> {
        let (operation, bytes, pattern) = (tried.operation, tried.bytes, tried.pattern);
        let (times, demands, limit_by) = self.times(pattern, tried.name, bytes)?;
        let share = payload(pattern, &demands);
        let total_s = times.total(bytes) + self.pipeline_fill(operation, bytes, share);
        let belief = self.belief(tried);
        Some(Candidate {
            pattern: pattern.clone(),
            protocol: tried.name.to_string(),
            times,
            demands,
            limit_by,
            total_s,
            belief,
            believed_s: belief.map_or(total_s, |belief| belief.time_s(self.bus(operation), bytes)),
        })
    }

    /// The algorithms that come into question: those that the library takes by itself, and the one
    /// that the user asks for.
    fn patterns(&self, operation: Operation, bytes: f64) -> Vec<Pattern> {
        let wanted = |algorithm: Algorithm| {
            let offers = &self.library.offers;
            self.forced.algorithm == Some(algorithm)
                || offers.iter().any(|key| key == algorithm.key())
        };
        let several = self.machines.len() > 1;
        if !operation.on_ring() {
            let relayed = several.then(|| self.pairwise_pxn(operation)).flatten();
            return self
                .pairwise(operation)
                .into_iter()
                .chain(relayed)
                .collect();
        }
        if self.is_sample() {
            return self.sample_patterns(operation);
        }
        let mut patterns = vec![self.ring_pattern(operation)];
        let halves = matches!(
            operation,
            Operation::AllReduce | Operation::AllGather | Operation::ReduceScatter
        );
        if operation == Operation::AllReduce {
            if several || wanted(Algorithm::Tree) {
                patterns.extend(self.tree());
            }
            if self.sums_in_switches() || wanted(Algorithm::NvlsTree) {
                patterns.extend(several.then(|| self.nvls_tree()).flatten());
            }
            patterns.extend(self.direct(bytes));
            for inside in [Algorithm::CollNetDirect, Algorithm::CollNetChain] {
                patterns.extend(wanted(inside).then(|| self.collnet(inside)).flatten());
            }
            if several && wanted(Algorithm::Nvls) {
                patterns.extend(self.collnet(Algorithm::Nvls));
            }
        }
        let by_itself = operation == Operation::AllReduce && self.sums_in_switches();
        if halves && !several && (by_itself || wanted(Algorithm::Nvls)) {
            patterns.extend(self.nvls(operation));
        }
        if matches!(operation, Operation::AllGather | Operation::ReduceScatter) {
            patterns.extend(self.pat(operation));
        }
        if halves {
            patterns.extend(self.textbook(operation, wanted));
        }
        patterns
    }

    /// Algorithms that this group's library may not have, where they are wanted.
    fn textbook(&self, operation: Operation, wanted: impl Fn(Algorithm) -> bool) -> Vec<Pattern> {
        let build = |algorithm| match algorithm {
            Algorithm::HalvingDoubling => self.halving_doubling(operation),
            Algorithm::Torus => self.torus(operation),
            _ => self.hierarchical(operation),
        };
        let all = [
            Algorithm::HalvingDoubling,
            Algorithm::Torus,
            Algorithm::Hierarchical,
        ];
        let wanted = all.into_iter().filter(|algorithm| wanted(*algorithm));
        wanted.filter_map(build).collect()
    }

    /// Whether the library reduces in the switches of every machine by default.
    fn sums_in_switches(&self) -> bool {
        let least = self.machines.iter().map(Vec::len).min().unwrap_or(0);
        let generation = self.generation().and_then(|g| g.in_switch.as_ref());
        !self.forced.without_switches
            && generation.is_some_and(|spec| least >= spec.min_ranks.value as usize)
    }

    /// The inference engine's own kernel for a size.
    fn direct(&self, bytes: f64) -> Option<Pattern> {
        let shot = match self.forced.algorithm {
            Some(forced @ (Algorithm::OneShot | Algorithm::TwoShot)) => forced,
            Some(_) => return None,
            None => {
                let spec = self.library.direct.as_ref()?;
                let limits = spec.limits.get(self.generation_name())?;
                let limit = match self.size() {
                    2 => limits.ranks_2,
                    3..=4 => limits.ranks_4,
                    _ => limits.ranks_8,
                };
                // vLLM custom_all_reduce.py: more than two cards need GPU links between all.
                let linked = self.size() == 2 || self.links_everywhere();
                if self.launch != LaunchMode::Graph || bytes >= limit.0 || !linked {
                    return None;
                }
                match self.size() {
                    2 => Algorithm::OneShot,
                    3..=4 if bytes < spec.one_shot_up_to_4.value.0 => Algorithm::OneShot,
                    5..=8 if bytes < spec.one_shot_up_to_8.value.0 => Algorithm::OneShot,
                    3..=8 => Algorithm::TwoShot,
                    _ => return None,
                }
            }
        };
        self.shots(shot)
    }

    /// Whether every hop inside the machines goes over GPU links.
    fn links_everywhere(&self) -> bool {
        let mut paths = self.channels.iter().flat_map(|channel| &channel.paths);
        paths.all(|path| matches!(path.transport, Transport::GpuLink | Transport::Network))
    }

    /// Time until the last rank of a chain has its first slice, less the one slice time that the
    /// steady state counts \[s\]. The first slices of all channels move in step, so that those
    /// which leave over the same wire share it.
    fn pipeline_fill(&self, operation: Operation, bytes: f64, share: f64) -> f64 {
        if !operation.is_chain() {
            return 0.0;
        }
        let slice = self.slice(bytes) / share;
        let hops = |channel| used_hops(operation, channel).map(move |hop| (channel, hop));
        let mut hops: Vec<_> = self.channels.iter().map(hops).collect();
        let mut fills = vec![(0.0, 0.0_f64); hops.len()];
        for _ in 1..self.group.len() {
            let demands = |(channel, hop): (&Channel, usize)| {
                let mut demands = Demands::default();
                let per_byte = hop_demands(self, channel, hop);
                demands.add_scaled(&per_byte, slice * channel.share);
                demands
            };
            let now = hops.iter_mut().map(|hops| hops.next().map(demands));
            let now: Vec<Demands> = now.map(Option::unwrap_or_default).collect();
            let all = Demands::sum(now.iter().map(|demands| (demands, 1.0)));
            for ((sum, longest), mine) in fills.iter_mut().zip(now) {
                let mut loaded = all.clone();
                loaded.retain(|resource| mine.of(resource) > 0.0);
                let seconds = 1.0 / alone(self.fabric, &loaded).0;
                *sum += seconds;
                *longest = longest.max(seconds);
            }
        }
        // The hops of a sample stand for those of all members.
        let hops = self.group.len() as f64 - 1.0;
        let more = (self.size() as f64 - 1.0) / hops.max(1.0);
        let fills = fills.into_iter();
        let fills = fills.map(|(sum, longest)| sum * more - longest);
        fills.fold(0.0, f64::max)
    }

    /// Bytes of all channels' slices of a chain together: equal ones, none larger than the
    /// library's, and enough of them that filling the chain costs little.
    pub(super) fn slice(&self, bytes: f64) -> f64 {
        let largest = self.slot() * self.channels.len() as f64;
        let hops = self.size().saturating_sub(1) as f64;
        bytes / (bytes / largest).ceil().max(SLICES_PER_HOP * hops)
    }

    /// One slot of the Simple buffer of a channel: the largest piece that is sent on \[B\].
    pub(super) fn slot(&self) -> f64 {
        self.forced.slot.unwrap_or(self.library.slice.value).0
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
        let units = (units > 0.0).then_some(units)?;
        Some((units / f64::from(spec.compute.units.value)).min(0.5))
    }

    fn no_way(&self, operation: Operation) -> Diagnostic {
        let mut forced = Vec::new();
        forced.extend(self.forced.algorithm.map(|a| format!("algorithm {a}")));
        forced.extend(
            self.forced
                .protocol
                .as_ref()
                .map(|p| format!("protocol {p}")),
        );
        let with = match forced.is_empty() {
            true => String::new(),
            false => format!(" with {}", forced.join(" and ")),
        };
        Diagnostic::new(format!(
            "library `{}` cannot run {operation}{with} over these {} devices",
            self.library.name,
            self.size()
        ))
    }
}

/// A collective of one rank.
fn nothing(bytes: f64) -> CollectivePlan {
    CollectivePlan {
        algorithm: "none",
        protocol: "none".into(),
        channels: 0,
        latency_s: 0.0,
        base_s: 0.0,
        steps: 0,
        bytes,
        demands: Demands::default(),
        limit: f64::INFINITY,
        limit_by: None,
        alone_s: 0.0,
    }
}
