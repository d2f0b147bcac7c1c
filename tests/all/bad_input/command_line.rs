//! The command line.

use std::fmt::Write;

use crate::cli::{folder, narrows, write};

use super::{Case, messages};

/// A case of the command line alone.
fn arguments<'a>(what: &'a str, args: &[&'a str], words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files: Vec::new(),
        args: args.to_vec(),
        words: words.to_vec(),
    }
}

#[test]
fn commands_and_options() {
    let cases = [
        arguments("unknown command", &["rnu"], &["rnu", "subcommand"]),
        arguments(
            "unknown option",
            &["run", "--jsn", "a", "b"],
            &["--jsn", "--json"],
        ),
        arguments("no workload", &["run", "dgx-a100-80gb"], &["WORKLOAD"]),
        arguments("no workloads", &["compare", "dgx-h100"], &["--workload"]),
        arguments(
            "json and csv",
            &["--json", "--csv", "catalog"],
            &["--json", "--csv"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn names_of_files_and_entries() {
    let cases = [
        arguments(
            "unknown machine",
            &["run", "dgx-a100-80", "gpt-1.3b-train"],
            &["dgx-a100-80gb"],
        ),
        arguments(
            "unknown workload",
            &["run", "dgx-h100", "gpt-1.3b-tran"],
            &["`gpt-1.3b-tran`", "`gpt-1.3b-train`"],
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
        arguments("empty name", &["run", "", "gpt-1.3b-train"], &["topology"]),
        arguments(
            "a name of nothing",
            &["run", "zebra", "gpt-1.3b-train"],
            &["`zebra`", "a name such as "],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn collectives() {
    let cases = [
        arguments(
            "unknown collective",
            &["collective", "all-redcue", "dgx-h100"],
            &["`all-reduce`"],
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn long_lists_are_cut_to_a_few_names() {
    let run = narrows(folder(&[]).path(), &["run", "zebra", "gpt-1.3b-train"]);
    let (_, names) = run.stderr.split_once("a name such as ").unwrap();
    let names = names.lines().next().unwrap();
    assert_eq!(names.split(", ").count(), 5, "{}", run.stderr);
}

#[test]
fn no_command_shows_all_commands() {
    let run = narrows(folder(&[]).path(), &[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{}", run.stderr);
    for word in ["Usage", "compare", "run", "--help"] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
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
