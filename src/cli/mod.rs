//! The command line: one file per subcommand; nothing else prints.
//!
//! Exit codes: 0 done, 1 the answer is "no" (it does not fit), 2 bad input. Results go to
//! standard output, diagnostics to standard error.

mod bench;
mod catalog;
mod collective;
mod compare;
mod groups;
mod kernel;
mod machine;
mod output;
mod progress;
mod run;
mod sizes;
mod topo;
mod validate;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::catalog::Catalog;
use crate::spec::Diagnostic;

/// How long a step takes on a machine of many GPUs, and what it waits for.
#[derive(Debug, Parser)]
#[command(name = "narrows", version, max_term_width = 100)]
struct Cli {
    /// A folder of your own YAML files, in front of the shipped catalogue.
    #[arg(long, global = true, value_name = "DIR")]
    catalog: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Print the result as CSV.
    #[arg(long, global = true, conflicts_with = "json")]
    csv: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare machines side by side on workloads, and say why they differ.
    Compare(compare::Args),
    /// Run one workload on one machine.
    Run(run::Args),
    /// Predict a collective over message sizes: the table that nccl-tests prints.
    Collective(collective::Args),
    /// Predict one operator on devices: its time, and what decides it.
    Kernel(kernel::Args),
    /// Show, check or draw a topology.
    Topo(topo::Args),
    /// Compare predictions with published measurements.
    Validate(validate::Args),
    /// Measure how fast this machine simulates.
    Bench(bench::Args),
    /// List what is known, or show one entry with its sources.
    Catalog(catalog::Args),
}

/// In which form results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Text,
    Json,
    Csv,
}

/// The answer of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    No,
}

/// What every command gets.
struct Context {
    catalog: Catalog,
    format: Format,
}

/// Parses the arguments, runs the command, prints any diagnostic.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(diagnostic) => {
            output::diagnostic(&diagnostic);
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli) -> Result<Answer, Diagnostic> {
    let mut catalog = Catalog::shipped()?;
    if let Some(folder) = &cli.catalog {
        catalog.add_folder(folder)?;
    }
    let format = match (cli.json, cli.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Text,
    };
    let context = Context { catalog, format };
    match cli.command {
        Command::Compare(args) => compare::run(&context, &args),
        Command::Run(args) => run::run(&context, &args),
        Command::Collective(args) => collective::run(&context, &args),
        Command::Kernel(args) => kernel::run(&context, &args),
        Command::Topo(args) => topo::run(&context, &args),
        Command::Validate(args) => validate::run(&context, &args),
        Command::Bench(args) => bench::run(&context, &args),
        Command::Catalog(args) => catalog::run(&context, &args),
    }
}
