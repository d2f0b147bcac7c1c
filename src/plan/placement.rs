//! Ranks to devices, and the groups they form.

use std::sync::Arc;

use crate::fabric::Fabric;
use crate::spec::{Diagnostic, Parallel, Source};
use crate::topology::DeviceId;

/// Which rank runs where. Ranks are numbered tensor-parallel fastest, over the GPUs in the order
/// of the topology, so that a tensor-parallel group is as near together as the file says.
#[derive(Debug, Clone)]
pub struct Placement {
    /// Devices by rank.
    pub ranks: Vec<DeviceId>,
    /// Tensor-parallel degree.
    pub tensor: u32,
    /// Data-parallel degree.
    pub data: u32,
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
        let available = gpus.len() as u32;
        let degree =
            |written: &Option<crate::spec::Spanned<u32>>| written.as_ref().map(|d| d.value);
        for written in [&parallel.tensor, &parallel.data].into_iter().flatten() {
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
        let data = match degree(&parallel.data) {
            Some(data) => data,
            None if available.is_multiple_of(tensor) => available / tensor,
            None => {
                return Err(uneven(source, parallel, tensor, available, machine));
            }
        };
        let used = u64::from(tensor) * u64::from(data);
        if used > u64::from(available) {
            let written = parallel.data.as_ref().or(parallel.tensor.as_ref());
            let diagnostic = Diagnostic::new(format!(
                "tensor {tensor} × data {data} needs {used} GPUs, but `{machine}` has {available}"
            ));
            return Err(match written {
                Some(written) => diagnostic.at(source.place(written)),
                None => diagnostic,
            });
        }
        Ok(Self {
            ranks: gpus.into_iter().take(used as usize).collect(),
            tensor,
            data,
        })
    }

    /// Ranks of each tensor-parallel group.
    pub fn tensor_groups(&self) -> Vec<Vec<u32>> {
        let t = self.tensor;
        (0..self.data)
            .map(|d| (0..t).map(|i| d * t + i).collect())
            .collect()
    }

    /// Ranks of each data-parallel group.
    pub fn data_groups(&self) -> Vec<Vec<u32>> {
        let t = self.tensor;
        (0..t)
            .map(|i| (0..self.data).map(|d| d * t + i).collect())
            .collect()
    }

    /// The devices of some ranks.
    pub fn devices(&self, ranks: &[u32]) -> Vec<DeviceId> {
        ranks.iter().map(|r| self.ranks[*r as usize]).collect()
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
