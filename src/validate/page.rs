//! A validation as tables for a terminal and as a page to read.

use std::fmt::Write;

use super::devices::WithheldRecord;
use super::record::{RowRecord, ValidationRecord};
use super::score::{Summary, median};
use crate::report::tables::table;

/// How many of the worst rows a page shows.
const WORST: usize = 10;

/// The groups, the summaries and why rows were not run.
pub fn text(record: &ValidationRecord) -> String {
    let mut text = groups(record);
    text.push_str("\n\n");
    text.push_str(&summaries(record));
    if let Some(tau) = record.kendall_tau_alike {
        let _ = write!(
            text,
            "\n\nKendall's tau among rows that differ only in the machine: {tau:.3}"
        );
    }
    for more in [devices(record), reasons(record)] {
        if !more.is_empty() {
            text.push_str("\n\n");
            text.push_str(&more);
        }
    }
    text
}

/// The page: summaries, groups, the worst rows, charts; `charts` are the names of the chart files
/// beside it, without extension.
pub fn markdown(record: &ValidationRecord, charts: &[String]) -> String {
    let split = record.split.as_deref().unwrap_or("all rows");
    let mut page = format!("# {}: predicted beside measured ({split})\n\n", record.kind);
    let _ = writeln!(page, "error = predicted / measured − 1\n");
    let _ = writeln!(page, "```text\n{}\n```\n", summaries(record));
    if let Some(tau) = record.kendall_tau_alike {
        let _ = writeln!(
            page,
            "Kendall's τ among rows that differ only in the machine: {tau:.3}\n"
        );
    }
    let _ = writeln!(page, "## Groups\n\n```text\n{}\n```\n", groups(record));
    let devices = devices(record);
    if !devices.is_empty() {
        let _ = writeln!(page, "## Devices\n\n```text\n{devices}\n```\n");
    }
    let _ = writeln!(page, "## The {WORST} worst rows\n");
    let _ = writeln!(page, "```text\n{}\n```\n", worst(record));
    let reasons = reasons(record);
    if !reasons.is_empty() {
        let _ = writeln!(page, "## Not run\n\n```text\n{reasons}\n```\n");
    }
    for chart in charts {
        let _ = writeln!(page, "![{chart}]({chart}.svg)\n");
    }
    page
}

fn groups(record: &ValidationRecord) -> String {
    let header = ["group", "n", "median |error|", "mean error"].map(String::from);
    let rows: Vec<Vec<String>> = record
        .groups
        .iter()
        .map(|group| {
            vec![
                group.group.clone(),
                group.n.to_string(),
                share(group.median_abs_error),
                signed(group.mean_error),
            ]
        })
        .collect();
    table(&header, &rows)
}

/// Devices with enough rows, and the median over them; empty where none has.
fn devices(record: &ValidationRecord) -> String {
    if record.devices.is_empty() {
        return String::new();
    }
    let header = ["device", "n", "median |error|", "own constants withheld"].map(String::from);
    let row = |name: &str, n: usize, errors: [Option<f64>; 2]| {
        let [with, without] = errors.map(share);
        vec![name.to_string(), n.to_string(), with, without]
    };
    let one = |device: &WithheldRecord| {
        let errors = [device.median_abs_error, device.median_abs_error_withheld];
        row(&device.device, device.n, errors)
    };
    let mut rows: Vec<Vec<String>> = record.devices.iter().map(one).collect();
    let over = |error: fn(&WithheldRecord) -> Option<f64>| {
        median(
            &record
                .devices
                .iter()
                .filter_map(error)
                .collect::<Vec<f64>>(),
        )
    };
    let medians = [
        over(|device| device.median_abs_error),
        over(|device| device.median_abs_error_withheld),
    ];
    rows.push(row("median over devices", rows.len(), medians));
    table(&header, &rows)
}

fn summaries(record: &ValidationRecord) -> String {
    let header = [
        "rows",
        "n",
        "not run",
        "median |error|",
        "p90 |error|",
        "mean error",
        "tau",
        "median over groups",
    ]
    .map(String::from);
    let all = record.split.as_deref().unwrap_or("all");
    let mut rows = vec![summary(all, &record.summary)];
    rows.extend(
        record
            .classes
            .iter()
            .map(|(name, part)| summary(&format!("  {name}"), part)),
    );
    rows.extend(record.splits.iter().map(|(name, part)| summary(name, part)));
    table(&header, &rows)
}

fn summary(name: &str, summary: &Summary) -> Vec<String> {
    let tau = summary.kendall_tau;
    vec![
        name.to_string(),
        summary.n.to_string(),
        summary.not_run.to_string(),
        share(summary.median_abs_error),
        share(summary.p90_abs_error),
        signed(summary.mean_error),
        tau.map_or_else(|| "–".to_string(), |tau| format!("{tau:.3}")),
        share(summary.group_median_abs_error),
    ]
}

fn worst(record: &ValidationRecord) -> String {
    let mut rows: Vec<(&RowRecord, f64)> = record
        .rows
        .iter()
        .filter_map(|row| row.error.map(|error| (row, error)))
        .collect();
    rows.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.id.cmp(&b.0.id)));
    let cell = |value: Option<f64>| value.map_or_else(|| "–".to_string(), number);
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .take(WORST)
        .map(|(row, error)| {
            vec![
                row.id.clone(),
                row.group.clone(),
                cell(row.measured),
                cell(row.predicted),
                signed(Some(error)),
            ]
        })
        .collect();
    let header = ["row", "group", "measured", "predicted", "error"].map(String::from);
    table(&header, &rows)
}

/// How many rows were not run for which reason.
fn reasons(record: &ValidationRecord) -> String {
    let mut counts: std::collections::BTreeMap<&str, usize> = Default::default();
    for row in record.rows.iter().filter(|row| row.error.is_none()) {
        *counts.entry(&row.status).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = counts
        .into_iter()
        .map(|(reason, n)| vec![reason.to_string(), n.to_string()])
        .collect();
    table(&["not run because".into(), "rows".into()], &rows)
}

/// Four significant digits or whole numbers.
fn number(value: f64) -> String {
    let decimals = (3.0 - value.abs().log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

/// A share in per cent; a dash if there is none.
pub(super) fn share(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_string(), |v| format!("{:.1} %", v * 100.0))
}

/// The same with its sign.
pub(super) fn signed(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_string(), |v| format!("{:+.1} %", v * 100.0))
}
