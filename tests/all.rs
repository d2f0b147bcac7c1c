//! One integration binary, one module per behaviour.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "all/bad_input/mod.rs"]
mod bad_input;
#[path = "all/catalogue_audit.rs"]
mod catalogue_audit;
#[path = "all/cli.rs"]
mod cli;
#[path = "all/close.rs"]
mod close;
#[path = "all/collective_algorithms.rs"]
mod collective_algorithms;
#[path = "all/collective_cli.rs"]
mod collective_cli;
#[path = "all/collective_laws.rs"]
mod collective_laws;
#[path = "all/collective_sanity.rs"]
mod collective_sanity;
#[path = "all/collectives.rs"]
mod collectives;
#[path = "all/conditions.rs"]
mod conditions;
#[path = "all/conservation.rs"]
mod conservation;
#[path = "all/engine_laws.rs"]
mod engine_laws;
#[path = "all/engine_properties.rs"]
mod engine_properties;
#[path = "all/fabrics.rs"]
mod fabrics;
#[path = "all/flows_cli.rs"]
mod flows_cli;
#[path = "all/folding.rs"]
mod folding;
#[path = "all/forwarding.rs"]
mod forwarding;
#[path = "all/fuzz.rs"]
mod fuzz;
#[path = "all/interface.rs"]
mod interface;
#[path = "all/kernels.rs"]
mod kernels;
#[path = "all/layers.rs"]
mod layers;
#[path = "all/machines.rs"]
mod machines;
#[path = "all/oracle.rs"]
mod oracle;
#[path = "all/paths.rs"]
mod paths;
#[path = "all/periods.rs"]
mod periods;
#[path = "all/routes.rs"]
mod routes;
#[path = "all/scale.rs"]
mod scale;
#[path = "all/sensitivities.rs"]
mod sensitivities;
#[path = "all/tidy.rs"]
mod tidy;
#[path = "all/topologies.rs"]
mod topologies;

/// A fixed number of cases, and no file of old failures.
fn cases(cases: u32) -> proptest::test_runner::Config {
    proptest::test_runner::Config {
        cases,
        failure_persistence: None,
        ..Default::default()
    }
}
