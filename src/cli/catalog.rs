//! `narrows catalog [NAME]`

use serde::Serialize;

use super::{Answer, Context, Format, output};
use crate::catalog::Listed;
use crate::report::tables::table;
use crate::spec::{Diagnostic, Kind};

/// List what is known, or show one entry with its sources.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Entry to show; all entries are listed where absent.
    name: Option<String>,
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
    let text = match &args.name {
        None => list(context)?,
        Some(name) => show(context, name)?,
    };
    output::result(&text)?;
    Ok(Answer::Done)
}

fn list(context: &Context) -> Result<String, Diagnostic> {
    let mut entries: Vec<&Listed> = context.catalog.list().collect();
    entries.sort_by_key(|entry| (entry.kind as u8, &entry.name));
    if context.format == Format::Json {
        let records: Vec<EntryRecord> = entries.iter().map(|entry| record(entry, false)).collect();
        return output::json(&records);
    }
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| vec![entry.name.clone(), kind_name(entry.kind).into()])
        .collect();
    Ok(table(&["name".into(), "kind".into()], &rows))
}

fn show(context: &Context, name: &str) -> Result<String, Diagnostic> {
    let entry = context.catalog.file(name).ok_or_else(|| {
        let valid = context.catalog.list().map(|entry| entry.name.as_str());
        Diagnostic::new(format!("the catalogue has no `{name}`")).suggest(name, valid)
    })?;
    match context.format {
        Format::Json => output::json(&record(entry, true)),
        _ => Ok(entry.source.text.clone()),
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
        Kind::Topology => "topology",
        Kind::Training => "training",
        Kind::Inference => "inference",
        Kind::Flows => "flows",
    }
}
