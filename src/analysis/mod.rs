//! Why a step takes as long as it does, and what would change it.
//!
//! In: a [`Plan`](crate::plan::Plan) and the engine's traces of it. Out: an [`Outcome`]: the
//! critical path, time by binding resource and kind, sensitivities, the upgrade that moves the
//! bottleneck, memory. Prints nothing.

mod check;
mod critical_path;
mod memory;
mod outcome;
mod roofline;
mod sensitivity;
mod simulate;
mod timeline;
mod upgrade;
mod utilisation;

pub use check::{CheckError, check};
pub use critical_path::{Segment, critical_path};
pub use memory::{DeviceMemory, device_memory};
pub use outcome::{Bottleneck, Outcome, PhaseOutcome, TimeBy, analyse};
pub use roofline::{RooflinePoint, roofline_points};
pub use sensitivity::{ResourceSensitivity, resource_sensitivities, sensitivities};
pub use simulate::{AnalysisError, Scale, Scaled, simulate, step_time};
pub use timeline::{Stretch, TimelineLane, timeline};
pub use upgrade::{Upgrade, find_upgrade};
pub use utilisation::link_utilisation;
