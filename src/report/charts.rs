//! Which charts a comparison gets, and the data on them.

use rayon::prelude::*;

use super::draw::{
    self, BarGroup, BarRow, Bars, Chart, Measure, RenderError, Rendered, Segment, StackedBars,
    Sweep, SweepPoint, SweepSeries, Waterfall, render,
};
use super::machine_chart::machine;
use super::step_charts::{lanes, under_the_roof};
use super::sweep::SweepRecord;
use super::{Case, Comparison};
use crate::fabric::ResourceKind;
use crate::units::{duration, percent};

/// A chart with the name of its files, without extension.
pub type Named = (String, Rendered);

/// A chart still to be drawn.
type Job<'a> = Box<dyn Fn() -> Result<Named, RenderError> + Send + Sync + 'a>;

/// All charts of a comparison, drawn on all cores, in a fixed order.
///
/// # Errors
/// A chart cannot be drawn.
pub fn comparison_charts(
    comparisons: &[Comparison<'_>],
    sweeps: &[SweepRecord],
) -> Result<Vec<Named>, RenderError> {
    let mut jobs: Vec<Job<'_>> = vec![
        job("where-the-time-goes".into(), time_bars(comparisons)),
        job("all-reduce-bus-bandwidth".into(), bus_bandwidth(sweeps)),
    ];
    for comparison in comparisons {
        let workload = &comparison.workload;
        jobs.push(job(
            format!("sensitivity-{workload}"),
            sensitivity(comparison),
        ));
        if let [from, to, ..] = comparison.cases.as_slice() {
            jobs.push(job(
                format!("waterfall-{workload}"),
                waterfall(workload, from, to),
            ));
        }
        for case in &comparison.cases {
            jobs.extend(case_jobs(case));
        }
    }
    jobs.into_par_iter().map(|job| job()).collect()
}

/// The charts of a single run.
///
/// # Errors
/// A chart cannot be drawn.
pub fn case_charts(comparison: &Comparison<'_>) -> Result<Vec<Named>, RenderError> {
    let mut jobs: Vec<Job<'_>> = vec![
        job(
            "where-the-time-goes".into(),
            time_bars(std::slice::from_ref(comparison)),
        ),
        job(
            format!("sensitivity-{}", comparison.workload),
            sensitivity(comparison),
        ),
    ];
    comparison
        .cases
        .iter()
        .for_each(|case| jobs.extend(case_jobs(case)));
    jobs.into_par_iter().map(|job| job()).collect()
}

/// A sweep as a chart.
///
/// # Errors
/// The chart cannot be drawn.
pub fn sweep_chart(sweeps: &[SweepRecord]) -> Result<Rendered, RenderError> {
    let chart = bus_bandwidth(sweeps);
    render(&chart, chart.size())
}

/// A machine as a picture, without a workload on it.
///
/// # Errors
/// The picture cannot be drawn.
pub fn machine_chart(fabric: &crate::fabric::Fabric) -> Result<Rendered, RenderError> {
    let subtitle = "boxes and wires; the wider, the more bandwidth".to_string();
    let chart = machine(fabric, &vec![0.0; fabric.wires().len()], subtitle);
    render(&chart, chart.size())
}

fn job<'a, C: Chart + Send + Sync + 'a>(name: String, chart: C) -> Job<'a> {
    Box::new(move || Ok((name.clone(), render(&chart, chart.size())?)))
}

/// The charts of one workload on one machine.
fn case_jobs<'a>(case: &'a Case<'_>) -> Vec<Job<'a>> {
    let name = format!("{}-on-{}", case.plan.workload, case.fabric.topology.name);
    let mut jobs: Vec<Job<'a>> = vec![];
    for index in 0..case.plan.phases.len() {
        if case.plan.phases[index].repeat < 0.0 {
            continue;
        }
        let phase = case.plan.phases[index].name;
        let suffix = if case.plan.phases.len() > 1 {
            format!("-{phase}")
        } else {
            String::new()
        };
        jobs.push(job(format!("timeline-{name}{suffix}"), lanes(case, index)));
    }
    let busy = crate::analysis::link_utilisation(case.fabric, &case.plan, &case.outcome.phases);
    let subtitle = format!(
        "mean use of each wire's busier direction over a step of {} ({})",
        case.plan.workload,
        duration(case.outcome.step_s)
    );
    jobs.push(job(
        format!("topology-{name}"),
        machine(case.fabric, &busy, subtitle),
    ));
    if let Some(chart) = under_the_roof(case) {
        jobs.push(job(format!("roofline-{name}"), chart));
    }
    jobs
}

/// Where the time goes, stacked, machines side by side.
fn time_bars(comparisons: &[Comparison<'_>]) -> StackedBars {
    let row = |case: &Case<'_>| BarRow {
        label: case.fabric.topology.name.clone(),
        segments: case
            .outcome
            .times
            .kinds()
            .map(|(kind, seconds)| Segment {
                kind: kind.key().into(),
                seconds,
            })
            .collect(),
    };
    StackedBars {
        title: "Where the time of a step goes".into(),
        subtitle: "critical path by what each stretch of it waits for; stretches sum to the step"
            .into(),
        groups: comparisons
            .iter()
            .map(|comparison| BarGroup {
                label: comparison.workload.clone(),
                rows: comparison.cases.iter().map(row).collect(),
            })
            .collect(),
        shared_axis: false,
    }
}

/// Bus bandwidth over size, one line per machine.
fn bus_bandwidth(sweeps: &[SweepRecord]) -> Sweep {
    let series = sweeps.iter().map(|sweep| SweepSeries {
        label: sweep.topology.clone(),
        points: sweep
            .rows
            .iter()
            .map(|row| SweepPoint {
                size: row.size_bytes as f64,
                value: row.busbw_gbps * 1e9,
            })
            .collect(),
    });
    let operation = sweeps.first().map_or("all-reduce", |sweep| sweep.operation);
    Sweep {
        title: format!("Bus bandwidth of {operation} by message size"),
        subtitle: "as nccl-tests defines it; predicted, nothing else running".into(),
        x_axis: "message size".into(),
        in_bytes: true,
        log_x: true,
        y_axis: "bus bandwidth".into(),
        measure: Measure::BytesPerSecond,
        log_y: true,
        apart: false,
        series: series.collect(),
        limits: Vec::new(),
    }
}

/// What one per cent more of each thing would bring, for every machine.
fn sensitivity(comparison: &Comparison<'_>) -> Bars {
    let bars = comparison.cases.iter().flat_map(|case| {
        let name = &case.fabric.topology.name;
        case.outcome
            .sensitivity
            .iter()
            .map(move |(kind, slope)| draw::Bar {
                label: format!("{name}: {kind}"),
                kind: kind.key().into(),
                value: 0.0 - slope,
            })
    });
    Bars {
        title: format!(
            "What one per cent more of it would bring to {}",
            comparison.workload
        ),
        subtitle: "speed-up in per cent per per cent of capacity; 1 means the step is in inverse \
                   proportion to it"
            .into(),
        axis: "−d ln step / d ln capacity".into(),
        measure: Measure::Number,
        signed: true,
        bars: bars.collect(),
    }
}

/// From the step of the first machine to that of the second, kind by kind.
fn waterfall(workload: &str, from: &Case<'_>, to: &Case<'_>) -> Waterfall {
    let change = |kind: ResourceKind| to.outcome.times.kind(kind) - from.outcome.times.kind(kind);
    let steps = ResourceKind::ALL
        .into_iter()
        .filter(|kind| change(*kind) != 0.0)
        .map(|kind| draw::Step {
            label: format!("waiting for {}", kind.noun()),
            kind: kind.key().into(),
            seconds: change(kind),
        });
    let (a, b) = (&from.fabric.topology.name, &to.fabric.topology.name);
    let change_in_all = to.outcome.step_s / from.outcome.step_s - 1.0;
    let sign = if change_in_all < 0.0 { "−" } else { "+" };
    Waterfall {
        title: format!("{workload}: from {a} to {b}"),
        subtitle: format!(
            "change of the critical path by what it waits for; {sign}{} of the step in all",
            percent(change_in_all.abs())
        ),
        start: (a.clone(), from.outcome.step_s),
        steps: steps.collect(),
        end: b.clone(),
    }
}
