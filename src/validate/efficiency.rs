//! Share of a device's peak over the size of a product, measured and predicted.

use std::collections::BTreeMap;

use super::{Kernels, Measurements, Row, RowRecord, ValidationRecord, is_fair};
use crate::kernel::{Device, format_name};
use crate::report::draw::{
    Chart, Measure, RenderError, Rendered, Sweep, SweepPoint, SweepSeries, render,
};
use crate::spec::{Diagnostic, Precision};

/// Fewest products that show how the share grows with size.
const FEWEST: usize = 8;

/// A product: its size \[FLOP\], and the shares of the peak that were measured and predicted.
type Product = (f64, [f64; 2]);

/// Charts by file name, without extension: one for each device and format with enough products.
///
/// # Errors
/// The rows of the file do not read, or a chart cannot be drawn.
pub(super) fn efficiency_curves(
    kernels: &Kernels,
    file: &Measurements,
    record: &ValidationRecord,
) -> Result<Vec<(String, Rendered)>, Diagnostic> {
    let mut curves: BTreeMap<(&str, &'static str), Vec<Product>> = BTreeMap::new();
    let rows = file.rows(record.split.as_deref())?;
    for (row, scored) in rows.iter().zip(&record.rows) {
        if let Some((format, product)) = product(kernels, row, scored) {
            let key = (scored.series.as_str(), format_name(format));
            curves.entry(key).or_default().push(product);
        }
    }
    let split = record.split.as_deref().unwrap_or("all");
    curves
        .into_iter()
        .filter(|(_, products)| products.len() >= FEWEST)
        .map(|((device, format), products)| {
            let name = format!("efficiency-{device}-{format}-{split}");
            let chart = chart(device, format, split, &products);
            let chart = chart.map_err(|e| Diagnostic::new(e.to_string()))?;
            Ok((name, chart))
        })
        .collect()
}

/// A row's product, if it is one whose device has a peak in its format.
fn product(kernels: &Kernels, row: &Row<'_>, scored: &RowRecord) -> Option<(Precision, Product)> {
    if !row.text("op").starts_with("gemm") || !is_fair(&scored.split) {
        return None;
    }
    let (measured, predicted) = scored.pair()?;
    let operator = kernels.timed(row).ok()?;
    let device = Device::of_gpu(kernels.device(row).ok()?);
    let format = device.runs_as(operator.precision).ok()?;
    let peak = device.peak(format).ok()?;
    let flops = operator.flops();
    let share = |time_us: f64| flops / (time_us * 1e-6) / peak;
    Some((format, (flops, [share(measured), share(predicted)])))
}

fn chart(
    device: &str,
    format: &str,
    split: &str,
    products: &[Product],
) -> Result<Rendered, RenderError> {
    let series = |label: &str, which: usize| SweepSeries {
        label: label.to_string(),
        points: products
            .iter()
            .map(|(size, shares)| SweepPoint {
                size: *size,
                value: shares[which],
            })
            .collect(),
    };
    let chart = Sweep {
        title: format!("How much of its {format} peak a product reaches on {device}"),
        subtitle: format!(
            "{} published products ({split}), with the casts that a layer makes before them",
            products.len()
        ),
        x_axis: "size of the product [FLOP]".into(),
        in_bytes: false,
        log_x: true,
        y_axis: "share of the dense peak of the data sheet".into(),
        measure: Measure::Share,
        log_y: true,
        apart: true,
        series: vec![series("measured", 0), series("predicted", 1)],
        limits: Vec::new(),
    };
    render(&chart, chart.size())
}
