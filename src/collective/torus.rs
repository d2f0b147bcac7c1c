//! Buckets around the rings of a torus.
//!
//! A d-dimensional all-reduce reduces and scatters along one dimension after the other, each time
//! over what is left, and gathers in the reverse order (Barnett et al. 1995; Chan et al. 2007,
//! §7): 2 Σ (k − 1) steps and 2(p−1)/p of the size out of every rank. One order uses the links of
//! one dimension at a time; so the data is cut into d parts, part i beginning with dimension i,
//! and all links work at once (Jain and Sabharwal 2010). Around a closed ring half of a part goes
//! each way. A row without wrap-around link is a ring whose last hop runs back over the whole row.

use rustc_hash::FxHashSet;

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::halving::Stages;
use super::operation::Operation;
use super::pattern::{Paths, Pattern, Send};
use crate::spec::LinkClass;

/// Most dimensions that are looked for.
const MAX_DIMENSIONS: usize = 3;

/// Most sends that a torus is described with.
const MAX_SENDS: usize = 1 << 20;

/// A grid of ranks: row-major, the last dimension running fastest.
struct Grid {
    dims: Vec<usize>,
    /// Whether the rows of a dimension are closed.
    closed: Vec<bool>,
}

impl Communicator<'_> {
    /// The fastest torus that the links of the group form in the order of its ranks, or none.
    pub(super) fn torus(&self, operation: Operation) -> Option<Pattern> {
        let linked = self.linked();
        let patterns = factorisations(self.size(), MAX_DIMENSIONS)
            .into_iter()
            .filter_map(|dims| Grid::new(dims, &linked))
            .filter_map(|grid| self.buckets(&grid, operation));
        let rated = patterns.map(|pattern| (pattern.rate(self.fabric, 1.0).0, pattern));
        let best = rated.reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, pattern)| pattern)
    }

    /// Pairs of ranks that a GPU link joins directly, both ways.
    fn linked(&self) -> FxHashSet<(usize, usize)> {
        let mut rank = vec![None; self.fabric.topology.graph.node_count()];
        for (at, id) in self.group.iter().enumerate() {
            rank[id.index()] = Some(at);
        }
        let mut linked = FxHashSet::default();
        for (_, a, b, wire) in self.fabric.topology.wires() {
            if let (LinkClass::GpuLink, Some(a), Some(b)) =
                (wire.class, rank[a.index()], rank[b.index()])
            {
                linked.extend([(a, b), (b, a)]);
            }
        }
        linked
    }

    fn buckets(&self, grid: &Grid, operation: Operation) -> Option<Pattern> {
        let dims = grid.dims.len();
        let phases = if operation == Operation::AllReduce {
            2 * dims
        } else {
            dims
        };
        if self.size() * dims * 2 * phases > MAX_SENDS {
            return None;
        }
        let mut paths = Paths::new(self);
        let parts = self.part_sizes(grid, &mut paths)?;
        let mut stages = Stages::default();
        let mut pass = |depth: usize| {
            let mut sends = Vec::new();
            let mut rounds = 0;
            for (part, size) in parts.iter().enumerate() {
                // What is left after the dimensions before.
                let before = (0..depth).map(|at| grid.dims[(part + at) % dims]);
                let left = size / before.product::<usize>() as f64;
                let along = (part + depth) % dims;
                let k = grid.dims[along];
                let bytes = left * (k - 1) as f64 / k as f64;
                sends.extend(grid.pass(&mut paths, along, bytes)?);
                rounds = rounds.max(k - 1);
            }
            stages.push(sends, rounds);
            Some(())
        };
        if operation != Operation::AllGather {
            for depth in 0..dims {
                pass(depth)?;
            }
        }
        if operation != Operation::ReduceScatter {
            for depth in (0..dims).rev() {
                pass(depth)?;
            }
        }
        Some(self.staged(Algorithm::Torus, stages, &paths))
    }

    /// Sizes of the parts such that all end their first, longest pass together.
    fn part_sizes(&self, grid: &Grid, paths: &mut Paths<'_, '_>) -> Option<Vec<f64>> {
        let mut rates = Vec::with_capacity(grid.dims.len());
        for (along, k) in grid.dims.iter().enumerate() {
            let bytes = (k - 1) as f64 / *k as f64;
            let mut stages = Stages::default();
            stages.push(grid.pass(paths, along, bytes)?, 1);
            let alone = self.staged(Algorithm::Torus, stages, paths);
            rates.push(alone.rate(self.fabric, 1.0).0);
        }
        let all: f64 = rates.iter().sum();
        Some(rates.into_iter().map(|rate| rate / all).collect())
    }
}

impl Grid {
    /// The grid, if links join all neighbours.
    fn new(dims: Vec<usize>, linked: &FxHashSet<(usize, usize)>) -> Option<Self> {
        let mut grid = Self {
            closed: vec![true; dims.len()],
            dims,
        };
        for along in 0..grid.dims.len() {
            for row in grid.rows(along) {
                let joined = row
                    .windows(2)
                    .all(|pair| linked.contains(&(pair[0], pair[1])));
                if !joined {
                    return None;
                }
                let ends = (row[0], row[row.len() - 1]);
                grid.closed[along] &= linked.contains(&ends);
            }
        }
        Some(grid)
    }

    /// The ranks of every row of a dimension.
    fn rows(&self, along: usize) -> Vec<Vec<usize>> {
        let k = self.dims[along];
        let stride: usize = self.dims[along + 1..].iter().product();
        let ranks: usize = self.dims.iter().product();
        let first = (0..ranks).filter(|rank| (rank / stride).is_multiple_of(k));
        first
            .map(|first| (0..k).map(|at| first + at * stride).collect())
            .collect()
    }

    /// One pass around all rings of a dimension: every rank sends `bytes` on.
    fn pass(&self, paths: &mut Paths<'_, '_>, along: usize, bytes: f64) -> Option<Vec<Send>> {
        let k = self.dims[along];
        let both = self.closed[along] && k > 2;
        let share = if both { bytes / 2.0 } else { bytes };
        let mut sends = Vec::new();
        for row in self.rows(along) {
            for pair in row.windows(2) {
                sends.push(paths.send(pair[0], pair[1], share)?);
                if both {
                    sends.push(paths.send(pair[1], pair[0], share)?);
                }
            }
            let (first, last) = (row[0], row[k - 1]);
            if both {
                sends.push(paths.send(last, first, share)?);
                sends.push(paths.send(first, last, share)?);
            } else {
                let back: Vec<usize> = row.into_iter().rev().collect();
                sends.push(paths.along(&back, share)?);
            }
        }
        Some(sends)
    }
}

/// All ways to write `n` as an ordered product of up to `most` factors above 1.
fn factorisations(n: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![n]];
    if most > 1 {
        for first in (2..n).filter(|first| n.is_multiple_of(*first)) {
            for mut rest in factorisations(n / first, most - 1) {
                rest.insert(0, first);
                all.push(rest);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neighbours of a grid with or without wrap-around links.
    fn links(dims: &[usize], wrap: bool) -> FxHashSet<(usize, usize)> {
        let grid = Grid {
            dims: dims.to_vec(),
            closed: vec![wrap; dims.len()],
        };
        let mut linked = FxHashSet::default();
        for along in 0..dims.len() {
            for row in grid.rows(along) {
                linked.extend(row.windows(2).map(|pair| (pair[0], pair[1])));
                if wrap {
                    linked.insert((row[0], row[row.len() - 1]));
                }
            }
        }
        linked
    }

    #[test]
    fn a_torus_is_recognised_and_a_mesh_is_not_closed() {
        let torus = links(&[4, 4], true);
        let grid = Grid::new(vec![4, 4], &torus).expect("a torus");
        assert_eq!(grid.closed, [true, true]);
        let mesh = links(&[4, 4], false);
        let grid = Grid::new(vec![4, 4], &mesh).expect("a mesh");
        assert_eq!(grid.closed, [false, false]);
        assert!(Grid::new(vec![2, 8], &mesh).is_none());
        assert!(Grid::new(vec![16], &mesh).is_none());
    }

    #[test]
    fn factorisations_are_ordered() {
        let two: Vec<_> = factorisations(8, 2);
        assert_eq!(two, [vec![8], vec![2, 4], vec![4, 2]]);
        assert_eq!(factorisations(8, 3).len(), 4);
        assert_eq!(factorisations(7, 3), [vec![7]]);
    }
}
