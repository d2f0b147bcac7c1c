//! Peaks are dense: no more than units, clock and what a unit does in a clock give.

use narrows::spec::Precision::{self, Bf16, Fp4, Fp8, Fp16, Fp32, Fp64, Int8, Tf32};
use narrows::spec::{CpuSpec, Figure, GpuSpec};
use narrows::units::FlopsPerSecond;

use super::{cpus, gpus};

/// The columns of the tables.
const FORMATS: [Precision; 8] = [Fp64, Fp32, Tf32, Fp16, Bf16, Fp8, Int8, Fp4];

/// Some sheets assume a clock a few per cent above the one they print.
const TOLERANCE: f64 = 0.05;

/// A clock that its maker does not publish is an estimate in the file, and may be further off.
const TOLERANCE_OF_ESTIMATES: f64 = 0.10;

/// What each format does in a clock, a multiply-add counted as two; 0 for what there is not.
enum Rates {
    /// Of one unit.
    Unit([f64; 8]),
    /// Of the whole chip, whose units differ among themselves.
    Chip([f64; 8]),
    /// Not public, for this reason.
    Unknown(&'static str),
}
use Rates::{Chip, Unit, Unknown};

/// Chips of an architecture of one design: those launched from a year on, or only these boards.
struct Design(&'static str, u16, &'static [&'static str], Rates);

/// All chips of an architecture.
const fn all(architecture: &'static str, unit: [f64; 8]) -> Design {
    since(architecture, 0, unit)
}

/// Its chips from a year on.
const fn since(architecture: &'static str, year: u16, unit: [f64; 8]) -> Design {
    Design(architecture, year, &[], Unit(unit))
}

/// Only these boards of it.
const fn only(
    architecture: &'static str,
    boards: &'static [&'static str],
    unit: [f64; 8],
) -> Design {
    Design(architecture, 0, boards, Unit(unit))
}

/// NVIDIA: two for each lane, and dense tensor operations with FP32 accumulation, which GeForce
/// cards do at half the rate (whitepapers of the architectures).
const NVIDIA: &[Design] = &[
    all("fermi", [8., 64., 0., 0., 0., 0., 0., 0.]),
    all("kepler", [128., 384., 0., 0., 0., 0., 0., 0.]),
    all("maxwell", [8., 256., 0., 0., 0., 0., 0., 0.]),
    all("pascal", [8., 256., 0., 0., 0., 0., 1024., 0.]),
    only(
        "pascal",
        &["p100-pcie-16gb", "p100-sxm2-16gb"],
        [64., 128., 0., 256., 0., 0., 0., 0.],
    ),
    all("volta", [64., 128., 0., 1024., 0., 0., 0., 0.]),
    all("turing", [4., 128., 0., 1024., 0., 0., 2048., 0.]),
    all("turing-geforce", [4., 128., 0., 512., 0., 0., 2048., 0.]),
    all("ampere", [64., 128., 1024., 2048., 2048., 0., 4096., 0.]),
    // GA10B has the tensor cores of a GA100 and the lanes of a GA102.
    only(
        "ampere",
        &["jetson-agx-orin"],
        [0., 256., 1024., 2048., 2048., 0., 4096., 0.],
    ),
    all("ampere-rtx", [4., 256., 512., 1024., 1024., 0., 2048., 0.]),
    // Sold to one cloud, with the tensor cores at half their rate.
    only(
        "ampere-rtx",
        &["a10g"],
        [4., 256., 256., 512., 512., 0., 1024., 0.],
    ),
    all(
        "ampere-geforce",
        [4., 256., 256., 512., 512., 0., 2048., 0.],
    ),
    all("ada", [4., 256., 512., 1024., 1024., 2048., 2048., 0.]),
    // The same: half of an L40S on the same die.
    only(
        "ada",
        &["l40"],
        [4., 256., 256., 512., 512., 1024., 1024., 0.],
    ),
    all(
        "ada-geforce",
        [4., 256., 256., 512., 512., 1024., 2048., 0.],
    ),
    all(
        "hopper",
        [128., 256., 2048., 4096., 4096., 8192., 8192., 0.],
    ),
    // Cut for export: FP64 of the one, FP64 and tensor cores of the other, whose FP64 is
    // printed as 1 TFLOP/s, which is between 4 and 8 a clock.
    only(
        "hopper",
        &["h800-sxm-80gb"],
        [4., 256., 2048., 4096., 4096., 8192., 8192., 0.],
    ),
    only(
        "hopper",
        &["h20-96gb"],
        [8., 256., 512., 1024., 1024., 2048., 2048., 0.],
    ),
    all(
        "blackwell",
        [128., 256., 4096., 8192., 8192., 16384., 16384., 32768.],
    ),
    // Blackwell Ultra: half as much FP4 again, hardly any FP64, and INT8 on the lanes alone.
    since(
        "blackwell",
        2025,
        [4., 256., 4096., 8192., 8192., 16384., 512., 49152.],
    ),
    all(
        "blackwell-rtx",
        [4., 256., 512., 1024., 1024., 2048., 2048., 4096.],
    ),
    all(
        "blackwell-geforce",
        [4., 256., 256., 512., 512., 1024., 2048., 4096.],
    ),
];

/// AMD (white papers of CDNA 1 to 4: FLOP a clock and compute unit), Intel and Apple (128 lanes of
/// a core).
const OTHER_GPUS: &[Design] = &[
    all("gcn", [8., 128., 0., 256., 0., 0., 0., 0.]),
    since("cdna", 2020, [64., 128., 0., 1024., 512., 0., 1024., 0.]),
    since("cdna", 2021, [128., 128., 0., 1024., 1024., 0., 1024., 0.]),
    since(
        "cdna",
        2023,
        [128., 256., 1024., 2048., 2048., 4096., 4096., 0.],
    ),
    since(
        "cdna",
        2025,
        [128., 256., 0., 4096., 4096., 8192., 8192., 16384.],
    ),
    // No matrix cores; RDNA 3 issues two operations at once.
    since("rdna", 2020, [8., 128., 0., 256., 0., 0., 512., 0.]),
    since("rdna", 2022, [8., 256., 0., 512., 512., 0., 512., 0.]),
    all("xe2", [0., 256., 0., 2048., 2048., 0., 4096., 0.]),
    all("apple", [0., 256., 0., 256., 0., 0., 0., 0.]),
];

/// FLOP a clock of an array of 128 x 128, and of one of 256 x 256.
const ARRAY: f64 = 2. * 128. * 128.;
const LARGE: f64 = 2. * 256. * 256.;

/// Why nothing is known of some.
const HIDDEN: &str = "neither a clock nor the products of a cycle are published";

/// Accelerators: systolic arrays of so many products a clock.
const ACCELERATORS: &[Design] = &[
    since("tpu", 2015, [0., 0., 0., 0., 0., 0., LARGE, 0.]),
    since("tpu", 2017, [0., 2048., 0., 0., ARRAY, 0., 0., 0.]),
    since("tpu", 2018, [0., 2048., 0., 0., 2. * ARRAY, 0., 0., 0.]),
    since(
        "tpu",
        2020,
        [0., 0., 0., 0., 4. * ARRAY, 0., 4. * ARRAY, 0.],
    ),
    since(
        "tpu",
        2023,
        [0., 0., 0., 0., 4. * ARRAY, 4. * ARRAY, 8. * ARRAY, 0.],
    ),
    since(
        "tpu",
        2024,
        [0., 0., 0., 0., 4. * LARGE, 4. * LARGE, 8. * LARGE, 0.],
    ),
    since(
        "tpu",
        2025,
        [0., 0., 0., 0., 4. * LARGE, 8. * LARGE, 0., 0.],
    ),
    // Matrix engines beside tensor cores: two of 256 x 256, then eight.
    Design("gaudi", 2019, &[], Unknown(HIDDEN)),
    Design(
        "gaudi",
        2022,
        &[],
        Chip([0., 0., 0., 0., 2. * LARGE, 4. * LARGE, 0., 0.]),
    ),
    Design(
        "gaudi",
        2024,
        &[],
        Chip([
            0.,
            LARGE,
            2. * LARGE,
            2. * LARGE,
            8. * LARGE,
            8. * LARGE,
            0.,
            0.,
        ]),
    ),
    // A tensor engine of 128 x 128 in each core (guides for NKI).
    Design("neuron", 2019, &[], Unknown(HIDDEN)),
    since(
        "neuron",
        2022,
        [0., ARRAY / 4., ARRAY, ARRAY, ARRAY, ARRAY, 2. * ARRAY, 0.],
    ),
    since(
        "neuron",
        2024,
        [0., ARRAY / 4., ARRAY, ARRAY, ARRAY, 2. * ARRAY, 0., 0.],
    ),
    since("mtia", 2023, [0., 0., 0., 1024., 1024., 0., 2048., 0.]),
    since("mtia", 2024, [0., 32., 0., 2048., 2048., 0., 4096., 0.]),
    Design("maia", 0, &[], Unknown(HIDDEN)),
    all("ascend", [0., 0., 0., 8192., 0., 0., 16384., 0.]),
    all("ipu", [0., 32., 0., 64., 0., 0., 0., 0.]),
];

/// All of them.
fn designs() -> impl Iterator<Item = &'static Design> {
    NVIDIA.iter().chain(OTHER_GPUS).chain(ACCELERATORS)
}

impl Design {
    fn names(&self, gpu: &GpuSpec) -> bool {
        self.2.contains(&gpu.name.as_str())
    }

    fn covers(&self, gpu: &GpuSpec) -> bool {
        self.0 == gpu.architecture && self.1 <= gpu.year && (self.2.is_empty() || self.names(gpu))
    }

    /// Which of the designs a device has: the one that names it, else the latest before it.
    fn of(gpu: &GpuSpec) -> &'static Self {
        designs()
            .filter(|design| design.covers(gpu))
            .max_by_key(|design| (design.names(gpu), design.1))
            .unwrap_or_else(|| panic!("{}: no design of `{}`", gpu.name, gpu.architecture))
    }

    /// The most that each format may have \[FLOP/s\], where that is public.
    fn limits(&self, gpu: &GpuSpec) -> Option<[f64; 8]> {
        let compute = &gpu.compute;
        let (rates, units) = match &self.3 {
            Unit(rates) => (rates, f64::from(compute.units.value)),
            Chip(rates) => (rates, 1.0),
            Unknown(reason) => {
                assert!(!reason.is_empty() && compute.clock.estimate, "{}", gpu.name);
                return None;
            }
        };
        let tolerance = if compute.clock.estimate {
            TOLERANCE_OF_ESTIMATES
        } else {
            TOLERANCE
        };
        Some(rates.map(|rate| rate * units * compute.clock.value.0 * (1.0 + tolerance)))
    }
}

/// A peak that exceeds its limit is sparse, and one whose double does not is not held by it.
fn is_at_most(peak: f64, limit: f64, place: &str) {
    assert!(peak <= limit, "{place}");
    assert!(
        peak == 0.0 || 2.0 * peak > limit,
        "{place}: its double would pass"
    );
}

#[test]
fn peaks_are_what_units_and_clock_give_and_sparse_ones_are_not() {
    for gpu in gpus() {
        let Some(limits) = Design::of(&gpu).limits(&gpu) else {
            continue;
        };
        for (format, limit) in FORMATS.into_iter().zip(limits) {
            let peak = gpu.compute.peak.of(format);
            let place = format!("{}, {format:?}: {peak:e} of {limit:e}", gpu.name);
            is_at_most(peak, limit, &place);
        }
    }
}

#[test]
fn no_design_of_the_table_is_left_over() {
    let used: Vec<*const Design> = gpus().iter().map(|gpu| Design::of(gpu) as _).collect();
    for design in designs() {
        let used = used.contains(&std::ptr::from_ref(design));
        assert!(used, "{} {}", design.0, design.1);
    }
}

/// FLOP of a core and cycle in FP64, FP32, BF16 and INT8: two pipes of 256 bits (AVX2, and AVX-512
/// in halves) or of 512, four of 128; tiles (AMX) 1024 and 2048, and before them AVX-512 with
/// products of BF16 and INT8.
fn per_cycle(architecture: &str) -> Option<[f64; 4]> {
    Some(match architecture {
        "cortex-a78" => [8., 16., 0., 0.],
        "broadwell" | "coffee-lake" | "raptor-lake" | "zen2" | "zen3" | "zen4" | "neoverse-v2"
        | "firestorm" => [16., 32., 0., 0.],
        "skylake" | "cascade-lake" | "ice-lake" | "zen5" => [32., 64., 0., 0.],
        "cooper-lake" => [32., 64., 128., 256.],
        "sapphire-rapids" | "emerald-rapids" | "granite-rapids" => [32., 64., 1024., 2048.],
        _ => return None,
    })
}

/// CPU peaks are those of the base clock.
#[test]
fn peaks_of_cpus_are_what_cores_and_clock_give() {
    fn rate(figure: &Option<Figure<FlopsPerSecond>>) -> f64 {
        figure.as_ref().map_or(0.0, |figure| figure.value.0)
    }
    let peaks = |cpu: &CpuSpec| {
        let others = [&cpu.fp64, &cpu.bf16, &cpu.int8].map(rate);
        [others[0], cpu.fp32.value.0, others[1], others[2]]
    };
    for cpu in cpus() {
        let flops = per_cycle(&cpu.architecture).unwrap_or_else(|| panic!("{}", cpu.name));
        let cycles = f64::from(cpu.cores.value) * cpu.clock.value.0;
        for (peak, flop) in peaks(&cpu).into_iter().zip(flops) {
            // Printed with three digits.
            let limit = 1.01 * flop * cycles;
            let place = format!("{}: {peak:e} of {limit:e}", cpu.name);
            is_at_most(peak, limit, &place);
        }
    }
}
