//! Flow completion times of an independent flow-level simulator, flow by flow.
//!
//! See `tests/data/oracle/README.md` for what the cases are. Every flow must end within 1e-6 of
//! its own duration of the published time, or within 1e-11 s (the printed precision).

use crate::close::assert_close;
use crate::machines::from_yaml;
use narrows::catalog::Catalog;
use narrows::engine::{Activity, ActivityId, Options, Program, Resource, Solver, Static, run};
use narrows::fabric::Fabric;
use narrows::plan::{Loaded, Phase, plan};
use narrows::spec::{Source, parse};
use std::io::Read;
use std::path::{Path, PathBuf};

const RELATIVE: f64 = 1e-6;
const ABSOLUTE_S: f64 = 1e-11;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle")
}

/// A case named `kind_nN_lLEAFS_sSPINES_ROUTING_seedS`.
struct Case {
    name: String,
    hosts: usize,
    leafs: usize,
    spines: usize,
}

impl Case {
    fn new(name: &str) -> Self {
        let number = |index: usize| name.split('_').nth(index).unwrap()[1..].parse().unwrap();
        Self {
            name: name.into(),
            hosts: number(1),
            leafs: number(2),
            spines: number(3),
        }
    }

    fn fabric(&self) -> Fabric {
        let (h, l, s) = (self.hosts - 1, self.leafs - 1, self.spines - 1);
        let switch = |name| format!("{{switch: {{kind: switch, name: {name}, class: network}}}}");
        from_yaml(&format!(
            "kind: topology\nname: fat-tree\ndevices:\n  \
             host[0-{h}]: {{host: {{}}}}\n  leaf[0-{l}]: {}\n  spine[0-{s}]: {}\nlinks:\n  \
             - {{from: 'host[0-{h}]', to: 'leaf[0-{l}]', bandwidth: 50 GB/s, latency: 1 us}}\n  \
             - {{from: 'leaf[0-{l}]', to: 'spine[0-{s}]', bandwidth: 50 GB/s, latency: 0 s, \
             wiring: every}}\n",
            switch("leaf"),
            switch("spine"),
        ))
    }

    /// The flow list as a workload that reads its CSV file.
    fn phase(&self, csv: &Path) -> Phase {
        let text = format!(
            "kind: flows\nname: oracle\ncsv: {{file: '{}', via: spine, prefix: host, \
             via_prefix: spine}}\n",
            csv.display()
        );
        let source = Source::new("oracle.yaml", text);
        let spec = parse(&source).unwrap();
        let loaded = Loaded::Flows(source, Box::new(spec));
        let catalog = Catalog::shipped().unwrap();
        let mut plan = plan(&catalog, &self.fabric(), &loaded).unwrap();
        plan.phases.remove(0)
    }

    fn published(&self) -> Vec<f64> {
        let plain = data().join(format!("{}.finish_s.csv", self.name));
        let text = std::fs::read_to_string(&plain).unwrap_or_else(|_| {
            let file = std::fs::File::open(plain.with_extension("csv.gz")).unwrap();
            let mut text = String::new();
            flate2::read::GzDecoder::new(file)
                .read_to_string(&mut text)
                .unwrap();
            text
        });
        text.lines()
            .skip(1)
            .map(|line| line.parse().unwrap())
            .collect()
    }

    fn check(&self, csv: &Path, solver: Solver) {
        let phase = self.phase(csv);
        let options = Options {
            solver,
            record: false,
            ..Options::default()
        };
        let trace = run(&mut Static(&phase.program), &options).unwrap();
        let published = self.published();
        assert_eq!(published.len(), trace.end.len(), "{}", self.name);
        for (flow, (ours, theirs)) in trace.end.iter().zip(&published).enumerate() {
            let duration = theirs - phase.flows[flow].start_s;
            let off = (ours - theirs).abs();
            assert!(
                off <= ABSOLUTE_S || off <= RELATIVE * duration,
                "{}: flow {flow} ends at {ours}, published {theirs}",
                self.name
            );
        }
    }
}

/// Every case whose flow list is carried.
#[test]
fn every_flow_ends_when_the_oracle_says() {
    let mut cases = 0;
    for entry in std::fs::read_dir(data()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".csv") else {
            continue;
        };
        if name.contains("_seed") && !name.ends_with("finish_s") {
            Case::new(name).check(&data().join(&file), Solver::Incremental);
            cases += 1;
        }
    }
    assert_eq!(cases, 14, "all carried flow lists are run");
}

/// The two 256-host all-to-alls, whose lists follow from a rule: 1 MiB for every ordered pair,
/// all at once, over the spine that the routing gives.
#[test]
fn all_to_all_of_256_hosts_ends_when_the_oracle_says() {
    let folder = tempfile::tempdir().unwrap();
    for routing in ["dmod", "hash"] {
        let case = Case::new(&format!("a2a_n256_l16_s8_{routing}_seed1"));
        let mut text = String::from("src,dst,bytes,start_s,spine\n");
        for src in 0..256u64 {
            for dst in (0..256).filter(|dst| *dst != src) {
                let spine = match (src / 16 == dst / 16, routing) {
                    (true, _) => "-1".to_string(),
                    (false, "dmod") => (dst % 8).to_string(),
                    _ => (splitmix64((1 << 40) + (src << 20) + dst) % 8).to_string(),
                };
                text.push_str(&format!("{src},{dst},1048576,0.0,{spine}\n"));
            }
        }
        let csv = folder.path().join("flows.csv");
        std::fs::write(&csv, text).unwrap();
        case.check(&csv, Solver::Incremental);
    }
}

/// The mixing function by which the hashed cases choose a spine (Steele, Lea & Flood 2014).
fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The plain solver gives the same on cases small enough for it.
#[test]
fn the_reference_solver_agrees_with_the_oracle() {
    for name in ["perm_n64_l8_s4_hash_seed1", "perm_n256_l16_s8_hash_seed1"] {
        Case::new(name).check(&data().join(format!("{name}.csv")), Solver::Full);
    }
}

/// Ring all-reduce as single sends: t = 2(N−1)·(2L + S/(N·B)), and what the oracle printed.
#[test]
fn ring_all_reduce_send_by_send() {
    let mut reader = csv::Reader::from_path(data().join("simgrid-oracle.csv")).unwrap();
    let mut cases = 0;
    for record in reader.records().map(Result::unwrap) {
        let number = |column: usize| record[column].parse::<f64>().unwrap();
        if &record[0] != "ring_all_reduce" {
            continue;
        }
        let (n, bytes, latency) = (number(1), number(2), number(4) * 1e-6);
        let trace_end = ring(n as usize, bytes / n, 50e9, 2.0 * latency);
        let closed = 2.0 * (n - 1.0) * (2.0 * latency + bytes / n / 50e9);
        assert_close(trace_end, closed, 1e-9);
        assert_close(trace_end, number(10), 1e-9);
        cases += 1;
    }
    assert_eq!(cases, 12);
}

/// Sends every chunk of a ring all-reduce of `n` hosts on a non-blocking switch.
fn ring(n: usize, chunk: f64, bandwidth: f64, latency: f64) -> f64 {
    let mut program = Program::default();
    let mut link = |name: String| {
        program.add_resource(Resource {
            name,
            capacity: bandwidth,
            kind: 0,
        })
    };
    let up: Vec<_> = (0..n).map(|i| link(format!("up{i}"))).collect();
    let down: Vec<_> = (0..n).map(|i| link(format!("down{i}"))).collect();
    let mut last: Vec<ActivityId> = Vec::new();
    for _ in 0..2 * (n - 1) {
        let step = (0..n).map(|host| {
            let after: Vec<_> = match last.is_empty() {
                true => Vec::new(),
                false => vec![last[host], last[(host + n - 1) % n]],
            };
            program.add(&Activity {
                latency,
                work: chunk,
                demands: &[(up[host], 1.0), (down[(host + 1) % n], 1.0)],
                after: &after,
                ..Activity::default()
            })
        });
        last = step.collect();
    }
    let options = Options {
        record: false,
        ..Options::default()
    };
    run(&mut Static(&program), &options).unwrap().makespan
}
