//! What runs in one pass over a layer, and the list of steps it becomes.

use super::attention::Attention;
use super::operator::{Operator, Shape, element_bytes};
use crate::spec::{Activation, ModelSpec, Precision};

/// One thing a rank does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A kernel on this rank's device.
    Operator(Operator),
    /// A collective over the tensor-parallel group.
    Exchange(Exchange),
}

/// A collective over the tensor-parallel group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exchange {
    /// Which one.
    pub kind: ExchangeKind,
    /// The full tensor \[B\], as nccl-tests counts: what an all-gather ends with and a
    /// reduce-scatter begins with, on every rank.
    pub bytes: f64,
}

/// Collectives of tensor and sequence parallelism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Every rank ends with the sum.
    AllReduce,
    /// Every rank ends with all parts.
    AllGather,
    /// Every rank ends with its part of the sum.
    ReduceScatter,
}

/// A batch going once through the network, as one tensor-parallel rank sees it. Counts are at least
/// 1, `context` at least `query`, and the network splits evenly over `tensor` ranks
/// ([`Transformer::check_tensor`](super::Transformer::check_tensor)).
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Sequences.
    pub batch: u64,
    /// New tokens of each sequence.
    pub query: u64,
    /// Tokens attended to by the last of them, the new ones included.
    pub context: u64,
    /// Tensor-parallel degree t.
    pub tensor: u64,
    /// Whether norms and residuals are split along the sequence between the t ranks.
    pub sequence_parallel: bool,
    /// Format of weights and activations.
    pub precision: Precision,
    /// Format of keys and values at rest.
    pub kv_precision: Precision,
    /// Whether attention keeps its scores on chip.
    pub fused_attention: bool,
    /// Whether neighbouring elementwise operators are one kernel.
    pub fused_elementwise: bool,
}

impl Pass {
    /// New tokens of the whole batch.
    pub fn tokens(&self) -> u64 {
        self.batch * self.query
    }

    /// Tokens whose norms and residuals this rank computes.
    pub fn own_tokens(&self) -> f64 {
        let parts = if self.sequence_parallel {
            self.tensor
        } else {
            1
        };
        self.tokens() as f64 / parts as f64
    }
}

/// Widths of one rank's part of a layer, in elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    /// Residual stream; never split.
    pub hidden: u64,
    /// Query heads of this rank.
    pub heads: u64,
    /// Key/value heads of this rank: at least one, so they are replicated where t exceeds them.
    pub kv_heads: u64,
    /// One head.
    pub head_dim: u64,
    /// Feed-forward part of this rank.
    pub ffn: u64,
    /// What the first feed-forward GEMM puts out: gate and up side by side where gated.
    pub up: u64,
    /// Vocabulary rows of this rank, padded to equal parts.
    pub vocabulary: u64,
}

impl Widths {
    /// The part of one of `tensor` ranks.
    pub fn new(spec: &ModelSpec, tensor: u64) -> Self {
        let heads = u64::from(spec.heads).div_ceil(tensor);
        let ffn = u64::from(spec.ffn).div_ceil(tensor);
        let head_dim = spec.head_dim.unwrap_or_else(|| spec.hidden / spec.heads);
        Self {
            hidden: spec.hidden.into(),
            heads,
            kv_heads: u64::from(spec.kv_heads).div_ceil(tensor),
            head_dim: head_dim.into(),
            ffn,
            up: if gated(spec.activation) { 2 * ffn } else { ffn },
            vocabulary: u64::from(spec.vocabulary).div_ceil(tensor),
        }
    }

    /// All query heads of this rank.
    pub fn query(&self) -> u64 {
        self.heads * self.head_dim
    }

    /// Queries, keys and values of this rank side by side.
    pub fn qkv(&self) -> u64 {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }
}

/// Whether the feed-forward block multiplies two projections.
pub(super) fn gated(activation: Activation) -> bool {
    matches!(activation, Activation::Swiglu | Activation::Geglu)
}

/// Collects the steps of one rank.
pub(super) struct Steps<'a> {
    pub spec: &'a ModelSpec,
    pub pass: &'a Pass,
    pub widths: Widths,
    list: Vec<Step>,
}

impl<'a> Steps<'a> {
    pub fn new(spec: &'a ModelSpec, pass: &'a Pass) -> Self {
        Self {
            spec,
            pass,
            widths: Widths::new(spec, pass.tensor),
            list: Vec::new(),
        }
    }

    pub fn into_list(self) -> Vec<Step> {
        self.list
    }

    /// Adds C\[m, n\] = A\[m, k\] · B\[k, n\].
    pub fn gemm(&mut self, name: &'static str, [m, n, k]: [u64; 3]) {
        self.operator(name, Shape::Gemm { m, n, k, batch: 1 });
    }

    /// Adds a stream that reads and writes so many elements of the pass's precision and does
    /// `flops` vector operations for each element written.
    pub fn stream(&mut self, name: &'static str, read: f64, written: f64, flops: f64) {
        let bytes = element_bytes(self.pass.precision);
        self.byte_stream(name, read * bytes, written * bytes, flops * written);
    }

    /// Adds a stream by bytes and operations.
    pub fn byte_stream(&mut self, name: &'static str, read: f64, written: f64, flops: f64) {
        self.operator(
            name,
            Shape::Stream {
                read,
                written,
                flops,
            },
        );
    }

    /// Adds attention over the pass's batch, causal as in every decoder: one kernel, or those that
    /// it is made of.
    pub fn attention(&mut self, name: &'static str, backward: bool) {
        let (pass, widths) = (self.pass, self.widths);
        let attention = Attention {
            backward,
            ..Attention::causal(
                [pass.batch, pass.query, pass.context],
                [widths.heads, widths.kv_heads, widths.head_dim],
                pass.kv_precision,
            )
        };
        if pass.fused_attention {
            self.operator(name, Shape::Attention(attention));
            return;
        }
        for (name, shape) in attention.in_kernels(pass.precision) {
            self.operator(name, shape);
        }
    }

    /// Adds a collective on `elements` of the pass's precision, where there is a group at all.
    pub fn exchange(&mut self, kind: ExchangeKind, elements: f64) {
        self.byte_exchange(kind, elements * element_bytes(self.pass.precision));
    }

    /// Adds a collective on so many bytes, where there is a group at all.
    pub fn byte_exchange(&mut self, kind: ExchangeKind, bytes: f64) {
        if self.pass.tensor > 1 {
            self.list.push(Step::Exchange(Exchange { kind, bytes }));
        }
    }

    /// The residual stream's elements over all tokens of the batch.
    pub fn residual_elements(&self) -> f64 {
        self.pass.tokens() as f64 * self.widths.hidden as f64
    }

    /// The residual stream's elements of which this rank computes norms and sums.
    pub fn own_elements(&self) -> f64 {
        self.pass.own_tokens() * self.widths.hidden as f64
    }

    fn operator(&mut self, name: &'static str, shape: Shape) {
        self.list.push(Step::Operator(Operator {
            name,
            shape,
            precision: self.pass.precision,
        }));
    }
}
