//! What must be said beside a prediction: what of a device was not measured, and what stands in.

use crate::catalog::AnyDevice;
use crate::kernel::Device;
use crate::report::kernel::KernelRecord;
use crate::spec::{AccuracySpec, Figure, Precision};

/// What stands for a figure that was not measured on the device itself.
#[derive(Debug, PartialEq, Eq)]
enum StandIn<'a> {
    /// The figure of its family.
    Family(&'a str),
    /// An estimate in its own file.
    Estimate,
}

impl<'a> StandIn<'a> {
    /// `None` where the figure was measured.
    fn of<T>(figure: &'a Figure<T>) -> Option<Self> {
        match figure.family() {
            Some(family) => Some(Self::Family(family)),
            None if figure.is_measured() => None,
            None => Some(Self::Estimate),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Family(name) => format!("is taken from the family {name}"),
            Self::Estimate => "is an estimate".into(),
        }
    }
}

/// What stands in for what products and what streams reach on a device, in a format.
fn stand_ins(known: &AnyDevice, precision: Precision) -> [Option<StandIn<'_>>; 2] {
    match known {
        AnyDevice::Gpu(gpu) => {
            let format = Device::of_gpu(gpu).runs_as(precision).unwrap_or(precision);
            let of_format = gpu.compute.achievable_by_format.get(&format);
            let products = of_format.unwrap_or(&gpu.compute.achievable);
            [StandIn::of(products), StandIn::of(&gpu.memory.achievable)]
        }
        AnyDevice::Cpu(cpu) => [
            StandIn::of(&cpu.achievable),
            StandIn::of(&cpu.memory.achievable),
        ],
        AnyDevice::Switch(_) => [None, None],
    }
}

/// What was not measured of a device called `name`, in one line; `None` where all was.
fn unmeasured(
    name: &str,
    stand_ins: &[Option<StandIn<'_>>; 2],
    unseen: &AccuracySpec,
) -> Option<String> {
    let what = match stand_ins {
        [None, None] => return None,
        [Some(products), Some(streams)] if products == streams => {
            format!(
                "not measured itself; what kernels reach {}",
                products.words()
            )
        }
        [products, streams] => {
            let products = products.as_ref().map(|s| ("what products reach", s));
            let streams = streams.as_ref().map(|s| ("what its memory reaches", s));
            let parts = products.into_iter().chain(streams);
            let parts = parts.map(|(what, s)| format!("{what} was not measured and {}", s.words()));
            parts.collect::<Vec<_>>().join("; ")
        }
    };
    let mut all = stand_ins.iter().flatten();
    let more = if all.any(|stand_in| matches!(stand_in, StandIn::Family(_))) {
        let error = crate::units::percent(unseen.median_error.value);
        format!("measured devices treated so are {error} off (median)")
    } else {
        format!("`narrows catalog {name}` says how it was reasoned")
    };
    Some(format!("{name}: {what}; {more}"))
}

/// What is not measured of devices, and formats that run as another, a line each; every record of a
/// device gets its lines.
pub(super) fn notes(
    known: &[AnyDevice],
    precision: Precision,
    records: &mut [KernelRecord],
    unseen: &AccuracySpec,
) -> Vec<String> {
    let mut all = Vec::new();
    for device in known {
        let name = match device {
            AnyDevice::Gpu(gpu) => &gpu.name,
            AnyDevice::Cpu(cpu) => &cpu.name,
            AnyDevice::Switch(_) => continue,
        };
        let mut lines: Vec<String> = unmeasured(name, &stand_ins(device, precision), unseen)
            .into_iter()
            .collect();
        // A device's variants are called after it.
        let own = |record: &&mut KernelRecord| record.device.split(' ').next() == Some(name);
        let mut of_device: Vec<&mut KernelRecord> = records.iter_mut().filter(own).collect();
        let other = of_device
            .iter()
            .find(|record| record.runs_as != record.format);
        lines.extend(other.map(|record| {
            format!(
                "{name}: has no {}; it runs as {}",
                record.format, record.runs_as
            )
        }));
        for record in &mut of_device {
            record.notes.clone_from(&lines);
        }
        all.extend(lines);
    }
    all
}
