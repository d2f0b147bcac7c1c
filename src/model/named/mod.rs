//! Operators by name, as a person asks for them.

mod shapes;
mod table;

pub use self::table::ALL;

use super::operator::{Operator, Shape};
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

#[cfg(test)]
mod tests {
    use super::shapes::paged_decode;
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
    fn an_lstm_cell_multiplies_its_weights_three_times_a_step() {
        let dims = Dims {
            batch: 64,
            ..Dims::default()
        };
        let products = 2.0 * 64.0 * 4.0 * 4096.0 * 8192.0;
        let units = 64.0 * 4096.0;
        assert_eq!(flops("lstm-cell", dims), products + 30.0 * units);
        let backward = flops("lstm-cell-backward", dims);
        assert_eq!(backward, 2.0 * products + 40.0 * units);
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
        let Shape::Attention(attention) = kernels[1].shape else {
            panic!("{kernels:?}");
        };
        assert_eq!(attention.token_bytes, 1152.0);
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
        let Shape::Attention(paged) = paged_decode(&dims, Precision::Bf16) else {
            panic!("attention");
        };
        let bytes = 1000.0 * paged.token_bytes;
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
            ("layer-norm-backward", 3.0),
            ("batch-norm", 3.0),
            ("batch-norm-backward", 5.0),
            ("gelu-backward", 3.0),
            ("relu", 2.0),
            ("relu-backward", 3.0),
            ("softmax-backward", 3.0),
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
