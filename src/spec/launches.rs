//! How the kernels of published measurements were launched.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::read::Spanned;

/// Rules by which a row of measurements is given its launch mode; the first that fits counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchesSpec {
    /// The rules.
    pub launches: Vec<LaunchRule>,
}

/// One rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchRule {
    /// What the cells of a row hold, by column: a row must hold all of it.
    pub rows: BTreeMap<String, String>,
    /// `processes`, `one-process`, `host-timed` or `graph`.
    pub launch: Spanned<String>,
    /// Why such rows were launched like that.
    pub reason: String,
    /// Where that was read.
    pub source: String,
}
