//! `narrows compare TOPOLOGY TOPOLOGY… -w WORKLOAD`

use std::path::{Path, PathBuf};

use super::{Answer, Context, Format, machine, output, progress, sizes};
use crate::catalog::Catalog;
use crate::collective::{Communicator, Operation};
use crate::fabric::Fabric;
use crate::plan::load_workload;
use crate::report::record::{CompareRecord, workload};
use crate::report::sweep::{SweepRecord, sweep};
use crate::report::{Comparison, charts, csv, draw, files, markdown, sentence, tables};
use crate::spec::{Diagnostic, LibrarySpec};

/// What is said of the conditions here, where there are several machines.
const CONDITIONS: &str = "What is slow, has failed or jitters on every machine, as under \
    `conditions:` in a topology file: \"slow: gpu3, compute: 0.8\". May be given several times";

/// Compare machines side by side on workloads, and say why they differ.
#[derive(Debug, clap::Args)]
#[command(mut_arg("conditions", |arg| arg.help(CONDITIONS)))]
pub struct Args {
    /// Machines: catalogue names or paths of topology files.
    #[arg(required = true, num_args = 1.., value_name = "TOPOLOGY")]
    topologies: Vec<String>,
    /// Workloads: catalogue names or paths of workload files.
    #[arg(short, long = "workload", required = true, num_args = 1.., value_name = "WORKLOAD")]
    workloads: Vec<String>,
    #[command(flatten)]
    simulated: machine::Simulated,
    /// Write the report with all charts into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let loaded = args
        .workloads
        .iter()
        .map(|name| load_workload(&context.catalog, name))
        .collect::<Result<Vec<_>, _>>()?;
    let conditions = args.simulated.conditions();
    let fabrics = args
        .topologies
        .iter()
        .map(|name| machine::fabric_under(context, name, &conditions))
        .collect::<Result<Vec<_>, _>>()?;
    check_names(&args.topologies, &fabrics)?;
    let bar = progress::bar((loaded.len() * fabrics.len() + 1) as u64);
    let mut comparisons = Vec::new();
    for workload in &loaded {
        let mut cases = Vec::new();
        for fabric in &fabrics {
            bar.set_message(format!("{} on {}", workload.name(), fabric.topology.name));
            cases.push(machine::case(
                context,
                fabric,
                workload,
                args.simulated.folds(),
            )?);
            bar.inc(1);
        }
        comparisons.push(Comparison {
            workload: workload.name().to_string(),
            title: cases
                .first()
                .map_or_else(String::new, |case| case.plan.title.clone()),
            cases,
        });
    }
    let record = CompareRecord {
        workloads: comparisons.iter().map(workload).collect(),
    };
    if let Some(folder) = &args.output {
        bar.set_message("charts");
        write_report(&context.catalog, folder, &fabrics, &comparisons, &record)?;
    }
    bar.finish_and_clear();
    output::result(&match context.format {
        Format::Json => output::json(&record)?,
        Format::Csv => csv::comparison(&record),
        Format::Text => text(&comparisons, args.output.as_deref()),
    })?;
    let all_fit = comparisons
        .iter()
        .flat_map(|c| &c.cases)
        .all(|case| case.outcome.fits());
    Ok(if all_fit { Answer::Done } else { Answer::No })
}

/// Different machines must have different names, for the reader's sake and the report's files.
fn check_names(arguments: &[String], fabrics: &[Fabric]) -> Result<(), Diagnostic> {
    for (index, fabric) in fabrics.iter().enumerate() {
        let before = arguments.iter().zip(&fabrics[..index]);
        let name = &fabric.topology.name;
        for (argument, other) in before {
            if *argument != arguments[index] && other.topology.name == *name {
                let message = format!("`{argument}` is called `{name}` too");
                return Err(Diagnostic::new(message)
                    .at(fabric.topology.place.clone())
                    .help("give each machine a `name:` of its own"));
            }
        }
    }
    Ok(())
}

/// Tables and sentences of all workloads.
fn text(comparisons: &[Comparison<'_>], folder: Option<&Path>) -> String {
    let mut parts: Vec<String> = comparisons
        .iter()
        .map(|c| {
            format!(
                "{}\n\n{}",
                sentence::of_comparison(c),
                tables::comparison(c)
            )
        })
        .collect();
    if let Some(folder) = folder {
        let page = folder.join("README.md");
        parts.push(format!(
            "The report with all charts is in {}",
            page.display()
        ));
    }
    parts.join("\n\n")
}

/// The page, its charts, and the data as JSON and CSV.
fn write_report(
    catalog: &Catalog,
    folder: &Path,
    fabrics: &[Fabric],
    comparisons: &[Comparison<'_>],
    record: &CompareRecord,
) -> Result<(), Diagnostic> {
    let sweeps = all_reduce_sweeps(catalog, fabrics)?;
    let charts = charts::comparison_charts(comparisons, &sweeps)
        .map_err(|e| Diagnostic::new(e.to_string()))?;
    let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    let page = markdown::page(comparisons, &sweeps, &names);
    let mut all = vec![
        ("README.md".to_string(), page.into_bytes()),
        ("compare.json".into(), output::json(record)?.into_bytes()),
        ("compare.csv".into(), csv::comparison(record).into_bytes()),
        (
            "all-reduce.json".into(),
            output::json(&sweeps)?.into_bytes(),
        ),
        ("all-reduce.csv".into(), csv::sweeps(&sweeps).into_bytes()),
    ];
    all.extend(charts.into_iter().flat_map(chart_files));
    files::write_all(folder, &all)
}

/// The SVG and PNG files of a chart.
pub fn chart_files((name, chart): (String, draw::Rendered)) -> [(String, Vec<u8>); 2] {
    [
        (format!("{name}.svg"), chart.svg.into_bytes()),
        (format!("{name}.png"), chart.png),
    ]
}

/// All-reduce over all sizes on every machine with more than one GPU.
fn all_reduce_sweeps(
    catalog: &Catalog,
    fabrics: &[Fabric],
) -> Result<Vec<SweepRecord>, Diagnostic> {
    let library = catalog.get::<LibrarySpec>(super::collective::DEFAULT_LIBRARY)?;
    let sizes = sizes::range(8, 8 << 30, 2);
    let several = fabrics
        .iter()
        .filter(|fabric| fabric.topology.gpus().len() > 1);
    several
        .map(|fabric| {
            let communicator = Communicator::new(fabric, &library, fabric.topology.gpus())?;
            sweep(&[communicator], Operation::AllReduce, &sizes)
        })
        .collect()
}
