//! Workload files.

use crate::cli::{folder, narrows};

use super::{FLOWS, INFER, MACHINE, TRAIN, machine, messages, with, workload};

/// gpt3-125m has 12 layers.
#[test]
fn layers_of_stages() {
    let given = |what, layers: &str, words: &[&'static str]| {
        let text = format!("{TRAIN}parallel: {{pipeline: 2, layers: {layers}}}\n");
        workload(what, text, words)
    };
    let cases = [
        given("too few numbers", "[12]", &["w.yaml:8", "2 numbers", "12"]),
        given("another sum", "[7, 6]", &["w.yaml:8", "13", "12"]),
        given("an empty stage", "[12, 0]", &["w.yaml:8", "above 0"]),
        given("no list", "12", &["w.yaml:8", "list"]),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn keys_and_names() {
    let t = |from, to| with(TRAIN, from, to);
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn lengths_of_sequences() {
    let t = |from, to| with(TRAIN, from, to);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn numbers_of_a_step() {
    let t = |from, to| with(TRAIN, from, to);
    let add = |text: &str| format!("{TRAIN}{text}");
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn degrees() {
    let add = |text: &str| format!("{TRAIN}{text}");
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn batches_of_requests() {
    let i = |from, to| with(INFER, from, to);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn flows() {
    let cases = [
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
fn formats_without_a_stand_in() {
    let mut case = machine(
        "a format the GPUs have not",
        with(MACHINE, "a100-pcie-80gb", "v100-pcie-16gb"),
        &["w.yaml:4", "`v100-pcie-16gb` has no int8 rate", "fp16"],
    );
    case.files[1].1 = with(TRAIN, "fp16", "int8");
    messages(&[case]);
}

#[test]
fn more_activities_than_one_can_hold() {
    messages(&[workload(
        "accumulate too many",
        // A pipeline that holds all of them at once, so that a few do not stand for the rest.
        format!("{TRAIN}accumulate: 60000\nparallel: {{pipeline: 2, schedule: gpipe}}\n"),
        &["w.yaml:8", "this step would have some ", "more than"],
    )]);
}

#[test]
fn what_does_not_fit_says_who_needs_what() {
    let dir = folder(&[]);
    let run = narrows(dir.path(), &["run", "desktop-rtx3070", "llama3-8b-infer"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let all = format!("{}{}", run.stdout, run.stderr);
    for words in [
        "out of memory on gpu0: ",
        " GiB needed, 8 GiB there, first exceeded at t=",
        "(weights 15.0 GiB, kv-cache 2.25 GiB, ",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
}

#[test]
fn memory_behind_a_code_is_not_there() {
    let dir = folder(&[]);
    let run = narrows(dir.path(), &["run", "handbuilt-8x-a40", "llama2-7b-train"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let all = format!("{}{}", run.stdout, run.stderr);
    for words in [
        " GiB needed, 45 GiB there",
        "memory 45 GiB of 48 GiB (a40 keeps an error-correcting code in the rest)",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
}
