//! Devices with their own constants, and with these withheld, on the same rows.

use serde::Serialize;
use std::collections::BTreeMap;

use super::record::RowRecord;
use super::score::median;

/// Fewest rows of a device whose error says something.
pub(super) const FEWEST: usize = 20;

/// The errors of one device with its own constants and with these withheld.
#[derive(Debug, Clone, Serialize)]
pub struct WithheldRecord {
    /// Its name.
    pub device: String,
    /// Rows that run either way.
    pub n: usize,
    /// Median |error|.
    pub median_abs_error: Option<f64>,
    /// The same where data sheet and family say what its own constants would.
    pub median_abs_error_withheld: Option<f64>,
}

/// The devices of rows that were predicted twice, with their own constants and without, by name:
/// those with at least 20 rows.
pub(super) fn devices(rows: &[RowRecord], withheld: &[RowRecord]) -> Vec<WithheldRecord> {
    let mut errors: BTreeMap<&str, [Vec<f64>; 2]> = BTreeMap::new();
    for (own, other) in rows.iter().zip(withheld) {
        if let (Some(own_error), Some(other_error)) = (own.error, other.error) {
            let [with, without] = errors.entry(&own.series).or_default();
            with.push(own_error.abs());
            without.push(other_error.abs());
        }
    }
    let enough = |(_, errors): &(&str, [Vec<f64>; 2])| errors[0].len() >= FEWEST;
    let record = |(device, [with, without]): (&str, [Vec<f64>; 2])| WithheldRecord {
        device: device.to_string(),
        n: with.len(),
        median_abs_error: median(&with),
        median_abs_error_withheld: median(&without),
    };
    errors.into_iter().filter(enough).map(record).collect()
}
