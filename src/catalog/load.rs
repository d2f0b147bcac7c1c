//! File arguments: a path, or the name of a catalogue entry.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::files::{Catalog, noun};
use crate::spec::{Diagnostic, Kind, MAX_FILE_BYTES, Source, read_kind, too_large};

/// The text of what a user named on the command line: a file if it looks like a path or exists,
/// otherwise a catalogue entry of one of `kinds`.
///
/// # Errors
/// Nothing of that name, or a file that cannot be read or is of another kind.
pub fn load(
    catalog: &Catalog,
    argument: &str,
    kinds: &[Kind],
    what: &str,
) -> Result<Arc<Source>, Diagnostic> {
    let path = Path::new(argument);
    let source = if is_path(argument) || path.is_file() {
        read_file(path)?
    } else {
        match catalog.file(argument) {
            Some(listed) => Arc::clone(&listed.source),
            None => {
                let valid = kinds.iter().flat_map(|kind| catalog.names(*kind));
                return Err(Diagnostic::new(format!("there is no {what} `{argument}`"))
                    .suggest(argument, valid)
                    .help("give a name that `narrows catalog` lists, or the path of a YAML file"));
            }
        }
    };
    let kind = read_kind(&source)?;
    if kinds.contains(&kind) {
        Ok(source)
    } else {
        Err(
            Diagnostic::new(format!("`{argument}` is not a {what} but a {}", noun(kind))).help(
                match what {
                    "topology" => "expected a file of `kind: topology`",
                    _ => "expected a file of `kind: training`, `inference` or `flows`",
                },
            ),
        )
    }
}

/// Whether an argument is written as a path, not as a name.
pub fn is_path(argument: &str) -> bool {
    let extension = Path::new(argument).extension();
    argument.contains(['/', '\\']) || extension.is_some_and(|e| e == "yaml" || e == "yml")
}

/// Reads a text file of bounded size.
///
/// # Errors
/// It cannot be opened, is no regular file, is too large, or is not UTF-8.
pub fn read_file(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    let shown = path.display().to_string();
    let unreadable = |e: std::io::Error| Diagnostic::new(format!("cannot read `{shown}`: {e}"));
    // Before it is opened: opening a pipe waits for a writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Diagnostic::new(format!(
            "`{shown}` is a folder, not a file"
        )));
    }
    // But for what a shell hands over (`/dev/stdin`, `/dev/fd/63`).
    if !metadata.is_file() && !path.starts_with("/dev") {
        return Err(Diagnostic::new(format!("`{shown}` is no regular file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    if metadata.len() > MAX_FILE_BYTES as u64 {
        return Err(too_large(&shown, metadata.len()));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(too_large(&shown, bytes.len() as u64));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(shown, text)),
        Err(e) => {
            let valid = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..valid]
                .iter()
                .filter(|b| **b == b'\n')
                .count()
                + 1;
            Err(Diagnostic::new(format!(
                "`{shown}` is not UTF-8 text: byte {valid} in line {line} is invalid"
            )))
        }
    }
}
