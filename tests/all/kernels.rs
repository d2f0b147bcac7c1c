//! `narrows kernel` and `narrows validate kernels` from the outside.

use crate::cli::{self, Run, folder};
use serde_json::Value;
use std::collections::BTreeSet;

const ROWS: &str = "\
id,split,gpu,op,m,n,k,batch,seq,heads,kv_heads,head_dim,dtype,time_us,source
a,calibration,A100 SXM 80GB,gemm,4096,4096,4096,,,,,,fp16,560,s
b,validation,T4,gemm,4096,4096,4096,,,,,,bf16,5000,s
c,validation,Abacus,gemm,1,1,1,,,,,,fp16,1,s
";

fn narrows(arguments: &[&str]) -> Run {
    let dir = folder(&[]);
    cli::narrows(dir.path(), arguments)
}

fn json(arguments: &[&str]) -> Value {
    narrows(&[&["--json"], arguments].concat()).json()
}

#[test]
fn ranges_span_shapes_and_devices() {
    let devices = ["--on", "a100-sxm-80gb", "--on", "cpu-8-core"];
    let sizes = [
        "kernel", "gemm", "-m", "1..8*2", "-n", "64,128", "--dtype", "fp32",
    ];
    let records = json(&[&sizes[..], &devices[..]].concat());
    let records = records.as_array().unwrap();
    assert_eq!(records.len(), 2 * 4 * 2);
    assert!(
        records
            .iter()
            .all(|record| record["time_s"].as_f64().unwrap() > 0.0)
    );
}

#[test]
fn formats_that_run_as_another_say_so() {
    let record = &json(&["kernel", "gemm", "--dtype", "fp8", "--on", "a100-sxm-80gb"])[0];
    assert_eq!(
        (&record["format"], &record["runs_as"]),
        (&"fp8".into(), &"bf16".into())
    );
}

#[test]
fn a_workload_in_a_format_that_the_machine_lacks_says_what_it_runs_as() {
    let folder = folder(&[]);
    let run = |precision: &str| {
        let file = folder.path().join(format!("{precision}.yaml"));
        let text = format!(
            "kind: inference\nname: {precision}\nmodel: llama2-7b\nprecision: {precision}\n\
             parallel: {{tensor: 1}}\nbatch: 8\nprompt: 512\noutput: 64\nframework: vllm-0\n"
        );
        std::fs::write(&file, text).unwrap();
        json(&["run", "dgx-a100-80gb", file.to_str().unwrap()])
    };
    let (narrow, wide) = (run("fp8"), run("bf16"));
    let why = "bf16 (a100-sxm-80gb has no fp8)";
    assert_eq!(narrow["facts"]["runs as"], why);
    assert!(wide["facts"]["runs as"].is_null());
    // Decoding waits for weights, of which there are half as many bytes.
    let step = |record: &Value| record["step_time_s"].as_f64().unwrap();
    assert!(step(&narrow) < step(&wide));
}

#[test]
fn attention_comes_in_all_its_forms() {
    let time = |operator: &str, sizes: &[&str]| {
        let on = ["--on", "h100-sxm-80gb"];
        let records = json(&[&["kernel", operator], sizes, &on[..]].concat());
        records[0]["time_s"].as_f64().unwrap()
    };
    let context = ["--batch", "32", "--context", "32768"];
    let decode = time("decode", &context);
    assert!(time("window-decode", &context) < decode / 10.0);
    let paged = time("paged-decode", &context);
    assert!((1.0..1.01).contains(&(paged / decode)));
    // 576 numbers a token for all heads against 2048 of eight.
    assert!(time("latent-decode", &context) < decode / 2.0);
    let prompt = ["--query", "16384", "--context", "16384"];
    let attention = time("attention", &prompt);
    assert!(time("window-attention", &prompt) < attention / 4.0);
    assert!(time("latent-attention", &prompt) > attention);
}

#[test]
fn a_size_that_was_not_asked_for_follows_its_partner() {
    let sizes = |arguments: &[&str]| {
        let on = ["--on", "t4", "--dtype", "fp16"];
        let record = &json(&[&["kernel"], arguments, &on[..]].concat())[0];
        let sizes = record["sizes"].as_array().unwrap().clone();
        let of = move |name: &str| {
            let pair = sizes.iter().find(|pair| pair[0] == name).unwrap();
            pair[1].as_u64().unwrap()
        };
        [of("query"), of("context"), of("heads"), of("kv-heads")]
    };
    assert_eq!(sizes(&["attention", "--context", "512"]), [512, 512, 32, 8]);
    assert_eq!(sizes(&["attention", "--query", "512"]), [512, 512, 32, 8]);
    assert_eq!(sizes(&["attention", "--heads", "4"]), [4096, 4096, 4, 4]);
    // Key/value heads divide heads.
    assert_eq!(sizes(&["attention", "--heads", "12"]), [4096, 4096, 12, 6]);
    assert_eq!(
        sizes(&["attention", "--kv-heads", "6"]),
        [4096, 4096, 36, 6]
    );
    let few = ["attention", "--query", "8", "--context", "64"];
    assert_eq!(sizes(&few), [8, 64, 32, 8]);
}

#[test]
fn what_is_named_twice_is_predicted_once() {
    let twice = [
        "--on",
        "t4",
        "--on",
        "Tesla T4",
        "--without",
        "waves",
        "--without",
        "waves",
    ];
    let records = json(&[&["kernel", "gemm"], &twice[..]].concat());
    let devices: Vec<&Value> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["device"])
        .collect();
    assert_eq!(devices, ["t4", "t4 without waves"]);
}

#[test]
fn a_longer_context_never_decodes_faster() {
    let device = ["--on", "h100-sxm-80gb"];
    for shape in [["--batch", "1024"], ["--heads", "128"]] {
        let arguments = ["kernel", "decode", "--context", "1..4096*2"];
        let records = json(&[&arguments[..], &shape, &device].concat());
        let times = records.as_array().unwrap().iter();
        let times: Vec<f64> = times.map(|r| r["time_s"].as_f64().unwrap()).collect();
        // From 512 tokens on the context is cut, which gains a little.
        assert!(times.is_sorted_by(|a, b| *a <= b * 1.01), "{times:?}");
    }
}

#[test]
fn entries_of_every_kind_are_shown_under_their_own_name() {
    let all = json(&["catalog"]);
    let mut kinds = BTreeSet::new();
    for entry in all.as_array().unwrap() {
        if kinds.insert(entry["kind"].as_str().unwrap()) {
            let name = entry["name"].as_str().unwrap();
            let shown = json(&["catalog", name]);
            assert_eq!(
                (&shown["name"], &shown["kind"]),
                (&entry["name"], &entry["kind"])
            );
        }
    }
    assert!(kinds.len() >= 10, "{kinds:?}");
    let run = narrows(&["--csv", "catalog", "h100-sxm-80gb", "RTX 3090"]);
    assert_eq!((run.code, run.stdout.lines().count()), (0, 3), "{run:?}");
    let run = narrows(&["--csv", "kernel", "list"]);
    let begins = run.stdout.starts_with("operator,sizes,what it does\n");
    assert!(run.code == 0 && begins, "{run:?}");
}

#[test]
fn bad_input_gets_one_clear_message() {
    for (arguments, message) in [
        (&["kernel", "gem", "--on", "t4"][..], "did you mean `gemm`?"),
        (&["kernel", "gemm", "--on", "h10"], "unknown device `h10`"),
        (&["kernel", "gemm"], "no device"),
        (&["kernel", "gemm", "-m", "0", "--on", "t4"], "a size of 0"),
        (
            &["kernel", "gemm", "--heads", "8", "--on", "t4"],
            "has no size `heads`",
        ),
        (
            &["kernel", "gemm", "--dtype", "int8", "--on", "cpu-8-core"],
            "has no int8 rate",
        ),
        (
            &["kernel", "gemm", "--dtype", "fp7", "--on", "t4"],
            "unknown number format",
        ),
        (
            &["kernel", "gemm", "--without", "wave", "--on", "t4"],
            "did you mean `waves`?",
        ),
        (&["validate", "kernel", "x.csv"], "did you mean `kernels`?"),
        (
            &["kernel", "list", "-o", "out"],
            "list of operators has no charts",
        ),
        (
            &["catalog", "--memory", "24"],
            "has no unit; expected such as `24G`",
        ),
    ] {
        refused(arguments, message);
    }
}

#[test]
fn sizes_and_filters_that_make_no_sense_are_refused() {
    for (arguments, message) in [
        (
            &[
                "kernel",
                "convolution",
                "--image",
                "4294967296",
                "--on",
                "t4",
            ][..],
            "is too large",
        ),
        (
            &[
                "kernel",
                "attention",
                "--query",
                "9",
                "--context",
                "8",
                "--on",
                "t4",
            ],
            "expected query to be at most context",
        ),
        (
            &[
                "kernel",
                "decode",
                "--heads",
                "8",
                "--kv-heads",
                "9",
                "--on",
                "t4",
            ],
            "expected kv-heads to divide heads",
        ),
        (
            &["kernel", "gemm", "-m", "1..8*1", "--on", "t4"],
            "does not grow",
        ),
        (&["catalog", "A100 SXM4"], "may be any of 2 devices"),
        (
            &["catalog", "--year", "2022..2020"],
            "ends before it begins",
        ),
        (
            &["catalog", "--kind", "link", "--year", "2020"],
            "no kind of device",
        ),
        (&["catalog", "--ridge", "NaN"], "no limit"),
    ] {
        refused(arguments, message);
    }
}

fn refused(arguments: &[&str], message: &str) {
    let run = narrows(arguments);
    assert_eq!(run.code, 2, "{arguments:?}");
    assert!(run.stderr.contains(message), "{arguments:?}: {run:?}");
}

#[test]
fn validation_counts_every_row_and_writes_its_report() {
    let folder = folder(&[("rows.csv", ROWS)]);
    let file = folder.path().join("rows.csv");
    let file = file.to_str().unwrap();
    let out = folder.path().join("report");
    let record = json(&["validate", "kernels", file, "-o", out.to_str().unwrap()]);
    assert_eq!(record["summary"]["n"], 3);
    assert_eq!(record["summary"]["not_run"], 1);
    assert_eq!(record["rows"][2]["status"], "unknown device: Abacus");
    assert_eq!(record["splits"]["validation"]["n"], 2);
    let written = std::fs::read_to_string(out.join("kernels.csv")).unwrap();
    assert!(
        written
            .lines()
            .next()
            .unwrap()
            .ends_with("predicted,error,status")
    );
    for name in [
        "kernels.json",
        "kernels.md",
        "kernels-all-gemm-from-1-GFLOP.svg",
    ] {
        assert!(out.join(name).is_file(), "{name}");
    }
    let part = json(&["validate", "kernels", file, "--split", "calibration"]);
    assert_eq!(part["summary"]["n"], 1);
}

#[test]
fn a_mechanism_can_be_taken_out_and_its_errors_stand_beside_the_whole_models() {
    let folder = folder(&[("rows.csv", ROWS)]);
    let file = folder.path().join("rows.csv");
    let record = json(&[
        "validate",
        "kernels",
        file.to_str().unwrap(),
        "--without",
        "achievable",
    ]);
    // The first class holds only the row of an unknown device.
    let class = &record["classes"][1];
    assert_eq!(record["mechanism"], "achievable");
    let error = |key: &str| class[key].as_f64().unwrap();
    assert!(error("mean_error_without") < error("mean_error"));
    let arguments = ["validate", "collectives", file.to_str().unwrap()];
    refused(
        &[&arguments[..], &["--without", "waves"]].concat(),
        "has no mechanisms",
    );
}

#[test]
fn only_classes_that_a_mechanism_changes_are_drawn() {
    let folder = folder(&[("rows.csv", ROWS)]);
    let drawn = |mechanism: &str| {
        let arguments = [
            "validate",
            "kernels",
            "rows.csv",
            "--without",
            mechanism,
            "-o",
            mechanism,
        ];
        let run = cli::narrows(folder.path(), &arguments);
        assert_eq!(run.code, 0, "{run:?}");
        let files = std::fs::read_dir(folder.path().join(mechanism)).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".png"))
            .collect::<Vec<_>>()
    };
    assert_eq!(drawn("waves"), ["without-waves-gemm-from-1-GFLOP.png"]);
    assert_eq!(drawn("softmax"), Vec::<String>::new());
}

/// So many rows of one product on one device, of one split, in a file.
fn alike(folder: &std::path::Path, rows: usize) -> String {
    let file = folder.join("alike.csv");
    let head = ROWS.lines().next().unwrap();
    let row = "x,calibration,A100 SXM 80GB,gemm,4096,4096,4096,,,,,,fp16,560,s\n";
    std::fs::write(&file, format!("{head}\n{}", row.repeat(rows))).unwrap();
    file.to_str().unwrap().to_string()
}

#[test]
fn devices_stand_beside_themselves_with_their_own_constants_withheld() {
    let folder = folder(&[]);
    let out = folder.path().join("out");
    let file = alike(folder.path(), 20);
    let record = json(&["validate", "kernels", &file, "-o", out.to_str().unwrap()]);
    let device = &record["devices"][0];
    assert_eq!(device["device"], "a100-sxm-80gb");
    assert_eq!(device["n"], 20);
    let unseen = json(&["validate", "unseen-kernels", &file]);
    let withheld = &device["median_abs_error_withheld"];
    assert_eq!(withheld, &unseen["groups"][0]["median_abs_error"]);
    assert_ne!(withheld, &device["median_abs_error"]);
    let page = std::fs::read_to_string(out.join("kernels.md")).unwrap();
    assert!(page.contains("own constants withheld"), "{page}");
    let chart = "efficiency-a100-sxm-80gb-fp16-all";
    assert!(page.contains(chart) && out.join(format!("{chart}.png")).is_file());

    // Of fewer rows neither says anything.
    let few = json(&["validate", "kernels", &alike(folder.path(), 7)]);
    assert!(few["devices"].is_null());
}

#[test]
fn the_error_on_unseen_devices_is_written_as_a_file_of_the_catalogue() {
    let folder = folder(&[]);
    let file = alike(folder.path(), 20);
    let out = folder.path().join("out");
    let arguments = ["validate", "unseen-kernels", file.as_str()];
    json(&[&arguments[..], &["-o", out.to_str().unwrap()]].concat());
    let written = out.join("unseen-kernels.yaml");
    let text = std::fs::read_to_string(&written).unwrap();
    assert!(
        text.contains("1 devices with at least 20 of 20 rows"),
        "{text}"
    );
    // The catalogue takes it, and `narrows kernel` prints from it.
    std::fs::write(&written, text.replace("value: 0.", "value: 0.7")).unwrap();
    let catalog = ["--catalog", out.to_str().unwrap()];
    let run = narrows(&[&catalog[..], &["kernel", "gemm", "--on", "gtx-580-3gb"]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains("are 7"), "{run:?}");
}

#[test]
fn zeros_are_multiplied_at_the_full_clock_where_power_limits_it() {
    let shape = ["-m", "4096", "-n", "4096", "-k", "4096", "--dtype", "fp16"];
    let on = [
        "kernel",
        "gemm",
        "--zeros",
        "--on",
        "t4",
        "--on",
        "a100-sxm-80gb",
    ];
    let records = json(&[&on[..], &shape[..]].concat());
    let seconds = |at: usize| records[at]["time_s"].as_f64().unwrap();
    assert_eq!(records[1]["device"], "t4 with zeros");
    assert!(seconds(0) > 1.6 * seconds(1));
    assert_eq!(seconds(2), seconds(3));
}

#[test]
fn what_a_campaign_multiplies_is_known_from_its_code() {
    let folder = folder(&[]);
    let file = folder.path().join("rows.csv");
    let head = ROWS.lines().next().unwrap();
    let row = |id: &str, op: &str| {
        format!("{id},x,H100 SXM,{op},4096,8192,8192,,,,,,fp16,800,microsoft/vidur\n")
    };
    let rows = row("up", "gemm:mlp_up_proj") + &row("down", "gemm:mlp_down_proj");
    std::fs::write(&file, format!("{head}\n{rows}")).unwrap();
    let record = json(&["validate", "kernels", file.to_str().unwrap()]);
    let predicted = |at: usize| record["rows"][at]["predicted"].as_f64().unwrap();
    assert!(predicted(0) > 1.04 * predicted(1));
}

#[test]
fn a_missing_column_and_an_unknown_split_are_named() {
    let folder = folder(&[]);
    let file = folder.path().join("rows.csv");
    std::fs::write(&file, ROWS.replace("time_us", "time")).unwrap();
    let path = file.to_str().unwrap();
    let message = "lacks the needed column `time_us`";
    refused(&["validate", "kernels", path], message);
    std::fs::write(&file, ROWS).unwrap();
    let arguments = ["validate", "kernels", path, "--split", "valid"];
    refused(&arguments, "has no split `valid`");
}

#[test]
fn what_was_not_measured_of_a_device_is_said_in_one_line() {
    let said = |device: &str, format: &str| {
        let run = narrows(&["kernel", "gemm", "--on", device, "--dtype", format]);
        assert_eq!(run.code, 0, "{run:?}");
        let lines = run.stdout.lines().filter(|line| line.starts_with(device));
        let notes: Vec<String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(_, note)| note.to_string())
            .collect();
        notes
    };
    assert!(said("h100-sxm-80gb", "bf16").is_empty());
    let estimate = "what products reach was not measured and is an estimate; `narrows catalog \
                    a100-pcie-80gb` says how it was reasoned";
    assert_eq!(said("a100-pcie-80gb", "bf16"), [estimate]);
    let [both] = &said("h200-sxm", "bf16")[..] else {
        panic!("one line");
    };
    let begins = "what products reach was not measured and is an estimate; what its memory \
                  reaches was not measured and is taken from the family hopper; ";
    assert!(both.starts_with(begins), "{both}");
    // Its FP32 was measured.
    let [memory] = &said("h200-sxm", "fp32")[..] else {
        panic!("one line");
    };
    assert!(memory.starts_with("what its memory reaches"), "{memory}");
    let [family] = &said("gtx-580-3gb", "fp32")[..] else {
        panic!("one line");
    };
    let begins = "not measured itself; what kernels reach is taken from the family ";
    assert!(family.starts_with(begins), "{family}");
}

#[test]
fn help_lists_every_name_that_is_taken() {
    let help = |command: &str| {
        let text = narrows(&[command, "--help"]).stdout;
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mechanisms = "achievable, power, launch, ramp, cache, waves, reuse, fill, split, tiles, \
                      little, pages, collisions or softmax";
    let (kernel, validate) = (help("kernel"), help("validate"));
    assert!(kernel.contains(mechanisms) && validate.contains(mechanisms));
    assert!(kernel.contains("fp64, fp32, tf32, fp16, bf16, fp8, int8 or fp4"));
    assert!(validate.contains("collectives, kernels or unseen-kernels"));
}

#[test]
fn a_roofline_says_which_device_has_no_roof_and_what_comes_from_a_cache() {
    let folder = folder(&[]);
    // The words of the chart, without its marks.
    let draw = |arguments: &[&str]| {
        let output = ["--roofline", "-o", "out"];
        let run = cli::narrows(folder.path(), &[&["kernel"], arguments, &output].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let chart = format!("out/{}-roofline.svg", arguments[0]);
        let text = std::fs::read_to_string(folder.path().join(chart)).unwrap();
        let words = text.lines().filter(|line| !line.starts_with('<'));
        words.collect::<Vec<_>>().join(" ")
    };
    let gemm = draw(&["gemm", "--on", "h100-sxm-80gb", "--dtype", "fp16"]);
    assert!(gemm.contains("dots by share of the time of all"));
    assert!(!gemm.contains("no roof") && !gemm.contains("above the VRAM rate"));
    let cached = draw(&["gelu", "-m", "1024", "--on", "h100-sxm-80gb"]);
    assert!(
        cached.contains("above the VRAM rate: data from the cache"),
        "{cached}"
    );
    let add = draw(&[
        "add",
        "-m",
        "1",
        "--on",
        "t4",
        "--on",
        "cpu-8-core",
        "--dtype",
        "int8",
    ]);
    assert!(
        add.contains("no roof for what has no int8: cpu-8-core"),
        "{add}"
    );
}
