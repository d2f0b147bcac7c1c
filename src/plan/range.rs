//! Counts that a user writes, checked against what makes sense.

use std::sync::Arc;

use crate::spec::{Diagnostic, Source, Spanned};

/// A count from 1 to `most`.
pub(super) fn within(
    source: &Arc<Source>,
    written: &Spanned<u32>,
    key: &str,
    most: u32,
) -> Result<u64, Diagnostic> {
    if (1..=most).contains(&written.value) {
        return Ok(written.value.into());
    }
    let message = format!("`{key}: {}` makes no sense", written.value);
    Err(Diagnostic::new(message)
        .at(source.place(written))
        .help(format!("expected 1 to {most}")))
}
