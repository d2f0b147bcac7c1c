//! What a validation found, as it is written to JSON and CSV.

use serde::Serialize;
use std::collections::BTreeMap;

use super::devices::WithheldRecord;
use super::file::{Measurements, Row};
use super::score::{Summary, kendall_tau, kendall_tau_within, mean, median, quantile};
use super::{Subject, score};
use crate::report::draw::ScatterPoint;
use crate::spec::Diagnostic;

/// One row with its prediction.
#[derive(Debug, Clone, Serialize)]
pub struct RowRecord {
    /// The row's name.
    pub id: String,
    /// Measured value in the file's unit.
    pub measured: Option<f64>,
    /// Predicted value in the same unit.
    pub predicted: Option<f64>,
    /// predicted/measured − 1.
    pub error: Option<f64>,
    /// `ok`, or why the row could not be run.
    pub status: String,
    /// What the row may be used for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub split: String,
    /// Group it is scored in.
    pub group: String,
    /// Class it is summed up in.
    #[serde(skip)]
    pub class: &'static str,
    /// Colour in the scatter.
    #[serde(skip)]
    pub series: String,
    /// What it is ranked among.
    #[serde(skip)]
    pub alike: Option<String>,
}

/// The errors of one group.
#[derive(Debug, Clone, Serialize)]
pub struct GroupRecord {
    /// Its name.
    pub group: String,
    /// Rows, those without a prediction included.
    pub n: usize,
    /// Median |error| of those with one.
    pub median_abs_error: Option<f64>,
    /// Mean signed error.
    pub mean_error: Option<f64>,
}

/// All rows, groups and the summary.
#[derive(Debug, Clone, Serialize)]
pub struct ValidationRecord {
    /// The kind.
    pub kind: &'static str,
    /// The split that was asked for; `None` for the whole file.
    pub split: Option<String>,
    /// One per row of the file.
    pub rows: Vec<RowRecord>,
    /// One per group, by name.
    pub groups: Vec<GroupRecord>,
    /// Over all rows.
    pub summary: Summary,
    /// Over the rows of each class, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<&'static str, Summary>,
    /// Over the rows of each split, by name, where the whole file was scored.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, Summary>,
    /// Devices with at least 20 rows, with their own constants and with these withheld.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<WithheldRecord>,
    /// Kendall's τ-b among rows that differ only in the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kendall_tau_alike: Option<f64>,
}

/// Relative error from which a measured value is no measurement.
const ABSURD: f64 = 1e9;

impl RowRecord {
    /// Predicts one row.
    pub(super) fn new(subject: &dyn Subject, row: &Row<'_>) -> Self {
        let usable = |what: &str, value: f64| {
            let good = value.is_finite() && value > 0.0;
            good.then_some(value)
                .ok_or_else(|| format!("{what} value is {value}"))
        };
        let measured = subject.measured(row).and_then(|v| usable("measured", v));
        let predicted = subject.predict(row).and_then(|v| usable("predicted", v));
        let error = match (&measured, &predicted) {
            (Ok(measured), Ok(predicted)) => Some(predicted / measured - 1.0),
            _ => None,
        };
        let error = error.filter(|error| *error < ABSURD);
        let reason = predicted.as_ref().err().or(measured.as_ref().err());
        Self {
            id: row.id(),
            status: match (reason, error) {
                (Some(reason), _) => reason.clone(),
                (None, None) => format!("measured value is {ABSURD:e} times too small"),
                (None, Some(_)) => "ok".to_string(),
            },
            measured: measured.ok(),
            predicted: predicted.ok(),
            error,
            split: row.split().to_string(),
            group: subject.group(row),
            class: subject.class(row),
            series: subject.series(row),
            alike: subject.alike(row),
        }
    }

    /// Measured and predicted, where both are there.
    pub fn pair(&self) -> Option<(f64, f64)> {
        self.error?;
        Some((self.measured?, self.predicted?))
    }

    /// Its dot without a name, in base units of which the file's unit has `scale`.
    pub(super) fn scatter_point(&self, scale: f64) -> Option<ScatterPoint> {
        let (measured, predicted) = self.pair()?;
        Some(ScatterPoint {
            label: String::new(),
            measured: measured * scale,
            predicted: predicted * scale,
        })
    }
}

impl ValidationRecord {
    /// Sums up the rows.
    pub(super) fn new(subject: &dyn Subject, split: Option<&str>, rows: Vec<RowRecord>) -> Self {
        let all: Vec<&RowRecord> = rows.iter().collect();
        let classes = by(&rows, |row| (!row.class.is_empty()).then_some(row.class));
        let splits = match split {
            Some(_) => BTreeMap::new(),
            None => by(&rows, |row| {
                (!row.split.is_empty()).then(|| row.split.clone())
            }),
        };
        let sets = alike(&rows);
        Self {
            kind: subject.key(),
            split: split.map(String::from),
            groups: groups(&all),
            summary: summary(&all),
            classes: summaries(&classes),
            splits: summaries(&splits),
            devices: Vec::new(),
            kendall_tau_alike: kendall_tau_within(&sets),
            rows,
        }
    }
}

/// The pairs of each machine, by its name.
type Machines<'a> = BTreeMap<&'a str, Vec<(f64, f64)>>;

/// Sets of rows that differ only in the machine, one pair for each: the means of its rows.
fn alike(rows: &[RowRecord]) -> Vec<Vec<(f64, f64)>> {
    let mut sets: BTreeMap<&str, Machines<'_>> = BTreeMap::new();
    for row in rows {
        if let (Some(set), Some(pair)) = (&row.alike, row.pair()) {
            let machines = sets.entry(set).or_default();
            machines.entry(&row.series).or_default().push(pair);
        }
    }
    let middle = |pairs: Vec<(f64, f64)>| {
        let n = pairs.len().max(1) as f64;
        let sum = pairs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
        (sum.0 / n, sum.1 / n)
    };
    let set = |machines: Machines<'_>| machines.into_values().map(middle).collect();
    sets.into_values().map(set).collect()
}

/// Rows by what a function answers.
fn by<K: Ord>(rows: &[RowRecord], of: impl Fn(&RowRecord) -> Option<K>) -> Parts<'_, K> {
    let mut parts = BTreeMap::new();
    for row in rows {
        if let Some(key) = of(row) {
            parts.entry(key).or_insert_with(Vec::new).push(row);
        }
    }
    parts
}

type Parts<'a, K> = BTreeMap<K, Vec<&'a RowRecord>>;

fn summaries<K: Ord + Clone>(parts: &Parts<'_, K>) -> BTreeMap<K, Summary> {
    let of = |(key, rows): (&K, &Vec<&RowRecord>)| (key.clone(), summary(rows));
    parts.iter().map(of).collect()
}

/// The groups among some rows, by name.
fn groups(rows: &[&RowRecord]) -> Vec<GroupRecord> {
    let mut parts: BTreeMap<&str, Vec<&RowRecord>> = BTreeMap::new();
    for row in rows {
        parts.entry(&row.group).or_default().push(row);
    }
    let record = |(group, rows): (&str, Vec<&RowRecord>)| GroupRecord {
        group: group.to_string(),
        n: rows.len(),
        median_abs_error: median(&absolute(&rows)),
        mean_error: mean(&errors(&rows)),
    };
    parts.into_iter().map(record).collect()
}

fn errors(rows: &[&RowRecord]) -> Vec<f64> {
    rows.iter().filter_map(|row| row.error).collect()
}

fn absolute(rows: &[&RowRecord]) -> Vec<f64> {
    errors(rows).into_iter().map(f64::abs).collect()
}

/// The summary of some rows.
fn summary(rows: &[&RowRecord]) -> Summary {
    let absolute = absolute(rows);
    let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|row| row.pair()).collect();
    let medians: Vec<f64> = groups(rows)
        .iter()
        .filter_map(|group| group.median_abs_error)
        .collect();
    Summary {
        n: rows.len(),
        ran: absolute.len(),
        not_run: rows.len() - absolute.len(),
        median_abs_error: median(&absolute),
        p90_abs_error: quantile(&absolute, 0.9),
        mean_error: mean(&errors(rows)),
        kendall_tau: kendall_tau(&pairs),
        group_median_abs_error: score::median(&medians),
    }
}

/// The file's own columns with `predicted`, `error` and `status` behind them.
///
/// # Errors
/// The table cannot be written, which only lack of memory can cause.
pub fn annotated_csv(file: &Measurements, record: &ValidationRecord) -> Result<String, Diagnostic> {
    let failed = |e: csv::Error| Diagnostic::new(format!("cannot write the table: {e}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = file.columns().iter().map(String::as_str);
    writer
        .write_record(header.chain(["predicted", "error", "status"]))
        .map_err(failed)?;
    let cell = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    let rows = file.rows(record.split.as_deref())?;
    for (row, scored) in rows.iter().zip(&record.rows) {
        let more = [
            cell(scored.predicted),
            cell(scored.error),
            scored.status.clone(),
        ];
        let cells = row.cells().chain(more.iter().map(String::as_str));
        writer.write_record(cells).map_err(failed)?;
    }
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(String::from_utf8(bytes).unwrap_or_default())
}
