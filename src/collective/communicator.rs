//! A group of devices with the channels found for it: what a library sets up once.

use std::sync::Arc;

use super::algorithm::{Forced, LaunchMode};
use super::bandwidth::alone;
use super::channels::{Channel, candidates};
use super::operation::Operation;
use super::pairwise::Parts;
use super::ring::edge_demands;
use crate::fabric::{Fabric, PeerRule, Transport, transfer};
use crate::spec::{Diagnostic, LibrarySpec};
use crate::topology::DeviceId;

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
    /// Rings; their shares sum to 1.
    pub channels: Vec<Channel>,
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
    /// Finds the channels of a group: of all ways, the one of the highest bandwidth.
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
            launch: LaunchMode::default(),
            forced: Forced::default(),
            in_place: false,
            parts: None,
        };
        if communicator.group.len() > 1 {
            let sets = candidates(fabric, &communicator.group, &communicator.machines);
            let mut best: Option<(f64, Vec<Channel>)> = None;
            for channels in sets {
                communicator.channels = channels;
                let demands = edge_demands(&communicator, Operation::AllReduce);
                let rate = alone(fabric, &demands);
                if best.as_ref().is_none_or(|(most, _)| rate > *most) {
                    best = Some((rate, std::mem::take(&mut communicator.channels)));
                }
            }
            let (_, channels) = best.ok_or_else(|| communicator.disconnected())?;
            communicator.channels = channels;
        }
        Ok(communicator)
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
        let reached = |to: &DeviceId| {
            transfer(self.fabric, first, *to, PeerRule::ThroughHost, false).is_some()
        };
        let apart = self.group[1..].iter().find(|id| !reached(id));
        let message = match apart {
            Some(id) => format!("no path leads from `{}` to `{}`", name(&first), name(id)),
            None => "no ring joins the GPUs".to_string(),
        };
        Diagnostic::new(format!("{message} in `{}`", topology.name))
            .at(topology.place.clone())
            .help("wire them to each other, to a switch, or to CPUs that are wired to each other")
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
