//! Operators on devices: from a shape to demands on compute units and VRAM.
//!
//! In: an [`Operator`](crate::model::Operator) and a [`GpuSpec`](crate::spec::GpuSpec). Out: a
//! [`KernelCost`]. Knows nothing of other devices, overlap or schedules: the engine decides what
//! a kernel gets when others run beside it.

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
    /// VRAM traffic, reads and writes \[B\].
    pub vram_bytes: f64,
    /// Useful operations \[FLOP\].
    pub flops: f64,
}
