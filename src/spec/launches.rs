//! How published measurements were run: launch mode and settings of the library.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::read::Spanned;
use crate::units::Bytes;

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
    /// By what the library chose: `library` where nothing tuned it.
    #[serde(default)]
    pub choice: Option<Spanned<String>>,
    /// The only protocol that the library could use (`NCCL_PROTO`).
    #[serde(default)]
    pub protocol: Option<String>,
    /// One slot of the library's Simple buffer (`NCCL_BUFFSIZE`).
    #[serde(default)]
    pub slot: Option<Bytes>,
    /// Why such rows were run like that.
    pub reason: String,
    /// Where that was read.
    pub source: String,
}
