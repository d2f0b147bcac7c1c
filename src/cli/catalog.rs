//! `narrows catalog [NAME…]`

use serde::Serialize;
use std::path::PathBuf;

use super::{Answer, Context, Format, compare, output, sizes};
use crate::catalog::{Listed, Unclear};
use crate::report::devices::{CLASSES, Wanted, gap_chart, records, ridge_chart, text};
use crate::report::draw::RenderError;
use crate::report::tables::table;
use crate::report::{csv, files};
use crate::spec::{Diagnostic, Kind};
use crate::units::BytesPerSecond;

/// How devices are named.
const RULE: &str = "\
Devices are named as their makers call them, in lower case with a hyphen between words and without
brand words that say nothing (Tesla, Instinct, GeForce); the form factor and the memory follow where
a device comes in several (a100-pcie-40gb). TPUs are chips, MI250 and MI250X modules of two devices.
What makers and logs call one is understood as well (\"NVIDIA A100-PCIE-40GB\").
`measured: no` means that nobody measured this one: its family, or an estimate in its own file, says
what kernels reach.";

/// List what is known, show one entry with its sources, or compare devices.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Entries: one is shown with its sources, several devices are compared; all entries are
    /// listed where absent.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// List only this kind: gpu, cpu, switch, link, model…, or `device` for GPUs, CPUs and other
    /// accelerators with their figures.
    #[arg(long)]
    kind: Option<String>,
    /// Devices of these years: 2020 or 2018..2022.
    #[arg(long, value_parser = years)]
    year: Option<(u16, u16)>,
    /// Devices with at least so much memory, as 24G.
    #[arg(long, value_parser = memory)]
    memory: Option<u64>,
    /// Devices with at least this bandwidth, as `2 TB/s`.
    #[arg(long)]
    bandwidth: Option<BytesPerSecond>,
    /// Devices with at least so many FLOP for each byte.
    #[arg(long)]
    ridge: Option<f64>,
    /// Write charts of the listed devices into this folder: their ridge points, and how computing
    /// and bandwidth grew over the years.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// An entry as JSON.
#[derive(Serialize)]
struct EntryRecord {
    name: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    let answer = match (args.names.as_slice(), args.wants_devices()) {
        ([], false) => list(context, args.kind.as_deref())?,
        ([name], false) if args.kind.is_none() => show(context, name)?,
        _ => devices(context, args)?,
    };
    output::result(&answer)?;
    Ok(Answer::Done)
}

impl Args {
    fn wants_devices(&self) -> bool {
        matches!(
            self.kind.as_deref(),
            Some("device" | "tpu" | "asic" | "soc")
        ) || self.year.is_some()
            || self.memory.is_some()
            || self.bandwidth.is_some()
            || self.ridge.is_some()
            || self.output.is_some()
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            class: self.kind.clone(),
            years: self.year,
            memory_bytes: self.memory.map(|least| least as f64),
            bandwidth: self.bandwidth.map(|least| least.0),
            ridge: self.ridge,
        }
    }
}

/// An amount of memory: a bare number is no size of one.
fn memory(text: &str) -> Result<u64, String> {
    match text.trim().parse::<f64>() {
        Ok(_) => Err(format!("`{text}` has no unit; expected such as `24G`")),
        Err(_) => sizes::parse(text),
    }
}

/// The devices that were named or that pass the filters, as a table.
fn devices(context: &Context, args: &Args) -> Result<String, Diagnostic> {
    let catalog = &context.catalog;
    if let Some(kind) = args.kind.as_deref().filter(|kind| !CLASSES.contains(kind)) {
        return Err(
            Diagnostic::new(format!("`{kind}` is no kind of device")).suggest(kind, CLASSES)
        );
    }
    if let Some(ridge) = args
        .ridge
        .filter(|ridge| !(ridge.is_finite() && *ridge >= 0.0))
    {
        return Err(
            Diagnostic::new(format!("`{ridge}` FLOP for each byte is no limit"))
                .help("expected a number from 0 up"),
        );
    }
    let named = args.names.iter().map(|name| catalog.called(name));
    let names: Vec<String> = named.collect::<Result<_, _>>()?;
    let records = records(catalog, &names, &args.wanted())?;
    if let Some(folder) = &args.output {
        files::prepare(folder)?;
        let drawn = |e: RenderError| Diagnostic::new(e.to_string());
        let mut charts = vec![("ridge", ridge_chart(&records).map_err(drawn)?)];
        if let Some(gap) = gap_chart(&records) {
            charts.push(("gap", gap.map_err(drawn)?));
        }
        let charts = charts.into_iter().map(|(name, chart)| (name.into(), chart));
        let written: Vec<_> = charts.flat_map(compare::chart_files).collect();
        files::write_all(folder, &written)?;
    }
    match context.format {
        Format::Json => output::json(&records),
        Format::Csv => Ok(csv::devices(&records)),
        Format::Text => Ok(format!("{}\n\n{RULE}", text(&records))),
    }
}

/// `2020` or `2018..2022`.
fn years(text: &str) -> Result<(u16, u16), String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let year = |part: &str| {
        let wrong = |_| format!("`{text}` is no year; expected such as 2020 or 2018..2022");
        part.trim().parse::<u16>().map_err(wrong)
    };
    let (from, to) = (year(from)?, year(to)?);
    if from > to {
        return Err(format!("`{text}` ends before it begins"));
    }
    Ok((from, to))
}

fn list(context: &Context, kind: Option<&str>) -> Result<String, Diagnostic> {
    let wanted = |entry: &&Listed| kind.is_none_or(|kind| kind_name(entry.kind) == kind);
    let mut entries: Vec<&Listed> = context.catalog.list().filter(wanted).collect();
    if let (true, Some(kind)) = (entries.is_empty(), kind) {
        let valid = context.catalog.list().map(|entry| kind_name(entry.kind));
        let valid: std::collections::BTreeSet<&str> = valid.collect();
        return Err(
            Diagnostic::new(format!("the catalogue has no kind `{kind}`")).suggest(
                kind,
                valid.into_iter().chain(["device", "tpu", "asic", "soc"]),
            ),
        );
    }
    entries.sort_by_key(|entry| (entry.kind as u8, &entry.name));
    if context.format == Format::Json {
        let records: Vec<EntryRecord> = entries.iter().map(|entry| record(entry, false)).collect();
        return output::json(&records);
    }
    let header = ["name", "kind"].map(String::from);
    let row = |entry: &&Listed| vec![entry.name.clone(), kind_name(entry.kind).into()];
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    Ok(match context.format {
        Format::Csv => csv::lines(&header, rows.into_iter()),
        _ => format!("{}\n\n{RULE}", table(&header, &rows)),
    })
}

fn show(context: &Context, name: &str) -> Result<String, Diagnostic> {
    let catalog = &context.catalog;
    let missing = || {
        let valid = catalog.list().map(|entry| entry.name.as_str());
        Diagnostic::new(format!("the catalogue has no `{name}`")).suggest(name, valid)
    };
    let entry = match catalog.file(name) {
        Some(entry) => entry,
        None => match catalog.all_called()?.find(name) {
            Ok(device) => catalog.file(device).ok_or_else(missing)?,
            Err(Unclear::Unknown) => return Err(missing()),
            Err(_) => return catalog.called(name),
        },
    };
    match context.format {
        Format::Json => output::json(&record(entry, true)),
        Format::Csv => Err(Diagnostic::new(
            "one entry is YAML and no table: there is no CSV of it",
        )
        .help("`--json` gives it as JSON; several devices make a table")),
        Format::Text => Ok(entry.source.text.clone()),
    }
}

fn record(entry: &Listed, whole: bool) -> EntryRecord {
    EntryRecord {
        name: entry.name.clone(),
        kind: kind_name(entry.kind),
        text: whole.then(|| entry.source.text.clone()),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Gpu => "gpu",
        Kind::Cpu => "cpu",
        Kind::Switch => "switch",
        Kind::Family => "family",
        Kind::Link => "link",
        Kind::Model => "model",
        Kind::Framework => "framework",
        Kind::Library => "library",
        Kind::Campaign => "campaign",
        Kind::Accuracy => "accuracy",
        Kind::Topology => "topology",
        Kind::Training => "training",
        Kind::Inference => "inference",
        Kind::Flows => "flows",
    }
}
