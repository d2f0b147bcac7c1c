//! A comparison as a page to read: sentences, tables, charts in place.

use std::fmt::Write;

use super::sweep::{SweepRecord, text};
use super::{Comparison, sentence, tables};

/// The page; `charts` are the names of the chart files beside it, without extension.
pub fn page(comparisons: &[Comparison<'_>], sweeps: &[SweepRecord], charts: &[&str]) -> String {
    let mut page = String::from("# Side by side\n");
    if let Some(first) = comparisons.first() {
        for case in &first.cases {
            let topology = &case.fabric.topology;
            let _ = writeln!(page, "- **{}**: {}", topology.name, topology.title);
        }
    }
    for comparison in comparisons {
        let _ = writeln!(
            page,
            "\n## {}\n\n{}\n",
            comparison.workload, comparison.title
        );
        let _ = writeln!(page, "**{}**\n", sentence::of_comparison(comparison));
        let _ = writeln!(page, "```text\n{}\n```\n", tables::comparison(comparison));
        for case in &comparison.cases {
            let name = &case.fabric.topology.name;
            let _ = writeln!(page, "- {name}: {}", sentence::of_case(case));
        }
    }
    let _ = writeln!(page, "\n## All-reduce\n");
    for sweep in sweeps {
        let _ = writeln!(page, "```text\n{}\n```\n", text(sweep));
    }
    let _ = writeln!(page, "## Charts\n");
    for chart in charts {
        let _ = writeln!(page, "![{chart}]({chart}.svg)\n");
    }
    page
}
