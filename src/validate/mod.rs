//! Published measurements beside predictions.
//!
//! In: a CSV file of measurements. Out: every row with its prediction and error, and the errors by
//! group and over all. A [`Subject`] knows how to predict one row; everything else is here and the
//! same for all kinds. A row that cannot be run is counted and says why; none is dropped.

mod accuracy;
mod chart;
mod collectives;
mod devices;
mod efficiency;
mod file;
mod kernel_rows;
mod kernels;
mod launches;
mod layer;
mod overlay;
mod page;
mod record;
mod score;
mod unseen;
mod without;

pub use accuracy::accuracy_file;
pub use chart::scatters;
pub use collectives::Collectives;
pub use devices::WithheldRecord;
pub use file::{Measurements, Row};
pub use kernels::Kernels;
pub use page::{markdown, text};
pub use record::{GroupRecord, RowRecord, ValidationRecord, annotated_csv};
pub use score::{Summary, kendall_tau};
pub use unseen::UnseenKernels;
pub use without::{ClassWithout, WithoutRecord, without};

use rayon::prelude::*;

use crate::report::draw::{Measure, Rendered};
use crate::spec::Diagnostic;

/// How one kind of measurement is predicted: `kernels`, `collectives`…
pub trait Subject: Sync {
    /// The kind's name on the command line.
    fn key(&self) -> &'static str;

    /// Columns without which no row can be read.
    fn needed(&self) -> &'static [&'static str];

    /// What is compared in a class of rows, for titles (`time`), how it is printed, and how many of
    /// the measure's base units one unit of the file is (µs: 1e-6).
    fn quantity(&self, class: &str) -> (&'static str, Measure, f64);

    /// The measured value of a row, in the file's unit.
    ///
    /// # Errors
    /// One short reason why there is none.
    fn measured(&self, row: &Row<'_>) -> Result<f64, String>;

    /// The predicted value of a row, in the same unit.
    ///
    /// # Errors
    /// One short reason why it cannot be run: `no topology`, `unsupported: …`.
    fn predict(&self, row: &Row<'_>) -> Result<f64, String>;

    /// The group that a row is scored in: by default its source, GPU and model.
    fn group(&self, row: &Row<'_>) -> String {
        let parts = ["source", "gpu", "model"].map(|column| row.text(column));
        let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        named.join(" · ")
    }

    /// The class of a row that has a summary of its own; empty for none.
    fn class(&self, _row: &Row<'_>) -> &'static str {
        ""
    }

    /// What a row is coloured by in the scatter.
    fn series(&self, row: &Row<'_>) -> String {
        row.text("gpu").to_string()
    }

    /// The same with the constants of each row's own device withheld, where that is a question.
    fn withheld(&self) -> Option<Box<dyn Subject>> {
        None
    }

    /// The title of the catalogue's file of how far these predictions are off, if there is one.
    fn accuracy_title(&self) -> Option<&'static str> {
        None
    }

    /// Charts that only this kind has, by file name without extension.
    ///
    /// # Errors
    /// The rows of the file do not read, or a chart cannot be drawn.
    fn charts(
        &self,
        _file: &Measurements,
        _record: &ValidationRecord,
    ) -> Result<Vec<(String, Rendered)>, Diagnostic> {
        Ok(Vec::new())
    }

    /// Rows with the same answer differ only in the machine: they are ranked among each other.
    fn alike(&self, _row: &Row<'_>) -> Option<String> {
        None
    }
}

/// Whether rows of a split are fair to compare with: `suspect` and `degraded` ones contradict
/// themselves or come from machines known to be broken.
fn is_fair(split: &str) -> bool {
    ["", "calibration", "validation"].contains(&split)
}

/// Predicts every row of a file, on all cores; the order is that of the file.
///
/// # Errors
/// The file lacks a needed column, or has no row of that split.
pub fn validate(
    subject: &dyn Subject,
    file: &Measurements,
    split: Option<&str>,
) -> Result<ValidationRecord, Diagnostic> {
    file.check_columns(subject.needed())?;
    let rows = scored(subject, &file.rows(split)?);
    Ok(ValidationRecord::new(subject, split, rows))
}

/// Rows with their predictions.
fn scored(subject: &dyn Subject, rows: &[Row<'_>]) -> Vec<RowRecord> {
    let rows = rows.par_iter();
    rows.map(|row| RowRecord::new(subject, row)).collect()
}

impl ValidationRecord {
    /// The same with devices beside themselves with their own constants withheld, where that is a
    /// question: every row is predicted once more. `subject` and `file` are those of the record.
    ///
    /// # Errors
    /// The file has no row of the record's split.
    pub fn with_withheld(
        mut self,
        subject: &dyn Subject,
        file: &Measurements,
    ) -> Result<Self, Diagnostic> {
        if let Some(withheld) = subject.withheld() {
            let rows = file.rows(self.split.as_deref())?;
            let other = scored(withheld.as_ref(), &rows);
            self.devices = devices::devices(&self.rows, &other);
        }
        Ok(self)
    }
}
