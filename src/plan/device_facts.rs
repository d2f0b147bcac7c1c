//! What a user should know of the devices that a workload runs on.

use std::collections::BTreeMap;

use super::placement::Placement;
use crate::fabric::Fabric;
use crate::kernel::{Device, format_name};
use crate::spec::{GpuSpec, Precision};
use crate::units::Bytes;

/// What a user should know of the ranks' devices: the formats in which they run what was asked, and
/// what of their memory is not there for programs. One fact for each kind of device.
pub(super) fn device_facts(
    fabric: &Fabric,
    placement: &Placement,
    precision: Precision,
) -> Vec<(String, String)> {
    let ranks = placement.ranks.iter();
    let gpus = ranks.filter_map(|id| fabric.topology.device(*id).gpu());
    let named = gpus.map(|gpu| (gpu.name.as_str(), gpu.as_ref()));
    let kinds: BTreeMap<&str, &GpuSpec> = named.collect();
    let of_one = |gpu: &GpuSpec| {
        let runs_as = stand_in(gpu, precision).map(|why| ("runs as".to_string(), why));
        let memory = memory_left(gpu).map(|why| ("memory".to_string(), why));
        [runs_as, memory]
    };
    kinds.into_values().flat_map(of_one).flatten().collect()
}

/// The format in which a device runs another, and why.
fn stand_in(gpu: &GpuSpec, precision: Precision) -> Option<String> {
    let other = Device::of_gpu(gpu).runs_as(precision).ok()?;
    let wanted = format_name(precision);
    let why = || format!("{} ({} has no {wanted})", format_name(other), gpu.name);
    (other != precision).then(why)
}

/// What an error-correcting code leaves of a device's memory.
fn memory_left(gpu: &GpuSpec) -> Option<String> {
    let memory = &gpu.memory;
    let left = || {
        let usable = Bytes(memory.usable());
        let (size, name) = (memory.size.value, &gpu.name);
        format!("{usable} of {size} ({name} keeps an error-correcting code in the rest)")
    };
    memory.has_inline_ecc().then(left)
}
