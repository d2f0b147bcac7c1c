//! Building a phase: kernels with their launches, collectives over groups, memory.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::placement::{Members, Placement};
use super::task::{KernelTask, Lane, Phase, Task};
use crate::collective::{CollectivePlan, Communicator, Operation};
use crate::engine::{
    Activity, ActivityId, Allocation, Limit, Pool, PoolId, Program, ResourceId, StreamId,
};
use crate::fabric::{Fabric, GpuResources, PeerRule, TransferPath, Transport, transfer};
use crate::kernel::{KernelCost, cost};
use crate::model::Operator;
use crate::spec::{Diagnostic, FrameworkSpec, GpuSpec, LibrarySpec};
use crate::topology::DeviceId;
use crate::units::Seconds;

/// What the builder keeps of a rank.
#[derive(Debug)]
struct Rank {
    device: DeviceId,
    gpu: std::sync::Arc<GpuSpec>,
    resources: GpuResources,
    pool: PoolId,
    compute: StreamId,
    host: StreamId,
    /// Time of one launch on this rank's host \[s\].
    launch_s: f64,
    /// What its next kernel must wait for besides the stream.
    waits: Vec<ActivityId>,
    /// Memory its next kernel takes.
    takes: Vec<Allocation>,
}

/// A communicator with its stream and the costs already known, by operation and size.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) ranks: Vec<u32>,
    communicator: Communicator<'a>,
    stream: StreamId,
    /// Resources of members that do not run: used as much as those of the rank that stands for
    /// them, by nothing else.
    spared: BTreeSet<ResourceId>,
    plans: BTreeMap<(Operation, u64), CollectivePlan>,
}

/// A phase under construction.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    fabric: &'a Fabric,
    /// Paths between ranks that send to each other, with the VRAM at both ends.
    paths: BTreeMap<(u32, u32), TransferPath>,
    framework: &'a FrameworkSpec,
    program: Program,
    tasks: Vec<Task>,
    kernels: Vec<KernelTask>,
    ranks: Vec<Rank>,
    /// Layer that is being built.
    pub(super) layer: Option<u32>,
}

impl<'a> Builder<'a> {
    /// An empty phase on the ranks of a placement.
    pub(super) fn new(
        fabric: &'a Fabric,
        framework: &'a FrameworkSpec,
        placement: &Placement,
    ) -> Result<Self, Diagnostic> {
        let mut program = Program::default();
        for resource in &fabric.resources {
            program.add_resource(resource.clone());
        }
        let mut ranks = Vec::new();
        for id in &placement.ranks {
            let device = fabric.topology.device(*id);
            let (Some(gpu), Some(resources)) = (device.gpu(), fabric.gpu(*id)) else {
                return Err(Diagnostic::new(format!("`{}` is not a GPU", device.name)));
            };
            let pool = program.add_pool(Pool {
                name: device.name.clone(),
                capacity: gpu.memory.usable(),
            });
            let slowdown = fabric.host_slowdown(*id);
            ranks.push(Rank {
                device: *id,
                gpu: gpu.clone(),
                resources,
                pool,
                compute: program.add_stream(),
                host: program.add_stream(),
                launch_s: framework.host_per_kernel.value.0 * slowdown,
                waits: Vec::new(),
                takes: Vec::new(),
            });
        }
        let mut builder = Self {
            fabric,
            paths: BTreeMap::new(),
            framework,
            program,
            tasks: Vec::new(),
            kernels: Vec::new(),
            ranks,
            layer: None,
        };
        for rank in 0..builder.ranks.len() as u32 {
            let slowdown = fabric.host_slowdown(placement.ranks[rank as usize]);
            let seconds = framework.host_per_step.value.0 * slowdown;
            builder.host_work(rank, "step begin", seconds);
        }
        Ok(builder)
    }

    /// Number of ranks.
    pub(super) fn size(&self) -> u32 {
        self.ranks.len() as u32
    }

    /// A group of ranks with its communicator and a stream of its own.
    pub(super) fn group(
        &mut self,
        library: &'a LibrarySpec,
        members: Members,
    ) -> Result<Group<'a>, Diagnostic> {
        let spared = members.idle.iter();
        let spared = spared.flat_map(|id| self.fabric.of_device(*id)).collect();
        let communicator = Communicator::new(self.fabric, library, members.devices)?;
        Ok(Group {
            ranks: members.ranks,
            communicator: communicator.sample_of(members.size),
            stream: self.program.add_stream(),
            spared,
            plans: BTreeMap::new(),
        })
    }

    /// Sends `bytes` from one rank to another when the sender has done what it was given, beside
    /// its kernels. The network's first step costs what the library's plain protocol costs.
    pub(super) fn send(
        &mut self,
        library: &LibrarySpec,
        [from, to]: [u32; 2],
        stream: StreamId,
        bytes: f64,
    ) -> Result<ActivityId, Diagnostic> {
        let [a, b] = [from, to].map(|rank| self.ranks[rank as usize].device);
        let path = match self.paths.get(&(from, to)) {
            Some(path) => path.clone(),
            None => {
                let found = transfer(self.fabric, a, b, PeerRule::SameSwitch, true);
                let mut path = found.ok_or_else(|| self.apart(a, b))?;
                for end in [from, to] {
                    let vram = self.ranks[end as usize].resources.vram;
                    path.demands.add(vram, 1.0);
                }
                let protocol = library.protocols.get("simple");
                path.latency_s += protocol.map_or(0.0, |protocol| {
                    let Seconds(hop) = match path.transport {
                        Transport::GpuLink => protocol.hop.gpu_link.value,
                        Transport::Peer | Transport::Staged => protocol.hop.pcie.value,
                        Transport::Network => protocol.hop.network.value,
                    };
                    hop
                });
                self.paths.insert((from, to), path.clone());
                path
            }
        };
        let after = self.tails(&[from]);
        let task = Task {
            name: "send",
            layer: self.layer,
            lane: Lane::Communication(from),
            kernel: None,
            bytes,
        };
        Ok(self.add(
            task,
            &Activity {
                latency: path.latency_s,
                work: bytes,
                demands: path.demands.as_slice(),
                after: &after,
                stream: Some(stream),
                ..Activity::default()
            },
        ))
    }

    /// The message for two stages of a pipeline that nothing joins.
    fn apart(&self, a: DeviceId, b: DeviceId) -> Diagnostic {
        let topology = &self.fabric.topology;
        let [a, b] = [a, b].map(|id| topology.device(id).name.as_str());
        let message = format!("no path leads from `{a}` to `{b}` in `{}`", topology.name);
        Diagnostic::new(message)
            .at(topology.place.clone())
            .help("they hold neighbouring stages of the pipeline")
    }

    /// A stream of its own.
    pub(super) fn stream(&mut self) -> StreamId {
        self.program.add_stream()
    }

    fn add(&mut self, task: Task, activity: &Activity<'_>) -> ActivityId {
        let tag = self.tasks.len() as u32;
        self.tasks.push(task);
        self.program.add(&Activity {
            tag,
            ..activity.clone()
        })
    }

    /// Work of a rank's host thread \[s\].
    fn host_work(&mut self, rank: u32, name: &'static str, seconds: f64) -> ActivityId {
        let state = &self.ranks[rank as usize];
        let (host, resource) = (state.host, state.resources.launch);
        let task = Task {
            name,
            layer: self.layer,
            lane: Lane::Host(rank),
            kernel: None,
            bytes: 0.0,
        };
        self.add(
            task,
            &Activity {
                work: seconds,
                demands: &[(resource, 1.0)],
                stream: Some(host),
                ..Activity::default()
            },
        )
    }

    /// The rank's next kernel takes memory at its start.
    pub(super) fn take(&mut self, rank: u32, account: Account, bytes: f64) {
        let pool = self.ranks[rank as usize].pool;
        self.ranks[rank as usize].takes.push(Allocation {
            pool,
            account: account as u16,
            bytes,
        });
    }

    /// Everything the rank has been given so far gives memory back when it is done.
    pub(super) fn give(&mut self, rank: u32, account: Account, bytes: f64) {
        let pool = self.ranks[rank as usize].pool;
        let stream = self.ranks[rank as usize].compute;
        let memory = [Allocation {
            pool,
            account: account as u16,
            bytes: -bytes,
        }];
        let task = nowhere("free", self.layer);
        self.add(
            task,
            &Activity {
                memory: &memory,
                stream: Some(stream),
                ..Activity::default()
            },
        );
    }

    /// The rank's next kernel waits for an activity.
    pub(super) fn wait(&mut self, rank: u32, id: ActivityId) {
        self.ranks[rank as usize].waits.push(id);
    }

    /// What must end before some ranks have done all they have been given so far.
    pub(super) fn tails(&self, ranks: &[u32]) -> Vec<ActivityId> {
        let mut tails = Vec::new();
        for rank in ranks {
            let state = &self.ranks[*rank as usize];
            tails.extend_from_slice(&state.waits);
            tails.extend(self.program.tail(state.compute));
        }
        tails.sort_unstable();
        tails.dedup();
        tails
    }

    /// The same kernel on several ranks, each with its launch.
    pub(super) fn kernel(&mut self, ranks: &[u32], op: &Operator) -> Result<(), Diagnostic> {
        let mut known: Option<(*const GpuSpec, KernelCost, u32)> = None;
        for rank in ranks {
            let gpu = self.ranks[*rank as usize].gpu.clone();
            let pointer = std::sync::Arc::as_ptr(&gpu);
            let (cost, index) = match known {
                Some((of, cost, index)) if of == pointer => (cost, index),
                _ => {
                    let cost = cost(op, &gpu).map_err(|e| Diagnostic::new(e.to_string()))?;
                    self.kernels.push(KernelTask {
                        name: op.name,
                        flops: cost.flops,
                        bytes: cost.moved.total(),
                    });
                    let index = self.kernels.len() as u32 - 1;
                    known = Some((pointer, cost, index));
                    (cost, index)
                }
            };
            self.kernel_on(*rank, op.name, &cost, index);
        }
        Ok(())
    }

    fn kernel_on(&mut self, rank: u32, name: &'static str, cost: &KernelCost, kernel: u32) {
        let launch = self.launch(rank);
        let state = &mut self.ranks[rank as usize];
        let resources = state.resources;
        let vram = self.program.resources[resources.vram.index()].capacity;
        let alone_s = cost.alone_s(vram);
        let mut after = std::mem::take(&mut state.waits);
        after.extend(launch);
        let memory = std::mem::take(&mut state.takes);
        let stream = state.compute;
        let limit = (cost.compute_share < 1.0 && cost.compute_device_s > 0.0).then(|| Limit {
            rate: cost.compute_share / cost.compute_device_s,
            resource: Some(resources.compute),
        });
        let task = Task {
            name,
            layer: self.layer,
            lane: Lane::Compute(rank),
            kernel: Some(kernel),
            bytes: 0.0,
        };
        self.add(
            task,
            &Activity {
                latency: cost.launch_s,
                work: if alone_s > 0.0 { 1.0 } else { 0.0 },
                demands: &[
                    (resources.compute, cost.compute_device_s),
                    (resources.vram, cost.vram_bytes),
                ],
                weight: kernel_weight(alone_s, vram),
                limit,
                after: &after,
                stream: Some(stream),
                memory: &memory,
                ..Activity::default()
            },
        );
    }

    /// The launch of a kernel on the host; none inside a captured graph.
    fn launch(&mut self, rank: u32) -> Option<ActivityId> {
        let host = self.ranks[rank as usize].host;
        if self.framework.captured_graph {
            return self.program.tail(host);
        }
        let seconds = self.ranks[rank as usize].launch_s;
        Some(self.host_work(rank, "launch", seconds))
    }

    /// A collective over a group that waits for what each member has been given so far, and that
    /// each member's next kernel waits for.
    pub(super) fn exchange(
        &mut self,
        group: &mut Group<'a>,
        operation: Operation,
        bytes: f64,
    ) -> Result<(), Diagnostic> {
        let after = self.tails(&group.ranks);
        if let Some(id) = self.collective(group, operation, bytes, &after)? {
            for rank in &group.ranks {
                self.ranks[*rank as usize].waits = vec![id];
            }
        }
        Ok(())
    }

    /// A collective on the group's own stream, beside the kernels.
    pub(super) fn collective(
        &mut self,
        group: &mut Group<'a>,
        operation: Operation,
        bytes: f64,
        after: &[ActivityId],
    ) -> Result<Option<ActivityId>, Diagnostic> {
        if group.communicator.size() < 2 || bytes <= 0.0 {
            return Ok(None);
        }
        let key = (operation, bytes.to_bits());
        if !group.plans.contains_key(&key) {
            let mut plan = group.communicator.plan(operation, bytes)?;
            plan.demands
                .retain(|resource| !group.spared.contains(&resource));
            group.plans.insert(key, plan);
        }
        let plan = &group.plans[&key];
        let task = Task {
            name: operation.key(),
            layer: self.layer,
            lane: Lane::Communication(group.ranks[0]),
            kernel: None,
            bytes,
        };
        let activity = Activity {
            after,
            stream: Some(group.stream),
            ..plan.activity()
        };
        let tag = self.tasks.len() as u32;
        self.tasks.push(task);
        Ok(Some(self.program.add(&Activity { tag, ..activity })))
    }

    /// The finished phase, folded where it can be.
    pub(super) fn finish(self, name: &'static str, repeat: f64) -> Phase {
        self.unfolded(name, repeat).folded()
    }

    /// The finished phase as it is.
    pub(super) fn unfolded(self, name: &'static str, repeat: f64) -> Phase {
        Phase {
            name,
            repeat,
            program: self.program,
            folded: None,
            tasks: self.tasks,
            kernels: self.kernels,
            flows: Vec::new(),
        }
    }
}

/// A task without duration.
fn nowhere(name: &'static str, layer: Option<u32>) -> Task {
    Task {
        name,
        layer,
        lane: Lane::Nowhere,
        kernel: None,
        bytes: 0.0,
    }
}

/// The fair weight of a kernel: at full speed it counts as its device's whole VRAM rate.
///
/// Fair shares are compared per byte/s. A copy or collective asks for far less than a device's
/// VRAM rate, so max-min gives it what its link lets through and the kernel the rest; that is
/// what hardware does, where channels hold their compute units and memory controllers serve
/// whoever asks.
fn kernel_weight(alone_s: f64, vram_bandwidth: f64) -> f64 {
    1.0 / (alone_s.max(f64::MIN_POSITIVE) * vram_bandwidth)
}
