//! `nvidia-smi topo -m`: a matrix of path kinds, from which the tree is inferred.

use super::Assume;
use super::draft::{Draft, HOST_BRIDGE, gpu_switch, pcie_switch};
use crate::spec::Diagnostic;

/// Most devices of one dump.
const MAX_DEVICES: usize = 1024;

/// A cell of the matrix, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    Itself,
    Links(u32),
    Pix,
    Pxb,
    Phb,
    Node,
    Sys,
}

/// A matrix as printed.
struct Matrix {
    names: Vec<String>,
    cells: Vec<Vec<Cell>>,
    /// What a row says about its CPU and NUMA node; equal texts are one node.
    affinity: Vec<String>,
}

/// A topology whose path kinds are those of the matrix.
pub(super) fn read(text: &str, assume: &Assume) -> Result<Draft, Diagnostic> {
    let matrix = parse(text)?;
    let mut draft = Draft::new("nvidia-smi topo -m");
    let kinds = Kinds::guess(&mut draft, &matrix, assume);
    let nodes = matrix.nodes();
    let mut cpus = Vec::new();
    for number in 0..nodes.len() {
        cpus.push(draft.device(&format!("cpu{number}"), &kinds.cpu));
    }
    let names: Vec<String> = matrix
        .names
        .iter()
        .map(|name| {
            let kind = if is_gpu(name) {
                kinds.gpu.as_str()
            } else {
                "{nic: {}}"
            };
            draft.device(&name.to_lowercase(), kind)
        })
        .collect();
    if cpus.len() > 1 {
        draft.join_sockets(&cpus, &kinds.socket);
    }
    let mut tree = Tree {
        draft: &mut draft,
        matrix: &matrix,
        names: &names,
        pcie: &kinds.pcie,
        switches: 0,
        bridges: 0,
    };
    for (cpu, members) in cpus.iter().zip(&nodes) {
        tree.hang(cpu, members, Cell::Phb);
    }
    gpu_links(&mut draft, &matrix, &names, &kinds.gpu_link);
    Ok(draft)
}

fn is_gpu(name: &str) -> bool {
    name.starts_with("GPU")
}

/// Catalogue names for what the matrix does not name.
struct Kinds {
    gpu: String,
    cpu: String,
    pcie: String,
    gpu_link: String,
    socket: String,
}

impl Kinds {
    fn guess(draft: &mut Draft, matrix: &Matrix, assume: &Assume) -> Self {
        let all = matrix.cells.iter().flatten();
        let most = all.filter_map(|cell| match cell {
            Cell::Links(count) => Some(*count),
            _ => None,
        });
        let most = most.max().unwrap_or(0);
        let (gpu, gpu_link, pcie) = match most {
            0 => ("rtx-4090", "nvlink3", "pcie4-x16"),
            1..=6 => ("v100-sxm2-32gb", "nvlink2", "pcie3-x16"),
            7..=12 => ("a100-sxm-80gb", "nvlink3", "pcie4-x16"),
            _ => ("h100-sxm-80gb", "nvlink4", "pcie5-x16"),
        };
        let why = "the matrix does not name it";
        let count = format!("NV{most} is the most of any pair");
        let by_links = if most > 0 { count.as_str() } else { why };
        let gpu_link = match most {
            0 => gpu_link.to_string(),
            _ => draft.choose(assume, "gpu-link", gpu_link, by_links),
        };
        Self {
            gpu: draft.choose(assume, "gpu", gpu, by_links),
            cpu: draft.choose(assume, "cpu", "epyc-7742", why),
            pcie: draft.choose(
                assume,
                "pcie",
                pcie,
                "the matrix has no generation and width",
            ),
            gpu_link,
            socket: draft.choose(assume, "socket", "xgmi2-rome", why),
        }
    }
}

/// PCIe below the CPUs.
struct Tree<'a> {
    draft: &'a mut Draft,
    matrix: &'a Matrix,
    names: &'a [String],
    pcie: &'a str,
    switches: usize,
    bridges: usize,
}

impl Tree<'_> {
    /// Hangs devices below `above`: those that `level` or less separates share a device there.
    fn hang(&mut self, above: &str, members: &[usize], level: Cell) {
        for group in self.matrix.groups(members, level) {
            let apart = self.matrix.has(&group, level);
            let below = match level {
                Cell::Phb => Cell::Pxb,
                _ => Cell::Pix,
            };
            // Below a switch of switches every device has a switch of its own.
            let shared = match level {
                Cell::Pix => apart || above.starts_with("top"),
                _ => apart,
            };
            let at = match (shared, level) {
                (false, _) => above.to_string(),
                (true, Cell::Phb) => {
                    self.bridges += 1;
                    self.draft
                        .device(&format!("bridge{}", self.bridges - 1), HOST_BRIDGE)
                }
                (true, Cell::Pxb) => self.switch("top"),
                (true, _) => self.switch("plx"),
            };
            if shared {
                self.draft
                    .link(&at, above, &format!("use: {}", self.pcie), 1);
            }
            if level == Cell::Pix {
                for member in group {
                    let link = format!("use: {}", self.pcie);
                    self.draft.link(&self.names[member], &at, &link, 1);
                }
            } else {
                self.hang(&at, &group, below);
            }
        }
    }

    fn switch(&mut self, name: &str) -> String {
        self.switches += 1;
        let name = format!("{name}{}", self.switches - 1);
        self.draft.device(&name, pcie_switch(self.pcie))
    }
}

/// NVLinks: through switches where every pair of more than four has the same number, else direct.
fn gpu_links(draft: &mut Draft, matrix: &Matrix, names: &[String], link: &str) {
    let gpus: Vec<usize> = (0..names.len())
        .filter(|at| is_gpu(&matrix.names[*at]))
        .collect();
    let links = |a: usize, b: usize| match matrix.cells[a][b] {
        Cell::Links(count) => count,
        _ => 0,
    };
    let pairs: Vec<(usize, usize)> = gpus
        .iter()
        .flat_map(|a| gpus.iter().filter(move |b| a < b).map(move |b| (*a, *b)))
        .collect();
    let first = pairs.first().map_or(0, |(a, b)| links(*a, *b));
    let alike = first > 0 && pairs.iter().all(|(a, b)| links(*a, *b) == first);
    let link_use = format!("use: {link}");
    if alike && gpus.len() > 4 {
        draft.assume("All pairs have the same NVLinks: one switch stands for all NVSwitches.");
        let switch = draft.device("nvs0", gpu_switch(link));
        for gpu in gpus {
            draft.link(&names[gpu], &switch, &link_use, first);
        }
        return;
    }
    for (a, b) in pairs {
        if links(a, b) > 0 {
            draft.link(&names[a], &names[b], &link_use, links(a, b));
        }
    }
}

impl Matrix {
    /// Whether any two members are exactly `level` apart.
    fn has(&self, members: &[usize], level: Cell) -> bool {
        members
            .iter()
            .any(|a| members.iter().any(|b| self.cells[*a][*b] == level))
    }

    /// Members connected by PCIe paths of at most `level`.
    fn groups(&self, members: &[usize], level: Cell) -> Vec<Vec<usize>> {
        let near = |a: usize, b: usize| (Cell::Pix..=level).contains(&self.cells[a][b]);
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for member in members {
            let (joined, apart): (Vec<_>, Vec<_>) = groups
                .into_iter()
                .partition(|group| group.iter().any(|other| near(*member, *other)));
            groups = apart;
            let mut group: Vec<usize> = joined.into_iter().flatten().collect();
            group.push(*member);
            group.sort_unstable();
            groups.push(group);
        }
        groups.sort();
        groups
    }

    /// Devices by NUMA node: PCIe paths inside a node join, SYS parts, and where NVLinks hide the
    /// PCIe path the affinity decides.
    fn nodes(&self) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.names.len()).collect();
        let mut nodes: Vec<Vec<usize>> = Vec::new();
        for group in self.groups(&all, Cell::Node) {
            let fits = |node: &Vec<usize>| {
                let mut pairs = group
                    .iter()
                    .flat_map(|a| node.iter().map(move |b| (*a, *b)));
                pairs.all(|(a, b)| {
                    let known = !self.affinity[a].is_empty() && !self.affinity[b].is_empty();
                    let same = !known || self.affinity[a] == self.affinity[b];
                    self.cells[a][b] != Cell::Sys && same
                })
            };
            match nodes.iter().position(fits) {
                Some(at) => nodes[at].extend(group),
                None => nodes.push(group),
            }
        }
        nodes
    }
}

/// Reads the matrix.
fn parse(text: &str) -> Result<Matrix, Diagnostic> {
    let plain = without_escapes(text);
    let mut lines = plain.lines();
    let header = lines
        .by_ref()
        .find(|line| line.trim_start().starts_with("GPU0"))
        .ok_or_else(|| {
            Diagnostic::new("no line begins with `GPU0`: not the output of `nvidia-smi topo -m`")
        })?;
    let names: Vec<String> = header
        .split_whitespace()
        .take_while(|word| !matches!(*word, "CPU" | "NUMA"))
        .map(String::from)
        .collect();
    if names.len() > MAX_DEVICES {
        return Err(Diagnostic::new(format!("more than {MAX_DEVICES} devices")));
    }
    let mut matrix = Matrix {
        cells: Vec::new(),
        affinity: Vec::new(),
        names,
    };
    for line in lines {
        let mut words = line.split_whitespace();
        let expected = matrix.names.get(matrix.cells.len());
        if expected.is_none() || words.next() != expected.map(String::as_str) {
            continue;
        }
        let row: Vec<Cell> = words
            .by_ref()
            .take(matrix.names.len())
            .map_while(cell)
            .collect();
        if row.len() != matrix.names.len() {
            return Err(Diagnostic::new(format!(
                "the row of `{}` has {} cells, not {}",
                expected.map_or("", String::as_str),
                row.len(),
                matrix.names.len()
            )));
        }
        matrix.cells.push(row);
        let rest: Vec<&str> = words.collect();
        matrix.affinity.push(rest.join(" "));
    }
    check(&matrix)?;
    Ok(matrix)
}

/// Every device has its row, and the matrix is symmetric.
fn check(matrix: &Matrix) -> Result<(), Diagnostic> {
    let count = matrix.names.len();
    if matrix.cells.len() != count {
        return Err(Diagnostic::new(format!(
            "{count} devices in the header but {} rows",
            matrix.cells.len()
        )));
    }
    for a in 0..count {
        for b in 0..a {
            if matrix.cells[a][b] != matrix.cells[b][a] {
                let (a, b) = (&matrix.names[a], &matrix.names[b]);
                return Err(Diagnostic::new(format!(
                    "`{a}` and `{b}` contradict each other"
                )));
            }
        }
    }
    Ok(())
}

fn cell(word: &str) -> Option<Cell> {
    Some(match word {
        "X" => Cell::Itself,
        "PIX" => Cell::Pix,
        "PXB" => Cell::Pxb,
        "PHB" => Cell::Phb,
        "NODE" => Cell::Node,
        "SYS" | "SOC" => Cell::Sys,
        _ => Cell::Links(word.strip_prefix("NV")?.parse().ok()?),
    })
}

/// Drops terminal escapes, as the underline around the header.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\u{1b}') => escape = true,
            (true, c) if c.is_ascii_alphabetic() => escape = false,
            (false, c) => plain.push(c),
            (true, _) => {}
        }
    }
    plain
}
