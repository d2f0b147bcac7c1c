//! Attention in one kernel: its scores stay on chip.

use super::device::{Device, UNITS_FOR_BANDWIDTH, Unsupported};
use super::share::{Traffic, activations, busy_units, filled, occupancy, ramp_s, repeated};
use super::{KernelCost, Mechanism};
use crate::model::{Attention, element_bytes};
use crate::spec::Precision;

/// Rate of the gradient of a fused kernel relative to the forward kernel's, which is the
/// catalogue's `attention`: 63 % and 73 % of the A100's peak (FlashAttention-2, arXiv 2307.08691,
/// section 4.1).
const BACKWARD: f64 = 63.0 / 73.0;

/// Exponentials that a unit computes in a clock, one for each score (CUDA C++ Programming Guide,
/// "Arithmetic Instructions": 16 results of special functions a clock on an SM of every compute
/// capability from 7.0; CDNA 3 ISA: transcendentals at a quarter of a CU's 64 lanes).
const EXPONENTIALS_PER_CLOCK: f64 = 16.0;

/// FP32 instructions on each score between the two products: scale and subtract the maximum, find
/// the maximum, add to the sum, convert, and one more for masks, rescaling and moves. Fitted on
/// aica-0327 to -0330 (GB200), whose matrix units are so fast that little else is left of the
/// longest: 0.102 clocks a score on an SM, of which 0.0625 are the exponential.
const INSTRUCTIONS_PER_SCORE: f64 = 5.0;

/// Query rows of one work item (FlashAttention-2, section 3.3: blocks of 64 or 128).
const BLOCK_ROWS: u64 = 64;

/// Tokens of context computed at a time (FlashAttention-2, section 3.3: blocks of 64 or 128); those
/// on the diagonal of a causal mask are computed whole.
const BLOCK_CONTEXT: u64 = 128;

/// Fewest rows a matrix instruction works on (PTX ISA, `mma`: M of 16); a decoder's fewer queries
/// leave the rest empty. Up to as many queries the heads that share keys may be taken together.
const MIN_ROWS: u64 = 16;

/// Tokens of context that a piece of work could have attended to while it starts and ends: two
/// stages of loads before the first product. Fitted on the decoding rows of the RTX PRO 6000 and
/// the prompts of H100 and RTX 4090 (calibration set).
const FILL_CONTEXT: f64 = 64.0;

/// How much longer than the mean the last piece of a prompt keeps its unit busy, in differences of
/// the longest from the mean: under a causal mask the last rows see twice the context of the middle
/// ones. Fitted on the 87 prompts of the calibration set, flat from 1.3 to 1.6: mean |log error|
/// 0.059, and 0.065 with equal pieces.
const UNEVEN_TAIL: f64 = 1.3;

/// Kernels of a decoding step: plan the parts, write the new keys, attend, join the parts. The
/// floor of the decoding rows (calibration set) is 12 us on RTX PRO 6000 and 14 us on A100.
const DECODE_KERNELS: f64 = 5.0;

/// Attention in the format that a device holds its operands in.
#[derive(Debug, Clone, Copy)]
struct Held {
    shape: Attention,
    precision: Precision,
}

/// How the work of fused attention is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Blocks of query rows of each head; backward, blocks of keys.
    Blocks,
    /// The heads that share keys together, and the context in so many pieces (FlashDecoding).
    Pieces(u64),
}

/// What attention in a format asks of a device, the fastest way. Keys and values are read once: the
/// blocks of one head run side by side and find them in the last-level cache.
pub(super) fn cost(
    shape: Attention,
    precision: Precision,
    device: &Device<'_>,
) -> Result<KernelCost, Unsupported> {
    let held = Held {
        shape,
        precision: device.held_as(precision)?,
    };
    if shape.backward || shape.query > MIN_ROWS {
        return held.cost(Way::Blocks, device);
    }
    let most = if device.has(Mechanism::Split) {
        device
            .units
            .div_ceil(held.work_items(Way::Pieces(1)).max(1))
    } else {
        1
    };
    let powers = std::iter::successors(Some(1), |pieces| Some(2 * pieces));
    let pieces = powers.take_while(|pieces| *pieces < most).chain([most]);
    // A decoder's one row is no block of rows: its first way is the context in one piece.
    let (first, tried) = match shape.query {
        1 => (Way::Pieces(1), 1),
        _ => (Way::Blocks, 0),
    };
    let mut best = held.cost(first, device)?;
    for pieces in pieces.skip(tried) {
        let cost = held.cost(Way::Pieces(pieces), device)?;
        if cost.total_s(device) < best.total_s(device) {
            best = cost;
        }
    }
    Ok(best)
}

impl Held {
    /// What one way asks for.
    fn cost(&self, way: Way, device: &Device<'_>) -> Result<KernelCost, Unsupported> {
        let traffic = self.traffic(way, device);
        let compute_s = self.unit_s(device)? * self.padding(way, device);
        let stream_s = traffic.as_stream / device.bandwidth;
        // Whatever a device's products do: here each unit reads long rows.
        Ok(KernelCost {
            launch_s: self.kernels(way) * device.launch_s + ramp_s(device),
            compute_device_s: compute_s.max(busy_units(stream_s, UNITS_FOR_BANDWIDTH, device)),
            compute_share: self.share(way, device),
            vram_bytes: traffic.as_stream,
            moved: traffic.moved,
            flops: self.shape.flops(),
            tiling: None,
        }
        .with_collisions(device))
    }

    /// Kernels of one way. The gradient has one before it (sums of O · dO) and one after (dQ to its
    /// format), a cut context one that joins its parts.
    fn kernels(&self, way: Way) -> f64 {
        match way {
            _ if self.shape.backward => 3.0,
            _ if self.shape.query == 1 => DECODE_KERNELS,
            Way::Pieces(2..) => 2.0,
            _ => 1.0,
        }
    }

    /// Time of the useful operations on all units \[s\].
    ///
    /// In 16 bits the catalogue says how much of a product's rate is left. In a format that is
    /// multiplied faster the products take less time, what lies between them does not. Nothing is
    /// faster than the softmax.
    fn unit_s(&self, device: &Device<'_>) -> Result<f64, Unsupported> {
        let gradient = if self.shape.backward { BACKWARD } else { 1.0 };
        let share = device.attention * gradient;
        let rate = device.rate(self.precision)?;
        let flops = self.shape.flops();
        let alone = flops / (rate * share);
        if !device.has(Mechanism::Softmax) {
            return Ok(alone);
        }
        let seconds = match device.rate(Precision::Bf16) {
            Ok(wide) if rate > wide => flops * (1.0 / (wide * share) - 1.0 / wide + 1.0 / rate),
            _ => alone,
        };
        Ok(seconds.max(self.softmax_s(device)))
    }

    /// Time of the exponentials, and of the instructions around them, on all units \[s\].
    fn softmax_s(&self, device: &Device<'_>) -> f64 {
        let products = if self.shape.backward { 5.0 } else { 2.0 };
        let width = (self.shape.key_dim + self.shape.value_dim) as f64 / 2.0;
        let scores = self.shape.flops() / (2.0 * products * width);
        let exponentials = EXPONENTIALS_PER_CLOCK * device.units as f64 * device.clock_hz;
        // Systolic arrays come with vector units of their own kind.
        match device.lanes_hz() {
            Some(lanes) => scores * (1.0 / exponentials + INSTRUCTIONS_PER_SCORE / lanes),
            None => 0.0,
        }
    }

    /// Blocks that the rows of the heads which share keys make together.
    fn row_blocks(&self) -> u64 {
        (self.shape.query * self.shape.group()).div_ceil(BLOCK_ROWS)
    }

    /// Equal pieces of work that units take one at a time: of each key/value head a piece of the
    /// context, or blocks of query rows of each head; backward, blocks of keys of each head.
    fn work_items(&self, way: Way) -> u64 {
        match way {
            Way::Pieces(pieces) => {
                self.shape.batch * self.shape.kv_heads * self.row_blocks() * pieces
            }
            Way::Blocks if self.shape.backward => {
                self.shape.batch * self.shape.heads * self.shape.context.div_ceil(BLOCK_CONTEXT)
            }
            Way::Blocks => {
                self.shape.batch * self.shape.heads * self.shape.query.div_ceil(BLOCK_ROWS)
            }
        }
    }

    /// Share of the units in use. A decoder's pieces are short and end at all times, several on a
    /// unit, so that no wave of them stands out: with waves counted, the decoding rows of the RTX
    /// PRO 6000 have a 90th percentile of error of 29 %, without 10 %.
    fn share(&self, way: Way, device: &Device<'_>) -> f64 {
        let items = self.work_items(way);
        match way {
            Way::Pieces(_) => filled(items, device.units),
            Way::Blocks => occupancy(items, device).min(self.evenness(items, device)),
        }
    }

    /// Share of the units in use where pieces of work are not equal, in (0, 1\].
    fn evenness(&self, items: u64, device: &Device<'_>) -> f64 {
        if !device.has(Mechanism::Waves) {
            return 1.0;
        }
        let most = self
            .shape
            .window
            .unwrap_or(self.shape.context)
            .min(self.shape.context) as f64;
        let mean = self.computed(device) / self.shape.query as f64;
        let longest = most + device.if_has(Mechanism::Fill, FILL_CONTEXT, 0.0);
        let load = items as f64 / device.units as f64;
        load / (load + UNEVEN_TAIL * (longest / mean - 1.0).max(0.0))
    }

    /// Pairs that a prompt's kernel takes the time of: the half of the diagonal blocks that the
    /// mask throws away, and what could have been attended to while each piece of work starts and
    /// ends.
    fn computed(&self, device: &Device<'_>) -> f64 {
        let (query, context) = (self.shape.query as f64, self.shape.seen() as f64);
        let diagonal = if self.shape.causal {
            query * self.shape.query.min(BLOCK_CONTEXT) as f64 / 2.0
        } else {
            0.0
        };
        // A window has a second edge, cut through blocks of context as the diagonal is.
        let cut = self
            .shape
            .window
            .is_some_and(|window| window < self.shape.context);
        let edges = if cut { 2.0 } else { 1.0 };
        let fill = query * device.if_has(Mechanism::Fill, FILL_CONTEXT, 0.0);
        (self.shape.visible_pairs() + edges * diagonal).min(query * context) + fill
    }

    /// Computed over useful operations: rows up to the instruction's size, and what a prompt's
    /// kernel computes in vain.
    fn padding(&self, way: Way, device: &Device<'_>) -> f64 {
        if let Way::Pieces(_) = way {
            let rows = (self.shape.query * self.shape.group()) as f64;
            let all = self.shape.query as f64 * self.shape.seen() as f64;
            return rows.max(MIN_ROWS as f64) / rows * (all / self.shape.visible_pairs());
        }
        self.computed(device) / self.shape.visible_pairs()
    }

    /// VRAM traffic as a plain stream's. Prompts find what was just written in the cache; decoders
    /// read a cache of keys and values that was not, each piece of it a long stream of its own
    /// after a start of [`FILL_CONTEXT`] tokens.
    fn traffic(&self, way: Way, device: &Device<'_>) -> Traffic {
        let operands = self.operand_bytes();
        match way {
            Way::Pieces(pieces) => {
                let starts = (pieces * self.row_blocks()) as f64;
                let fill = device.if_has(Mechanism::Fill, FILL_CONTEXT, 0.0);
                let started = starts * fill / self.shape.seen() as f64 * self.cached_bytes();
                repeated(operands, operands, device).slower(1.0 + started / operands)
            }
            Way::Blocks => activations(operands, device).in_tiles(device),
        }
    }

    /// Keys and values of all tokens seen \[B\].
    fn cached_bytes(&self) -> f64 {
        (self.shape.batch * self.shape.seen()) as f64 * self.shape.token_bytes
    }

    /// Queries, keys, values and output once; backward also the output's gradient, and the three
    /// gradients written, that of the queries first summed in FP32.
    fn operand_bytes(&self) -> f64 {
        let width = element_bytes(self.precision);
        let rows = (self.shape.batch * self.shape.query * self.shape.heads) as f64;
        let [queries, outputs] =
            [self.shape.key_dim, self.shape.value_dim].map(|dim| rows * dim as f64);
        let tokens = (self.shape.batch * self.shape.seen()) as f64;
        let cached = self.cached_bytes();
        if self.shape.backward {
            let keys = tokens * (self.shape.kv_heads * self.shape.key_dim) as f64;
            (4.0 * width + 8.0) * queries + cached + 2.0 * width * keys
        } else {
            width * (queries + outputs) + cached
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{a100, with_fp8};
    use super::*;
    use crate::model::{Operator, Shape};

    const RATE: f64 = 312e12 * 0.87;
    const BANDWIDTH: f64 = 2039e9 * 0.9;
    const FORWARD: f64 = 0.8;

    fn operator(batch: u64, query: u64, context: u64, backward: bool) -> Operator {
        let precision = Precision::Bf16;
        let shape = Attention {
            backward,
            ..Attention::causal([batch, query, context], [32, 8, 128], precision)
        };
        Operator {
            name: "attention",
            shape: Shape::Attention(shape),
            precision,
        }
    }

    fn cost(batch: u64, query: u64, context: u64, backward: bool) -> KernelCost {
        let op = operator(batch, query, context, backward);
        super::super::cost(&op, &a100()).expect("supported")
    }

    #[test]
    fn rows_under_a_mask_are_uneven_pieces() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let share = |context, causal| {
            let precision = Precision::Bf16;
            let held = Held {
                shape: Attention {
                    causal,
                    ..Attention::causal([1, 512, context], [32, 8, 128], precision)
                },
                precision,
            };
            held.evenness(held.work_items(Way::Blocks), &device)
        };
        // 256 pieces on 108 units, the longest 512 tokens where the mean is 256.5, each with 64 of
        // the diagonal or the start.
        let load = 256.0 / 108.0;
        let excess = (512.0 + 64.0) / (256.5 + 64.0 + 64.0) - 1.0;
        assert!((share(512, true) - load / (load + 1.3 * excess)).abs() < 1e-12);
        assert!(share(8192, true) > 0.97);
        assert_eq!(share(512, false), 1.0);
        let busy = cost(1, 512, 512, false).compute_share;
        assert_eq!(busy, share(512, true));
    }

    #[test]
    fn long_prompts_run_at_the_fused_rate() {
        let forward = cost(4, 16384, 16384, false);
        let ratio = forward.alone_s(BANDWIDTH) * RATE * FORWARD / forward.flops;
        assert!((1.0..1.02).contains(&ratio), "{ratio}");
        let backward = cost(4, 16384, 16384, true);
        assert_eq!(backward.flops, 2.5 * forward.flops);
        let ratio = backward.alone_s(BANDWIDTH) * RATE * FORWARD * BACKWARD / backward.flops;
        assert!((1.0..1.03).contains(&ratio), "{ratio}");
    }

    #[test]
    fn eight_bits_shorten_the_products_and_not_what_lies_between_them() {
        let mut gpu = with_fp8();
        let time = |gpu: &crate::spec::GpuSpec, precision| {
            let mut op = operator(4, 16384, 16384, false);
            op.precision = precision;
            let cost = super::super::cost(&op, gpu).expect("supported");
            cost.compute_device_s * RATE / cost.flops
        };
        let [wide, narrow] = [Precision::Bf16, Precision::Fp8].map(|format| time(&gpu, format));
        // 1/0.8 of a product's time, of which one half and a little goes: faster units wait more.
        let product = 0.5 * 0.87 / crate::kernel::feed::of_relative(0.87, 2049.0, 4098.0);
        assert!((wide / 1.25 - 1.0).abs() < 0.02, "{wide}");
        assert!((narrow / (0.25 + product) - 1.0).abs() < 0.02, "{narrow}");
        // 16 exponentials and 64 of 5 instructions a clock on each of 108 units, 512 FLOP a score.
        gpu.compute.peak.fp8.as_mut().expect("given").value.0 *= 10.0;
        gpu.compute.attention.value.0 = 1.0;
        let softmax = (1.0 / 16.0 + 5.0 / 64.0) / (108.0 * 1.41e9) / 512.0 * RATE;
        let least = time(&gpu, Precision::Fp8);
        assert!((least / softmax - 1.0).abs() < 0.02, "{least} {softmax}");
    }

    #[test]
    fn decoding_reads_the_cache_once() {
        let decode = cost(64, 1, 4096, false);
        let cache = 64.0 * 4096.0 * 8.0 * 128.0 * 2.0 * 2.0;
        let queries = 64.0 * 32.0 * 128.0 * 2.0 * 2.0;
        let ratio = decode.vram_bytes / (cache + queries);
        assert!((1.0..1.05).contains(&ratio), "{ratio}");
        assert_eq!(decode.alone_s(BANDWIDTH), decode.vram_bytes / BANDWIDTH);
    }

    #[test]
    fn a_single_decoder_is_cut_along_its_context() {
        // 8 key/value heads: alone 8 of 108 units; with 14 pieces each all of them.
        assert_eq!(cost(1, 1, 16384, false).compute_share, 1.0);
        let gpu = a100();
        let device = Device::of_gpu(&gpu).without(Mechanism::Split);
        let op = operator(1, 1, 16384, false);
        let whole = super::super::cost_on(&op, &device).expect("supported");
        assert_eq!(whole.compute_share, 8.0 / 108.0);
    }

    #[test]
    fn more_tokens_or_context_are_never_faster() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let total = |query, context| cost(1, query, context, false).total_s(&device);
        for query in [1, 2, 16, 17, 64] {
            let times: Vec<f64> = (64..3000).step_by(16).map(|c| total(query, c)).collect();
            let rising = times
                .windows(2)
                .all(|pair| pair[0] <= pair[1] * (1.0 + 1e-12));
            assert!(rising, "{query}");
        }
        for query in 2..64 {
            assert!(
                total(query, 1024) <= total(query + 1, 1024) * (1.0 + 1e-12),
                "{query}"
            );
        }
    }

    /// Decoding with the heads, widths and view of DeepSeek-V2's latent cache.
    fn latent(context: u64, window: Option<u64>) -> KernelCost {
        let precision = Precision::Bf16;
        let shape = Attention {
            key_dim: 576,
            value_dim: 512,
            window,
            token_bytes: 1152.0,
            ..Attention::causal([32, 1, context], [128, 1, 576], precision)
        };
        let op = Operator {
            name: "latent-decode",
            shape: Shape::Attention(shape),
            precision,
        };
        super::super::cost(&op, &a100()).expect("supported")
    }

    #[test]
    fn a_latent_cache_is_read_once_for_all_heads() {
        let cost = latent(16384, None);
        assert_eq!(cost.flops, 32.0 * 128.0 * 16384.0 * 2.0 * 1088.0);
        let queries = 32.0 * 128.0 * 1088.0 * 2.0;
        let bytes = 32.0 * 16384.0 * 1152.0 + queries;
        // 242 FLOP/B: on an A100 the units take longer than VRAM.
        let moved = bytes / BANDWIDTH;
        let computed = cost.flops / (RATE * FORWARD);
        assert!(computed > moved, "{computed} {moved}");
        let ratio = cost.alone_s(BANDWIDTH) / computed;
        assert!((1.0..1.25).contains(&ratio), "{ratio}");
    }

    #[test]
    fn a_window_leaves_the_rest_of_the_cache_alone() {
        let all = latent(4096, None);
        let same = latent(65536, Some(4096));
        assert_eq!(all, same);
        assert!(latent(65536, None).alone_s(BANDWIDTH) > 10.0 * all.alone_s(BANDWIDTH));
    }

    #[test]
    fn a_longer_context_is_never_faster() {
        let time = |step: u64| cost(4, 128, 128 + 256 * step, false).alone_s(BANDWIDTH);
        assert!((0..64).map(time).is_sorted());
    }
}
