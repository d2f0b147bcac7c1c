//! Errors summed up: quantiles, means, ranks.

use serde::Serialize;
use statrs::statistics::{Data, OrderStatistics};

/// The errors of many rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows.
    pub n: usize,
    /// Rows with a prediction.
    pub ran: usize,
    /// Rows without one.
    pub not_run: usize,
    /// Median of |predicted/measured − 1|.
    pub median_abs_error: Option<f64>,
    /// Its 90th percentile.
    pub p90_abs_error: Option<f64>,
    /// Mean of predicted/measured − 1.
    pub mean_error: Option<f64>,
    /// Kendall's τ-b between measured and predicted, over all rows.
    pub kendall_tau: Option<f64>,
    /// Median over the groups of their median |error|.
    pub group_median_abs_error: Option<f64>,
}

/// Median of some numbers, `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Quantile of some numbers (interpolated: Hyndman and Fan's type 8), `None` of none.
pub fn quantile(values: &[f64], at: f64) -> Option<f64> {
    (!values.is_empty()).then(|| Data::new(values.to_vec()).quantile(at))
}

/// Mean of some numbers, `None` of none.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Kendall's τ-b of pairs: (concordant − discordant) / √((P − ties in x)(P − ties in y)) over all
/// P = n(n−1)/2 pairs of pairs. `None` where all x or all y are equal.
pub fn kendall_tau(pairs: &[(f64, f64)]) -> Option<f64> {
    let counts = Ranks::of(pairs);
    counts.tau()
}

/// Kendall's τ-b where only pairs of the same set are compared, all sets together.
pub fn kendall_tau_within(sets: &[Vec<(f64, f64)>]) -> Option<f64> {
    let mut all = Ranks::default();
    for set in sets {
        let one = Ranks::of(set);
        all.score += one.score;
        all.untied_x += one.untied_x;
        all.untied_y += one.untied_y;
    }
    all.tau()
}

/// Pairs of pairs by how they are ordered.
#[derive(Debug, Clone, Copy, Default)]
struct Ranks {
    /// Concordant less discordant.
    score: f64,
    /// Pairs that differ in x.
    untied_x: f64,
    /// Pairs that differ in y.
    untied_y: f64,
}

impl Ranks {
    /// Counts by sorting (Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped
    /// Data", 1966): discordant pairs are the exchanges that sorting by y needs after sorting by x.
    fn of(pairs: &[(f64, f64)]) -> Self {
        let mut sorted = pairs.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let all = pairs_of(sorted.len());
        let tied_x = tied(&sorted, |a, b| a.0 == b.0);
        let tied_both = tied(&sorted, |a, b| a == b);
        let mut y: Vec<f64> = sorted.iter().map(|pair| pair.1).collect();
        let discordant = exchanges(&mut y) as f64;
        let tied_y = tied(&y, |a, b| a == b);
        Self {
            score: all - tied_x - tied_y + tied_both - 2.0 * discordant,
            untied_x: all - tied_x,
            untied_y: all - tied_y,
        }
    }

    fn tau(self) -> Option<f64> {
        let scale = (self.untied_x * self.untied_y).sqrt();
        (scale > 0.0).then(|| self.score / scale)
    }
}

/// Pairs among so many.
fn pairs_of(n: usize) -> f64 {
    n as f64 * (n as f64 - 1.0) / 2.0
}

/// Pairs of equals in a sorted list.
fn tied<T>(sorted: &[T], equal: impl Fn(&T, &T) -> bool) -> f64 {
    let runs = sorted.chunk_by(equal);
    runs.map(|run| pairs_of(run.len())).sum()
}

/// Sorts, and counts the pairs that were the wrong way round.
fn exchanges(values: &mut Vec<f64>) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let mut right = values.split_off(values.len() / 2);
    let mut count = exchanges(values) + exchanges(&mut right);
    let mut merged = Vec::with_capacity(values.len() + right.len());
    let (mut l, mut r) = (0, 0);
    while l < values.len() && r < right.len() {
        if right[r] < values[l] {
            merged.push(right[r]);
            r += 1;
            count += (values.len() - l) as u64;
        } else {
            merged.push(values[l]);
            l += 1;
        }
    }
    merged.extend_from_slice(&values[l..]);
    merged.extend_from_slice(&right[r..]);
    *values = merged;
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_few_numbers() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0]), Some(1.5));
        assert_eq!(median(&[]), None);
        assert_eq!(quantile(&[7.0], 0.9), Some(7.0));
        assert_eq!(mean(&[1.0, 2.0]), Some(1.5));
    }

    #[test]
    fn tau_counts_pairs() {
        let up = [(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)];
        assert_eq!(kendall_tau(&up), Some(1.0));
        let down = [(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)];
        assert_eq!(kendall_tau(&down), Some(-1.0));
        let mixed = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)];
        assert_eq!(kendall_tau(&mixed), Some(1.0 / 3.0));
        assert_eq!(kendall_tau(&[(1.0, 1.0), (1.0, 2.0)]), None);
        // One tie in y of three pairs: 2 / √(3 · 2).
        let tied = [(1.0, 1.0), (2.0, 1.0), (3.0, 2.0)];
        assert_eq!(kendall_tau(&tied), Some(2.0 / 6f64.sqrt()));
    }

    #[test]
    fn sets_are_ranked_apart() {
        let sets = [
            vec![(1.0, 100.0), (2.0, 200.0)],
            vec![(10.0, 1.0), (20.0, 2.0)],
        ];
        assert_eq!(kendall_tau_within(&sets), Some(1.0));
        assert!(kendall_tau(&sets.concat()).expect("ranked") < 0.0);
    }

    proptest! {
        #[test]
        fn ranks_count_every_pair(pairs in vec((0u8..6, 0u8..6), 0..40)) {
            let pairs: Vec<(f64, f64)> =
                pairs.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect();
            let (mut score, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
            for (index, a) in pairs.iter().enumerate() {
                for b in &pairs[..index] {
                    let sign = |a: f64, b: f64| if a == b { 0.0 } else { (a - b).signum() };
                    let (x, y) = (sign(a.0, b.0), sign(a.1, b.1));
                    score += x * y;
                    untied_x += x.abs();
                    untied_y += y.abs();
                }
            }
            let ranks = Ranks::of(&pairs);
            prop_assert_eq!(ranks.score, score);
            prop_assert_eq!((ranks.untied_x, ranks.untied_y), (untied_x, untied_y));
        }
    }
}
