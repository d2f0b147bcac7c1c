//! Neural networks as lists of operators with shapes.
//!
//! In: a [`ModelSpec`](crate::spec::ModelSpec) or a Hugging Face `config.json`. Out: operators of
//! forward, backward, decode and the optimiser, with the exchanges that tensor parallelism needs
//! between them. Knows nothing of devices or time.

mod operator;

pub use operator::{Operator, Shape};
