//! Shapes from sizes: what each named operator computes and moves.

use super::Dims;
use crate::model::attention::Attention;
use crate::model::operator::{Shape, element_bytes};
use crate::spec::Precision;

pub(super) fn gemm([m, n, k, batch]: [u64; 4]) -> Shape {
    Shape::Gemm { m, n, k, batch }
}

pub(super) fn narrow_gemm(d: &Dims) -> Shape {
    Shape::NarrowGemm {
        m: d.m,
        n: d.n,
        k: d.k,
        weight_bytes: d.weight_bits as f64 / 8.0 + 2.0 / d.group as f64,
    }
}

/// Rows of the product that a convolution is (implicit GEMM).
pub(super) fn pixels(d: &Dims) -> u64 {
    d.batch * d.image * d.image
}

/// Taps of a square filter.
pub(super) fn taps(d: &Dims) -> u64 {
    d.filter * d.filter
}

/// A product one of whose operands is made of overlapping pieces of images.
pub(super) fn convolution(d: &Dims, [m, n, k]: [u64; 3]) -> Shape {
    Shape::Convolution {
        m,
        n,
        k,
        taps: taps(d),
    }
}

/// Causal attention of so many new tokens over the context.
fn causal(d: &Dims, query: u64, precision: Precision) -> Attention {
    let tokens = [d.batch, query.min(d.context), d.context];
    let heads = [d.heads, d.kv_heads.min(d.heads), d.head_dim];
    Attention::causal(tokens, heads, precision)
}

pub(super) fn attention(d: &Dims, query: u64, precision: Precision) -> Shape {
    Shape::Attention(causal(d, query, precision))
}

pub(super) fn attention_backward(d: &Dims, precision: Precision) -> Shape {
    Shape::Attention(Attention {
        backward: true,
        ..causal(d, d.query, precision)
    })
}

/// Attention whose scores go through memory between its kernels.
pub(super) fn unfused(d: &Dims, precision: Precision) -> Vec<Shape> {
    let kernels = causal(d, d.query, precision).in_kernels(precision);
    kernels.into_iter().map(|(_, shape)| shape).collect()
}

/// Decoding over a cache in pages (vLLM, arXiv 2309.06180, section 4.2): the last page is read
/// whole, and 4 B of the table say where each page lies. The table is counted with the tokens.
pub(super) fn paged_decode(d: &Dims, precision: Precision) -> Shape {
    let plain = causal(d, 1, precision);
    let table = 4.0 / d.page as f64;
    let pages = d.context.div_ceil(d.page) * d.page;
    let whole = pages as f64 / d.context as f64;
    Shape::Attention(Attention {
        token_bytes: (plain.token_bytes + table) * whole,
        ..plain
    })
}

/// Attention that looks back over a window (Mistral 7B, arXiv 2310.06825, section 2).
pub(super) fn window(d: &Dims, query: u64, precision: Precision) -> Shape {
    Shape::Attention(Attention {
        window: Some(d.window),
        ..causal(d, query, precision)
    })
}

/// Multi-head latent attention of a prompt (DeepSeek-V2, arXiv 2405.04434, section 2.1): every
/// latent of the context becomes each head's key and value, head-dim wide, the key followed by the
/// shared rotary part; then each head attends for itself.
pub(super) fn latent_prompt(d: &Dims, precision: Precision) -> Vec<Shape> {
    let [key_dim, value_dim] = [d.head_dim + d.rotary, d.head_dim];
    let width = element_bytes(precision);
    vec![
        gemm([d.batch * d.context, 2 * d.heads * d.head_dim, d.latent, 1]),
        Shape::Attention(Attention {
            kv_heads: d.heads,
            key_dim,
            value_dim,
            token_bytes: (d.heads * (key_dim + value_dim)) as f64 * width,
            ..causal(d, d.query, precision)
        }),
    ]
}

/// The same of one new token, with the projections drawn into queries and outputs (DeepSeek-V2,
/// section 2.1.2 and appendix C): all heads share one key, latent and rotary part, whose latent is
/// the value too, so that a token of the cache is read once.
pub(super) fn latent_decode(d: &Dims, precision: Precision) -> Vec<Shape> {
    let key_dim = d.latent + d.rotary;
    vec![
        gemm([d.batch, d.latent, d.head_dim, d.heads]),
        Shape::Attention(Attention {
            kv_heads: 1,
            key_dim,
            value_dim: d.latent,
            token_bytes: key_dim as f64 * element_bytes(precision),
            ..causal(d, 1, precision)
        }),
        gemm([d.batch, d.head_dim, d.latent, d.heads]),
    ]
}

/// A stream over m rows of n: elements read, elements written and operations of each.
pub(super) fn rows(d: &Dims, precision: Precision, each: [f64; 3]) -> Shape {
    stream(precision, each, d.m as f64 * d.n as f64)
}

/// A stream over m rows of n: bytes read, bytes written and operations of each.
pub(super) fn bytes(d: &Dims, [read, written, flops]: [f64; 3]) -> Shape {
    let elements = d.m as f64 * d.n as f64;
    Shape::Stream {
        read: read * elements,
        written: written * elements,
        flops: flops * elements,
    }
}

pub(super) fn stream(
    precision: Precision,
    [read, written, flops]: [f64; 3],
    elements: f64,
) -> Shape {
    let width = element_bytes(precision);
    Shape::Stream {
        read: read * elements * width,
        written: written * elements * width,
        flops: flops * elements,
    }
}

pub(super) fn plain_rows(d: &Dims, precision: Precision, moved: f64, flops: f64) -> Shape {
    let elements = d.m as f64 * d.n as f64;
    Shape::Rows {
        rows: d.m,
        width: d.n,
        bytes: moved * elements * element_bytes(precision),
        flops: flops * elements,
    }
}
