//! The machine as resources: what the engine shares out.
//!
//! In: a [`Topology`](crate::topology::Topology). Out: one engine resource for each thing that
//! can run full (compute units, VRAM, each direction of each wire, host memory, host threads),
//! and the demands that traffic between two devices puts on them. Knows paths, not algorithms.

mod demands;
mod kind;
mod path;
mod resources;

pub use demands::Demands;
pub use kind::ResourceKind;
pub use path::{PeerRule, TransferPath, Transport, host_transfer, transfer};
pub use resources::{CpuResources, Fabric, GpuResources, Sampled, WireResources};
