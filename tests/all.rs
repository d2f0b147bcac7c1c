//! One integration binary, one module per behaviour.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "all/close.rs"]
mod close;
#[path = "all/engine_laws.rs"]
mod engine_laws;
#[path = "all/engine_properties.rs"]
mod engine_properties;
#[path = "all/folding.rs"]
mod folding;
