//! Places of nodes in a layered picture, ordered so that few edges cross.

/// Horizontal places (0 to 1) of nodes in tiers, by repeated barycentres.
///
/// `tiers` holds the tier of each node, `edges` pairs of node numbers. Nodes of a tier are
/// spread evenly; of the orders tried the one with the fewest crossings wins, the earliest on
/// a tie, so that the result depends on nothing but the arguments.
pub fn layout(tiers: &[u8], edges: &[(usize, usize)]) -> Vec<f64> {
    const SWEEPS: usize = 8;
    let mut levels: Vec<u8> = tiers.to_vec();
    levels.sort_unstable();
    levels.dedup();
    let mut neighbours = vec![Vec::new(); tiers.len()];
    for &(a, b) in edges {
        if a < tiers.len() && b < tiers.len() && tiers[a] != tiers[b] {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
    }
    let mut places = vec![0.0; tiers.len()];
    for level in &levels {
        spread(&mut places, &members(tiers, *level));
    }
    let mut best = (crossings(tiers, edges, &places), places.clone());
    for sweep in 0..SWEEPS {
        let down = levels.iter().skip(1).copied().collect::<Vec<u8>>();
        let up = levels.iter().rev().skip(1).copied().collect();
        for level in if sweep % 2 == 0 { down } else { up } {
            let mut row = members(tiers, level);
            row.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
            let wish: Vec<f64> = (0..tiers.len())
                .map(|node| barycentre(&neighbours[node], &places, places[node]))
                .collect();
            row.sort_by(|a, b| wish[*a].total_cmp(&wish[*b]));
            spread(&mut places, &row);
        }
        let count = crossings(tiers, edges, &places);
        if count < best.0 {
            best = (count, places.clone());
        }
    }
    best.1
}

fn members(tiers: &[u8], level: u8) -> Vec<usize> {
    (0..tiers.len()).filter(|n| tiers[*n] == level).collect()
}

/// Spreads the nodes of one tier evenly in the given order.
fn spread(places: &mut [f64], row: &[usize]) {
    for (index, node) in row.iter().enumerate() {
        places[*node] = (index as f64 + 0.5) / row.len() as f64;
    }
}

fn barycentre(neighbours: &[usize], places: &[f64], own: f64) -> f64 {
    if neighbours.is_empty() {
        return own;
    }
    let sum: f64 = neighbours.iter().map(|n| places[*n]).sum();
    sum / neighbours.len() as f64
}

/// Pairs of edges between the same two tiers that cross.
fn crossings(tiers: &[u8], edges: &[(usize, usize)], places: &[f64]) -> usize {
    let ordered: Vec<(u8, u8, f64, f64)> = edges
        .iter()
        .filter(|(a, b)| *a < tiers.len() && *b < tiers.len() && tiers[*a] != tiers[*b])
        .map(|&(a, b)| if tiers[a] < tiers[b] { (a, b) } else { (b, a) })
        .map(|(a, b)| (tiers[a], tiers[b], places[a], places[b]))
        .collect();
    let mut count = 0;
    for (index, e) in ordered.iter().enumerate() {
        count += ordered[index + 1..]
            .iter()
            .filter(|f| (e.0, e.1) == (f.0, f.1) && (e.2 - f.2) * (e.3 - f.3) < 0.0)
            .count();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrambled_tree_is_untangled() {
        let tiers = [0, 0, 1, 1, 1, 1];
        let edges = [(0, 3), (0, 5), (1, 2), (1, 4)];
        let places = layout(&tiers, &edges);
        assert_eq!(crossings(&tiers, &edges, &places), 0);
        assert_eq!(places, layout(&tiers, &edges));
    }

    #[test]
    fn nodes_without_edges_and_wrong_numbers_do_no_harm() {
        assert_eq!(layout(&[0, 0], &[(0, 7)]), [0.25, 0.75]);
        assert!(layout(&[], &[]).is_empty());
    }
}
