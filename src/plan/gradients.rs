//! Gradient reduction in buckets while backward runs.

use super::builder::{Builder, Group};
use crate::collective::Operation;
use crate::engine::ActivityId;
use crate::spec::Diagnostic;

/// Fills buckets as backward produces gradients, and reduces each as soon as it is full.
pub(super) struct Buckets {
    operation: Operation,
    /// Size of a full bucket \[B\].
    size: f64,
    /// Produced and not reduced yet \[B\].
    waiting: f64,
    /// The reductions, by group.
    pub(super) reductions: Vec<Vec<ActivityId>>,
}

impl Buckets {
    /// Empty buckets for some groups.
    pub(super) fn new(operation: Operation, size: f64, groups: usize) -> Self {
        Self {
            operation,
            size,
            waiting: 0.0,
            reductions: vec![Vec::new(); groups],
        }
    }

    /// Backward has produced gradients; full buckets go.
    pub(super) fn produced<'a>(
        &mut self,
        builder: &mut Builder<'a>,
        groups: &mut [Group<'a>],
        bytes: f64,
    ) -> Result<(), Diagnostic> {
        self.waiting += bytes;
        while self.waiting >= self.size {
            self.waiting -= self.size;
            self.reduce(builder, groups, self.size)?;
        }
        Ok(())
    }

    /// Backward is over; the rest goes.
    pub(super) fn finish<'a>(
        &mut self,
        builder: &mut Builder<'a>,
        groups: &mut [Group<'a>],
    ) -> Result<(), Diagnostic> {
        let rest = std::mem::take(&mut self.waiting);
        self.reduce(builder, groups, rest)
    }

    fn reduce<'a>(
        &mut self,
        builder: &mut Builder<'a>,
        groups: &mut [Group<'a>],
        bytes: f64,
    ) -> Result<(), Diagnostic> {
        for (group, reductions) in groups.iter_mut().zip(&mut self.reductions) {
            let after = builder.tails(&group.ranks);
            reductions.extend(builder.collective(group, self.operation, bytes, &after)?);
        }
        Ok(())
    }
}
