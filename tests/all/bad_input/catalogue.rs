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
            "link whose collectives carry nothing both ways",
            format!("{LINK}collective_both_host: {{value: 0 GB/s, source: none}}\n"),
            &["c/wire.yaml:6", "0 GB/s"],
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
fn figures_of_gpus() {
    let g = "c/card.yaml";
    let cases = [
        case(
            "a figure with an empty source",
            g,
            with(
                CARD,
                "{value: 0.79, source: none}",
                "{value: 0.79, source: ''}",
            ),
            &[g, "source is empty"],
        ),
        case(
            "a share that is none",
            g,
            figure(CARD, "achievable", "1e-308"),
            &[g, "0.001"],
        ),
        case(
            "a board without power",
            g,
            with(
                CARD,
                "memory:",
                "power: {value: 0 W, source: none}\nmemory:",
            ),
            &[g, "more than 0"],
        ),
        case(
            "a factor beyond reason",
            g,
            with(
                CARD,
                "  achievable: {value: 0.79",
                "  boost: {value: 1e308, source: none}\n  achievable: {value: 0.79",
            ),
            &[g, "plausible"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn memories() {
    let g = "c/card.yaml";
    let with_line = |line: &str| with(CARD, "memory:", &format!("memory:\n  {line}"));
    let cases = [
        case(
            "GPU memory pages that take no time to open",
            g,
            with_line("page: {value: 0 ns, source: none}"),
            &[g, "0 ns"],
        ),
        case(
            "GPU memory bus without lines",
            g,
            with_line("bus: {value: {bits: 0, pin: 3 Gb/s}, source: none}"),
            &[g, "bits: 0"],
        ),
        case(
            "GPU memory bus without the rate of a line",
            g,
            with_line("bus: {value: {bits: 5120}, source: none}"),
            &[g, "`pin`"],
        ),
        case(
            "GPU memory of a kind nobody knows",
            g,
            with_line("kind: {value: sramm, source: none}"),
            &[g, "`sramm`", "sram"],
        ),
    ];
    snapshot!(messages(&cases));
}

#[test]
fn cpus() {
    let c = "c/chip.yaml";
    let with_line = |line: &str| format!("{CHIP}{line}\n");
    let cases = [
        case(
            "CPU memory bandwidth 0",
            c,
            figure(CHIP, "bandwidth", "0 GB/s"),
            &[c, "0 GB/s"],
        ),
        case(
            "CPU through whose memory nothing passes",
            c,
            with_line("staging: {value: 0 GB/s, source: none}"),
            &[c, "0 GB/s"],
        ),
        case(
            "CPU FP64 rate 0",
            c,
            with_line("fp64: {value: 0 TFLOP/s, source: none}"),
            &[c, "0 TFLOP/s"],
        ),
        case(
            "CPU BF16 rate 0",
            c,
            with_line("bf16: {value: 0 TFLOP/s, source: none}"),
            &[c, "0 TFLOP/s"],
        ),
        case(
            "CPU INT8 rate 0",
            c,
            with_line("int8: {value: 0 TOP/s, source: none}"),
            &[c, "0 TOP/s"],
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

/// What `--on` finds in a catalogue with such cards: their names, aliases and titles.
fn found(cards: &[(&str, &str, &str)], device: &str) -> String {
    let text = |name: &str, aliases: &str, title: &str| {
        let text = with(CARD, "name: card", &format!("name: {name}"));
        let text = with(&text, "title: A card", &format!("title: {title}"));
        with(&text, "vendor:", &format!("aliases: [{aliases}]\nvendor:"))
    };
    let files: Vec<(String, String)> = cards
        .iter()
        .map(|(name, aliases, title)| (format!("c/{name}.yaml"), text(name, aliases, title)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (&**n, &**t)).collect();
    let args = ["--json", "--catalog", "c", "kernel", "add", "--on", device];
    let run = narrows(folder(&files).path(), &args);
    match run.code {
        0 => run.json()[0]["device"].as_str().unwrap().to_string(),
        _ => run.stderr.lines().next().unwrap().to_string(),
    }
}

#[test]
fn what_devices_are_called_is_settled_by_whose_they_are() {
    // An entry's name comes before everything else.
    assert_eq!(
        found(&[("zzz", "rtx-4090", "A card")], "RTX-4090"),
        "rtx-4090"
    );
    // One's own alias comes before a shipped one, wherever it stands in the alphabet.
    for name in ["aaa", "zzz"] {
        assert_eq!(found(&[(name, "H100", "A card")], "H100"), name);
        assert_eq!(found(&[(name, "", "RTX 3080")], "NVIDIA RTX 3080"), name);
    }
    let both = [("aaa", "Wonder", "Card A"), ("bbb", "Wonder", "Card B")];
    assert_eq!(
        found(&both, "wonder"),
        "error: `wonder` may be any of 2 devices"
    );
    assert_eq!(found(&both, "card b"), "bbb");
    let brand = found(&[("aaa", "NVIDIA", "A card")], "NVIDIA");
    assert!(brand.contains("tells no device from another"), "{brand}");
}

#[test]
fn a_family_of_ones_own_comes_before_a_shipped_one() {
    let family = "kind: family\nname: NAME\ntitle: F\ncovers: [ampere]\n\
        achievable: {value: 0.1, source: none}\nattention: {value: 0.5, source: none}\n\
        memory: {value: 0.9, source: none}\nlaunch: {value: 2 us, source: none}\n";
    let card = with(CARD, "  achievable: {value: 0.79, source: none}\n", "");
    let rate = |name: &str| {
        let file = (format!("c/{name}.yaml"), with(family, "NAME", name));
        let files = [("c/card.yaml", &*card), (&*file.0, &*file.1)];
        let args = [
            "--json",
            "--catalog",
            "c",
            "kernel",
            "gemm",
            "-m",
            "8192",
            "--on",
            "card",
        ];
        let run = narrows(folder(&files).path(), &args);
        run.json()[0]["flops_per_s"].as_f64().unwrap()
    };
    for name in ["aaa", "zzz"] {
        assert!(rate(name) < 0.11 * 312e12, "{name}: {}", rate(name));
    }
}
