//! One engine resource for each thing that can run full.

use super::demands::Demands;
use super::kind::ResourceKind;
use crate::engine::{Resource, ResourceId};
use crate::spec::LinkClass;
use crate::topology::{DeviceId, DeviceKind, Route, Topology, Wire, nearest_cpu};

/// The resources of a GPU.
#[derive(Debug, Clone, Copy)]
pub struct GpuResources {
    /// Compute units \[device-seconds/s\]: capacity 1.
    pub compute: ResourceId,
    /// VRAM at its achievable rate \[B/s\].
    pub vram: ResourceId,
    /// The host thread that issues its kernels \[thread-seconds/s\]: capacity 1.
    pub launch: ResourceId,
}

/// The resources of a CPU socket.
#[derive(Debug, Clone, Copy)]
pub struct CpuResources {
    /// Its memory at its achievable rate \[B/s\].
    pub memory: ResourceId,
}

/// The resources of a wire \[B/s\].
#[derive(Debug, Clone, Copy)]
pub struct WireResources {
    /// From its first end to its second.
    pub forward: ResourceId,
    /// From its second end to its first.
    pub backward: ResourceId,
    /// Both directions together, where they disturb each other.
    pub both: Option<ResourceId>,
    /// Both directions together for traffic from and to host memory.
    pub both_host: Option<ResourceId>,
}

/// A cluster in parts that are copies of each other (the data-parallel replicas of a job), of
/// which the graph holds some and fewer still are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// How many copies there are.
    pub all: u32,
    /// The numbers of those in the graph, in order.
    pub held: Vec<u32>,
    /// Those that are run, by place in `held`; the last of them stands for all that are not held.
    /// The others only take part in what these communicate.
    pub running: Vec<u32>,
    /// For each device of a group inside a copy the device that stands for it: itself, if it is
    /// run.
    pub stand_in: Vec<u32>,
}

impl Sampled {
    /// The devices of a group that are run.
    pub fn places(&self) -> Vec<u32> {
        let all = self.stand_in.iter().enumerate();
        let own = all.filter(|(place, stand_in)| *place as u32 == **stand_in);
        own.map(|(place, _)| place as u32).collect()
    }
}

/// A topology and its resources.
#[derive(Debug, Clone)]
pub struct Fabric {
    /// The topology.
    pub topology: Topology,
    /// Resources by id.
    pub resources: Vec<Resource>,
    /// What stands for what, where the graph is a sample of a cluster.
    pub sample: Option<Sampled>,
    gpus: Vec<Option<GpuResources>>,
    cpus: Vec<Option<CpuResources>>,
    wires: Vec<WireResources>,
}

impl Fabric {
    /// Makes the resources of a topology: devices in order, then wires in order.
    pub fn new(topology: Topology) -> Self {
        let mut fabric = Self {
            resources: Vec::new(),
            sample: None,
            gpus: Vec::new(),
            cpus: Vec::new(),
            wires: Vec::new(),
            topology,
        };
        let devices: Vec<_> = fabric.topology.graph.node_weights().cloned().collect();
        for device in devices {
            let (gpu, cpu) = match &device.kind {
                DeviceKind::Gpu(spec) => {
                    let memory = &spec.memory;
                    let vram = memory.bandwidth.value.0 * memory.achievable.value.0;
                    let gpu = fabric.add_gpu(&device.name, vram);
                    (Some(gpu), None)
                }
                DeviceKind::Cpu(spec) => {
                    let memory = &spec.memory;
                    let rate = memory.bandwidth.value.0 * memory.achievable.value.0;
                    let name = format!("{} memory", device.name);
                    let memory = fabric.add(name, rate, ResourceKind::CpuMemory);
                    (None, Some(CpuResources { memory }))
                }
                _ => (None, None),
            };
            fabric.gpus.push(gpu);
            fabric.cpus.push(cpu);
        }
        let wires: Vec<_> = fabric
            .topology
            .wires()
            .map(|(_, a, b, wire)| (a, b, wire.clone()))
            .collect();
        for (a, b, wire) in wires {
            let resources = fabric.add_wire(a, b, &wire);
            fabric.wires.push(resources);
        }
        fabric
    }

    fn add(&mut self, name: String, capacity: f64, kind: ResourceKind) -> ResourceId {
        self.resources.push(Resource {
            name,
            capacity,
            kind: kind.code(),
        });
        ResourceId((self.resources.len() - 1) as u32)
    }

    fn add_gpu(&mut self, name: &str, vram: f64) -> GpuResources {
        GpuResources {
            compute: self.add(format!("{name} compute"), 1.0, ResourceKind::Compute),
            vram: self.add(format!("{name} VRAM"), vram, ResourceKind::Vram),
            launch: self.add(format!("{name} host thread"), 1.0, ResourceKind::Launch),
        }
    }

    fn add_wire(&mut self, a: DeviceId, b: DeviceId, wire: &Wire) -> WireResources {
        let kind = match wire.class {
            LinkClass::GpuLink => ResourceKind::GpuLink,
            LinkClass::Pcie => ResourceKind::Pcie,
            LinkClass::Socket => ResourceKind::Socket,
            LinkClass::Network => ResourceKind::Network,
        };
        let a = self.topology.device(a).name.clone();
        let b = self.topology.device(b).name.clone();
        let rate = wire.bandwidth.0;
        WireResources {
            forward: self.add(format!("{a}→{b}"), rate, kind),
            backward: self.add(format!("{b}→{a}"), rate, kind),
            both: wire
                .both_directions
                .map(|rate| self.add(format!("{a}↔{b}"), rate.0, kind)),
            both_host: wire
                .both_directions_host
                .map(|rate| self.add(format!("{a}↔{b} (host)"), rate.0, kind)),
        }
    }

    /// A resource.
    pub fn resource(&self, id: ResourceId) -> &Resource {
        &self.resources[id.index()]
    }

    /// The kind of a resource.
    pub fn kind(&self, id: ResourceId) -> ResourceKind {
        ResourceKind::from_code(self.resources[id.index()].kind)
    }

    /// The resources of a GPU.
    pub fn gpu(&self, id: DeviceId) -> Option<GpuResources> {
        self.gpus[id.index()]
    }

    /// How much longer than the reference host this GPU's host takes to issue a kernel.
    pub fn host_slowdown(&self, gpu: DeviceId) -> f64 {
        nearest_cpu(&self.topology, gpu)
            .and_then(|cpu| self.topology.device(cpu).cpu())
            .map_or(1.0, |spec| spec.host_slowdown.value)
    }

    /// The resources of a CPU socket.
    pub fn cpu(&self, id: DeviceId) -> Option<CpuResources> {
        self.cpus[id.index()]
    }

    /// Everything of a device: its own resources and those of the wires that end at it.
    pub fn of_device(&self, id: DeviceId) -> Vec<ResourceId> {
        let gpu = self.gpu(id).map(|gpu| [gpu.compute, gpu.vram, gpu.launch]);
        let mut all: Vec<ResourceId> = gpu.into_iter().flatten().collect();
        for ((_, a, b, _), wire) in self.topology.wires().zip(&self.wires) {
            if a == id || b == id {
                all.extend([wire.forward, wire.backward]);
                all.extend(wire.both.into_iter().chain(wire.both_host));
            }
        }
        all
    }

    /// The resources of every wire, in order.
    pub fn wires(&self) -> &[WireResources] {
        &self.wires
    }

    /// Demands of one byte over a route. `collective` traffic is moved by the kernels of a
    /// library, which reach less of a link than one large copy does; `host` traffic begins or
    /// ends in host memory.
    pub fn route_demands(&self, route: &Route, collective: bool, host: bool) -> Demands {
        let mut demands = Demands::default();
        for hop in &route.hops {
            let wire = &self.topology.graph[hop.link];
            let resources = &self.wires[hop.link.index()];
            let overhead = if collective {
                wire.bandwidth.0 / wire.collective.0
            } else {
                1.0
            };
            let bytes = hop.share * overhead;
            let direction = if hop.forward {
                resources.forward
            } else {
                resources.backward
            };
            demands.add(direction, bytes);
            if let Some(both) = resources.both {
                demands.add(both, bytes);
            }
            if let (Some(both), Some(rate)) = (resources.both_host, wire.both_directions_host)
                && host
            {
                let reached = wire.collective_both_host.filter(|_| collective);
                demands.add(both, hop.share * rate.0 / reached.unwrap_or(rate).0);
            }
        }
        demands
    }
}
