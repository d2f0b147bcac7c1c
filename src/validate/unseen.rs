//! Kernels on devices as if nobody had measured them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kernels::Kernels;
use super::score::median;
use super::{Row, Subject};
use crate::catalog::Catalog;
use crate::kernel::feed;
use crate::report::draw::Measure;
use crate::spec::{Diagnostic, Figure, GpuSpec, Precision, Share};
use crate::units::Seconds;

/// Kernels on devices whose own constants are withheld: what a datasheet and the other devices of
/// the family give. That is the error to expect of a device that nobody has measured.
#[derive(Debug)]
pub struct UnseenKernels(Kernels);

impl UnseenKernels {
    /// All devices, each with what is known of the others.
    ///
    /// # Errors
    /// A file of the catalogue cannot be read.
    pub fn new(catalog: &Catalog) -> Result<Self, Diagnostic> {
        let mut kernels = Kernels::new(catalog)?;
        let all: BTreeMap<&str, &GpuSpec> = kernels
            .devices
            .values()
            .map(|gpu| (gpu.name.as_str(), gpu.as_ref()))
            .collect();
        let all: Vec<&GpuSpec> = all.into_values().collect();
        let without = |gpu: &Arc<GpuSpec>| Arc::new(withheld(gpu, &all));
        let devices = kernels
            .devices
            .iter()
            .map(|(name, gpu)| (name.clone(), without(gpu)))
            .collect();
        kernels.devices = devices;
        Ok(Self(kernels))
    }
}

impl Subject for UnseenKernels {
    fn key(&self) -> &'static str {
        "unseen-kernels"
    }

    fn needed(&self) -> &'static [&'static str] {
        self.0.needed()
    }

    fn quantity(&self, class: &str) -> (&'static str, Measure, f64) {
        self.0.quantity(class)
    }

    fn measured(&self, row: &Row<'_>) -> Result<f64, String> {
        self.0.measured(row)
    }

    fn predict(&self, row: &Row<'_>) -> Result<f64, String> {
        if row.text("op").starts_with("tp_allreduce") {
            return Err("unsupported: an all-reduce is no matter of one device".into());
        }
        let split = row.split();
        if !["", "calibration", "validation"].contains(&split) {
            return Err(format!("left out: {split}"));
        }
        self.0.predict(row)
    }

    fn group(&self, row: &Row<'_>) -> String {
        let device = self.0.device(row);
        device.map_or_else(|_| row.text("gpu").to_string(), |gpu| gpu.name.clone())
    }

    fn class(&self, row: &Row<'_>) -> &'static str {
        self.0.class(row)
    }
}

/// A device with the medians of its relatives' constants in place of its own: of the others of its
/// architecture that were measured, or of all others that were.
fn withheld(gpu: &GpuSpec, all: &[&GpuSpec]) -> GpuSpec {
    let mut changed = gpu.clone();
    let from_others = |constant: fn(&GpuSpec) -> Option<f64>, own: &Figure<Share>| {
        Share(relatives(gpu, all, constant).unwrap_or(own.value.0))
    };
    changed.compute.achievable_by_format = formats(gpu, all);
    if let Some(share) = relatives(gpu, all, unthrottled) {
        let intensity = feed::reference_intensity(gpu);
        changed.compute.achievable.value = Share(feed::of_relative(share, 0.0, intensity));
    }
    changed.compute.boost = None;
    // What has been fitted of this was fitted on the one device that has it.
    changed.compute.units_for_bandwidth = None;
    let attention = |gpu: &GpuSpec| share(&gpu.compute.attention);
    changed.compute.attention.value = from_others(attention, &gpu.compute.attention);
    let bandwidth = |gpu: &GpuSpec| share(&gpu.memory.achievable);
    changed.memory.achievable.value = from_others(bandwidth, &gpu.memory.achievable);
    let clocks = relatives(gpu, all, launch_clocks);
    let launch = clocks.map(|clocks| clocks / gpu.compute.clock.value.0);
    changed.launch.value = Seconds(launch.unwrap_or(gpu.launch.value.0));
    changed
}

/// Medians of what its measured relatives reach in single formats.
fn formats(gpu: &GpuSpec, all: &[&GpuSpec]) -> BTreeMap<Precision, Figure<Share>> {
    let mut found: BTreeMap<Precision, Vec<&Figure<Share>>> = BTreeMap::new();
    let related =
        |other: &&&GpuSpec| other.name != gpu.name && other.architecture == gpu.architecture;
    for other in all.iter().filter(related) {
        for (format, share) in &other.compute.achievable_by_format {
            if !share.estimate {
                found.entry(*format).or_default().push(share);
            }
        }
    }
    let middle = |(format, shares): (Precision, Vec<&Figure<Share>>)| {
        let values: Vec<f64> = shares.iter().map(|share| share.value.0).collect();
        let value = Share(median(&values)?);
        let first = (*shares.first()?).clone();
        Some((format, Figure { value, ..first }))
    };
    found.into_iter().filter_map(middle).collect()
}

/// Share of its peak that a device reached on which that was measured, had its units nothing to
/// wait for, and before its power limit lowers the clock: what is left then is a matter of its
/// board.
fn unthrottled(gpu: &GpuSpec) -> Option<f64> {
    let boost = gpu.compute.boost.as_ref().map_or(0.0, |boost| boost.value);
    let intensity = feed::reference_intensity(gpu);
    share(&gpu.compute.achievable)
        .map(|share| feed::of_relative(share * (1.0 + boost), intensity, 0.0))
}

/// A share that was measured.
fn share(figure: &Figure<Share>) -> Option<f64> {
    measured(figure).then_some(figure.value.0)
}

/// Clocks from one kernel to the next of a device on which they were measured: the way there is
/// clocked.
fn launch_clocks(gpu: &GpuSpec) -> Option<f64> {
    let clock = gpu.compute.clock.value.0;
    measured(&gpu.launch).then_some(gpu.launch.value.0 * clock)
}

/// Whether a figure comes from measured rows.
fn measured<T>(figure: &Figure<T>) -> bool {
    !figure.estimate && figure.source != "estimate"
}

/// Median of one constant among a device's relatives, of those that have it measured.
fn relatives(
    gpu: &GpuSpec,
    all: &[&GpuSpec],
    constant: impl Fn(&GpuSpec) -> Option<f64>,
) -> Option<f64> {
    let of_those = |same: bool| -> Vec<f64> {
        let others = all.iter().filter(|other| other.name != gpu.name);
        let related = others.filter(|other| !same || other.architecture == gpu.architecture);
        related.filter_map(|other| constant(other)).collect()
    };
    median(&of_those(true)).or_else(|| median(&of_those(false)))
}
