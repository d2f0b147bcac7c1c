//! Attention: fused (scores stay on chip) and as separate products with a softmax between.

use super::KernelCost;
use super::device::{Unsupported, achievable_peak, vector_peak};
use super::share::{busy_units, occupancy};
use crate::model::{element_bytes, visible_pairs};
use crate::spec::{GpuSpec, Precision};

/// Rate of a fused forward kernel relative to a large GEMM. FlashAttention-2 (arXiv 2307.08691,
/// section 4.1) reports up to 73 % of the A100's peak, where GEMMs reach 87 %: 0.84; on the H100
/// of the calibration set long prompts reach 540 of 795 TFLOP/s: 0.68. The mean of both.
const FORWARD: f64 = 0.76;

/// The same of its gradient: 63 % of the A100's peak in the same paper, so 63/73 of the forward.
const BACKWARD: f64 = FORWARD * 63.0 / 73.0;

/// Query rows of one work item, and tokens of context it takes at a time (FlashAttention-2,
/// section 3.3: blocks of 64 or 128). Blocks on the diagonal of a causal mask are computed whole.
const BLOCK: u64 = 128;

/// Fewest rows a matrix instruction works on; a decoder's fewer queries leave the rest empty.
const MIN_ROWS: u64 = 16;

/// Shortest part of a context that is worth a work item of its own (FlashDecoding).
const MIN_SPLIT: u64 = 256;

/// The shape of an attention operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attention {
    pub batch: u64,
    pub query: u64,
    pub context: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    pub causal: bool,
    pub backward: bool,
    pub precision: Precision,
    pub kv_precision: Precision,
    /// Useful operations \[FLOP\].
    pub flops: f64,
}

/// Attention in one kernel.
///
/// Work items are blocks of query rows (all query heads of one key/value head together), cut
/// along the context where they would not fill the device. Keys and values are read once: the
/// blocks of one head run side by side and find them in the last-level cache.
pub(super) fn fused(a: Attention, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    let rate = achievable_peak(gpu, a.precision)?;
    let efficiency = if a.backward { BACKWARD } else { FORWARD };
    let compute = a.flops * a.padding() / (rate * efficiency);
    let vram_bytes = a.operand_bytes();
    let units = u64::from(gpu.compute.units.value);
    let passes = if a.backward { 3.0 } else { 1.0 };
    Ok(KernelCost {
        // The gradient has a kernel before it (sums of O · dO) and one after (dQ to its format).
        launch_s: passes * gpu.launch.value.0,
        compute_device_s: compute.max(busy_units(vram_bytes, gpu)),
        compute_share: occupancy(a.work_items(units), units),
        vram_bytes,
        flops: a.flops,
    })
}

/// Attention as separate kernels: a product, scale and mask, softmax, a product; backward the
/// gradient of each. The products compute the whole rectangle of scores whatever the mask, and
/// every score is written and read between the kernels.
pub(super) fn unfused(a: Attention, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    let scores = (a.batch * a.heads * a.query) as f64 * a.context as f64;
    let products = if a.backward { 4.0 } else { 2.0 };
    let product_flops = products * 2.0 * scores * a.head_dim as f64;
    // Forward: written, masked (read and written), softmax (read and written), read. Backward:
    // softmax read, its gradient written, softmax gradient (two read, one written), mask's
    // gradient (read and written), read twice.
    let passes = if a.backward { 9.0 } else { 6.0 };
    let kernels = if a.backward { 6.0 } else { 4.0 };
    let softmax_s = 8.0 * scores / vector_peak(gpu)?;
    Ok(KernelCost {
        launch_s: kernels * gpu.launch.value.0,
        compute_device_s: product_flops / achievable_peak(gpu, a.precision)? + softmax_s,
        compute_share: 1.0,
        vram_bytes: a.operand_bytes() + passes * scores * element_bytes(a.precision),
        flops: a.flops,
    })
}

impl Attention {
    /// Query rows of one key/value head: grouped query heads share its keys.
    fn rows(&self) -> u64 {
        self.query * (self.heads / self.kv_heads.max(1)).max(1)
    }

    /// Blocks of query rows, cut further along the context while the device is not full.
    fn work_items(&self, units: u64) -> u64 {
        let blocks = self.batch * self.kv_heads * self.rows().div_ceil(BLOCK);
        let longest = self.context.div_ceil(MIN_SPLIT);
        let parts = if self.backward {
            // The gradient runs over blocks of keys instead.
            return self.batch * self.heads * self.context.div_ceil(BLOCK);
        } else {
            (units / blocks.max(1)).clamp(1, longest)
        };
        blocks * parts
    }

    /// Computed over useful operations: rows up to the instruction's size, and the half of the
    /// diagonal blocks that the mask throws away.
    fn padding(&self) -> f64 {
        let rows = self.rows() as f64;
        let visible = visible_pairs(self.query, self.context, self.causal);
        let whole = self.query as f64 * self.context as f64;
        let diagonal = if self.causal {
            let side = self.query.min(BLOCK) as f64;
            self.query as f64 * side / 2.0
        } else {
            0.0
        };
        rows.max(MIN_ROWS as f64) / rows * ((visible + diagonal).min(whole) / visible)
    }

    /// Queries, keys, values and output once; backward also the output's gradient, and the three
    /// gradients written, that of the queries first summed in FP32.
    fn operand_bytes(&self) -> f64 {
        let width = element_bytes(self.precision);
        let queries = (self.batch * self.query * self.heads * self.head_dim) as f64;
        let keys = (self.batch * self.context * self.kv_heads * self.head_dim) as f64;
        let cached = 2.0 * keys * element_bytes(self.kv_precision);
        if self.backward {
            (4.0 * width + 8.0) * queries + cached + 2.0 * width * keys
        } else {
            2.0 * width * queries + cached
        }
    }
}
