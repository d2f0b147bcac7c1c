//! Workload files: a training step, an inference step, a list of flows.

use serde::Deserialize;

use super::hostlist::Hostlist;
use super::model::ModelSpec;
use super::name_or::NameOr;
use super::read::Spanned;
use crate::units::{Bytes, Seconds};

/// Number formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 64 bit.
    Fp64,
    /// 32 bit.
    Fp32,
    /// 32 bit storage, 19 bit multiplication.
    Tf32,
    /// 16 bit IEEE.
    Fp16,
    /// 16 bit with the range of FP32.
    Bf16,
    /// 8 bit floating point.
    Fp8,
    /// 8 bit integer.
    Int8,
    /// 4 bit floating point.
    Fp4,
}

/// How the devices share the work. Ranks are numbered tensor-parallel fastest.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parallel {
    /// Tensor-parallel degree; 1 where absent.
    #[serde(default)]
    pub tensor: Option<Spanned<u32>>,
    /// Data-parallel degree; all remaining devices where absent.
    #[serde(default)]
    pub data: Option<Spanned<u32>>,
    /// Pipeline stages; 1 where absent.
    #[serde(default)]
    pub pipeline: Option<Spanned<u32>>,
    /// Parts of the network that each stage holds (interleaving); 1 where absent.
    #[serde(default, rename = "virtual")]
    pub chunks: Option<Spanned<u32>>,
    /// Order of the micro-batches in a pipeline.
    #[serde(default)]
    pub schedule: Schedule,
    /// Whether norms and dropouts are split along the sequence inside a tensor-parallel group.
    #[serde(default)]
    pub sequence_parallel: bool,
}

/// In which order a pipeline stage takes its micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Schedule {
    /// All forward, then all backward.
    #[serde(rename = "gpipe")]
    GPipe,
    /// One forward, one backward after a warm-up; interleaved where a stage holds several parts.
    #[default]
    #[serde(rename = "1f1b")]
    OneForwardOneBackward,
}

/// What is recomputed in backward instead of kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recompute {
    /// Nothing.
    #[default]
    None,
    /// The attention scores only.
    Selective,
    /// Whole layers from their input.
    Full,
}

/// One training step.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSpec {
    /// `training`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub title: String,
    /// A catalogue model, the path of a Hugging Face `config.json`, or a definition in place.
    pub model: Spanned<NameOr<ModelSpec>>,
    /// Format of weights and activations; Adam keeps FP32 masters.
    pub precision: Spanned<Precision>,
    /// Tokens in a sequence.
    pub sequence: Spanned<u32>,
    /// Sequences per rank and micro-batch.
    pub micro_batch: Spanned<u32>,
    /// Micro-batches per step (gradient accumulation).
    #[serde(default)]
    pub accumulate: Option<Spanned<u32>>,
    /// Parallelism.
    #[serde(default)]
    pub parallel: Parallel,
    /// ZeRO stage 0 to 3; 3 is FSDP.
    #[serde(default)]
    pub zero: Spanned<u8>,
    /// Gradient bucket; the framework's default where absent.
    #[serde(default)]
    pub bucket: Option<Spanned<Bytes>>,
    /// Recomputation.
    #[serde(default)]
    pub recompute: Recompute,
    /// Format in which gradients are kept and reduced; that of `precision` where absent.
    #[serde(default)]
    pub gradient_precision: Option<Precision>,
    /// Framework.
    pub framework: Spanned<String>,
}

/// One batch of requests: prefill, then decode.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceSpec {
    /// `inference`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub title: String,
    /// A catalogue model, the path of a Hugging Face `config.json`, or a definition in place.
    pub model: Spanned<NameOr<ModelSpec>>,
    /// Format of weights and activations.
    pub precision: Spanned<Precision>,
    /// Format of the KV cache; that of `precision` where absent.
    #[serde(default)]
    pub kv_precision: Option<Precision>,
    /// Parallelism; data-parallel ranks are replicas, each with its own batch.
    #[serde(default)]
    pub parallel: Parallel,
    /// Sequences per replica.
    pub batch: Spanned<u32>,
    /// Prompt tokens of each sequence.
    pub prompt: Spanned<u32>,
    /// Tokens generated for each sequence.
    pub output: Spanned<u32>,
    /// Inference engine.
    pub framework: Spanned<String>,
}

/// A list of flows over a topology.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowsSpec {
    /// `flows`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub title: String,
    /// How a flow goes where several paths are equally short.
    #[serde(default)]
    pub routing: Routing,
    /// With `routing: hash`, another number is another draw; 0 where absent.
    #[serde(default)]
    pub seed: u64,
    /// Flows in place.
    #[serde(default)]
    pub flows: Vec<Spanned<FlowSpec>>,
    /// Flows from a CSV file.
    #[serde(default)]
    pub csv: Option<Spanned<CsvFlows>>,
}

/// How a flow goes where several paths are equally short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Routing {
    /// Over all of them at once.
    #[default]
    Spread,
    /// Over one, drawn by a hash at every device (ECMP).
    Hash,
}

/// One flow, or one of each pair of two equally long lists.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowSpec {
    /// Sending device.
    pub from: Spanned<Hostlist>,
    /// Receiving device.
    pub to: Spanned<Hostlist>,
    /// Amount of data.
    pub bytes: Bytes,
    /// When it starts; 0 where absent.
    #[serde(default)]
    pub start: Option<Seconds>,
    /// Devices to pass on the way, in order; the shortest path where absent.
    #[serde(default)]
    pub via: Vec<Spanned<String>>,
}

/// Flows in a CSV file with a header line.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvFlows {
    /// Its path, seen from the workload file.
    pub file: Spanned<String>,
    /// Column of the sender; `src` where absent.
    #[serde(default)]
    pub src: Option<String>,
    /// Column of the receiver; `dst` where absent.
    #[serde(default)]
    pub dst: Option<String>,
    /// Column of the bytes; `bytes` where absent.
    #[serde(default)]
    pub bytes: Option<String>,
    /// Column of the start \[s\]; `start_s` where absent, and 0 where the file has none.
    #[serde(default)]
    pub start: Option<String>,
    /// Column of a device to pass; empty cells and negative numbers mean none.
    #[serde(default)]
    pub via: Option<String>,
    /// Put before each `src` and `dst`, as `host` before 17.
    #[serde(default)]
    pub prefix: String,
    /// Put before each `via`, as `spine` before 3.
    #[serde(default)]
    pub via_prefix: String,
}
