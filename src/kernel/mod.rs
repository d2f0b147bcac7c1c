//! Operators on devices: from a shape to demands on compute units and VRAM.
//!
//! In: an [`Operator`] and a [`GpuSpec`]. Out: a
//! [`KernelCost`]. Knows nothing of other devices, overlap or schedules: the engine decides what
//! a kernel gets when others run beside it.

mod attention;
mod device;
#[cfg(test)]
mod examples;
pub mod feed;
mod gemm;
mod mechanism;
mod prediction;
mod share;
mod stream;
mod tiles;
mod timing;

pub use device::{Device, FORMATS, Unsupported, format_name};
pub use mechanism::Mechanism;
pub use prediction::Prediction;
pub use timing::Timing;

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
    /// What is really moved.
    pub moved: Moved,
    /// Useful operations \[FLOP\].
    pub flops: f64,
    /// How a product is cut; `None` for other operators.
    pub tiling: Option<Tiling>,
}

/// Bytes that a kernel moves, by the memory they come from or go to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moved {
    /// By VRAM \[B\].
    pub vram: f64,
    /// By the last-level cache in VRAM's place \[B\].
    pub cache: f64,
}

impl Moved {
    /// By either \[B\].
    pub fn total(self) -> f64 {
        self.vram + self.cache
    }
}

/// How a product is cut into pieces of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of a tile of the result.
    pub rows: u64,
    /// Its columns.
    pub columns: u64,
    /// Parts that K is cut into.
    pub split: u64,
}

/// What decides how long a kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The units compute all the time.
    Compute,
    /// VRAM moves data all the time.
    Vram,
    /// The last-level cache moves most of the data, and that all the time.
    Cache,
    /// Units stand idle for want of pieces of work: too few, or a last wave half empty.
    Waves,
    /// Starting and ending.
    Launch,
}

impl Bound {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Compute => "compute units",
            Self::Vram => "VRAM",
            Self::Cache => "cache",
            Self::Waves => "idle units (waves)",
            Self::Launch => "launch",
        }
    }
}

/// Share of the units in use below which it is their idleness that a user should hear of: a quarter
/// of the device gained is worth another shape.
const MOSTLY_IDLE: f64 = 0.75;

impl KernelCost {
    /// Time on an otherwise idle device whose VRAM reaches `vram_bandwidth` \[B/s\], without the
    /// launch \[s\]: the roofline.
    pub fn alone_s(&self, vram_bandwidth: f64) -> f64 {
        (self.compute_device_s / self.compute_share).max(self.vram_bytes / vram_bandwidth)
    }

    /// Time on an otherwise idle device, start and end included \[s\].
    pub fn total_s(&self, device: &Device<'_>) -> f64 {
        self.launch_s + self.alone_s(device.bandwidth)
    }

    /// What decides how long it takes.
    pub fn bound(&self, device: &Device<'_>) -> Bound {
        let compute = self.compute_device_s / self.compute_share;
        let moving = self.vram_bytes / device.bandwidth;
        if self.launch_s >= compute.max(moving) {
            Bound::Launch
        } else if moving >= compute && self.cached(device) {
            Bound::Cache
        } else if moving >= compute {
            Bound::Vram
        } else if self.compute_share < MOSTLY_IDLE {
            Bound::Waves
        } else {
            Bound::Compute
        }
    }

    /// Whether the cache takes longer for its part of the data than VRAM.
    fn cached(&self, device: &Device<'_>) -> bool {
        self.moved.cache / device.cache_rate() > self.moved.vram / device.bandwidth
    }

    /// The same with the time that computing and moving lose to each other, charged to whichever
    /// of them takes longer.
    fn with_collisions(self, device: &Device<'_>) -> Self {
        let compute = self.compute_device_s / self.compute_share;
        let moving = self.vram_bytes / device.bandwidth;
        let time = share::overlapped(compute, moving, device);
        if moving >= compute {
            Self {
                vram_bytes: time * device.bandwidth,
                ..self
            }
        } else {
            Self {
                compute_device_s: time * self.compute_share,
                ..self
            }
        }
    }
}

/// What an operator asks of a GPU that has been busy for a while.
///
/// # Errors
/// The device cannot compute in the operator's format.
pub fn cost(op: &Operator, gpu: &GpuSpec) -> Result<KernelCost, Unsupported> {
    cost_on(op, &Device::of_gpu(gpu).busy())
}

/// What an operator asks of a device.
///
/// # Errors
/// The device cannot compute in the operator's format.
pub fn cost_on(op: &Operator, device: &Device<'_>) -> Result<KernelCost, Unsupported> {
    let precision = op.precision;
    match op.shape {
        Shape::Gemm { m, n, k, batch } => {
            gemm::cost(gemm::Gemm::plain([m, n, k, batch], precision), device)
        }
        Shape::Convolution { m, n, k, taps } => {
            let product = gemm::Gemm::plain([m, n, k, 1], precision);
            gemm::cost(product.overlapping(taps), device)
        }
        Shape::NarrowGemm {
            m,
            n,
            k,
            weight_bytes,
        } => {
            let product = gemm::Gemm {
                weight_bytes,
                ..gemm::Gemm::plain([m, n, k, 1], precision)
            };
            gemm::cost(product, device)
        }
        Shape::Stream {
            read,
            written,
            flops,
        } => stream::cost(read + written, flops, device),
        Shape::Rows {
            rows,
            width,
            bytes,
            flops,
        } => stream::rows([rows, width], bytes, flops, device),
        Shape::Attention(shape) => attention::cost(shape, precision, device),
    }
}
