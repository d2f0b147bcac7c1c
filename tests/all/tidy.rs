//! House numbers, as a test instead of a review comment.

use std::path::{Path, PathBuf};
use std::process::Command;

const COLUMNS: usize = 100;
const FUNCTION_LINES: usize = 70;
const FILE_LINES: usize = 700;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Text files of the project; none where git is not there to say which.
fn tracked(extensions: &[&str]) -> Vec<PathBuf> {
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(root())
        .output();
    let Ok(listed) = listed else {
        return Vec::new();
    };
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let paths = names.lines().map(|name| root().join(name));
    paths
        .filter(|path| path.is_file())
        .filter(|path| {
            path.extension()
                .is_some_and(|e| extensions.iter().any(|x| e == *x))
        })
        .collect()
}

#[test]
fn lines_files_and_functions_stay_short() {
    let mut long = Vec::new();
    for path in tracked(&["rs"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.display();
        if text.lines().count() > FILE_LINES {
            long.push(format!("{name} has {} lines", text.lines().count()));
        }
        for (number, line) in text.lines().enumerate() {
            let width = line.chars().count();
            if width > COLUMNS {
                long.push(format!("{name}:{} has {width} columns", number + 1));
            }
        }
        for (start, length) in functions(&text) {
            if length > FUNCTION_LINES {
                long.push(format!("{name}:{start} has {length} lines"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// First line and length of each function: from `fn` to the brace at the same indent.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begins = |line: &str| {
        let code = line.trim_start();
        let code = code.strip_prefix("pub").map_or(code, |rest| {
            rest.trim_start_matches(|c: char| c != ' ').trim_start()
        });
        code.starts_with("fn ") || code.starts_with("const fn ")
    };
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| begins(line)) {
        let own = indent(line);
        let end = lines[start..]
            .iter()
            .position(|l| indent(l) == own && (l.trim() == "}" || l.trim_end().ends_with(";")));
        found.extend(end.map(|length| (start + 1, length + 1)));
    }
    found
}

#[test]
fn nothing_is_left_behind() {
    let marks = ["TODO", "FIXME", "XXX"];
    for path in tracked(&["rs"]) {
        if path.ends_with("tests/all/tidy.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for mark in marks
            .into_iter()
            .chain(["dbg!(", "todo!(", "unimplemented!("])
        {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}

#[test]
fn no_file_names_a_machine_of_its_makers() {
    let paths = ["/work/", "/root/", "/home/"];
    for path in tracked(&["rs", "md", "yaml", "toml", "csv", "json"]) {
        if path.ends_with("tests/all/tidy.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for start in paths {
            assert!(!text.contains(start), "{} names {start}", path.display());
        }
    }
}
