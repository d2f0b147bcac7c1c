//! The types a catalogue file can hold.

use crate::spec::{
    AccuracySpec, CampaignSpec, CpuSpec, DeviceClass, Diagnostic, FamilySpec, FlowsSpec,
    FrameworkSpec, GpuSpec, InferenceSpec, Kind, LibrarySpec, LinkSpec, ModelSpec, SwitchSpec,
    TopologySpec, TrainingSpec,
};
use std::sync::Arc;

use super::Catalog;

/// A type that has its own kind of file.
pub trait Entry: serde::de::DeserializeOwned + Send + Sync + 'static {
    /// The kind its files declare.
    const KIND: Kind;

    /// Fills in what the file leaves to others.
    ///
    /// # Errors
    /// Something is missing that no other file knows.
    fn complete(self, _catalog: &Catalog) -> Result<Self, Diagnostic> {
        Ok(self)
    }
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
    FamilySpec => Family,
    SwitchSpec => Switch,
    LinkSpec => Link,
    ModelSpec => Model,
    FrameworkSpec => Framework,
    LibrarySpec => Library,
    CampaignSpec => Campaign,
    AccuracySpec => Accuracy,
    TopologySpec => Topology,
    TrainingSpec => Training,
    InferenceSpec => Inference,
    FlowsSpec => Flows,
}

impl Entry for GpuSpec {
    const KIND: Kind = Kind::Gpu;

    fn complete(mut self, catalog: &Catalog) -> Result<Self, Diagnostic> {
        let compute = &self.compute;
        let missing = compute.achievable.is_missing()
            || compute.attention.is_missing()
            || self.memory.achievable.is_missing()
            || self.launch.is_missing()
            || (self.class != DeviceClass::Gpu && compute.array.is_none());
        if let Some(family) = family(catalog, [&self.name, &self.architecture], missing)? {
            family.complete_gpu(&mut self);
        }
        Ok(self)
    }
}

impl Entry for CpuSpec {
    const KIND: Kind = Kind::Cpu;

    fn complete(mut self, catalog: &Catalog) -> Result<Self, Diagnostic> {
        let missing = self.achievable.is_missing()
            || self.attention.is_missing()
            || self.memory.achievable.is_missing()
            || self.launch.is_missing();
        if let Some(family) = family(catalog, [&self.name, &self.architecture], missing)? {
            family.complete_cpu(&mut self);
        }
        Ok(self)
    }
}

/// The family of a device of some name and architecture. A user's device may give all that is
/// needed and be of none.
///
/// # Errors
/// There is none, and something is `missing` that it would have to say.
fn family(
    catalog: &Catalog,
    [name, architecture]: [&str; 2],
    missing: bool,
) -> Result<Option<Arc<FamilySpec>>, Diagnostic> {
    match catalog.family(name, architecture) {
        Ok(family) => Ok(Some(family)),
        Err(unknown) if missing => Err(unknown),
        Err(_) => Ok(None),
    }
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
