//! Ranks to devices, and the groups they form.

use std::sync::Arc;

use crate::fabric::Fabric;
use crate::spec::{Diagnostic, Parallel, Source};
use crate::topology::DeviceId;

/// Which rank runs where. Ranks are numbered tensor-parallel fastest, then data-parallel, then by
/// pipeline stage (Megatron-LM's `tp-dp-pp`), over the GPUs in the order of the topology, so that
/// a tensor-parallel group is as near together as the file says.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Devices by rank; of a job that is sampled, the first rank of every stage.
    pub ranks: Vec<DeviceId>,
    /// The GPUs in order.
    devices: Vec<DeviceId>,
    /// Tensor-parallel degree.
    pub tensor: u32,
    /// Data-parallel degree.
    pub data: u32,
    /// Pipeline stages.
    pub pipeline: u32,
    /// Data-parallel replicas that the graph holds.
    graph_data: u32,
    /// Whether one rank of each stage stands for all of them: the graph holds two replicas, the
    /// second of which only takes part in what the first communicates.
    sampled: bool,
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
        let available = gpus.len() as u32 * fabric.copies;
        let degree =
            |written: &Option<crate::spec::Spanned<u32>>| written.as_ref().map(|d| d.value);
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
        let sampled = fabric.copies > 1 && data > 1;
        let placement = Self {
            ranks: Vec::new(),
            devices: gpus,
            tensor,
            data,
            pipeline,
            graph_data: if sampled { 2 } else { data },
            sampled,
        };
        let size = tensor * placement.graph_data;
        let ranks = match sampled {
            false => placement.devices[..used as usize].to_vec(),
            true => (0..pipeline)
                .map(|stage| placement.devices[(stage * size) as usize])
                .collect(),
        };
        Ok(Self { ranks, ..placement })
    }

    /// Ranks of a pipeline stage that run.
    pub fn stage(&self, stage: u32) -> std::ops::Range<u32> {
        let size = match self.sampled {
            true => 1,
            false => self.tensor * self.data,
        };
        stage * size..(stage + 1) * size
    }

    /// The tensor-parallel groups of a pipeline stage.
    pub fn tensor_groups(&self, stage: u32) -> Vec<Members> {
        let t = self.tensor;
        let groups = if self.sampled { 1 } else { self.data };
        let group = |d| (0..t).map(|i| (i, d)).collect::<Vec<_>>();
        let members = (0..groups).map(|d| self.members(stage, &group(d), t));
        members.collect()
    }

    /// The data-parallel groups of a pipeline stage.
    pub fn data_groups(&self, stage: u32) -> Vec<Members> {
        let groups = if self.sampled { 1 } else { self.tensor };
        let group = |i| (0..self.graph_data).map(|d| (i, d)).collect::<Vec<_>>();
        let members = (0..groups).map(|i| self.members(stage, &group(i), self.data));
        members.collect()
    }

    /// The group of the ranks at some tensor and data positions of a stage, `size` with those that
    /// are not in the graph.
    fn members(&self, stage: u32, positions: &[(u32, u32)], size: u32) -> Members {
        let graph_rank = |(i, d): &(u32, u32)| i + self.tensor * (d + self.graph_data * stage);
        Members {
            ranks: match self.sampled {
                true => vec![stage],
                false => positions.iter().map(graph_rank).collect(),
            },
            devices: positions
                .iter()
                .map(|at| self.devices[graph_rank(at) as usize])
                .collect(),
            size: size as usize,
        }
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
    /// How many there are in all.
    pub size: usize,
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
