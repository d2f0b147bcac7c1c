//! Topology files.

use crate::cli::{folder, narrows};

use super::{Case, FLOWS, MACHINE, TRAIN, machine, messages, with};

#[test]
fn keys_and_names() {
    let m = |from, to| with(MACHINE, from, to);
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
            "unknown class",
            plain("bandwidth: 1 GB/s, class: pci"),
            &["m.yaml:7", "`pcie`"],
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
fn what_stands_twice() {
    let m = |from, to| with(MACHINE, from, to);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn wires() {
    let m = |from, to| with(MACHINE, from, to);
    let link = "{from: \"gpu[0-1]\", to: cpu0, use: pcie4-x16}";
    let plain = |rest: &str| with(MACHINE, "use: pcie4-x16", rest);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn bandwidths() {
    let plain = |rest: &str| with(MACHINE, "use: pcie4-x16", rest);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

#[test]
fn parts_of_a_file() {
    let m = |from, to| with(MACHINE, from, to);
    let link = "{from: \"gpu[0-1]\", to: cpu0, use: pcie4-x16}";
    let cases = [
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
        machine("tab", m("  cpu0", "\tcpu0"), &["m.yaml:4"]),
        machine("open quote", m("name: m", "name: \"m"), &["m.yaml"]),
        machine("open brace", m("pcie4-x16}", "pcie4-x16"), &["m.yaml"]),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn ranges() {
    let m = |from, to| with(MACHINE, from, to);
    let cases = [
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
    ];
    snapshot!(messages(&cases));
}

/// A case of a condition of the machine.
fn under<'a>(what: &'a str, line: &str, words: &[&'a str]) -> Case<'a> {
    machine(what, format!("{MACHINE}conditions:\n  - {line}\n"), words)
}

/// Where that condition stands.
const FIRST: &str = "m.yaml:9";

#[test]
fn kinds_of_condition() {
    let argument = Case {
        what: "on the command line",
        files: vec![("w.yaml", TRAIN.into())],
        args: vec![
            "run",
            "dgx-h100",
            "w.yaml",
            "--condition",
            "slow: gpu[0,9], compute: 0.5",
        ],
        words: vec!["--condition:1", "`gpu9`", "`gpu0`"],
    };
    let cases = [
        under(
            "no kind",
            "{compute: 0.5}",
            &[FIRST, "slow", "failed", "jitter"],
        ),
        under(
            "two kinds",
            "{slow: gpu0, failed: gpu1}",
            &[FIRST, "one of"],
        ),
        under("unknown kind", "{slw: gpu0}", &[FIRST, "`slow`"]),
        under(
            "unknown device",
            "{slow: gpu7, compute: 0.5}",
            &[FIRST, "`gpu7`", "gpu0"],
        ),
        under(
            "a bad range",
            "{slow: \"gpu[1-0]\", compute: 0.5}",
            &[FIRST, "1-0"],
        ),
        under(
            "a failed share",
            "{failed: gpu0, compute: 0.5}",
            &[FIRST, "`slow`"],
        ),
        under(
            "nothing left to run on",
            "{failed: \"gpu[0-1]\"}",
            &["m.yaml:2", "no GPU"],
        ),
        under(
            "cut in two",
            "{failed: gpu0, to: cpu0}",
            &["no path", "gpu0", "gpu1"],
        ),
        argument,
    ];
    snapshot!(messages(&cases));
}

#[test]
fn amounts_of_conditions() {
    let cases = [
        under(
            "no amount",
            "{slow: gpu0}",
            &[FIRST, "compute", "bandwidth"],
        ),
        under(
            "more than all",
            "{slow: gpu0, compute: 1.5}",
            &[FIRST, "at most 1"],
        ),
        under(
            "nothing left",
            "{slow: gpu0, memory: 0}",
            &[FIRST, "above 0"],
        ),
        under(
            "not a number",
            "{slow: gpu0, compute: half}",
            &[FIRST, "half"],
        ),
        under(
            "a link that computes",
            "{slow: gpu0, to: cpu0, compute: 0.5}",
            &[FIRST, "link"],
        ),
        under(
            "a slow link of no amount",
            "{slow: gpu0, to: cpu0}",
            &[FIRST, "bandwidth"],
        ),
        under(
            "no such link",
            "{slow: gpu0, to: gpu1, bandwidth: 0.5}",
            &[FIRST, "cpu0"],
        ),
        under(
            "more than the link",
            "{slow: gpu0, bandwidth: 900 GB/s}",
            &[FIRST, "900 GB/s"],
        ),
        under(
            "a bad rate",
            "{slow: gpu0, bandwidth: 9 GX/s}",
            &[FIRST, "GX/s"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn jitter() {
    let cases = [
        under("no amount of jitter", "{jitter: gpu0}", &[FIRST, "compute"]),
        under(
            "a wide normal",
            "{jitter: gpu0, compute: 0.5}",
            &[FIRST, "0.1"],
        ),
        under(
            "jitter of a rate",
            "{jitter: gpu0, bandwidth: 2 GB/s}",
            &[FIRST, "deviation"],
        ),
        under(
            "an unknown distribution",
            "{jitter: gpu0, compute: 0.05, distribution: lognormel}",
            &[FIRST, "`lognormal`"],
        ),
        under(
            "a seed of nothing",
            "{slow: gpu0, compute: 0.5, seed: 1}",
            &[FIRST, "jitter"],
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

/// A machine that is a variant of another.
fn variant(name: &str, base: &str) -> String {
    format!("kind: topology\nname: {name}\nuse: {base}\n")
}

/// A machine of a thousand others.
fn parts(name: &str, base: &str) -> String {
    format!("kind: topology\nname: {name}\nparts:\n  p[0-999]: {{use: {base}}}\n")
}

/// A case of files of which the first is shown.
fn shown<'a>(what: &'a str, files: Vec<(&'a str, String)>, words: &[&'a str]) -> Case<'a> {
    Case {
        what,
        files,
        args: vec!["topo", "show", "a.yaml"],
        words: words.to_vec(),
    }
}

#[test]
fn files_that_lead_to_themselves() {
    let cases = [
        shown(
            "itself",
            vec![("a.yaml", variant("a", "a.yaml"))],
            &["a.yaml:3", "itself", "→"],
        ),
        shown(
            "itself by another way",
            vec![
                ("a.yaml", variant("a", "./x/.././a.yaml")),
                ("x/y", "".into()),
            ],
            &["a.yaml:3", "itself"],
        ),
        shown(
            "two files",
            vec![
                ("a.yaml", variant("a", "b.yaml")),
                ("b.yaml", variant("b", "./a.yaml")),
            ],
            &["b.yaml:3", "itself", "a.yaml → b.yaml"],
        ),
        shown(
            "parts",
            vec![("a.yaml", parts("a", "a.yaml"))],
            &["a.yaml:4", "itself"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn nested_too_deep() {
    let deep = (0..200)
        .map(|i| {
            (
                format!("t{i}.yaml"),
                variant("t", &format!("t{}.yaml", i + 1)),
            )
        })
        .collect::<Vec<_>>();
    let mut deep: Vec<(&str, String)> = deep.iter().map(|(n, t)| (n.as_str(), t.clone())).collect();
    deep.push(("a.yaml", variant("a", "t0.yaml")));
    let empty = "kind: topology\nname: e\n".to_string();
    let cases = [
        shown("many levels", deep, &["nested"]),
        shown(
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
fn bases() {
    let cases = [
        shown(
            "unknown base",
            vec![("a.yaml", variant("a", "dgx-a100-80g"))],
            &["a.yaml:3", "`dgx-a100-80gb`"],
        ),
        shown(
            "missing base",
            vec![("a.yaml", variant("a", "b.yaml"))],
            &["a.yaml:3", "b.yaml"],
        ),
        shown(
            "a workload for a base",
            vec![("a.yaml", variant("a", "gpt-1.3b-train"))],
            &["a.yaml:3", "not a topology"],
        ),
        shown(
            "a fault in the base",
            vec![
                ("a.yaml", variant("a", "b.yaml")),
                ("b.yaml", with(MACHINE, "pcie4", "pci4")),
            ],
            &["b.yaml:7", "pcie"],
        ),
    ];
    snapshot!(messages(&cases));
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

/// Copies that the command line asks for: the messages speak of the machine's own file, for there
/// is no other.
#[test]
fn copies_on_the_command_line() {
    let case = |what, text: String, words: &[&'static str]| Case {
        what,
        files: vec![("m.yaml", text)],
        args: vec!["collective", "all-reduce", "m.yaml", "--nodes", "2"],
        words: words.to_vec(),
    };
    let network = "network: {kind: rail-optimised, link: ib-ndr}\ndevices";
    let cases = [
        case(
            "no network",
            MACHINE.into(),
            &["m.yaml:2", "`network:", "NICs"],
        ),
        case(
            "no NICs",
            with(MACHINE, "devices", network),
            &["m.yaml:2", "node0.gpu0", "node1.gpu0"],
        ),
        Case {
            args: vec!["collective", "all-reduce", "mac-m1", "--nodes", "2"],
            ..case("shipped", MACHINE.into(), &["catalogue:/mac-m1.yaml"])
        },
    ];
    snapshot!(messages(&cases));
}
