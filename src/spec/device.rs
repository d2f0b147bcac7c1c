//! Catalogue files of hardware: GPUs, CPUs, switches, links.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::figure::{
    Amount, Figure, PeakShare, Share, above_zero, above_zero_if_any, bounded_if_any, factor_if_any,
};
use super::workload::Precision;
use crate::units::{Bytes, BytesPerSecond, FlopsPerSecond, Hertz, Seconds, Watts};

/// What kind of accelerator a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceClass {
    /// A graphics processor.
    #[default]
    Gpu,
    /// A tensor processor of Google's.
    Tpu,
    /// Another accelerator made for neural networks.
    Asic,
    /// A graphics processor that shares its chip and memory with CPU cores.
    Soc,
}

/// A GPU or another accelerator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuSpec {
    /// `gpu`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    pub title: String,
    /// What logs and papers call it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What kind of accelerator it is; a GPU where absent.
    #[serde(default)]
    pub class: DeviceClass,
    /// Maker.
    pub vendor: String,
    /// Year of launch.
    pub year: u16,
    /// Architecture family; unknown constants come from it.
    pub architecture: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// The processor.
    pub compute: Compute,
    /// Its memory.
    pub memory: Memory,
    /// Shortest time from one kernel to the next on the device \[s\]; the family's where absent.
    #[serde(default = "missing_time")]
    pub launch: Figure<Seconds>,
    /// Whether the driver allows peer-to-peer copies over PCIe.
    pub p2p_over_pcie: Figure<bool>,
    /// Board power.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub power: Option<Figure<Watts>>,
    /// Street or list price \[USD\], a hint.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub price_usd: Option<Figure<f64>>,
}

impl GpuSpec {
    /// The same with its clock and rates, and the bandwidth of its memory, times a factor each.
    #[must_use]
    pub fn scaled(&self, compute: f64, memory: f64) -> Self {
        let mut gpu = self.clone();
        let peak = &mut gpu.compute.peak;
        gpu.compute.clock.value.0 *= compute;
        for rate in [
            &mut peak.fp64,
            &mut peak.fp32,
            &mut peak.tf32,
            &mut peak.fp16,
            &mut peak.bf16,
            &mut peak.fp8,
            &mut peak.int8,
            &mut peak.fp4,
        ]
        .into_iter()
        .flatten()
        {
            rate.value.0 *= compute;
        }
        gpu.memory.bandwidth.value.0 *= memory;
        gpu
    }
}

/// Compute units and their rates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// Units that take one tile at a time (SMs, CUs).
    #[serde(deserialize_with = "above_zero")]
    pub units: Figure<u32>,
    /// Clock at which the peaks hold.
    #[serde(deserialize_with = "above_zero")]
    pub clock: Figure<Hertz>,
    /// Dense peak rates.
    pub peak: Peaks,
    /// Share of the dense matrix peak that a large GEMM reaches; the family's where absent, at the
    /// clock that the board's power allows.
    #[serde(default = "missing_peak_share")]
    pub achievable: Figure<PeakShare>,
    /// The same for single formats where it differs: narrow ones draw more power, and vector
    /// units reach more of their peak than matrix units.
    #[serde(default)]
    pub achievable_by_format: BTreeMap<Precision, Figure<PeakShare>>,
    /// Rate of fused attention relative to a large GEMM; the family's where absent.
    #[serde(default = "missing_share")]
    pub attention: Figure<Share>,
    /// Side of its systolic arrays: products are padded to it; the family's where absent.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub array: Option<Figure<u32>>,
    /// How much faster than `achievable` large products run before the power limit lowers the
    /// clock, relative; nothing where absent.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub boost: Option<Figure<f64>>,
    /// Share of the dense matrix peak that a large GEMM reaches where power does not limit the
    /// clock, as it does not where one operand is nothing but zeros; where absent, the family's
    /// where that gives `achievable`, or else what `boost` says.
    #[serde(default)]
    pub at_full_clock: Option<Figure<PeakShare>>,
    /// Share of the units that together draw the full VRAM bandwidth in a tiled kernel, above 1
    /// where even all of them cannot; the family's where absent.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub units_for_bandwidth: Option<Figure<f64>>,
    /// Bytes that a unit draws from the last-level cache in a clock; the family's where absent.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub cache_per_clock: Option<Figure<f64>>,
}

/// Dense peak rates with FP32 (or INT32) accumulation; a multiply-add counts as two.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peaks {
    /// Vector FP64.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp64: Option<Figure<FlopsPerSecond>>,
    /// Vector FP32.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp32: Option<Figure<FlopsPerSecond>>,
    /// Matrix TF32.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub tf32: Option<Figure<FlopsPerSecond>>,
    /// Matrix FP16.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp16: Option<Figure<FlopsPerSecond>>,
    /// Matrix BF16.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub bf16: Option<Figure<FlopsPerSecond>>,
    /// Matrix FP8.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp8: Option<Figure<FlopsPerSecond>>,
    /// Matrix INT8.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub int8: Option<Figure<FlopsPerSecond>>,
    /// Matrix FP4.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp4: Option<Figure<FlopsPerSecond>>,
}

impl Peaks {
    /// The rate in a format \[FLOP/s\], 0 for none.
    pub fn of(&self, format: Precision) -> f64 {
        let figure = match format {
            Precision::Fp64 => &self.fp64,
            Precision::Fp32 => &self.fp32,
            Precision::Tf32 => &self.tf32,
            Precision::Fp16 => &self.fp16,
            Precision::Bf16 => &self.bf16,
            Precision::Fp8 => &self.fp8,
            Precision::Int8 => &self.int8,
            Precision::Fp4 => &self.fp4,
        };
        figure.as_ref().map_or(0.0, |figure| figure.value.0)
    }
}

/// A device's or socket's memory.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// What its cells are; DRAM where absent.
    #[serde(default)]
    pub kind: Option<Figure<MemoryKind>>,
    /// Capacity.
    #[serde(deserialize_with = "above_zero")]
    pub size: Figure<Bytes>,
    /// Datasheet bandwidth, reads and writes together.
    #[serde(deserialize_with = "above_zero")]
    pub bandwidth: Figure<BytesPerSecond>,
    /// The lines that carry it, where their number and rate are public: a second way to the same
    /// figure, which the audit of the catalogue compares with it.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub bus: Option<Figure<Bus>>,
    /// Share of it that a large stream reaches, as the device ships; the family's where absent.
    #[serde(default = "missing_share")]
    pub achievable: Figure<Share>,
    /// Where its error-correcting code lies, if that costs capacity and bandwidth.
    #[serde(default)]
    pub ecc: Option<Figure<Ecc>>,
    /// Last-level cache: what is nearest to the memory and serves all units, whatever its maker
    /// calls it (an L3 or Infinity Cache where there is one behind the L2).
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub l2: Option<Figure<Bytes>>,
    /// Least time from the opening of one DRAM page to that of the next, over all channels.
    #[serde(default, deserialize_with = "page_time")]
    pub page: Option<Figure<Seconds>>,
}

/// No DRAM takes longer to open a page \[s\].
const LONGEST_PAGE: f64 = 1e-6;

fn page_time<'de, D>(d: D) -> Result<Option<Figure<Seconds>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    bounded_if_any(d, LONGEST_PAGE)
}

/// What the cells of a device's memory are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryKind {
    /// Chips of DRAM beside the processor: HBM, GDDR, LPDDR, DDR.
    Dram,
    /// SRAM of the processor itself, which has no other memory.
    Sram,
}

/// The data lines between a processor and its memory.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bus {
    /// How many there are.
    pub bits: u32,
    /// What each of them carries.
    pub pin: BytesPerSecond,
}

impl Bus {
    /// What all of them carry \[B/s\].
    pub fn bandwidth(&self) -> f64 {
        f64::from(self.bits) * self.pin.0
    }
}

impl Amount for Bus {
    fn amount(&self) -> f64 {
        self.bandwidth()
    }
}

/// Where an error-correcting code lies that is on as a device ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ecc {
    /// Beside the data, in the same chips (GDDR): it takes part of their capacity, and each access
    /// moves it too. Memory with chips of its own for the code (HBM) loses neither.
    Inline,
}

/// Share of a memory's capacity that is left beside an inline code: 48 GiB of an L40S, A40 or
/// A10 (24) and 16 of a T4 show as 46,068 (23,028, 15,360) MiB in `nvidia-smi`, 15 of 16 parts.
const INLINE_ECC_SIZE: f64 = 15.0 / 16.0;

/// Share of its bandwidth that is left beside an inline code. Fitted on an A40, whose streams were
/// measured without the code (stream-0009 to -0012: 0.96 of the data sheet, more than 15/16 could
/// give) and whose weight-bound products with it (vidur-0139 to -0202: 0.80, which is 0.85 of a
/// stream). Others found more: rendering lost 15 % on an A40 and an RTX 4090 (Chaos, "ECC State for
/// Nvidia GPUs"), MLPerf 19 to 26 % on a T4 (Jouppi and others, ISCA 2021).
const INLINE_ECC_BANDWIDTH: f64 = 0.89;

impl Memory {
    /// Whether an error-correcting code lies beside the data.
    pub fn has_inline_ecc(&self) -> bool {
        let ecc = self.ecc.as_ref();
        ecc.is_some_and(|figure| figure.value == Ecc::Inline)
    }

    /// Bytes that programs can use.
    pub fn usable(&self) -> f64 {
        let share = if self.has_inline_ecc() {
            INLINE_ECC_SIZE
        } else {
            1.0
        };
        share * self.size.value.0
    }

    /// Share of the bandwidth that an inline code leaves, 1 without one.
    pub fn ecc_share(&self) -> f64 {
        if self.has_inline_ecc() {
            INLINE_ECC_BANDWIDTH
        } else {
            1.0
        }
    }
}

/// A CPU socket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuSpec {
    /// `cpu`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    pub title: String,
    /// What logs and papers call it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Maker.
    pub vendor: String,
    /// Year of launch.
    pub year: u16,
    /// Architecture family; unknown constants come from it.
    pub architecture: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Cores.
    #[serde(deserialize_with = "above_zero")]
    pub cores: Figure<u32>,
    /// Base clock.
    #[serde(deserialize_with = "above_zero")]
    pub clock: Figure<Hertz>,
    /// FP32 vector peak.
    #[serde(deserialize_with = "above_zero")]
    pub fp32: Figure<FlopsPerSecond>,
    /// FP64 vector peak.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub fp64: Option<Figure<FlopsPerSecond>>,
    /// BF16 matrix peak (AMX and its like).
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub bf16: Option<Figure<FlopsPerSecond>>,
    /// INT8 matrix peak.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub int8: Option<Figure<FlopsPerSecond>>,
    /// Share of the peak that a large GEMM reaches; the family's where absent.
    #[serde(default = "missing_peak_share")]
    pub achievable: Figure<PeakShare>,
    /// Rate of fused attention relative to a large GEMM; the family's where absent.
    #[serde(default = "missing_share")]
    pub attention: Figure<Share>,
    /// Time to wake its threads for a kernel \[s\]; the family's where absent.
    #[serde(default = "missing_time")]
    pub launch: Figure<Seconds>,
    /// Side of the tiles of its matrix units (AMX); the family's where absent.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub array: Option<Figure<u32>>,
    /// The socket's memory.
    pub memory: Memory,
    /// Rate at which copies between cards pass through its memory, writes and reads together,
    /// where that is less than the memory's own.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub staging: Option<Figure<BytesPerSecond>>,
    /// Time of one thread to issue a kernel, relative to the framework's reference host.
    #[serde(deserialize_with = "above_zero")]
    pub host_slowdown: Figure<f64>,
    /// Power.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub power: Option<Figure<Watts>>,
    /// Price \[USD\], a hint.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub price_usd: Option<Figure<f64>>,
}

impl CpuSpec {
    /// The same with its clock, rates and speed of issuing kernels, and the bandwidth of its
    /// memory, times a factor each.
    #[must_use]
    pub fn scaled(&self, compute: f64, memory: f64) -> Self {
        let mut cpu = self.clone();
        cpu.clock.value.0 *= compute;
        cpu.fp32.value.0 *= compute;
        let rates = [&mut cpu.fp64, &mut cpu.bf16, &mut cpu.int8];
        for rate in rates.into_iter().flatten() {
            rate.value.0 *= compute;
        }
        cpu.host_slowdown.value /= compute;
        cpu.memory.bandwidth.value.0 *= memory;
        if let Some(staging) = &mut cpu.staging {
            staging.value.0 *= memory;
        }
        cpu
    }
}

fn missing_share() -> Figure<Share> {
    Figure::missing(Share(1.0))
}

fn missing_peak_share() -> Figure<PeakShare> {
    Figure::missing(PeakShare(1.0))
}

fn missing_time() -> Figure<Seconds> {
    Figure::missing(Seconds(0.0))
}

/// What a link or switch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkClass {
    /// NVLink, xGMI between GPUs and their like.
    GpuLink,
    /// PCI Express.
    Pcie,
    /// Between CPU sockets.
    Socket,
    /// Between machines.
    Network,
}

/// A switch. Its ports are its links; inside it is non-blocking.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchSpec {
    /// `switch`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Fabric it belongs to.
    pub class: LinkClass,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Time through it.
    #[serde(default)]
    pub latency: Option<Figure<Seconds>>,
    /// Whether it is a root complex of a CPU rather than a switch of the board.
    #[serde(default)]
    pub host_bridge: bool,
    /// Whether it can add up what passes and send the sum to several ports (NVLS, SHARP).
    #[serde(default)]
    pub reduces: Option<Figure<bool>>,
}

/// A link between two devices; every rate is one direction unless it says otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// `link`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Fabric it belongs to.
    pub class: LinkClass,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Signalling rate of one direction.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub raw: Option<Figure<BytesPerSecond>>,
    /// What one large copy reaches in one direction.
    #[serde(deserialize_with = "above_zero")]
    pub bandwidth: Figure<BytesPerSecond>,
    /// What both directions reach together when both run; absent where they do not disturb
    /// each other.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub both_directions: Option<Figure<BytesPerSecond>>,
    /// The same, but only for traffic from and to host memory.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub both_directions_host: Option<Figure<BytesPerSecond>>,
    /// What the kernels of a collective library reach in one direction, where it differs.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub collective: Option<Figure<BytesPerSecond>>,
    /// What those kernels reach in both directions together from and to host memory.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub collective_both_host: Option<Figure<BytesPerSecond>>,
    /// Time of the first byte.
    pub latency: Figure<Seconds>,
}
