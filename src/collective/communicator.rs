//! A group of devices with the channels found for it: what a library sets up once.

use std::borrow::Cow;
use std::sync::Arc;

use super::algorithm::{Forced, LaunchMode};
use super::bandwidth::alone;
use super::channels::{Channel, candidates};
use super::operation::Operation;
use super::pairwise::Parts;
use super::plan::Candidate;
use super::ring::edge_demands;
use crate::fabric::{Fabric, PeerRule, Transport, transfer};
use crate::spec::{Diagnostic, LibrarySpec};
use crate::topology::{DeviceId, Effect};

/// A group and its channels.
#[derive(Debug, Clone)]
pub struct Communicator<'a> {
    /// The machine.
    pub fabric: &'a Fabric,
    /// The library.
    pub library: &'a LibrarySpec,
    /// Devices by rank in the group: all of it, or a sample of a ring whose hops are all alike.
    pub group: Vec<DeviceId>,
    /// Members in all.
    members: usize,
    /// Ranks by machine, in order.
    pub machines: Vec<Vec<usize>>,
    /// Rings; their shares sum to 1. Where the graph carries several sets, the one of the highest
    /// bandwidth.
    pub channels: Vec<Channel>,
    /// The other sets.
    others: Vec<Vec<Channel>>,
    /// How kernels are launched.
    pub launch: LaunchMode,
    /// What is not left to the library.
    pub forced: Forced,
    /// Whether results replace the operands.
    pub(super) in_place: bool,
    /// Sizes of an uneven all-to-all.
    pub(super) parts: Option<Arc<Parts>>,
}

impl<'a> Communicator<'a> {
    /// Finds the channels of a group.
    ///
    /// # Errors
    /// The group has no member, or two of them are not connected.
    pub fn new(
        fabric: &'a Fabric,
        library: &'a LibrarySpec,
        group: Vec<DeviceId>,
    ) -> Result<Self, Diagnostic> {
        if group.is_empty() {
            return Err(Diagnostic::new("a collective needs at least one device"));
        }
        let mut communicator = Self {
            machines: machines(fabric, &group),
            members: group.len(),
            fabric,
            library,
            group,
            channels: Vec::new(),
            others: Vec::new(),
            launch: LaunchMode::default(),
            forced: Forced::default(),
            in_place: false,
            parts: None,
        };
        if communicator.group.len() > 1 {
            let mut sets = candidates(fabric, &communicator.group, &communicator.machines);
            if sets.is_empty() {
                return Err(communicator.disconnected());
            }
            let rates: Vec<f64> = sets.iter().map(|set| communicator.ring_rate(set)).collect();
            let faster = |best: usize, next: usize| {
                if rates[next] > rates[best] {
                    next
                } else {
                    best
                }
            };
            let best = (0..sets.len()).reduce(faster).unwrap_or(0);
            communicator.channels = sets.remove(best);
            communicator.others = sets;
        }
        Ok(communicator)
    }

    /// Bandwidth of an all-reduce over a set of rings \[B/s of size\].
    fn ring_rate(&self, channels: &[Channel]) -> f64 {
        let with = self.with_channels(channels.to_vec());
        alone(self.fabric, &edge_demands(&with, Operation::AllReduce)).0
    }

    /// The same over one set of channels only.
    fn with_channels(&self, channels: Vec<Channel>) -> Self {
        Self {
            fabric: self.fabric,
            library: self.library,
            group: self.group.clone(),
            members: self.members,
            machines: self.machines.clone(),
            channels,
            others: Vec::new(),
            launch: self.launch,
            forced: self.forced.clone(),
            in_place: self.in_place,
            parts: self.parts.clone(),
        }
    }

    /// The way that an operation of a size takes, with the communicator over the set of channels on
    /// which it takes least time: rings over few fast links may begin later than rings over many
    /// slow ones end.
    pub(super) fn tuned(
        &self,
        operation: Operation,
        bytes: f64,
    ) -> Result<(Cow<'_, Self>, Candidate), Diagnostic> {
        let mut best = self
            .choose(operation, bytes)
            .map(|way| (Cow::Borrowed(self), way));
        for channels in &self.others {
            let with = self.with_channels(channels.clone());
            let Ok(way) = with.choose(operation, bytes) else {
                continue;
            };
            if best
                .as_ref()
                .is_ok_and(|(_, best)| best.total_s <= way.total_s)
            {
                continue;
            }
            best = Ok((Cow::Owned(with), way));
        }
        best
    }

    /// The same with another way to launch kernels.
    #[must_use]
    pub fn launched(self, launch: LaunchMode) -> Self {
        Self { launch, ..self }
    }

    /// The same with an algorithm or protocol forced.
    #[must_use]
    pub fn forced(self, forced: Forced) -> Self {
        Self { forced, ..self }
    }

    /// The same with results in the place of the operands, or not: in place no rank copies the part
    /// that it keeps.
    #[must_use]
    pub fn in_place(self, in_place: bool) -> Self {
        Self { in_place, ..self }
    }

    /// The same with an uneven all-to-all; its size is the largest rank's buffer.
    ///
    /// # Errors
    /// The sizes are not for as many ranks as the group has.
    pub fn uneven(self, parts: Parts) -> Result<Self, Diagnostic> {
        if parts.ranks() != self.size() {
            return Err(Diagnostic::new(format!(
                "sizes of {} ranks for a group of {}",
                parts.ranks(),
                self.size()
            )));
        }
        let parts = Some(Arc::new(parts));
        Ok(Self { parts, ..self })
    }

    /// The same as a sample of a group of `members`: every member does what these do, each in
    /// hops like theirs, so that the coefficients of their resources follow from the size alone.
    #[must_use]
    pub fn sample_of(self, members: usize) -> Self {
        Self { members, ..self }
    }

    /// Whether there are members that are not in the graph.
    pub(super) fn is_sample(&self) -> bool {
        self.members != self.group.len()
    }

    /// Members.
    pub fn size(&self) -> usize {
        self.members
    }

    /// The slowest kind of path that a hop of the rings takes.
    pub fn slowest_transport(&self) -> Transport {
        let paths = self.channels.iter().flat_map(|channel| &channel.paths);
        let transports = paths.map(|path| path.transport);
        transports.max().unwrap_or(Transport::GpuLink)
    }

    /// The message for a group that no ring can join.
    fn disconnected(&self) -> Diagnostic {
        let topology = &self.fabric.topology;
        let name = |id: &DeviceId| topology.device(*id).name.as_str();
        let first = self.group[0];
        let reached = |(from, to): &(DeviceId, DeviceId)| {
            transfer(self.fabric, *from, *to, PeerRule::ThroughHost, false).is_some()
        };
        let others = self.group[1..].iter().map(|to| (first, *to));
        let neighbours = self.group.windows(2).map(|pair| (pair[0], pair[1]));
        let apart = others.chain(neighbours).find(|pair| !reached(pair));
        let message = match apart {
            Some((from, to)) => {
                format!("no path leads from `{}` to `{}`", name(&from), name(&to))
            }
            None => "no ring joins the GPUs".to_string(),
        };
        let diagnostic =
            Diagnostic::new(format!("{message} in `{}`", topology.name)).at(topology.place.clone());
        let conditions = topology.conditions.iter();
        let failed = conditions.filter(|condition| condition.effect == Effect::Failed);
        let failed: Vec<&str> = failed.map(|condition| condition.text.as_str()).collect();
        match failed.is_empty() {
            true => diagnostic.help(
                "wire them to each other, to a switch, or to CPUs that are wired to each other",
            ),
            false => diagnostic.help(format!("under `{}`", failed.join("`, `"))),
        }
    }
}

/// Ranks by copy of a machine, in order of their first rank.
fn machines(fabric: &Fabric, group: &[DeviceId]) -> Vec<Vec<usize>> {
    let mut machines: Vec<(u32, Vec<usize>)> = Vec::new();
    for (rank, id) in group.iter().enumerate() {
        let node = fabric.topology.device(*id).node;
        match machines.iter_mut().rev().find(|(known, _)| *known == node) {
            Some((_, ranks)) => ranks.push(rank),
            None => machines.push((node, vec![rank])),
        }
    }
    machines.into_iter().map(|(_, ranks)| ranks).collect()
}
