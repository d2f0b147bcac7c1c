//! One static batch of requests: a prefill, then decode steps.
//!
//! The decode steps of a batch differ only in how much context they read. They are simulated once,
//! at the mean context, and happen `output − 1` times: every cost is linear in the context where
//! it is read from VRAM, so the mean stands for all of them.

use std::sync::Arc;

use super::account::Account;
use super::builder::Builder;
use super::loaded::network;
use super::placement::Placement;
use super::range::{check_precision, check_tokens, stand_ins, within};
use super::task::{Phase, Plan, Unit};
use super::training::run_steps;
use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::model::{Pass, Transformer, element_bytes};
use crate::spec::{Diagnostic, FrameworkSpec, InferenceSpec, LibrarySpec, Recompute, Source};

/// Plans prefill and decode of one batch.
pub(super) fn plan(
    catalog: &Catalog,
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &InferenceSpec,
) -> Result<Plan, Diagnostic> {
    let framework = catalog
        .get::<FrameworkSpec>(&spec.framework)
        .map_err(|d| d.at(source.place(&spec.framework)))?;
    let library = catalog.get::<LibrarySpec>(&framework.library)?;
    let placement = Placement::new(fabric, source, &spec.parallel)?;
    check_precision(fabric, &placement, source, &spec.precision)?;
    let network = network(catalog, source, &spec.model)?;
    network.check_tensor(placement.tensor).map_err(|e| {
        let place = match &spec.parallel.tensor {
            Some(tensor) => source.place(tensor),
            None => source.place(&spec.model),
        };
        Diagnostic::new(e.to_string()).at(place)
    })?;
    let batch = within(source, &spec.batch, "batch", 1 << 16)?;
    let prompt = within(source, &spec.prompt, "prompt", 1 << 22)?;
    let output = within(source, &spec.output, "output", 1 << 22)?;
    check_tokens(source, &spec.batch, prompt + output)?;
    let batches = Batches {
        fabric,
        framework: &framework,
        library: &library,
        placement: &placement,
        network: &network,
        spec,
        longest: prompt + output,
    };
    let mut phases = vec![batches.phase("prefill", 1.0, batch, prompt, prompt)?];
    if output > 1 {
        let mean_context = prompt + output.div_ceil(2);
        phases.push(batches.phase("decode", (output - 1) as f64, batch, 1, mean_context)?);
    }
    let degrees = format!("replicas {} × tensor {}", placement.data, placement.tensor);
    let requests = format!(
        "{} per replica, {prompt} prompt and {output} output tokens each",
        batch
    );
    Ok(Plan {
        workload: spec.name.clone(),
        title: spec.title.clone(),
        phases,
        steady: None,
        produced: (u64::from(placement.data) * batch * output) as f64,
        unit: Unit::Tokens,
        facts: [
            vec![
                ("model".into(), network.spec().name.clone()),
                ("parallelism".into(), degrees),
                ("requests".into(), requests),
                ("framework".into(), spec.framework.value.clone()),
            ],
            stand_ins(fabric, &placement, spec.precision.value),
        ]
        .concat(),
        gpus: placement.gpus(),
        represented: placement.represented(),
        ranks: placement.ranks,
    })
}

/// What both phases share.
struct Batches<'a> {
    fabric: &'a Fabric,
    framework: &'a FrameworkSpec,
    library: &'a LibrarySpec,
    placement: &'a Placement,
    network: &'a Transformer,
    spec: &'a InferenceSpec,
    /// Tokens of a sequence at its end.
    longest: u64,
}

impl Batches<'_> {
    /// One pass of `query` new tokens per sequence through the network.
    fn phase(
        &self,
        name: &'static str,
        repeat: f64,
        batch: u64,
        query: u64,
        context: u64,
    ) -> Result<Phase, Diagnostic> {
        let pass = Pass {
            batch,
            query,
            context,
            tensor: self.placement.tensor.into(),
            sequence_parallel: false,
            precision: self.spec.precision.value,
            kv_precision: self.spec.kv_precision.unwrap_or(self.spec.precision.value),
            fused_attention: self.framework.fused_attention,
            fused_elementwise: self.framework.fused_elementwise,
        };
        let mut builder = Builder::new(self.fabric, self.framework, self.placement)?;
        let mut tensor = Vec::new();
        for members in self.placement.tensor_groups(0) {
            tensor.push(builder.group(self.library, members)?);
        }
        self.hold_state(&mut builder, &pass);
        let all: Vec<u32> = (0..builder.size()).collect();
        let embedding = self.network.embedding_forward(&pass);
        run_steps(&mut builder, &mut tensor, &all, &embedding)?;
        let steps = self.network.layer_forward(&pass);
        for layer in 0..self.network.layers() {
            builder.layer = Some(layer as u32);
            run_steps(&mut builder, &mut tensor, &all, &steps)?;
        }
        builder.layer = None;
        let head = self.network.head_forward(&pass, batch);
        run_steps(&mut builder, &mut tensor, &all, &head)?;
        Ok(builder.finish(name, repeat))
    }

    /// Weights, the KV cache at its fullest, and the tensors of the layer being computed.
    fn hold_state(&self, builder: &mut Builder<'_>, pass: &Pass) {
        let weights = self.network.parameters_of_rank(pass.tensor) as f64;
        let weights = weights * element_bytes(pass.precision);
        let per_token = self
            .network
            .kv_bytes_per_token_of_rank(pass.kv_precision, pass.tensor);
        let cache = per_token * (pass.batch * self.longest) as f64;
        let layer = self.network.activation_bytes(pass, Recompute::None);
        let context = self.framework.context_memory.value.0;
        for rank in 0..builder.size() {
            builder.take(rank, Account::Context, context);
            builder.take(rank, Account::Weights, weights);
            builder.take(rank, Account::KvCache, cache);
            builder.take(rank, Account::Activations, layer);
        }
    }
}
