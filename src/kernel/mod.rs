//! Operators on devices: from a shape to demands on compute units and VRAM.
//!
//! In: an [`Operator`] and a [`GpuSpec`]. Out: a
//! [`KernelCost`]. Knows nothing of other devices, overlap or schedules: the engine decides what
//! a kernel gets when others run beside it.

mod attention;
mod device;
#[cfg(test)]
mod examples;
mod gemm;
mod share;
mod stream;

pub use device::{Unsupported, achievable_peak, peak, vector_peak, vram_bandwidth};

use crate::model::{Operator, Shape};
use crate::spec::GpuSpec;

/// What one kernel asks of its device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelCost {
    /// Fixed time before and after the work during which the device does nothing else \[s\].
    pub launch_s: f64,
    /// Work on the compute units \[device-seconds\]: a kernel that fills the device for one
    /// second costs 1, one on a quarter of its units for one second costs 0.25.
    pub compute_device_s: f64,
    /// Largest share of the compute units it can occupy (below 1: too few tiles), in (0, 1\].
    pub compute_share: f64,
    /// VRAM traffic, reads and writes \[B\], counted as a plain stream that takes as long: tiled
    /// kernels, which draw a little less bandwidth than one, count a little more than they move.
    pub vram_bytes: f64,
    /// Useful operations \[FLOP\].
    pub flops: f64,
}

impl KernelCost {
    /// Time on an otherwise idle device whose VRAM reaches `vram_bandwidth` \[B/s\], without the
    /// launch \[s\]: the roofline.
    pub fn alone_s(&self, vram_bandwidth: f64) -> f64 {
        (self.compute_device_s / self.compute_share).max(self.vram_bytes / vram_bandwidth)
    }

    /// Useful operations for each byte of VRAM traffic \[FLOP/B\].
    pub fn intensity(&self) -> f64 {
        self.flops / self.vram_bytes
    }
}

/// What an operator asks of a device.
///
/// # Errors
/// The device cannot compute in the operator's format.
pub fn cost(op: &Operator, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    let precision = op.precision;
    match op.shape {
        Shape::Gemm { m, n, k, batch } => {
            let product = gemm::Gemm {
                m,
                n,
                k,
                batch,
                precision,
            };
            gemm::cost(product, gpu)
        }
        Shape::Stream {
            read,
            written,
            flops,
        } => stream::cost(read + written, flops, gpu),
        Shape::Attention {
            batch,
            query,
            context,
            heads,
            kv_heads,
            head_dim,
            causal,
            fused,
            backward,
            kv_precision,
        } => {
            let shape = attention::Attention {
                batch,
                query,
                context,
                heads,
                kv_heads,
                head_dim,
                causal,
                backward,
                precision,
                kv_precision,
                flops: op.flops(),
            };
            if fused {
                attention::fused(shape, gpu)
            } else {
                attention::unfused(shape, gpu)
            }
        }
    }
}
