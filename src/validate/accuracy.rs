//! How far predictions of a kind are off, as a file of the catalogue.

use super::ValidationRecord;
use super::devices::FEWEST;
use super::score::median;

/// The catalogue file of a whole validation: the median over groups of at least 20 rows of their
/// median |error|. `None` where no group has as many, or where only a split was scored.
pub fn accuracy_file(record: &ValidationRecord, title: &str) -> Option<String> {
    if record.split.is_some() {
        return None;
    }
    let counted = record.groups.iter().filter(|group| group.n >= FEWEST);
    let errors: Vec<f64> = counted.filter_map(|group| group.median_abs_error).collect();
    let error = median(&errors)?;
    let kind = record.kind;
    Some(format!(
        "\
kind: accuracy
name: {kind}
title: \"{title}\"
sources:
  run: \"narrows validate {kind}, {} devices with at least {FEWEST} of {} rows\"
median_error:
  value: {error:.3}
  source: run
  note: \"median over devices of their median |predicted/measured − 1|\"
",
        errors.len(),
        record.summary.n,
    ))
}
