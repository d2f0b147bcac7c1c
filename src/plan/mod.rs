//! Who does what: from a workload on a machine to programs for the engine.
//!
//! In: a workload's spec, a [`Fabric`](crate::fabric::Fabric), the catalogue. Out: a [`Plan`]:
//! one program per phase with a [`Task`] behind every activity. Knows parallelism and schedules;
//! runs nothing.

mod account;
mod builder;
mod device_facts;
mod flows;
mod gradients;
mod inference;
mod loaded;
mod periods;
mod pipeline;
mod placement;
mod range;
mod sample;
mod schedule;
mod setting;
mod sharded;
mod stands_for;
mod task;
mod training;

pub use account::Account;
pub use loaded::{Loaded, load_workload, workload_kinds};
pub use periods::plan_periodic;
pub use placement::{Members, Placement};
pub use sample::{Wanted, machine};
pub use schedule::{Slot, order};
pub use task::{FlowTask, KernelTask, Lane, Phase, Plan, Task, Unit};

use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::spec::{Diagnostic, Place};
use std::sync::Arc;

/// Plans a workload on a machine.
///
/// # Errors
/// A name is unknown, a degree does not fit, devices are not connected, or a device cannot
/// compute in the precision asked for.
pub fn plan(catalog: &Catalog, fabric: &Fabric, loaded: &Loaded) -> Result<Plan, Diagnostic> {
    let (source, plan) = match loaded {
        Loaded::Training(source, spec) => {
            (source, training::plan(catalog, fabric, source, spec, None))
        }
        Loaded::Inference(source, spec) => (source, inference::plan(catalog, fabric, source, spec)),
        Loaded::Flows(source, spec) => (source, flows::plan(fabric, source, spec)),
    };
    // What has no place of its own is at least about this file.
    plan.map_err(|diagnostic| {
        diagnostic.at(Place {
            source: Arc::clone(source),
            span: 0..source.text.find('\n').unwrap_or(0),
        })
    })
}
