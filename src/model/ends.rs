//! What surrounds the layers: embedding, vocabulary projection, loss, optimiser.
//!
//! Token rows and logits are split by vocabulary over the tensor-parallel group (Shoeybi 2019,
//! arXiv 1909.08053, section 3): a sum follows the embedding, and logits stay split.

use super::operator::{Operator, Shape, element_bytes};
use super::pass::{ExchangeKind, Pass, Step, Steps};
use super::transformer::Transformer;
use crate::spec::{Position, Precision};

impl Transformer {
    /// Token look-up, learned positions, and the sum over the group.
    pub fn embedding_forward(&self, pass: &Pass) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        let x = steps.residual_elements();
        let found = x / pass.tensor as f64;
        let own = steps.own_elements();
        let positions = self.spec().position == Position::Learned;
        // Fused, and where no sum over the group stands between, positions ride along.
        let together = positions && pass.fused_elementwise && pass.tensor == 1;
        let extra = if together { x } else { 0.0 };
        steps.stream("embedding", found + extra, x, 1.0);
        steps.sum_output();
        if positions && !together {
            steps.stream("positions", 2.0 * own, own, 1.0);
        }
        steps.into_list()
    }

    /// Adds the gradient to the rows that were looked up; sequence parallelism gathers it first.
    pub fn embedding_backward(&self, pass: &Pass) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        let x = steps.residual_elements();
        let found = x / pass.tensor as f64;
        steps.gather_gradient();
        steps.stream("embedding backward", x + found, found, 1.0);
        if self.spec().position == Position::Learned {
            steps.stream("positions backward", 2.0 * x, x, 1.0);
        }
        steps.into_list()
    }

    /// The final norm, and the vocabulary projection of `rows` of the tokens: all of them in
    /// training, the last of each sequence in inference.
    pub fn head_forward(&self, pass: &Pass, rows: u64) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        let w = steps.widths;
        steps.norm("norm final");
        steps.gather_input();
        steps.gemm("logits", [rows, w.vocabulary, w.hidden]);
        steps.into_list()
    }

    /// Softmax cross-entropy over the split logits of all tokens.
    ///
    /// Fused it reads the logits twice (maximum and sum, then the gradient) and leaves their
    /// gradient in their place. Unfused it makes an FP32 copy, subtracts the maximum and
    /// exponentiates in one further pass, and normalises in another. The group exchanges per token
    /// the maximum, the label's logit and the sum of exponentials: three all-reduces of 4 B.
    pub fn loss_forward(&self, pass: &Pass) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        let logits = (pass.tokens() * steps.widths.vocabulary) as f64;
        let width = element_bytes(pass.precision);
        if pass.fused_elementwise {
            let bytes = width * logits;
            steps.byte_stream("loss", 2.0 * bytes, bytes, 6.0 * logits);
        } else {
            steps.byte_stream("loss to fp32", width * logits, 4.0 * logits, logits);
            steps.byte_stream("loss maximum", 4.0 * logits, 0.0, logits);
            steps.byte_stream(
                "loss exponentials",
                4.0 * logits,
                4.0 * logits,
                3.0 * logits,
            );
            steps.byte_stream("loss softmax", 4.0 * logits, 4.0 * logits, logits);
        }
        for _ in ["maximum", "label", "sum"] {
            steps.byte_exchange(ExchangeKind::AllReduce, 4.0 * pass.tokens() as f64);
        }
        steps.into_list()
    }

    /// Gradients of loss, vocabulary projection and final norm. A fused loss has already left the
    /// logits' gradient; unfused it is made from the FP32 softmax.
    pub fn head_backward(&self, pass: &Pass) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        let vocabulary = steps.widths.vocabulary;
        let logits = (pass.tokens() * vocabulary) as f64;
        if !pass.fused_elementwise {
            let width = element_bytes(pass.precision);
            steps.byte_stream("loss backward", 4.0 * logits, width * logits, logits);
        }
        steps.input_gradient("logits dgrad", "logits wgrad", vocabulary);
        let x = steps.own_elements();
        // No residual branch leaves the last norm, so there is none to add.
        steps.stream("norm final backward", 2.0 * x, x, 8.0);
        steps.into_list()
    }
}

/// Adam on `parameters` weights in one kernel (apex, PyTorch `fused`): reads the FP32 master, both
/// moments and the gradient; writes master and moments, and the working copy where its format is
/// narrower (Rajbhandari 2020, arXiv 1910.02054, section 3.1). Under ZeRO the caller passes the
/// shard's count.
pub fn optimizer(parameters: f64, precision: Precision, gradient: Precision) -> Operator {
    let width = element_bytes(precision);
    let copy = if width < 4.0 { width } else { 0.0 };
    let shape = Shape::Stream {
        read: (12.0 + element_bytes(gradient)) * parameters,
        written: (12.0 + copy) * parameters,
        // Two moments, two bias corrections, root, division, decay, update.
        flops: 14.0 * parameters,
    };
    Operator {
        name: "adam",
        shape,
        precision: Precision::Fp32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{gpt3, llama2_7b, training_pass};
    use super::super::pass::Exchange;
    use super::*;

    #[test]
    fn the_head_is_one_gemm_on_the_rows_asked_for() {
        let model = Transformer::new(llama2_7b()).expect("valid");
        let gemm = |steps: Vec<Step>| match steps.last() {
            Some(Step::Operator(op)) => op.clone(),
            other => panic!("{other:?}"),
        };
        let all = gemm(model.head_forward(&training_pass(1), 2048));
        assert_eq!(all.flops(), 2.0 * 2048.0 * 32000.0 * 4096.0);
        let last = gemm(model.head_forward(&training_pass(4), 1));
        assert_eq!(last.flops(), 2.0 * 8000.0 * 4096.0);
    }

    #[test]
    fn embedding_sums_once_and_only_in_a_group() {
        let model = Transformer::new(gpt3()).expect("valid");
        assert_eq!(model.embedding_forward(&training_pass(1)).len(), 1);
        let steps = model.embedding_forward(&training_pass(8));
        let expected = Step::Exchange(Exchange {
            kind: ExchangeKind::AllReduce,
            bytes: 2048.0 * 12288.0 * 2.0,
        });
        assert_eq!(steps[1], expected);
        assert_eq!(steps.len(), 3);
    }

    #[test]
    fn loss_exchanges_three_small_vectors() {
        let model = Transformer::new(gpt3()).expect("valid");
        let small = |step: &&Step| matches!(step, Step::Exchange(e) if e.bytes == 8192.0);
        assert_eq!(
            model
                .loss_forward(&training_pass(8))
                .iter()
                .filter(small)
                .count(),
            3
        );
        let alone = model.loss_forward(&training_pass(1));
        assert_eq!(alone.len(), 1);
        let Step::Operator(Operator {
            shape: Shape::Stream { read, written, .. },
            ..
        }) = &alone[0]
        else {
            panic!("{alone:?}");
        };
        assert_eq!(
            [*read, *written],
            [2048.0 * 50257.0 * 4.0, 2048.0 * 50257.0 * 2.0]
        );
    }

    #[test]
    fn mixed_precision_adam_moves_thirty_bytes() {
        let bytes = |precision, gradient| match optimizer(10.0, precision, gradient).shape {
            Shape::Stream { read, written, .. } => (read, written),
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes(Precision::Bf16, Precision::Fp32), (160.0, 140.0));
        assert_eq!(bytes(Precision::Fp16, Precision::Fp16), (140.0, 140.0));
        assert_eq!(bytes(Precision::Fp32, Precision::Fp32), (160.0, 120.0));
    }
}
