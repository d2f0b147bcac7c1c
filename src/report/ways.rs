//! Why a collective takes as long as it does, as text.

use serde::Serialize;

use super::tables::table;
use crate::collective::Way;
use crate::units::{bytes_iec, duration, percent};

/// One way as JSON.
#[derive(Debug, Serialize)]
pub struct WayRecord<'a> {
    algorithm: &'a str,
    protocol: &'a str,
    chosen: bool,
    steps: usize,
    base_us: f64,
    steps_us: f64,
    data_us: f64,
    total_us: f64,
    believed_us: f64,
    narrowest: &'a str,
}

/// All ways as JSON.
pub fn records(ways: &[Way]) -> Vec<WayRecord<'_>> {
    ways.iter()
        .map(|way| WayRecord {
            algorithm: way.algorithm,
            protocol: &way.protocol,
            chosen: way.chosen,
            steps: way.steps,
            base_us: way.base_s * 1e6,
            steps_us: way.steps_s * 1e6,
            data_us: way.data_s * 1e6,
            total_us: way.total_s() * 1e6,
            believed_us: way.believed_s * 1e6,
            narrowest: &way.narrowest,
        })
        .collect()
}

/// The parts of the chosen way, and the other ways beside it.
pub fn text(operation: &str, bytes: f64, ways: &[Way]) -> String {
    let Some(chosen) = ways.iter().find(|way| way.chosen) else {
        return format!("{operation} of {}: nothing to send", bytes_iec(bytes));
    };
    let total = chosen.total_s();
    let part = |what: String, seconds: f64| {
        let share = percent(seconds / total);
        vec![what, duration(seconds), share]
    };
    let parts = [
        part(
            "before the first step: launch, synchronisation".into(),
            chosen.base_s,
        ),
        part(
            format!(
                "latency of {} dependent steps, idle links between them",
                chosen.steps
            ),
            chosen.steps_s,
        ),
        part(format!("data through {}", chosen.narrowest), chosen.data_s),
    ];
    let header = ["part", "time", "share"].map(String::from);
    let others: Vec<Vec<String>> = ways
        .iter()
        .map(|way| {
            vec![
                format!(
                    "{} {}{}",
                    way.algorithm,
                    way.protocol,
                    if way.chosen { " *" } else { "" }
                ),
                duration(way.total_s()),
                duration(way.believed_s),
                way.steps.to_string(),
                way.narrowest.clone(),
            ]
        })
        .collect();
    let columns = [
        "way (* taken)",
        "takes",
        "the library believes",
        "steps",
        "narrowest",
    ];
    format!(
        "{operation} of {}: {} with {} {}\n\n{}\n\n{}",
        bytes_iec(bytes),
        duration(total),
        chosen.algorithm,
        chosen.protocol,
        table(&header, &parts),
        table(&columns.map(String::from), &others)
    )
}
