//! `narrows bench`: how fast this machine simulates.

use std::path::PathBuf;
use std::time::Instant;

use super::compare::chart_files;
use super::{Answer, Context, Format, output};
use crate::catalog::load;
use crate::engine::{Activity, ActivityId, Options, Program, Resource, Static, run as simulate};
use crate::plan::{Loaded, Wanted, machine, plan};
use crate::report::draw::{Chart, Measure, Sweep, SweepPoint, SweepSeries, render};
use crate::report::files;
use crate::spec::{Diagnostic, Kind, Source, parse};

/// Measure how fast this machine simulates: sends a second, and jobs from 8 to 131,072 GPUs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write the table and the charts of time and memory over GPUs into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug, serde::Serialize)]
struct Row {
    case: &'static str,
    /// Hosts or GPUs.
    size: u32,
    activities: usize,
    /// From the files to the end of the run; of a ring, of the run alone \[s\].
    seconds: f64,
    activities_per_second: f64,
    /// Most memory that the process held meanwhile \[B\]; 0 where the system does not say.
    peak_bytes: f64,
}

/// Up to this many GPUs the job is also run without folding.
const UNFOLDED_UP_TO: u32 = 256;

const RING: &str = "ring all-reduce, every send";
const FOLDED: &str = "training step, folded";
const UNFOLDED: &str = "training step, unfolded";

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let mut rows = Vec::new();
    for hosts in [8, 64, 256, 1024] {
        rows.push(ring(hosts)?);
    }
    for power in 3..18 {
        let gpus = 1u32 << power;
        rows.push(step(context, gpus, true)?);
        if gpus <= UNFOLDED_UP_TO {
            rows.push(step(context, gpus, false)?);
        }
    }
    if let Some(folder) = &args.output {
        let mut all = vec![("bench.csv".to_string(), csv(&rows).into_bytes())];
        for (name, chart) in [("time", time_chart(&rows)), ("memory", memory_chart(&rows))] {
            let drawn = render(&chart, chart.size());
            let drawn = drawn.map_err(|e| Diagnostic::new(e.to_string()))?;
            all.extend(chart_files((name.to_string(), drawn)));
        }
        files::write_all(folder, &all)?;
    }
    match context.format {
        Format::Json => output::result(&output::json(&rows)?)?,
        Format::Csv => output::result(&csv(&rows))?,
        Format::Text => output::result(&text(&rows))?,
    }
    Ok(Answer::Done)
}

/// A ring all-reduce of 1 GiB over hosts on one switch, 50 GB/s and 1 µs a link, send by send.
fn ring(hosts: u32) -> Result<Row, Diagnostic> {
    let n = hosts as usize;
    let mut program = Program::default();
    let links: Vec<_> = (0..2 * n)
        .map(|_| {
            program.add_resource(Resource {
                name: "link".into(),
                capacity: 50e9,
                kind: 0,
            })
        })
        .collect();
    let mut last: Vec<ActivityId> = Vec::new();
    for _ in 0..2 * (n - 1) {
        let step = (0..n).map(|rank| {
            let own = last.get(rank).copied();
            let received = last.get((rank + n - 1) % n).copied();
            let after: Vec<ActivityId> = own.into_iter().chain(received).collect();
            program.add(&Activity {
                latency: 2e-6,
                work: (1u64 << 30) as f64 / n as f64,
                demands: &[(links[rank], 1.0), (links[n + (rank + 1) % n], 1.0)],
                after: &after,
                ..Activity::default()
            })
        });
        last = step.collect();
    }
    reset_peak();
    let begin = Instant::now();
    let options = Options {
        record: false,
        ..Options::default()
    };
    simulate(&mut Static(&program), &options).map_err(|e| Diagnostic::new(e.to_string()))?;
    Ok(row(RING, hosts, program.len(), begin))
}

/// One training step of Llama 3 8B, tensor 8 and the rest data-parallel, on DGX H100.
fn step(context: &Context, gpus: u32, fold: bool) -> Result<Row, Diagnostic> {
    let text = "kind: training\nname: bench\nmodel: llama3-8b\nprecision: bf16\nsequence: 8192\n\
                micro_batch: 1\nzero: 1\nframework: megatron-core\n\
                parallel: {tensor: 8, sequence_parallel: true}\n";
    reset_peak();
    let begin = Instant::now();
    let source = Source::new("bench", text.to_string());
    let job = Loaded::Training(source.clone(), Box::new(parse(&source)?));
    let kinds = [Kind::Topology];
    let cluster = load(&context.catalog, "superpod-h100", &kinds, "topology")?;
    let wanted = Wanted {
        nodes: Some(gpus / 8),
        fold,
        ..Wanted::default()
    };
    let fabric = machine(&context.catalog, &cluster, &wanted, &job)?;
    let mut planned = plan(&context.catalog, &fabric, &job)?;
    if !fold {
        planned.unfold();
    }
    for phase in &planned.phases {
        crate::analysis::simulate(phase, None, true).map_err(|e| Diagnostic::new(e.to_string()))?;
    }
    let simulated = planned.phases.iter().map(|phase| match &phase.folded {
        Some(folded) => folded.classes(),
        None => phase.program.len(),
    });
    let name = if fold { FOLDED } else { UNFOLDED };
    Ok(row(name, gpus, simulated.sum(), begin))
}

fn row(case: &'static str, size: u32, activities: usize, begin: Instant) -> Row {
    let seconds = begin.elapsed().as_secs_f64();
    Row {
        case,
        size,
        activities,
        seconds,
        activities_per_second: activities as f64 / seconds,
        peak_bytes: peak().unwrap_or(0.0),
    }
}

/// Lets the kernel count the process's peak of memory anew; a system without that keeps it.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Most memory since then \[B\].
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

fn text(rows: &[Row]) -> String {
    let mut lines = vec![format!(
        "{:<28} {:>8} {:>11} {:>10} {:>14} {:>9}",
        "case", "size", "activities", "time", "activities/s", "memory"
    )];
    lines.extend(rows.iter().map(|row| {
        format!(
            "{:<28} {:>8} {:>11} {:>8.2}ms {:>12.2} M {:>6.0} MB",
            row.case,
            row.size,
            row.activities,
            row.seconds * 1e3,
            row.activities_per_second / 1e6,
            row.peak_bytes / 1e6
        )
    }));
    lines.join("\n")
}

fn csv(rows: &[Row]) -> String {
    let head = "case,size,activities,seconds,activities_per_second,peak_bytes";
    let lines = rows.iter().map(|r| {
        format!(
            "\"{}\",{},{},{:.6},{:.0},{:.0}",
            r.case, r.size, r.activities, r.seconds, r.activities_per_second, r.peak_bytes
        )
    });
    let lines: Vec<String> = std::iter::once(head.to_string()).chain(lines).collect();
    lines.join("\n") + "\n"
}

fn time_chart(rows: &[Row]) -> Sweep {
    Sweep {
        title: "Time to simulate a step by the number of GPUs".into(),
        subtitle: "Llama 3 8B on DGX H100, tensor 8; files to trace, one core".into(),
        y_axis: "time".into(),
        measure: Measure::Seconds,
        ..chart(rows, |row| row.seconds)
    }
}

fn memory_chart(rows: &[Row]) -> Sweep {
    Sweep {
        title: "Memory to simulate a step by the number of GPUs".into(),
        subtitle: "Llama 3 8B on DGX H100, tensor 8; peak of the process in bytes".into(),
        y_axis: "memory in bytes".into(),
        measure: Measure::Number,
        ..chart(rows, |row| row.peak_bytes)
    }
}

/// One line a way to run the step.
fn chart(rows: &[Row], value: impl Fn(&Row) -> f64) -> Sweep {
    let series = [FOLDED, UNFOLDED].map(|case| SweepSeries {
        label: case.to_string(),
        points: rows
            .iter()
            .filter(|row| row.case == case)
            .map(|row| SweepPoint {
                size: f64::from(row.size),
                value: value(row),
            })
            .collect(),
    });
    Sweep {
        title: String::new(),
        subtitle: String::new(),
        x_axis: "GPUs".into(),
        in_bytes: false,
        log_x: true,
        y_axis: String::new(),
        measure: Measure::Number,
        log_y: true,
        apart: false,
        series: series.into(),
        limits: Vec::new(),
    }
}
