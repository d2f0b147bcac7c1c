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

/// One of the tiles that comes near to the best for a product of so many rows and columns: few of
/// them do not fill it with nothing.
pub(super) fn likely([rows, columns]: [u64; 2], side: u64) -> [u64; 2] {
    let flat = |short: u64| short.min(64).max(side).next_power_of_two().max(16);
    match largest(side) {
        tile if tile != TILES[0] => tile,
        _ if rows <= 64 => [flat(rows), 128],
        _ if columns <= 64 => [128, flat(columns)],
        tile => tile,
    }
}

/// Tiles no smaller than `side` either way.
pub(super) fn tiles(side: u64) -> impl Iterator<Item = [u64; 2]> {
    let vector: &[[u64; 2]] = if side == 1 { &VECTOR_TILES } else { &[] };
    let wide = Some(largest(side)).filter(|tile| *tile != TILES[0]);
    let cut = TILES.into_iter().chain(vector.iter().copied());
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
    fn the_likely_tile_is_one_of_those_that_are_tried() {
        for side in [1, 16, 32, 128, 256] {
            for product in [[1, 4096], [17, 4096], [4096, 1], [64, 64], [4096, 4096]] {
                let tile = likely(product, side);
                assert!(tiles(side).any(|other| other == tile), "{side} {tile:?}");
            }
        }
    }

    #[test]
    fn a_systolic_array_is_the_only_tile() {
        assert_eq!(tiles(256).collect::<Vec<_>>(), [[256, 256]]);
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
