//! Attention: what its heads, cache and view make of it, whatever the device.

use super::operator::{Shape, element_bytes};
use crate::spec::Precision;

/// Vector operations on each score: scale, add the mask.
const MASK_FLOPS: f64 = 2.0;

/// Vector operations on each score: maximum, subtract, exponential, sum, divide; the gradient
/// multiplies, sums, subtracts and multiplies again.
const SOFTMAX_FLOPS: f64 = 5.0;

/// Scaled dot-product attention over a KV cache or the sequence itself in one kernel, whose scores
/// stay on chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Sequences.
    pub batch: u64,
    /// New tokens of each sequence.
    pub query: u64,
    /// Tokens attended to, the new ones included.
    pub context: u64,
    /// Query heads on this device.
    pub heads: u64,
    /// Key/value heads on this device.
    pub kv_heads: u64,
    /// Width of a query and of a key.
    pub key_dim: u64,
    /// Width of a value and of an output.
    pub value_dim: u64,
    /// Whether a token sees only those before it.
    pub causal: bool,
    /// Most tokens that one sees, itself included; `None` for all.
    pub window: Option<u64>,
    /// Whether this is the gradient.
    pub backward: bool,
    /// Format of keys and values.
    pub kv_precision: Precision,
    /// Width of what is read for a token of the context, over all key/value heads \[B\].
    pub token_bytes: f64,
}

impl Attention {
    /// Causal attention, forward, where `query` new tokens of each of `batch` sequences see
    /// all of `context`; keys and values of `kv_heads` heads are as wide as a head of `heads`.
    pub fn causal(
        [batch, query, context]: [u64; 3],
        [heads, kv_heads, head_dim]: [u64; 3],
        kv_precision: Precision,
    ) -> Self {
        Self {
            batch,
            query,
            context,
            heads,
            kv_heads,
            key_dim: head_dim,
            value_dim: head_dim,
            causal: true,
            window: None,
            backward: false,
            kv_precision,
            token_bytes: 2.0 * (kv_heads * head_dim) as f64 * element_bytes(kv_precision),
        }
    }

    /// Useful operations \[FLOP\]: 2 · (key + value width) for each visible pair of tokens and head
    /// (two products), and for the gradient 2.5 times as much, for the scores are computed anew
    /// (five products; FlashAttention-2, arXiv 2307.08691, section 4.1).
    pub fn flops(&self) -> f64 {
        let factor = if self.backward { 2.5 } else { 1.0 };
        let widths = self.key_dim + self.value_dim;
        factor * 2.0 * (self.batch * self.heads * widths) as f64 * self.visible_pairs()
    }

    /// Pairs of a new token and a token it sees, of one head. The new tokens are the last of the
    /// context.
    pub fn visible_pairs(&self) -> f64 {
        if self.causal {
            let window = self.window.unwrap_or(self.context);
            pairs_in_window(self.query, self.context, window)
        } else {
            self.query as f64 * self.context as f64
        }
    }

    /// The same in separate kernels, by what each does: the products compute the whole rectangle of
    /// scores whatever the mask, the heads that share keys as rows of one product, and every score
    /// is written and read between the kernels. The gradient finds the probabilities kept.
    pub fn in_kernels(&self, precision: Precision) -> Vec<(&'static str, Shape)> {
        let rows = self.query * self.group();
        let [keys, key, value] = [self.context, self.key_dim, self.value_dim];
        let product = |m, n, k| Shape::Gemm {
            m,
            n,
            k,
            batch: self.batch * self.kv_heads,
        };
        let scores = (self.batch * self.kv_heads * rows) as f64 * keys as f64;
        let bytes = scores * element_bytes(precision);
        let stream = |reads: f64, flops: f64| Shape::Stream {
            read: reads * bytes,
            written: bytes,
            flops: flops * scores,
        };
        if self.backward {
            vec![
                ("gradient of probabilities", product(rows, keys, value)),
                ("gradient of values", product(keys, value, rows)),
                ("gradient of softmax", stream(2.0, SOFTMAX_FLOPS)),
                ("gradient of mask", stream(1.0, MASK_FLOPS)),
                ("gradient of queries", product(rows, key, keys)),
                ("gradient of keys", product(keys, key, rows)),
            ]
        } else {
            vec![
                ("scores", product(rows, keys, key)),
                ("scale and mask", stream(1.0, MASK_FLOPS)),
                ("softmax", stream(1.0, SOFTMAX_FLOPS)),
                ("values", product(rows, value, keys)),
            ]
        }
    }

    /// Tokens of the context that any of the new ones sees.
    pub fn seen(&self) -> u64 {
        let most = self.window.map_or(self.context, |w| w + self.query - 1);
        most.min(self.context)
    }

    /// Query heads that share a key/value head.
    pub fn group(&self) -> u64 {
        (self.heads / self.kv_heads.max(1)).max(1)
    }
}

/// Pairs where each of the last `query` of `context` tokens sees those before it and itself:
/// q·c − q·(q−1)/2.
fn pairs_before(query: u64, context: u64) -> f64 {
    let (q, c) = (query as f64, context as f64);
    q * c - q * (q - 1.0) / 2.0
}

/// The same where none sees more than `window`: Σ min(i, w) over the places i of the new tokens.
fn pairs_in_window(query: u64, context: u64, window: u64) -> f64 {
    let window = window.min(context);
    // New tokens whose whole past lies in the window.
    let before = context - query.min(context);
    let whole = window.saturating_sub(before).min(query);
    let seen_by_whole = pairs_before(whole, before + whole);
    seen_by_whole + (query - whole) as f64 * window as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attention(query: u64, context: u64) -> Attention {
        Attention::causal([3, query, context], [8, 2, 64], Precision::Fp16)
    }

    #[test]
    fn a_window_cuts_what_each_token_sees() {
        let sum = |query: u64, context: u64, window: u64| -> f64 {
            let places = context - query + 1..=context;
            places.map(|place| place.min(window) as f64).sum()
        };
        for (query, context, window) in [(7, 7, 3), (4, 20, 5), (4, 20, 18), (1, 9, 4), (5, 5, 9)] {
            let ours = Attention {
                window: Some(window),
                ..attention(query, context)
            };
            let exact = sum(query, context, window);
            assert_eq!(ours.visible_pairs(), exact, "{query} {context} {window}");
        }
    }

    #[test]
    fn operations_count_visible_pairs() {
        let pairs = |query, context, causal| {
            let all = attention(query, context);
            Attention { causal, ..all }.visible_pairs()
        };
        assert_eq!(pairs(4, 4, true), 10.0);
        assert_eq!(pairs(1, 100, true), 100.0);
        assert_eq!(pairs(2, 10, true), 19.0);
        assert_eq!(pairs(2, 10, false), 20.0);
        let forward = 4.0 * 3.0 * 8.0 * 64.0 * 10.0;
        let flops = |backward| {
            let all = attention(4, 4);
            Attention { backward, ..all }.flops()
        };
        assert_eq!(flops(false), forward);
        assert_eq!(flops(true), 2.5 * forward);
    }

    #[test]
    fn in_separate_kernels_every_score_is_computed_and_moved() {
        let one = attention(4, 9);
        let scores = 3.0 * 8.0 * 4.0 * 9.0;
        let sums = |attention: &Attention, wanted: fn(&Shape) -> f64| {
            let kernels = attention.in_kernels(Precision::Fp16);
            kernels.iter().map(|(_, shape)| wanted(shape)).sum::<f64>()
        };
        let products = |shape: &Shape| match shape {
            Shape::Gemm { m, n, k, batch } => 2.0 * (m * n * k * batch) as f64,
            _ => 0.0,
        };
        let moved = |shape: &Shape| match shape {
            Shape::Stream { read, written, .. } => read + written,
            _ => 0.0,
        };
        assert_eq!(sums(&one, products), 2.0 * 2.0 * scores * 64.0);
        assert_eq!(sums(&one, moved), 4.0 * 2.0 * scores);
        let gradient = Attention {
            backward: true,
            ..one
        };
        assert_eq!(sums(&gradient, products), 4.0 * 2.0 * scores * 64.0);
        assert_eq!(sums(&gradient, moved), 5.0 * 2.0 * scores);
        assert_eq!(gradient.in_kernels(Precision::Fp16).len(), 6);
    }

    #[test]
    fn a_token_of_the_cache_is_a_key_and_a_value_of_each_head() {
        assert_eq!(attention(1, 9).token_bytes, 2.0 * 2.0 * 64.0 * 2.0);
        assert_eq!(attention(1, 9).group(), 4);
    }
}
