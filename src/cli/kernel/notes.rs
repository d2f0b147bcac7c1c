//! What must be said beside a prediction: what of a device was not measured, and what stands in.

use crate::catalog::AnyDevice;
use crate::report::kernel::KernelRecord;
use crate::spec::AccuracySpec;

/// What a device's family says in its place, if anything: of the share of a matrix peak and that of
/// the bandwidth, given the source of each.
fn from_family([products, streams]: [&String; 2]) -> Option<String> {
    let family = |source: &String| source.starts_with("family ");
    match (family(products), family(streams)) {
        (true, true) => Some(format!(
            "not measured itself; what kernels reach is taken from the {products}"
        )),
        (true, false) => Some(format!(
            "what products reach was not measured and is taken from the {products}"
        )),
        (false, true) => Some(format!(
            "what its memory reaches was not measured and is taken from the {streams}"
        )),
        (false, false) => None,
    }
}

/// What is not measured of a device, and formats that run as another.
pub(super) fn notes(
    known: &[AnyDevice],
    records: &[KernelRecord],
    unseen: &AccuracySpec,
) -> String {
    let mut lines = Vec::new();
    for device in known {
        let (name, sources) = match device {
            AnyDevice::Gpu(gpu) => {
                let memory = &gpu.memory.achievable.source;
                (&gpu.name, [&gpu.compute.achievable.source, memory])
            }
            AnyDevice::Cpu(cpu) => {
                let memory = &cpu.memory.achievable.source;
                (&cpu.name, [&cpu.achievable.source, memory])
            }
            AnyDevice::Switch(_) => continue,
        };
        if let Some(what) = from_family(sources) {
            lines.push(format!(
                "{name}: {what}; measured devices treated so are {} off (median)",
                crate::units::percent(unseen.median_error.value)
            ));
        }
        let other = records
            .iter()
            .find(|record| record.device == *name && record.runs_as != record.format);
        if let Some(record) = other {
            lines.push(format!(
                "{name}: has no {}; it runs as {}",
                record.format, record.runs_as
            ));
        }
    }
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n\n{}", lines.join("\n"))
    }
}
