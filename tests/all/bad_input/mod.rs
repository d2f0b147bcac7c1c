//! Every kind of bad input gives one clear message, exit code 2 and no output.
//!
//! The messages themselves are kept as snapshots: read them as a stranger would. They hold nothing
//! that one more entry of the catalogue or one more key would change: see [`stable`].

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use crate::cli::{Run, folder, narrows};

/// Compares a text with `tests/snapshots`.
macro_rules! snapshot {
    ($text:expr) => {
        insta::with_settings!({snapshot_path => "../../snapshots"}, {
            insta::assert_snapshot!($text);
        });
    };
}

mod catalogue;
mod command_line;
mod csv;
mod file;
mod model;
mod topology;
mod workload;

/// A training workload that fits every machine here.
const TRAIN: &str = "\
kind: training
name: t
model: gpt3-125m
precision: fp16
sequence: 512
micro_batch: 1
framework: pytorch-ddp-2
";

/// An inference workload.
const INFER: &str = "\
kind: inference
name: i
model: llama3-8b
precision: fp16
batch: 1
prompt: 128
output: 16
framework: vllm-0
";

/// A machine of two GPUs on one CPU.
const MACHINE: &str = "\
kind: topology
name: m
devices:
  cpu0: epyc-7742
  gpu[0-1]: a100-pcie-80gb
links:
  - {from: \"gpu[0-1]\", to: cpu0, use: pcie4-x16}
";

/// Two flows between the GPUs of that machine.
const FLOWS: &str = "\
kind: flows
name: f
flows:
  - {from: gpu0, to: gpu1, bytes: 1 GB}
";

/// One input and what its message must say.
struct Case<'a> {
    /// What is bad about it.
    what: &'a str,
    /// Files by name.
    files: Vec<(&'a str, String)>,
    /// Command line.
    args: Vec<&'a str>,
    /// What the message must contain.
    words: Vec<&'a str>,
}

/// Runs all cases and gives their messages, one after the other.
fn messages(cases: &[Case<'_>]) -> String {
    let mut text = String::new();
    let mut failures = String::new();
    for case in cases {
        let files: Vec<(&str, &str)> = case.files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        let dir = folder(&files);
        let run = narrows(dir.path(), &case.args);
        let _ = writeln!(text, "## {}\n{}", case.what, stable(&run.stderr));
        let faults = faults(dir.path(), case, &run);
        if !faults.is_empty() {
            let stdout: String = run.stdout.chars().take(200).collect();
            let _ = writeln!(
                failures,
                "# {}: {faults}\n{}{stdout}",
                case.what, run.stderr
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
    text
}

/// A message without what grows with the program: its lists of what is valid.
fn stable(message: &str) -> String {
    let lists = [
        "valid here: ",
        "expected one of: ",
        "expected a name such as ",
    ];
    let cut = |line: &str| {
        let found = lists.iter().find_map(|list| Some((line.find(list)?, list)));
        found.map_or(line.to_string(), |(at, list)| {
            format!("{}{list}…", &line[..at])
        })
    };
    message
        .trim_end()
        .lines()
        .map(cut)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is wrong with how the program answered.
fn faults(dir: &Path, case: &Case<'_>, run: &Run) -> String {
    let mut faults = Vec::new();
    if run.code != 2 {
        faults.push(format!("exit code {}", run.code));
    }
    if !run.stdout.is_empty() {
        faults.push("something on standard output".to_string());
    }
    let words = case.words.iter();
    faults.extend(
        words
            .filter(|word| !run.stderr.contains(**word))
            .map(|word| format!("no `{word}`")),
    );
    let jargon = [
        "variant",
        "struct",
        "serde",
        "invalid type",
        "invalid value: ",
        "field",
    ];
    let found = jargon.iter().filter(|word| run.stderr.contains(**word));
    faults.extend(found.map(|word| format!("jargon `{word}`")));
    let top = |name: &str| name.split('/').next().unwrap().to_string();
    let before: BTreeSet<String> = case.files.iter().map(|(name, _)| top(name)).collect();
    if std::fs::read_dir(dir).unwrap().count() != before.len() {
        faults.push("a file was left behind".to_string());
    }
    faults.join(", ")
}

/// `text` with its one `from` replaced.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// A case of a topology file `m.yaml`.
fn machine<'a>(what: &'a str, text: String, words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: vec![("m.yaml", text), ("w.yaml", TRAIN.into())],
        args: vec!["run", "m.yaml", "w.yaml"],
        words: words.to_vec(),
    }
}

/// A case of a workload file `w.yaml` on a shipped machine.
fn workload<'a>(what: &'a str, text: String, words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: vec![("w.yaml", text)],
        args: vec!["run", "dgx-a100-80gb", "w.yaml"],
        words: words.to_vec(),
    }
}
