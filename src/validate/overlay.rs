//! Measured and predicted bus bandwidth over sizes, one chart per system and collective.

use std::collections::BTreeMap;

use super::{Measurements, ValidationRecord};
use crate::collective::Operation;
use crate::report::charts::sweep_chart;
use crate::report::draw::{RenderError, Rendered};
use crate::report::sweep::{SweepRecord, SweepRow};
use crate::spec::Diagnostic;

/// Fewest sizes that make a curve.
const FEWEST: usize = 8;

/// A point: size \[B\], measured and predicted time \[µs\].
type Point = (u64, f64, f64);

/// Charts by file name, for a record of kind `collectives`.
///
/// # Errors
/// The rows of the file do not read, or a chart cannot be drawn.
pub(super) fn overlays(
    file: &Measurements,
    record: &ValidationRecord,
) -> Result<Vec<(String, Rendered)>, Diagnostic> {
    let mut curves: BTreeMap<(String, &'static str, usize), Vec<Point>> = BTreeMap::new();
    let rows = file.rows(record.split.as_deref())?;
    for (row, scored) in rows.iter().zip(&record.rows) {
        let ranks = row.count("gpus_per_node").unwrap_or(0) * row.count("nodes").unwrap_or(0);
        if let (Some(operation), Some(size), Some(measured), Some(predicted)) = (
            Operation::from_tool(row.text("collective")),
            row.number("size_bytes"),
            scored.measured,
            scored.predicted,
        ) && ranks > 1
        {
            let key = (scored.group.clone(), operation.key(), ranks as usize);
            let points = curves.entry(key).or_default();
            points.push((size as u64, measured, predicted));
        }
    }
    let split = record.split.as_deref().unwrap_or("all");
    let long = curves
        .into_iter()
        .filter(|(_, points)| points.len() >= FEWEST);
    long.map(|((system, operation, ranks), points)| {
        let name = format!("overlay-{}-{operation}-{split}", plain(&system));
        let chart = chart(operation, ranks, points).map_err(|e| Diagnostic::new(e.to_string()))?;
        Ok((name, chart))
    })
    .collect()
}

/// Two curves on one chart.
fn chart(
    operation: &'static str,
    ranks: usize,
    mut points: Vec<Point>,
) -> Result<Rendered, RenderError> {
    points.sort_by_key(|(size, ..)| *size);
    points.dedup_by_key(|(size, ..)| *size);
    let factor = Operation::from_key(operation).map_or(1.0, |op| op.bus_factor(ranks));
    let curve = |name: &str, time: fn(&Point) -> f64| SweepRecord {
        operation,
        topology: name.to_string(),
        ranks,
        groups: 1,
        rows: points
            .iter()
            .map(|point| {
                let algbw = point.0 as f64 / time(point) / 1e3;
                SweepRow {
                    size_bytes: point.0,
                    time_us: time(point),
                    algbw_gbps: algbw,
                    busbw_gbps: algbw * factor,
                    algorithm: "",
                    protocol: String::new(),
                    channels: 0,
                    bound_by: String::new(),
                }
            })
            .collect(),
    };
    sweep_chart(&[
        curve("measured", |point| point.1),
        curve("predicted", |point| point.2),
    ])
}

/// A system's name as part of a file name.
fn plain(system: &str) -> String {
    let words = system.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_file_name() {
        assert_eq!(plain("8x A100 (2 GPUs), pairs"), "8x-a100-2-gpus-pairs");
    }
}
