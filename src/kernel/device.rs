//! What a device reaches: rates, bandwidth and times, drawn together from its file.

use super::{Mechanism, Timing, feed};
use crate::spec::{CpuSpec, Figure, GpuSpec, Memory, Precision};

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
pub const FORMATS: [Precision; 8] = [
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

/// A device's figures as kernels need them; a few hundred bytes, cheap to make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Device<'a> {
    /// Name in the catalogue.
    pub name: &'a str,
    /// Units that take one tile at a time.
    pub units: u64,
    /// Clock \[Hz\].
    pub clock_hz: f64,
    /// Datasheet rates by format, in the order of [`FORMATS`] \[FLOP/s\]; 0 for none.
    pub(super) peaks: [f64; 8],
    /// Share of each that a large product reaches.
    pub(super) shares: [f64; 8],
    /// Memory bandwidth that a large stream reaches \[B/s\].
    pub bandwidth: f64,
    /// The data sheet's \[B/s\].
    pub sheet_bandwidth: f64,
    /// Share of the bandwidth that an error-correcting code beside the data leaves.
    pub(super) ecc_share: f64,
    /// Last-level cache \[B\].
    pub cache: f64,
    /// Least time from one DRAM page opened to the next \[s\]; 0 where nobody says.
    pub(super) page_s: f64,
    /// Bytes that a unit draws from that in a clock.
    pub(super) cache_per_clock: f64,
    /// Time from one kernel to the next \[s\].
    pub launch_s: f64,
    /// Rate of fused attention relative to a large product.
    pub attention: f64,
    /// Side that products are padded to on matrix units.
    array: u64,
    /// The same on vector units.
    vector_side: u64,
    /// Re-use R of operands at which fetching them takes as long as multiplying them.
    pub(super) balance_reuse: f64,
    /// Share of the units that together draw the full VRAM bandwidth in a product.
    pub(super) units_for_bandwidth: f64,
    /// How much faster large products run before the power limit lowers the clock, relative.
    boost: f64,
    /// How much faster they run where power does not limit the clock, relative.
    headroom: f64,
    /// How its kernels are run and timed.
    pub(super) timing: Timing,
    /// What is taken out of the model, to see what it explains.
    missing: Option<Mechanism>,
}

impl<'a> Device<'a> {
    /// A GPU or another accelerator, complete as the catalogue gives it.
    pub fn of_gpu(gpu: &'a GpuSpec) -> Self {
        let compute = &gpu.compute;
        let given = |figure: &Option<Figure<f64>>, usual| {
            figure.as_ref().map_or(usual, |figure| figure.value)
        };
        Self {
            name: &gpu.name,
            units: u64::from(compute.units.value).max(1),
            clock_hz: clock_hz(gpu),
            peaks: FORMATS.map(|format| compute.peak.of(format)),
            shares: FORMATS.map(|format| feed::share(gpu, format)),
            bandwidth: gpu.memory.bandwidth.value.0 * gpu.memory.achievable.value.0,
            sheet_bandwidth: gpu.memory.bandwidth.value.0,
            ecc_share: gpu.memory.ecc_share(),
            cache: gpu.memory.l2.as_ref().map_or(0.0, |l2| l2.value.0),
            cache_per_clock: given(&compute.cache_per_clock, CACHE_PER_CLOCK),
            page_s: page_s(&gpu.memory),
            launch_s: gpu.launch.value.0,
            attention: compute.attention.value.0,
            array: compute
                .array
                .as_ref()
                .map_or(MATRIX_SIDE, |side| u64::from(side.value)),
            vector_side: MATRIX_SIDE,
            balance_reuse: GPU_BALANCE_REUSE,
            units_for_bandwidth: given(&compute.units_for_bandwidth, UNITS_FOR_BANDWIDTH),
            boost: given(&compute.boost, 0.0),
            headroom: headroom(gpu),
            timing: Timing::default(),
            missing: None,
        }
    }

    /// A CPU socket: its cores are the units.
    pub fn of_cpu(cpu: &'a CpuSpec) -> Self {
        let rate = |figure: &Option<crate::spec::Figure<crate::units::FlopsPerSecond>>| {
            figure.as_ref().map_or(0.0, |figure| figure.value.0)
        };
        let memory = &cpu.memory;
        let mut peaks = [0.0; 8];
        peaks[index(Precision::Fp64)] = rate(&cpu.fp64);
        peaks[index(Precision::Fp32)] = cpu.fp32.value.0;
        peaks[index(Precision::Bf16)] = rate(&cpu.bf16);
        peaks[index(Precision::Int8)] = rate(&cpu.int8);
        Self {
            name: &cpu.name,
            units: u64::from(cpu.cores.value).max(1),
            clock_hz: cpu.clock.value.0,
            peaks,
            shares: [cpu.achievable.value.0; 8],
            bandwidth: memory.bandwidth.value.0 * memory.achievable.value.0,
            sheet_bandwidth: memory.bandwidth.value.0,
            ecc_share: memory.ecc_share(),
            cache: memory.l2.as_ref().map_or(0.0, |l2| l2.value.0),
            cache_per_clock: CACHE_PER_CLOCK,
            page_s: page_s(memory),
            launch_s: cpu.launch.value.0,
            attention: cpu.attention.value.0,
            array: cpu.array.as_ref().map_or(1, |side| u64::from(side.value)),
            vector_side: 1,
            balance_reuse: CPU_BALANCE_REUSE,
            units_for_bandwidth: UNITS_FOR_BANDWIDTH,
            boost: 0.0,
            headroom: 0.0,
            timing: Timing::default(),
            missing: None,
        }
    }

    /// The same device where one operand of products is nothing but zeros.
    pub fn with_zeros(self) -> Self {
        let timing = Timing {
            zeros: true,
            ..self.timing
        };
        Self { timing, ..self }
    }

    /// The same device in the middle of a workload: its clock has fallen to what the power limit
    /// allows.
    pub fn busy(self) -> Self {
        Self { boost: 0.0, ..self }
    }

    /// Device-seconds of work that takes so many at the lowered clock, on a share of the units:
    /// the clock falls within the time over which power is averaged, but not where nothing but
    /// zeros is multiplied, nor where power is no limit.
    ///
    /// It is faster by 1 + boost · A / (A + t), A that time and t how long the work takes.
    pub(super) fn at_its_clock(&self, compute_s: f64, share: f64) -> f64 {
        if self.timing.zeros || !self.has(Mechanism::Power) {
            return compute_s / (1.0 + self.headroom);
        }
        if self.boost == 0.0 {
            return compute_s;
        }
        let averaged = POWER_AVERAGE_S * share;
        compute_s * (averaged + compute_s) / ((1.0 + self.boost) * averaged + compute_s)
    }

    /// The same device as a model without one mechanism sees it.
    pub fn without(self, mechanism: Mechanism) -> Self {
        let mut device = Self {
            missing: Some(mechanism),
            ..self
        };
        match mechanism {
            Mechanism::Launch => device.launch_s = 0.0,
            Mechanism::Achievable => {
                device.shares = [1.0; 8];
                device.bandwidth = self.sheet_bandwidth;
                // They are relative to the shares, and a data sheet's peak is at the full clock.
                (device.boost, device.headroom) = (0.0, 0.0);
            }
            _ => {}
        }
        device
    }

    /// Whether one operand of products is nothing but zeros: no multiplier switches.
    pub fn has_zeros(&self) -> bool {
        self.timing.zeros
    }

    /// What is taken out of the model.
    pub fn missing(&self) -> Option<Mechanism> {
        self.missing
    }

    /// Whether a mechanism works.
    pub(super) fn has(&self, mechanism: Mechanism) -> bool {
        self.missing != Some(mechanism)
    }

    /// A constant of a mechanism, or what stands for it where that is taken out.
    pub(super) fn if_has(&self, mechanism: Mechanism, constant: f64, otherwise: f64) -> f64 {
        if self.has(mechanism) {
            constant
        } else {
            otherwise
        }
    }

    /// The format in which products of `precision` run: itself, or what stands in for it.
    ///
    /// TF32 runs as FP32. FP16 and BF16 stand in for each other, and for FP8 and FP4, whose numbers
    /// are unpacked on the way to the matrix units; where there are no 16-bit units either, all of
    /// them run as FP32 (V100, T4 and Pascal cards have no BF16, the A100 no FP8).
    ///
    /// # Errors
    /// There is no stand-in.
    pub fn runs_as(&self, precision: Precision) -> Result<Precision, Unsupported> {
        use Precision::{Bf16, Fp4, Fp8, Fp16, Fp32, Fp64, Int8, Tf32};
        let order: &[Precision] = match precision {
            Fp64 => &[Fp64],
            Fp32 => &[Fp32],
            Tf32 => &[Tf32, Fp32],
            Fp16 => &[Fp16, Bf16, Fp32],
            Bf16 => &[Bf16, Fp16, Fp32],
            Fp8 => &[Fp8, Bf16, Fp16, Fp32],
            Int8 => &[Int8],
            Fp4 => &[Fp4, Fp8, Bf16, Fp16, Fp32],
        };
        let found = order.iter().find(|other| self.peaks[index(**other)] > 0.0);
        found.copied().ok_or_else(|| self.unsupported(precision))
    }

    /// The format of activations in a workload of `precision`: its own, but for FP8 and FP4 that
    /// run as a wider one, of which only what rests in memory is narrow and is unpacked on the way.
    ///
    /// # Errors
    /// There is no stand-in.
    pub(super) fn held_as(&self, precision: Precision) -> Result<Precision, Unsupported> {
        let narrow = matches!(precision, Precision::Fp8 | Precision::Fp4);
        let runs_as = self.runs_as(precision)?;
        Ok(if narrow { runs_as } else { precision })
    }

    /// Side that products in a format are padded to: that of a systolic array or of a matrix tile.
    pub fn side(&self, precision: Precision) -> u64 {
        match self.runs_as(precision) {
            Ok(Precision::Fp64 | Precision::Fp32) if self.array <= MATRIX_SIDE => self.vector_side,
            _ => self.array,
        }
    }

    /// Rate of matrix products in a format or its stand-in \[FLOP/s\], from the datasheet.
    ///
    /// # Errors
    /// The format and its stand-ins are all absent.
    pub fn peak(&self, precision: Precision) -> Result<f64, Unsupported> {
        Ok(self.peaks[index(self.runs_as(precision)?)])
    }

    /// Rate of a large matrix product in a format \[FLOP/s\].
    ///
    /// # Errors
    /// As [`Device::peak`].
    pub fn rate(&self, precision: Precision) -> Result<f64, Unsupported> {
        let at = index(self.runs_as(precision)?);
        Ok(self.peaks[at] * self.shares[at])
    }

    /// FP32 instructions a second on a GPU whose vector units do what is between two products.
    pub(super) fn lanes_hz(&self) -> Option<f64> {
        let vector = self.peaks[index(Precision::Fp32)];
        (vector > 0.0 && self.array <= MATRIX_SIDE && self.vector_side > 1).then_some(vector / 2.0)
    }

    /// Rate of vector operations \[FLOP/s\].
    ///
    /// # Errors
    /// The device has neither an FP32 nor a 16-bit nor an 8-bit rate.
    pub fn vector_rate(&self) -> Result<f64, Unsupported> {
        use Precision::{Bf16, Fp16, Fp32, Int8};
        let rate = |format| self.peaks[index(format)];
        let matrix = rate(Bf16).max(rate(Fp16)).max(rate(Int8) / 2.0);
        match rate(Fp32) {
            vector if vector > 0.0 => Ok(vector),
            _ if matrix > 0.0 => Ok(matrix / MATRIX_PER_VECTOR),
            _ => Err(self.unsupported(Fp32)),
        }
    }

    pub(super) fn unsupported(&self, wanted: Precision) -> Unsupported {
        let available: Vec<&str> = FORMATS
            .into_iter()
            .filter(|format| self.peaks[index(*format)] > 0.0)
            .map(format_name)
            .collect();
        Unsupported {
            device: self.name.to_string(),
            wanted: format_name(wanted),
            available: match available.as_slice() {
                [] => "none at all".to_string(),
                names => names.join(", "),
            },
        }
    }
}

/// Clock of a GPU \[Hz\]: the nominal one, or as much above it as products run above the peak.
fn clock_hz(gpu: &GpuSpec) -> f64 {
    let compute = &gpu.compute;
    compute.clock.value.0 * compute.achievable.value.0.max(1.0)
}

/// Least time from one DRAM page opened to the next \[s\].
fn page_s(memory: &Memory) -> f64 {
    memory.page.as_ref().map_or(0.0, |figure| figure.value.0)
}

/// How much faster a GPU's large products run where power does not limit the clock, relative.
fn headroom(gpu: &GpuSpec) -> f64 {
    let compute = &gpu.compute;
    let limited = compute.achievable.value.0;
    let boost = compute.boost.as_ref().map_or(0.0, |figure| figure.value);
    let full = compute.at_full_clock.as_ref();
    full.map_or(0.0, |full| full.value.0 / limited - 1.0)
        .max(boost)
}

/// Time of one kernel, repeated as benchmarks repeat it, after which half of the fall of the clock
/// under a power limit is done \[s\]. Fitted on aicg-0273 to -0320 (L40S, 350 W): products of
/// 0.5 ms run at 252 TFLOP/s, of 10 ms at 205, of 97 ms at 182. Attention, whose units wait for
/// exponentials between products, draws less: prompts of 1 ms and of 124 ms run at the same rate.
const POWER_AVERAGE_S: f64 = 3.7e-3;

/// Share of the units that together draw the full VRAM bandwidth where nothing says otherwise:
/// reasoned, not fitted. By Little's law each of all units needs bandwidth · latency / units bytes
/// in flight (A100: about 1.8 TB/s · 600 ns / 108 = 10 kB); a tiled kernel's loads in flight cover
/// at least twice that (two stages of a 128 × 128 tile and 32 steps of K in 16 bit are 32 kB).
pub(super) const UNITS_FOR_BANDWIDTH: f64 = 0.5;

/// Side of the smallest tile of a GPU's matrix instructions (PTX ISA, `mma.m16n8k16`); its kernels
/// on vector units are cut alike.
const MATRIX_SIDE: u64 = 16;

/// On a GPU, where operands come through shared memory. Fitted on the A100, A40, H100, L40S and
/// B200 GEMM rows of the calibration set: flat from 6 to 12.
const GPU_BALANCE_REUSE: f64 = 8.0;

/// On a CPU: a core loads two vectors and issues two multiply-adds a clock (Intel 64 and IA-32
/// Optimization Reference Manual, Skylake and later; AMD's guides say the same from Zen 2 on).
const CPU_BALANCE_REUSE: f64 = 1.0;

/// Bytes that a unit draws from the last-level cache in a clock where nobody says: half of the 64 B
/// that its port takes (NVIDIA, "Dissecting Ampere", arXiv 2208.11174).
const CACHE_PER_CLOCK: f64 = 32.0;

/// Place in [`FORMATS`].
pub(super) fn index(precision: Precision) -> usize {
    precision as usize
}

/// A format as workload files write it.
pub fn format_name(precision: Precision) -> &'static str {
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
    use super::super::examples::{a100, figure};
    use super::*;

    #[test]
    fn formats_stand_at_their_index() {
        for (place, format) in FORMATS.into_iter().enumerate() {
            assert_eq!(index(format), place);
        }
    }

    #[test]
    fn absent_formats_run_as_their_stand_in_or_not_at_all() {
        let mut gpu = a100();
        assert_eq!(Device::of_gpu(&gpu).peak(Precision::Bf16), Ok(312e12));
        gpu.compute.peak.bf16 = None;
        let device = Device::of_gpu(&gpu);
        assert_eq!(device.runs_as(Precision::Bf16), Ok(Precision::Fp16));
        assert_eq!(device.runs_as(Precision::Fp8), Ok(Precision::Fp16));
        assert_eq!(Device::of_gpu(&gpu).peak(Precision::Fp8), Ok(312e12));
        assert_eq!(device.runs_as(Precision::Tf32), Ok(Precision::Fp32));
        let error = device.peak(Precision::Int8).expect_err("no int8");
        assert_eq!(
            error.to_string(),
            "`a100-sxm-80gb` has no int8 rate; it has fp32, fp16"
        );
    }

    #[test]
    fn products_above_the_peak_show_a_clock_above_the_nominal_one() {
        let mut gpu = a100();
        let nominal = gpu.compute.clock.value.0;
        assert_eq!(Device::of_gpu(&gpu).clock_hz, nominal);
        gpu.compute.achievable = figure(crate::spec::PeakShare(1.1));
        assert_eq!(Device::of_gpu(&gpu).clock_hz, 1.1 * nominal);
    }

    #[test]
    fn zeros_switch_no_multiplier_and_run_at_the_full_clock() {
        let gain = |device: Device<'_>, seconds: f64| seconds / device.at_its_clock(seconds, 1.0);
        let close = |ours: f64, exact: f64| assert!((ours / exact - 1.0).abs() < 1e-12, "{ours}");
        let zeros = |gpu: &GpuSpec| gain(Device::of_gpu(gpu).busy().with_zeros(), 1.0);
        let mut gpu = a100();
        close(zeros(&gpu), 1.0);
        gpu.compute.boost = Some(figure(0.3));
        close(zeros(&gpu), 1.3);
        let full = crate::spec::PeakShare(1.5 * gpu.compute.achievable.value.0);
        gpu.compute.at_full_clock = Some(figure(full));
        close(zeros(&gpu), 1.5);
        let device = Device::of_gpu(&gpu);
        // As long as power is averaged over: half of the boost is left; of a second, nothing.
        close(gain(device, POWER_AVERAGE_S), 1.15);
        assert!(gain(device, 1.0) < 1.01);
        close(gain(device.busy(), POWER_AVERAGE_S), 1.0);
        // Without a power limit everything runs so.
        close(gain(device.without(Mechanism::Power), 1.0), 1.5);
    }

    #[test]
    fn vector_rate_is_guessed_from_the_matrix_rate() {
        let mut gpu = a100();
        gpu.compute.peak.fp32 = None;
        assert_eq!(Device::of_gpu(&gpu).vector_rate(), Ok(19.5e12));
        gpu.compute.peak = crate::spec::Peaks::default();
        let error = Device::of_gpu(&gpu).vector_rate().expect_err("nothing");
        assert!(error.to_string().ends_with("none at all"));
    }
}
