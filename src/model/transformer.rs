//! A checked decoder-only transformer and what follows from its shape alone.

use super::operator::element_bytes;
use super::pass::{Widths, gated};
use crate::spec::{ModelSpec, Norm, Position, Precision};

/// A decoder-only transformer whose shape has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Transformer {
    spec: ModelSpec,
}

/// Why a model's shape makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model `{name}`: {reason}")]
pub struct InvalidModel {
    /// The model.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
    /// The key of its file that says so, where it is one.
    pub key: Option<&'static str>,
}

/// Upper limits, far above any network and low enough that no product of them overflows.
const LIMITS: [(&str, u32); 7] = [
    ("layers", 1000),
    ("hidden", 1_000_000),
    ("heads", 100_000),
    ("head_dim", 100_000),
    ("ffn", 10_000_000),
    ("vocabulary", 10_000_000),
    ("max_sequence", 1_000_000_000),
];

/// Most columns of all heads together.
const MAX_WIDTH: u64 = 10_000_000;

impl Transformer {
    /// Checks a shape.
    ///
    /// # Errors
    /// A figure is zero or absurdly large, or heads do not divide evenly.
    pub fn new(spec: ModelSpec) -> Result<Self, InvalidModel> {
        match fault(&spec) {
            None => Ok(Self { spec }),
            Some((key, reason)) => Err(InvalidModel {
                name: spec.name,
                reason,
                key: Some(key),
            }),
        }
    }

    /// The shape.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Whether the network splits evenly over `tensor` ranks.
    ///
    /// # Errors
    /// A sentence saying what does not divide.
    pub fn check_tensor(&self, tensor: u32) -> Result<(), InvalidModel> {
        let spec = &self.spec;
        let uneven = |what: &str, count: u32| {
            format!("{count} {what} cannot be split evenly over {tensor} tensor-parallel ranks")
        };
        let reason = if tensor == 0 {
            "the tensor-parallel degree is 0".to_string()
        } else if !spec.heads.is_multiple_of(tensor) {
            uneven("heads", spec.heads)
        } else if !spec.kv_heads.is_multiple_of(tensor) && !tensor.is_multiple_of(spec.kv_heads) {
            uneven("key/value heads", spec.kv_heads)
        } else if !spec.ffn.is_multiple_of(tensor) {
            uneven("feed-forward columns", spec.ffn)
        } else {
            return Ok(());
        };
        Err(InvalidModel {
            name: spec.name.clone(),
            reason,
            key: None,
        })
    }

    /// Decoder layers.
    pub fn layers(&self) -> u64 {
        self.spec.layers.into()
    }

    /// All weights.
    pub fn parameters(&self) -> u64 {
        self.layers() * self.layer_parameters()
            + self.embedding_parameters()
            + self.norm_parameters()
            + self.head_parameters()
    }

    /// Weights of one layer.
    pub fn layer_parameters(&self) -> u64 {
        self.layer_parameters_of_rank(1)
    }

    /// Weights of one layer on one of `tensor` ranks: matrices split (key/value heads at least
    /// one), norms and the biases after an all-reduce whole.
    pub fn layer_parameters_of_rank(&self, tensor: u64) -> u64 {
        let w = Widths::new(&self.spec, tensor);
        let matrices = w.hidden * (w.qkv() + w.query() + w.up + w.ffn);
        let biases = if self.spec.biases {
            w.qkv() + w.up + 2 * w.hidden
        } else {
            0
        };
        matrices + biases + 2 * self.norm_parameters()
    }

    /// Weights of the token embedding and of learned positions.
    pub fn embedding_parameters(&self) -> u64 {
        self.embedding_parameters_of_rank(1)
    }

    /// The same on one of `tensor` ranks: tokens split by vocabulary, positions whole.
    pub fn embedding_parameters_of_rank(&self, tensor: u64) -> u64 {
        let w = Widths::new(&self.spec, tensor);
        let positions = match self.spec.position {
            Position::Learned => u64::from(self.spec.max_sequence),
            Position::Rope | Position::Alibi => 0,
        };
        (w.vocabulary + positions) * w.hidden
    }

    /// Weights of the vocabulary projection; 0 where it shares the embedding's.
    pub fn head_parameters(&self) -> u64 {
        self.head_parameters_of_rank(1)
    }

    /// The same on one of `tensor` ranks.
    pub fn head_parameters_of_rank(&self, tensor: u64) -> u64 {
        let w = Widths::new(&self.spec, tensor);
        if self.spec.tied_embeddings {
            0
        } else {
            w.vocabulary * w.hidden
        }
    }

    /// Weights of one norm; each layer has two, and one follows the last layer.
    pub fn norm_parameters(&self) -> u64 {
        let vectors = match self.spec.norm {
            Norm::Layernorm => 2,
            Norm::Rmsnorm => 1,
        };
        vectors * u64::from(self.spec.hidden)
    }

    /// All weights on one of `tensor` ranks.
    pub fn parameters_of_rank(&self, tensor: u64) -> u64 {
        self.layers() * self.layer_parameters_of_rank(tensor)
            + self.embedding_parameters_of_rank(tensor)
            + self.norm_parameters()
            + self.head_parameters_of_rank(tensor)
    }

    /// Keys and values of one token in all layers \[B\]: 2 · layers · kv_heads · head_dim · width
    /// of the format.
    pub fn kv_bytes_per_token(&self, precision: Precision) -> f64 {
        self.kv_bytes_per_token_of_rank(precision, 1)
    }

    /// The same on one of `tensor` ranks, which keeps at least one head.
    pub fn kv_bytes_per_token_of_rank(&self, precision: Precision, tensor: u64) -> f64 {
        let w = Widths::new(&self.spec, tensor);
        (2 * self.layers() * w.kv_heads * w.head_dim) as f64 * element_bytes(precision)
    }

    /// Whether the feed-forward block is gated.
    pub fn gated(&self) -> bool {
        gated(self.spec.activation)
    }
}

/// What is wrong with a shape, if anything.
fn fault(spec: &ModelSpec) -> Option<(&'static str, String)> {
    let head_dim = spec.head_dim.unwrap_or(1);
    let figures = [
        spec.layers,
        spec.hidden,
        spec.heads,
        head_dim,
        spec.ffn,
        spec.vocabulary,
        spec.max_sequence,
    ];
    for ((name, limit), figure) in LIMITS.into_iter().zip(figures) {
        if figure == 0 || figure > limit {
            return Some((name, format!("{name} is {figure}; expected 1 to {limit}")));
        }
    }
    let (heads, kv_heads) = (spec.heads, spec.kv_heads);
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        let reason = format!("{kv_heads} key/value heads do not divide {heads} heads");
        return Some(("kv_heads", reason));
    }
    let width = u64::from(heads) * u64::from(head_dim);
    if width > MAX_WIDTH {
        let reason = format!("all heads together are {width} wide; expected at most {MAX_WIDTH}");
        return Some(("head_dim", reason));
    }
    if spec.head_dim.is_none() && !spec.hidden.is_multiple_of(heads) {
        let hidden = spec.hidden;
        let reason =
            format!("{heads} heads do not divide a width of {hidden}, and no head_dim is given");
        return Some(("heads", reason));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::examples::{gpt3, llama, llama2_7b, llama2_70b};
    use super::*;

    fn parameters(spec: ModelSpec) -> f64 {
        Transformer::new(spec).expect("valid").parameters() as f64
    }

    #[test]
    fn parameter_counts_match_the_published_ones() {
        for (spec, published) in [
            (llama2_7b(), 6.738e9),
            (llama([40, 5120, 40, 40, 13824, 32000]), 13.016e9),
            (llama2_70b(), 68.977e9),
            (llama([32, 4096, 32, 8, 14336, 128_256]), 8.030e9),
            (llama([80, 8192, 64, 8, 28672, 128_256]), 70.554e9),
            (llama([126, 16384, 128, 8, 53248, 128_256]), 405.85e9),
            (gpt3(), 174.6e9),
        ] {
            let ours = parameters(spec);
            assert!((ours / published - 1.0).abs() < 1e-3, "{ours} {published}");
        }
    }

    #[test]
    fn ranks_hold_all_weights_once_except_norms_and_replicated_kv_heads() {
        let model = Transformer::new(llama2_70b()).expect("valid");
        let norms = 161 * 8192;
        assert_eq!(
            8 * model.parameters_of_rank(8),
            model.parameters() + 7 * norms
        );
        let replicated = 80 * 8192 * 2 * 8 * 128;
        assert_eq!(
            16 * model.parameters_of_rank(16),
            model.parameters() + 15 * norms + replicated
        );
    }

    #[test]
    fn kv_cache_of_llama2() {
        let small = Transformer::new(llama2_7b()).expect("valid");
        assert_eq!(small.kv_bytes_per_token(Precision::Fp16), 524_288.0);
        let large = Transformer::new(llama2_70b()).expect("valid");
        assert_eq!(large.kv_bytes_per_token(Precision::Fp16), 327_680.0);
        assert_eq!(
            large.kv_bytes_per_token_of_rank(Precision::Fp8, 16),
            20_480.0
        );
    }

    #[test]
    fn senseless_shapes_are_refused() {
        let reason = |change: fn(&mut ModelSpec)| {
            let mut spec = llama2_7b();
            change(&mut spec);
            Transformer::new(spec).expect_err("invalid").to_string()
        };
        assert!(reason(|s| s.layers = 0).contains("layers is 0"));
        assert!(reason(|s| s.hidden = 4_000_000_000).contains("hidden is 4000000000"));
        assert!(reason(|s| s.kv_heads = 0).contains("0 key/value heads"));
        assert!(reason(|s| s.kv_heads = 5).contains("5 key/value heads do not divide 32 heads"));
        assert!(reason(|s| s.heads = 31).contains("32 key/value heads"));
        let model = Transformer::new(llama2_70b()).expect("valid");
        assert!(model.check_tensor(16).is_ok());
        assert!(model.check_tensor(0).is_err());
        let message = model.check_tensor(6).expect_err("uneven").to_string();
        assert!(message.contains("64 heads"), "{message}");
    }
}
