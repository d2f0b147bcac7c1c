//! Figures of the catalogue against each other and against arithmetic.

use narrows::catalog::Catalog;
use narrows::kernel::Device;
use narrows::spec::{CpuSpec, DeviceClass, Figure, GpuSpec, Kind};
use narrows::units::FlopsPerSecond;
use std::sync::Arc;

fn catalog() -> Catalog {
    Catalog::shipped().unwrap()
}

fn gpus(catalog: &Catalog) -> Vec<Arc<GpuSpec>> {
    let names = catalog.names(Kind::Gpu);
    names
        .iter()
        .map(|name| catalog.get(name).unwrap())
        .collect()
}

fn rate(figure: &Option<Figure<FlopsPerSecond>>) -> Option<f64> {
    figure.as_ref().map(|figure| figure.value.0)
}

/// Dense 16-bit matrix operations of one unit and clock, the most that each family has (hardware
/// notes: 1024 from Volta to Ada, of which GeForce cards do half with FP32 accumulation, 2048 on
/// GA100, 4096 on Hopper, 8192 on Blackwell). A sparse peak is twice that.
fn most_per_clock(architecture: &str) -> Option<f64> {
    Some(match architecture {
        "volta" | "turing" | "ampere-rtx" | "ada" | "blackwell-rtx" => 1024.0,
        "turing-geforce" | "ampere-geforce" | "ada-geforce" | "blackwell-geforce" => 512.0,
        "ampere" => 2048.0,
        "hopper" => 4096.0,
        "blackwell" => 8192.0,
        _ => return None,
    })
}

#[test]
fn every_device_is_complete_and_has_sources() {
    let catalog = catalog();
    for gpu in gpus(&catalog) {
        let memory = &gpu.memory;
        let sources = [
            &gpu.compute.units.source,
            &gpu.compute.clock.source,
            &gpu.compute.achievable.source,
            &gpu.compute.attention.source,
            &memory.size.source,
            &memory.bandwidth.source,
            &memory.achievable.source,
            &gpu.launch.source,
            &gpu.p2p_over_pcie.source,
        ];
        assert!(
            sources.iter().all(|source| !source.is_empty()),
            "{}",
            gpu.name
        );
        let device = Device::of_gpu(&gpu);
        assert!(device.vector_rate().is_ok(), "{}", gpu.name);
    }
    for name in catalog.names(Kind::Cpu) {
        let cpu = catalog.get::<CpuSpec>(name).unwrap();
        assert!(!cpu.achievable.source.is_empty(), "{name}");
    }
}

#[test]
fn estimates_carry_their_reasoning() {
    fn reasoned<T>(figure: &Figure<T>) -> bool {
        !figure.estimate || figure.note.is_some()
    }
    for gpu in gpus(&catalog()) {
        assert!(reasoned(&gpu.compute.achievable), "{}", gpu.name);
        assert!(reasoned(&gpu.memory.achievable), "{}", gpu.name);
    }
}

#[test]
fn no_peak_is_sparse() {
    for gpu in gpus(&catalog()) {
        let (Some(most), Some(peak)) = (
            most_per_clock(&gpu.architecture),
            rate(&gpu.compute.peak.bf16).or(rate(&gpu.compute.peak.fp16)),
        ) else {
            continue;
        };
        let units = f64::from(gpu.compute.units.value);
        // Some sheets assume a clock a few per cent above the nominal boost.
        let limit = most * units * gpu.compute.clock.value.0 * 1.05;
        assert!(peak <= limit, "{}: {peak:e} of {limit:e}", gpu.name);
    }
}

#[test]
fn narrow_formats_are_at_most_twice_the_next_wider_one() {
    for gpu in gpus(&catalog()) {
        let peak = &gpu.compute.peak;
        let wide = rate(&peak.bf16).or(rate(&peak.fp16));
        if gpu.class != DeviceClass::Gpu {
            continue;
        }
        for (narrow, wider) in [(rate(&peak.fp8), wide), (rate(&peak.fp4), rate(&peak.fp8))] {
            if let (Some(narrow), Some(wider)) = (narrow, wider) {
                // Blackwell Ultra triples FP4; GeForce cards halve FP8 with FP32 accumulation.
                let most = match gpu.architecture.as_str() {
                    "blackwell" if gpu.name.contains("b300") => 3.15,
                    "blackwell-rtx" | "blackwell-geforce" => 4.05,
                    _ => 2.05,
                };
                assert!(narrow <= most * wider, "{}", gpu.name);
            }
        }
    }
}

#[test]
fn vector_peaks_follow_units_and_clock() {
    for gpu in gpus(&catalog()) {
        let nvidia = gpu.vendor == "NVIDIA";
        let (Some(peak), true) = (rate(&gpu.compute.peak.fp32), nvidia) else {
            continue;
        };
        let per_clock = peak / f64::from(gpu.compute.units.value) / gpu.compute.clock.value.0;
        // 64 to 192 lanes, two operations each.
        assert!(
            (60.0..400.0).contains(&per_clock),
            "{}: {per_clock}",
            gpu.name
        );
    }
}

#[test]
fn names_asked_for_are_there() {
    let catalog = catalog();
    let names = "cpu-8-core rtx-3070 gtx-580-3gb p100-sxm2-16gb v100-sxm2-16gb t4 a100-sxm-40gb \
        a100-sxm-80gb a100-pcie-80gb h100-sxm-80gb h100-pcie-80gb l40 l40s mi300x mi300a tpu-v1 \
        tpu-v2 tpu-v3 tpu-v4 tpu-v5e tpu-v5p trainium1 trainium2 inferentia2 mtia-v1 maia-100 \
        apple-m1 apple-m2 gh200-96gb b200-sxm";
    for name in names.split_whitespace() {
        assert!(catalog.device(name).is_ok(), "{name}");
    }
}

#[test]
fn sizes_are_binary_and_bandwidths_decimal() {
    for gpu in gpus(&catalog()) {
        let size = gpu.memory.size.value.0;
        let gib = size / f64::from(1u32 << 30);
        let gb = size / 1e9;
        let round = |value: f64| (value * 10.0).fract().abs() < 1e-6;
        assert!(round(gib) || round(gb), "{}: {size}", gpu.name);
    }
}
