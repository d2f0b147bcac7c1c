//! No text makes the reader, the expansion or the planner panic.

use narrows::catalog::Catalog;
use narrows::fabric::Fabric;
use narrows::plan::{Loaded, plan};
use narrows::spec::{Diagnostic, Kind, Source, parse, read_kind};
use narrows::topology::expand;
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::shipped().unwrap());
static MACHINE: LazyLock<Fabric> = LazyLock::new(|| fabric(&source(JOINED)).unwrap());

/// Valid files to begin with.
const FILES: [&str; 4] = [
    "kind: topology\nname: m\nuse: desktop-rtx3070\nparts:\n  b[0-1]: {use: dgx-h100}\n\
     devices:\n  c0: epyc-7742\n  g[0-1]: a100-pcie-80gb\n  h: {host: {title: x}}\nlinks:\n  \
     - {from: \"g[0-1]\", to: c0, use: pcie4-x16, count: 2}\n  \
     - {from: h, to: c0, bandwidth: 10 GB/s, latency: 1 us, class: network, wiring: every}\n",
    "kind: training\nname: t\nprecision: fp16\nsequence: 64\nmicro_batch: 1\naccumulate: 2\n\
     zero: 1\nbucket: 25 MB\nrecompute: full\nparallel: {tensor: 1, data: 2}\n\
     framework: pytorch-ddp-2\nmodel: {kind: model, name: x, source: y, layers: 2, hidden: 64, \
     heads: 4, kv_heads: 4, ffn: 256, vocabulary: 99, max_sequence: 64, activation: gelu, \
     norm: layernorm, position: learned, tied_embeddings: true}\n",
    "kind: inference\nname: i\nmodel: gpt3-125m\nprecision: fp16\nbatch: 1\nprompt: 12\n\
     output: 3\nparallel: {tensor: 2}\nframework: vllm-0\n",
    "kind: flows\nname: f\nflows:\n  - {from: g0, to: g1, bytes: 1 GB, start: 1 s, via: [c0]}\n  \
     - {from: \"g[0-1]\", to: \"b[0-1].gpu0\", bytes: 1 MB}\n",
];

/// A machine on which the workloads above run.
const JOINED: &str = "kind: topology\nname: j\ndevices:\n  c0: epyc-7742\n  \
     g[0-1]: a100-pcie-80gb\n  b[0-1].gpu0: a100-pcie-80gb\nlinks:\n  \
     - {from: \"g[0-1]\", to: c0, use: pcie4-x16}\n  \
     - {from: \"b[0-1].gpu0\", to: c0, use: pcie4-x16}\n";

/// What is put in: syntax, numbers at the edge, words that mean something elsewhere.
const PIECES: [&str; 40] = [
    "",
    " ",
    "\n",
    "\t",
    ":",
    ": ",
    "- ",
    ",",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!str ",
    "|",
    "---\n",
    "<<: ",
    "0",
    "-1",
    "1.5",
    ".nan",
    ".inf",
    "1e999",
    "99999999999",
    "0 B",
    "0 GB/s",
    "-1 us",
    "nan s",
    "true",
    "null",
    "~",
    "\u{0}",
    "\u{feff}",
    "é",
    "kind: gpu\n",
    "[0-9]",
];

fn source(text: &str) -> Arc<Source> {
    Source::new("fuzz.yaml", text)
}

fn fabric(source: &Arc<Source>) -> Result<Fabric, Diagnostic> {
    Ok(Fabric::new(expand(&CATALOG, source)?))
}

/// Reads a text as what it says it is, and goes on as far as it makes sense.
fn digest(text: &str) -> Result<(), Diagnostic> {
    let file = source(text);
    let loaded = match read_kind(&file)? {
        Kind::Topology => return fabric(&file).map(|_| ()),
        Kind::Training => Loaded::Training(Arc::clone(&file), Box::new(parse(&file)?)),
        Kind::Inference => Loaded::Inference(Arc::clone(&file), Box::new(parse(&file)?)),
        Kind::Flows => Loaded::Flows(Arc::clone(&file), Box::new(parse(&file)?)),
        _ => return Ok(()),
    };
    plan(&CATALOG, &MACHINE, &loaded).map(|_| ())
}

/// Whether the text is digested or refused with a message that can be shown.
fn survives(text: &str) -> bool {
    digest(text).map_or_else(|refusal| !refusal.render().is_empty(), |()| true)
}

/// `text` with the bytes from `at` on, `length` of them, replaced, at whole characters.
fn mutated(text: &str, at: usize, length: usize, piece: &str) -> String {
    let edge = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = edge(at % (text.len() + 1));
    format!("{}{piece}{}", &text[..start], &text[edge(start + length)..])
}

#[test]
fn the_files_to_begin_with_are_valid() {
    for text in FILES {
        assert!(
            digest(text).is_ok(),
            "{}",
            digest(text).unwrap_err().render()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(survives(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn changed_files(
        file in 0..FILES.len(),
        changes in prop::collection::vec((0usize..600, 0usize..12, 0..PIECES.len()), 1..4),
    ) {
        let change = |text: String, (at, length, piece): (usize, usize, usize)| {
            mutated(&text, at, length, PIECES[piece])
        };
        prop_assert!(survives(&changes.into_iter().fold(FILES[file].to_string(), change)));
    }
}
