//! Tables for a terminal.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::record::unit_name;
use super::{Case, Comparison};
use crate::fabric::ResourceKind;
use crate::plan::Unit;
use crate::units::{bytes_iec, duration, percent, rate, si};

/// One line below the header and none elsewhere.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A plain table: the first column left, the others right.
pub fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(header.iter().map(|text| cell(text)));
    table.add_rows(rows.iter().map(|row| row.iter().map(|text| cell(text))));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Longest text of a cell \[characters\].
const LONGEST_CELL: usize = 120;

/// A text as a terminal can show it: no control characters, of bounded length.
fn cell(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_CELL).map(visible).collect();
    if text.chars().nth(LONGEST_CELL).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

/// The side-by-side table of a comparison: one column per machine.
pub fn comparison(comparison: &Comparison<'_>) -> String {
    let cases = &comparison.cases;
    let mut header = vec![comparison.workload.clone()];
    header.extend(cases.iter().map(|case| case.fabric.topology.name.clone()));
    let row = |label: &str, value: &dyn Fn(&Case<'_>) -> String| {
        let mut row = vec![label.to_string()];
        row.extend(cases.iter().map(value));
        row
    };
    let mut rows = vec![
        row("step time", &|case| duration(case.outcome.step_s)),
        row("throughput", &|case| throughput(case, 1.0)),
        row("per GPU", &|case| {
            throughput(case, case.plan.ranks.len().max(1) as f64)
        }),
        row("peak VRAM", &peak_vram),
        row("bottleneck", &|case| {
            let bottleneck = &case.outcome.bottleneck;
            format!("{} {}", bottleneck.kind, percent(bottleneck.share))
        }),
        row("longest on", &|case| {
            case.outcome.bottleneck.resource.clone()
        }),
        row("waiting for data", &|case| {
            percent(case.outcome.times.data_share())
        }),
    ];
    for kind in ResourceKind::ALL {
        if cases.iter().any(|case| case.outcome.times.kind(kind) > 0.0) {
            rows.push(row(&format!("  {kind}"), &|case| {
                let time = case.outcome.times.kind(kind);
                let share = time / case.outcome.step_s;
                format!("{} {:>6}", duration(time), percent(share))
            }));
        }
    }
    if let Some(first) = cases.first() {
        for (index, phase) in first.outcome.phases.iter().enumerate() {
            if first.outcome.phases.len() > 1 {
                rows.push(row(phase.name, &|case| {
                    duration(case.outcome.phases[index].time_s)
                }));
            }
        }
    }
    table(&header, &rows)
}

/// The tables of one case: time by kind with sensitivities, resources, memory.
pub fn case(case: &Case<'_>) -> String {
    let outcome = &case.outcome;
    let sensitivity = |kind: ResourceKind| {
        let found = outcome.sensitivity.iter().find(|(k, _)| *k == kind);
        found.map_or_else(String::new, |(_, s)| format!("{s:+.3}"))
    };
    let kinds: Vec<Vec<String>> = ResourceKind::ALL
        .into_iter()
        .filter(|kind| outcome.times.kind(*kind) > 0.0 || !sensitivity(*kind).is_empty())
        .map(|kind| {
            let time = outcome.times.kind(kind);
            let share = percent(time / outcome.step_s);
            vec![kind.key().into(), duration(time), share, sensitivity(kind)]
        })
        .collect();
    let header = ["waiting for", "time", "share", "d ln step / d ln capacity"].map(String::from);
    let mut text = table(&header, &kinds);
    let resources = outcome.times.resources();
    let rows: Vec<Vec<String>> = resources
        .iter()
        .take(8)
        .map(|(id, time)| {
            let name = case.fabric.resource(*id).name.clone();
            vec![name, duration(*time), percent(time / outcome.step_s)]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("\n\n");
        let header = ["resource", "bound for", "share"].map(String::from);
        text.push_str(&table(&header, &rows));
    }
    let rows: Vec<Vec<String>> = outcome
        .resource_sensitivity
        .iter()
        .map(|entry| {
            let name = case.fabric.resource(entry.resource).name.clone();
            vec![
                name,
                entry.alike.to_string(),
                format!("{:+.3}", entry.slope),
            ]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("\n\n");
        let header = [
            "resource and all alike",
            "how many",
            "d ln step / d ln capacity",
        ];
        text.push_str(&table(&header.map(String::from), &rows));
    }
    if !outcome.memory.is_empty() {
        text.push_str("\n\n");
        text.push_str(&memory(case));
    }
    text
}

/// How many classes of ranks a table lists.
const LISTED_CLASSES: usize = 24;
/// How many classes that one waits for a table lists.
const LISTED_WAITS: usize = 2;

/// Who does the same, how they spend the step, and for whom they wait.
pub fn ranks(case: &Case<'_>) -> String {
    let header = [
        "ranks",
        "computing",
        "communicating",
        "launching",
        "waiting",
        "for",
    ];
    let rows = case.ranks.iter().take(LISTED_CLASSES).map(|class| {
        let longest = class.waiting_s.iter().filter(|(_, time)| *time > 0.0);
        let waits: Vec<String> = longest
            .take(LISTED_WAITS)
            .map(|(other, time)| match class.waiting_s.len() {
                1 => first_ranks(&case.ranks[*other].ranks, 3),
                _ => {
                    let ranks = first_ranks(&case.ranks[*other].ranks, 3);
                    format!("{ranks} ({})", duration(*time))
                }
            })
            .collect();
        vec![
            class_name(&class.ranks),
            duration(class.computing_s),
            duration(class.communicating_s),
            duration(class.launching_s),
            duration(
                class
                    .waiting_s
                    .iter()
                    .fold(0.0, |sum, (_, time)| sum + time),
            ),
            waits.join("; "),
        ]
    });
    let mut text = table(&header.map(String::from), &rows.collect::<Vec<_>>());
    if case.ranks.len() > LISTED_CLASSES {
        let more = case.ranks.len() - LISTED_CLASSES;
        text.push_str(&format!(
            "\n … and {more} more classes (all of them with --json)"
        ));
    }
    text
}

/// "class of 128 ranks: 0, 8, 16, …".
fn class_name(ranks: &[u32]) -> String {
    match ranks {
        [rank] => format!("rank {rank}"),
        _ => format!("class of {} ranks: {}", ranks.len(), numbers(ranks, 4)),
    }
}

/// "ranks 0, 8, 16, …".
fn first_ranks(ranks: &[u32], most: usize) -> String {
    match ranks {
        [rank] => format!("rank {rank}"),
        _ => format!("ranks {}", numbers(ranks, most)),
    }
}

fn numbers(ranks: &[u32], most: usize) -> String {
    let first: Vec<String> = ranks.iter().take(most).map(u32::to_string).collect();
    let more = if ranks.len() > most { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

fn memory(case: &Case<'_>) -> String {
    let header = ["device", "peak VRAM", "of", "largest at the peak"].map(String::from);
    let rows: Vec<Vec<String>> = case
        .outcome
        .memory
        .iter()
        .map(|device| {
            let largest: Vec<String> = device
                .accounts
                .iter()
                .take(3)
                .map(|(account, bytes)| format!("{} {}", account.key(), bytes_iec(*bytes)))
                .collect();
            vec![
                device.device.clone(),
                bytes_iec(device.peak_bytes),
                bytes_iec(device.capacity_bytes),
                largest.join(", "),
            ]
        })
        .collect();
    table(&header, &rows)
}

/// Produced per second, divided among so many.
pub fn throughput(case: &Case<'_>, among: f64) -> String {
    let value = case.outcome.throughput / among;
    match case.outcome.unit {
        Unit::Tokens => format!("{}{}", si(value), unit_name(Unit::Tokens)),
        Unit::Bytes => rate(value),
    }
}

/// The fullest device's peak and its share of the capacity.
fn peak_vram(case: &Case<'_>) -> String {
    let fullest = case
        .outcome
        .memory
        .iter()
        .max_by(|a, b| a.peak_bytes.total_cmp(&b.peak_bytes));
    fullest.map_or_else(String::new, |device| {
        let share = device.peak_bytes / device.capacity_bytes;
        let verdict = if device.fits() { "" } else { " DOES NOT FIT" };
        format!(
            "{} ({}){verdict}",
            bytes_iec(device.peak_bytes),
            percent(share)
        )
    })
}
