//! Activations that training keeps for backward.

use super::operator::element_bytes;
use super::pass::{Pass, Widths};
use super::transformer::Transformer;
use crate::spec::{Position, Recompute};

impl Transformer {
    /// What one layer keeps on one rank from forward to backward \[B\].
    ///
    /// Korthikanti 2022 (arXiv 2205.05198) table 2, taken apart for other shapes. With tokens T,
    /// element width e (2 in the paper), and everything of a rank's part of the layer: inputs of
    /// both blocks and of both norms 4·e·T·h; queries, keys, values and the attention's output;
    /// the feed-forward block's inner tensors (two of width f; three where gated, and a fourth
    /// where activation and product are separate kernels); and, where scores are not fused away,
    /// e·2 for each pair of tokens and head plus a mask of one byte with dropout. Sums to
    /// s·b·h·(10 + 24/t + 5·a·s/(h·t)) for GPT-3, and to that divided by t under sequence
    /// parallelism for the first term.
    ///
    /// Dropout (one mask byte for each element after both blocks, and two more score tensors'
    /// worth) is counted for models with learned positions, those of the GPT family: later ones
    /// train without. The FP32 log-sum of fused attention (4 B per token and head) is not counted.
    pub fn activation_bytes(&self, pass: &Pass, recompute: Recompute) -> f64 {
        let w = Widths::new(self.spec(), pass.tensor);
        let e = element_bytes(pass.precision);
        let own = pass.own_tokens() * w.hidden as f64;
        if recompute == Recompute::Full {
            return e * own;
        }
        let dropout = self.spec().position == Position::Learned;
        let masks = if dropout { 2.0 } else { 0.0 };
        let inner = match (self.gated(), pass.fused_elementwise) {
            (false, _) => 2,
            (true, true) => 3,
            (true, false) => 4,
        };
        let split = w.qkv() + w.query() + inner * w.ffn;
        let kept = (4.0 * e + masks) * own + e * pass.tokens() as f64 * split as f64;
        let scores_kept = !pass.fused_attention && recompute == Recompute::None;
        if scores_kept {
            kept + score_bytes(pass, w.heads, dropout)
        } else {
            kept
        }
    }

    /// The logits of all tokens on one rank while the loss is computed \[B\]: FP32 (Korthikanti
    /// 2022, section 4.3), and where nothing is fused also the copy they were made from and the
    /// FP32 softmax kept beside them.
    pub fn logits_bytes(&self, pass: &Pass) -> f64 {
        let w = Widths::new(self.spec(), pass.tensor);
        let each = if pass.fused_elementwise {
            4.0
        } else {
            8.0 + element_bytes(pass.precision)
        };
        each * (pass.tokens() * w.vocabulary) as f64
    }
}

/// Score matrices kept by unfused attention: the softmax, and with dropout its mask and result.
fn score_bytes(pass: &Pass, heads: u64, dropout: bool) -> f64 {
    let e = element_bytes(pass.precision);
    let each = if dropout { 2.0 * e + 1.0 } else { e };
    each * (pass.batch * heads) as f64 * pass.query as f64 * pass.context as f64
}

#[cfg(test)]
mod tests {
    use super::super::examples::{gpt3, llama2_7b, training_pass};
    use super::*;

    const S: f64 = 2048.0;
    const H: f64 = 12288.0;
    const A: f64 = 96.0;

    fn bytes(change: impl Fn(&mut Pass), recompute: Recompute) -> f64 {
        let mut pass = training_pass(8);
        pass.fused_attention = false;
        change(&mut pass);
        let model = Transformer::new(gpt3()).expect("valid");
        model.activation_bytes(&pass, recompute)
    }

    #[test]
    fn gpt3_reproduces_table_2_of_korthikanti() {
        let sbh = S * H;
        let scores = 5.0 * A * S / H;
        let alone = bytes(|p| p.tensor = 1, Recompute::None);
        assert_eq!(alone, sbh * (34.0 + scores));
        let tensor = bytes(|_| (), Recompute::None);
        assert_eq!(tensor, sbh * (10.0 + 24.0 / 8.0 + scores / 8.0));
        let sequence = bytes(|p| p.sequence_parallel = true, Recompute::None);
        assert_eq!(sequence, sbh / 8.0 * (34.0 + scores));
        let selective = bytes(|p| p.sequence_parallel = true, Recompute::Selective);
        assert_eq!(selective, sbh / 8.0 * 34.0);
        assert_eq!(bytes(|p| p.tensor = 1, Recompute::Full), sbh * 2.0);
        let fused = bytes(|p| p.fused_attention = true, Recompute::None);
        assert_eq!(fused, sbh * (10.0 + 24.0 / 8.0));
    }

    #[test]
    fn a_gated_network_without_dropout() {
        let model = Transformer::new(llama2_7b()).expect("valid");
        let pass = training_pass(1);
        let expected = 2.0 * 2048.0 * (8.0 * 4096.0 + 3.0 * 11008.0);
        assert_eq!(model.activation_bytes(&pass, Recompute::None), expected);
        assert_eq!(model.logits_bytes(&pass), 4.0 * 2048.0 * 32000.0);
    }
}
