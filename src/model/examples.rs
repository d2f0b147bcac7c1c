//! Networks for the tests of this module.

use super::pass::Pass;
use crate::spec::{Activation, ModelSpec, Norm, Position, Precision};

/// A Llama by layers, hidden, heads, kv_heads, ffn, vocabulary.
pub fn llama([layers, hidden, heads, kv_heads, ffn, vocabulary]: [u32; 6]) -> ModelSpec {
    ModelSpec {
        kind: "model".into(),
        name: "llama".into(),
        title: String::new(),
        source: "test".into(),
        layers,
        hidden,
        heads,
        kv_heads,
        head_dim: None,
        ffn,
        vocabulary,
        max_sequence: 4096,
        activation: Activation::Swiglu,
        norm: Norm::Rmsnorm,
        position: Position::Rope,
        tied_embeddings: false,
        biases: false,
    }
}

/// Llama 2 7B.
pub fn llama2_7b() -> ModelSpec {
    llama([32, 4096, 32, 32, 11008, 32000])
}

/// Llama 2 70B.
pub fn llama2_70b() -> ModelSpec {
    llama([80, 8192, 64, 8, 28672, 32000])
}

/// GPT-3 175B.
pub fn gpt3() -> ModelSpec {
    ModelSpec {
        max_sequence: 2048,
        activation: Activation::Gelu,
        norm: Norm::Layernorm,
        position: Position::Learned,
        tied_embeddings: true,
        biases: true,
        ..llama([96, 12288, 96, 96, 49152, 50257])
    }
}

/// One sequence of 2048 tokens in BF16, everything fused.
pub fn training_pass(tensor: u64) -> Pass {
    Pass {
        batch: 1,
        query: 2048,
        context: 2048,
        tensor,
        sequence_parallel: false,
        precision: Precision::Bf16,
        kv_precision: Precision::Bf16,
        fused_attention: true,
        fused_elementwise: true,
    }
}
