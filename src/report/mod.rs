//! Reports: what a person reads after a simulation.

pub mod draw;
