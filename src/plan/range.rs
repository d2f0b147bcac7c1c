//! What a user writes, checked against what makes sense.

use std::sync::Arc;

use super::placement::Placement;
use crate::fabric::Fabric;
use crate::kernel::Device;
use crate::spec::{Diagnostic, Precision, Source, Spanned};

/// Whether every GPU computes in a format or in one that stands in for it.
pub(super) fn check_precision(
    fabric: &Fabric,
    placement: &Placement,
    source: &Arc<Source>,
    precision: &Spanned<Precision>,
) -> Result<(), Diagnostic> {
    let gpus = placement.ranks.iter();
    gpus.filter_map(|id| fabric.topology.device(*id).gpu())
        .try_for_each(|gpu| Device::of_gpu(gpu).runs_as(precision.value).map(|_| ()))
        .map_err(|e| Diagnostic::new(e.to_string()).at(source.place(precision)))
}

/// Most tokens of one pass on one rank: far above any job and low enough for whole numbers.
const MAX_TOKENS: u64 = 1 << 32;

/// Sequences times their length, checked to be within reason.
pub(super) fn check_tokens(
    source: &Arc<Source>,
    batch: &Spanned<u32>,
    length: u64,
) -> Result<(), Diagnostic> {
    let tokens = u64::from(batch.value) * length;
    if tokens <= MAX_TOKENS {
        return Ok(());
    }
    let message = format!("{} sequences of {length} are {tokens} tokens", batch.value);
    Err(Diagnostic::new(message)
        .at(source.place(batch))
        .help(format!("expected at most {MAX_TOKENS} tokens at once")))
}

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
