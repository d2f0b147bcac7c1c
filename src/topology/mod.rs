//! The machine as a graph: devices, wires, routes.
//!
//! In: a [`TopologySpec`](crate::spec::TopologySpec) and the catalogue. Out: a [`Topology`] with
//! every device and link resolved, and routes over it. Knows nothing of time or of who sends
//! what.

mod check;
mod cluster;
mod condition;
mod copies;
mod direct;
mod ecmp;
mod expand;
mod graph;
mod grid;
mod import;
mod path_kind;
mod render;
mod route;
mod smi;

pub use check::check;
pub use cluster::cluster;
pub use condition::{Condition, Effect};
pub use copies::{Copies, Touched, copies};
pub use ecmp::mixed;
pub use expand::{Changes, Sample, expand, expand_with};
pub use graph::{Device, DeviceId, DeviceKind, LinkId, Topology, Wire};
pub use import::{Assume, import};
pub use path_kind::{PathKind, path_kind, path_matrix};
pub use render::{describe, resolved_yaml};
pub use route::{Hop, Route, Through, find_route, find_route_via, nearest_cpu};
pub use smi::nvidia_smi;
