//! The tiles that a product may be cut into, and what a tile's shape makes of a unit's rate.

use super::Mechanism;
use super::device::Device;

/// Sides of candidate tiles \[rows, columns\]: those of the CUTLASS profiler's default set, and
/// flat ones for a decoder's few rows.
const TILES: [[u64; 2]; 14] = [
    [256, 128],
    [128, 256],
    [128, 128],
    [256, 64],
    [64, 256],
    [128, 64],
    [64, 128],
    [64, 64],
    [32, 128],
    [128, 32],
    [16, 128],
    [128, 16],
    [16, 64],
    [64, 16],
];

/// For each tile the next smaller rows that there are for its columns, and the next smaller columns
/// for its rows; 0 for none.
const SMALLER: [[u64; 2]; TILES.len()] = smaller();

const fn smaller() -> [[u64; 2]; TILES.len()] {
    let mut all = [[0; 2]; TILES.len()];
    let mut at = 0;
    while at < TILES.len() {
        let [rows, columns] = TILES[at];
        let mut other = 0;
        while other < TILES.len() {
            let [r, c] = TILES[other];
            if c == columns && r < rows && r > all[at][0] {
                all[at][0] = r;
            }
            if r == rows && c < columns && c > all[at][1] {
                all[at][1] = c;
            }
            other += 1;
        }
        at += 1;
    }
    all
}

/// Flat tiles of a CPU's vector units, for which one row is as good as many.
const VECTOR_TILES: [[u64; 2]; 4] = [[4, 64], [64, 4], [1, 64], [64, 1]];

/// The tile of which a device's `achievable` speaks: the largest, or a systolic array that is
/// larger still.
pub(super) fn largest(side: u64) -> [u64; 2] {
    let [rows, columns] = TILES[0];
    if side > columns {
        [rows.max(side), side]
    } else {
        TILES[0]
    }
}

/// Tiles no smaller than `side` either way, for a product of so many rows and columns: where a tile
/// of fewer rows holds all of them, one of more is filled with more of nothing.
pub(super) fn tiles([m, n]: [u64; 2], side: u64) -> impl Iterator<Item = [u64; 2]> {
    let vector: &[[u64; 2]] = if side == 1 { &VECTOR_TILES } else { &[] };
    let wide = Some(largest(side)).filter(|tile| *tile != TILES[0]);
    let needed = move |[rows, columns]: [u64; 2]| {
        (m > rows || rows < side) && (n > columns || columns < side)
    };
    let cut = TILES.into_iter().zip(SMALLER);
    let cut = cut.filter(move |(_, smaller)| needed(*smaller));
    let cut = cut.map(|(tile, _)| tile).chain(vector.iter().copied());
    let fits = move |tile: &[u64; 2]| tile[0].min(tile[1]) >= side;
    wide.into_iter().chain(cut.filter(fits))
}

/// Share of its rate that a tile shape reaches: a tile of a rows and b columns multiplies each
/// operand R = a·b/(a+b) times on average, and fetching takes as long as multiplying at the R that
/// the device gives, so that R/(R + that) is left.
pub(super) fn efficiency([a, b]: [u64; 2], device: &Device<'_>) -> f64 {
    let reuse = (a * b) as f64 / (a + b) as f64;
    reuse / (reuse + device.if_has(Mechanism::Reuse, device.balance_reuse, 0.0))
}

#[cfg(test)]
mod tests {
    use super::super::examples::a100;
    use super::*;

    #[test]
    fn few_rows_take_the_lowest_tile_of_each_width() {
        let of = |product, side| {
            let mut all: Vec<_> = tiles(product, side).collect();
            all.sort_unstable();
            all
        };
        let wide = [4096, 4096];
        assert_eq!(of(wide, 16).len(), TILES.len());
        let flat = [[16, 64], [16, 128], [64, 16], [64, 256], [128, 32]];
        assert_eq!(of([16, 4096], 16), flat);
        assert_eq!(of([17, 4096], 16)[2..4], [[32, 128], [64, 16]]);
        assert_eq!(of([1, 4096], 128), [[128, 128], [128, 256]]);
    }

    #[test]
    fn a_systolic_array_is_the_only_tile() {
        assert_eq!(tiles([1, 1], 256).collect::<Vec<_>>(), [[256, 256]]);
    }

    #[test]
    fn a_square_tile_multiplies_each_operand_more_often_than_a_flat_one() {
        let gpu = a100();
        let device = Device::of_gpu(&gpu);
        let needed = device.balance_reuse;
        assert_eq!(efficiency([128, 128], &device), 64.0 / (64.0 + needed));
        let flat = 16.0 * 64.0 / 80.0;
        assert_eq!(efficiency([16, 64], &device), flat / (flat + needed));
        let without = device.without(Mechanism::Reuse);
        assert_eq!(efficiency([16, 64], &without), 1.0);
    }
}
