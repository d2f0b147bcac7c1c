//! One training step: forward, backward, reduction, optimiser.

use std::sync::Arc;

use super::account::Account;
use super::builder::{Builder, Group};
use super::device_facts::device_facts;
use super::gradients::Buckets;
use super::pipeline::{Parts, Pipeline};
use super::placement::Placement;
use super::range::{check_tokens, within};
use super::setting::{Setting, Written};
use super::sharded::Sharded;
use super::task::{Phase, Plan, Unit};
use crate::catalog::Catalog;
use crate::collective::Operation;
use crate::fabric::Fabric;
use crate::model::{ExchangeKind, Pass, Step, Transformer, element_bytes, optimizer};
use crate::spec::{
    Diagnostic, FrameworkSpec, LibrarySpec, Precision, Recompute, Source, TrainingSpec,
};

/// Most activities that a plan may have: beyond it a degree or count is a mistake.
const MAX_ACTIVITIES: u64 = 20_000_000;

/// Plans one training step, with no more than some of the job's micro-batches where a number is
/// given.
pub(super) fn plan(
    catalog: &Catalog,
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &TrainingSpec,
    micro_batches: Option<u64>,
) -> Result<Plan, Diagnostic> {
    let mut plan = plan_unfolded(catalog, fabric, source, spec, micro_batches)?;
    plan.phases = plan.phases.into_iter().map(Phase::folded).collect();
    Ok(plan)
}

/// The same without looking for symmetry.
pub(super) fn plan_unfolded(
    catalog: &Catalog,
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &TrainingSpec,
    micro_batches: Option<u64>,
) -> Result<Plan, Diagnostic> {
    let written = Written {
        source,
        framework: &spec.framework,
        model: &spec.model,
        parallel: &spec.parallel,
        precision: &spec.precision,
    };
    let Setting {
        framework,
        library,
        placement,
        network,
    } = Setting::new(catalog, fabric, &written)?;
    let conditions = !fabric.topology.conditions.is_empty();
    let mut job = Job::new(source, spec, &framework, &placement, network)?;
    job.accumulate = micro_batches.unwrap_or(job.all_micro_batches);
    let passes = job.network.layers() * job.accumulate;
    check_size(source, spec, &placement, passes, conditions)?;
    let mut builder = Builder::new(fabric, &framework, &placement)?;
    let mut stages = Vec::new();
    for number in 0..placement.pipeline {
        let tensor = placement.tensor_groups(number).into_iter();
        let tensor = tensor.map(|members| builder.group(&library, members));
        let tensor = tensor.collect::<Result<_, _>>()?;
        let data = placement.data_groups(number).into_iter();
        let data = data.map(|members| builder.group(&library, members));
        stages.push(Stage {
            parts: job.parts_of(number),
            all: placement.stage(number).collect(),
            tensor,
            data: data.collect::<Result<_, _>>()?,
        });
    }
    let mut step = TrainingStep {
        job: &job,
        builder,
        stage: 0,
        stages,
    };
    step.build(&library)?;
    let tokens = u64::from(placement.data) * job.all_micro_batches * job.pass.tokens();
    Ok(Plan {
        workload: spec.name.clone(),
        title: spec.title.clone(),
        phases: vec![step.builder.unfolded("step", 1.0)],
        steady: None,
        produced: tokens as f64,
        unit: Unit::Tokens,
        facts: [
            facts(spec, &job, &placement),
            device_facts(fabric, &placement, spec.precision.value),
        ]
        .concat(),
        gpus: placement.gpus(),
        represented: placement.represented(),
        ranks: placement.ranks,
    })
}

/// Everything about the job that does not change while the step is built.
pub(super) struct Job {
    pub(super) network: Transformer,
    pub(super) pass: Pass,
    /// Micro-batches of the step that is planned.
    pub(super) accumulate: u64,
    /// Micro-batches of the job's step.
    all_micro_batches: u64,
    pub(super) zero: u8,
    pub(super) recompute: Recompute,
    pub(super) bucket: f64,
    pub(super) gradient: Precision,
    pub(super) data: f64,
    pub(super) pipeline: Pipeline,
    context: f64,
}

impl Job {
    fn new(
        source: &Arc<Source>,
        spec: &TrainingSpec,
        framework: &FrameworkSpec,
        placement: &Placement,
        network: Transformer,
    ) -> Result<Self, Diagnostic> {
        if spec.zero.value > 3 {
            return Err(
                Diagnostic::new(format!("ZeRO has no stage {}", spec.zero.value))
                    .at(source.place(&spec.zero))
                    .help("expected 0 (off), 1, 2 or 3 (FSDP)"),
            );
        }
        let accumulate = match &spec.accumulate {
            Some(written) => within(source, written, "accumulate", 1 << 16)?,
            None => 1,
        };
        let pass = Pass {
            batch: within(source, &spec.micro_batch, "micro_batch", 1 << 16)?,
            query: within(source, &spec.sequence, "sequence", 1 << 22)?,
            context: u64::from(spec.sequence.value),
            tensor: placement.tensor.into(),
            sequence_parallel: spec.parallel.sequence_parallel && placement.tensor > 1,
            precision: spec.precision.value,
            kv_precision: spec.precision.value,
            fused_attention: framework.fused_attention,
            fused_elementwise: framework.fused_elementwise,
        };
        check_tokens(source, &spec.micro_batch, pass.query)?;
        let pipeline = Pipeline::new(source, spec, placement, network.layers(), accumulate)?;
        let bucket = bucket(source, spec, framework)?;
        Ok(Self {
            network,
            pass,
            accumulate,
            all_micro_batches: accumulate,
            zero: spec.zero.value,
            recompute: spec.recompute,
            bucket,
            gradient: spec.gradient_precision.unwrap_or(spec.precision.value),
            data: placement.data.into(),
            pipeline,
            context: framework.context_memory.value.0,
        })
    }

    /// Parameters that a rank holds in full.
    fn parameters(&self) -> f64 {
        self.network.parameters_of_rank(self.pass.tensor) as f64
    }

    /// What each stage holds of the network.
    fn parts_of(&self, stage: u32) -> Parts {
        let (p, v) = (self.pipeline.stages, self.pipeline.chunks);
        let chunk = |c| self.pipeline.layers_of(c * p + stage);
        Parts {
            first: stage == 0,
            last: stage + 1 == p,
            chunks: (0..v).map(chunk).collect(),
        }
    }

    /// Parameters that a rank of a stage holds in full.
    pub(super) fn parameters_of(&self, parts: &Parts) -> f64 {
        let t = self.pass.tensor;
        let network = &self.network;
        let layers: u32 = parts
            .chunks
            .iter()
            .map(|layers| layers.end - layers.start)
            .sum();
        let mut parameters = u64::from(layers) * network.layer_parameters_of_rank(t);
        if parts.first {
            parameters += network.embedding_parameters_of_rank(t);
        }
        if parts.last {
            parameters += network.norm_parameters() + network.head_parameters_of_rank(t);
        }
        parameters as f64
    }

    /// What a quantity comes to on one rank if it is sharded from a ZeRO stage on.
    fn sharded(&self, from_stage: u8, full: f64) -> f64 {
        if self.zero >= from_stage {
            full / self.data
        } else {
            full
        }
    }
}

/// Whether a step of so many passes through layers has not too many activities.
fn check_size(
    source: &Arc<Source>,
    spec: &TrainingSpec,
    placement: &Placement,
    passes: u64,
    conditions: bool,
) -> Result<(), Diagnostic> {
    let ranks = placement.ranks.len() as u64 / u64::from(placement.pipeline);
    let kernels = passes * ranks * 80;
    if kernels <= MAX_ACTIVITIES {
        return Ok(());
    }
    let message =
        format!("this step would have some {kernels} activities, more than {MAX_ACTIVITIES}");
    let diagnostic = Diagnostic::new(message).at(match &spec.accumulate {
        Some(written) => source.place(written),
        None => source.place(&spec.model),
    });
    Err(match conditions {
        false => diagnostic,
        true => diagnostic.help(
            "the conditions of this machine keep ranks from standing for each other: take fewer \
             `--nodes`, or conditions on fewer of them",
        ),
    })
}

/// Bytes of a gradient bucket.
fn bucket(
    source: &Arc<Source>,
    spec: &TrainingSpec,
    framework: &FrameworkSpec,
) -> Result<f64, Diagnostic> {
    let bytes = match &spec.bucket {
        Some(written) if written.value.0 <= 0.0 => {
            return Err(
                Diagnostic::new("a bucket of nothing would never be reduced")
                    .at(source.place(written))
                    .help("expected `bucket:` above 0, such as 25 MiB"),
            );
        }
        Some(written) => written.value.0,
        None => framework.bucket.value.0,
    };
    Ok(bytes.max(1024.0 * 1024.0))
}

/// The ranks of one pipeline stage and their groups.
pub(super) struct Stage<'a> {
    /// What the stage holds of the network.
    pub(super) parts: Parts,
    pub(super) all: Vec<u32>,
    tensor: Vec<Group<'a>>,
    pub(super) data: Vec<Group<'a>>,
}

/// A step under construction.
pub(super) struct TrainingStep<'a, 'j> {
    pub(super) job: &'j Job,
    pub(super) builder: Builder<'a>,
    /// The stage that is being given work.
    pub(super) stage: usize,
    pub(super) stages: Vec<Stage<'a>>,
}

impl TrainingStep<'_, '_> {
    fn build(&mut self, library: &LibrarySpec) -> Result<(), Diagnostic> {
        for stage in 0..self.stages.len() {
            self.stage = stage;
            self.hold_state();
        }
        self.stage = 0;
        if self.stages.len() > 1 {
            return self.pipelined(library);
        }
        if self.job.zero == 3 {
            let mut sharded = Sharded::new(self.job);
            for _ in 0..self.job.accumulate {
                sharded.micro_batch(self)?;
            }
            sharded.finish(self);
        } else {
            let reductions = self.replicated()?;
            self.wait_for(&reductions);
        }
        self.optimizer()
    }

    /// The stage's next kernels wait for the reductions of their groups.
    pub(super) fn wait_for(&mut self, reductions: &[Vec<crate::engine::ActivityId>]) {
        for (group, ids) in self.stages[self.stage].data.iter().zip(reductions) {
            for rank in &group.ranks {
                ids.iter().for_each(|id| self.builder.wait(*rank, *id));
            }
        }
    }

    /// Weights, gradients, optimiser state: there from the beginning to the end.
    fn hold_state(&mut self) {
        let job = self.job;
        let p = job.parameters_of(&self.stages[self.stage].parts);
        for rank in self.stages[self.stage].all.clone() {
            let weights = job.sharded(3, p * element_bytes(job.pass.precision));
            let gradients = job.sharded(2, p * element_bytes(job.gradient));
            self.builder.take(rank, Account::Context, job.context);
            self.builder.take(rank, Account::Weights, weights);
            self.builder.take(rank, Account::Gradients, gradients);
            self.builder
                .take(rank, Account::Optimizer, job.sharded(1, 12.0 * p));
        }
    }

    /// All micro-batches with whole weights on every rank; gradients are reduced in buckets
    /// during the last backward (during each under ZeRO 2, which cannot keep them whole).
    fn replicated(&mut self) -> Result<Vec<Vec<crate::engine::ActivityId>>, Diagnostic> {
        let job = self.job;
        let operation = if job.zero == 0 {
            Operation::AllReduce
        } else {
            Operation::ReduceScatter
        };
        let groups = &mut self.stages[0].data;
        let mut buckets = Buckets::new(operation, job.bucket, groups.len());
        for micro_batch in 0..job.accumulate {
            let reduce = job.zero == 2 || micro_batch + 1 == job.accumulate;
            self.embedding_forward()?;
            for layer in 0..job.network.layers() {
                self.layer_forward(layer as u32)?;
            }
            self.head()?;
            for layer in (0..job.network.layers()).rev() {
                self.layer_backward(layer as u32)?;
                if reduce {
                    let p = job.network.layer_parameters_of_rank(job.pass.tensor) as f64;
                    let bytes = p * element_bytes(job.gradient);
                    let data = &mut self.stages[0].data;
                    buckets.produced(&mut self.builder, data, bytes)?;
                }
            }
            self.embedding_backward()?;
            if reduce {
                let layers =
                    job.network.layers() * job.network.layer_parameters_of_rank(job.pass.tensor);
                let rest = job.parameters() - layers as f64;
                let bytes = rest * element_bytes(job.gradient);
                let data = &mut self.stages[0].data;
                buckets.produced(&mut self.builder, data, bytes)?;
                buckets.finish(&mut self.builder, data)?;
            }
        }
        Ok(buckets.reductions)
    }

    pub(super) fn embedding_forward(&mut self) -> Result<(), Diagnostic> {
        self.builder.layer = None;
        let steps = self.job.network.embedding_forward(&self.job.pass);
        self.run(&steps)
    }

    pub(super) fn layer_forward(&mut self, layer: u32) -> Result<(), Diagnostic> {
        let job = self.job;
        self.builder.layer = Some(layer);
        let kept = job.network.activation_bytes(&job.pass, job.recompute);
        self.each(|builder, rank| builder.take(rank, Account::Activations, kept));
        self.run(&job.network.layer_forward(&job.pass))
    }

    /// Final norm, logits, loss and their gradients.
    pub(super) fn head(&mut self) -> Result<(), Diagnostic> {
        let job = self.job;
        self.builder.layer = None;
        let logits = job.network.logits_bytes(&job.pass);
        self.each(|builder, rank| builder.take(rank, Account::Logits, logits));
        self.run(&job.network.head_forward(&job.pass, job.pass.tokens()))?;
        self.run(&job.network.loss_forward(&job.pass))?;
        self.run(&job.network.head_backward(&job.pass))?;
        self.each(|builder, rank| builder.give(rank, Account::Logits, logits));
        Ok(())
    }

    pub(super) fn layer_backward(&mut self, layer: u32) -> Result<(), Diagnostic> {
        let job = self.job;
        self.builder.layer = Some(layer);
        let kept = job.network.activation_bytes(&job.pass, job.recompute);
        let whole = job.network.activation_bytes(&job.pass, Recompute::None);
        let again = (whole - kept).max(0.0);
        self.each(|builder, rank| builder.take(rank, Account::Activations, again));
        self.run(&job.network.layer_backward(&job.pass, job.recompute))?;
        self.each(|builder, rank| builder.give(rank, Account::Activations, kept + again));
        Ok(())
    }

    pub(super) fn embedding_backward(&mut self) -> Result<(), Diagnostic> {
        self.builder.layer = None;
        let steps = self.job.network.embedding_backward(&self.job.pass);
        self.run(&steps)
    }

    /// The update, and under ZeRO 1 and 2 the gathering of the new weights.
    pub(super) fn optimizer(&mut self) -> Result<(), Diagnostic> {
        let job = self.job;
        self.builder.layer = None;
        let parameters = job.parameters_of(&self.stages[self.stage].parts);
        let shard = job.sharded(1, parameters);
        let op = optimizer(shard, job.pass.precision, job.gradient);
        let stage = &mut self.stages[self.stage];
        self.builder.kernel(&stage.all, &op)?;
        if matches!(job.zero, 1 | 2) {
            let bytes = parameters * element_bytes(job.pass.precision);
            for group in &mut stage.data {
                self.builder.exchange(group, Operation::AllGather, bytes)?;
            }
        }
        Ok(())
    }

    fn each(&mut self, mut apply: impl FnMut(&mut Builder<'_>, u32)) {
        for rank in &self.stages[self.stage].all {
            apply(&mut self.builder, *rank);
        }
    }

    fn run(&mut self, steps: &[Step]) -> Result<(), Diagnostic> {
        let stage = &mut self.stages[self.stage];
        run_steps(&mut self.builder, &mut stage.tensor, &stage.all, steps)
    }
}

/// Runs a network's steps on all ranks, with its exchanges in every tensor-parallel group.
pub(super) fn run_steps<'a>(
    builder: &mut Builder<'a>,
    tensor: &mut [Group<'a>],
    all: &[u32],
    steps: &[Step],
) -> Result<(), Diagnostic> {
    for step in steps {
        match step {
            Step::Operator(op) => builder.kernel(all, op)?,
            Step::Exchange(exchange) => {
                let operation = match exchange.kind {
                    ExchangeKind::AllReduce => Operation::AllReduce,
                    ExchangeKind::AllGather => Operation::AllGather,
                    ExchangeKind::ReduceScatter => Operation::ReduceScatter,
                };
                for group in &mut *tensor {
                    builder.exchange(group, operation, exchange.bytes)?;
                }
            }
        }
    }
    Ok(())
}

/// The degrees in words.
fn parallelism(job: &Job, placement: &Placement) -> String {
    let degrees = format!("data {} × tensor {}", placement.data, placement.tensor);
    match (placement.pipeline, job.pipeline.chunks) {
        (1, _) => degrees,
        (stages, 1) => format!("{degrees} × pipeline {stages}"),
        (stages, chunks) => format!("{degrees} × pipeline {stages}, {chunks} parts each"),
    }
}

/// What to show beside the result.
fn facts(spec: &TrainingSpec, job: &Job, placement: &Placement) -> Vec<(String, String)> {
    let global = u64::from(placement.data) * job.all_micro_batches * job.pass.batch;
    let state = match job.zero {
        3 => "fully sharded (ZeRO 3)".to_string(),
        0 => "replicated".to_string(),
        stage => format!("ZeRO {stage}"),
    };
    vec![
        ("model".into(), job.network.spec().name.clone()),
        ("parallelism".into(), parallelism(job, placement)),
        ("state".into(), state),
        (
            "global batch".into(),
            format!("{global} sequences of {}", job.pass.query),
        ),
        ("framework".into(), spec.framework.value.clone()),
    ]
}
