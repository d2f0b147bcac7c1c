//! What a mechanism of the kernel model explains: the errors with it and without.

use serde::Serialize;
use std::collections::BTreeMap;

use super::page::{share, signed};
use super::record::{RowRecord, ValidationRecord};
use super::{Kernels, Measurements, Subject, is_fair, validate};
use crate::kernel::Mechanism;
use crate::report::csv;
use crate::report::draw::{Chart, RenderError, Rendered, Scatter, ScatterSeries, render};
use crate::report::tables::table;
use crate::spec::Diagnostic;

/// A model with all mechanisms and without one, on the same rows.
#[derive(Debug, Serialize)]
pub struct WithoutRecord {
    /// The mechanism.
    pub mechanism: &'static str,
    /// The split that was asked for; `None` for the whole file.
    pub split: Option<String>,
    /// By class of rows.
    pub classes: Vec<ClassWithout>,
    /// Predictions of the whole model.
    #[serde(skip)]
    whole: ValidationRecord,
    /// Those without the mechanism.
    #[serde(skip)]
    cut: ValidationRecord,
}

/// One class of rows.
#[derive(Debug, Serialize)]
pub struct ClassWithout {
    /// Its name.
    pub class: &'static str,
    /// Rows.
    pub n: usize,
    /// Median |error| of the whole model.
    pub median_abs_error: Option<f64>,
    /// Without the mechanism.
    pub median_abs_error_without: Option<f64>,
    /// Mean signed error of the whole model.
    pub mean_error: Option<f64>,
    /// Without the mechanism.
    pub mean_error_without: Option<f64>,
}

/// Predicts every row twice.
///
/// # Errors
/// The file lacks a needed column, or has no row of that split.
pub fn without(
    kernels: &Kernels,
    mechanism: Mechanism,
    file: &Measurements,
    split: Option<&str>,
) -> Result<WithoutRecord, Diagnostic> {
    let whole = validate(kernels, file, split)?;
    let cut = validate(&kernels.without(mechanism), file, split)?;
    let class = |(class, of_whole): (&&'static str, &super::Summary)| {
        let of_cut = cut.classes.get(class);
        ClassWithout {
            class,
            n: of_whole.n,
            median_abs_error: of_whole.median_abs_error,
            median_abs_error_without: of_cut.and_then(|summary| summary.median_abs_error),
            mean_error: of_whole.mean_error,
            mean_error_without: of_cut.and_then(|summary| summary.mean_error),
        }
    };
    Ok(WithoutRecord {
        mechanism: mechanism.name(),
        split: split.map(String::from),
        classes: whole.classes.iter().map(class).collect(),
        whole,
        cut,
    })
}

impl WithoutRecord {
    /// The errors side by side.
    pub fn text(&self) -> String {
        let header = [
            "rows",
            "n",
            "median |error|",
            "without",
            "mean error",
            "without",
        ];
        let rows: Vec<Vec<String>> = self
            .classes
            .iter()
            .map(|class| {
                vec![
                    class.class.to_string(),
                    class.n.to_string(),
                    share(class.median_abs_error),
                    share(class.median_abs_error_without),
                    signed(class.mean_error),
                    signed(class.mean_error_without),
                ]
            })
            .collect();
        let header = header.map(String::from);
        format!(
            "The model with all mechanisms and without `{}`:\n\n{}",
            self.mechanism,
            table(&header, &rows)
        )
    }

    /// The same as CSV, errors as shares.
    pub fn csv(&self) -> String {
        let header = [
            "class",
            "n",
            "median_abs_error",
            "median_abs_error_without",
            "mean_error",
            "mean_error_without",
        ];
        let cell = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
        let row = |class: &ClassWithout| {
            vec![
                class.class.to_string(),
                class.n.to_string(),
                cell(class.median_abs_error),
                cell(class.median_abs_error_without),
                cell(class.mean_error),
                cell(class.mean_error_without),
            ]
        };
        csv::lines(&header.map(String::from), self.classes.iter().map(row))
    }

    /// Predicted over measured, both models on one chart for each class that the mechanism changes.
    ///
    /// # Errors
    /// A chart cannot be drawn.
    pub fn charts(&self, subject: &dyn Subject) -> Result<Vec<(String, Rendered)>, RenderError> {
        let mut classes: BTreeMap<&str, [Vec<&RowRecord>; 2]> = BTreeMap::new();
        for (index, record) in [&self.whole, &self.cut].into_iter().enumerate() {
            let shown = |row: &&RowRecord| row.error.is_some() && is_fair(&row.split);
            for row in record.rows.iter().filter(shown) {
                classes.entry(row.class).or_default()[index].push(row);
            }
        }
        let chart = |(class, [whole, cut]): (&str, [Vec<&RowRecord>; 2])| {
            let (quantity, measure, scale) = subject.quantity(class);
            let series = |label: String, rows: &[&RowRecord]| ScatterSeries {
                label,
                points: rows
                    .iter()
                    .filter_map(|row| row.scatter_point(scale))
                    .collect(),
            };
            let scatter = Scatter {
                title: format!("{class} without {}", self.mechanism),
                subtitle: format!("{} rows, each predicted twice", whole.len()),
                quantity: quantity.to_string(),
                measure,
                series: vec![
                    series("whole model".into(), &whole),
                    series(format!("without {}", self.mechanism), &cut),
                ],
            };
            let name = format!("without-{}-{}", self.mechanism, class.replace(' ', "-"));
            render(&scatter, scatter.size()).map(|chart| (name, chart))
        };
        let differ = |[whole, cut]: &[Vec<&RowRecord>; 2]| {
            let mut pairs = whole.iter().zip(cut);
            pairs.any(|(whole, cut)| whole.predicted != cut.predicted)
        };
        let changed = classes.into_iter().filter(|(_, rows)| differ(rows));
        changed.map(chart).collect()
    }
}
