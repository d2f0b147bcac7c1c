//! `narrows collective` as typed: groups, sizes, machines.

use crate::cli::{Run, folder, narrows};
use crate::close::assert_close;
use crate::collective_algorithms::nodes;

/// Bad input: exit code 2 and a message.
#[track_caller]
fn refused(run: &Run, args: &[&str], message: &str) {
    assert_eq!(run.code, 2, "{args:?}");
    assert!(run.stderr.contains(message), "{args:?}: {}", run.stderr);
}

/// The command line: groups at once, uneven sizes, results in place.
#[test]
fn groups_sizes_and_places_can_be_typed() {
    let dir = folder(&[
        ("sizes.csv", "0,1e6,2e6,0\n0,0,0,0\n3e6,0,0,0\n0,0,0,4e6\n"),
        ("bad.csv", "0,x\n1,0\n"),
    ]);
    let run = |args: &[&str]| {
        let start = [
            "collective",
            args[0],
            "dgx-a100-80gb",
            "--json",
            "-b",
            "1G",
            "-e",
            "1G",
        ];
        narrows(dir.path(), &[&start, &args[1..]].concat())
    };
    let one = run(&["all-reduce", "-g", "4"]).json();
    let split = run(&["all-reduce", "--split", "div:4"]).json();
    assert_eq!((&split["groups"], &split["ranks"]), (&2.into(), &4.into()));
    let time = |record: &serde_json::Value| record["rows"][0]["time_us"].as_f64().unwrap();
    assert_close(time(&split), time(&one), 1e-9);
    let uneven = run(&["all-to-all", "-g", "4", "--sizes", "sizes.csv"]).json();
    assert_eq!(uneven["rows"][0]["size_bytes"], 4_000_000);
    let (out, place) = (run(&["all-to-all"]), run(&["all-to-all", "--in-place"]));
    assert!(time(&place.json()) < time(&out.json()));
    for (args, message) in [
        (vec!["all-reduce", "--split", "div:3"], "do not split"),
        (vec!["all-reduce", "--split", "mod:0"], "do not split"),
        (vec!["all-reduce", "--split", "by:2"], "unknown split"),
        (
            vec!["all-reduce", "--sizes", "sizes.csv"],
            "is for all-to-all",
        ),
        (vec!["all-to-all", "--sizes", "sizes.csv"], "group of 8"),
        (
            vec!["all-to-all", "--sizes", "bad.csv"],
            "bad.csv:1: `x` is no size",
        ),
        (
            vec!["all-reduce", "--algorithm", "hierarchical"],
            "cannot run",
        ),
    ] {
        refused(&run(&args), &args, message);
    }
}

/// A file that has copies: `--nodes` takes the first of them, with its own fabric between them.
#[test]
fn machines_of_a_cluster_file_can_be_typed() {
    let fabric = |over: u32| {
        format!(
            "{}fabric: {{kind: fat-tree, nodes_per_leaf: 2, oversubscription: {over}}}\n",
            nodes("dgx-h100", 8)
        )
    };
    let (wide, narrow) = (fabric(1), fabric(8));
    let dir = folder(&[("wide.yaml", &wide), ("narrow.yaml", &narrow)]);
    let run = |args: &[&str]| {
        let start = ["collective", "all-reduce", "--json", "-b", "1G", "-e", "1G"];
        narrows(dir.path(), &[&start, args].concat())
    };
    let row = |args: &[&str], key: &str| run(args).json()["rows"][0][key].clone();
    let time = |args: &[&str]| row(args, "time_us").as_f64().unwrap();
    let four = ["-g", "8", "-n", "4"];
    let with = |name: &'static str| [&[name], &four[..]].concat();
    assert_eq!(run(&with("narrow.yaml")).json()["ranks"], 32);
    assert_eq!(row(&with("narrow.yaml"), "bound_by"), "leaf0→spine");
    // A leaf of 16 NICs has two links up: a quarter of what 8 NICs of a machine carry.
    let ratio = time(&with("narrow.yaml")) / time(&with("wide.yaml"));
    assert!((3.0..4.0).contains(&ratio), "{ratio}");
    // Two machines of one leaf do not meet the spine.
    let one_leaf = |name| time(&[name, "-n", "2"]);
    assert_close(one_leaf("narrow.yaml"), one_leaf("wide.yaml"), 1e-12);
    assert_close(
        time(&["dgx-h100", "-n", "1"]),
        time(&["wide.yaml", "-n", "1"]),
        1e-12,
    );
    for (args, message) in [
        (
            vec!["wide.yaml", "-n", "9"],
            "9 machines of `wide.yaml`, which has 8",
        ),
        (
            vec!["wide.yaml", "-n", "4", "-g", "9"],
            "9 GPUs of a machine of `t`, which has 8",
        ),
        (vec!["wide.yaml", "-n", "0"], "0 is not in 1..=65536"),
        (
            vec!["superpod-h10", "-n", "2"],
            "did you mean `superpod-h100`?",
        ),
        (
            vec!["llama2-7b", "-n", "2"],
            "is not a topology but a model",
        ),
        (
            vec!["desktop-m40", "-n", "2"],
            "does not say by which network",
        ),
    ] {
        refused(&run(&args), &args, message);
    }
}
