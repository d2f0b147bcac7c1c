//! `narrows collective OPERATION TOPOLOGY`

use std::path::PathBuf;

use super::{Answer, Context, Format, machine, output, sizes};
use crate::collective::{Communicator, Operation};
use crate::report::sweep::{SweepRecord, sweep, text};
use crate::report::{charts, csv, files};
use crate::spec::{Diagnostic, LibrarySpec};

/// The library whose protocols are used unless another is named.
pub const DEFAULT_LIBRARY: &str = "nccl-2";

/// Predict a collective over message sizes: the table that nccl-tests prints.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// all-reduce, all-gather, reduce-scatter, broadcast or send-recv.
    operation: String,
    /// Machine: a catalogue name or the path of a topology file.
    topology: String,
    /// Smallest size, as 8, 64K, 1M.
    #[arg(short, long, default_value = "8", value_parser = sizes::parse)]
    begin: u64,
    /// Largest size.
    #[arg(short, long, default_value = "8G", value_parser = sizes::parse)]
    end: u64,
    /// Factor from one size to the next.
    #[arg(short, long, default_value_t = 2)]
    factor: u64,
    /// Use only the first so many GPUs.
    #[arg(short, long, value_name = "N")]
    gpus: Option<usize>,
    /// Communication library of the catalogue.
    #[arg(long, default_value = DEFAULT_LIBRARY)]
    library: String,
    /// Write a chart, JSON and CSV into this folder.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
    }
    let operation = Operation::from_key(&args.operation).ok_or_else(|| {
        let valid = Operation::ALL.iter().map(|operation| operation.key());
        Diagnostic::new(format!("unknown collective `{}`", args.operation))
            .suggest(&args.operation, valid)
    })?;
    let sizes = sizes::checked_range(args.begin, args.end, args.factor)?;
    let library = context.catalog.get::<LibrarySpec>(&args.library)?;
    let fabric = machine::fabric(context, &args.topology)?;
    let mut group = fabric.topology.gpus();
    let available = group.len();
    let used = args.gpus.unwrap_or(available);
    if available < 2 {
        return Err(Diagnostic::new(format!(
            "`{}` has {available} GPU; a collective needs 2",
            fabric.topology.name
        ))
        .at(fabric.topology.place.clone()));
    }
    if used < 2 || used > available {
        return Err(Diagnostic::new(format!(
            "a collective over {used} GPUs of `{}`, which has {available}",
            fabric.topology.name
        ))
        .help(format!("expected 2 to {available}")));
    }
    group.truncate(used);
    let communicator = Communicator::new(&fabric, &library, group)?;
    let record = sweep(&communicator, operation, &sizes)?;
    if let Some(folder) = &args.output {
        write(folder, &record)?;
    }
    output::result(&match context.format {
        Format::Json => output::json(&record)?,
        Format::Csv => csv::sweeps(std::slice::from_ref(&record)),
        Format::Text => text(&record),
    })?;
    Ok(Answer::Done)
}

fn write(folder: &std::path::Path, record: &SweepRecord) -> Result<(), Diagnostic> {
    let records = std::slice::from_ref(record);
    let chart = charts::sweep_chart(records).map_err(|e| Diagnostic::new(e.to_string()))?;
    let name = format!("{}-{}", record.operation, record.topology);
    let mut all = vec![
        (format!("{name}.json"), output::json(record)?.into_bytes()),
        (format!("{name}.csv"), csv::sweeps(records).into_bytes()),
    ];
    all.extend(super::compare::chart_files((name, chart)));
    files::write_all(folder, &all)
}
