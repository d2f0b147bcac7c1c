//! What a user waits for: the main job with all charts, and one step of Llama 2 70B.

use narrows::analysis::{analyse, simulate};
use narrows::catalog::{Catalog, load};
use narrows::collective::{Communicator, Operation};
use narrows::fabric::Fabric;
use narrows::plan::{Plan, load_workload, plan};
use narrows::report::sweep::sweep;
use narrows::report::{Case, Comparison, charts};
use narrows::spec::{Kind, LibrarySpec};
use narrows::topology::expand;

fn main() {
    divan::main();
}

const MACHINES: [&str; 2] = ["handbuilt-8x-a100-80gb-pcie", "dgx-a100-80gb"];

fn fabric(catalog: &Catalog, name: &str) -> Fabric {
    let source = load(catalog, name, &[Kind::Topology], "topology").expect("shipped");
    Fabric::new(expand(catalog, &source).expect("shipped"))
}

fn planned(catalog: &Catalog, fabric: &Fabric, workload: &str) -> Plan {
    let loaded = load_workload(catalog, workload).expect("shipped");
    plan(catalog, fabric, &loaded).expect("fits")
}

/// From names to all charts in memory: must stay under one second.
#[divan::bench(sample_count = 10)]
fn compare_two_machines_with_all_charts() -> usize {
    let catalog = Catalog::shipped().expect("shipped");
    let fabrics = MACHINES.map(|name| fabric(&catalog, name));
    let library = catalog.get::<LibrarySpec>("nccl-2").expect("shipped");
    let sizes: Vec<u64> = (3..34).map(|power| 1 << power).collect();
    let sweeps: Vec<_> = fabrics
        .iter()
        .map(|fabric| {
            let group = fabric.topology.gpus();
            let communicator = Communicator::new(fabric, &library, group).expect("connected");
            sweep(&[communicator], Operation::AllReduce, &sizes).expect("usable")
        })
        .collect();
    let comparisons = ["llama2-7b-train", "llama2-70b-infer"].map(|workload| Comparison {
        workload: workload.into(),
        title: String::new(),
        cases: fabrics
            .iter()
            .map(|fabric| {
                let plan = planned(&catalog, fabric, workload);
                let outcome = analyse(fabric, &plan).expect("runs");
                Case {
                    fabric,
                    plan,
                    outcome,
                    ranks: Vec::new(),
                }
            })
            .collect(),
    });
    charts::comparison_charts(&comparisons, &sweeps)
        .expect("drawn")
        .len()
}

/// One prefill and one decode step of Llama 2 70B on 8 GPUs, planned: must stay under 50 ms.
#[divan::bench]
fn simulate_llama2_70b_on_8_gpus(bencher: divan::Bencher<'_, '_>) {
    let catalog = Catalog::shipped().expect("shipped");
    let fabric = fabric(&catalog, "dgx-a100-80gb");
    let plan = planned(&catalog, &fabric, "llama2-70b-infer");
    bencher.bench(|| {
        let runs = plan.phases.iter().map(|phase| simulate(phase, None, true));
        runs.map(|trace| trace.expect("runs").makespan).sum::<f64>()
    });
}
