//! Catalogue files of architecture families: what kernels reach on devices that nobody measured.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::device::{CpuSpec, GpuSpec, Peaks};
use super::figure::{Figure, PeakShare, Share, above_zero_if_any, factor_if_any};
use super::workload::Precision;
use crate::units::{FlopsPerSecond, Seconds, Watts};

/// What kernels reach on the devices of an architecture, where a device's own file does not say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilySpec {
    /// `family`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    pub title: String,
    /// Architectures it speaks for.
    pub covers: Vec<String>,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Share of the dense matrix peak that a large GEMM reaches where power is no limit.
    pub achievable: Figure<PeakShare>,
    /// Dense 16-bit rate that a watt of board power keeps up at the nominal clock; no limit where
    /// absent.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub rate_per_watt: Option<Figure<FlopsPerSecond>>,
    /// The same for single formats where it differs.
    #[serde(default)]
    pub achievable_by_format: BTreeMap<Precision, Figure<PeakShare>>,
    /// Rate of fused attention relative to a large GEMM.
    pub attention: Figure<Share>,
    /// Side of the systolic arrays or matrix tiles that products are padded to.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub array: Option<Figure<u32>>,
    /// Share of the units that together draw the full VRAM bandwidth in a tiled kernel.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub units_for_bandwidth: Option<Figure<f64>>,
    /// Bytes that a unit draws from the last-level cache in a clock.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub cache_per_clock: Option<Figure<f64>>,
    /// Share of the memory's bandwidth that a large stream reaches without an inline
    /// error-correcting code.
    pub memory: Figure<Share>,
    /// Shortest time from one kernel to the next.
    pub launch: Figure<Seconds>,
}

impl FamilySpec {
    /// Fills in what a GPU's file leaves to its family.
    pub fn complete_gpu(&self, gpu: &mut GpuSpec) {
        let compute = &mut gpu.compute;
        // What a device says of itself outranks all that its family says of large products.
        if compute.achievable.is_missing() {
            for (format, share) in &self.achievable_by_format {
                compute
                    .achievable_by_format
                    .entry(*format)
                    .or_insert_with(|| self.figure(share));
            }
            let clock = self.clock_share(&compute.peak, gpu.power.as_ref());
            compute.achievable = self.figure(&self.achievable);
            compute.achievable.value.0 *= clock;
            if compute.at_full_clock.is_none() && self.rate_per_watt.is_some() {
                compute.at_full_clock = Some(self.figure(&self.achievable));
            }
        }
        self.fill(&mut compute.attention, &self.attention);
        self.fill_if_any(&mut compute.array, &self.array);
        self.fill_if_any(&mut compute.units_for_bandwidth, &self.units_for_bandwidth);
        self.fill_if_any(&mut compute.cache_per_clock, &self.cache_per_clock);
        if gpu.memory.achievable.is_missing() {
            gpu.memory.achievable = self.figure(&self.memory);
            gpu.memory.achievable.value.0 *= gpu.memory.ecc_share();
        }
        self.fill(&mut gpu.launch, &self.launch);
    }

    /// Share of the nominal clock at which a board's power feeds large products.
    ///
    /// Power grows with the clock and the square of the voltage, and the voltage with the clock
    /// where it is not at its floor: between the second and the third power of the clock. Two
    /// boards of one chip, H100 SXM (700 W) and PCIe (350 W), lie on the second.
    pub fn clock_share(&self, peak: &Peaks, power: Option<&Figure<Watts>>) -> f64 {
        let rate = peak.of(Precision::Bf16).max(peak.of(Precision::Fp16));
        match (&self.rate_per_watt, power) {
            (Some(per_watt), Some(power)) if rate > 0.0 => {
                (per_watt.value.0 * power.value.0 / rate).sqrt().min(1.0)
            }
            _ => 1.0,
        }
    }

    /// Fills in what a CPU's file leaves to its family.
    pub fn complete_cpu(&self, cpu: &mut CpuSpec) {
        self.fill(&mut cpu.achievable, &self.achievable);
        self.fill(&mut cpu.attention, &self.attention);
        self.fill(&mut cpu.launch, &self.launch);
        self.fill_if_any(&mut cpu.array, &self.array);
        self.fill(&mut cpu.memory.achievable, &self.memory);
    }

    fn fill<T: Clone>(&self, own: &mut Figure<T>, family: &Figure<T>) {
        if own.is_missing() {
            *own = self.figure(family);
        }
    }

    fn fill_if_any<T: Clone>(&self, own: &mut Option<Figure<T>>, family: &Option<Figure<T>>) {
        if own.is_none() {
            *own = family.as_ref().map(|figure| self.figure(figure));
        }
    }

    /// A figure of this family as one of a device's.
    fn figure<T: Clone>(&self, figure: &Figure<T>) -> Figure<T> {
        Figure {
            value: figure.value.clone(),
            source: format!("family {}", self.name),
            note: figure.note.clone(),
            estimate: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Source, parse};

    const FAMILY: &str = "
kind: family
name: ada
title: Ada
covers: [ada]
achievable: {value: 0.9, source: t}
rate_per_watt: {value: 0.75 TFLOP/s, source: t}
attention: {value: 0.7, source: t}
memory: {value: 0.9, source: t}
launch: {value: 2 us, source: t}
";

    const CARD: &str = "
kind: gpu
name: card
title: Card
vendor: NVIDIA
year: 2023
architecture: ada
compute:
  units: {value: 100, source: t}
  clock: {value: 2 GHz, source: t}
  peak:
    fp32: {value: 25 TFLOP/s, source: t}
    bf16: {value: 200 TFLOP/s, source: t}
memory:
  size: {value: 48 GiB, source: t}
  bandwidth: {value: 800 GB/s, source: t}
power: {value: 300 W, source: t}
p2p_over_pcie: {value: true, source: t}
";

    fn completed(card: &str) -> GpuSpec {
        let family: FamilySpec = parse(&Source::new("ada.yaml", FAMILY)).expect("valid");
        let mut gpu = parse(&Source::new("card.yaml", card)).expect("valid");
        family.complete_gpu(&mut gpu);
        gpu
    }

    #[test]
    fn power_lowers_the_clock_as_its_square_root() {
        // 225 TFLOP/s of power for 200: no limit.
        assert_eq!(completed(CARD).compute.achievable.value.0, 0.9);
        let full = |card: &str| {
            completed(card)
                .compute
                .at_full_clock
                .map(|full| full.value.0)
        };
        assert_eq!(full(CARD), Some(0.9));
        let thirsty = CARD.replace("300 W", "66.67 W");
        let share = completed(&thirsty).compute.achievable.value.0;
        assert!((share / 0.45 - 1.0).abs() < 1e-4, "{share}");
        assert_eq!(full(&thirsty), Some(0.9));
    }

    #[test]
    fn an_inline_code_costs_bandwidth_and_capacity() {
        let plain = completed(CARD).memory;
        assert_eq!(plain.achievable.value.0, 0.9);
        assert_eq!(plain.usable(), 48.0 * 1024f64.powi(3));
        let ecc = "memory:\n  ecc: {value: inline, source: t}";
        let coded = completed(&CARD.replace("memory:", ecc)).memory;
        assert!((coded.achievable.value.0 - 0.801).abs() < 1e-12);
        assert_eq!(coded.usable(), 45.0 * 1024f64.powi(3));
    }

    #[test]
    fn what_a_device_says_of_itself_stays() {
        let own = "units: {value: 100, source: t}\n  achievable: {value: 1.1, source: t}";
        let card = CARD.replace("units: {value: 100, source: t}", own);
        let card = card.replace("300 W", "10 W");
        assert_eq!(completed(&card).compute.achievable.value.0, 1.1);
    }
}
