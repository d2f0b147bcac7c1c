//! Grids of equal things: who is whose neighbour in a torus or a mesh.

use std::sync::Arc;

use crate::spec::{Diagnostic, Source, Spanned};

/// Most dimensions that a grid may have.
const MAX_DIMENSIONS: usize = 6;

/// Extents of a grid; the last dimension runs fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    extents: Vec<usize>,
    /// Whether the two ends of a row are neighbours.
    closed: bool,
}

impl Grid {
    /// The grid of a written shape for `count` things.
    ///
    /// # Errors
    /// An extent of 0, too many dimensions, or another number of places than things.
    pub(super) fn new(
        source: &Arc<Source>,
        shape: &Spanned<Vec<u32>>,
        closed: bool,
        count: usize,
        things: &str,
    ) -> Result<Self, Diagnostic> {
        let wrong = |message: String| Diagnostic::new(message).at(source.place(shape));
        if !(1..=MAX_DIMENSIONS).contains(&shape.len()) || shape.contains(&0) {
            return Err(wrong(format!(
                "`shape` is not 1 to {MAX_DIMENSIONS} numbers above 0"
            )));
        }
        let extents: Vec<usize> = shape.iter().map(|extent| *extent as usize).collect();
        let places = extents
            .iter()
            .try_fold(1_usize, |all, extent| all.checked_mul(*extent));
        if places != Some(count) {
            let written: Vec<String> = extents.iter().map(ToString::to_string).collect();
            let message = format!(
                "a grid of {} does not hold {count} {things}",
                written.join(" × ")
            );
            return Err(wrong(message).help("the product of `shape` must be their number"));
        }
        Ok(Self { extents, closed })
    }

    /// Every pair of neighbours once. Two in a row are joined once, closed or not.
    pub(super) fn neighbours(&self) -> Vec<(usize, usize)> {
        let count: usize = self.extents.iter().product();
        let mut pairs = Vec::new();
        for at in 0..count {
            let mut stride = 1;
            for extent in self.extents.iter().rev() {
                let along = at / stride % extent;
                if along + 1 < *extent {
                    pairs.push((at, at + stride));
                } else if self.closed && *extent > 2 {
                    pairs.push((at, at - along * stride));
                }
                stride *= extent;
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(extents: &[usize], closed: bool) -> Grid {
        Grid {
            extents: extents.to_vec(),
            closed,
        }
    }

    /// A torus of d dimensions has d wires a place; a dimension of two has half of one, and of
    /// one has none.
    #[test]
    fn wires_are_counted() {
        for (extents, closed, wires) in [
            (&[16, 16][..], true, 512),
            (&[4, 4, 4], true, 192),
            (&[4, 4, 4], false, 144),
            (&[8], true, 8),
            (&[2, 4], true, 4 + 8),
            (&[1, 3], true, 3),
            (&[1], true, 0),
        ] {
            let pairs = grid(extents, closed).neighbours();
            assert_eq!(pairs.len(), wires, "{extents:?}");
            assert!(pairs.iter().all(|(a, b)| a != b));
        }
    }

    #[test]
    fn the_last_dimension_runs_fastest() {
        let pairs = grid(&[2, 3], true).neighbours();
        assert!(pairs.contains(&(0, 1)) && pairs.contains(&(2, 0)) && pairs.contains(&(1, 4)));
    }
}
