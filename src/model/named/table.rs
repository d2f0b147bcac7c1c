//! The named operators.

use super::Named;
use super::shapes::{
    attention, attention_backward, bytes, convolution, gemm, latent_decode, latent_prompt,
    narrow_gemm, paged_decode, pixels, plain_rows, rows, stream, taps, unfused, window,
};
use crate::model::operator::{Shape, element_bytes};

/// All operators, products first.
pub const ALL: [Named; 44] = [
    Named {
        name: "gemm",
        words: "C[m, n] = A[m, k] · B[k, n], batch times",
        sizes: &["m", "n", "k", "batch"],
        make: |d, _| vec![gemm([d.m, d.n, d.k, d.batch])],
    },
    Named {
        name: "gemm-backward",
        words: "both gradients of gemm: A's and B's",
        sizes: &["m", "n", "k", "batch"],
        make: |d, _| {
            vec![
                gemm([d.m, d.k, d.n, d.batch]),
                gemm([d.k, d.n, d.m, d.batch]),
            ]
        },
    },
    Named {
        name: "grouped-gemm",
        words: "batch experts, each m rows of its own weights B[k, n]",
        sizes: &["m", "n", "k", "batch"],
        make: |d, _| vec![gemm([d.m, d.n, d.k, d.batch])],
    },
    Named {
        name: "narrow-gemm",
        words: "gemm whose weights rest in weight-bits and a 16-bit scale for each group",
        sizes: &["m", "n", "k", "weight-bits", "group"],
        make: |d, _| vec![narrow_gemm(d)],
    },
    Named {
        name: "convolution",
        words: "batch images of image² pixels, k to n channels, filter² taps, same size out",
        sizes: &["batch", "image", "n", "k", "filter"],
        make: |d, _| vec![convolution(d, [pixels(d), d.n, d.k * taps(d)])],
    },
    Named {
        name: "convolution-backward",
        words: "both gradients of convolution: the images' and the filters'",
        sizes: &["batch", "image", "n", "k", "filter"],
        make: |d, _| {
            vec![
                convolution(d, [pixels(d), d.k, d.n * taps(d)]),
                convolution(d, [d.k * taps(d), d.n, pixels(d)]),
            ]
        },
    },
    Named {
        name: "lstm-cell",
        words: "one step of batch sequences with n hidden units and k inputs",
        sizes: &["batch", "n", "k"],
        make: |d, p| {
            let units = d.batch as f64 * d.n as f64;
            let gates = stream(p, [5.0, 2.0, 30.0], units);
            vec![gemm([d.batch, 4 * d.n, d.n + d.k, 1]), gates]
        },
    },
    Named {
        name: "lstm-cell-backward",
        words: "its gradients: gates, states and input, then weights",
        sizes: &["batch", "n", "k"],
        make: |d, p| {
            let units = d.batch as f64 * d.n as f64;
            let gates = stream(p, [8.0, 5.0, 40.0], units);
            let (inner, outer) = (d.n + d.k, 4 * d.n);
            vec![
                gates,
                gemm([d.batch, inner, outer, 1]),
                gemm([inner, outer, d.batch, 1]),
            ]
        },
    },
    Named {
        name: "attention",
        words: "fused causal attention of query new tokens, the last of context",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, d.query, p)],
    },
    Named {
        name: "attention-backward",
        words: "its gradient",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention_backward(d, p)],
    },
    Named {
        name: "attention-unfused",
        words: "the same as two products with a softmax between, scores in memory",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: unfused,
    },
    Named {
        name: "decode",
        words: "attention of one new token of each sequence over its cache",
        sizes: &["batch", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, 1, p)],
    },
    Named {
        name: "paged-decode",
        words: "the same over a cache in pages, read whole, found through a table",
        sizes: &["batch", "context", "heads", "kv-heads", "head-dim", "page"],
        make: |d, p| vec![paged_decode(d, p)],
    },
    Named {
        name: "window-attention",
        words: "fused causal attention where no token sees more than window",
        sizes: &[
            "batch", "query", "context", "window", "heads", "kv-heads", "head-dim",
        ],
        make: |d, p| vec![window(d, d.query, p)],
    },
    Named {
        name: "window-decode",
        words: "decode where no token sees more than window",
        sizes: &[
            "batch", "context", "window", "heads", "kv-heads", "head-dim",
        ],
        make: |d, p| vec![window(d, 1, p)],
    },
    Named {
        name: "latent-attention",
        words: "MLA of a prompt: latents to each head's keys and values, then attention",
        sizes: &[
            "batch", "query", "context", "heads", "head-dim", "latent", "rotary",
        ],
        make: latent_prompt,
    },
    Named {
        name: "latent-decode",
        words: "MLA of one new token: queries into the latent space, attention there, back",
        sizes: &["batch", "context", "heads", "head-dim", "latent", "rotary"],
        make: latent_decode,
    },
    Named {
        name: "rms-norm",
        words: "m rows of n",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 4.0])],
    },
    Named {
        name: "rms-norm-backward",
        words: "its gradient: row and output's gradient in, row's gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 8.0])],
    },
    Named {
        name: "layer-norm",
        words: "m rows of n, mean and variance",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 7.0])],
    },
    Named {
        name: "layer-norm-backward",
        words: "its gradient: row and output's gradient in, row's gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 12.0])],
    },
    Named {
        name: "rms-norm-plain",
        words: "the same, an element a thread at a time",
        sizes: &["m", "n"],
        make: |d, p| vec![plain_rows(d, p, 2.0, 4.0)],
    },
    Named {
        name: "swiglu",
        words: "m rows of n gated by as many",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 9.0])],
    },
    Named {
        name: "swiglu-backward",
        words: "its gradient: both halves and the output's gradient in, both gradients out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [3.0, 2.0, 15.0])],
    },
    Named {
        name: "gelu",
        words: "m rows of n",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 10.0])],
    },
    Named {
        name: "gelu-backward",
        words: "its gradient: argument and output's gradient in, gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 18.0])],
    },
    Named {
        name: "relu",
        words: "m rows of n",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 1.0])],
    },
    Named {
        name: "relu-backward",
        words: "its gradient: output and its gradient in, gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 1.0])],
    },
    Named {
        name: "batch-norm",
        words: "m pixels of n channels in training: statistics first, then read again",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 7.0])],
    },
    Named {
        name: "batch-norm-backward",
        words: "its gradient: input and output's gradient in twice, gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [4.0, 1.0, 12.0])],
    },
    Named {
        name: "rotary",
        words: "m tokens, heads + kv-heads of head-dim, in place; its gradient turns back",
        sizes: &["m", "heads", "kv-heads", "head-dim"],
        make: |d, p| {
            let elements = d.m as f64 * ((d.heads + d.kv_heads) * d.head_dim) as f64;
            vec![stream(p, [1.0, 1.0, 3.0], elements)]
        },
    },
    Named {
        name: "softmax",
        words: "m rows of n",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 8.0])],
    },
    Named {
        name: "softmax-backward",
        words: "its gradient: output and its gradient in, gradient out",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 4.0])],
    },
    Named {
        name: "cross-entropy",
        words: "loss and gradient of m rows of n logits, in place",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 10.0])],
    },
    Named {
        name: "embedding",
        words: "m rows of n looked up",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 0.0])],
    },
    Named {
        name: "embedding-backward",
        words: "m gradients of n added to rows of an FP32 table",
        sizes: &["m", "n"],
        make: |d, p| vec![bytes(d, [element_bytes(p) + 4.0, 4.0, 1.0])],
    },
    Named {
        name: "add",
        words: "two arrays of m rows of n into a third",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 1.0])],
    },
    Named {
        name: "adam",
        words: "m·n parameters: FP32 weight and two moments, 16-bit gradient and copy",
        sizes: &["m", "n"],
        make: |d, _| vec![bytes(d, [14.0, 14.0, 16.0])],
    },
    Named {
        name: "cast",
        words: "m·n numbers of 16 bits to the format",
        sizes: &["m", "n"],
        make: |d, p| vec![bytes(d, [2.0, element_bytes(p), 2.0])],
    },
    Named {
        name: "quantise",
        words: "m rows of n numbers of 16 bits to the format, an FP32 scale for each row",
        sizes: &["m", "n"],
        make: |d, p| {
            let elements = d.m as f64 * d.n as f64;
            vec![Shape::Stream {
                read: 2.0 * elements,
                written: element_bytes(p) * elements + 4.0 * d.m as f64,
                flops: 4.0 * elements,
            }]
        },
    },
    Named {
        name: "copy",
        words: "m·n numbers",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 0.0])],
    },
    Named {
        name: "fill",
        words: "m·n numbers",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [0.0, 1.0, 0.0])],
    },
    Named {
        name: "scale",
        words: "STREAM's: m·n numbers times a constant",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [1.0, 1.0, 1.0])],
    },
    Named {
        name: "triad",
        words: "STREAM's: a[i] = b[i] + s · c[i] over m·n numbers",
        sizes: &["m", "n"],
        make: |d, p| vec![rows(d, p, [2.0, 1.0, 2.0])],
    },
];
