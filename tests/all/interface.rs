//! What other programs rely on: JSON and CSV, exit codes, and which stream says what.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

use super::cli::{command, folder, narrows, write};

/// A small job that runs anywhere.
const TRAIN: &str = "kind: training\nname: t\nmodel: gpt3-125m\nprecision: fp16\nsequence: 256\n\
                     micro_batch: 1\nframework: pytorch-ddp-2\n";

/// A small machine.
const MACHINE: &str = "kind: topology\nname: m\ndevices:\n  cpu0: epyc-7742\n  \
                       gpu[0-1]: a100-pcie-80gb\nlinks:\n  \
                       - {from: \"gpu[0-1]\", to: cpu0, use: pcie4-x16}\n";

/// Flows that run there.
const FLOWS: &str = "kind: flows\nname: f\nflows: [{from: gpu0, to: gpu1, bytes: 1 GB}]\n";

/// The number behind a path of keys.
#[track_caller]
fn number(value: &Value, path: &str) -> f64 {
    let number = value.pointer(path).and_then(Value::as_f64);
    number.unwrap_or_else(|| panic!("no number at {path}: {value}"))
}

/// Checks what every record of one workload on one machine promises.
#[track_caller]
fn check_system(system: &Value) {
    let step = number(system, "/step_time_s");
    assert!(step > 0.0 && number(system, "/throughput/value") > 0.0);
    assert!(system["throughput"]["unit"].is_string() && system["name"].is_string());
    let bottleneck = &system["bottleneck"];
    assert!(bottleneck["resource"].is_string() && bottleneck["kind"].is_string());
    assert!((0.0..=1.0).contains(&number(bottleneck, "/share")));
    let kinds = system["time_by_kind"].as_object().unwrap();
    let sum: f64 = kinds.values().map(|time| time.as_f64().unwrap()).sum();
    assert!((sum - step).abs() <= 1e-9 * step, "{sum} {step}");
    let sensitivity = system["sensitivity"].as_object().unwrap();
    assert!(!sensitivity.is_empty() && sensitivity.values().all(Value::is_f64));
    for memory in system["memory"].as_array().unwrap() {
        assert!(memory["device"].is_string());
        let fits = number(memory, "/peak_bytes") <= number(memory, "/capacity_bytes");
        assert_eq!(memory["fits"], fits);
    }
}

#[test]
fn run_as_json() {
    let dir = folder(&[]);
    for workload in ["gpt-125m-train", "llama3-8b-infer", "flows-two-into-one"] {
        let run = narrows(dir.path(), &["run", "dgx-a100-80gb", workload, "--json"]);
        assert!(run.stderr.is_empty(), "{}", run.stderr);
        check_system(&run.json());
    }
}

#[test]
fn compare_as_json_and_csv() {
    let dir = folder(&[]);
    let args = [
        "compare",
        "dgx-1-v100-32gb",
        "handbuilt-8x-rtx3090",
        "-w",
        "gpt-125m-train",
    ];
    let run = narrows(
        dir.path(),
        &[&args[..], &["flows-two-into-one", "--json"]].concat(),
    );
    let json = run.json();
    let workloads = json["workloads"].as_array().unwrap();
    assert_eq!(workloads.len(), 2);
    for (workload, name) in workloads
        .iter()
        .zip(["gpt-125m-train", "flows-two-into-one"])
    {
        assert_eq!(workload["workload"], name);
        assert!(workload["verdict"].as_str().unwrap().len() > 20);
        let systems = workload["systems"].as_array().unwrap();
        assert_eq!(systems.len(), 2);
        assert_eq!(systems[0]["name"], "dgx-1-v100-32gb");
        systems.iter().for_each(check_system);
    }
    let run = narrows(dir.path(), &[&args[..], &["--csv"]].concat());
    let step = number(&workloads[0], "/systems/0/step_time_s");
    let mut found = false;
    for record in csv::Reader::from_reader(run.stdout.as_bytes()).records() {
        let record = record.unwrap();
        let value: f64 = record[4].parse().unwrap();
        assert!(value.is_finite(), "{record:?}");
        found |= &record[1] == "dgx-1-v100-32gb" && &record[2] == "step_time" && value == step;
    }
    assert!(found, "{}", run.stdout);
}

#[test]
fn collective_as_json_and_csv() {
    let dir = folder(&[]);
    for operation in [
        "all-reduce",
        "all-gather",
        "reduce-scatter",
        "broadcast",
        "send-recv",
    ] {
        let args = [
            "collective",
            operation,
            "dgx-h100",
            "-b",
            "8",
            "-e",
            "8G",
            "-f",
            "2",
        ];
        let json = narrows(dir.path(), &[&args[..], &["--json"]].concat()).json();
        let rows = json["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 31);
        for (index, row) in rows.iter().enumerate() {
            let size = row["size_bytes"].as_u64().unwrap();
            assert_eq!(size, 8 << index);
            let algbw = size as f64 / number(row, "/time_us") * 1e-3;
            assert!((number(row, "/algbw_gbps") / algbw - 1.0).abs() < 1e-9);
            let factor = match operation {
                "all-reduce" => 1.75,
                "all-gather" | "reduce-scatter" => 0.875,
                _ => 1.0,
            };
            assert!((number(row, "/busbw_gbps") / algbw / factor - 1.0).abs() < 1e-9);
            assert!(row["algorithm"].is_string());
        }
        let run = narrows(dir.path(), &[&args[..], &["--csv"]].concat());
        let records = csv::Reader::from_reader(run.stdout.as_bytes()).into_records();
        assert_eq!(records.map(Result::unwrap).count(), 31);
    }
}

#[test]
fn exit_codes_and_streams() {
    let dir = folder(&[]);
    let run = narrows(
        dir.path(),
        &["run", "desktop-rtx3070", "flows-two-into-one"],
    );
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    let run = narrows(
        dir.path(),
        &["run", "desktop-rtx3070", "llama3-8b-infer", "--json"],
    );
    assert_eq!(run.code, 1, "{}", run.stderr);
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&json["fits"], &json["memory"][0]["fits"]),
        (&false.into(), &false.into())
    );
    let run = narrows(dir.path(), &["topo", "check", "dgx-h100"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = folder(&[]);
    for args in [&["catalog"][..], &["collective", "all-reduce", "dgx-h100"]] {
        let mut child = std::process::Command::new(command(dir.path()).get_program())
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn help_names_every_argument() {
    let dir = folder(&[]);
    for (args, words) in [
        (
            &["--help"][..],
            &["compare", "run", "collective", "topo", "catalog", "--json"][..],
        ),
        (
            &["run", "--help"],
            &[
                "<TOPOLOGY>",
                "<WORKLOAD>",
                "--output",
                "--json",
                "--catalog",
            ],
        ),
        (
            &["compare", "--help"],
            &["<TOPOLOGY>", "--workload", "--output", "--csv"],
        ),
        (
            &["collective", "--help"],
            &["<OPERATION>", "--begin", "--end", "--factor", "--gpus"],
        ),
        (&["topo", "--help"], &["show", "check"]),
        (
            &["topo", "show", "--help"],
            &["<TOPOLOGY>", "--resolved", "--output"],
        ),
        (&["topo", "check", "--help"], &["<TOPOLOGY>"]),
        (&["catalog", "--help"], &["[NAME]"]),
    ] {
        let run = narrows(dir.path(), args);
        assert_eq!(run.code, 0, "{args:?}");
        for word in words {
            assert!(run.stdout.contains(word), "{args:?} {word}: {}", run.stdout);
        }
    }
}

#[test]
fn every_catalogue_entry_prints() {
    let dir = folder(&[]);
    let json = narrows(dir.path(), &["catalog", "--json"]).json();
    let entries = json.as_array().unwrap();
    assert!(entries.len() > 30);
    for name in ["dgx-h100", "a100-sxm-80gb", "nccl-2", "gpt-1.3b-train"] {
        assert!(entries.iter().any(|entry| entry["name"] == name), "{name}");
        let run = narrows(dir.path(), &["catalog", name]);
        assert_eq!(run.code, 0);
        assert!(
            run.stdout.contains(&format!("name: {name}\n")),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn paths_are_seen_from_the_file_that_names_them() {
    let config = r#"{"model_type": "llama", "hidden_size": 64, "intermediate_size": 256,
        "max_position_embeddings": 1024, "num_attention_heads": 4, "num_hidden_layers": 2,
        "vocab_size": 1000}"#;
    let dir = folder(&[
        (
            "jobs/t.yaml",
            &TRAIN.replace("gpt3-125m", "../models/tiny/config.json"),
        ),
        ("models/tiny/config.json", config),
        ("machines/m.yaml", MACHINE),
        (
            "machines/two.yaml",
            "kind: topology\nname: two\nuse: m.yaml\n",
        ),
        ("here/note", ""),
    ]);
    let run = |folder: &str, args: &[&str]| narrows(&dir.path().join(folder), args).json();
    let from_root = run("", &["run", "machines/two.yaml", "jobs/t.yaml", "--json"]);
    assert_eq!(from_root["facts"]["model"], "tiny");
    let beside = run(
        "here",
        &["run", "../machines/two.yaml", "../jobs/t.yaml", "--json"],
    );
    assert_eq!(from_root, beside);
}

#[test]
fn a_folder_of_ones_own_comes_first() {
    let dir = folder(&[]);
    let own = MACHINE.replace("name: m", "name: dgx-h100");
    write(dir.path(), "own/dgx-h100.yaml", own.as_bytes());
    write(dir.path(), "own/t.yaml", TRAIN.as_bytes());
    let args = ["--catalog", "own", "run", "dgx-h100", "t", "--json"];
    let json = narrows(dir.path(), &args).json();
    assert_eq!(json["memory"].as_array().unwrap().len(), 2);
}

/// All files below a folder, by name.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn outputs_do_not_depend_on_threads_or_on_the_run() {
    let dir = folder(&[("m.yaml", MACHINE), ("t.yaml", TRAIN), ("f.yaml", FLOWS)]);
    let args = [
        "compare",
        "m.yaml",
        "dgx-1-v100-32gb",
        "-w",
        "t.yaml",
        "f.yaml",
    ];
    let args = [&args[..], &["--json", "-o"]].concat();
    let mut all = Vec::new();
    for (threads, folder) in [("1", "a"), ("2", "b"), ("2", "c")] {
        let mut command = command(dir.path());
        let command = command
            .args(&args)
            .arg(folder)
            .env("RAYON_NUM_THREADS", threads);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        all.push((output.stdout, contents(&dir.path().join(folder))));
    }
    let names: Vec<&String> = all[0].1.keys().collect();
    for end in [".png", ".svg", ".json", ".csv", "README.md"] {
        assert!(names.iter().any(|name| name.ends_with(end)), "{names:?}");
    }
    for other in &all[1..] {
        assert_eq!(other.1.keys().collect::<Vec<_>>(), names);
        let differ = names
            .iter()
            .filter(|name| other.1[**name] != all[0].1[**name]);
        assert_eq!(differ.collect::<Vec<_>>(), Vec::<&&String>::new());
        assert!(other.0 == all[0].0);
    }
}
