//! What the user wrote: YAML files as plain typed trees with places, and diagnostics.
//!
//! In: the text of a file. Out: one struct per kind of file, every name and quantity with the
//! place it stands at. Knows syntax and ranges, not meaning: whether a device exists is for the
//! catalogue to say, whether a graph is connected for the topology.

mod campaign;
mod condition;
mod device;
mod diagnostic;
mod family;
mod figure;
mod hostlist;
mod launches;
mod library;
mod model;
mod name_or;
mod ordered;
mod read;
mod topology;
mod workload;

pub use campaign::{AccuracySpec, CampaignSpec, Enclosed, Zeros, begins_with};
pub use condition::{ConditionSpec, Distribution, ShareOrRate};
pub use device::{
    Bus, Compute, CpuSpec, DeviceClass, Ecc, GpuSpec, LinkClass, LinkSpec, Memory, MemoryKind,
    Peaks, SwitchSpec,
};
pub use diagnostic::{Diagnostic, Place, nearest};
pub use family::FamilySpec;
pub use figure::{Figure, PeakShare, Share};
pub use hostlist::{Hostlist, HostlistError, is_name, no_name};
pub use launches::{LaunchRule, LaunchesSpec};
pub use library::{
    DirectLimits, DirectSpec, FrameworkSpec, GenerationSpec, InSwitchSpec, LibrarySpec, PathCost,
    ProtocolSpec, Release, ReleaseShare, TimingSpec, TreeChannelSpec,
};
pub use model::{Activation, ModelSpec, Norm, Position};
pub use name_or::NameOr;
pub use ordered::Ordered;
pub use read::{
    Kind, MAX_FILE_BYTES, Source, Spanned, parse, read_architecture, read_kind, read_name,
    too_large, wrong_type,
};
pub use topology::{
    DeviceUse, DragonflySpec, FabricKind, FabricSpec, LinkUse, NetworkSpec, NodesSpec, PartSpec,
    TopologySpec, Wiring,
};
pub use workload::{
    CsvFlows, FlowSpec, FlowsSpec, InferenceSpec, Parallel, Precision, Recompute, Routing,
    Schedule, TrainingSpec,
};
