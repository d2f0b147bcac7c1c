//! `narrows collective OPERATION TOPOLOGY`

use std::path::PathBuf;

use super::{Answer, Context, Format, groups, output, sizes};
use crate::catalog::{Catalog, load};
use crate::collective::{
    Algorithm, Choice, Communicator, Forced, LaunchMode, Operation, moves, ways,
};
use crate::fabric::Fabric;
use crate::report::sweep::{SweepRecord, sweep, text};
use crate::report::{self, charts, csv, files};
use crate::spec::{Diagnostic, Kind, LibrarySpec};
use crate::topology::{DeviceId, cluster, copies, expand};

/// The library whose protocols are used unless another is named.
pub const DEFAULT_LIBRARY: &str = "nccl-2";

/// Predict a collective over message sizes: the table that nccl-tests prints.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// all-reduce, all-gather, reduce-scatter, broadcast, reduce, all-to-all, gather, scatter or
    /// send-recv.
    operation: String,
    /// Machine or cluster: a catalogue name or the path of a topology file.
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
    /// Use only the first so many GPUs: of every machine with `--nodes`, of all without.
    #[arg(short, long, value_name = "N")]
    gpus: Option<usize>,
    /// Copies of the machine, joined by the network it is made for; of a file that has copies, use
    /// only the first so many.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    nodes: Option<u32>,
    /// Only this algorithm: ring, tree, nvls, nvls-tree, one-shot, two-shot, pairwise,
    /// pairwise-pxn, pat, halving-doubling, torus, hierarchical, collnet-direct, collnet-chain.
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
    /// Only this protocol of the library: ll, ll128, simple.
    #[arg(long, value_name = "NAME")]
    protocol: Option<String>,
    /// Split the ranks into groups that run at once: `div:4` groups of 4 consecutive ranks, `mod:4`
    /// 4 groups of every fourth rank.
    #[arg(long, value_name = "HOW")]
    split: Option<String>,
    /// Bytes that rank ROW sends to rank COLUMN of an uneven all-to-all: a CSV file without header.
    #[arg(long, value_name = "FILE")]
    sizes: Option<PathBuf>,
    /// Results replace the operands: no rank copies its own part.
    #[arg(long)]
    in_place: bool,
    /// Choose a way as a library `tuned` on such links would, or as the `library` does by the times
    /// that its published cost model believes.
    #[arg(long, value_name = "HOW", default_value = "tuned")]
    choice: String,
    /// How kernels are launched: processes, one-process, host-timed or graph.
    #[arg(long, value_name = "MODE", default_value = "processes")]
    launch: String,
    /// Communication library of the catalogue; that of the GPUs' maker if absent.
    #[arg(long)]
    library: Option<String>,
    /// Say where the time of one size goes, and what else the library could do.
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    explain: Option<u64>,
    /// Write a chart of bus bandwidth by size (.svg or .png).
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Write a film of the chunks moving, of the largest size (.svg).
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,
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
    let parts = match &args.sizes {
        Some(path) => Some(groups::parts(path, operation)?),
        None => None,
    };
    let sizes = match &parts {
        Some(parts) => vec![parts.bytes() as u64],
        None => sizes::checked_range(args.begin, args.end, args.factor)?,
    };
    let fabric = fabric(context, &args.topology, args.nodes)?;
    let machines = groups::machines(&fabric.topology, args.nodes);
    let group = groups::firsts(&fabric.topology, &machines, args.gpus)?;
    let library = args
        .library
        .as_deref()
        .unwrap_or_else(|| library_of(&context.catalog, &fabric, group[0]));
    let library = context.catalog.get::<LibrarySpec>(library)?;
    let forced = forced(args, &library)?;
    let launch = launch(&args.launch)?;
    let mut communicators = Vec::new();
    for group in groups::split(group, args.split.as_deref())? {
        let communicator = Communicator::new(&fabric, &library, group)?.launched(launch);
        let communicator = communicator.forced(forced.clone()).in_place(args.in_place);
        communicators.push(match &parts {
            Some(parts) => communicator.uneven(parts.clone())?,
            None => communicator,
        });
    }
    let communicator = &communicators[0];
    if let Some(size) = args.explain {
        let ways = ways(communicator, operation, size as f64)?;
        output::result(&match context.format {
            Format::Json => output::json(&report::ways::records(&ways))?,
            _ => report::ways::text(operation.key(), size as f64, &ways),
        })?;
        return Ok(Answer::Done);
    }
    let record = sweep(&communicators, operation, &sizes)?;
    if let Some(folder) = &args.output {
        write(folder, &record)?;
    }
    pictures(args, communicator, operation, &record)?;
    output::result(&match context.format {
        Format::Json => output::json(&record)?,
        Format::Csv => csv::sweeps(std::slice::from_ref(&record)),
        Format::Text => text(&record),
    })?;
    Ok(Answer::Done)
}

/// What a topology argument names, `nodes` times where it is one machine.
fn fabric(context: &Context, argument: &str, nodes: Option<u32>) -> Result<Fabric, Diagnostic> {
    let catalog = &context.catalog;
    let source = load(catalog, argument, &[Kind::Topology], "topology")?;
    let held = copies(catalog, &source)?.map(|copies| copies.count);
    let topology = match (nodes, held) {
        (Some(wanted), Some(held)) if !(1..=held).contains(&wanted) => {
            let message = format!("{wanted} machines of `{argument}`, which has {held}");
            return Err(Diagnostic::new(message).help(format!("expected 1 to {held}")));
        }
        (Some(wanted), None) if wanted != 1 => cluster(catalog, argument, wanted)?,
        _ => expand(catalog, &source)?,
    };
    Ok(Fabric::new(topology))
}

/// The library that the maker of a GPU ships, or the usual one.
fn library_of<'a>(catalog: &'a Catalog, fabric: &Fabric, gpu: DeviceId) -> &'a str {
    let vendor = fabric.topology.device(gpu).gpu().map(|spec| &spec.vendor);
    let ships = |name: &&str| {
        let library = catalog.get::<LibrarySpec>(name);
        library.is_ok_and(|spec| vendor.is_some_and(|vendor| spec.vendors.contains(vendor)))
    };
    let mut names = catalog.names(Kind::Library).into_iter();
    names.find(ships).unwrap_or(DEFAULT_LIBRARY)
}

fn forced(args: &Args, library: &LibrarySpec) -> Result<Forced, Diagnostic> {
    let algorithm = match &args.algorithm {
        None => None,
        Some(name) => Some(Algorithm::from_key(name).ok_or_else(|| {
            let valid = Algorithm::ALL.iter().map(|algorithm| algorithm.key());
            Diagnostic::new(format!("unknown algorithm `{name}`")).suggest(name, valid)
        })?),
    };
    let protocol = args.protocol.as_ref().map(|name| name.to_lowercase());
    if let Some(name) = protocol
        .as_ref()
        .filter(|name| !library.protocols.contains_key(*name))
    {
        let valid = library.protocols.keys().map(String::as_str);
        let message = format!("library `{}` has no protocol `{name}`", library.name);
        return Err(Diagnostic::new(message).suggest(name, valid));
    }
    Ok(Forced {
        algorithm,
        protocol,
        choice: choice(&args.choice)?,
        ..Forced::default()
    })
}

fn choice(key: &str) -> Result<Choice, Diagnostic> {
    Choice::from_key(key).ok_or_else(|| {
        let valid = Choice::ALL.iter().map(|choice| choice.key());
        Diagnostic::new(format!("unknown choice `{key}`")).suggest(key, valid)
    })
}

fn launch(key: &str) -> Result<LaunchMode, Diagnostic> {
    LaunchMode::from_key(key).ok_or_else(|| {
        let valid = LaunchMode::ALL.iter().map(|mode| mode.key());
        Diagnostic::new(format!("unknown launch mode `{key}`")).suggest(key, valid)
    })
}

/// The chart and the film, where asked for.
fn pictures(
    args: &Args,
    communicator: &Communicator<'_>,
    operation: Operation,
    record: &SweepRecord,
) -> Result<(), Diagnostic> {
    if let Some(path) = &args.chart {
        let records = std::slice::from_ref(record);
        let chart = charts::sweep_chart(records).map_err(|e| Diagnostic::new(e.to_string()))?;
        let png = path.extension().is_some_and(|extension| extension == "png");
        files::write_one(
            path,
            if png {
                chart.png
            } else {
                chart.svg.into_bytes()
            },
        )?;
    }
    if let Some(path) = &args.animate {
        let moves = moves(communicator, operation, args.end as f64)?;
        let title = format!("{operation} over {} of {}", record.ranks, record.topology);
        let film = report::animation::animation(&title, communicator.size(), &moves);
        files::write_one(path, film.into_bytes())?;
    }
    Ok(())
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
