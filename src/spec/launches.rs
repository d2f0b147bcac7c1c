//! How published measurements were run: launch mode and settings of the library.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::read::Spanned;

/// Rules by which a row of measurements is given what it does not say itself; the first that fits
/// counts for each.
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
    #[serde(default)]
    pub launch: Option<Spanned<String>>,
    /// Whether the library could reduce in switches (`NCCL_NVLS_ENABLE`).
    #[serde(default)]
    pub in_switch: Option<bool>,
    /// Why such rows were run like that.
    pub reason: String,
    /// Where that was read.
    pub source: String,
}
