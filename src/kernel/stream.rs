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
