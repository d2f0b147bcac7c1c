//! Lists of flows from the command line, against finish times worked out by hand.

use super::cli::{folder, narrows};

/// Hosts on a router, and a second, slower way from `h0` to `h2`.
const MACHINE: &str = "\
kind: topology
name: m
devices:
  h[0-2]: {host: {}}
  r[0-1]: {host: {}}
links:
  - {from: \"h[0-2]\", to: r0, bandwidth: 10 GB/s, latency: 1 us}
  - {from: \"h[0,2]\", to: r1, bandwidth: 5 GB/s, latency: 3 us}
";

/// Start, size and finish of every flow of a workload, in order.
fn finishes(files: &[(&str, &str)]) -> Vec<f64> {
    let dir = folder(files);
    let json = narrows(dir.path(), &["run", "m.yaml", "w.yaml", "--json"]).json();
    let flows = json["flows"].as_array().unwrap();
    let last = flows.iter().map(|flow| flow["finish_s"].as_f64().unwrap());
    let last = last.fold(0.0, f64::max);
    assert!((json["step_time_s"].as_f64().unwrap() - last).abs() <= 1e-12 * last);
    flows
        .iter()
        .map(|flow| flow["finish_s"].as_f64().unwrap())
        .collect()
}

#[track_caller]
fn check(workload: &str, csv: &str, expected: &[f64]) {
    let files = [
        ("m.yaml", MACHINE),
        ("w.yaml", workload),
        ("data/f.csv", csv),
    ];
    let found = finishes(&files);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-9 * expected,
            "{found} {expected}"
        );
    }
}

#[test]
fn one_flow_takes_its_latency_and_its_bytes() {
    let flows = "kind: flows\nname: f\nflows:\n  - {from: h0, to: h1, bytes: 2 GB}\n";
    check(flows, "", &[0.2 + 2e-6]);
}

#[test]
fn a_late_flow_halves_the_rate_of_the_first() {
    // Alone for 0.1 s at 10 GB/s, then both at 5 GB/s for 1 GB each: 0.2 s more.
    let flows = "kind: flows\nname: f\nflows:\n  \
                 - {from: h0, to: h1, bytes: 2 GB}\n  \
                 - {from: h2, to: h1, bytes: 1 GB, start: 100 ms}\n";
    check(flows, "", &[0.3 + 2e-6, 0.3 + 2e-6]);
}

#[test]
fn a_flow_too_short_for_its_clock_is_no_contradiction() {
    let flows = "kind: flows\nname: f\nflows:\n  \
                 - {from: h0, to: h1, bytes: 1 B, start: 1e10 s}\n  \
                 - {from: h2, to: h1, bytes: 1 B, start: 1e9 s}\n";
    check(flows, "", &[1e10, 1e9]);
    let close = "kind: flows\nname: f\nflows:\n  \
                 - {from: h0, to: h1, bytes: 0.01 B, start: 1e10 s}\n  \
                 - {from: h1, to: h0, bytes: 0.01 B, start: 9999999999 s}\n";
    check(close, "", &[1e10, 9_999_999_999.0]);
}

#[test]
fn a_short_flow_leaves_its_share_to_the_other() {
    // Both at 5 GB/s for 0.1 s, then 1.5 GB alone at 10 GB/s.
    let flows = "kind: flows\nname: f\nflows:\n  \
                 - {from: \"h[0,2]\", to: \"h[1,1]\", bytes: 500 MB}\n  \
                 - {from: h1, to: h0, bytes: 1 GB}\n";
    // The third runs the other way and is disturbed by nobody.
    check(flows, "", &[0.1 + 2e-6, 0.1 + 2e-6, 0.1 + 2e-6]);
}

#[test]
fn traffic_spreads_over_shortest_paths_unless_pinned() {
    let flows = |via: &str| {
        format!("kind: flows\nname: f\nflows:\n  - {{from: h0, to: h2, bytes: 3 GB{via}}}\n")
    };
    // Half over each router, so that the one of 5 GB/s is the later; the slower latency.
    check(&flows(""), "", &[0.3 + 6e-6]);
    check(&flows(", via: [r0]"), "", &[0.3 + 2e-6]);
    check(&flows(", via: [r1]"), "", &[0.6 + 6e-6]);
}

#[test]
fn flows_from_a_file_beside_the_workload() {
    let named = "kind: flows\nname: f\ncsv: {file: data/f.csv}\n";
    let csv = "src,dst,bytes,start_s\nh0,h1,2000000000,0\nh2,h1,1e9,0.1\n";
    check(named, csv, &[0.3 + 2e-6, 0.3 + 2e-6]);
    let numbered = "kind: flows\nname: f\ncsv:\n  file: data/f.csv\n  \
                    src: sender\n  dst: receiver\n  \
                    bytes: size\n  start: t\n  via: over\n  \
                    prefix: h\n  via_prefix: r\n";
    let csv = "t,sender,receiver,size,over\n0,0,2,3e9,1\n1,0,2,3e9,0\n2,0,1,1e9,-1\n3,0,1,1e9,\n";
    check(
        numbered,
        csv,
        &[0.6 + 6e-6, 1.3 + 2e-6, 2.1 + 2e-6, 3.1 + 2e-6],
    );
}
