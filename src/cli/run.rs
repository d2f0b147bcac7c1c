//! `narrows run TOPOLOGY WORKLOAD`

use std::path::PathBuf;

use super::{Answer, Context, Format, machine, output};
use crate::analysis::rank_classes;
use crate::fabric::Fabric;
use crate::plan::{Loaded, Wanted, load_workload};
use crate::report::record::{CompareRecord, system, workload};
use crate::report::{Case, Comparison, charts, csv, files, sentence, tables};
use crate::spec::Diagnostic;
use crate::units::duration;

/// Run one workload on one machine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Machine: a catalogue name or the path of a topology file.
    topology: String,
    /// Workload: a catalogue name or the path of a workload file.
    workload: String,
    /// Number of machines, for a topology that is copies of one.
    #[arg(long, value_name = "N")]
    nodes: Option<u32>,
    #[command(flatten)]
    simulated: machine::Simulated,
    /// Simulate all micro-batches too, and fail if those that were repeated say something else.
    #[arg(long, conflicts_with = "no_fold")]
    check_periods: bool,
    /// Say which ranks do the same, how they spend the step and for whom they wait.
    #[arg(long)]
    ranks: bool,
    /// Write charts, JSON and CSV into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let loaded = load_workload(&context.catalog, &args.workload)?;
    let wanted = Wanted {
        nodes: args.nodes,
        conditions: args.simulated.conditions(),
        fold: args.simulated.folds(),
    };
    let fabric = machine::for_workload(context, &args.topology, &wanted, &loaded)?;
    let mut case = case(context, args, &fabric, &loaded)?;
    if args.ranks {
        case.ranks = rank_classes(&case.plan, &case.outcome);
    }
    let fits = case.outcome.fits();
    let text = match context.format {
        Format::Json => output::json(&system(&case))?,
        Format::Csv => String::new(),
        Format::Text => text(&case),
    };
    let comparison = Comparison {
        workload: case.plan.workload.clone(),
        title: case.plan.title.clone(),
        cases: vec![case],
    };
    let record = CompareRecord {
        workloads: vec![workload(&comparison)],
    };
    if let Some(folder) = &args.output {
        let mut all = charts::case_charts(&comparison)
            .map_err(|e| Diagnostic::new(e.to_string()))?
            .into_iter()
            .flat_map(super::compare::chart_files)
            .collect::<Vec<_>>();
        all.push(("run.json".into(), output::json(&record)?.into_bytes()));
        all.push(("run.csv".into(), csv::comparison(&record).into_bytes()));
        files::write_all(folder, &all)?;
    }
    match context.format {
        Format::Csv => output::result(&csv::comparison(&record))?,
        _ => output::result(&text)?,
    }
    Ok(if fits { Answer::Done } else { Answer::No })
}

/// How far a step with repeated periods may be from the whole one, relatively.
const SAME_STEP: f64 = 1e-9;

/// The answer: by a few of many micro-batches where that is exact, unless everything is to be
/// simulated.
fn case<'a>(
    context: &Context,
    args: &Args,
    fabric: &'a Fabric,
    loaded: &Loaded,
) -> Result<Case<'a>, Diagnostic> {
    let fold = args.simulated.folds();
    let periodic = match fold {
        true => machine::periodic_case(context, fabric, loaded)?,
        false => None,
    };
    let Some(periodic) = periodic else {
        return machine::case(context, fabric, loaded, fold);
    };
    if args.check_periods {
        let whole = machine::whole_step(context, fabric, loaded)?;
        let found = periodic.outcome.step_s;
        if (found / whole - 1.0).abs() > SAME_STEP {
            return Err(Diagnostic::new(format!(
                "the repeated micro-batches make a step of {}, all of them one of {}",
                duration(found),
                duration(whole)
            )));
        }
    }
    Ok(periodic)
}

fn text(case: &Case<'_>) -> String {
    let outcome = &case.outcome;
    let mut lines = vec![sentence::of_case(case), String::new()];
    lines.push(format!(
        "{} on {}: {} a step, {}",
        case.plan.workload,
        case.fabric.topology.name,
        duration(outcome.step_s),
        tables::throughput(case, 1.0)
    ));
    let facts: Vec<String> = case
        .plan
        .facts
        .iter()
        .map(|(k, v)| format!("{k} {v}"))
        .collect();
    if !facts.is_empty() {
        lines.push(facts.join(" · "));
    }
    let conditions = case.fabric.topology.conditions.iter();
    lines.extend(conditions.map(|condition| format!("condition {}", condition.text)));
    if outcome.phases.len() > 1 {
        for phase in &outcome.phases {
            lines.push(format!(
                "{}: {} × {}",
                phase.name,
                phase.repeat,
                duration(phase.time_s)
            ));
        }
    }
    lines.push(String::new());
    lines.push(tables::case(case));
    if !case.ranks.is_empty() {
        lines.extend([String::new(), tables::ranks(case)]);
    }
    lines.join("\n")
}
