//! One operator of a network with its shape, and what it must at least do.

use crate::spec::Precision;

/// One kernel's worth of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// What a person calls it: `qkv`, `attention`, `mlp up`, `norm`, `adam`…
    pub name: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Format of its operands; products accumulate in FP32.
    pub precision: Precision,
}

/// The shapes of operators.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// `batch` products C\[m, n\] = A\[m, k\] · B\[k, n\].
    Gemm {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
        /// Independent products.
        batch: u64,
    },
    /// Scaled dot-product attention over a KV cache or the sequence itself.
    Attention {
        /// Sequences.
        batch: u64,
        /// New tokens of each sequence.
        query: u64,
        /// Tokens attended to, the new ones included.
        context: u64,
        /// Query heads on this device.
        heads: u64,
        /// Key/value heads on this device.
        kv_heads: u64,
        /// Width of a head.
        head_dim: u64,
        /// Whether a token sees only those before it.
        causal: bool,
        /// Whether the score matrix stays on chip.
        fused: bool,
        /// Whether this is the gradient.
        backward: bool,
        /// Format of keys and values.
        kv_precision: Precision,
    },
    /// A stream over memory: norms, activations, residuals, optimiser updates, look-ups.
    Stream {
        /// Bytes read.
        read: f64,
        /// Bytes written.
        written: f64,
        /// Vector operations (FP32).
        flops: f64,
    },
}
