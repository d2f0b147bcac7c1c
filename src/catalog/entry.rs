//! The types a catalogue file can hold.

use crate::spec::{
    CpuSpec, FlowsSpec, FrameworkSpec, GpuSpec, InferenceSpec, Kind, LibrarySpec, LinkSpec,
    ModelSpec, SwitchSpec, TopologySpec, TrainingSpec,
};
use std::sync::Arc;

/// A type that has its own kind of file.
pub trait Entry: serde::de::DeserializeOwned {
    /// The kind its files declare.
    const KIND: Kind;
}

/// Ties types to kinds.
macro_rules! entries {
    ($($type:ty => $kind:ident),* $(,)?) => {
        $(impl Entry for $type {
            const KIND: Kind = Kind::$kind;
        })*
    };
}

entries! {
    GpuSpec => Gpu,
    CpuSpec => Cpu,
    SwitchSpec => Switch,
    LinkSpec => Link,
    ModelSpec => Model,
    FrameworkSpec => Framework,
    LibrarySpec => Library,
    TopologySpec => Topology,
    TrainingSpec => Training,
    InferenceSpec => Inference,
    FlowsSpec => Flows,
}

/// Any device that a topology can name.
#[derive(Debug, Clone)]
pub enum AnyDevice {
    /// A GPU or another accelerator.
    Gpu(Arc<GpuSpec>),
    /// A CPU socket.
    Cpu(Arc<CpuSpec>),
    /// A switch.
    Switch(Arc<SwitchSpec>),
}
