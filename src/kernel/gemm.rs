//! Matrix products: tiles, waves, split-K and re-reads.
//!
//! A product is cut into tiles, each computed by one unit; units work through tiles in waves, and
//! the last wave may be partly empty (NVIDIA, "Matrix Multiplication Background User's Guide",
//! tile and wave quantisation). Of all tile shapes and splits of K the fastest is taken, as a
//! library's heuristic would.

use super::KernelCost;
use super::device::{Unsupported, achievable_peak, vram_bandwidth};
use super::share::{busy_units, occupancy};
use crate::model::element_bytes;
use crate::spec::{GpuSpec, Precision};

/// Sides of candidate tiles \[rows, columns\]: those of the CUTLASS profiler's default set, and
/// flat ones for a decoder's few rows.
const TILES: [[u64; 2]; 12] = [
    [256, 128],
    [128, 256],
    [128, 128],
    [256, 64],
    [64, 256],
    [128, 64],
    [64, 128],
    [64, 64],
    [32, 128],
    [128, 32],
    [16, 128],
    [16, 64],
];

/// Largest number of parts of K.
const MAX_SPLIT: u64 = 32;

/// Steps of K during which a tile's unit waits for its first operands and writes its last result:
/// three stages of 32 to fill the pipeline (CUTLASS default on tensor cores) and one to drain it.
const PIPELINE_STEPS: f64 = 128.0;

/// Re-use R at which fetching operands takes as long as multiplying them, where a tile of a rows
/// and b columns multiplies each operand R = a·b/(a+b) times on average. Efficiency is then
/// R/(R + this), taken relative to that of the largest tile, which is what the catalogue's
/// `achievable` was measured with. Fitted on the A100 and H100 GEMM rows of the calibration set.
const BALANCE_REUSE: f64 = 12.0;

/// The shape of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gemm {
    pub m: u64,
    pub n: u64,
    pub k: u64,
    pub batch: u64,
    pub precision: Precision,
}

/// The cheapest way to compute a product.
pub(super) fn cost(gemm: Gemm, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    let rate = achievable_peak(gpu, gemm.precision)?;
    let bandwidth = vram_bandwidth(gpu);
    let time = |cost: &KernelCost| cost.launch_s + cost.alone_s(bandwidth);
    let mut best = candidate(gemm, gpu, rate, TILES[0], 1);
    for tile in TILES {
        for split in splits(gemm, gpu, tile) {
            let other = candidate(gemm, gpu, rate, tile, split);
            if time(&other) < time(&best) {
                best = other;
            }
        }
    }
    Ok(best)
}

/// Powers of two by which K may be cut: only while tiles are fewer than two waves and each part
/// still outlasts the pipeline's filling.
fn splits(gemm: Gemm, gpu: &GpuSpec, tile: [u64; 2]) -> impl Iterator<Item = u64> {
    let enough = 2 * u64::from(gpu.compute.units.value);
    let tiles = tile_count(gemm, tile);
    std::iter::successors(Some(1), |split| Some(split * 2)).take_while(move |&split| {
        let useful = (gemm.k / split) as f64 >= 2.0 * PIPELINE_STEPS;
        split == 1 || (split <= MAX_SPLIT && useful && tiles * split / 2 < enough)
    })
}

/// Tiles of a product without splitting K.
fn tile_count(gemm: Gemm, [rows, columns]: [u64; 2]) -> u64 {
    gemm.m.div_ceil(rows) * gemm.n.div_ceil(columns) * gemm.batch
}

/// The cost with one tile shape and split.
fn candidate(gemm: Gemm, gpu: &GpuSpec, rate: f64, tile: [u64; 2], split: u64) -> KernelCost {
    let units = u64::from(gpu.compute.units.value);
    let [rows, columns] = tile.map(|side| side as f64);
    let tiles = tile_count(gemm, tile) * split;
    let steps = gemm.k as f64 / split as f64 + PIPELINE_STEPS;
    let tile_flops = 2.0 * rows * columns * steps;
    let compute = tiles as f64 * tile_flops / (rate * efficiency(tile));
    let vram_bytes = vram_bytes(gemm, gpu, tile, split);
    // Partial sums are added by a second kernel.
    let launches = if split > 1 { 2.0 } else { 1.0 };
    KernelCost {
        launch_s: launches * gpu.launch.value.0,
        compute_device_s: compute.max(busy_units(vram_bytes, gpu)),
        compute_share: occupancy(tiles, units),
        vram_bytes,
        flops: 2.0 * gemm.m as f64 * gemm.n as f64 * gemm.k as f64 * gemm.batch as f64,
    }
}

/// Rate of a tile shape relative to the largest's, from operand re-use.
fn efficiency(tile: [u64; 2]) -> f64 {
    let of = |[a, b]: [u64; 2]| {
        let reuse = (a * b) as f64 / (a + b) as f64;
        reuse / (reuse + BALANCE_REUSE)
    };
    of(tile) / of(TILES[0])
}

/// VRAM traffic \[B\]: A, B and C once. Where A and B together exceed the last-level cache, each
/// wave loads the rows and columns its tiles lie in, the block of tiles being as square as the
/// product allows. A split of K writes and reads FP32 partial sums.
fn vram_bytes(gemm: Gemm, gpu: &GpuSpec, [rows, columns]: [u64; 2], split: u64) -> f64 {
    let width = element_bytes(gemm.precision);
    let [m, n, k] = [gemm.m, gemm.n, gemm.k].map(|side| side as f64);
    let operands = (m + n) * k * width;
    let cache = gpu.memory.l2.as_ref().map_or(0.0, |figure| figure.value.0);
    let loaded = if operands > cache {
        let area = f64::from(gpu.compute.units.value) * (rows * columns) as f64;
        let waves = (m * n / area).max(1.0);
        let [block_m, block_n] = block(m, n, area);
        (waves * (block_m + block_n) * k * width).max(operands)
    } else {
        operands
    };
    let partial = if split > 1 {
        2.0 * split as f64 * m * n * 4.0
    } else {
        0.0
    };
    (loaded + output_bytes(gemm.precision) * m * n + partial) * gemm.batch as f64
}

/// Sides of the most square block of `area` that fits in m × n.
fn block(m: f64, n: f64, area: f64) -> [f64; 2] {
    let rows = area.sqrt().min(m);
    let columns = (area / rows).min(n);
    [(area / columns).min(m), columns]
}

/// Width of a result \[B\]: formats below 16 bit give 16-bit results.
fn output_bytes(precision: Precision) -> f64 {
    element_bytes(precision).max(2.0)
}
