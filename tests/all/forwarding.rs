//! Chips that pass on what is for others.

use crate::close::assert_close;
use crate::collective_algorithms::{ALPHA_S, BANDWIDTH, both_forms, plain_library};
use crate::machines::{from_yaml, shipped};
use narrows::catalog::Catalog;
use narrows::collective::{Communicator, Operation};
use narrows::fabric::Fabric;
use narrows::spec::LibrarySpec;
use narrows::topology::DeviceId;

/// Chips on a grid of links of `BANDWIDTH` and nothing else.
fn chips(shape: &[usize], wiring: &str, forwards: bool) -> Fabric {
    let n: usize = shape.iter().product();
    from_yaml(&format!(
        "kind: topology\nname: chips\ndevices:\n  gpu[0-{0}]: a100-sxm-80gb\nlinks:\n  \
         - {{from: 'gpu[0-{0}]', to: 'gpu[0-{0}]', class: gpu-link, bandwidth: 50 GB/s, \
         wiring: {wiring}, shape: {shape:?}, forwards: {forwards}}}\n",
        n - 1
    ))
}

/// Chips that forward: an all-to-all on a closed torus of d dimensions of k goes d k/4 links far
/// on average, over 2 d links out of every chip: S k / 8 B. On an open one the wires across the
/// middle take half of all, twice: S k / 4 B for an even k.
#[test]
fn chips_pass_on_what_is_for_others() {
    let library = plain_library();
    for (shape, wiring, time) in [
        (&[4, 4][..], "torus", 4.0 / 8.0),
        (&[4, 4, 4], "torus", 4.0 / 8.0),
        (&[8], "torus", 8.0 / 8.0),
        (&[2, 4], "mesh", 4.0 / 4.0),
    ] {
        let fabric = chips(shape, wiring, true);
        let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
        let (one, sends) = both_forms(&all, Operation::AllToAll, 1e9).unwrap();
        assert_close(one, time * 1e9 / BANDWIDTH + ALPHA_S, 1e-6);
        assert_close(sends, one, 0.02);
    }
}

/// Chips that are no neighbours: the ring down the diagonal of a torus has two ways of two links
/// for every hop, and goes around both ways; without forwarding there is none.
#[test]
fn chips_that_are_no_neighbours_run_through_others() {
    let library = plain_library();
    let diagonal = |fabric: &Fabric| -> Vec<DeviceId> {
        let gpus = fabric.topology.gpus();
        [0, 5, 10, 15].map(|at| gpus[at]).to_vec()
    };
    let fabric = chips(&[4, 4], "torus", true);
    let all = Communicator::new(&fabric, &library, diagonal(&fabric)).unwrap();
    let (one, sends) = both_forms(&all, Operation::AllReduce, 1e9).unwrap();
    let time = 2.0 * 0.75 * 1e9 / (4.0 * BANDWIDTH) + 6.0 * ALPHA_S;
    assert_close(one, time, 1e-6);
    assert_close(sends, time, 1e-6);
    let fabric = chips(&[4, 4], "torus", false);
    let error = Communicator::new(&fabric, &library, diagonal(&fabric)).unwrap_err();
    assert!(
        error.render().contains("no path leads from"),
        "{}",
        error.render()
    );
}

/// Every group of chips of every pod runs, whether they are neighbours or not.
#[test]
fn every_group_of_a_pod_runs() {
    let catalog = Catalog::shipped().unwrap();
    let xla = catalog.get::<LibrarySpec>("xla-tpu").unwrap();
    for name in [
        "tpu-v2-8",
        "tpu-v3-8",
        "tpu-v4-cube",
        "tpu-v5e-8",
        "tpu-v5e-256",
    ] {
        let fabric = shipped(&catalog, name);
        let gpus = fabric.topology.gpus();
        for ranks in 2..=gpus.len().min(24) {
            for step in [1, gpus.len() / ranks] {
                let group = gpus.iter().step_by(step).take(ranks).copied().collect();
                let all = Communicator::new(&fabric, &xla, group).unwrap();
                for operation in Operation::ALL {
                    let plan = all.plan(operation, 1e6);
                    assert!(
                        plan.is_ok(),
                        "{operation} over {ranks} of {name}, every {step}"
                    );
                    let uses_hosts = plan
                        .unwrap()
                        .demands
                        .as_slice()
                        .iter()
                        .any(|(id, _)| fabric.resource(*id).name.contains("cpu"));
                    assert!(
                        !uses_hosts,
                        "{operation} over {ranks} of {name}, every {step}"
                    );
                }
            }
        }
    }
}
