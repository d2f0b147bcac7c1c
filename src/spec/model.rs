//! Catalogue files of neural networks.

use serde::Deserialize;

/// A decoder-only transformer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// `model`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Where the shape was read.
    pub source: String,
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Query heads.
    pub heads: u32,
    /// Key/value heads; equal to `heads` without grouping.
    pub kv_heads: u32,
    /// Width of one head; `hidden / heads` where absent.
    #[serde(default)]
    pub head_dim: Option<u32>,
    /// Width of the feed-forward block.
    pub ffn: u32,
    /// Vocabulary size.
    pub vocabulary: u32,
    /// Longest sequence.
    pub max_sequence: u32,
    /// Feed-forward activation.
    pub activation: Activation,
    /// Normalisation.
    pub norm: Norm,
    /// Position encoding.
    pub position: Position,
    /// Whether the output projection shares the embedding's weights.
    pub tied_embeddings: bool,
    /// Whether linear layers have biases.
    #[serde(default)]
    pub biases: bool,
}

/// Feed-forward activation; gated ones have three weight matrices instead of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// Plain GELU.
    Gelu,
    /// Plain ReLU.
    Relu,
    /// Gated SiLU.
    Swiglu,
    /// Gated GELU.
    Geglu,
}

/// Normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// Mean and variance, weight and bias.
    Layernorm,
    /// Root mean square, weight only.
    Rmsnorm,
}

/// Position encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Position {
    /// A table of `max_sequence` rows.
    Learned,
    /// Rotary, no weights.
    Rope,
    /// Linear biases in attention, no weights.
    Alibi,
}
