//! What VRAM is used for.

/// An account within a device's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Account {
    /// The runtime itself.
    Context,
    /// Weights in the working precision.
    Weights,
    /// Gradients.
    Gradients,
    /// FP32 master weights and both moments of Adam.
    Optimizer,
    /// Layer tensors kept for backward.
    Activations,
    /// Logits and their gradient.
    Logits,
    /// Weights gathered from other ranks for a while (FSDP).
    Gathered,
    /// Keys and values.
    KvCache,
}

impl Account {
    /// All accounts, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Context,
        Self::Weights,
        Self::Gradients,
        Self::Optimizer,
        Self::Activations,
        Self::Logits,
        Self::Gathered,
        Self::KvCache,
    ];

    /// As reports name it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Weights => "weights",
            Self::Gradients => "gradients",
            Self::Optimizer => "optimizer",
            Self::Activations => "activations",
            Self::Logits => "logits",
            Self::Gathered => "gathered-weights",
            Self::KvCache => "kv-cache",
        }
    }
}
