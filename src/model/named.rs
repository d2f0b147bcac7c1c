//! Operators by name, as a person asks for them.

use super::operator::{Operator, Shape, element_bytes};
use crate::spec::Precision;

/// The sizes that operators are made of; each operator uses some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dims {
    /// Rows, tokens, or elements where an operator has only one size.
    pub m: u64,
    /// Columns, width of a row, vocabulary.
    pub n: u64,
    /// Inner size of a product.
    pub k: u64,
    /// Independent products, sequences, images, experts.
    pub batch: u64,
    /// New tokens of a sequence.
    pub query: u64,
    /// Tokens attended to.
    pub context: u64,
    /// Query heads.
    pub heads: u64,
    /// Key/value heads.
    pub kv_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Bits of one weight at rest.
    pub weight_bits: u64,
    /// Weights that share a 16-bit scale.
    pub group: u64,
    /// Side of a square image.
    pub image: u64,
    /// Side of a square filter.
    pub filter: u64,
    /// Most tokens that one sees.
    pub window: u64,
    /// Tokens of a page of the cache.
    pub page: u64,
    /// Width of the latent vector that stands for a token's keys and values.
    pub latent: u64,
    /// Width of the part of a key that is rotated and that all heads share.
    pub rotary: u64,
}

impl Default for Dims {
    fn default() -> Self {
        Self {
            m: 4096,
            n: 4096,
            k: 4096,
            batch: 1,
            query: 4096,
            context: 4096,
            heads: 32,
            kv_heads: 8,
            head_dim: 128,
            weight_bits: 4,
            group: 128,
            image: 56,
            filter: 3,
            window: 1024,
            page: 16,
            latent: 512,
            rotary: 64,
        }
    }
}

/// An operator that a person can ask for.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// What it computes, with the letters of its sizes.
    pub words: &'static str,
    /// The sizes that it uses, as the command line calls them.
    pub sizes: &'static [&'static str],
    make: fn(&Dims, Precision) -> Vec<Shape>,
}

impl Named {
    /// The operator of a name.
    pub fn of(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|named| named.name == name)
    }

    /// Its kernels at these sizes.
    pub fn operators(&self, dims: &Dims, precision: Precision) -> Vec<Operator> {
        let name = self.name;
        let kernel = |shape| Operator {
            name,
            shape,
            precision,
        };
        (self.make)(dims, precision)
            .into_iter()
            .map(kernel)
            .collect()
    }
}

/// All operators, products first.
pub const ALL: [Named; 36] = [
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
        make: |d, _| vec![gemm([pixels(d), d.n, taps(d), 1])],
    },
    Named {
        name: "convolution-backward",
        words: "both gradients of convolution: the images' and the filters'",
        sizes: &["batch", "image", "n", "k", "filter"],
        make: |d, _| {
            vec![
                gemm([pixels(d), d.k, d.n * d.filter * d.filter, 1]),
                gemm([taps(d), d.n, pixels(d), 1]),
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
        name: "attention",
        words: "fused causal attention of query new tokens, the last of context",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, d.query, p, [true, false])],
    },
    Named {
        name: "attention-backward",
        words: "its gradient",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, d.query, p, [true, true])],
    },
    Named {
        name: "attention-unfused",
        words: "the same as two products with a softmax between, scores in memory",
        sizes: &["batch", "query", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, d.query, p, [false, false])],
    },
    Named {
        name: "decode",
        words: "attention of one new token of each sequence over its cache",
        sizes: &["batch", "context", "heads", "kv-heads", "head-dim"],
        make: |d, p| vec![attention(d, 1, p, [true, false])],
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
        name: "rotary",
        words: "m tokens, heads + kv-heads of head-dim, in place",
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

fn gemm([m, n, k, batch]: [u64; 4]) -> Shape {
    Shape::Gemm { m, n, k, batch }
}

fn narrow_gemm(d: &Dims) -> Shape {
    Shape::NarrowGemm {
        m: d.m,
        n: d.n,
        k: d.k,
        weight_bytes: d.weight_bits as f64 / 8.0 + 2.0 / d.group as f64,
    }
}

/// Rows of the product that a convolution is (implicit GEMM).
fn pixels(d: &Dims) -> u64 {
    d.batch * d.image * d.image
}

/// Inner size of the product that a convolution is.
fn taps(d: &Dims) -> u64 {
    d.k * d.filter * d.filter
}

fn attention(d: &Dims, query: u64, precision: Precision, [fused, backward]: [bool; 2]) -> Shape {
    Shape::Attention {
        batch: d.batch,
        query: query.min(d.context),
        context: d.context,
        heads: d.heads,
        kv_heads: d.kv_heads.min(d.heads),
        head_dim: d.head_dim,
        causal: true,
        fused,
        backward,
        kv_precision: precision,
    }
}

/// Keys and values of one token of the context \[B\].
fn token_bytes(d: &Dims, precision: Precision) -> f64 {
    2.0 * (d.kv_heads.min(d.heads) * d.head_dim) as f64 * element_bytes(precision)
}

/// Decoding over a cache in pages (vLLM, arXiv 2309.06180, section 4.2): the last page is read
/// whole, and 4 B of the table say where each page lies. The table is counted with the tokens.
fn paged_decode(d: &Dims, precision: Precision) -> Shape {
    let table = 4.0 / d.page as f64;
    let pages = d.context.div_ceil(d.page) * d.page;
    let whole = pages as f64 / d.context as f64;
    Shape::ShapedAttention {
        batch: d.batch,
        query: 1,
        context: d.context,
        heads: d.heads,
        kv_heads: d.kv_heads.min(d.heads),
        key_dim: d.head_dim,
        value_dim: d.head_dim,
        window: None,
        token_bytes: (token_bytes(d, precision) + table) * whole,
    }
}

/// Attention that looks back over a window (Mistral 7B, arXiv 2310.06825, section 2).
fn window(d: &Dims, query: u64, precision: Precision) -> Shape {
    Shape::ShapedAttention {
        batch: d.batch,
        query: query.min(d.context),
        context: d.context,
        heads: d.heads,
        kv_heads: d.kv_heads.min(d.heads),
        key_dim: d.head_dim,
        value_dim: d.head_dim,
        window: Some(d.window),
        token_bytes: token_bytes(d, precision),
    }
}

/// Multi-head latent attention of a prompt (DeepSeek-V2, arXiv 2405.04434, section 2.1): every
/// latent of the context becomes each head's key and value, head-dim wide, the key followed by the
/// shared rotary part; then each head attends for itself.
fn latent_prompt(d: &Dims, precision: Precision) -> Vec<Shape> {
    let [key_dim, value_dim] = [d.head_dim + d.rotary, d.head_dim];
    let width = element_bytes(precision);
    vec![
        gemm([d.batch * d.context, 2 * d.heads * d.head_dim, d.latent, 1]),
        Shape::ShapedAttention {
            batch: d.batch,
            query: d.query.min(d.context),
            context: d.context,
            heads: d.heads,
            kv_heads: d.heads,
            key_dim,
            value_dim,
            window: None,
            token_bytes: (d.heads * (key_dim + value_dim)) as f64 * width,
        },
    ]
}

/// The same of one new token, with the projections drawn into queries and outputs (DeepSeek-V2,
/// section 2.1.2 and appendix C): all heads share one key, latent and rotary part, whose latent is
/// the value too, so that a token of the cache is read once.
fn latent_decode(d: &Dims, precision: Precision) -> Vec<Shape> {
    let key_dim = d.latent + d.rotary;
    vec![
        gemm([d.batch, d.latent, d.head_dim, d.heads]),
        Shape::ShapedAttention {
            batch: d.batch,
            query: 1,
            context: d.context,
            heads: d.heads,
            kv_heads: 1,
            key_dim,
            value_dim: d.latent,
            window: None,
            token_bytes: key_dim as f64 * element_bytes(precision),
        },
        gemm([d.batch, d.head_dim, d.latent, d.heads]),
    ]
}

/// A stream over m rows of n: elements read, elements written and operations of each.
fn rows(d: &Dims, precision: Precision, each: [f64; 3]) -> Shape {
    stream(precision, each, d.m as f64 * d.n as f64)
}

/// A stream over m rows of n: bytes read, bytes written and operations of each.
fn bytes(d: &Dims, [read, written, flops]: [f64; 3]) -> Shape {
    let elements = d.m as f64 * d.n as f64;
    Shape::Stream {
        read: read * elements,
        written: written * elements,
        flops: flops * elements,
    }
}

fn stream(precision: Precision, [read, written, flops]: [f64; 3], elements: f64) -> Shape {
    let width = element_bytes(precision);
    Shape::Stream {
        read: read * elements * width,
        written: written * elements * width,
        flops: flops * elements,
    }
}

fn plain_rows(d: &Dims, precision: Precision, moved: f64, flops: f64) -> Shape {
    let elements = d.m as f64 * d.n as f64;
    Shape::Rows {
        rows: d.m,
        width: d.n,
        bytes: moved * elements * element_bytes(precision),
        flops: flops * elements,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flops(name: &str, dims: Dims) -> f64 {
        let named = Named::of(name).expect("known");
        let operators = named.operators(&dims, Precision::Bf16);
        operators.iter().map(Operator::flops).sum()
    }

    #[test]
    fn gradients_of_products_are_twice_the_product() {
        let dims = Dims::default();
        for name in ["gemm", "convolution"] {
            let backward = flops(&format!("{name}-backward"), dims);
            assert_eq!(backward, 2.0 * flops(name, dims), "{name}");
        }
    }

    #[test]
    fn a_convolution_multiplies_each_tap() {
        let dims = Dims {
            batch: 2,
            image: 7,
            n: 64,
            k: 32,
            ..Dims::default()
        };
        let products = 2.0 * 49.0 * 64.0 * 32.0 * 9.0;
        assert_eq!(flops("convolution", dims), 2.0 * products);
    }

    #[test]
    fn latent_attention_counts_what_deepseek_writes_down() {
        // DeepSeek-V2: 128 heads of 128, a latent of 512 and 64 rotated. Decoding, a pair of tokens
        // costs 2 · (576 + 512) a head, and a token of the cache is 576 numbers.
        let dims = Dims {
            batch: 3,
            query: 1,
            context: 1000,
            heads: 128,
            ..Dims::default()
        };
        let absorbed = 2.0 * 2.0 * 3.0 * 128.0 * 512.0 * 128.0;
        let pairs = 3.0 * 128.0 * 1000.0;
        let decode = flops("latent-decode", dims);
        assert_eq!(decode, absorbed + pairs * 2.0 * 1088.0);
        let expanded = 2.0 * 3000.0 * 512.0 * 2.0 * 128.0 * 128.0;
        let prompt = flops("latent-attention", dims);
        assert_eq!(prompt, expanded + pairs * 2.0 * (192.0 + 128.0));
        let named = Named::of("latent-decode").expect("known");
        let kernels = named.operators(&dims, Precision::Bf16);
        let Shape::ShapedAttention { token_bytes, .. } = kernels[1].shape else {
            panic!("{kernels:?}");
        };
        assert_eq!(token_bytes, 1152.0);
    }

    #[test]
    fn windows_and_pages_count_tokens() {
        let dims = Dims {
            query: 1,
            context: 1000,
            window: 100,
            ..Dims::default()
        };
        assert_eq!(flops("window-decode", dims), flops("decode", dims) / 10.0);
        assert_eq!(flops("paged-decode", dims), flops("decode", dims));
        // 1000 tokens fill 63 pages of 16: 1008 are read, and 63 entries of the table.
        let Shape::ShapedAttention { token_bytes, .. } = paged_decode(&dims, Precision::Bf16)
        else {
            panic!("a shape of its own");
        };
        let bytes = 1000.0 * token_bytes;
        let exact = 1008.0 * 2.0 * 8.0 * 128.0 * 2.0 + 63.0 * 4.0;
        assert!((bytes / exact - 1.0).abs() < 1e-12, "{bytes} {exact}");
    }

    #[test]
    fn streams_move_what_their_definitions_say() {
        let dims = Dims {
            m: 8,
            n: 16,
            ..Dims::default()
        };
        let bytes = |name: &str, precision| -> f64 {
            let named = Named::of(name).expect("known");
            let all = named.operators(&dims, precision);
            all.iter().map(Operator::bytes).sum()
        };
        // Elements read and written, each as wide as the format, unless said otherwise.
        for (name, moved) in [
            ("copy", 2.0),
            ("scale", 2.0),
            ("add", 3.0),
            ("triad", 3.0),
            ("fill", 1.0),
            ("rms-norm", 2.0),
            ("rms-norm-backward", 3.0),
            ("swiglu", 3.0),
            ("swiglu-backward", 5.0),
            ("cross-entropy", 3.0),
            ("embedding", 2.0),
        ] {
            assert_eq!(bytes(name, Precision::Fp64), moved * 128.0 * 8.0, "{name}");
            assert_eq!(bytes(name, Precision::Bf16), moved * 128.0 * 2.0, "{name}");
        }
        assert_eq!(bytes("adam", Precision::Bf16), 28.0 * 128.0);
        assert_eq!(bytes("cast", Precision::Fp8), 3.0 * 128.0);
        assert_eq!(bytes("quantise", Precision::Fp8), 3.0 * 128.0 + 32.0);
        assert_eq!(bytes("embedding-backward", Precision::Bf16), 10.0 * 128.0);
    }

    #[test]
    fn names_are_unique_and_found() {
        for named in &ALL {
            assert_eq!(Named::of(named.name).map(|n| n.words), Some(named.words));
        }
        assert!(Named::of("fft").is_none());
    }
}
