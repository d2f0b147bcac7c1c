//! Rates of links: one direction each, and none faster than its signals.

use narrows::spec::{Figure, Kind, LinkClass, LinkSpec};
use narrows::units::BytesPerSecond;

use super::entries;

fn links() -> Vec<std::sync::Arc<LinkSpec>> {
    entries(Kind::Link, |catalog, name| catalog.get(name).unwrap())
}

fn rate(figure: &Option<Figure<BytesPerSecond>>) -> Option<f64> {
    figure.as_ref().map(|figure| figure.value.0)
}

#[test]
fn a_copy_is_no_faster_than_the_signals_and_a_collective_no_faster_than_a_copy() {
    for link in links() {
        let raw = rate(&link.raw).unwrap_or_else(|| panic!("{}: no raw rate", link.name));
        let copy = link.bandwidth.value.0;
        assert!(copy <= raw, "{}: {copy:e} of {raw:e}", link.name);
        let collective = rate(&link.collective).unwrap_or(copy);
        assert!(
            collective <= copy,
            "{}: {collective:e} of {copy:e}",
            link.name
        );
    }
}

#[test]
fn both_directions_are_more_than_one_and_at_most_two() {
    for link in links() {
        let copy = link.bandwidth.value.0;
        let collective = rate(&link.collective).unwrap_or(copy);
        for (both, one) in [
            (&link.both_directions, copy),
            (&link.both_directions_host, copy),
            (&link.collective_both_host, collective),
        ] {
            if let Some(both) = rate(both) {
                let within = (one..=2.0 * one).contains(&both);
                assert!(within, "{}: {both:e} beside {one:e}", link.name);
            }
        }
    }
}

/// Bits of one lane of PCIe and second, before coding: one direction.
fn lane(generation: &str) -> Option<f64> {
    Some(match generation {
        "pcie2" => 5e9,
        "pcie3" => 8e9,
        "pcie4" => 16e9,
        "pcie5" => 32e9,
        "pcie6" => 64e9,
        _ => return None,
    })
}

/// What the name of a link says of its rate \[B/s\]: lanes of PCIe, or Gb/s of a network.
fn named(link: &LinkSpec) -> Option<f64> {
    let mut words = link.name.split('-');
    match link.class {
        LinkClass::Pcie => {
            let lane = lane(words.next()?)?;
            let lanes: f64 = words.next()?.strip_prefix('x')?.parse().ok()?;
            Some(lanes * lane / 8.0)
        }
        LinkClass::Network => {
            let rate = words.find_map(|word| word.strip_suffix('g')?.parse::<f64>().ok());
            rate.map(|rate| rate * 1e9 / 8.0)
        }
        _ => None,
    }
}

#[test]
fn raw_rates_are_one_direction_of_what_names_say() {
    let links = links();
    let said: Vec<_> = links
        .iter()
        .filter_map(|link| Some((link, named(link)?)))
        .collect();
    assert!(said.len() > 20, "{}", said.len());
    for (link, named) in said {
        assert_eq!(rate(&link.raw), Some(named), "{}", link.name);
    }
}
