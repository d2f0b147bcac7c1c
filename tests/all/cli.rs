//! Running the program in a folder of its own.

use assert_cmd::Command;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Far above what any case needs, even on a slow machine with a debug build.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The standard output as JSON.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// A temporary folder with some files in it; `/` in a name makes folders.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        write(dir.path(), name, text.as_bytes());
    }
    dir
}

/// Writes a file below a folder.
pub fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The program, to run in a folder.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::cargo_bin("narrows").unwrap();
    command.current_dir(dir).timeout(TIMEOUT);
    command
}

/// Runs the program in a folder. It must end by itself, in time, without a panic.
pub fn narrows(dir: &Path, args: &[&str]) -> Run {
    let begin = Instant::now();
    let output = command(dir).args(args).output().unwrap();
    let took = begin.elapsed();
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    assert!(!run.stderr.contains("panicked"), "{args:?}: {}", run.stderr);
    assert!((0..=2).contains(&run.code), "{args:?}: {run:?}");
    assert!(took < TIMEOUT, "{args:?} took {took:?}");
    run
}
