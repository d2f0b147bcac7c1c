//! One operator of a network with its shape, and what it must at least do.

use super::attention::Attention;
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
    /// Scaled dot-product attention.
    Attention(Attention),
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
    pub fn flops(&self) -> f64 {
        match self.shape {
            Shape::Gemm { m, n, k, batch } => 2.0 * m as f64 * n as f64 * k as f64 * batch as f64,
            Shape::Attention(attention) => attention.flops(),
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
}
