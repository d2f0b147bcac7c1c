//! Neural networks as lists of operators with shapes.
//!
//! In: a [`ModelSpec`](crate::spec::ModelSpec) or a Hugging Face `config.json`. Out: operators of
//! forward, backward, decode and the optimiser, with the exchanges that tensor parallelism needs
//! between them. Knows nothing of devices or time.

mod attention;
mod ends;
#[cfg(test)]
mod examples;
mod huggingface;
mod layer;
mod memory;
mod named;
mod operator;
mod pass;
mod transformer;

pub use attention::Attention;
pub use ends::optimizer;
pub use huggingface::from_config;
pub use named::{ALL as NAMED_OPERATORS, Dims, Named};
pub use operator::{Operator, Shape, element_bytes};
pub use pass::{Exchange, ExchangeKind, Pass, Step};
pub use transformer::{InvalidModel, Transformer};
