//! Predicted over measured, one chart for each class of rows.

use std::collections::BTreeMap;

use super::Subject;
use super::record::{RowRecord, ValidationRecord};
use crate::report::draw::{
    Chart, RenderError, Rendered, Scatter, ScatterPoint, ScatterSeries, render,
};

/// Series that can be told apart; the smallest of more are drawn together.
const MOST_SERIES: usize = 8;

/// Charts by file name, without extension.
///
/// # Errors
/// A chart cannot be drawn.
pub fn scatters(
    subject: &dyn Subject,
    record: &ValidationRecord,
) -> Result<Vec<(String, Rendered)>, RenderError> {
    let mut classes: BTreeMap<&str, Vec<&RowRecord>> = BTreeMap::new();
    for row in record.rows.iter().filter(|row| row.error.is_some()) {
        classes.entry(row.class).or_default().push(row);
    }
    let split = record.split.as_deref().unwrap_or("all");
    classes
        .into_iter()
        .map(|(class, rows)| {
            let parts = [record.kind, split, class];
            let words: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let name = words.join("-").replace(' ', "-");
            let chart = scatter(subject, class, split, &rows);
            render(&chart, chart.size()).map(|chart| (name, chart))
        })
        .collect()
}

fn scatter(subject: &dyn Subject, class: &str, split: &str, rows: &[&RowRecord]) -> Scatter {
    let (quantity, measure, scale) = subject.quantity(class);
    let what = if class.is_empty() {
        subject.key()
    } else {
        class
    };
    let near = rows
        .iter()
        .filter(|row| row.error.is_some_and(|e| e.abs() <= 0.1));
    let share = near.count() as f64 / rows.len().max(1) as f64;
    Scatter {
        title: format!("Narrows against published measurements: {what}"),
        subtitle: format!(
            "{} rows ({split}); {:.0} % of them within ±10 %",
            rows.len(),
            share * 100.0
        ),
        quantity: quantity.to_string(),
        measure,
        series: series(rows, scale),
    }
}

/// The largest series by name, and the rest as one.
fn series(rows: &[&RowRecord], scale: f64) -> Vec<ScatterSeries> {
    let mut parts: BTreeMap<&str, Vec<ScatterPoint>> = BTreeMap::new();
    for row in rows {
        if let Some(point) = row.scatter_point(scale) {
            parts.entry(&row.series).or_default().push(point);
        }
    }
    let mut all: Vec<ScatterSeries> = parts
        .into_iter()
        .map(|(label, points)| ScatterSeries {
            label: label.to_string(),
            points,
        })
        .collect();
    if all.len() > MOST_SERIES {
        all.sort_by_key(|series| std::cmp::Reverse(series.points.len()));
        let rest = all.split_off(MOST_SERIES - 1);
        let label = format!("{} others", rest.len());
        let points = rest.into_iter().flat_map(|series| series.points).collect();
        all.push(ScatterSeries { label, points });
    }
    all
}
