//! Streams over memory: norms, activations, sums, look-ups, optimisers.

use super::KernelCost;
use super::device::{Device, Unsupported};
use super::share::activations;

/// Most threads of a block of a plain row kernel (vLLM and TensorRT-LLM: the width of a row, at
/// most this; the most that any block may have).
const ROW_THREADS: u64 = 1024;

/// Threads that a unit holds (CUDA C++ Programming Guide, compute capabilities 8.0, 9.0 and 10.0).
/// GA10x and Ada hold 1536, Turing 1024; how latency grows with fewer of them nobody measured.
const UNIT_THREADS: u64 = 2048;

/// Fewest threads of a block: one warp.
const WARP: u64 = 32;

/// Clocks of one trip of a block to memory and back while the device is nearly idle, and while its
/// units are full of such blocks: the way through crossbar and cache is counted in clocks. Fitted
/// on the norm and activation rows of the calibration set (vidur-0005, -0006, -0024, -0025, -0047,
/// -0048, -0054, -0055, -0069, -0070, -0088, -0089; A100, 1.41 GHz): 0.65 and 1.25 us there, an
/// element a thread and trip, as in vLLM's kernels of 2023.
const TRIP_IDLE: f64 = 917.0;
const TRIP_FULL: f64 = 1763.0;

/// A stream fills the device: vector operations at the FP32 rate beside its traffic, of which the
/// cache takes what it holds.
pub(super) fn cost(bytes: f64, flops: f64, device: &Device<'_>) -> Result<KernelCost, Unsupported> {
    let traffic = activations(bytes, device);
    Ok(KernelCost {
        launch_s: device.launch_s,
        compute_device_s: flops / device.vector_rate()?,
        compute_share: 1.0,
        vram_bytes: traffic.as_stream,
        moved: traffic.moved,
        flops,
        tiling: None,
    })
}

/// A plain kernel with one block of threads for each row, every thread taking one element at a
/// time: the latency of memory, not its bandwidth, decides.
pub(super) fn rows(
    [rows, width]: [u64; 2],
    bytes: f64,
    flops: f64,
    device: &Device<'_>,
) -> Result<KernelCost, Unsupported> {
    let stream = cost(bytes, flops, device)?;
    let threads = width.clamp(WARP, ROW_THREADS);
    let at_once = device.units * (UNIT_THREADS / threads);
    let waves = rows.div_ceil(at_once) as f64;
    let crowd = (rows as f64 / at_once as f64).min(1.0);
    let trip = (TRIP_IDLE + (TRIP_FULL - TRIP_IDLE) * crowd) / device.clock_hz;
    let latency_s = waves * width.div_ceil(threads) as f64 * trip;
    let share = rows as f64 / (waves * at_once as f64);
    Ok(KernelCost {
        compute_device_s: stream.compute_device_s.max(latency_s * share),
        compute_share: share,
        ..stream
    }
    .with_collisions(device))
}

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;

    const BANDWIDTH: f64 = 2039e9 * 0.9;
    const RIDGE: f64 = 19.5e12 / BANDWIDTH;

    fn close(ours: f64, exact: f64) {
        assert!((ours / exact - 1.0).abs() < 1e-9, "{ours} {exact}");
    }

    #[test]
    fn both_sides_of_the_ridge() {
        let (bytes, gpu) = (1e9, a100());
        let device = Device::of_gpu(&gpu);
        let below = cost(bytes, 0.5 * RIDGE * bytes, &device).expect("supported");
        close(below.alone_s(BANDWIDTH), bytes / BANDWIDTH);
        close(below.flops / below.moved.total(), 0.5 * RIDGE);
        let above = cost(bytes, 2.0 * RIDGE * bytes, &device).expect("supported");
        close(above.alone_s(BANDWIDTH), 2.0 * RIDGE * bytes / 19.5e12);
        close(above.launch_s, 2.5e-6);
    }

    #[test]
    fn a_lone_row_waits_for_memory_once_for_each_block_of_elements() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let row = rows([1, 28 * 1024], 28.0 * 1024.0 * 6.0, 0.0, &device).expect("supported");
        let trip = (TRIP_IDLE + (TRIP_FULL - TRIP_IDLE) / 216.0) / 1.41e9;
        close(row.alone_s(BANDWIDTH), 28.0 * trip);
    }
}
