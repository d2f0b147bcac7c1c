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
    /// A convolution as a product C\[m, n\] = A\[m, k\] · B\[k, n\], where each number of an image
    /// stands `taps` times in A but is one in memory (implicit GEMM: cuDNN, arXiv 1410.0759).
    Convolution {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
        /// Taps of the filter.
        taps: u64,
    },
    /// C\[m, n\] = A\[m, k\] · B\[k, n\] with weights B that are narrower at rest than the format
    /// they are multiplied in.
    NarrowGemm {
        /// Rows of A and C.
        m: u64,
        /// Columns of B and C.
        n: u64,
        /// Columns of A, rows of B.
        k: u64,
        /// Width of one weight at rest, its share of the group's scale included \[B\].
        weight_bytes: f64,
    },
    /// A plain kernel over rows, one block of threads for each and one element a thread at a time:
    /// norms and activations as frameworks wrote them before they were vectorised.
    Rows {
        /// Rows.
        rows: u64,
        /// Elements of a row.
        width: u64,
        /// Bytes read and written.
        bytes: f64,
        /// Vector operations (FP32).
        flops: f64,
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
    /// Fused attention, forward, whose heads, cache or view differ from the plain one's: keys wider
    /// than values, one latent cache for all heads, a sliding window.
    ShapedAttention {
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
        /// Width of a query and of a key.
        key_dim: u64,
        /// Width of a value and of an output.
        value_dim: u64,
        /// Most tokens that one sees, itself included.
        window: Option<u64>,
        /// Width of what is read for a token of the context, over all key/value heads \[B\].
        token_bytes: f64,
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

impl Operator {
    /// Useful operations \[FLOP\]; a multiply-add counts as two.
    ///
    /// Attention counts 4 · head_dim for each visible pair of tokens and head (two products), and
    /// its gradient 2.5 times as much where the scores are computed anew (five products), twice
    /// where they were kept (FlashAttention-2, arXiv 2307.08691, section 4.1).
    pub fn flops(&self) -> f64 {
        match self.shape {
            Shape::Gemm { m, n, k, batch } => 2.0 * m as f64 * n as f64 * k as f64 * batch as f64,
            Shape::Attention {
                batch,
                query,
                context,
                heads,
                head_dim,
                causal,
                fused,
                backward,
                ..
            } => {
                let factor = match (backward, fused) {
                    (false, _) => 1.0,
                    (true, true) => 2.5,
                    (true, false) => 2.0,
                };
                let pairs = visible_pairs(query, context, causal);
                factor * 4.0 * batch as f64 * heads as f64 * head_dim as f64 * pairs
            }
            Shape::ShapedAttention {
                batch,
                query,
                context,
                heads,
                key_dim,
                value_dim,
                window,
                ..
            } => {
                let pairs = pairs_in_window(query, context, window);
                2.0 * (batch * heads * (key_dim + value_dim)) as f64 * pairs
            }
            Shape::NarrowGemm { m, n, k, .. } | Shape::Convolution { m, n, k, .. } => {
                2.0 * m as f64 * n as f64 * k as f64
            }
            Shape::Stream { flops, .. } | Shape::Rows { flops, .. } => flops,
        }
    }
}

impl Operator {
    /// Bytes that a stream or row kernel moves; 0 for others, which depend on the device \[B\].
    pub fn bytes(&self) -> f64 {
        match self.shape {
            Shape::Stream { read, written, .. } => read + written,
            Shape::Rows { bytes, .. } => bytes,
            _ => 0.0,
        }
    }
}

/// Pairs of a new token and a token it sees. The new tokens are the last of the context, and
/// under a causal mask each sees those before it and itself: q·c − q·(q−1)/2.
pub fn visible_pairs(query: u64, context: u64, causal: bool) -> f64 {
    let (q, c) = (query as f64, context as f64);
    if causal {
        q * c - q * (q - 1.0) / 2.0
    } else {
        q * c
    }
}

/// Pairs of a new token and a token it sees where none sees more than `window`: Σ min(i, w) over
/// the places i of the new tokens.
pub fn pairs_in_window(query: u64, context: u64, window: Option<u64>) -> f64 {
    let window = window.unwrap_or(context).min(context);
    // New tokens whose whole past lies in the window.
    let before = context - query.min(context);
    let whole = window.saturating_sub(before).min(query);
    let seen_by_whole = visible_pairs(whole, before + whole, true);
    seen_by_whole + (query - whole) as f64 * window as f64
}

/// Width of one number at rest \[B\]. TF32 is stored as FP32; the block scales of FP4 and FP8
/// (under 0.07 B per number) are not counted.
pub fn element_bytes(precision: Precision) -> f64 {
    match precision {
        Precision::Fp64 => 8.0,
        Precision::Fp32 | Precision::Tf32 => 4.0,
        Precision::Fp16 | Precision::Bf16 => 2.0,
        Precision::Fp8 | Precision::Int8 => 1.0,
        Precision::Fp4 => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attention(query: u64, context: u64, fused: bool, backward: bool) -> f64 {
        let shape = Shape::Attention {
            batch: 3,
            query,
            context,
            heads: 8,
            kv_heads: 2,
            head_dim: 64,
            causal: true,
            fused,
            backward,
            kv_precision: Precision::Fp16,
        };
        let precision = Precision::Fp16;
        Operator {
            name: "attention",
            shape,
            precision,
        }
        .flops()
    }

    #[test]
    fn gemm_is_two_m_n_k() {
        let shape = Shape::Gemm {
            m: 3,
            n: 5,
            k: 7,
            batch: 2,
        };
        let gemm = Operator {
            name: "gemm",
            shape,
            precision: Precision::Fp16,
        };
        assert_eq!(gemm.flops(), 420.0);
    }

    #[test]
    fn a_window_cuts_what_each_token_sees() {
        let sum = |query: u64, context: u64, window: u64| -> f64 {
            let places = context - query + 1..=context;
            places.map(|place| place.min(window) as f64).sum()
        };
        for (query, context, window) in [(7, 7, 3), (4, 20, 5), (4, 20, 18), (1, 9, 4), (5, 5, 9)] {
            let ours = pairs_in_window(query, context, Some(window));
            assert_eq!(
                ours,
                sum(query, context, window),
                "{query} {context} {window}"
            );
        }
        assert_eq!(pairs_in_window(6, 10, None), visible_pairs(6, 10, true));
    }

    #[test]
    fn attention_counts_visible_pairs() {
        assert_eq!(visible_pairs(4, 4, true), 10.0);
        assert_eq!(visible_pairs(1, 100, true), 100.0);
        assert_eq!(visible_pairs(2, 10, true), 19.0);
        assert_eq!(visible_pairs(2, 10, false), 20.0);
        let forward = 4.0 * 3.0 * 8.0 * 64.0 * 10.0;
        assert_eq!(attention(4, 4, true, false), forward);
        assert_eq!(attention(4, 4, true, true), 2.5 * forward);
        assert_eq!(attention(4, 4, false, true), 2.0 * forward);
    }
}
