//! Streams over memory: norms, activations, sums, look-ups, optimisers.

use super::KernelCost;
use super::device::{Unsupported, vector_peak};
use crate::spec::GpuSpec;

/// A stream fills the device: vector operations at the FP32 rate beside its traffic.
pub(super) fn cost(bytes: f64, flops: f64, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    Ok(KernelCost {
        launch_s: gpu.launch.value.0,
        compute_device_s: flops / vector_peak(gpu)?,
        compute_share: 1.0,
        vram_bytes: bytes,
        flops,
    })
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
        let below = cost(bytes, 0.5 * RIDGE * bytes, &gpu).expect("supported");
        close(below.alone_s(BANDWIDTH), bytes / BANDWIDTH);
        close(below.intensity(), 0.5 * RIDGE);
        let above = cost(bytes, 2.0 * RIDGE * bytes, &gpu).expect("supported");
        close(above.alone_s(BANDWIDTH), 2.0 * RIDGE * bytes / 19.5e12);
        close(above.launch_s, 2.5e-6);
    }
}
