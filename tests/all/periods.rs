//! Many equal micro-batches by a few of them: the same answer as all of them.

use super::cli::{folder, narrows};
use serde_json::Value;

fn job(accumulate: u32, rest: &str) -> String {
    format!(
        "kind: training\nname: w\nmodel: gpt3-125m\nprecision: fp16\nsequence: 512\n\
         micro_batch: 1\naccumulate: {accumulate}\nframework: megatron-core\n{rest}"
    )
}

fn run(accumulate: u32, rest: &str, flag: &str) -> Value {
    let dir = folder(&[("w.yaml", &job(accumulate, rest))]);
    let mut args = vec!["run", "handbuilt-8x-a100-80gb-pcie", "w.yaml", "--json"];
    args.extend((!flag.is_empty()).then_some(flag));
    narrows(dir.path(), &args).json()
}

/// Numbers behind a path of keys, of a record and of another.
#[track_caller]
fn same(a: &Value, b: &Value, path: &str, scale: f64) {
    let number = |value: &Value| value.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let (a, b) = (number(a), number(b));
    assert!((a - b).abs() <= 1e-9 * scale, "{path}: {a} and {b}");
}

#[test]
fn repeated_micro_batches_are_all_of_them() {
    for rest in [
        "",
        "zero: 1\n",
        "zero: 3\n",
        "parallel: {tensor: 2, sequence_parallel: true}\n",
        "parallel: {pipeline: 2}\n",
        "parallel: {pipeline: 2, virtual: 2, tensor: 2}\n",
    ] {
        let repeated = run(40, rest, "");
        let whole = run(40, rest, "--no-fold");
        let step = whole["step_time_s"].as_f64().unwrap();
        assert_eq!(repeated["phases"].as_array().unwrap().len(), 2, "{rest}");
        assert_eq!(whole["phases"].as_array().unwrap().len(), 1, "{rest}");
        same(&repeated, &whole, "/step_time_s", step);
        let rate = whole["throughput"]["value"].as_f64().unwrap();
        same(&repeated, &whole, "/throughput/value", rate);
        same(&repeated, &whole, "/memory/0/peak_bytes", 1.0);
        for kind in whole["time_by_kind"].as_object().unwrap().keys() {
            same(&repeated, &whole, &format!("/time_by_kind/{kind}"), step);
        }
        for kind in whole["sensitivity"].as_object().unwrap().keys() {
            // Slopes are differences of two steps, one per cent apart.
            same(&repeated, &whole, &format!("/sensitivity/{kind}"), 100.0);
        }
    }
}

#[test]
fn the_check_runs_both() {
    let checked = run(40, "zero: 3\n", "--check-periods");
    assert_eq!(checked["phases"].as_array().unwrap().len(), 2);
}

/// A few are not worth it, and GPipe holds the activations of all.
#[test]
fn few_micro_batches_and_gpipe_are_simulated_whole() {
    for (accumulate, rest) in [
        (15, ""),
        (41, "parallel: {pipeline: 2}\n"),
        (40, "parallel: {pipeline: 2, schedule: gpipe}\n"),
    ] {
        let found = run(accumulate, rest, "");
        assert_eq!(found["phases"].as_array().unwrap().len(), 1, "{rest}");
    }
}
