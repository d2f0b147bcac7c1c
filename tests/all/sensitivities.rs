//! Which resource would have to be wider: slopes worked out by hand.

use super::cli::{folder, narrows};

/// Two senders behind links of their own, two receivers behind one link in common.
const MACHINE: &str = "\
kind: topology
name: m
devices:
  a[0-1]: {host: {}}
  r[0-1]: {host: {}}
  b[0-1]: {host: {}}
links:
  - {from: \"a[0-1]\", to: r0, bandwidth: 4 GB/s}
  - {from: r0, to: r1, bandwidth: TRUNK GB/s}
  - {from: \"b[0-1]\", to: r1, bandwidth: 8 GB/s}
";

/// Resource, how many are alike, slope; of two flows side by side.
fn slopes(trunk: &str, second: &str) -> Vec<(String, u64, f64)> {
    let flows = format!(
        "kind: flows\nname: f\nflows:\n  - {{from: a0, to: b0, bytes: 2 GB}}\n  \
         - {{from: a1, to: b1, bytes: {second}}}\n"
    );
    let machine = MACHINE.replace("TRUNK", trunk);
    let dir = folder(&[("m.yaml", &machine), ("w.yaml", &flows)]);
    let json = narrows(dir.path(), &["run", "m.yaml", "w.yaml", "--json"]).json();
    let entries = json["sensitivity_by_resource"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            let name = entry["resource"].as_str().unwrap().to_string();
            let alike = entry["alike"].as_u64().unwrap();
            (name, alike, entry["slope"].as_f64().unwrap())
        })
        .collect()
}

#[track_caller]
fn check(found: &[(String, u64, f64)], expected: &[(&str, u64, f64)]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((name, alike, slope), (begins, count, value)) in found.iter().zip(expected) {
        assert!(name.starts_with(begins) && alike == count, "{found:?}");
        assert!((slope - value).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn links_that_are_equally_busy_count_together() {
    check(&slopes("20", "2 GB"), &[("a0→r0", 2, -1.0)]);
}

#[test]
fn one_link_in_common_counts_alone() {
    check(&slopes("5", "2 GB"), &[("r0→r1", 1, -1.0)]);
}

/// Until the smaller flow ends at 0.4 s the trunk binds both; then the larger one's own link
/// binds it for its last gigabyte, 0.25 s. A trunk of 1 % more saves 0.4 s − 0.4 s/1.01, and the
/// larger flow has the same rest to send.
#[test]
fn two_links_that_bind_in_turn_share_the_step() {
    let found = slopes("5", "1 GB");
    let slope = |before: f64, after: f64| (after / before).ln() / 1.01f64.ln();
    let trunk = slope(0.65, 0.4 / 1.01 + 0.25);
    let link = slope(0.65, 0.4 + 0.25 / 1.01);
    check(&found, &[("r0→r1", 1, trunk), ("a0→r0", 1, link)]);
}
