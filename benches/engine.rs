//! The engine alone: activities per second on the cases of `tests/data/oracle/README.md`.
//!
//! Programs are built outside the clock; what is timed is the run, without intervals.

use divan::counter::ItemsCount;
use narrows::engine::{Activity, ActivityId, Options, Program, Resource, ResourceId, Static, run};

fn main() {
    divan::main();
}

/// Rate of every link \[B/s\] and latency of a host link \[s\].
const BANDWIDTH: f64 = 50e9;
const LATENCY: f64 = 1e-6;

fn link(program: &mut Program, name: String) -> ResourceId {
    program.add_resource(Resource {
        name,
        capacity: BANDWIDTH,
        kind: 0,
    })
}

/// Ring all-reduce of 1 GiB: 2(n−1) steps of n sends.
fn ring(n: usize) -> Program {
    let mut program = Program::default();
    let up: Vec<_> = (0..n)
        .map(|i| link(&mut program, format!("up{i}")))
        .collect();
    let down: Vec<_> = (0..n)
        .map(|i| link(&mut program, format!("down{i}")))
        .collect();
    let mut last: Vec<ActivityId> = Vec::new();
    for _ in 0..2 * (n - 1) {
        let step = (0..n).map(|rank| {
            let after: &[ActivityId] = match last.get(rank) {
                Some(own) => &[*own, last[(rank + n - 1) % n]],
                None => &[],
            };
            program.add(&Activity {
                latency: 2.0 * LATENCY,
                work: (1u64 << 30) as f64 / n as f64,
                demands: &[(up[rank], 1.0), (down[(rank + 1) % n], 1.0)],
                after,
                ..Activity::default()
            })
        });
        last = step.collect();
    }
    program
}

fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A two-level fat tree with its host and leaf–spine links.
struct Tree {
    program: Program,
    per_leaf: usize,
    spines: usize,
    up: Vec<ResourceId>,
    down: Vec<ResourceId>,
    leaf_up: Vec<ResourceId>,
    leaf_down: Vec<ResourceId>,
}

impl Tree {
    fn new(hosts: usize, leaves: usize, spines: usize) -> Self {
        let mut program = Program::default();
        let mut links = |count: usize, name: &str| -> Vec<ResourceId> {
            let names = (0..count).map(|i| format!("{name}{i}"));
            names.map(|name| link(&mut program, name)).collect()
        };
        Self {
            up: links(hosts, "up"),
            down: links(hosts, "down"),
            leaf_up: links(leaves * spines, "leaf-up"),
            leaf_down: links(leaves * spines, "leaf-down"),
            per_leaf: hosts / leaves,
            spines,
            program,
        }
    }

    fn flow(&mut self, src: usize, dst: usize, spine: usize, bytes: f64) {
        let (from, to) = (src / self.per_leaf, dst / self.per_leaf);
        let mut path = vec![(self.up[src], 1.0)];
        if from != to {
            path.push((self.leaf_up[from * self.spines + spine], 1.0));
            path.push((self.leaf_down[to * self.spines + spine], 1.0));
        }
        path.push((self.down[dst], 1.0));
        self.program.add(&Activity {
            latency: 2.0 * LATENCY,
            work: bytes,
            demands: &path,
            ..Activity::default()
        });
    }
}

/// 1 MiB from each of 256 hosts to each other, 16 leaves, 8 spines.
fn all_to_all(hashed: bool) -> Program {
    let mut tree = Tree::new(256, 16, 8);
    for src in 0..256 {
        for dst in (0..256).filter(|dst| *dst != src) {
            let hash = splitmix64((1 << 40) + ((src as u64) << 20) + dst as u64);
            let spine = if hashed { (hash % 8) as usize } else { dst % 8 };
            tree.flow(src, dst, spine, f64::from(1 << 20));
        }
    }
    tree.program
}

/// `rounds` random permutations one after another's start, sizes of 1 to 16 MiB: nothing to fold.
/// Leaves of 32 hosts, half as many spines as hosts on a leaf.
fn permutation(hosts: usize, rounds: usize) -> Program {
    let mut tree = Tree::new(hosts, hosts / 32, 16);
    for round in 0..rounds {
        let mut to: Vec<usize> = (0..hosts).collect();
        for i in (1..hosts).rev() {
            let draw = splitmix64(((round as u64) << 40) + i as u64);
            to.swap(i, (draw % (i as u64 + 1)) as usize);
        }
        for (src, dst) in to.into_iter().enumerate().filter(|(src, dst)| src != dst) {
            let draw = splitmix64(((round as u64) << 44) + src as u64);
            let bytes = (1.0 + 15.0 * (draw >> 40) as f64 / (1u64 << 24) as f64) * 1048576.0;
            tree.flow(src, dst, (draw % 16) as usize, bytes);
        }
    }
    tree.program
}

fn timed(bencher: divan::Bencher<'_, '_>, program: &Program) {
    let options = Options {
        record: false,
        ..Options::default()
    };
    bencher
        .counter(ItemsCount::new(program.len()))
        .bench_local(|| run(&mut Static(program), &options).expect("runs").makespan);
}

#[divan::bench(args = [8, 64, 256, 1024], sample_count = 5)]
fn ring_all_reduce(bencher: divan::Bencher<'_, '_>, n: usize) {
    timed(bencher, &ring(n));
}

#[divan::bench(args = [false, true], sample_count = 3)]
fn all_to_all_256_hashed(bencher: divan::Bencher<'_, '_>, hashed: bool) {
    timed(bencher, &all_to_all(hashed));
}

#[divan::bench(args = [1024, 4096], sample_count = 3)]
fn one_permutation(bencher: divan::Bencher<'_, '_>, hosts: usize) {
    timed(bencher, &permutation(hosts, 1));
}
