//! Narrows: how long a step takes on a machine of many GPUs, and what it waits for.
//!
//! The modules in the order of the data, each knowing only those above it:
//! `units`, `engine`, `spec`, `catalog`, `topology`, `model`, `fabric`, `kernel`, `collective`,
//! `plan`, `analysis`, `report`, `validate`, `cli`.

pub mod analysis;
pub mod catalog;
pub mod cli;
pub mod collective;
pub mod engine;
pub mod fabric;
pub mod kernel;
pub mod model;
pub mod plan;
pub mod report;
pub mod spec;
pub mod topology;
pub mod units;
pub mod validate;
