//! One integration binary, one module per behaviour.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "all/bad_input.rs"]
mod bad_input;
#[path = "all/cli.rs"]
mod cli;
#[path = "all/close.rs"]
mod close;
#[path = "all/engine_laws.rs"]
mod engine_laws;
#[path = "all/engine_properties.rs"]
mod engine_properties;
#[path = "all/flows_cli.rs"]
mod flows_cli;
#[path = "all/fuzz.rs"]
mod fuzz;
#[path = "all/interface.rs"]
mod interface;
