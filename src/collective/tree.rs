//! Trees across machines and sums inside switches.

use petgraph::visit::EdgeRef;

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, Paths, Pattern, Send};
use crate::fabric::{Demands, Transport};
use crate::topology::{DeviceKind, Through, find_route};

/// Parent of a machine in a binary tree in which every second machine is a leaf, or none for the
/// root: NCCL's `ncclGetBtree` (NVIDIA/nccl src/graph/trees.cc).
fn parent(machine: usize, count: usize) -> Option<usize> {
    if machine == 0 {
        return None;
    }
    let bit = machine & machine.wrapping_neg();
    let up = (machine ^ bit) | (bit << 1);
    Some(if up >= count { machine ^ bit } else { up })
}

/// Parent in the second tree, in which leaves of the first are inner: mirrored for an even count,
/// shifted by one for an odd one.
fn second_parent(machine: usize, count: usize) -> Option<usize> {
    if count.is_multiple_of(2) {
        parent(count - 1 - machine, count).map(|up| count - 1 - up)
    } else {
        parent((machine + count - 1) % count, count).map(|up| (up + 1) % count)
    }
}

/// Dependent steps from the leaves of a binary tree to its root: floor(log2 machines).
pub(super) fn depth(machines: usize) -> usize {
    machines.max(1).ilog2() as usize
}

impl Communicator<'_> {
    /// Double binary trees across machines with a chain inside every machine, on as many rails as
    /// a machine has ranks.
    pub(super) fn tree(&self) -> Option<Pattern> {
        let mut paths = Paths::new(self);
        let mut sends = Vec::new();
        let rails = self.machines.iter().map(Vec::len).max()?;
        let share = 1.0 / (2 * rails) as f64;
        for rail in 0..rails {
            for up in [parent, second_parent] {
                self.one_tree(&mut paths, &mut sends, rail, up, share)?;
            }
        }
        let steps = (2 * (rails - 1), 2 * depth(self.machines.len()));
        let pattern = Pattern::of_sends(Algorithm::Tree, Form::Pipeline, sends, steps, &paths);
        Some(Pattern {
            channels: 2 * rails,
            ..pattern
        })
    }

    /// Adds the sends of one tree: first all towards the root, then back.
    fn one_tree(
        &self,
        paths: &mut Paths<'_, '_>,
        sends: &mut Vec<Send>,
        rail: usize,
        up: fn(usize, usize) -> Option<usize>,
        share: f64,
    ) -> Option<()> {
        let count = self.machines.len();
        let member = |machine: usize, at: usize| {
            let members = &self.machines[machine];
            members[(rail + at) % members.len()]
        };
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for machine in from_leaves(count, up) {
            for at in (1..self.machines[machine].len()).rev() {
                edges.push((member(machine, at), member(machine, at - 1)));
            }
            if let Some(up) = up(machine, count) {
                edges.push((member(machine, 0), member(up, 0)));
            }
        }
        let first = sends.len();
        let down: Vec<_> = edges
            .iter()
            .rev()
            .map(|(child, parent)| (*parent, *child))
            .collect();
        for (from, to) in edges.into_iter().chain(down) {
            let mut send = paths.send(from, to, share)?;
            let before = sends.iter().enumerate().skip(first);
            send.after = before
                .filter(|(_, s)| s.to == from)
                .map(|(at, _)| at)
                .collect();
            sends.push(send);
        }
        Some(())
    }

    /// In-switch reduction: every rank sends its buffer once and, of the sum, its part once more.
    /// An all-gather sends only the part and receives all of it from the switches that copy it; a
    /// reduce-scatter is the reverse.
    pub(super) fn nvls(&self, operation: Operation) -> Option<Pattern> {
        let paths = Paths::new(self);
        let part = 1.0 / self.size() as f64;
        let (up, down) = match operation {
            Operation::AllReduce => (1.0 + part, 1.0 + part),
            Operation::AllGather => (part, 1.0),
            _ => (1.0, part),
        };
        let sends = self.switch_sends(&self.machines[0], up, down)?;
        let form = Form::rounds(1, sends.len());
        Some(Pattern::of_sends(
            Algorithm::Nvls,
            form,
            sends,
            (1, 0),
            &paths,
        ))
    }

    /// In-switch reduction in every machine, and trees between the heads of the rails. What the
    /// switches' sums reach of their links is no limit of the network.
    pub(super) fn nvls_tree(&self) -> Option<Pattern> {
        let mut paths = Paths::new(self);
        let mut sends = Vec::new();
        let reached = self.reached_in_switches();
        for members in &self.machines {
            let both = 1.0 + 1.0 / members.len() as f64;
            for mut send in self.switch_sends(members, both, both)? {
                send.demands = Demands::sum([(&send.demands, 1.0 / reached)]);
                sends.push(send);
            }
        }
        let rails = self.machines.iter().map(Vec::len).min()?;
        let count = self.machines.len();
        let share = 1.0 / (2 * rails) as f64;
        for rail in 0..rails {
            for up in [parent, second_parent] {
                for machine in 0..count {
                    let Some(above) = up(machine, count) else {
                        continue;
                    };
                    let (a, b) = (self.machines[machine][rail], self.machines[above][rail]);
                    sends.push(paths.send(a, b, share)?);
                    sends.push(paths.send(b, a, share)?);
                }
            }
        }
        let steps = (1, 2 * depth(count));
        let form = Form::rounds(1, sends.len());
        Some(Pattern::of_sends(
            Algorithm::NvlsTree,
            form,
            sends,
            steps,
            &paths,
        ))
    }

    /// What every rank of a machine exchanges with its switches, `up` and `down` bytes per byte of
    /// size, or none if they cannot add.
    pub(super) fn switch_sends(&self, members: &[usize], up: f64, down: f64) -> Option<Vec<Send>> {
        let share = up.max(down);
        let fabric = self.fabric;
        let topology = &fabric.topology;
        let mut sends = Vec::new();
        for rank in members {
            let id = self.group[*rank];
            let mut demands = Demands::default();
            let wires = topology.graph.edges(id);
            let near = wires.map(|wire| (wire.target(), wire.weight().bandwidth.0));
            let switches: Vec<_> = near
                .filter(|(other, _)| {
                    let kind = &topology.device(*other).kind;
                    matches!(kind, DeviceKind::Switch { reduces: true, .. })
                })
                .collect();
            let total: f64 = switches.iter().map(|(_, rate)| rate).sum();
            for (switch, rate) in &switches {
                let there = find_route(topology, id, *switch, Through::GpuLinks)?;
                let back = find_route(topology, *switch, id, Through::GpuLinks)?;
                let part = rate / total;
                let (there, back) = (
                    fabric.route_demands(&there, true, false),
                    fabric.route_demands(&back, true, false),
                );
                demands.add_scaled(&there, part * up / share);
                demands.add_scaled(&back, part * down / share);
            }
            if switches.is_empty() {
                return None;
            }
            demands.add(fabric.gpu(id)?.vram, 2.0);
            sends.push(Send {
                from: *rank,
                to: *rank,
                share,
                demands,
                after: Vec::new(),
            });
        }
        Some(sends)
    }

    /// Halving (reduce-scatter) or doubling (all-gather) with one rank a machine: every rank sends
    /// as much as on a ring, in log2 n steps.
    pub(super) fn pat(&self, operation: Operation) -> Option<Pattern> {
        let n = self.size();
        if self.machines.len() != n {
            return None;
        }
        let mut paths = Paths::new(self);
        let mut sends = Vec::new();
        let mut distance = 1;
        while distance < n {
            let part = distance.min(n - distance) as f64 / n as f64;
            for from in 0..n {
                sends.push(paths.send(from, (from + distance) % n, part)?);
            }
            distance *= 2;
        }
        let steps = (0, depth(operation.steps(n) + 1));
        let form = Form::rounds(1, sends.len());
        let pattern = Pattern::of_sends(Algorithm::Pat, form, sends, steps, &paths);
        (pattern.transport == Transport::Network).then_some(pattern)
    }
}

/// Machines ordered so that each comes after all below it.
fn from_leaves(count: usize, up: fn(usize, usize) -> Option<usize>) -> Vec<usize> {
    let height = |machine: usize| {
        let mut at = machine;
        let mut steps = 0;
        while let Some(next) = up(at, count) {
            at = next;
            steps += 1;
        }
        steps
    };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|machine| (std::cmp::Reverse(height(*machine)), *machine));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every machine but one has a parent, and leaves of one tree are inner in the other.
    #[test]
    fn both_trees_span_and_complement_each_other() {
        for count in 1..40 {
            for up in [parent, second_parent] {
                let roots = (0..count).filter(|m| up(*m, count).is_none()).count();
                assert_eq!(roots, 1, "{count} machines");
                assert_eq!(from_leaves(count, up).len(), count);
            }
            for machine in 0..count {
                let children = |up: fn(usize, usize) -> Option<usize>| {
                    (0..count)
                        .filter(|m| up(*m, count) == Some(machine))
                        .count()
                };
                assert!(children(parent) <= 2 && children(second_parent) <= 2);
            }
        }
    }
}
