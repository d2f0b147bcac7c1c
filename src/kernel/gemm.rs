//! Matrix products: tiles, waves, split-K and re-reads.
//!
//! A product is cut into tiles, each computed by one unit; units work through tiles in waves, and
//! the last wave may be partly empty (NVIDIA, "Matrix Multiplication Background User's Guide",
//! tile and wave quantisation). Of all tile shapes and splits of K the fastest is taken, as a
//! library's heuristic would.

use super::KernelCost;
use super::device::{Unsupported, achievable_peak, vram_bandwidth};
use super::share::{RAMP_S, busy_units, occupancy, stream_bytes};
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
    let vram_bytes = stream_bytes(traffic(gemm, gpu, tile, split));
    // Partial sums are added by a second kernel.
    let launches = if split > 1 { 2.0 } else { 1.0 };
    KernelCost {
        launch_s: launches * gpu.launch.value.0 + RAMP_S,
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
fn traffic(gemm: Gemm, gpu: &GpuSpec, [rows, columns]: [u64; 2], split: u64) -> f64 {
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

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;
    use proptest::prelude::*;

    const RATE: f64 = 312e12 * 0.87;
    const BANDWIDTH: f64 = 2039e9 * 0.9;

    fn gemm(m: u64, n: u64, k: u64) -> Gemm {
        let precision = Precision::Bf16;
        Gemm {
            m,
            n,
            k,
            batch: 1,
            precision,
        }
    }

    fn best(m: u64, n: u64, k: u64) -> KernelCost {
        cost(gemm(m, n, k), &a100()).expect("supported")
    }

    fn seconds(m: u64, n: u64, k: u64) -> f64 {
        best(m, n, k).alone_s(BANDWIDTH)
    }

    #[test]
    fn a_huge_product_runs_at_the_achievable_peak() {
        let flops = 2.0 * 16384f64.powi(3);
        let ratio = seconds(16384, 16384, 16384) / (flops / RATE);
        assert!((1.0..1.03).contains(&ratio), "{ratio}");
        assert_eq!(best(16384, 16384, 16384).flops, flops);
    }

    #[test]
    fn one_tile_more_than_a_wave_costs_a_wave() {
        let time = |tiles: u64| {
            let product = gemm(256 * tiles, 128, 8192);
            let cost = candidate(product, &a100(), RATE, [256, 128], 1);
            cost.compute_device_s / cost.compute_share
        };
        let wave = 2.0 * 256.0 * 128.0 * (8192.0 + PIPELINE_STEPS) * 108.0 / RATE;
        assert!((time(108) / wave - 1.0).abs() < 1e-12);
        assert!((time(109) / wave - 2.0).abs() < 1e-12);
        assert!((time(216) / wave - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_step_survives_the_choice_of_tiles() {
        // 9 · 12 tiles of 128 × 256 fill the A100 once; one more row of them does not fit.
        let full = seconds(9 * 256, 12 * 128, 8192);
        let over = seconds(9 * 256 + 64, 12 * 128, 8192);
        assert!(over > 1.15 * full, "{full} {over}");
    }

    #[test]
    fn a_decoder_waits_for_its_weights() {
        let cost = best(1, 28672, 8192);
        let vram = cost.vram_bytes / BANDWIDTH;
        assert_eq!(cost.alone_s(BANDWIDTH), vram);
        let weights = 28672.0 * 8192.0 * 2.0;
        assert!((cost.vram_bytes * 0.94 / weights - 1.0).abs() < 1e-3);
    }

    #[test]
    fn k_is_split_only_while_units_are_idle() {
        let gpu = a100();
        let few: Vec<u64> = splits(gemm(128, 128, 8192), &gpu, [128, 128]).collect();
        assert_eq!(few, [1, 2, 4, 8, 16, 32]);
        let many: Vec<u64> = splits(gemm(8192, 8192, 8192), &gpu, [128, 128]).collect();
        assert_eq!(many, [1]);
        let short: Vec<u64> = splits(gemm(128, 128, 512), &gpu, [128, 128]).collect();
        assert_eq!(short, [1, 2]);
    }

    #[test]
    fn operands_in_cache_are_read_once_and_others_by_each_wave() {
        let gpu = a100();
        let small = traffic(gemm(1024, 1024, 1024), &gpu, [128, 128], 1);
        assert_eq!(small, 3.0 * 1024.0 * 1024.0 * 2.0);
        let area: f64 = 108.0 * 256.0 * 128.0;
        let side = 16384.0;
        let loaded = side * side / area * 2.0 * area.sqrt() * side * 2.0;
        let large = traffic(gemm(16384, 16384, 16384), &gpu, [256, 128], 1);
        assert!((large / (loaded + side * side * 2.0) - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn never_faster_than_the_roofline(m in 1u64..9000, n in 1u64..9000, k in 1u64..9000) {
            let cost = best(m, n, k);
            let [fm, fn_, fk] = [m, n, k].map(|side| side as f64);
            let bytes = 2.0 * (fm * fk + fk * fn_ + fm * fn_);
            let time = cost.alone_s(BANDWIDTH);
            prop_assert!(time >= cost.flops / RATE);
            prop_assert!(time >= bytes / BANDWIDTH);
            prop_assert!(cost.compute_share > 0.0 && cost.compute_share <= 1.0);
            prop_assert_eq!(cost.flops, 2.0 * fm * fn_ * fk);
        }

        // Holds where tiles fill the device; below, a wider product may draw more bandwidth.
        #[test]
        fn more_rows_or_columns_are_never_faster(
            m in 2048u64..9000, n in 2048u64..9000, k in 64u64..9000, more in 1u64..2000,
        ) {
            let total = |m, n| {
                let cost = best(m, n, k);
                cost.launch_s + cost.alone_s(BANDWIDTH)
            };
            let before = total(m, n) * (1.0 - 1e-12);
            prop_assert!(total(m + more, n) >= before);
            prop_assert!(total(m, n + more) >= before);
        }
    }
}
