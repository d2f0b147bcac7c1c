//! Entries of a catalogue of one's own.

use crate::cli::{folder, narrows};

use super::{Case, MACHINE, TRAIN, messages, with};

/// A link in place.
const LINK: &str = "\
kind: link
name: wire
class: pcie
bandwidth: {value: 10 GB/s, source: none}
latency: {value: 1 us, source: none}
";

/// A GPU.
const CARD: &str = "\
kind: gpu
name: card
title: A card
vendor: NVIDIA
year: 2021
architecture: ampere
compute:
  units: {value: 108, source: none}
  clock: {value: 1410 MHz, source: none}
  peak:
    fp32: {value: 19.5 TFLOP/s, source: none}
    fp16: {value: 312 TFLOP/s, source: none}
  achievable: {value: 0.79, source: none}
memory:
  size: {value: 80 GiB, source: none}
  bandwidth: {value: 1935 GB/s, source: none}
  achievable: {value: 0.9, source: none}
launch: {value: 2 us, source: none}
p2p_over_pcie: {value: true, source: none}
";

/// A CPU.
const CHIP: &str = "\
kind: cpu
name: chip
title: A chip
vendor: AMD
year: 2019
architecture: zen2
cores: {value: 64, source: none}
clock: {value: 2250 MHz, source: none}
fp32: {value: 4.61 TFLOP/s, source: none}
memory:
  size: {value: 1 TiB, source: none}
  bandwidth: {value: 204.8 GB/s, source: none}
  achievable: {value: 0.8, source: none}
host_slowdown: {value: 1.0, source: none}
";

/// How the program is run with these entries.
const ARGS: &[&str] = &["--catalog", "c", "run", "m.yaml", "w.yaml"];

/// A machine of only these entries, and a workload.
fn files() -> Vec<(&'static str, String)> {
    let machine = with(MACHINE, "pcie4-x16", "wire");
    let machine = with(&machine, "a100-pcie-80gb", "card");
    vec![
        ("m.yaml", with(&machine, "epyc-7742", "chip")),
        ("w.yaml", TRAIN.into()),
        ("c/wire.yaml", LINK.into()),
        ("c/card.yaml", CARD.into()),
        ("c/chip.yaml", CHIP.into()),
    ]
}

#[test]
fn entries_without_a_fault_run() {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
    let run = narrows(folder(&files).path(), ARGS);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

/// A case in which one of the files has another text.
fn case<'a>(what: &'a str, name: &str, text: String, words: &[&'a str]) -> Case<'a> {
    let mut files = files();
    let file = files.iter_mut().find(|(other, _)| *other == name).unwrap();
    file.1 = text;
    Case {
        what,
        files,
        args: ARGS.to_vec(),
        words: words.to_vec(),
    }
}

/// A file's text with another value of a figure.
fn figure(text: &str, key: &str, value: &str) -> String {
    let mut at = text
        .find(&format!("\n  {key}:"))
        .or_else(|| text.find(&format!("\n{key}:")))
        .unwrap();
    at += text[at..].find("value: ").unwrap() + 7;
    let end = at + text[at..].find([',', '}', '\n']).unwrap();
    format!("{}{value}{}", &text[..at], &text[end..])
}

#[test]
fn links() {
    let link = |what, text, words: &[&'static str]| case(what, "c/wire.yaml", text, words);
    let with_figure = |key, value| figure(LINK, key, value);
    let cases = [
        link(
            "link that calls itself otherwise than its file",
            LINK.replace("name: wire", "name: cable"),
            &["c/wire.yaml:2", "`wire`", "`cable`", "cable.yaml"],
        ),
        link(
            "link without bandwidth",
            with_figure("bandwidth", "0 GB/s"),
            &["c/wire.yaml:4"],
        ),
        link(
            "latency as a rate",
            with_figure("latency", "1 GB/s"),
            &["c/wire.yaml:5", "a time"],
        ),
        link(
            "latency negative",
            with_figure("latency", "-1 us"),
            &["c/wire.yaml:5", "negative"],
        ),
        link(
            "no source",
            with(LINK, ", source: none", ""),
            &["c/wire.yaml:4", "`source`"],
        ),
        link(
            "unknown class",
            with(LINK, "pcie", "pci"),
            &["c/wire.yaml:3", "`pcie`"],
        ),
        link("empty", String::new(), &["c/wire.yaml"]),
        link(
            "unknown kind",
            with(LINK, "link", "lnk"),
            &["c/wire.yaml:1", "`link`"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn gpus() {
    let g = "c/card.yaml";
    let cases = [
        case(
            "family nobody knows",
            g,
            with(CARD, "architecture: ampere", "architecture: ampre"),
            &["c/card.yaml:6", "`ampre`", "`ampere`", "of `card`"],
        ),
        case(
            "error-correcting code nobody knows",
            g,
            with(
                CARD,
                "memory:",
                "memory:\n  ecc: {value: sideways, source: none}",
            ),
            &[g, "`sideways`", "inline"],
        ),
        case(
            "GPU without memory",
            g,
            figure(CARD, "size", "0 GiB"),
            &[g, "0 GiB"],
        ),
        case(
            "GPU memory bandwidth 0",
            g,
            figure(CARD, "bandwidth", "0 GB/s"),
            &[g, "0 GB/s"],
        ),
        case(
            "GPU clock 0",
            g,
            figure(CARD, "clock", "0 MHz"),
            &[g, "0 MHz"],
        ),
        case("GPU units 0", g, figure(CARD, "units", "0"), &[g, "0"]),
        case(
            "GPU share 1.6",
            g,
            figure(CARD, "achievable", "1.6"),
            &[g, "1.6", "share"],
        ),
        case(
            "GPU share 0",
            g,
            figure(CARD, "achievable", "0"),
            &[g, "share"],
        ),
        case(
            "GPU share NaN",
            g,
            figure(CARD, "achievable", ".nan"),
            &[g, "finite"],
        ),
        case(
            "GPU unknown key",
            g,
            with(CARD, "vendor:", "vender:"),
            &[g, "`vendor`"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn cpus() {
    let c = "c/chip.yaml";
    let cases = [
        case(
            "CPU memory bandwidth 0",
            c,
            figure(CHIP, "bandwidth", "0 GB/s"),
            &[c, "0 GB/s"],
        ),
        case(
            "CPU slowdown infinite",
            c,
            figure(CHIP, "host_slowdown", ".inf"),
            &[c],
        ),
        case(
            "CPU slowdown negative",
            c,
            figure(CHIP, "host_slowdown", "-1"),
            &[c, "-1"],
        ),
    ];
    snapshot!(messages(&cases));
}
