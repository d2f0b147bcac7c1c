//! One static batch of requests: a prefill, then decode steps.
//!
//! The decode steps of a batch differ only in how much context they read. They are simulated once,
//! at the mean context, and happen `output − 1` times: every cost is linear in the context where
//! it is read from VRAM, so the mean stands for all of them.

use std::sync::Arc;

use super::account::Account;
use super::builder::Builder;
use super::device_facts::device_facts;
use super::range::{check_tokens, within};
use super::setting::{Setting, Written};
use super::task::{Phase, Plan, Unit};
use super::training::run_steps;
use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::model::{Pass, element_bytes};
use crate::spec::{Diagnostic, InferenceSpec, Recompute, Source};

/// Plans prefill and decode of one batch.
pub(super) fn plan(
    catalog: &Catalog,
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &InferenceSpec,
) -> Result<Plan, Diagnostic> {
    let written = Written {
        source,
        framework: &spec.framework,
        model: &spec.model,
        parallel: &spec.parallel,
        precision: &spec.precision,
    };
    let setting = Setting::new(catalog, fabric, &written)?;
    let placement = &setting.placement;
    let batch = within(source, &spec.batch, "batch", 1 << 16)?;
    let prompt = within(source, &spec.prompt, "prompt", 1 << 22)?;
    let output = within(source, &spec.output, "output", 1 << 22)?;
    check_tokens(source, &spec.batch, prompt + output)?;
    let batches = Batches {
        fabric,
        setting: &setting,
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
                ("model".into(), setting.network.spec().name.clone()),
                ("parallelism".into(), degrees),
                ("requests".into(), requests),
                ("framework".into(), spec.framework.value.clone()),
            ],
            device_facts(fabric, placement, spec.precision.value),
        ]
        .concat(),
        gpus: placement.gpus(),
        represented: placement.represented(),
        ranks: setting.placement.ranks,
    })
}

/// What both phases share.
struct Batches<'a> {
    fabric: &'a Fabric,
    setting: &'a Setting,
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
        let Setting {
            framework,
            library,
            placement,
            network,
        } = self.setting;
        let pass = Pass {
            batch,
            query,
            context,
            tensor: placement.tensor.into(),
            sequence_parallel: false,
            precision: self.spec.precision.value,
            kv_precision: self.spec.kv_precision.unwrap_or(self.spec.precision.value),
            fused_attention: framework.fused_attention,
            fused_elementwise: framework.fused_elementwise,
        };
        let mut builder = Builder::new(self.fabric, framework, placement)?;
        let mut tensor = Vec::new();
        for members in placement.tensor_groups(0) {
            tensor.push(builder.group(library, members)?);
        }
        self.hold_state(&mut builder, &pass);
        let all: Vec<u32> = (0..builder.size()).collect();
        let embedding = network.embedding_forward(&pass);
        run_steps(&mut builder, &mut tensor, &all, &embedding)?;
        let steps = network.layer_forward(&pass);
        for layer in 0..network.layers() {
            builder.layer = Some(layer as u32);
            run_steps(&mut builder, &mut tensor, &all, &steps)?;
        }
        builder.layer = None;
        let head = network.head_forward(&pass, batch);
        run_steps(&mut builder, &mut tensor, &all, &head)?;
        Ok(builder.finish(name, repeat))
    }

    /// Weights, the KV cache at its fullest, and the tensors of the layer being computed.
    fn hold_state(&self, builder: &mut Builder<'_>, pass: &Pass) {
        let network = &self.setting.network;
        let weights = network.parameters_of_rank(pass.tensor) as f64;
        let weights = weights * element_bytes(pass.precision);
        let per_token = network.kv_bytes_per_token_of_rank(pass.kv_precision, pass.tensor);
        let cache = per_token * (pass.batch * self.longest) as f64;
        let layer = network.activation_bytes(pass, Recompute::None);
        let context = self.setting.framework.context_memory.value.0;
        for rank in 0..builder.size() {
            builder.take(rank, Account::Context, context);
            builder.take(rank, Account::Weights, weights);
            builder.take(rank, Account::KvCache, cache);
            builder.take(rank, Account::Activations, layer);
        }
    }
}
