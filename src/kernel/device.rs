//! What a device reaches in a number format.

use crate::spec::{GpuSpec, Precision};

/// A device cannot compute in a format, nor in one that could stand in for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{device}` has no {wanted} rate; it has {available}")]
pub struct Unsupported {
    /// The device's name in the catalogue.
    pub device: String,
    /// The format asked for.
    pub wanted: &'static str,
    /// The formats it has, widest first.
    pub available: String,
}

/// All formats, widest first.
const ALL: [Precision; 8] = [
    Precision::Fp64,
    Precision::Fp32,
    Precision::Tf32,
    Precision::Fp16,
    Precision::Bf16,
    Precision::Fp8,
    Precision::Int8,
    Precision::Fp4,
];

/// Matrix FLOP per vector FLOP of a device that gives no vector rate: the A100's 312 to 19.5
/// TFLOP/s (datasheet). Streams are bound by memory long before this matters.
const MATRIX_PER_VECTOR: f64 = 16.0;

/// Rate of matrix products in a format \[FLOP/s\], from the datasheet.
///
/// Formats a device lacks run as libraries run them: TF32 as FP32, and FP16 or BF16 by conversion
/// to FP32, at its vector rate (V100, T4 and Pascal cards have no BF16 units). Narrower formats
/// have no such stand-in, because the weights would have to be unpacked by another kernel.
///
/// # Errors
/// The format and its stand-in are both absent.
pub fn peak(gpu: &GpuSpec, precision: Precision) -> Result<f64, Unsupported> {
    let fallback = match precision {
        Precision::Tf32 | Precision::Fp16 | Precision::Bf16 => own(gpu, Precision::Fp32),
        _ => None,
    };
    own(gpu, precision)
        .or(fallback)
        .ok_or_else(|| unsupported(gpu, precision))
}

/// Rate of a large matrix product in a format \[FLOP/s\].
///
/// # Errors
/// As [`peak`].
pub fn achievable_peak(gpu: &GpuSpec, precision: Precision) -> Result<f64, Unsupported> {
    Ok(peak(gpu, precision)? * gpu.compute.achievable.value.0)
}

/// Rate of vector operations \[FLOP/s\].
///
/// # Errors
/// The device has neither an FP32 nor a 16-bit rate.
pub fn vector_peak(gpu: &GpuSpec) -> Result<f64, Unsupported> {
    own(gpu, Precision::Fp32)
        .or_else(|| own(gpu, Precision::Bf16).map(|rate| rate / MATRIX_PER_VECTOR))
        .or_else(|| own(gpu, Precision::Fp16).map(|rate| rate / MATRIX_PER_VECTOR))
        .ok_or_else(|| unsupported(gpu, Precision::Fp32))
}

/// VRAM bandwidth a large stream reaches \[B/s\].
pub fn vram_bandwidth(gpu: &GpuSpec) -> f64 {
    gpu.memory.bandwidth.value.0 * gpu.memory.achievable.value.0
}

/// The device's own rate in a format, if it has one.
fn own(gpu: &GpuSpec, precision: Precision) -> Option<f64> {
    let peaks = &gpu.compute.peak;
    let figure = match precision {
        Precision::Fp64 => &peaks.fp64,
        Precision::Fp32 => &peaks.fp32,
        Precision::Tf32 => &peaks.tf32,
        Precision::Fp16 => &peaks.fp16,
        Precision::Bf16 => &peaks.bf16,
        Precision::Fp8 => &peaks.fp8,
        Precision::Int8 => &peaks.int8,
        Precision::Fp4 => &peaks.fp4,
    };
    figure.as_ref().map(|figure| figure.value.0)
}

fn unsupported(gpu: &GpuSpec, precision: Precision) -> Unsupported {
    let available: Vec<&str> = ALL
        .into_iter()
        .filter(|other| own(gpu, *other).is_some())
        .map(name)
        .collect();
    let available = match available.as_slice() {
        [] => "none at all".to_string(),
        names => names.join(", "),
    };
    Unsupported {
        device: gpu.name.clone(),
        wanted: name(precision),
        available,
    }
}

/// A format as workload files write it.
fn name(precision: Precision) -> &'static str {
    match precision {
        Precision::Fp64 => "fp64",
        Precision::Fp32 => "fp32",
        Precision::Tf32 => "tf32",
        Precision::Fp16 => "fp16",
        Precision::Bf16 => "bf16",
        Precision::Fp8 => "fp8",
        Precision::Int8 => "int8",
        Precision::Fp4 => "fp4",
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;

    #[test]
    fn absent_formats_run_as_their_stand_in_or_not_at_all() {
        let mut gpu = a100();
        assert_eq!(peak(&gpu, Precision::Bf16), Ok(312e12));
        gpu.compute.peak.bf16 = None;
        assert_eq!(peak(&gpu, Precision::Bf16), Ok(19.5e12));
        assert_eq!(peak(&gpu, Precision::Tf32), Ok(19.5e12));
        let error = peak(&gpu, Precision::Fp8).expect_err("no fp8");
        assert_eq!(
            error.to_string(),
            "`a100-sxm-80gb` has no fp8 rate; it has fp32, fp16"
        );
    }

    #[test]
    fn vector_rate_is_guessed_from_the_matrix_rate() {
        let mut gpu = a100();
        gpu.compute.peak.fp32 = None;
        assert_eq!(vector_peak(&gpu), Ok(19.5e12));
        gpu.compute.peak = crate::spec::Peaks::default();
        assert!(
            vector_peak(&gpu)
                .expect_err("nothing")
                .to_string()
                .ends_with("none at all")
        );
    }
}
