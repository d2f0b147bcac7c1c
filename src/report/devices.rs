//! Devices side by side: what each can do, and how far computing has run ahead of memory.

use serde::Serialize;
use std::collections::BTreeMap;

use super::draw::{
    Bar, Bars, Chart, Measure, RenderError, Rendered, Sweep, SweepPoint, SweepSeries, render,
};
use super::tables::table;
use crate::catalog::{AnyDevice, Catalog};
use crate::spec::{CpuSpec, DeviceClass, Diagnostic, GpuSpec, Kind};
use crate::units::{bytes_iec, rate, si};

/// One device in a list.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceRecord {
    /// Name in the catalogue.
    pub name: String,
    /// `gpu`, `tpu`, `asic`, `soc` or `cpu`.
    pub class: &'static str,
    /// Maker.
    pub vendor: String,
    /// Architecture family.
    pub architecture: String,
    /// Year of launch.
    pub year: u16,
    /// Compute units.
    pub units: u32,
    /// Dense 16-bit matrix peak, or the vector peak where there is none \[FLOP/s\].
    pub flops_per_s: f64,
    /// Memory \[B\].
    pub memory_bytes: f64,
    /// Its datasheet bandwidth \[B/s\].
    pub bandwidth: f64,
    /// Operations for each byte at which both limits meet.
    pub ridge: f64,
    /// Whether what products or what streams reach was measured on it.
    pub measured: bool,
}

impl DeviceRecord {
    /// A GPU or another accelerator.
    pub fn of_gpu(gpu: &GpuSpec) -> Self {
        let peak = &gpu.compute.peak;
        let all = [&peak.bf16, &peak.fp16, &peak.fp32, &peak.fp8, &peak.int8];
        let first = all.into_iter().flatten().next();
        let flops = first.map_or(0.0, |figure| figure.value.0);
        let bandwidth = gpu.memory.bandwidth.value.0;
        Self {
            name: gpu.name.clone(),
            class: match gpu.class {
                DeviceClass::Gpu => "gpu",
                DeviceClass::Tpu => "tpu",
                DeviceClass::Asic => "asic",
                DeviceClass::Soc => "soc",
            },
            vendor: gpu.vendor.clone(),
            architecture: gpu.architecture.clone(),
            year: gpu.year,
            units: gpu.compute.units.value,
            flops_per_s: flops,
            memory_bytes: gpu.memory.size.value.0,
            bandwidth,
            ridge: flops / bandwidth,
            measured: gpu.compute.achievable.is_measured() || gpu.memory.achievable.is_measured(),
        }
    }

    /// A CPU socket.
    pub fn of_cpu(cpu: &CpuSpec) -> Self {
        let flops = cpu.bf16.as_ref().unwrap_or(&cpu.fp32).value.0;
        let bandwidth = cpu.memory.bandwidth.value.0;
        Self {
            name: cpu.name.clone(),
            class: "cpu",
            vendor: cpu.vendor.clone(),
            architecture: cpu.architecture.clone(),
            year: cpu.year,
            units: cpu.cores.value,
            flops_per_s: flops,
            memory_bytes: cpu.memory.size.value.0,
            bandwidth,
            ridge: flops / bandwidth,
            measured: cpu.achievable.is_measured() || cpu.memory.achievable.is_measured(),
        }
    }
}

/// Classes of devices to choose from: all, all but CPUs, and single ones.
pub const CLASSES: [&str; 6] = ["device", "gpu", "tpu", "asic", "soc", "cpu"];

/// Which devices to list; what is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// One of [`CLASSES`].
    pub class: Option<String>,
    /// First and last year of launch.
    pub years: Option<(u16, u16)>,
    /// Least memory \[B\].
    pub memory_bytes: Option<f64>,
    /// Least bandwidth \[B/s\].
    pub bandwidth: Option<f64>,
    /// Fewest operations for each byte.
    pub ridge: Option<f64>,
}

impl Wanted {
    fn keeps(&self, device: &DeviceRecord) -> bool {
        let class = match self.class.as_deref() {
            None | Some("device") => true,
            Some("gpu") => device.class != "cpu",
            Some(class) => device.class == class,
        };
        let in_years = |(first, last)| (first..=last).contains(&device.year);
        let at_least = |least: Option<f64>, value| least.is_none_or(|least| value >= least);
        class
            && self.years.is_none_or(in_years)
            && at_least(self.memory_bytes, device.memory_bytes)
            && at_least(self.bandwidth, device.bandwidth)
            && at_least(self.ridge, device.ridge)
    }
}

/// The wanted ones of some devices of a catalogue, or of all where none is named, by year and name.
///
/// # Errors
/// There is no device of a name, or its file does not read.
pub fn records(
    catalog: &Catalog,
    names: &[String],
    wanted: &Wanted,
) -> Result<Vec<DeviceRecord>, Diagnostic> {
    let all = || [catalog.names(Kind::Gpu), catalog.names(Kind::Cpu)].concat();
    let names = match names {
        [] => all(),
        names => names.iter().map(String::as_str).collect(),
    };
    let mut records = Vec::new();
    for name in names {
        match catalog.device(name)? {
            AnyDevice::Gpu(gpu) => records.push(DeviceRecord::of_gpu(&gpu)),
            AnyDevice::Cpu(cpu) => records.push(DeviceRecord::of_cpu(&cpu)),
            AnyDevice::Switch(_) => {
                let message = format!("`{name}` is a switch: it computes nothing");
                return Err(Diagnostic::new(message));
            }
        }
    }
    records.retain(|record| wanted.keeps(record));
    records.sort_by(|a, b| (a.year, &a.name).cmp(&(b.year, &b.name)));
    Ok(records)
}

/// Devices as a table.
pub fn text(records: &[DeviceRecord]) -> String {
    let header = [
        "device",
        "class",
        "year",
        "family",
        "units",
        "FLOP/s",
        "memory",
        "bandwidth",
        "FLOP/B",
        "measured",
    ]
    .map(String::from);
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|device| {
            vec![
                device.name.clone(),
                device.class.into(),
                device.year.to_string(),
                device.architecture.clone(),
                device.units.to_string(),
                si(device.flops_per_s),
                bytes_iec(device.memory_bytes),
                rate(device.bandwidth),
                format!("{:.0}", device.ridge),
                if device.measured { "yes" } else { "no" }.into(),
            ]
        })
        .collect();
    table(&header, &rows)
}

/// The most operations and the most bytes a second that a GPU of any year up to one could do,
/// relative to the first year's: the widening gap. `None` where all are of one year.
///
/// # Errors
/// The chart cannot be drawn.
pub fn gap_chart(records: &[DeviceRecord]) -> Option<Result<Rendered, RenderError>> {
    let mut best: BTreeMap<u16, [f64; 2]> = BTreeMap::new();
    for device in records.iter().filter(|device| device.class == "gpu") {
        let year = best.entry(device.year).or_default();
        *year = [
            year[0].max(device.flops_per_s),
            year[1].max(device.bandwidth),
        ];
    }
    let first = *best.values().next().filter(|_| best.len() > 1)?;
    let line = |what: usize, label: &str| {
        let mut most = 0.0;
        let point = |(year, best): (&u16, &[f64; 2])| {
            most = f64::max(most, best[what]);
            SweepPoint {
                size: f64::from(*year),
                value: most / first[what],
            }
        };
        SweepSeries {
            label: label.into(),
            points: best.iter().map(point).collect(),
        }
    };
    let chart = Sweep {
        title: "Computing has run ahead of memory".into(),
        subtitle:
            "the most that one of the listed GPUs could do by then: dense 16-bit peak (vector peak \
                   where there is none), datasheet bandwidth"
                .into(),
        x_axis: "year".into(),
        in_bytes: false,
        log_x: false,
        y_axis: "relative to the first year".into(),
        measure: Measure::Factor,
        log_y: true,
        apart: false,
        series: vec![line(0, "FLOP/s"), line(1, "bandwidth")],
        limits: Vec::new(),
    };
    Some(render(&chart, chart.size()))
}

/// Operations for each byte at the ridge of the roofline, by year.
///
/// # Errors
/// The chart cannot be drawn.
pub fn ridge_chart(records: &[DeviceRecord]) -> Result<Rendered, RenderError> {
    let mut sorted: Vec<&DeviceRecord> = records.iter().collect();
    sorted.sort_by(|a, b| a.year.cmp(&b.year).then_with(|| a.name.cmp(&b.name)));
    let bar = |device: &DeviceRecord| Bar {
        label: format!("{}  {}", device.year, device.name),
        kind: "compute".into(),
        value: device.ridge,
    };
    let chart = Bars {
        title: "What keeps a device busy".into(),
        subtitle: "operations a device must do for each byte it moves to be busy: dense 16-bit \
                   peak (vector peak where there is none) over datasheet bandwidth"
            .into(),
        axis: "ridge of the roofline [FLOP/B]".into(),
        measure: Measure::Number,
        signed: false,
        bars: sorted.into_iter().map(bar).collect(),
    };
    render(&chart, chart.size())
}
