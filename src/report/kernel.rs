//! Operators on devices: records, table, charts.

use serde::Serialize;

use super::draw::{
    Chart, Measure, RenderError, Rendered, Roof, Roofline, RooflineDevice, RooflinePoint, Sweep,
    SweepPoint, SweepSeries, render,
};
use super::tables::table;
use crate::kernel::{Bound, Device, Prediction, Unsupported, format_name};
use crate::model::Operator;
use crate::spec::Precision;
use crate::units::{duration, rate, si};

/// Factor between the least and the largest size, and rate, from which their axis is logarithmic.
const WIDE_SIZES: f64 = 100.0;
const WIDE_RATES: f64 = 10.0;

/// One operator on one device.
#[derive(Debug, Clone, Serialize)]
pub struct KernelRecord {
    /// The operator.
    pub operator: &'static str,
    /// The sizes that vary or that it was asked with, by name.
    pub sizes: Vec<(&'static str, u64)>,
    /// The device.
    pub device: String,
    /// Number format asked for.
    pub format: &'static str,
    /// Number format it runs as.
    pub runs_as: &'static str,
    /// Time \[s\].
    pub time_s: f64,
    /// Useful operations per second \[FLOP/s\].
    pub flops_per_s: f64,
    /// VRAM traffic per second \[B/s\].
    pub vram_bytes_per_s: f64,
    /// What the last-level cache moves in VRAM's place per second \[B/s\].
    pub cache_bytes_per_s: f64,
    /// Operations for each byte that either moves.
    pub intensity: f64,
    /// What decides the time.
    pub bound_by: &'static str,
    /// Kind of that, for colours.
    #[serde(skip)]
    pub kind: &'static str,
    /// Rows and columns of a product's tiles.
    pub tile: Option<[u64; 2]>,
    /// Parts of K.
    pub split: Option<u64>,
    /// What of the device was not measured, and what its format runs as; empty for nothing.
    pub notes: Vec<String>,
}

impl KernelRecord {
    /// What VRAM and cache move per second \[B/s\].
    fn bytes_per_s(&self) -> f64 {
        self.vram_bytes_per_s + self.cache_bytes_per_s
    }
}

/// What is predicted of one operator, which may be several kernels in a row; `notes` of its device.
///
/// # Errors
/// The device cannot compute in the format.
pub fn record(
    operators: &[Operator],
    sizes: &[(&'static str, u64)],
    precision: Precision,
    device: &Device<'_>,
    notes: &[String],
) -> Result<KernelRecord, Unsupported> {
    let all = Prediction::of(operators, device)?;
    Ok(KernelRecord {
        operator: operators.first().map_or("", |op| op.name),
        sizes: sizes.to_vec(),
        device: label(device),
        format: format_name(precision),
        // Streams of a format need no units that compute in it.
        runs_as: format_name(device.runs_as(precision).unwrap_or(precision)),
        time_s: all.time_s,
        flops_per_s: all.flops / all.time_s,
        vram_bytes_per_s: all.moved.vram / all.time_s,
        cache_bytes_per_s: all.moved.cache / all.time_s,
        intensity: all.intensity(),
        bound_by: all.bound.words(),
        kind: match all.bound {
            Bound::Compute | Bound::Waves => "compute",
            Bound::Vram => "vram",
            Bound::Cache => "cache",
            Bound::Launch => "launch",
        },
        tile: all.tiling.map(|tiling| [tiling.rows, tiling.columns]),
        split: all.tiling.map(|tiling| tiling.split),
        notes: notes.to_vec(),
    })
}

/// A device's name, and what is special about what it does or taken out of its model.
fn label(device: &Device<'_>) -> String {
    let zeros = if device.has_zeros() {
        " with zeros"
    } else {
        ""
    };
    match device.missing() {
        None => format!("{}{zeros}", device.name),
        Some(mechanism) => format!("{}{zeros} without {}", device.name, mechanism.name()),
    }
}

/// The records as a table under a line of what they have in common: the columns of sizes are those
/// that differ between them.
pub fn text(records: &[KernelRecord]) -> String {
    let varied = varied(records);
    let first = records.first();
    let head = first.map_or_else(String::new, |first| {
        let sizes = fixed_sizes(first, &varied);
        format!("{} in {}: {sizes}\n\n", first.operator, first.format)
    });
    let mut header = vec!["device".to_string()];
    header.extend(varied.iter().map(|name| (*name).to_string()));
    let fixed = [
        "time", "FLOP/s", "VRAM", "cache", "FLOP/B", "bound by", "tile", "split", "runs as",
    ];
    header.extend(fixed.map(String::from));
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| {
            let mut row = vec![record.device.clone()];
            let size = |name: &&str| record.sizes.iter().find(|(other, _)| other == name);
            let shown = |name| size(name).map_or_else(String::new, |(_, v)| v.to_string());
            row.extend(varied.iter().map(shown));
            let tile = record
                .tile
                .map(|[rows, columns]| format!("{rows}×{columns}"));
            row.extend([
                duration(record.time_s),
                si(record.flops_per_s),
                some_rate(record.vram_bytes_per_s),
                some_rate(record.cache_bytes_per_s),
                format!("{:.1}", record.intensity),
                record.bound_by.to_string(),
                tile.unwrap_or_default(),
                record
                    .split
                    .map_or_else(String::new, |split| split.to_string()),
                record.runs_as.to_string(),
            ]);
            row
        })
        .collect();
    head + &table(&header, &rows)
}

/// A rate, or a dash for none.
fn some_rate(bytes_per_s: f64) -> String {
    if bytes_per_s > 0.0 {
        rate(bytes_per_s)
    } else {
        "–".into()
    }
}

/// Names of the sizes that are not the same in all records.
fn varied(records: &[KernelRecord]) -> Vec<&'static str> {
    let Some(first) = records.first() else {
        return Vec::new();
    };
    let same = |(name, value): &(&str, u64)| {
        let of = |record: &KernelRecord| record.sizes.iter().find(|(n, _)| n == name).copied();
        records
            .iter()
            .all(|record| of(record).is_some_and(|(_, other)| other == *value))
    };
    first
        .sizes
        .iter()
        .filter(|size| !same(size))
        .map(|(name, _)| *name)
        .collect()
}

/// Rate over the one size that varies, a line for each device; `None` where none or several do.
pub fn sweep_chart(records: &[KernelRecord]) -> Option<Result<Rendered, RenderError>> {
    let [size] = varied(records).as_slice().try_into().ok()?;
    let first = records.first()?;
    let computes = records
        .iter()
        .any(|record| record.flops_per_s > record.bytes_per_s());
    let value = |record: &KernelRecord| {
        if computes {
            record.flops_per_s
        } else {
            record.bytes_per_s()
        }
    };
    let mut series: Vec<SweepSeries> = Vec::new();
    for record in records {
        let at = record.sizes.iter().find(|(name, _)| *name == size)?.1;
        let point = SweepPoint {
            size: at as f64,
            value: value(record),
        };
        match series.iter_mut().find(|line| line.label == record.device) {
            Some(line) => line.points.push(point),
            None => series.push(SweepSeries {
                label: record.device.clone(),
                points: vec![point],
            }),
        }
    }
    let points = || series.iter().flat_map(|line| &line.points);
    let log_x = spans(points().map(|point| point.size), WIDE_SIZES);
    let log_y = spans(points().map(|point| point.value), WIDE_RATES);
    let chart = Sweep {
        title: format!("{} in {} over {size}", first.operator, first.format),
        subtitle: fixed_sizes(first, &[size]),
        x_axis: axis_words(size).to_string(),
        y_axis: if computes { "rate" } else { "data rate" }.into(),
        measure: if computes {
            Measure::FlopsPerSecond
        } else {
            Measure::BytesPerSecond
        },
        in_bytes: false,
        log_x,
        log_y,
        apart: false,
        series,
        limits: Vec::new(),
    };
    Some(render(&chart, chart.size()))
}

/// Whether some positive numbers differ by more than a factor.
fn spans(numbers: impl Iterator<Item = f64>, factor: f64) -> bool {
    let (low, high) = numbers.fold((f64::MAX, 0.0), |(l, h): (f64, f64), n| {
        (l.min(n), h.max(n))
    });
    high > low * factor
}

/// What a size counts, for an axis.
fn axis_words(size: &str) -> &str {
    match size {
        "m" => "m: rows, tokens or elements",
        "n" => "n: columns or width",
        "k" => "k: inner size",
        "query" => "new tokens of a sequence",
        "context" => "tokens attended to",
        "batch" => "sequences or independent products",
        other => other,
    }
}

/// The sizes of a record that do not vary, in words.
fn fixed_sizes(record: &KernelRecord, varied: &[&str]) -> String {
    let others = record
        .sizes
        .iter()
        .filter(|(name, _)| !varied.contains(name));
    let words: Vec<String> = others
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    words.join(", ")
}

/// A device's limits in a format, by its data sheet and as large kernels reach them; `None` where
/// it has neither the format nor a stand-in.
pub(super) fn roofs(
    label: String,
    device: &Device<'_>,
    precision: Precision,
) -> Option<RooflineDevice> {
    Some(RooflineDevice {
        label,
        sheet: Roof {
            flops: device.peak(precision).ok()?,
            bandwidth: device.sheet_bandwidth,
        },
        reached: Roof {
            flops: device.rate(precision).ok()?,
            bandwidth: device.bandwidth,
        },
    })
}

/// The devices' rooflines with the operators on them; a device without the format and a stand-in
/// has no roof, and the subtitle says so.
///
/// # Errors
/// The chart cannot be drawn.
pub fn roofline_chart(
    records: &[KernelRecord],
    devices: &[Device<'_>],
    precision: Precision,
) -> Result<Rendered, RenderError> {
    // What a mechanism is taken out of stands under the roof of the whole model.
    let whole = devices
        .iter()
        .filter(|d| d.missing().is_none() && !d.has_zeros());
    let roofs: Vec<RooflineDevice> = whole
        .filter_map(|device| roofs(label(device), device, precision))
        .collect();
    let several = devices.len() > 1;
    let varied = varied(records);
    let label = |record: &KernelRecord| {
        let sizes = record
            .sizes
            .iter()
            .filter(|(name, _)| varied.contains(name));
        let words: Vec<String> = sizes
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let words = words.join(" ");
        match (several, words.as_str()) {
            (false, words) => format!("{} {words}", record.operator),
            (true, "") => record.device.clone(),
            (true, words) => format!("{words} on {}", record.device),
        }
    };
    let total_s: f64 = records.iter().map(|record| record.time_s).sum();
    let points = records.iter().filter(|record| record.flops_per_s > 0.0);
    let chart = Roofline {
        title: "Operators under the roofline".into(),
        subtitle: roofline_subtitle(records, devices, precision),
        devices: roofs,
        points: points
            .map(|record| RooflinePoint {
                label: label(record).trim_end().to_string(),
                intensity: record.intensity,
                achieved_flops: record.flops_per_s,
                time_share: record.time_s / total_s,
                kind: record.kind.into(),
            })
            .collect(),
        most_labels: 12,
    };
    render(&chart, chart.size())
}

/// What a roofline shows, which devices have no roof, and why a dot may be above one.
fn roofline_subtitle(
    records: &[KernelRecord],
    devices: &[Device<'_>],
    precision: Precision,
) -> String {
    let format = format_name(precision);
    let mut words = format!(
        "dense {format} peak and VRAM rate by the data sheet; dashed: what large kernels reach; \
         dots by share of the time of all"
    );
    let roofless = devices.iter().filter(|d| d.runs_as(precision).is_err());
    let roofless: Vec<String> = roofless.map(label).collect();
    if !roofless.is_empty() {
        words += &format!(
            "; no roof for what has no {format}: {}",
            roofless.join(", ")
        );
    }
    let above = |record: &KernelRecord| {
        let device = devices.iter().find(|d| label(d) == record.device);
        device.is_some_and(|d| record.bytes_per_s() > d.sheet_bandwidth)
    };
    if records.iter().any(above) {
        words += "; above the VRAM rate: data from the cache";
    }
    words
}
