//! One decoder layer on one tensor-parallel rank: forward, and its gradient.
//!
//! The split is Megatron's (Shoeybi 2019, arXiv 1909.08053, section 3): QKV and up column-parallel,
//! attention output and down row-parallel, so that one sum over the group follows each block going
//! forward and one precedes each going backward. With sequence parallelism (Korthikanti 2022,
//! arXiv 2205.05198, section 4.2.2) each sum is a reduce-scatter and an all-gather with the norms
//! between them on 1/t of the tokens, and backward gathers the block's input once more for its
//! weight gradient. Biases are added in the GEMMs' epilogues; dropout is not timed.

use super::pass::{ExchangeKind, Pass, Step, Steps};
use super::transformer::Transformer;
use crate::spec::{Position, Recompute};

impl Transformer {
    /// One layer forward, with tokens = batch · query rows.
    ///
    /// With fused elementwise operators each norm is one kernel with the residual sum before it:
    /// the first one adds what the previous layer's feed-forward block left.
    pub fn layer_forward(&self, pass: &Pass) -> Vec<Step> {
        let mut steps = Steps::new(self.spec(), pass);
        steps.norm("norm attention");
        steps.gather_input();
        steps.qkv();
        steps.attention("attention", false);
        steps.output_projection();
        steps.sum_output();
        steps.residual("residual attention");
        steps.norm("norm mlp");
        steps.gather_input();
        steps.feed_forward();
        steps.sum_output();
        steps.residual("residual mlp");
        steps.into_list()
    }

    /// The gradient of one layer: for each GEMM its input's gradient (dgrad) and then its
    /// weight's (wgrad), so that the sum over the group can run beside the latter.
    ///
    /// Full recomputation runs the forward steps first, their exchanges included; selective
    /// recomputation repeats the attention core unless it is fused, for a fused one recomputes
    /// its scores anyway.
    pub fn layer_backward(&self, pass: &Pass, recompute: Recompute) -> Vec<Step> {
        let mut list = match recompute {
            Recompute::Full => self.layer_forward(pass),
            Recompute::None | Recompute::Selective => Vec::new(),
        };
        let mut steps = Steps::new(self.spec(), pass);
        steps.gather_gradient();
        steps.feed_forward_backward();
        steps.norm_backward("norm mlp backward", "residual mlp backward");
        steps.gather_gradient();
        steps.output_projection_backward();
        if recompute == Recompute::Selective && !pass.fused_attention {
            steps.attention("attention again", false);
        }
        steps.attention("attention backward", true);
        steps.qkv_backward();
        steps.norm_backward("norm attention backward", "residual attention backward");
        list.extend(steps.into_list());
        list
    }
}

impl Steps<'_> {
    /// A norm; fused, the residual sum before it is in the same kernel, which then reads the
    /// stream and the block's output and writes the new stream and its normalised form.
    pub(super) fn norm(&mut self, name: &'static str) {
        let x = self.own_elements();
        let inputs = if self.pass.fused_elementwise {
            2.0
        } else {
            1.0
        };
        // Square, sum, scale, and the weight; one more for the residual.
        self.stream(name, inputs * x, inputs * x, 4.0);
    }

    /// The sum of the residual stream and a block's output, where it is a kernel of its own.
    fn residual(&mut self, name: &'static str) {
        let x = self.own_elements();
        if !self.pass.fused_elementwise {
            self.stream(name, 2.0 * x, x, 1.0);
        }
    }

    /// Gradient of a norm: reads the output's gradient and the norm's input, writes the input's
    /// gradient; the residual branch's gradient is added in the same kernel where fused.
    pub(super) fn norm_backward(&mut self, name: &'static str, residual: &'static str) {
        let x = self.own_elements();
        if self.pass.fused_elementwise {
            self.stream(name, 3.0 * x, x, 9.0);
        } else {
            self.stream(name, 2.0 * x, x, 8.0);
            self.stream(residual, 2.0 * x, x, 1.0);
        }
    }

    /// Collects the normalised tokens of all ranks before a column-parallel GEMM.
    pub(super) fn gather_input(&mut self) {
        if self.pass.sequence_parallel {
            self.exchange(ExchangeKind::AllGather, self.residual_elements());
        }
    }

    /// Sums the partial outputs of a row-parallel GEMM.
    pub(super) fn sum_output(&mut self) {
        let kind = if self.pass.sequence_parallel {
            ExchangeKind::ReduceScatter
        } else {
            ExchangeKind::AllReduce
        };
        self.exchange(kind, self.residual_elements());
    }

    /// Backward: the output's gradient of all tokens, before a row-parallel GEMM's gradient.
    pub(super) fn gather_gradient(&mut self) {
        self.gather_input();
    }

    fn qkv(&mut self) {
        let (tokens, w) = (self.pass.tokens(), self.widths);
        self.gemm("qkv", [tokens, w.qkv(), w.hidden]);
        if self.spec.position == Position::Rope {
            self.rope("rope");
        }
    }

    /// Rotary position encoding of queries and keys, in place: one kernel. Unfused it is four: the
    /// halves are swapped, each form is multiplied by its table, and the two are added.
    fn rope(&mut self, name: &'static str) {
        let w = self.widths;
        let x = (self.pass.tokens() * (w.heads + w.kv_heads) * w.head_dim) as f64;
        if self.pass.fused_elementwise {
            self.stream(name, x, x, 3.0);
        } else {
            for _ in ["swap halves", "times cosine", "times sine"] {
                self.stream(name, x, x, 1.0);
            }
            self.stream(name, 2.0 * x, x, 1.0);
        }
    }

    fn output_projection(&mut self) {
        let (tokens, w) = (self.pass.tokens(), self.widths);
        self.gemm("attention output", [tokens, w.hidden, w.query()]);
    }

    fn feed_forward(&mut self) {
        let (tokens, w) = (self.pass.tokens(), self.widths);
        self.gemm("mlp up", [tokens, w.up, w.hidden]);
        let (inner, up) = ((tokens * w.ffn) as f64, (tokens * w.up) as f64);
        if w.up > w.ffn && !self.pass.fused_elementwise {
            self.stream("activation", inner, inner, 8.0);
            self.stream("gate", 2.0 * inner, inner, 1.0);
        } else {
            self.stream("activation", up, inner, 9.0);
        }
        self.gemm("mlp down", [tokens, w.hidden, w.ffn]);
    }

    fn feed_forward_backward(&mut self) {
        let (tokens, w) = (self.pass.tokens(), self.widths);
        self.gemm("mlp down dgrad", [tokens, w.ffn, w.hidden]);
        self.gemm("mlp down wgrad", [w.ffn, w.hidden, tokens]);
        let (inner, up) = ((tokens * w.ffn) as f64, (tokens * w.up) as f64);
        if w.up > w.ffn && !self.pass.fused_elementwise {
            self.stream("gate backward", 3.0 * inner, 2.0 * inner, 1.0);
            self.stream("activation backward", 2.0 * inner, inner, 12.0);
        } else {
            self.stream("activation backward", up + inner, up, 12.0);
        }
        self.input_gradient("mlp up dgrad", "mlp up wgrad", w.up);
    }

    fn output_projection_backward(&mut self) {
        let (tokens, w) = (self.pass.tokens(), self.widths);
        self.gemm("attention output dgrad", [tokens, w.query(), w.hidden]);
        self.gemm("attention output wgrad", [w.query(), w.hidden, tokens]);
    }

    fn qkv_backward(&mut self) {
        if self.spec.position == Position::Rope {
            self.rope("rope backward");
        }
        self.input_gradient("qkv dgrad", "qkv wgrad", self.widths.qkv());
    }

    /// Both gradients of a column-parallel GEMM with `columns` outputs: the input's, its sum over
    /// the group, and the weight's, for which sequence parallelism gathers the input again.
    pub(super) fn input_gradient(
        &mut self,
        dgrad: &'static str,
        wgrad: &'static str,
        columns: u64,
    ) {
        let (tokens, hidden) = (self.pass.tokens(), self.widths.hidden);
        self.gemm(dgrad, [tokens, hidden, columns]);
        self.sum_output();
        self.gather_input();
        self.gemm(wgrad, [hidden, columns, tokens]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{gpt3, llama2_7b, llama2_70b, training_pass};
    use super::super::operator::Shape;
    use super::super::pass::Exchange;
    use super::*;

    fn model(spec: crate::spec::ModelSpec) -> Transformer {
        Transformer::new(spec).expect("valid")
    }

    fn flops(steps: &[Step]) -> f64 {
        let of = |step: &Step| match step {
            Step::Operator(op) if !matches!(op.shape, Shape::Stream { .. }) => op.flops(),
            _ => 0.0,
        };
        steps.iter().map(of).sum()
    }

    fn exchanges(steps: &[Step]) -> Vec<Exchange> {
        let of = |step: &Step| match step {
            Step::Exchange(exchange) => Some(*exchange),
            Step::Operator(_) => None,
        };
        steps.iter().filter_map(of).collect()
    }

    fn stream_bytes(steps: &[Step]) -> f64 {
        let of = |step: &Step| match step {
            Step::Operator(op) => match op.shape {
                Shape::Stream { read, written, .. } => read + written,
                _ => 0.0,
            },
            Step::Exchange(_) => 0.0,
        };
        steps.iter().map(of).sum()
    }

    #[test]
    fn forward_is_two_flop_per_weight_and_token_plus_attention() {
        let model = model(llama2_7b());
        let weights = (model.layer_parameters() - 2 * model.norm_parameters()) as f64;
        let attention = 4.0 * 4096.0 * (2048.0 * 2049.0 / 2.0);
        let steps = model.layer_forward(&training_pass(1));
        assert_eq!(flops(&steps), 2.0 * weights * 2048.0 + attention);
        assert!(exchanges(&steps).is_empty());
    }

    #[test]
    fn a_training_step_is_six_flop_per_weight_and_token() {
        let model = model(llama2_7b());
        let pass = training_pass(1);
        let forward = flops(&model.layer_forward(&pass));
        let backward = flops(&model.layer_backward(&pass, Recompute::None));
        let weights = model.layer_parameters() as f64;
        let attention = 3.5 * 4.0 * 4096.0 * (2048.0 * 2049.0 / 2.0);
        let ratio = (forward + backward - attention) / (6.0 * weights * 2048.0);
        assert!((ratio - 1.0).abs() < 1e-4, "{ratio}");
    }

    #[test]
    fn recomputation_repeats_what_it_says() {
        let model = model(gpt3());
        let fused = training_pass(8);
        let eager = Pass {
            fused_attention: false,
            ..fused.clone()
        };
        let forward = model.layer_forward(&fused);
        let plain = model.layer_backward(&fused, Recompute::None);
        let full = model.layer_backward(&fused, Recompute::Full);
        assert_eq!(full, [forward, plain.clone()].concat());
        assert_eq!(model.layer_backward(&fused, Recompute::Selective), plain);
        let again = flops(&model.layer_backward(&eager, Recompute::Selective))
            - flops(&model.layer_backward(&eager, Recompute::None));
        // Two products for each score of 12 of 96 heads, masked or not.
        assert_eq!(again, 12.0 * 2.0 * 2.0 * 128.0 * 2048.0 * 2048.0);
    }

    #[test]
    fn tensor_parallel_ranks_share_the_work_and_sum_twice_each_way() {
        let model = model(llama2_70b());
        let (one, eight) = (training_pass(1), training_pass(8));
        let whole = flops(&model.layer_forward(&one));
        assert_eq!(8.0 * flops(&model.layer_forward(&eight)), whole);
        let bytes = 2048.0 * 8192.0 * 2.0;
        let kind = ExchangeKind::AllReduce;
        let twice = vec![Exchange { kind, bytes }; 2];
        assert_eq!(exchanges(&model.layer_forward(&eight)), twice);
        assert_eq!(
            exchanges(&model.layer_backward(&eight, Recompute::None)),
            twice
        );
    }

    #[test]
    fn sequence_parallelism_splits_norms_and_sums() {
        use ExchangeKind::{AllGather, ReduceScatter};
        let model = model(gpt3());
        let plain = training_pass(8);
        let split = Pass {
            sequence_parallel: true,
            ..plain.clone()
        };
        let kinds = |steps: &[Step]| exchanges(steps).iter().map(|e| e.kind).collect::<Vec<_>>();
        let forward = model.layer_forward(&split);
        assert_eq!(kinds(&forward), [AllGather, ReduceScatter].repeat(2));
        let backward = model.layer_backward(&split, Recompute::None);
        assert_eq!(
            kinds(&backward),
            [AllGather, ReduceScatter, AllGather].repeat(2)
        );
        let saved = stream_bytes(&model.layer_forward(&plain)) - stream_bytes(&forward);
        let norms = 2.0 * 4.0 * 2048.0 * 12288.0 * 2.0;
        assert_eq!(saved, norms * 7.0 / 8.0);
    }

    #[test]
    fn fusing_saves_traffic() {
        let model = model(llama2_7b());
        let fused = training_pass(1);
        let eager = Pass {
            fused_elementwise: false,
            ..fused.clone()
        };
        let x = 2048.0 * 4096.0 * 2.0;
        let inner = 2048.0 * 11008.0 * 2.0;
        // Norms 8, rope 4, activation 3; unfused norms 4 + residuals 6, rope 9·2, activation 5.
        assert_eq!(
            stream_bytes(&model.layer_forward(&fused)),
            12.0 * x + 3.0 * inner
        );
        assert_eq!(
            stream_bytes(&model.layer_forward(&eager)),
            28.0 * x + 5.0 * inner
        );
    }
}
