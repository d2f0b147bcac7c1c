//! Groups of ranks, and what they send each other, as typed.

use std::path::Path;

use crate::catalog::read_file;
use crate::collective::{Operation, Parts};
use crate::spec::Diagnostic;
use crate::topology::{DeviceId, Topology};

/// The GPUs of the first so many copies of a machine; without a number all as of one.
pub(super) fn machines(topology: &Topology, nodes: Option<u32>) -> Vec<Vec<DeviceId>> {
    let gpus = topology.gpus();
    let Some(nodes) = nodes else {
        return vec![gpus];
    };
    let mut machines = vec![Vec::new(); nodes as usize];
    for id in gpus {
        if let Some(machine) = machines.get_mut(topology.device(id).node as usize) {
            machine.push(id);
        }
    }
    machines
}

/// The devices by rank: all GPUs of some machines, or the first so many of each.
///
/// # Errors
/// A machine has fewer, or they are fewer than two.
pub(super) fn firsts(
    topology: &Topology,
    machines: &[Vec<DeviceId>],
    gpus: Option<usize>,
) -> Result<Vec<DeviceId>, Diagnostic> {
    let all: usize = machines.iter().map(Vec::len).sum();
    if all < 2 {
        let message = format!("`{}` has {all} GPU; a collective needs 2", topology.name);
        return Err(Diagnostic::new(message).at(topology.place.clone()));
    }
    let Some(used) = gpus else {
        return Ok(machines.concat());
    };
    let least = machines.iter().map(Vec::len).min().unwrap_or(0);
    if used < 1 || used > least || used * machines.len() < 2 {
        let of_one = if machines.len() > 1 {
            "a machine of "
        } else {
            ""
        };
        let message = format!(
            "a collective over {used} GPUs of {of_one}`{}`, which has {least}",
            topology.name
        );
        let fewest = if machines.len() > 1 { 1 } else { 2 };
        return Err(Diagnostic::new(message).help(format!("expected {fewest} to {least}")));
    }
    let firsts = machines.iter().flat_map(|of| &of[..used]);
    Ok(firsts.copied().collect())
}

/// The groups that `div:N` or `mod:N` makes of some devices; one group without it.
///
/// # Errors
/// It is neither, or the devices do not divide into groups of at least two.
pub(super) fn split(
    all: Vec<DeviceId>,
    how: Option<&str>,
) -> Result<Vec<Vec<DeviceId>>, Diagnostic> {
    let Some(how) = how else {
        return Ok(vec![all]);
    };
    let unknown = || {
        Diagnostic::new(format!("unknown split `{how}`")).help(
            "expected div:N for groups of N consecutive ranks, or mod:N for N groups of every \
             N-th rank",
        )
    };
    let (kind, number) = how.split_once(':').ok_or_else(unknown)?;
    let number: usize = number.parse().map_err(|_| unknown())?;
    let divides = number > 0 && all.len().is_multiple_of(number);
    let groups = match (kind, divides) {
        ("div" | "mod", false) => 0,
        ("div", true) => all.len() / number,
        ("mod", true) => number,
        _ => return Err(unknown()),
    };
    if groups == 0 || all.len() / groups < 2 {
        let message = format!("{} ranks do not split by `{how}`", all.len());
        return Err(Diagnostic::new(message).help("expected equal groups of at least 2 ranks"));
    }
    let each = all.len() / groups;
    let group = |group: usize| {
        let of = all.iter().enumerate();
        let mine = of.filter(|(rank, _)| match kind {
            "div" => rank / each == group,
            _ => rank % groups == group,
        });
        mine.map(|(_, id)| *id).collect()
    };
    Ok((0..groups).map(group).collect())
}

/// The sizes of an uneven all-to-all.
///
/// # Errors
/// The file is no square table of sizes, or the operation is not an all-to-all.
pub(super) fn parts(path: &Path, operation: Operation) -> Result<Parts, Diagnostic> {
    if operation != Operation::AllToAll {
        return Err(Diagnostic::new(format!(
            "`--sizes` is for all-to-all, not for {operation}"
        )));
    }
    let source = read_file(path)?;
    let mut rows = Vec::new();
    for (line, text) in source.text.lines().enumerate() {
        if text.trim().is_empty() {
            continue;
        }
        let cells = text.split(',').map(|cell| {
            let cell = cell.trim();
            cell.parse::<f64>().map_err(|_| {
                let message = format!("{}:{}: `{cell}` is no size", source.path, line + 1);
                Diagnostic::new(message).help("expected bytes, as 1048576")
            })
        });
        rows.push(cells.collect::<Result<Vec<_>, _>>()?);
    }
    Parts::new(rows)
}
