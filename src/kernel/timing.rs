//! How a benchmark ran its kernels, and a device as it saw it.

use super::device::{Device, index};
use crate::spec::Precision;

/// How a benchmark ran its kernels, whatever the kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// One kernel was timed over and over on the same operands: the cache holds what it can.
    pub repeated: bool,
    /// Rate of its large products relative to typical ones with a library of today.
    pub products: f64,
    /// Its library multiplied INT8 on vector units although there are matrix units for it.
    pub int8_on_vector_units: bool,
    /// Steps of K in which its library's FP32 kernels read a first operand whose rows lie along K;
    /// `None` where they lie across it, or where the library reads longer pieces.
    pub pieces_of_k: Option<u32>,
    /// The error-correcting code that lies beside the data was switched off.
    pub ecc_off: bool,
    /// One operand of its products was nothing but zeros.
    pub zeros: bool,
}

impl Default for Timing {
    /// One kernel among others, typical products with a library of today.
    fn default() -> Self {
        Self {
            repeated: false,
            products: 1.0,
            int8_on_vector_units: false,
            pieces_of_k: None,
            ecc_off: false,
            zeros: false,
        }
    }
}

/// Products of a vector instruction on INT8 for one on FP32 (`dp4a`: compute capability 6.1 and
/// later).
const DP4A_PRODUCTS: f64 = 4.0;

/// Share of their peak that vector units reach in INT8, relative to that in FP32: the family of
/// Pascal cards (Titan Xp, dbench-0187 to -0195, beside FP32 of GTX 1080 Ti and P100).
const DP4A_SHARE: f64 = 0.96;

impl Device<'_> {
    /// The same device as a benchmark saw it.
    pub fn timed(mut self, timing: Timing) -> Self {
        self.timing = timing;
        if timing.ecc_off {
            self.bandwidth /= self.ecc_share;
        }
        if timing.int8_on_vector_units {
            self.multiply_int8_on_vector_units();
        }
        self
    }

    /// Takes the matrix units away from INT8, where there are any.
    fn multiply_int8_on_vector_units(&mut self) {
        let (int8, fp32) = (index(Precision::Int8), index(Precision::Fp32));
        let vector = DP4A_PRODUCTS * self.peaks[fp32];
        if self.peaks[int8] > vector * (1.0 + 1e-9) {
            self.peaks[int8] = vector;
            self.shares[int8] = DP4A_SHARE * self.shares[fp32];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::{a100, figure};
    use super::*;
    use crate::spec::{Ecc, GpuSpec};

    #[test]
    fn an_old_library_multiplies_int8_four_at_a_time_on_vector_units() {
        let mut gpu = a100();
        gpu.compute.peak.int8 = gpu.compute.peak.bf16.clone();
        let device = Device::of_gpu(&gpu);
        let timing = Timing {
            repeated: true,
            products: 0.9,
            int8_on_vector_units: true,
            ..Timing::default()
        };
        let timed = device.timed(timing);
        assert_eq!(timed.peak(Precision::Int8), Ok(4.0 * 19.5e12));
        let share = |device: &Device<'_>, format| {
            device.rate(format).expect("known") / device.peak(format).expect("known")
        };
        let fp32 = share(&device, Precision::Fp32);
        assert!((share(&timed, Precision::Int8) / fp32 - DP4A_SHARE).abs() < 1e-12);
        assert_eq!(timed.peak(Precision::Bf16), device.peak(Precision::Bf16));
        assert!(timed.timing.repeated);
        let new = Timing {
            int8_on_vector_units: false,
            ..timing
        };
        assert_eq!(device.timed(new).peak(Precision::Int8), Ok(312e12));
    }

    #[test]
    fn without_the_code_beside_the_data_all_of_the_bandwidth_is_left() {
        let mut gpu = a100();
        let off = Timing {
            ecc_off: true,
            ..Timing::default()
        };
        let ratio = |gpu: &GpuSpec| {
            let device = Device::of_gpu(gpu);
            device.timed(off).bandwidth / device.bandwidth
        };
        assert_eq!(ratio(&gpu), 1.0);
        gpu.memory.ecc = Some(figure(Ecc::Inline));
        let left = gpu.memory.ecc_share();
        assert!(left < 0.95 && (ratio(&gpu) * left - 1.0).abs() < 1e-12);
    }
}
