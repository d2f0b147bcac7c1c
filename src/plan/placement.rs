//! Ranks to devices, and the groups they form.

use std::sync::Arc;

use crate::fabric::{Fabric, Sampled};
use crate::spec::{Diagnostic, Parallel, Source};
use crate::topology::DeviceId;

/// Which rank runs where. Ranks are numbered tensor-parallel fastest, then data-parallel, then by
/// pipeline stage (Megatron-LM's `tp-dp-pp`), over the GPUs in the order of the topology, so that
/// a tensor-parallel group is as near together as the file says.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Devices by rank that runs; of a job that is sampled, those that stand for others.
    pub ranks: Vec<DeviceId>,
    /// The GPUs in order.
    devices: Vec<DeviceId>,
    /// Tensor-parallel degree.
    pub tensor: u32,
    /// Data-parallel degree.
    pub data: u32,
    /// Pipeline stages.
    pub pipeline: u32,
    /// Numbers of the data-parallel replicas that the graph holds.
    held: Vec<u32>,
    /// Those that run, by place in `held`.
    running: Vec<u32>,
    /// Who runs for each place of a tensor-parallel group.
    stand_in: Vec<u32>,
    /// The places that run.
    places: Vec<u32>,
}

impl Placement {
    /// Places a workload's ranks.
    ///
    /// # Errors
    /// The machine has no GPU, or the degrees do not fit its number of GPUs.
    pub fn new(
        fabric: &Fabric,
        source: &Arc<Source>,
        parallel: &Parallel,
    ) -> Result<Self, Diagnostic> {
        let gpus = fabric.topology.gpus();
        let machine = &fabric.topology.name;
        if gpus.is_empty() {
            let message = format!("`{machine}` has no GPU to run on");
            return Err(Diagnostic::new(message).at(fabric.topology.place.clone()));
        }
        let available = match &fabric.sample {
            Some(sample) => gpus.len() as u32 / sample.held.len() as u32 * sample.all,
            None => gpus.len() as u32,
        };
        let degree =
            |written: &Option<crate::spec::Spanned<u32>>| written.as_ref().map(|d| d.value);
        check_degrees(source, parallel, available, machine)?;
        let tensor = degree(&parallel.tensor).unwrap_or(1);
        let pipeline = degree(&parallel.pipeline).unwrap_or(1);
        let replica = u64::from(tensor) * u64::from(pipeline);
        let data = match degree(&parallel.data) {
            Some(data) => data,
            None if u64::from(available).is_multiple_of(replica) => available / (tensor * pipeline),
            None => {
                return Err(uneven(source, parallel, tensor, available, machine));
            }
        };
        let used = replica * u64::from(data);
        if used > u64::from(available) {
            let job = [tensor, data, pipeline];
            return Err(too_large(source, parallel, job, available, machine));
        }
        let sample = fabric.sample.as_ref();
        if sample.is_some_and(|s| s.all != data || s.stand_in.len() != tensor as usize) {
            let message = format!("the sample of `{machine}` was made for another job");
            return Err(Diagnostic::new(message));
        }
        let whole = || (0..data).collect::<Vec<_>>();
        let stand_in = sample.map_or_else(|| (0..tensor).collect(), |s| s.stand_in.clone());
        let placement = Self {
            ranks: Vec::new(),
            devices: gpus,
            tensor,
            data,
            pipeline,
            held: sample.map_or_else(whole, |sample| sample.held.clone()),
            running: sample.map_or_else(whole, |sample| sample.running.clone()),
            places: sample.map_or_else(|| (0..tensor).collect(), Sampled::places),
            stand_in,
        };
        let mut ranks = Vec::new();
        for stage in 0..pipeline {
            for replica in &placement.running {
                let places = placement.places.iter();
                ranks.extend(places.map(|place| placement.device(*place, *replica, stage)));
            }
        }
        Ok(Self { ranks, ..placement })
    }

    /// The GPU at a place of a tensor-parallel group, a place in the replicas of the graph, and a
    /// stage.
    fn device(&self, place: u32, replica: u32, stage: u32) -> DeviceId {
        let held = self.held.len() as u32;
        self.devices[(place + self.tensor * (replica + held * stage)) as usize]
    }

    /// Number among those that run, from places in [`Placement::places`] and
    /// [`Placement::running`] and a stage.
    fn running_rank(&self, place: usize, replica: usize, stage: u32) -> u32 {
        let (places, replicas) = (self.places.len(), self.running.len());
        (place + places * (replica + replicas * stage as usize)) as u32
    }

    /// Ranks of a pipeline stage that run.
    pub fn stage(&self, stage: u32) -> std::ops::Range<u32> {
        self.running_rank(0, 0, stage)..self.running_rank(0, 0, stage + 1)
    }

    /// The tensor-parallel groups of a pipeline stage.
    pub fn tensor_groups(&self, stage: u32) -> Vec<Members> {
        let group = |(number, replica): (usize, &u32)| {
            let device = |place| self.device(place, *replica, stage);
            let others = (0..self.tensor).filter(|place| !self.places.contains(place));
            let places = 0..self.places.len();
            Members {
                ranks: places
                    .map(|at| self.running_rank(at, number, stage))
                    .collect(),
                devices: (0..self.tensor).map(device).collect(),
                idle: others.map(device).collect(),
                size: self.tensor as usize,
            }
        };
        self.running.iter().enumerate().map(group).collect()
    }

    /// The data-parallel groups of a pipeline stage.
    pub fn data_groups(&self, stage: u32) -> Vec<Members> {
        let held = || 0..self.held.len() as u32;
        let group = |(number, place): (usize, &u32)| {
            let device = |replica| self.device(*place, replica, stage);
            let others = held().filter(|replica| !self.running.contains(replica));
            let replicas = 0..self.running.len();
            Members {
                ranks: replicas
                    .map(|at| self.running_rank(number, at, stage))
                    .collect(),
                devices: held().map(device).collect(),
                idle: others.map(device).collect(),
                size: self.data as usize,
            }
        };
        self.places.iter().enumerate().map(group).collect()
    }

    /// For each place of a tensor-parallel group the first that is like it in every group.
    pub(super) fn alike<T: PartialEq>(&self, look: impl Fn(DeviceId) -> T) -> Vec<u32> {
        let row = |place: u32| {
            let stages = (0..self.pipeline).flat_map(|stage| {
                let replicas = 0..self.held.len() as u32;
                replicas.map(move |replica| (replica, stage))
            });
            let devices = stages.map(|(replica, stage)| self.device(place, replica, stage));
            devices.map(&look).collect::<Vec<T>>()
        };
        let rows: Vec<Vec<T>> = (0..self.tensor).map(row).collect();
        let first = |row| rows.iter().position(|other| other == row);
        rows.iter()
            .map(|row| first(row).unwrap_or(0) as u32)
            .collect()
    }

    /// The ranks of the whole job that each rank that runs stands for, itself among them, in
    /// order.
    pub fn represented(&self) -> Vec<Vec<u32>> {
        let last = self.running.len().saturating_sub(1);
        let mut replicas = vec![Vec::new(); self.running.len()];
        let own = |number: u32| {
            let held = self.held.iter().position(|held| *held == number)? as u32;
            self.running.iter().position(|running| *running == held)
        };
        for number in 0..self.data {
            replicas[own(number).unwrap_or(last)].push(number);
        }
        let mut all = Vec::new();
        for stage in 0..self.pipeline {
            for replicas in &replicas {
                for running in &self.places {
                    let places = self.stand_in.iter().enumerate();
                    let stands = places.filter(|(_, other)| *other == running);
                    let stands: Vec<u32> = stands.map(|(place, _)| place as u32).collect();
                    let rank = |d: u32, place: u32| place + self.tensor * (d + self.data * stage);
                    let of_replica = |d: &u32| {
                        let d = *d;
                        stands
                            .iter()
                            .map(move |place| rank(d, *place))
                            .collect::<Vec<_>>()
                    };
                    all.push(replicas.iter().flat_map(of_replica).collect());
                }
            }
        }
        all
    }

    /// GPUs that the job uses.
    pub fn gpus(&self) -> u64 {
        u64::from(self.tensor) * u64::from(self.data) * u64::from(self.pipeline)
    }
}

/// A group of ranks that communicate.
#[derive(Debug, Clone)]
pub struct Members {
    /// Those that run.
    pub ranks: Vec<u32>,
    /// Devices of those in the graph.
    pub devices: Vec<DeviceId>,
    /// Those of them that do not run themselves.
    pub idle: Vec<DeviceId>,
    /// How many there are in all.
    pub size: usize,
}

/// Whether every degree is possible by itself.
fn check_degrees(
    source: &Arc<Source>,
    parallel: &Parallel,
    available: u32,
    machine: &str,
) -> Result<(), Diagnostic> {
    for written in [&parallel.tensor, &parallel.data, &parallel.pipeline]
        .into_iter()
        .flatten()
    {
        if written.value == 0 || written.value > available {
            return Err(Diagnostic::new(format!(
                "a parallel degree of {} does not fit the {available} GPUs of `{machine}`",
                written.value
            ))
            .at(source.place(written))
            .help(format!("expected 1 to {available}")));
        }
    }
    Ok(())
}

/// The message for a job with more ranks than there are GPUs.
fn too_large(
    source: &Arc<Source>,
    parallel: &Parallel,
    [tensor, data, pipeline]: [u32; 3],
    available: u32,
    machine: &str,
) -> Diagnostic {
    let used = u64::from(tensor) * u64::from(data) * u64::from(pipeline);
    let stages = match pipeline {
        1 => String::new(),
        stages => format!(" × pipeline {stages}"),
    };
    let diagnostic = Diagnostic::new(format!(
        "tensor {tensor} × data {data}{stages} needs {used} GPUs, but `{machine}` has {available}"
    ));
    match parallel.data.as_ref().or(parallel.tensor.as_ref()) {
        Some(written) => diagnostic.at(source.place(written)),
        None => diagnostic,
    }
}

/// The message for a degree that leaves GPUs over.
fn uneven(
    source: &Arc<Source>,
    parallel: &Parallel,
    tensor: u32,
    available: u32,
    machine: &str,
) -> Diagnostic {
    let message = format!(
        "tensor degree {tensor} does not divide the {available} GPUs of `{machine}` evenly"
    );
    let divisors = (1..=available.min(4096)).filter(|d| available.is_multiple_of(*d));
    let divisors: Vec<String> = divisors.map(|d| d.to_string()).collect();
    let diagnostic = Diagnostic::new(message)
        .help(format!("expected one of: {}", divisors.join(", ")))
        .help("or give `data:` as well, to leave GPUs unused");
    match &parallel.tensor {
        Some(written) => diagnostic.at(source.place(written)),
        None => diagnostic,
    }
}
