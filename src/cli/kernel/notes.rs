//! What must be said beside a prediction: what of a device was not measured, and what stands in.

use crate::catalog::AnyDevice;
use crate::kernel::{Device, format_name};
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

/// What stands in for what products and what streams reach on a device, in a format that it has.
fn stand_ins(known: &AnyDevice, format: Precision) -> [Option<StandIn<'_>>; 2] {
    match known {
        AnyDevice::Gpu(gpu) => {
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

/// What is not measured of a device, and the format that runs as another, a line each.
pub(super) fn notes(
    known: &AnyDevice,
    device: &Device<'_>,
    precision: Precision,
    unseen: &AccuracySpec,
) -> Vec<String> {
    let name = device.name;
    let runs_as = device.runs_as(precision).unwrap_or(precision);
    let other = (runs_as != precision).then(|| {
        let [asked, found] = [precision, runs_as].map(format_name);
        format!("{name}: has no {asked}; it runs as {found}")
    });
    let measured = unmeasured(name, &stand_ins(known, runs_as), unseen);
    measured.into_iter().chain(other).collect()
}
