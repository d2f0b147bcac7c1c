//! Every kind of bad input gives one clear message, exit code 2 and no output.
//!
//! The messages themselves are kept as snapshots: read them as a stranger would.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::cli::{Run, folder, narrows, write};

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

/// A model in place.
const MODEL: &str = "\
model:
  kind: model
  name: tiny
  source: none
  layers: 2
  hidden: 64
  heads: 4
  kv_heads: 4
  ffn: 256
  vocabulary: 1000
  max_sequence: 1024
  activation: gelu
  norm: layernorm
  position: learned
  tied_embeddings: true
";

/// A link in place.
const LINK: &str = "\
kind: link
name: wire
class: pcie
bandwidth: {value: 10 GB/s, source: none}
latency: {value: 1 us, source: none}
";

/// Compares a text with `tests/snapshots`.
macro_rules! snapshot {
    ($text:expr) => {
        insta::with_settings!({snapshot_path => "../snapshots"}, {
            insta::assert_snapshot!($text);
        });
    };
}

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
        let _ = writeln!(text, "## {}\n{}", case.what, run.stderr.trim_end());
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

/// A case of the command line alone.
fn arguments<'a>(what: &'a str, args: &[&'a str], words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: Vec::new(),
        args: args.to_vec(),
        words: words.to_vec(),
    }
}

/// A case of flows in `f.csv` with a header.
fn csv<'a>(what: &'a str, text: &str, words: &[&'a str]) -> Case<'a> {
    let spec = "kind: flows\nname: f\ncsv: {file: f.csv}\n";
    Case {
        what,
        files: vec![
            ("m.yaml", MACHINE.into()),
            ("w.yaml", spec.into()),
            ("f.csv", text.into()),
        ],
        args: vec!["run", "m.yaml", "w.yaml"],
        words: words.to_vec(),
    }
}

/// A case of a Hugging Face `config.json`.
fn config<'a>(what: &'a str, text: &str, words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: vec![
            ("w.yaml", with(TRAIN, "gpt3-125m", "config.json")),
            ("config.json", text.into()),
        ],
        args: vec!["run", "dgx-a100-80gb", "w.yaml"],
        words: words.to_vec(),
    }
}

#[test]
fn topologies() {
    let m = |from, to| with(MACHINE, from, to);
    let link = "{from: \"gpu[0-1]\", to: cpu0, use: pcie4-x16}";
    let plain = |rest: &str| with(MACHINE, "use: pcie4-x16", rest);
    let cases = [
        machine(
            "unknown key",
            m("links:", "lnks:"),
            &["m.yaml:6", "`lnks`", "`links`"],
        ),
        machine(
            "unknown key of a link",
            m("use:", "uses:"),
            &["m.yaml:7", "`uses`", "`use`"],
        ),
        machine(
            "unknown device",
            m("a100-pcie-80gb", "a100-pci-80gb"),
            &["m.yaml:5", "`a100-pci-80gb`", "`a100-pcie-80gb`"],
        ),
        machine(
            "unknown link",
            m("pcie4-x16", "pcie4-x17"),
            &["m.yaml:7", "`pcie4-x16`"],
        ),
        machine(
            "a link for a device",
            m("epyc-7742", "pcie4-x16"),
            &["m.yaml:4", "not a device but a link"],
        ),
        machine(
            "wire to nothing",
            m("to: cpu0", "to: cpu1"),
            &["m.yaml:7", "`cpu1`", "`cpu0`"],
        ),
        machine(
            "duplicate device",
            m("cpu0: epyc-7742", "gpu1: epyc-7742"),
            &["m.yaml:5", "gpu1"],
        ),
        machine(
            "duplicate key",
            m("  gpu[0-1]", "  cpu0: epyc-7742\n  gpu[0-1]"),
            &["m.yaml:5", "cpu0"],
        ),
        machine(
            "duplicate top key",
            m("links:", "name: n\nlinks:"),
            &["m.yaml:6", "name"],
        ),
        machine(
            "wired to itself",
            m(link, "{from: cpu0, to: cpu0, use: pcie4-x16}"),
            &[":7"],
        ),
        machine(
            "ends that do not match",
            m(link, "{from: \"gpu[0-1]\", to: [cpu0], use: pcie4-x16}"),
            &["m.yaml:7"],
        ),
        machine(
            "no link",
            plain("count: 2"),
            &["m.yaml:7", "neither `use` nor `bandwidth`"],
        ),
        machine(
            "both a link and figures",
            plain("use: pcie4-x16, bandwidth: 1 GB/s"),
            &["m.yaml:7", "`bandwidth`"],
        ),
        machine(
            "missing unit",
            plain("bandwidth: 26"),
            &["m.yaml:7", "`26` has no unit", "26 GB/s"],
        ),
        machine(
            "wrong unit",
            plain("bandwidth: 26 GB"),
            &["m.yaml:7", "GB/s"],
        ),
        machine(
            "unknown unit",
            plain("bandwidth: 26 GB/m"),
            &["m.yaml:7", "GB/s"],
        ),
        machine(
            "negative",
            plain("bandwidth: -26 GB/s"),
            &["m.yaml:7", "negative"],
        ),
        machine("zero", plain("bandwidth: 0 GB/s"), &["m.yaml:7", "0"]),
        machine(
            "absurdly small",
            plain("bandwidth: 1e-300 GB/s"),
            &["m.yaml:7", "small"],
        ),
        machine("NaN", plain("bandwidth: nan GB/s"), &["m.yaml:7", "finite"]),
        machine(
            "infinite",
            plain("bandwidth: inf GB/s"),
            &["m.yaml:7", "finite"],
        ),
        machine(
            "overflow",
            plain("bandwidth: 1e999 GB/s"),
            &["m.yaml:7", "finite"],
        ),
        machine(
            "absurdly large",
            plain("bandwidth: 1e30 GB/s"),
            &["m.yaml:7", "absurdly"],
        ),
        machine("bare NaN", plain("bandwidth: .nan"), &["m.yaml:7"]),
        machine(
            "zero links",
            m("pcie4-x16}", "pcie4-x16, count: 0}"),
            &["m.yaml:7", "1 to 1024"],
        ),
        machine(
            "negative count",
            m("pcie4-x16}", "pcie4-x16, count: -1}"),
            &["m.yaml:7", "-1"],
        ),
        machine(
            "fraction",
            m("pcie4-x16}", "pcie4-x16, count: 1.5}"),
            &["m.yaml:7", "1.5"],
        ),
        machine(
            "word for a count",
            m("pcie4-x16}", "pcie4-x16, count: two}"),
            &["m.yaml:7", "two"],
        ),
        machine(
            "huge count",
            m("pcie4-x16}", "pcie4-x16, count: 99999999999}"),
            &["m.yaml:7"],
        ),
        machine(
            "unknown class",
            plain("bandwidth: 1 GB/s, class: pci"),
            &["m.yaml:7", "`pcie`"],
        ),
        machine(
            "no devices",
            "kind: topology\nname: m\n".into(),
            &["m", "GPU"],
        ),
        machine("no name", m("name: m\n", ""), &["m.yaml", "`name`"]),
        machine(
            "a list in a mapping",
            m("  cpu0: epyc", "  - cpu0: epyc"),
            &["m.yaml:5"],
        ),
        machine(
            "links as a word",
            m(&format!("\n  - {link}"), " none"),
            &["m.yaml:6"],
        ),
        machine(
            "empty devices",
            m("  cpu0: epyc-7742\n  gpu[0-1]: a100-pcie-80gb\n", ""),
            &["m.yaml"],
        ),
        machine(
            "bad range",
            m("gpu[0-1]:", "gpu[1-0]:"),
            &["m.yaml:5", "`1-0`"],
        ),
        machine(
            "open bracket",
            m("gpu[0-1]:", "\"gpu[0-1\":"),
            &["m.yaml:5", "bracket"],
        ),
        machine(
            "huge range",
            m("gpu[0-1]:", "gpu[0-99999999999]:"),
            &["m.yaml:5", "1048576"],
        ),
        machine(
            "huge product",
            m("gpu[0-1]:", "gpu[0-9999][0-9999]:"),
            &["m.yaml:5", "1048576"],
        ),
        machine(
            "a blank in a name",
            m("cpu0: epyc", "cpu 0: epyc"),
            &["m.yaml:4", "cpu 0"],
        ),
        machine("tab", m("  cpu0", "\tcpu0"), &["m.yaml:4"]),
        machine("open quote", m("name: m", "name: \"m"), &["m.yaml"]),
        machine("open brace", m("pcie4-x16}", "pcie4-x16"), &["m.yaml"]),
        machine(
            "name with a path",
            m("name: m", "name: ../m"),
            &["m.yaml:2", "../m"],
        ),
        machine(
            "no name at all",
            m("name: m", "name: \"\""),
            &["m.yaml:2", "name"],
        ),
        machine(
            "replaces nothing",
            m("devices:", "replace: {a100: h100-pcie-80gb}\ndevices:"),
            &["m.yaml:3", "a100"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn disconnected_groups() {
    let two = "kind: topology\nname: m\ndevices:\n  gpu[0-1]: a100-pcie-80gb\n";
    let halves = with(MACHINE, "gpu[0-1]\", to", "gpu0\", to");
    let collective = |what, text: String| Case {
        what,
        files: vec![("m.yaml", text)],
        args: vec!["collective", "all-reduce", "m.yaml"],
        words: vec!["no path", "gpu0", "gpu1", "`m`"],
    };
    let mut flows = machine(
        "flows",
        halves.clone(),
        &["w.yaml:4", "no path", "gpu0", "gpu1"],
    );
    flows.files[1].1 = FLOWS.into();
    let cases = [
        machine(
            "no wire at all",
            two.into(),
            &["no path", "gpu0", "gpu1", "`m`"],
        ),
        machine(
            "one GPU apart",
            halves.clone(),
            &["no path", "gpu0", "gpu1", "`m`"],
        ),
        collective("collective", halves),
        flows,
    ];
    snapshot!(messages(&cases));
}

#[test]
fn uses() {
    let used = |name: &str, base: &str| format!("kind: topology\nname: {name}\nuse: {base}\n");
    let case = |what, files, words: &[&'static str]| Case {
        what,
        files,
        args: vec!["topo", "show", "a.yaml"],
        words: words.to_vec(),
    };
    let deep = (0..200)
        .map(|i| (format!("t{i}.yaml"), used("t", &format!("t{}.yaml", i + 1))))
        .collect::<Vec<_>>();
    let mut deep: Vec<(&str, String)> = deep.iter().map(|(n, t)| (n.as_str(), t.clone())).collect();
    deep.push(("a.yaml", used("a", "t0.yaml")));
    let parts = |name: &str, base: &str| {
        format!("kind: topology\nname: {name}\nparts:\n  p[0-999]: {{use: {base}}}\n")
    };
    let empty = "kind: topology\nname: e\n".to_string();
    let cases = [
        case(
            "itself",
            vec![("a.yaml", used("a", "a.yaml"))],
            &["a.yaml:3", "itself", "→"],
        ),
        case(
            "itself by another way",
            vec![("a.yaml", used("a", "./x/.././a.yaml")), ("x/y", "".into())],
            &["a.yaml:3", "itself"],
        ),
        case(
            "two files",
            vec![
                ("a.yaml", used("a", "b.yaml")),
                ("b.yaml", used("b", "./a.yaml")),
            ],
            &["b.yaml:3", "itself", "a.yaml → b.yaml"],
        ),
        case(
            "parts",
            vec![("a.yaml", parts("a", "a.yaml"))],
            &["a.yaml:4", "itself"],
        ),
        case(
            "unknown base",
            vec![("a.yaml", used("a", "dgx-a100"))],
            &["a.yaml:3", "dgx-a100-"],
        ),
        case(
            "missing base",
            vec![("a.yaml", used("a", "b.yaml"))],
            &["a.yaml:3", "b.yaml"],
        ),
        case(
            "a workload for a base",
            vec![("a.yaml", used("a", "gpt-1.3b-train"))],
            &["a.yaml:3", "not a topology"],
        ),
        case(
            "a fault in the base",
            vec![
                ("a.yaml", used("a", "b.yaml")),
                ("b.yaml", with(MACHINE, "pcie4", "pci4")),
            ],
            &["b.yaml:7", "pcie"],
        ),
        case("many levels", deep, &["nested"]),
        case(
            "parts of parts of nothing",
            vec![
                ("a.yaml", parts("a", "b.yaml")),
                ("b.yaml", parts("b", "c.yaml")),
                ("c.yaml", parts("c", "d.yaml")),
                ("d.yaml", parts("d", "e.yaml")),
                ("e.yaml", empty),
            ],
            &["yaml:4", "parts"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn workloads() {
    let t = |from, to| with(TRAIN, from, to);
    let i = |from, to| with(INFER, from, to);
    let add = |text: &str| format!("{TRAIN}{text}");
    let cases = [
        workload(
            "unknown key",
            add("zerro: 3\n"),
            &["w.yaml:8", "`zerro`", "`zero`"],
        ),
        workload(
            "name with a path",
            t("name: t", "name: /t"),
            &["w.yaml:2", "/t"],
        ),
        workload(
            "a format the GPUs have not",
            t("fp16", "fp8"),
            &["w.yaml:4", "fp8", "a100"],
        ),
        workload(
            "unknown key far off",
            add("colour: red\n"),
            &["w.yaml:8", "`colour`", "sequence"],
        ),
        workload(
            "unknown model",
            t("gpt3-125m", "gpt3-126m"),
            &["w.yaml:3", "`gpt3-125m`"],
        ),
        workload(
            "a GPU for a model",
            t("gpt3-125m", "rtx-3090"),
            &["w.yaml:3", "not a model"],
        ),
        workload(
            "unknown framework",
            t("-ddp-2", "-dpp-2"),
            &["w.yaml:7", "`pytorch-ddp-2`"],
        ),
        workload(
            "unknown precision",
            t("fp16", "fp17"),
            &["w.yaml:4", "`fp16`"],
        ),
        workload(
            "no precision",
            t("precision: fp16\n", ""),
            &["w.yaml", "`precision`"],
        ),
        workload(
            "kind missing",
            t("kind: training\n", ""),
            &["w.yaml", "`kind`"],
        ),
        workload(
            "kind unknown",
            t("training", "trainig"),
            &["w.yaml:1", "`training`"],
        ),
        workload(
            "sequence 0",
            t("512", "0"),
            &["w.yaml:5", "sequence", "1 to"],
        ),
        workload("sequence negative", t("512", "-512"), &["w.yaml:5", "-512"]),
        workload(
            "sequence huge",
            t("512", "4000000000"),
            &["w.yaml:5", "sequence", "1 to"],
        ),
        workload(
            "sequence beyond",
            t("512", "99999999999"),
            &["w.yaml:5", "99999999999"],
        ),
        workload(
            "sequence fraction",
            t("512", "512.5"),
            &["w.yaml:5", "512.5"],
        ),
        workload("sequence a word", t("512", "long"), &["w.yaml:5", "long"]),
        workload(
            "sequence with a unit",
            t("512", "512 tokens"),
            &["w.yaml:5"],
        ),
        workload("sequence infinite", t("512", ".inf"), &["w.yaml:5"]),
        workload("sequence a list", t("512", "[512]"), &["w.yaml:5"]),
        workload("sequence empty", t(" 512", ""), &["w.yaml:5"]),
        workload(
            "micro batch 0",
            t("micro_batch: 1", "micro_batch: 0"),
            &["w.yaml:6", "micro_batch"],
        ),
        workload(
            "accumulate 0",
            add("accumulate: 0\n"),
            &["w.yaml:8", "accumulate", "1 to"],
        ),
        workload(
            "accumulate huge",
            add("accumulate: 4000000000\n"),
            &["w.yaml:8", "accumulate"],
        ),
        workload(
            "accumulate too many",
            add("accumulate: 60000\n"),
            &["w.yaml", "more than"],
        ),
        workload(
            "ZeRO 9",
            add("zero: 9\n"),
            &["w.yaml:8", "ZeRO", "0 (off), 1, 2 or 3"],
        ),
        workload("ZeRO -1", add("zero: -1\n"), &["w.yaml:8", "-1"]),
        workload(
            "bucket without unit",
            add("bucket: 25\n"),
            &["w.yaml:8", "no unit"],
        ),
        workload(
            "bucket as a rate",
            add("bucket: 25 MB/s\n"),
            &["w.yaml:8", "a data rate"],
        ),
        workload("bucket 0", add("bucket: 0 MB\n"), &["w.yaml:8", "bucket"]),
        workload(
            "unknown recompute",
            add("recompute: ful\n"),
            &["w.yaml:8", "`full`"],
        ),
        workload(
            "tensor 0",
            add("parallel: {tensor: 0}\n"),
            &["w.yaml:8", "1 to 8"],
        ),
        workload(
            "tensor 16",
            add("parallel: {tensor: 16}\n"),
            &["w.yaml:8", "16", "8 GPUs"],
        ),
        workload(
            "tensor 3",
            add("parallel: {tensor: 3}\n"),
            &["w.yaml:8", "divide", "1, 2, 4"],
        ),
        workload(
            "heads",
            add("parallel: {tensor: 8, data: 1}\n"),
            &["w.yaml:8", "12 heads"],
        ),
        workload(
            "4 × 4",
            add("parallel: {tensor: 4, data: 4}\n"),
            &["w.yaml:8", "16 GPUs"],
        ),
        workload(
            "unknown degree",
            add("parallel: {tensr: 4}\n"),
            &["w.yaml:8", "`tensor`"],
        ),
        workload("parallel a number", add("parallel: 8\n"), &["w.yaml:8"]),
        workload(
            "prompt 0",
            i("prompt: 128", "prompt: 0"),
            &["w.yaml:6", "prompt"],
        ),
        workload(
            "more tokens than one can count",
            i("batch: 1", "batch: 65536").replacen("128", "4000000", 1),
            &["w.yaml:5", "65536 sequences", "tokens"],
        ),
        workload(
            "output huge",
            i("output: 16", "output: 4294967295"),
            &["w.yaml:7", "output"],
        ),
        workload("batch 0", i("batch: 1", "batch: 0"), &["w.yaml:5", "batch"]),
        workload(
            "no flows",
            "kind: flows\nname: f\n".into(),
            &["w.yaml", "no flows"],
        ),
        workload(
            "flow to itself",
            with(FLOWS, "gpu1", "gpu0"),
            &["w.yaml:4", "itself"],
        ),
        workload(
            "flow to nobody",
            with(FLOWS, "gpu1", "gpu9"),
            &["w.yaml:4", "`gpu9`", "gpu0"],
        ),
        workload(
            "flow of nothing",
            with(FLOWS, "1 GB", "0 GB"),
            &["w.yaml:4", "0"],
        ),
        workload(
            "flow without unit",
            with(FLOWS, "1 GB", "100"),
            &["w.yaml:4", "no unit"],
        ),
        workload(
            "negative flow",
            with(FLOWS, "1 GB", "-1 GB"),
            &["w.yaml:4", "negative"],
        ),
        workload(
            "negative start",
            with(FLOWS, "}", ", start: -1 s}"),
            &["w.yaml:4", "negative"],
        ),
        workload(
            "start NaN",
            with(FLOWS, "}", ", start: nan s}"),
            &["w.yaml:4", "finite"],
        ),
        workload(
            "via nobody",
            with(FLOWS, "}", ", via: [gpu9]}"),
            &["w.yaml:4", "gpu9"],
        ),
        workload(
            "unequal lists",
            with(FLOWS, "gpu0", "\"gpu[0,2]\""),
            &["w.yaml:4", "`from` names 2"],
        ),
        workload(
            "unknown flow key",
            with(FLOWS, "bytes", "byts"),
            &["w.yaml:4", "`bytes`"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn models() {
    let tiny = format!("{}{MODEL}", with(TRAIN, "model: gpt3-125m\n", ""));
    let m = |from, to| with(&tiny, from, to);
    let llama = r#"{
  "model_type": "llama",
  "hidden_size": 64,
  "intermediate_size": 256,
  "max_position_embeddings": 1024,
  "num_attention_heads": 4,
  "num_hidden_layers": 2,
  "vocab_size": 1000
}"#;
    let c = |from, to| with(llama, from, to);
    let cases = [
        workload(
            "layers 0",
            m("layers: 2", "layers: 0"),
            &["w.yaml:11", "layers", "1 to"],
        ),
        workload(
            "layers huge",
            m("layers: 2", "layers: 4000000"),
            &["w.yaml:11", "layers"],
        ),
        workload(
            "hidden 0",
            m("hidden: 64", "hidden: 0"),
            &["w.yaml", "hidden"],
        ),
        workload(
            "heads too wide",
            m("heads: 4", "head_dim: 99999\n  heads: 99999").replacen(
                "kv_heads: 4",
                "kv_heads: 1",
                1,
            ),
            &["w.yaml:13", "wide"],
        ),
        workload("heads 3", m("heads: 4", "heads: 3"), &["w.yaml", "heads"]),
        workload("heads 0", m("heads: 4", "heads: 0"), &["w.yaml", "heads"]),
        workload(
            "kv_heads 3",
            m("kv_heads: 4", "kv_heads: 3"),
            &["w.yaml", "key/value heads"],
        ),
        workload(
            "kv_heads 0",
            m("kv_heads: 4", "kv_heads: 0"),
            &["w.yaml", "kv_heads"],
        ),
        workload(
            "unknown key",
            m("hidden:", "hiden:"),
            &["w.yaml:12", "`hidden`"],
        ),
        workload(
            "unknown activation",
            m("gelu", "gelo"),
            &["w.yaml:18", "`gelu`"],
        ),
        workload(
            "word for a bool",
            m("embeddings: true", "embeddings: perhaps"),
            &["w.yaml:21"],
        ),
        workload(
            "model a list",
            with(TRAIN, "gpt3-125m", "[gpt3-125m]"),
            &["w.yaml:3"],
        ),
        config("empty", "", &["config.json", "JSON"]),
        config("not JSON", "layers: 3\n", &["config.json:1", "JSON"]),
        config("a list", "[1, 2]", &["config.json:1"]),
        config("cut off", &llama[..60], &["config.json", "JSON"]),
        config(
            "unknown type",
            &c("llama", "mamba"),
            &["config.json:2", "`mamba`", "llama"],
        ),
        config(
            "no type",
            &c("\"model_type\"", "\"type\""),
            &["config.json", "`model_type`"],
        ),
        config(
            "missing key",
            &c("hidden_size", "hiden_size"),
            &["config.json", "`hidden_size`"],
        ),
        config(
            "layers 0",
            &c("layers\": 2", "layers\": 0"),
            &["config.json:7", "layers"],
        ),
        config(
            "layers -2",
            &c("layers\": 2", "layers\": -2"),
            &["config.json:7", "-2"],
        ),
        config(
            "a word",
            &c("\": 64", "\": \"64\""),
            &["config.json:3", "64"],
        ),
        config(
            "heads 3",
            &c("heads\": 4", "heads\": 3"),
            &["config.json", "heads"],
        ),
        config("1e999", &c("\": 64", "\": 1e999"), &["config.json:3"]),
        config("deep", &"[".repeat(100_000), &["config.json"]),
        workload(
            "no file",
            with(TRAIN, "gpt3-125m", "x/config.json"),
            &["w.yaml:3", "x/config.json"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn csv_files() {
    let cases = [
        csv("empty", "", &["f.csv", "src"]),
        csv("no rows", "src,dst,bytes\n", &["no flows"]),
        csv(
            "missing column",
            "src,dst,byte\ngpu0,gpu1,1\n",
            &["f.csv:1", "`bytes`", "`byte`"],
        ),
        csv(
            "NaN",
            "src,dst,bytes\ngpu0,gpu1,1\ngpu0,gpu1,NaN\n",
            &["f.csv:3", "NaN"],
        ),
        csv(
            "infinite",
            "src,dst,bytes\ngpu0,gpu1,inf\n",
            &["f.csv:2", "inf"],
        ),
        csv(
            "negative",
            "src,dst,bytes\ngpu0,gpu1,-1\n",
            &["f.csv:2", "-1"],
        ),
        csv("zero", "src,dst,bytes\ngpu0,gpu1,0\n", &["f.csv:2", "0"]),
        csv(
            "absurd",
            "src,dst,bytes\ngpu0,gpu1,1e300\n",
            &["f.csv:2", "1e300"],
        ),
        csv(
            "a unit",
            "src,dst,bytes\ngpu0,gpu1,1 GB\n",
            &["f.csv:2", "1 GB"],
        ),
        csv(
            "start",
            "src,dst,bytes,start_s\ngpu0,gpu1,1,-1\n",
            &["f.csv:2", "-1"],
        ),
        csv(
            "unknown host",
            "src,dst,bytes\ngpu0,gpu7,1\n",
            &["f.csv:2", "`gpu7`", "gpu0"],
        ),
        csv(
            "to itself",
            "src,dst,bytes\ngpu0,gpu0,1\n",
            &["f.csv:2", "itself"],
        ),
        csv("short row", "src,dst,bytes\ngpu0,gpu1\n", &["f.csv:2"]),
        csv("open quote", "src,dst,bytes\n\"gpu0,gpu1,1\n", &["f.csv:2"]),
        Case {
            what: "no file",
            files: vec![(
                "w.yaml",
                "kind: flows\nname: f\ncsv: {file: f.csv}\n".into(),
            )],
            args: vec!["run", "dgx-a100-80gb", "w.yaml"],
            words: vec!["w.yaml:3", "f.csv"],
        },
    ];
    snapshot!(messages(&cases));
}

#[test]
fn catalogue_entries() {
    let gpu = include_str!("../../src/catalog/data/gpus/a100-pcie-80gb.yaml");
    let cpu = include_str!("../../src/catalog/data/cpus/epyc-7742.yaml");
    let case = |what, name, text, words: &[&'static str]| Case {
        what,
        files: vec![
            (name, text),
            ("m.yaml", with(MACHINE, "pcie4-x16", "wire")),
            ("w.yaml", TRAIN.into()),
            ("c/wire.yaml", LINK.into()),
        ],
        args: vec!["--catalog", "c", "run", "m.yaml", "w.yaml"],
        words: words.to_vec(),
    };
    let figure = |text: &str, key: &str, value: &str| {
        let mut at = text
            .find(&format!("\n  {key}:"))
            .or_else(|| text.find(&format!("\n{key}:")))
            .unwrap();
        at += text[at..].find("value: ").unwrap() + 7;
        let end = at + text[at..].find([',', '}', '\n']).unwrap();
        format!("{}{value}{}", &text[..at], &text[end..])
    };
    let link = |key, value| figure(LINK, key, value);
    let g = "c/a100-pcie-80gb.yaml";
    let c = "c/epyc-7742.yaml";
    let broken_link = |what, text, words: &[&'static str]| {
        let mut case = case(what, "c/x.yaml", LINK.into(), words);
        case.files.remove(0);
        case.files[2].1 = text;
        case
    };
    let cases = [
        broken_link(
            "link without bandwidth",
            link("bandwidth", "0 GB/s"),
            &["c/wire.yaml:4"],
        ),
        broken_link(
            "latency as a rate",
            link("latency", "1 GB/s"),
            &["c/wire.yaml:5", "a time"],
        ),
        broken_link(
            "latency negative",
            link("latency", "-1 us"),
            &["c/wire.yaml:5", "negative"],
        ),
        broken_link(
            "no source",
            with(LINK, ", source: none", ""),
            &["c/wire.yaml:4", "`source`"],
        ),
        broken_link(
            "unknown class",
            with(LINK, "pcie", "pci"),
            &["c/wire.yaml:3", "`pcie`"],
        ),
        broken_link("empty", String::new(), &["c/wire.yaml"]),
        broken_link(
            "unknown kind",
            with(LINK, "link", "lnk"),
            &["c/wire.yaml:1", "`link`"],
        ),
        case(
            "GPU without memory",
            g,
            figure(gpu, "size", "0 GiB"),
            &[g, "0 GiB"],
        ),
        case(
            "GPU memory bandwidth 0",
            g,
            figure(gpu, "bandwidth", "0 GB/s"),
            &[g, "0 GB/s"],
        ),
        case(
            "GPU clock 0",
            g,
            figure(gpu, "clock", "0 MHz"),
            &[g, "0 MHz"],
        ),
        case("GPU units 0", g, figure(gpu, "units", "0"), &[g, "0"]),
        case(
            "GPU share 1.5",
            g,
            figure(gpu, "achievable", "1.5"),
            &[g, "1.5", "share"],
        ),
        case(
            "GPU share 0",
            g,
            figure(gpu, "achievable", "0"),
            &[g, "share"],
        ),
        case(
            "GPU share NaN",
            g,
            figure(gpu, "achievable", ".nan"),
            &[g, "finite"],
        ),
        case(
            "GPU unknown key",
            g,
            with(gpu, "vendor:", "vender:"),
            &[g, "`vendor`"],
        ),
        case(
            "CPU memory bandwidth 0",
            c,
            figure(cpu, "bandwidth", "0 GB/s"),
            &[c, "0 GB/s"],
        ),
        case(
            "CPU slowdown infinite",
            c,
            figure(cpu, "host_slowdown", ".inf"),
            &[c],
        ),
        case(
            "CPU slowdown negative",
            c,
            figure(cpu, "host_slowdown", "-1"),
            &[c, "-1"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn command_lines() {
    let cases = [
        arguments("nothing", &[], &["Usage"]),
        arguments("unknown command", &["rnu"], &["rnu", "subcommand"]),
        arguments(
            "unknown option",
            &["run", "--jsn", "a", "b"],
            &["--jsn", "--json"],
        ),
        arguments("no workload", &["run", "dgx-a100-80gb"], &["WORKLOAD"]),
        arguments(
            "unknown machine",
            &["run", "dgx-a100-80", "gpt-1.3b-train"],
            &["dgx-a100-80gb"],
        ),
        arguments(
            "unknown workload",
            &["run", "dgx-h100", "gpt-train"],
            &["gpt-train", "gpt-"],
        ),
        arguments(
            "swapped",
            &["run", "gpt-1.3b-train", "dgx-h100"],
            &["not a workload"],
        ),
        arguments(
            "missing file",
            &["run", "./m.yaml", "gpt-1.3b-train"],
            &["./m.yaml"],
        ),
        arguments(
            "a folder",
            &["run", "./", "gpt-1.3b-train"],
            &["./", "folder"],
        ),
        arguments("no workloads", &["compare", "dgx-h100"], &["--workload"]),
        arguments(
            "unknown collective",
            &["collective", "allreduce", "dgx-h100"],
            &["all-reduce"],
        ),
        arguments(
            "sizes -1",
            &["collective", "all-reduce", "dgx-h100", "-b=-1"],
            &["-1", "64K"],
        ),
        arguments(
            "sizes 0",
            &["collective", "all-reduce", "dgx-h100", "-b", "0"],
            &["0", "64K"],
        ),
        arguments(
            "sizes huge",
            &["collective", "all-reduce", "dgx-h100", "-e", "9999T"],
            &["9999T"],
        ),
        arguments(
            "sizes back",
            &["collective", "all-reduce", "dgx-h100", "-b", "9", "-e", "8"],
            &["9", "8"],
        ),
        arguments(
            "sizes word",
            &["collective", "all-reduce", "dgx-h100", "-e", "big"],
            &["big"],
        ),
        arguments(
            "factor 1",
            &["collective", "all-reduce", "dgx-h100", "-f", "1"],
            &["2 or more"],
        ),
        arguments(
            "factor 0",
            &["collective", "all-reduce", "dgx-h100", "-f", "0"],
            &["2 or more"],
        ),
        arguments(
            "9 GPUs",
            &["collective", "all-reduce", "dgx-h100", "-g", "9"],
            &["2 to 8"],
        ),
        arguments(
            "1 GPU",
            &["collective", "all-reduce", "desktop-rtx3070"],
            &["GPU"],
        ),
        arguments(
            "unknown library",
            &["collective", "all-reduce", "dgx-h100", "--library", "ncl-2"],
            &["nccl-2"],
        ),
        arguments(
            "unknown entry",
            &["catalog", "a100-sxm-80"],
            &["a100-sxm", "did you mean"],
        ),
        arguments(
            "no catalogue",
            &["--catalog", "nowhere", "catalog"],
            &["nowhere"],
        ),
        arguments(
            "json and csv",
            &["--json", "--csv", "catalog"],
            &["--json", "--csv"],
        ),
        arguments("empty name", &["run", "", "gpt-1.3b-train"], &["topology"]),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn kinds_of_file() {
    let dir = folder(&[
        ("empty.yaml", ""),
        ("list.yaml", "- a\n- b\n"),
        ("two.yaml", "---\na: 1\n---\nb: 2\n"),
    ]);
    let path = dir.path();
    write(path, "latin1.yaml", b"kind: topology\nname: caf\xe9\n");
    write(path, "zeros.yaml", &[0; 4096]);
    write(path, "utf16.yaml", b"\xff\xfek\0i\0n\0d\0");
    write(path, "bom.yaml", "\u{feff}kind: topologie\n".as_bytes());
    std::fs::File::create(path.join("huge.yaml"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    write(path, "folder.yaml/x", b"");
    let laughs: String = (1..10).fold("a0: &a0 [x, x]\n".into(), |text: String, i| {
        let all = vec![format!("*a{}", i - 1); 10].join(", ");
        format!("{text}a{i}: &a{i} [{all}]\n")
    });
    write(
        path,
        "laughs.yaml",
        format!("kind: topology\nname: m\n{laughs}").as_bytes(),
    );
    let assumes = format!(
        "kind: topology\nname: m\nassumes: &a [x]\ndevices: {}\n",
        "[*a]"
    );
    write(path, "alias.yaml", assumes.as_bytes());
    write(
        path,
        "deep.yaml",
        format!("kind: topology\nname: {}", "[".repeat(100_000)).as_bytes(),
    );
    let flow = "{a: ".repeat(100_000);
    write(
        path,
        "deepmap.yaml",
        format!("kind: topology\ndevices: {flow}").as_bytes(),
    );
    write(path, "dash.yaml", "- ".repeat(100_000).as_bytes());
    write(
        path,
        "longline.yaml",
        format!("kind: {}", "x".repeat(1 << 20)).as_bytes(),
    );
    let mut text = String::new();
    for (name, word) in [
        ("empty.yaml", "empty"),
        ("list.yaml", "list.yaml:1"),
        ("two.yaml", "two.yaml"),
        ("latin1.yaml", "UTF-8"),
        ("zeros.yaml", "zeros.yaml"),
        ("utf16.yaml", "UTF-8"),
        ("bom.yaml", "`topology`"),
        ("huge.yaml", "100"),
        ("folder.yaml", "folder"),
        ("laughs.yaml", "laughs.yaml"),
        ("alias.yaml", "alias.yaml:4"),
        ("deep.yaml", "deep.yaml:2"),
        ("deepmap.yaml", "deepmap.yaml:2"),
        ("dash.yaml", "dash.yaml:1"),
        ("longline.yaml", "longline.yaml:1"),
        ("/dev/zero", "/dev/zero"),
        ("/dev/null", "/dev/null"),
        ("./absent.yaml", "absent.yaml"),
    ] {
        let run = narrows(path, &["topo", "show", name]);
        let _ = writeln!(text, "## {name}\n{}", run.stderr.trim_end());
        assert_eq!(run.code, 2, "{name}: {}", run.stderr);
        assert!(run.stderr.contains(word), "{name}: {}", run.stderr);
        assert!(
            run.stderr.len() < 2000,
            "{name}: {} bytes",
            run.stderr.len()
        );
        let csv = format!("kind: flows\nname: f\ncsv: {{file: {name}}}\n");
        write(path, "w.yaml", csv.as_bytes());
        let run = narrows(path, &["run", "dgx-a100-80gb", "w.yaml"]);
        assert_eq!(run.code, 2, "{name} as CSV: {}", run.stderr);
        assert!(
            run.stderr.len() < 2000,
            "{name} as CSV: {} bytes",
            run.stderr.len()
        );
    }
    snapshot!(text);
}

#[test]
fn two_machines_of_one_name() {
    let dir = folder(&[("a.yaml", MACHINE), ("b.yaml", MACHINE), ("f.yaml", FLOWS)]);
    let run = narrows(dir.path(), &["compare", "a.yaml", "b.yaml", "-w", "f.yaml"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    assert!(
        run.stderr.contains("b.yaml:2") && run.stderr.contains("a.yaml"),
        "{}",
        run.stderr
    );
}

#[test]
fn large_machines_end_in_time() {
    let gpus = "kind: topology\nname: m\ndevices:\n  s: nvswitch-3\n  \
                gpu[0-1999]: h100-sxm-80gb\nlinks:\n  \
                - {from: \"gpu[0-1999]\", to: s, use: nvlink4}\n";
    let dir = folder(&[("m.yaml", gpus)]);
    for args in [["topo", "check"], ["topo", "show"]] {
        let run = narrows(dir.path(), &[&args[..], &["m.yaml"]].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let wires = "kind: topology\nname: m\ndevices:\n  h[0-9999]: {host: {}}\nlinks:\n  \
                 - {from: \"h[0-9999]\", to: \"h[0-9999]\", bandwidth: 1 GB/s, wiring: every}\n";
    let dir = folder(&[("m.yaml", wires)]);
    let run = narrows(dir.path(), &["topo", "check", "m.yaml"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("m.yaml:6") && run.stderr.contains("wires"),
        "{}",
        run.stderr
    );
}

#[test]
fn output_folders() {
    let dir = folder(&[
        ("file", ""),
        ("half/compare.csv/x", ""),
        ("half/old.txt", "old"),
    ]);
    let mut text = String::new();
    for folder in ["file", "file/below", "/proc/narrows", "/dev/null", "half"] {
        let args = [
            "compare",
            "desktop-rtx3070",
            "-w",
            "flows-small.yaml",
            "-o",
            folder,
        ];
        let flows =
            "kind: flows\nname: flows-small\nflows: [{from: gpu0, to: cpu0, bytes: 1 GB}]\n";
        write(dir.path(), "flows-small.yaml", flows.as_bytes());
        let run = narrows(dir.path(), &args);
        let _ = writeln!(text, "## {folder}\n{}", run.stderr.trim_end());
        assert_eq!(run.code, 2, "{folder}: {}", run.stderr);
        assert!(
            run.stdout.is_empty() && run.stderr.contains(folder),
            "{}",
            run.stderr
        );
    }
    let left: Vec<_> = std::fs::read_dir(dir.path().join("half"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");
    snapshot!(text);
}

#[test]
fn what_does_not_fit_says_who_needs_what() {
    let dir = folder(&[]);
    let args = ["run", "desktop-rtx3070", "llama3-8b-infer"];
    let run = narrows(dir.path(), &args);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let all = format!("{}{}", run.stdout, run.stderr);
    for word in ["gpu0", "weights", "kv-cache", "8 GiB"] {
        assert!(all.contains(word), "{word}: {all}");
    }
    snapshot!(all);
}
