//! Fully sharded data parallelism: each layer's weights are gathered before use.
//!
//! As PyTorch FSDP does it (Zhao 2023, arXiv 2304.11277, §3.3–3.4): the next layer's all-gather
//! is issued while this one computes, at most two layers are whole at a time, backward gathers
//! again (all but the last layer) and reduce-scatters each layer's gradients behind it. All of
//! one group's collectives follow each other on one stream.

use super::account::Account;
use super::training::{Job, TrainingStep};
use crate::collective::Operation;
use crate::engine::ActivityId;
use crate::model::element_bytes;
use crate::spec::Diagnostic;

/// The state of the gathers and scatters over a step.
pub(super) struct Sharded {
    /// Whole weights of one layer \[B\].
    layer: f64,
    /// Whole weights outside the layers: embedding, norm, head \[B\].
    rest: f64,
    /// Gradients per byte of weights.
    gradient: f64,
    layers: u32,
    rest_gathered: bool,
    /// Last reduction of each group.
    reductions: Vec<Vec<ActivityId>>,
}

/// The gather of a layer, by group.
type Gather = Vec<Option<ActivityId>>;

impl Sharded {
    pub(super) fn new(job: &Job) -> Self {
        let tensor = job.pass.tensor;
        let width = element_bytes(job.pass.precision);
        let layer = job.network.layer_parameters_of_rank(tensor) as f64;
        let layers = job.network.layers() as u32;
        let all = job.network.parameters_of_rank(tensor) as f64;
        Self {
            layer: layer * width,
            rest: (all - layer * f64::from(layers)) * width,
            gradient: element_bytes(job.gradient) / width,
            layers,
            rest_gathered: false,
            reductions: Vec::new(),
        }
    }

    /// Forward and backward of one micro-batch.
    pub(super) fn micro_batch(
        &mut self,
        step: &mut TrainingStep<'_, '_>,
    ) -> Result<(), Diagnostic> {
        if !self.rest_gathered {
            self.rest_gathered = true;
            let gather = self.gather(step, self.rest)?;
            self.whole(step, &gather, self.rest);
        }
        self.forward(step)?;
        step.head()?;
        self.backward(step)?;
        step.embedding_backward()?;
        self.scatter(step, self.rest)
    }

    /// The optimiser waits for all reductions.
    pub(super) fn finish(&self, step: &mut TrainingStep<'_, '_>) {
        for ids in &self.reductions {
            for (group, id) in ids.iter().enumerate() {
                for rank in step.stages[0].data[group].ranks.clone() {
                    step.builder.wait(rank, *id);
                }
            }
        }
    }

    fn forward(&mut self, step: &mut TrainingStep<'_, '_>) -> Result<(), Diagnostic> {
        let mut next = self.gather(step, self.layer)?;
        step.embedding_forward()?;
        for layer in 0..self.layers {
            let this = next;
            next = if layer + 1 < self.layers {
                self.gather(step, self.layer)?
            } else {
                Vec::new()
            };
            self.whole(step, &this, self.layer);
            step.layer_forward(layer)?;
            if layer + 1 < self.layers {
                self.drop_whole(step, self.layer);
            }
        }
        Ok(())
    }

    fn backward(&mut self, step: &mut TrainingStep<'_, '_>) -> Result<(), Diagnostic> {
        let mut this: Option<Gather> = None;
        for layer in (0..self.layers).rev() {
            let next = if layer > 0 {
                Some(self.gather(step, self.layer)?)
            } else {
                None
            };
            if let Some(gather) = this {
                self.whole(step, &gather, self.layer);
            }
            step.layer_backward(layer)?;
            self.drop_whole(step, self.layer);
            self.scatter(step, self.layer)?;
            this = next;
        }
        Ok(())
    }

    /// Issues an all-gather that may begin when the compute given so far is done.
    fn gather(&self, step: &mut TrainingStep<'_, '_>, bytes: f64) -> Result<Gather, Diagnostic> {
        let mut ids = Vec::new();
        for group in &mut step.stages[0].data {
            let after = step.builder.tails(&group.ranks);
            let id = step
                .builder
                .collective(group, Operation::AllGather, bytes, &after)?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// The next kernels wait for a gather and hold the whole weights.
    fn whole(&self, step: &mut TrainingStep<'_, '_>, gather: &Gather, bytes: f64) {
        for (group, id) in gather.iter().enumerate() {
            for rank in step.stages[0].data[group].ranks.clone() {
                id.iter().for_each(|id| step.builder.wait(rank, *id));
                step.builder.take(rank, Account::Gathered, bytes);
            }
        }
    }

    fn drop_whole(&self, step: &mut TrainingStep<'_, '_>, bytes: f64) {
        for rank in 0..step.builder.size() {
            step.builder.give(rank, Account::Gathered, bytes);
        }
    }

    /// Reduce-scatters the gradients of weights of that size.
    fn scatter(&mut self, step: &mut TrainingStep<'_, '_>, bytes: f64) -> Result<(), Diagnostic> {
        let mut ids = Vec::new();
        for group in &mut step.stages[0].data {
            let after = step.builder.tails(&group.ranks);
            let bytes = bytes * self.gradient;
            let id = step
                .builder
                .collective(group, Operation::ReduceScatter, bytes, &after)?;
            ids.extend(id);
        }
        self.reductions.push(ids);
        Ok(())
    }
}
