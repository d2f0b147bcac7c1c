//! `narrows topo show|check|import`

use clap::Subcommand;
use serde::Serialize;
use std::path::PathBuf;

use super::{Answer, Context, Format, machine, output};
use crate::catalog::read_file;
use crate::fabric::Fabric;
use crate::report::{charts, files};
use crate::spec::{Diagnostic, Source};
use crate::topology::{
    Assume, Topology, check, describe, expand, import, nvidia_smi, path_matrix, resolved_yaml,
};

/// Show, check or draw a topology.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Devices, wires and the matrix of path kinds.
    Show {
        /// Machine: a catalogue name or the path of a topology file.
        topology: String,
        /// Print what a tool would print on the machine: nvidia-smi.
        #[arg(long = "as", value_name = "TOOL", value_parser = ["nvidia-smi"])]
        tool: Option<String>,
        /// Print YAML with every template, range and link resolved.
        #[arg(long)]
        resolved: bool,
        /// Write a picture (SVG and PNG) into this folder.
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Turn what a tool printed on a real machine into a topology file: `nvidia-smi topo -m`, or
    /// the XML of NCCL_TOPO_DUMP_FILE.
    Import {
        /// The dump.
        file: PathBuf,
        /// Name of the topology; that of the file if absent.
        #[arg(long)]
        name: Option<String>,
        /// Overrides a guess: gpu, cpu, pcie, gpu-link, socket or nics.
        #[arg(long, value_name = "KEY=NAME")]
        assume: Vec<String>,
        /// Write the file here instead of printing it.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Read a topology and say what is odd about it.
    Check {
        /// Machine: a catalogue name or the path of a topology file.
        topology: String,
    },
}

/// A topology as JSON.
#[derive(Serialize)]
struct TopologyRecord {
    name: String,
    title: String,
    devices: Vec<String>,
    wires: Vec<WireRecord>,
    /// Devices of the path matrix, in order.
    path_devices: Vec<String>,
    /// One row per device.
    paths: Vec<Vec<String>>,
    findings: Vec<String>,
}

/// A wire as JSON.
#[derive(Serialize)]
struct WireRecord {
    from: String,
    to: String,
    link: String,
    count: u32,
    bandwidth_bytes_per_s: f64,
    latency_s: f64,
}

pub fn run(context: &Context, args: &Args) -> Result<Answer, Diagnostic> {
    match &args.action {
        Action::Show {
            topology,
            tool,
            resolved,
            output: folder,
        } => {
            let fabric = machine::fabric(context, topology)?;
            if let Some(folder) = folder {
                draw(folder, &fabric)?;
            }
            output::result(&match context.format {
                Format::Json => output::json(&record(&fabric.topology))?,
                _ if tool.is_some() => nvidia_smi(&fabric.topology),
                _ if *resolved => resolved_yaml(&fabric.topology),
                _ => describe(&fabric.topology),
            })?;
            Ok(Answer::Done)
        }
        Action::Import {
            file,
            name,
            assume,
            output,
        } => {
            let text = import_file(context, file, name.as_deref(), assume)?;
            match output {
                Some(path) => files::write_one(path, text.into_bytes())?,
                None => output::result(&text)?,
            }
            Ok(Answer::Done)
        }
        Action::Check { topology } => {
            let topology = machine::topology(context, topology)?;
            let findings = check(&topology);
            output::result(&match context.format {
                Format::Json => output::json(&record(&topology))?,
                _ if findings.is_empty() => format!("{}: nothing odd", topology.name),
                _ => findings.join("\n"),
            })?;
            Ok(if findings.is_empty() {
                Answer::Done
            } else {
                Answer::No
            })
        }
    }
}

/// The topology file of a dump, checked by building it.
fn import_file(
    context: &Context,
    file: &std::path::Path,
    name: Option<&str>,
    assume: &[String],
) -> Result<String, Diagnostic> {
    let source = read_file(file)?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = name.unwrap_or(&stem);
    let text = import(&source.text, name, &Assume::parse(assume)?)?;
    expand(
        &context.catalog,
        &Source::new(format!("{name}.yaml"), text.clone()),
    )?;
    Ok(text)
}

fn draw(folder: &std::path::Path, fabric: &Fabric) -> Result<(), Diagnostic> {
    files::prepare(folder)?;
    let chart = charts::machine_chart(fabric).map_err(|e| Diagnostic::new(e.to_string()))?;
    let name = fabric.topology.name.clone();
    files::write_all(folder, &super::compare::chart_files((name, chart)))
}

fn record(topology: &Topology) -> TopologyRecord {
    let name = |id| topology.device(id).name.clone();
    let (ids, rows) = path_matrix(topology);
    TopologyRecord {
        name: topology.name.clone(),
        title: topology.title.clone(),
        devices: topology.devices().map(|(_, d)| d.name.clone()).collect(),
        wires: topology
            .wires()
            .map(|(_, a, b, wire)| WireRecord {
                from: name(a),
                to: name(b),
                link: wire.model.clone(),
                count: wire.count,
                bandwidth_bytes_per_s: wire.bandwidth.0,
                latency_s: wire.latency.0,
            })
            .collect(),
        path_devices: ids.into_iter().map(name).collect(),
        paths: rows
            .iter()
            .map(|row| row.iter().map(ToString::to_string).collect())
            .collect(),
        findings: check(topology),
    }
}
