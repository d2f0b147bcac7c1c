//! The matrix that `nvidia-smi topo -m` would print.

use std::fmt::Write;

use super::graph::{DeviceId, Topology};
use super::path_kind::{PathKind, path_matrix};
use super::route::nearest_cpu;

/// GPUs first, then NICs; the NUMA node is the number of the nearest CPU.
pub fn nvidia_smi(topology: &Topology) -> String {
    let (ids, rows) = path_matrix(topology);
    let mut numbers = (0, 0);
    let names: Vec<String> = ids
        .iter()
        .map(|id| {
            let (prefix, number) = match topology.device(*id).gpu() {
                Some(_) => ("GPU", &mut numbers.0),
                None => ("NIC", &mut numbers.1),
            };
            *number += 1;
            format!("{prefix}{}", *number - 1)
        })
        .collect();
    let mut text = format!("\t{}\tCPU Affinity\tNUMA Affinity\n", names.join("\t"));
    for ((id, name), row) in ids.iter().zip(&names).zip(&rows) {
        let cells: Vec<String> = row.iter().map(label).collect();
        let _ = write!(text, "{name}\t{}", cells.join("\t"));
        if topology.device(*id).gpu().is_some() {
            let node = nearest(topology, *id).map_or("N/A".into(), |node| node.to_string());
            let _ = write!(text, "\tN/A\t{node}");
        }
        text.push('\n');
    }
    let nics: Vec<(&String, DeviceId)> = names
        .iter()
        .zip(&ids)
        .filter(|(_, id)| topology.device(**id).gpu().is_none())
        .map(|(name, id)| (name, *id))
        .collect();
    if !nics.is_empty() {
        text.push_str("\nNIC Legend:\n\n");
    }
    for (name, id) in nics {
        let _ = writeln!(text, "  {name}: {}", topology.device(id).name);
    }
    text
}

/// A cell as the tool prints it.
fn label(kind: &PathKind) -> String {
    match kind {
        PathKind::Itself => " X ".into(),
        PathKind::None => "SYS".into(),
        kind => kind.to_string(),
    }
}

/// The number of the CPU fewest wires away.
fn nearest(topology: &Topology, gpu: DeviceId) -> Option<usize> {
    let cpu = nearest_cpu(topology, gpu)?;
    topology.cpus().iter().position(|id| *id == cpu)
}
