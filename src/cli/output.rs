//! Writing to the terminal; a closed pipe is no error.

use serde::Serialize;
use std::io::Write;

use crate::spec::Diagnostic;

/// Prints a result.
///
/// # Errors
/// Standard output cannot be written to, other than because its reader has gone.
pub fn result(text: &str) -> Result<(), Diagnostic> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_bytes())
        .and_then(|()| {
            if text.ends_with('\n') {
                Ok(())
            } else {
                out.write_all(b"\n")
            }
        })
        .and_then(|()| out.flush());
    match written {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Diagnostic::new(format!("cannot write the result: {e}")))
        }
        _ => Ok(()),
    }
}

/// A value as JSON text.
///
/// # Errors
/// The value holds a number that JSON cannot express.
pub fn json(value: &impl Serialize) -> Result<String, Diagnostic> {
    serde_json::to_string_pretty(value)
        .map_err(|e| Diagnostic::new(format!("cannot write the result as JSON: {e}")))
}

/// Prints a diagnostic to standard error.
pub fn diagnostic(diagnostic: &Diagnostic) {
    // If standard error is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", diagnostic.render());
}
