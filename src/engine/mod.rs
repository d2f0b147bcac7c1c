//! The discrete-event engine: resources, activities, weighted max-min rates.
//!
//! In: a [`Program`] of activities over resources, by way of a [`Driver`] that may add more as
//! others end. Out: a [`Trace`] that holds, for every activity, when it ran at which rate and
//! which resource bound it. Knows nothing of what the resources are.
//!
//! An activity is a fixed latency followed by work. While it works it progresses at a rate `r`
//! and uses `coefficient · r` of each resource in its demands. At every moment the rates are the
//! weighted max-min fair ones (Bertsekas & Gallager, *Data Networks*, §6.5.2): no activity can
//! gain without another losing whose rate per weight is no higher.

mod component;
mod filling;
mod fold;
mod ids;
mod memory;
mod nearby;
mod program;
mod queue;
mod reference;
mod resolve;
mod run;
mod solver;
mod trace;

pub use fold::{Folded, fold};
pub use ids::{ActivityId, PoolId, ResourceId, StreamId};
pub use memory::{MemoryTrace, Overflow, PoolTrace};
pub use program::{Activity, Allocation, Limit, Pool, Program, Resource};
pub use run::{Driver, EngineError, Options, Solver, Static, run};
pub use trace::{Binding, Interval, Trace};
