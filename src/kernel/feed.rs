//! What share of its peak a large product reaches in a format.
//!
//! A matrix unit is fed by shared memory, caches and registers, and these have not grown as it has:
//! the more a unit multiplies in a clock, the larger the part of the time in which it waits.

use crate::spec::{GpuSpec, Precision};

/// Time for which a unit waits in a large product, relative to the time at its peak, for each
/// FLOP that it multiplies in a clock: what brings operands and takes results away does not
/// grow with the matrix unit, so that 1/share = c + FEED · FLOP a clock. Fitted on the GEMM rows of
/// the calibration set (flat from 2.7e-5 to 3.3e-5); it joins what devices reach before a power
/// limit, from V100, A40 and RTX PRO 6000 (1020 FLOP a clock: 0.88 to 0.90) over A100 (2050: 0.88;
/// INT8 4100: 0.80) and H100 (3800: 0.87) to B200 (7700: 0.74; FP4 31,000: 0.50) and GB200 (FP8
/// 16,000: 0.64). With c = 1.085 it is within 5 % of each.
const FEED: f64 = 3.0e-5;

/// The formats of which a device's `achievable` speaks: the first of these that it has.
const REFERENCE: [Precision; 4] = [
    Precision::Bf16,
    Precision::Fp16,
    Precision::Fp32,
    Precision::Int8,
];

/// Share of the peak in a format: as measured, or derived from that in the reference format.
pub(super) fn share(gpu: &GpuSpec, format: Precision) -> f64 {
    let compute = &gpu.compute;
    let reference = compute.achievable.value.0;
    compute.achievable_by_format.get(&format).map_or_else(
        || of_relative(reference, reference_intensity(gpu), intensity(gpu, format)),
        |own| own.value.0,
    )
}

/// Share at `to` FLOP a clock and unit where that at `from` is known; not above 1, or above that.
pub fn of_relative(share: f64, from: f64, to: f64) -> f64 {
    let most = share.max(1.0);
    share / (1.0 + share * FEED * (to - from)).max(share / most)
}

/// FLOP that a unit of a device multiplies in a clock in the format of which `achievable` speaks; 0
/// for a systolic array, which moves its operands itself and has one share for all formats.
pub fn reference_intensity(gpu: &GpuSpec) -> f64 {
    let formats = REFERENCE.map(|format| intensity(gpu, format));
    formats.into_iter().find(|flop| *flop > 0.0).unwrap_or(0.0)
}

/// FLOP that a unit multiplies in a clock in a format, 0 for none and for a systolic array.
fn intensity(gpu: &GpuSpec, format: Precision) -> f64 {
    if gpu.compute.array.is_some() {
        return 0.0;
    }
    let units = f64::from(gpu.compute.units.value.max(1));
    gpu.compute.peak.of(format) / (units * gpu.compute.clock.value.0)
}

#[cfg(test)]
mod tests {
    use super::super::examples::{a100, figure, with_fp8};
    use super::*;
    use crate::spec::PeakShare;

    #[test]
    fn the_faster_a_unit_the_longer_it_waits() {
        let mut gpu = with_fp8();
        // 312 TFLOP/s of 108 units at 1.41 GHz are 2049 FLOP a clock.
        let fp8 = 1.0 / (1.0 / 0.87 + FEED * 2049.0);
        assert!((share(&gpu, Precision::Fp8) - fp8).abs() < 1e-4);
        assert_eq!(share(&gpu, Precision::Fp16), 0.87);
        assert!(share(&gpu, Precision::Fp32) > 0.9);
        assert_eq!(of_relative(0.99, 8000.0, 100.0), 1.0);
        // A card that runs above its nominal clock does so in every format.
        assert_eq!(of_relative(1.1, 512.0, 100.0), 1.1);
        let by_format = &mut gpu.compute.achievable_by_format;
        by_format.insert(Precision::Fp8, figure(PeakShare(0.5)));
        assert_eq!(share(&gpu, Precision::Fp8), 0.5);
    }

    #[test]
    fn a_systolic_array_has_one_share() {
        let mut gpu = a100();
        gpu.compute.array = Some(figure(128));
        assert_eq!(share(&gpu, Precision::Fp32), 0.87);
    }
}
