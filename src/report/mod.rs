//! Results for people and programs: sentences, tables, JSON, CSV, charts.
//!
//! In: outcomes of the analysis. Out: text and bytes. Decides nothing and computes nothing that
//! is not a matter of presentation; only [`files`] touches the disk, and nothing here prints.

pub mod animation;
pub mod charts;
pub mod csv;
pub mod devices;
pub mod draw;
pub mod files;
pub mod kernel;
mod machine_chart;
pub mod markdown;
pub mod record;
pub mod sentence;
mod step_charts;
pub mod sweep;
pub mod tables;
pub mod ways;

use crate::analysis::{Outcome, RankClass};
use crate::fabric::Fabric;
use crate::plan::Plan;

/// One workload on one machine, with all that a report needs of it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The machine.
    pub fabric: &'a Fabric,
    /// What was run.
    pub plan: Plan,
    /// What came of it.
    pub outcome: Outcome,
    /// Ranks that do the same, where they are asked for.
    pub ranks: Vec<RankClass>,
}

/// One workload on all machines.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// The workload's name.
    pub workload: String,
    /// One sentence about it.
    pub title: String,
    /// One case per machine, in the order given.
    pub cases: Vec<Case<'a>>,
}
