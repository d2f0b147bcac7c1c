//! Flows in CSV files.

use super::{Case, MACHINE, messages};

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
