//! Dependencies run one way.

use std::path::{Path, PathBuf};

/// What each module may use, from the ground up. A module not listed here is an error too.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("units", &[]),
    ("engine", &["units"]),
    ("spec", &["units"]),
    ("catalog", &["spec", "units"]),
    ("topology", &["catalog", "spec", "units"]),
    ("model", &["spec", "units"]),
    ("fabric", &["topology", "engine", "spec", "units"]),
    ("kernel", &["model", "catalog", "spec", "units"]),
    (
        "collective",
        &["fabric", "topology", "engine", "spec", "units"],
    ),
    (
        "plan",
        &[
            "collective",
            "kernel",
            "model",
            "fabric",
            "topology",
            "catalog",
            "engine",
            "spec",
            "units",
        ],
    ),
    (
        "analysis",
        &[
            "plan",
            "collective",
            "kernel",
            "fabric",
            "topology",
            "engine",
            "spec",
            "units",
        ],
    ),
    (
        "report",
        &[
            "analysis",
            "plan",
            "collective",
            "kernel",
            "model",
            "fabric",
            "topology",
            "catalog",
            "engine",
            "spec",
            "units",
        ],
    ),
    (
        "validate",
        &[
            "report",
            "analysis",
            "plan",
            "collective",
            "kernel",
            "model",
            "fabric",
            "topology",
            "catalog",
            "engine",
            "spec",
            "units",
        ],
    ),
    (
        "cli",
        &[
            "validate",
            "report",
            "analysis",
            "plan",
            "collective",
            "kernel",
            "model",
            "fabric",
            "topology",
            "catalog",
            "engine",
            "spec",
            "units",
        ],
    ),
];

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a text names after `crate::`.
fn used_modules(text: &str) -> Vec<String> {
    let names = text.split("crate::").skip(1).flat_map(|rest| {
        let braces = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let list = braces.map_or(rest, |(inner, _)| inner);
        let several = if braces.is_some() { usize::MAX } else { 1 };
        list.split(',').take(several).map(|name| {
            let word = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_');
            word.collect::<String>()
        })
    });
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_module_imports_upwards() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let mut wrong = Vec::new();
    for path in &files {
        let inner = path.strip_prefix(&root).unwrap();
        let module = inner.iter().next().unwrap().to_str().unwrap();
        if matches!(module, "lib.rs" | "main.rs") {
            continue;
        }
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{module} has no place in the order"));
            continue;
        };
        for used in used_modules(&std::fs::read_to_string(path).unwrap()) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", inner.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table itself runs one way: nothing may be used that is not listed above its user.
#[test]
fn the_order_has_no_cycle() {
    for (index, (module, allowed)) in ALLOWED.iter().enumerate() {
        for used in *allowed {
            let at = ALLOWED.iter().position(|(name, _)| name == used);
            assert!(at.is_none_or(|at| at < index), "{module} uses {used}");
        }
    }
}

/// The engine does not know what its resources are.
#[test]
fn the_engine_has_no_word_of_the_domain() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    let words = [
        "gpu",
        "nvlink",
        "pcie",
        "layer",
        "all-reduce",
        "tensor",
        "training",
    ];
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap().to_lowercase();
        let text = text.replace(|c: char| !c.is_alphanumeric() && c != '-', " ");
        for word in words {
            let found = text.split_whitespace().any(|w| w.trim_matches('-') == word);
            assert!(!found, "{} says `{word}`", path.display());
        }
    }
}

/// Charts know strings, numbers and how these are written: `report/draw` could be a crate.
#[test]
fn charts_know_only_strings_numbers_and_units() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/draw");
    let mut files = Vec::new();
    source_files(&root, &mut files);
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace("crate::report::draw", "");
        for used in used_modules(&text) {
            assert_eq!(used, "units", "{}", path.display());
        }
    }
}
