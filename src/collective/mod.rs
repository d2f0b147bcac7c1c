//! Collectives: from an operation on a group of devices to demands and latency, or to single sends.
//!
//! In: a [`Fabric`](crate::fabric::Fabric), a group and a library's figures. Out: a
//! [`CollectivePlan`] (the whole collective as *one* activity) or the same collective as
//! chunk-by-chunk activities in a program (the teaching view, and the check of the first form).
//! Knows nothing of training or inference.

mod algorithm;
mod bandwidth;
mod belief;
mod channels;
mod collnet;
mod communicator;
mod explain;
mod grid_ring;
mod halving;
mod hierarchical;
mod moves;
mod operation;
mod pairwise;
mod pattern;
mod plan;
mod ring;
mod sample;
mod steps;
mod timing;
mod together;
mod torus;
mod tree;

pub use algorithm::{Algorithm, Choice, Forced, LaunchMode};
pub use channels::Channel;
pub use communicator::Communicator;
pub use explain::{Way, ways};
pub use moves::{Move, moves};
pub use operation::Operation;
pub use pairwise::Parts;
pub use plan::CollectivePlan;
pub use steps::expand_steps;
pub use together::together;
