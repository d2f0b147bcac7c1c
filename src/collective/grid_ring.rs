//! A ring through all places of a grid, for groups too large to search.

/// A Hamiltonian ring of a group that is a grid in the order of its ranks, the last dimension
/// running fastest, or none. Of two dimensions one must be even.
///
/// It goes along the first row, back and forth through the rest of the others, and home along the
/// first column; a grid of three dimensions is one of two whose rows are themselves in a row.
pub(super) fn grid_ring(size: usize, linked: impl Fn(usize, usize) -> bool) -> Option<Vec<usize>> {
    let closes = |ring: &Vec<usize>| {
        let next = ring.iter().skip(1).chain(ring.first());
        ring.len() == size && ring.iter().zip(next).all(|(a, b)| linked(*a, *b))
    };
    let pairs = || divisors(size).map(move |width| (size / width, width));
    let flat = pairs().flat_map(|(rows, width)| {
        let along = there_and_back(rows, width, |row, column| row * width + column);
        let across = there_and_back(width, rows, |column, row| row * width + column);
        [along, across]
    });
    let deep = pairs().flat_map(|(rows, width)| {
        divisors(rows).filter_map(move |inner| {
            let order: Vec<usize> = (0..rows).map(|at| back_and_forth(at, inner)).collect();
            there_and_back(rows, width, |row, column| order[row] * width + column)
        })
    });
    flat.flatten().chain(deep).find(closes)
}

/// Divisors of a number from 2 to its half.
fn divisors(of: usize) -> impl Iterator<Item = usize> {
    (2..=of / 2).filter(move |by| of.is_multiple_of(*by))
}

/// The place that comes at `at` where every other row of `width` is walked backwards.
fn back_and_forth(at: usize, width: usize) -> usize {
    let (row, column) = (at / width, at % width);
    match row % 2 {
        0 => at,
        _ => row * width + width - 1 - column,
    }
}

/// The ring through an even number of rows.
fn there_and_back(
    rows: usize,
    width: usize,
    place: impl Fn(usize, usize) -> usize,
) -> Option<Vec<usize>> {
    if !rows.is_multiple_of(2) || width < 2 {
        return None;
    }
    let mut ring: Vec<usize> = (0..width).map(|column| place(0, column)).collect();
    for row in 1..rows {
        ring.extend((1..width).map(|step| match row % 2 {
            0 => place(row, step),
            _ => place(row, width - step),
        }));
    }
    ring.extend((1..rows).rev().map(|row| place(row, 0)));
    Some(ring)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two places of an open grid are neighbours.
    fn neighbours(extents: &[usize], a: usize, b: usize) -> bool {
        let mut apart = 0;
        let mut stride = 1;
        for extent in extents.iter().rev() {
            apart += (a / stride % extent).abs_diff(b / stride % extent);
            stride *= extent;
        }
        apart == 1
    }

    #[test]
    fn open_grids_with_an_even_side_have_a_ring() {
        for extents in [
            &[2, 4][..],
            &[3, 4],
            &[4, 3],
            &[16, 16],
            &[4, 4, 4],
            &[2, 3, 5],
            &[16, 20, 28],
        ] {
            let size = extents.iter().product();
            let ring = grid_ring(size, |a, b| neighbours(extents, a, b));
            let mut ring = ring.unwrap_or_else(|| panic!("{extents:?}"));
            ring.sort_unstable();
            assert_eq!(ring, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn lines_and_odd_grids_have_none() {
        for extents in [&[8][..], &[3, 3], &[3, 5]] {
            let size = extents.iter().product();
            assert_eq!(grid_ring(size, |a, b| neighbours(extents, a, b)), None);
        }
    }
}
