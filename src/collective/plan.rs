//! A collective as one activity: the algorithm and protocol that the library takes.

use super::algorithm::{Algorithm, Choice, LaunchMode};
use super::bandwidth::alone;
use super::belief::Belief;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::Pattern;
use super::timing::Times;
use crate::fabric::{Demands, Transport};
use crate::spec::{Diagnostic, ProtocolSpec};
use crate::topology::DeviceId;

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
    /// Highest rate of the protocol \[B/s of size\].
    pub limit: f64,
    /// Time when nothing else runs \[s\].
    pub alone_s: f64,
}

/// One way to run a collective.
pub(super) struct Candidate {
    pub pattern: Pattern,
    pub protocol: String,
    pub times: Times,
    pub demands: Demands,
    /// Time when nothing else runs \[s\].
    pub total_s: f64,
    /// What the library's cost model says, where it says anything.
    pub belief: Option<Belief>,
    /// What the library believes it takes \[s\]; the measured time where it is silent.
    pub believed_s: f64,
}

impl Candidate {
    /// What the library believes it takes over rings of another speed \[s\].
    fn believed_at(&self, bus: f64, bytes: f64) -> f64 {
        let believed = self.belief.map(|belief| belief.time_s(bus, bytes));
        believed.unwrap_or(self.total_s)
    }
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
        let tuned = self.tuned(operation, bytes);
        let chosen = tuned.choose(operation, bytes)?;
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
            limit: f64::INFINITY,
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
        if candidates.len() < 2 || candidates.iter().any(|c| c.belief.is_none()) {
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
        alone(self.fabric, &self.ring_pattern(operation).demands)
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
                    found.extend(self.candidate(operation, &pattern, name, protocol, bytes));
                }
            }
        }
        found
    }

    fn candidate(
        &self,
        operation: Operation,
        pattern: &Pattern,
        name: &str,
        protocol: &ProtocolSpec,
        bytes: f64,
    ) -> Option<Candidate> {
        let (times, demands) = self.times(pattern, name, bytes)?;
        let total_s = times.total(bytes) + self.pipeline_fill(operation, bytes, times.rate);
        let belief = self.belief(operation, pattern, name, protocol, bytes);
        Some(Candidate {
            pattern: pattern.clone(),
            protocol: name.to_string(),
            times,
            demands,
            total_s,
            belief,
            believed_s: belief.map_or(total_s, |belief| belief.time_s(self.bus(operation), bytes)),
        })
    }

    /// The algorithms that come into question.
    fn patterns(&self, operation: Operation, bytes: f64) -> Vec<Pattern> {
        if !operation.on_ring() {
            return self.pairwise(operation).into_iter().collect();
        }
        let forced = |algorithm| self.forced.algorithm == Some(algorithm);
        if self.is_sample() {
            return self.sample_patterns(operation);
        }
        let mut patterns = vec![self.ring_pattern(operation)];
        let several = self.machines.len() > 1;
        if operation == Operation::AllReduce {
            if several || forced(Algorithm::Tree) {
                patterns.extend(self.tree());
            }
            if self.sums_in_switches() || forced(Algorithm::Nvls) || forced(Algorithm::NvlsTree) {
                patterns.extend(match several {
                    true => self.nvls_tree(),
                    false => self.nvls(),
                });
            }
            patterns.extend(self.direct(bytes));
        }
        if matches!(operation, Operation::AllGather | Operation::ReduceScatter) {
            patterns.extend(self.pat(operation));
        }
        patterns
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
                if self.launch != LaunchMode::Graph || bytes >= limit.0 {
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
    /// steady state counts \[s\].
    fn pipeline_fill(&self, operation: Operation, bytes: f64, rate: f64) -> f64 {
        match operation.is_chain() {
            true => (self.size() as f64 - 2.0) * self.slice(bytes) / rate,
            false => 0.0,
        }
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
        alone_s: 0.0,
    }
}
