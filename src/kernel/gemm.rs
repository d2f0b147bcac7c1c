//! Matrix products: tiles, waves, split-K and re-reads.
//!
//! A product is cut into tiles, each computed by one unit; units work through tiles in waves, and
//! the last wave may be partly empty (NVIDIA, "Matrix Multiplication Background User's Guide",
//! tile and wave quantisation). Of all tile shapes and splits of K the fastest is taken, as a
//! library's heuristic would.

use super::device::{Device, Unsupported};
use super::share::{busy_units, occupancy, overlapped, ramp_s, repeated};
use super::tiles::{efficiency, largest, tiles};
use super::{KernelCost, Mechanism, Moved, Tiling};
use crate::model::element_bytes;
use crate::spec::Precision;

/// Sides that a tile of block-scaled 4-bit numbers has at least: the scales of both operands lie in
/// blocks of 128 rows (cuBLAS, "1D Block Scaling Factors Layout"), their matrix instruction has no
/// smaller M (PTX ISA, `tcgen05.mma` with `block_scale`), and the kernels do not cut K.
const FP4_SIDE: u64 = 128;

/// Bytes that a unit draws in a clock where numbers have 4 bits: a stage of as many of them holds a
/// quarter of the bytes, and its scales come in small loads of their own. Fitted on aicg-0257 to
/// -0270 (B200, products of 1 and 128 rows); aicg-0393 to -0398 (GB200) agree.
const FP4_BYTES_PER_CLOCK: f64 = 15.5;

/// Largest number of parts of K: no source; more parts cost more in partial sums than they gain on
/// any device of the catalogue.
const MAX_SPLIT: u64 = 32;

/// Steps of K during which a tile's unit waits for its first operands and writes its last result:
/// three stages of 32 to fill the pipeline (CUTLASS default on tensor cores) and one to drain it.
const PIPELINE_STEPS: f64 = 128.0;

/// Side of the large tiles of a library's FP32 kernels, and the least rows and columns of a product
/// for which it takes them (cuBLAS of 2016 to 2019: `sgemm_128x128x8`, `sgemm_128x64x8`).
const FP32_TILE: u64 = 128;
const FP32_TILE_LEAST: u64 = 64;

/// Cache bytes for each element of C whose operands are shared: tiles that run at about the same
/// time form a block whose operands the cache holds while K goes by. Reasoned: a block of as many
/// results as half of the cache holds in FP32 leaves the other half to the operands of some steps.
const CACHE_PER_RESULT: f64 = 8.0;

/// Vector operations to unpack one weight of a product with narrow weights: shift, mask, convert
/// and scale two at a time (Marlin, arXiv 2408.11743, section 3.3).
const UNPACK_OPERATIONS: f64 = 2.0;

/// The shape of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gemm {
    pub m: u64,
    pub n: u64,
    pub k: u64,
    pub batch: u64,
    pub precision: Precision,
    /// Times that a number of A stands in it but not in memory.
    pub overlap: u64,
    /// Width of one number of B at rest, scales included \[B\].
    pub weight_bytes: f64,
}

impl Gemm {
    /// A product whose operands have the format it computes in.
    pub fn plain([m, n, k, batch]: [u64; 4], precision: Precision) -> Self {
        Self {
            m,
            n,
            k,
            batch,
            precision,
            overlap: 1,
            weight_bytes: element_bytes(precision),
        }
    }

    /// The same where each number of A stands in it so many times.
    pub fn overlapping(self, overlap: u64) -> Self {
        Self {
            overlap: overlap.max(1),
            ..self
        }
    }

    /// Width of one number of A, as far as it is read from memory \[B\].
    fn a_bytes(&self) -> f64 {
        element_bytes(self.precision) / self.overlap as f64
    }

    /// The product as the device reads it: where a narrow format runs as a wider one, only the
    /// weights are narrow, at rest.
    fn as_run(self, device: &Device<'_>) -> Result<Self, Unsupported> {
        Ok(Self {
            precision: device.held_as(self.precision)?,
            ..self
        })
    }

    /// Bytes of A and B of one product.
    fn operands(&self) -> f64 {
        let a = self.m as f64 * self.a_bytes();
        (a + self.n as f64 * self.weight_bytes) * self.k as f64
    }

    /// Share of the units that together draw the full VRAM bandwidth, above 1 where all of them
    /// cannot.
    fn units_for_bandwidth(&self, device: &Device<'_>) -> f64 {
        if self.precision != Precision::Fp4 {
            return device.units_for_bandwidth;
        }
        let each = FP4_BYTES_PER_CLOCK * device.clock_hz;
        let needed = device.bandwidth / (device.units as f64 * each);
        needed.max(device.units_for_bandwidth)
    }

    /// Time in which DRAM opens a page for every piece of A that is read at a time \[s\]; 0 where
    /// rows are read in long pieces.
    ///
    /// A small product takes a small tile, which reads longer ones. That large tiles are taken from
    /// half a tile a unit on was read off the other products of the source of dbench-0106 to -0120
    /// on that card (GTX 1080 Ti: 14 tiles on 28 units are fast, 16 slow).
    fn pages_s(&self, device: &Device<'_>) -> f64 {
        let Some(steps) = device
            .timing
            .pieces_of_k
            .filter(|_| device.has(Mechanism::Pages))
        else {
            return 0.0;
        };
        let tiles = self.m.div_ceil(FP32_TILE) * self.n.div_ceil(FP32_TILE) * self.batch;
        let small = self.m.min(self.n) < FP32_TILE_LEAST || 2 * tiles <= device.units;
        if self.precision != Precision::Fp32 || small {
            return 0.0;
        }
        let rows = (self.m * self.batch) as f64;
        rows * self.k as f64 / f64::from(steps) * device.page_s
    }

    fn flops(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64 * self.batch as f64
    }
}

/// What the units do with any tile of a product.
#[derive(Debug, Clone, Copy)]
struct Units {
    /// Rate at which operands that need no fetching would be multiplied \[FLOP/s\].
    rate: f64,
    /// Side that tiles and K are padded to.
    side: u64,
    /// Time to the first operands and from the last results \[s\].
    ramp_s: f64,
    /// Least time in which DRAM opens its pages \[s\].
    pages_s: f64,
}

impl Units {
    /// A large product runs at the device's rate with the largest tile.
    fn of(gemm: Gemm, device: &Device<'_>) -> Result<Self, Unsupported> {
        let side = device.side(gemm.precision);
        let rate = device.timing.products * device.rate(gemm.precision)?
            / efficiency(largest(side), device);
        Ok(Self {
            rate,
            side,
            ramp_s: ramp_s(device),
            pages_s: gemm.pages_s(device),
        })
    }
}

/// What a tile shape means for a product, whatever the split of K.
#[derive(Debug, Clone, Copy)]
struct Cut {
    tile: [u64; 2],
    /// Tiles of the whole product.
    tiles: u64,
    /// Device-seconds of one step of K of one tile, for all tiles.
    step_s: f64,
    /// Steps of K, with those that fill up a systolic array.
    depth: u64,
    /// VRAM traffic without partial sums \[B\].
    bytes: f64,
    /// Time to the first operands and from the last results \[s\].
    ramp_s: f64,
    /// Least time in which DRAM opens its pages \[s\].
    pages_s: f64,
}

/// The cheapest way to compute a product.
pub(super) fn cost(gemm: Gemm, device: &Device<'_>) -> Result<KernelCost, Unsupported> {
    let gemm = gemm.as_run(device)?;
    let units = Units::of(gemm, device)?;
    let unpack_s = unpack(gemm, device)?;
    let mut best = (f64::INFINITY, None);
    let least = match gemm.precision {
        Precision::Fp4 => units.side.max(FP4_SIDE),
        _ => units.side,
    };
    for tile in tiles([gemm.m, gemm.n], least) {
        let cut = Cut::new(gemm, device, units, tile);
        let mut split = 1;
        loop {
            let demands = cut.demands(gemm, device, split, unpack_s);
            if demands.least_s() < best.0 {
                let time = demands.seconds(device);
                if time < best.0 {
                    best = (time, Some((cut, split)));
                }
            }
            split *= 2;
            // A finer split moves as much at least, and adds its parts in a second kernel.
            let least_split_s = 2.0 * device.launch_s + cut.ramp_s + demands.moving_s;
            if best.0 <= least_split_s || !cut.splits(gemm, device, split) {
                break;
            }
        }
    }
    // Where no time is finite, one way is as good as another.
    let (cut, split) = best
        .1
        .unwrap_or_else(|| (Cut::new(gemm, device, units, largest(units.side)), 1));
    Ok(cut.cost(gemm, device, split, unpack_s))
}

/// Device-seconds to unpack once the weights that are narrower than what is multiplied.
fn unpack(gemm: Gemm, device: &Device<'_>) -> Result<f64, Unsupported> {
    if gemm.weight_bytes >= element_bytes(gemm.precision) {
        return Ok(0.0);
    }
    let weights = (gemm.n * gemm.batch) as f64 * gemm.k as f64;
    Ok(UNPACK_OPERATIONS * weights / device.vector_rate()?)
}

impl Cut {
    fn new(gemm: Gemm, device: &Device<'_>, units: Units, tile: [u64; 2]) -> Self {
        let [rows, columns] = tile;
        let tiles = gemm.m.div_ceil(rows) * gemm.n.div_ceil(columns) * gemm.batch;
        let tile_flops = 2.0 * (rows * columns) as f64;
        let rate = units.rate * efficiency(tile, device);
        Self {
            tile,
            tiles,
            step_s: tiles as f64 * tile_flops / rate,
            depth: gemm.k.div_ceil(units.side) * units.side,
            bytes: traffic(gemm, device, tile),
            ramp_s: units.ramp_s,
            pages_s: units.pages_s,
        }
    }

    /// Whether K may be cut into so many parts: only while tiles are fewer than two waves and each
    /// part still outlasts the pipeline's filling.
    fn splits(&self, gemm: Gemm, device: &Device<'_>, split: u64) -> bool {
        let useful = (gemm.k / split) as f64 >= 2.0 * PIPELINE_STEPS;
        let idle = self.tiles * split / 2 < 2 * device.units;
        let may = gemm.precision != Precision::Fp4 && device.has(Mechanism::Split);
        may && split <= MAX_SPLIT && useful && idle
    }

    /// Compute units' time and share, VRAM traffic and launches of one split.
    fn demands(&self, gemm: Gemm, device: &Device<'_>, split: u64, unpack_s: f64) -> Demands {
        let fill = device.if_has(Mechanism::Fill, PIPELINE_STEPS, 0.0);
        // Each row of tiles unpacks its weights for itself.
        let unpacked = if unpack_s > 0.0 {
            gemm.m.div_ceil(self.tile[0]) as f64 * unpack_s
        } else {
            0.0
        };
        let compute_s = self.step_s * (self.depth as f64 + split as f64 * fill) + unpacked;
        // A split writes and reads FP32 partial sums, and a second kernel adds them.
        let (partial, launches) = if split > 1 {
            let results = (gemm.m * gemm.batch) as f64 * gemm.n as f64;
            (8.0 * split as f64 * results, 2.0)
        } else {
            (0.0, 1.0)
        };
        let traffic = repeated(self.bytes + partial, self.bytes, device).in_tiles(device);
        let stream_s = traffic.as_stream / device.bandwidth;
        let busy_s = busy_units(stream_s, gemm.units_for_bandwidth(device), device);
        let (compute_s, share) = (compute_s.max(busy_s), occupancy(self.tiles * split, device));
        Demands {
            compute_s: device.at_its_clock(compute_s, share),
            share,
            moved: traffic.moved,
            moving_s: stream_s.max(self.pages_s),
            launch_s: launches * device.launch_s + self.ramp_s,
        }
    }

    fn cost(&self, gemm: Gemm, device: &Device<'_>, split: u64, unpack_s: f64) -> KernelCost {
        let demands = self.demands(gemm, device, split, unpack_s);
        KernelCost {
            launch_s: demands.launch_s,
            compute_device_s: demands.compute_s,
            compute_share: demands.share,
            vram_bytes: demands.moving_s * device.bandwidth,
            moved: demands.moved,
            flops: gemm.flops(),
            tiling: Some(Tiling {
                rows: self.tile[0],
                columns: self.tile[1],
                split,
            }),
        }
        .with_collisions(device)
    }
}

/// What one way to compute a product asks for.
#[derive(Debug, Clone, Copy)]
struct Demands {
    compute_s: f64,
    share: f64,
    moved: Moved,
    /// Time to move it, at the full rate or as pages open \[s\].
    moving_s: f64,
    launch_s: f64,
}

impl Demands {
    /// Time if computing and moving did not disturb each other \[s\]: never more than the time.
    fn least_s(&self) -> f64 {
        self.launch_s + (self.compute_s / self.share).max(self.moving_s)
    }

    /// Time on an otherwise idle device \[s\].
    fn seconds(&self, device: &Device<'_>) -> f64 {
        self.launch_s + overlapped(self.compute_s / self.share, self.moving_s, device)
    }
}

/// VRAM traffic \[B\]: A, B and C once. Where A and B together exceed the last-level cache, each
/// block of tiles that run together loads the rows and columns it lies in, the block being as
/// square as the product allows.
fn traffic(gemm: Gemm, device: &Device<'_>, [rows, columns]: [u64; 2]) -> f64 {
    let [m, n, k] = [gemm.m, gemm.n, gemm.k].map(|side| side as f64);
    let operands = gemm.operands();
    let cache = device.if_has(Mechanism::Cache, device.cache, 0.0);
    let loaded = if operands > cache {
        let wave = device.units as f64 * (rows * columns) as f64;
        let area = wave.max(cache / CACHE_PER_RESULT);
        let blocks = (m * n / area).max(1.0);
        let [block_m, block_n] = block(m, n, area);
        (blocks * (block_m * gemm.a_bytes() + block_n * gemm.weight_bytes) * k).max(operands)
    } else {
        operands
    };
    (loaded + output_bytes(gemm.precision) * m * n) * gemm.batch as f64
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
    use super::super::examples::{a100, figure};
    use super::super::share::Traffic;
    use super::*;
    use crate::units::{FlopsPerSecond, Seconds};
    use proptest::prelude::*;

    const RATE: f64 = 312e12 * 0.87;
    const BANDWIDTH: f64 = 2039e9 * 0.9;

    fn gemm(m: u64, n: u64, k: u64) -> Gemm {
        Gemm::plain([m, n, k, 1], Precision::Bf16)
    }

    fn best(m: u64, n: u64, k: u64) -> KernelCost {
        let gpu = a100();
        cost(gemm(m, n, k), &Device::of_gpu(&gpu)).expect("supported")
    }

    fn units(gemm: Gemm, device: &Device<'_>) -> Units {
        Units::of(gemm, device).expect("supported")
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
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let time = |tiles: u64| {
            let product = gemm(256 * tiles, 128, 8192);
            let demands = Cut::new(product, &device, units(product, &device), [256, 128])
                .demands(product, &device, 1, 0.0);
            demands.compute_s / demands.share
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
        assert!(over > 1.1 * full, "{full} {over}");
    }

    #[test]
    fn a_decoder_waits_for_its_weights() {
        let cost = best(1, 28672, 8192);
        let vram = cost.vram_bytes / BANDWIDTH;
        assert_eq!(cost.alone_s(BANDWIDTH), vram);
        let weights = 28672.0 * 8192.0 * 2.0;
        assert!((cost.vram_bytes * 0.94 / weights - 1.0).abs() < 0.05);
    }

    #[test]
    fn k_is_split_only_while_units_are_idle() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let most = |product: Gemm| {
            let cut = Cut::new(product, &device, units(product, &device), [128, 128]);
            let allowed = |split: &u64| cut.splits(product, &device, *split);
            [2, 4, 8, 16, 32, 64].into_iter().take_while(allowed).last()
        };
        assert_eq!(most(gemm(128, 128, 8192)), Some(32));
        assert_eq!(most(gemm(8192, 8192, 8192)), None);
        assert_eq!(most(gemm(128, 128, 512)), Some(2));
    }

    #[test]
    fn operands_in_cache_are_read_once_and_others_by_each_block() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let small = traffic(gemm(1024, 1024, 1024), &device, [128, 128]);
        assert_eq!(small, 3.0 * 1024.0 * 1024.0 * 2.0);
        let area = device.cache / CACHE_PER_RESULT;
        let side = 16384.0;
        let loaded = side * side / area * 2.0 * area.sqrt() * side * 2.0;
        let large = traffic(gemm(16384, 16384, 16384), &device, [256, 128]);
        assert!((large / (loaded + side * side * 2.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_systolic_array_is_filled_whatever_the_product() {
        let mut gpu = a100();
        gpu.compute.array = Some(figure(256));
        let device = Device::of_gpu(&gpu);
        let cut = |m, n, k| {
            let product = gemm(m, n, k);
            Cut::new(product, &device, units(product, &device), [256, 256])
        };
        assert_eq!((cut(1, 1, 1).tiles, cut(1, 1, 1).depth), (1, 256));
        assert_eq!(
            (cut(257, 256, 300).tiles, cut(257, 256, 300).depth),
            (2, 512)
        );
        let one = cost(gemm(1, 1, 1), &device).expect("supported");
        let tile = 2.0 * 256.0 * 256.0 * (256.0 + PIPELINE_STEPS) / RATE;
        let ratio = one.compute_device_s / tile;
        assert!((1.0..1.05).contains(&ratio), "{ratio}");
    }

    #[test]
    fn pieces_of_rows_along_k_open_a_page_each() {
        let mut gpu = a100();
        gpu.memory.page = Some(figure(Seconds(0.5e-9)));
        let mut device = Device::of_gpu(&gpu);
        device.timing.pieces_of_k = Some(8);
        let time = |m: u64, n: u64, precision: Precision, device: &Device<'_>| {
            let cost = cost(Gemm::plain([m, n, 2560, 1], precision), device).expect("supported");
            cost.alone_s(device.bandwidth)
        };
        // 7680 rows of 320 pieces: 1.23 ms, far more than computing takes.
        let pages = 7680.0 * 320.0 * 0.5e-9;
        let slow = time(7680, 64, Precision::Fp32, &device);
        assert!((1.0..1.03).contains(&(slow / pages)), "{slow}");
        // Few columns or few tiles take small tiles; matrix units read long pieces.
        let mut plain = device;
        plain.timing.pieces_of_k = None;
        for (m, n, format) in [
            (7680, 63, Precision::Fp32),
            (54 * 128, 64, Precision::Fp32),
            (7680, 64, Precision::Bf16),
        ] {
            assert_eq!(time(m, n, format, &device), time(m, n, format, &plain));
        }
        let of = |device: &Device<'_>| time(55 * 128, 64, Precision::Fp32, device);
        assert!(of(&device) > 2.0 * of(&plain));
    }

    #[test]
    fn a_convolution_reads_its_images_once() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        // 32 images of 56 x 56, 64 channels in and out, 9 taps.
        let pixels = 32 * 56 * 56;
        let product = Gemm::plain([pixels, 64, 9 * 64, 1], Precision::Bf16);
        let moved = cost(product.overlapping(9), &device)
            .expect("supported")
            .moved;
        let images = 2.0 * 2.0 * pixels as f64 * 64.0;
        let filters = 2.0 * 9.0 * 64.0 * 64.0;
        assert!(
            (moved.total() / (images + filters) - 1.0).abs() < 1e-9,
            "{moved:?}"
        );
    }

    #[test]
    fn each_row_of_tiles_unpacks_its_weights() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let narrow = |m| Gemm {
            weight_bytes: 0.5,
            ..gemm(m, 8192, 8192)
        };
        let once = unpack(narrow(1), &device).expect("supported");
        let seconds = |product| cost(product, &device).expect("supported").compute_device_s;
        let more = seconds(narrow(8192)) - seconds(gemm(8192, 8192, 8192));
        assert!(
            (0.9..1.1).contains(&(more / (32.0 * once))),
            "{more} {once}"
        );
    }

    #[test]
    fn a_vector_unit_pads_no_rows() {
        let cpu = super::super::examples::cpu();
        let device = Device::of_cpu(&cpu);
        let one = Gemm::plain([1, 8192, 8192, 1], Precision::Fp32);
        let cost = cost(one, &device).expect("supported");
        let weights = 8192.0 * 8192.0 * 4.0;
        let ratio = cost.alone_s(device.bandwidth) * device.bandwidth
            / Traffic::of_vram(weights).in_tiles(&device).as_stream;
        assert!((1.0..1.1).contains(&ratio), "{ratio}");
    }

    #[test]
    fn narrow_weights_save_traffic_and_cost_unpacking() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let four_bit = |m| Gemm {
            weight_bytes: 0.5 + 2.0 / 128.0,
            ..gemm(m, 16384, 16384)
        };
        let time = |product| {
            let cost = cost(product, &device).expect("supported");
            cost.alone_s(device.bandwidth)
        };
        let few = time(gemm(1, 16384, 16384)) / time(four_bit(1));
        assert!((2.5..4.0).contains(&few), "{few}");
        let many = time(gemm(8192, 16384, 16384)) / time(four_bit(8192));
        assert!((0.93..1.0).contains(&many), "{many}");
    }

    #[test]
    fn narrow_formats_that_a_device_lacks_are_narrow_weights() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let sides = [16, 8192, 8192, 1];
        let lacking = cost(Gemm::plain(sides, Precision::Fp8), &device);
        let unpacked = Gemm {
            weight_bytes: 1.0,
            ..Gemm::plain(sides, Precision::Bf16)
        };
        assert_eq!(lacking, cost(unpacked, &device));
    }

    #[test]
    fn a_unit_draws_few_bytes_of_numbers_of_four_bits() {
        let mut gpu = a100();
        gpu.compute.peak.fp4 = Some(figure(FlopsPerSecond(4.0 * 312e12)));
        let mut units = |bandwidth| {
            gpu.memory.bandwidth.value.0 = bandwidth;
            let product = Gemm::plain([1, 4096, 4096, 1], Precision::Fp4);
            product.units_for_bandwidth(&Device::of_gpu(&gpu))
        };
        // 108 units draw 15.5 B each in each of 1.41 billion clocks: 2.36 TB/s.
        let all = 108.0 * 15.5 * 1.41e9;
        assert!((units(2.0 * all / 0.9) - 2.0).abs() < 1e-12);
        assert_eq!(units(0.1 * all), 0.5);
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
