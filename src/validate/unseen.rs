//! Kernels on devices as if nobody had measured them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kernels::Kernels;
use super::score::median;
use super::{Row, Subject, is_fair};
use crate::catalog::Catalog;
use crate::kernel::feed;
use crate::report::draw::Measure;
use crate::spec::{Diagnostic, Figure, GpuSpec, PeakShare, Precision, Share};
use crate::units::Seconds;

/// A device, and what its board's power leaves of its clock.
#[derive(Debug, Clone)]
struct Known {
    gpu: Arc<GpuSpec>,
    /// Share of the nominal clock at which its power feeds large products.
    clock_share: f64,
}

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
        Kernels::new(catalog).map(Self::of)
    }

    /// The same of kernels whose catalogue has been read.
    pub(super) fn of(mut kernels: Kernels) -> Self {
        let mut all = BTreeMap::new();
        for gpu in kernels.devices.values() {
            // A user's device may give all its own constants and be of no family.
            let Ok(family) = kernels.catalog.family(&gpu.name, &gpu.architecture) else {
                continue;
            };
            let known = Known {
                gpu: Arc::clone(gpu),
                clock_share: family.clock_share(&gpu.compute.peak, gpu.power.as_ref()),
            };
            all.insert(gpu.name.clone(), known);
        }
        for gpu in kernels.devices.values_mut() {
            if let Some(known) = all.get(&gpu.name) {
                *gpu = Arc::new(withheld(known, &all));
            }
        }
        Self(kernels)
    }
}

impl Subject for UnseenKernels {
    fn key(&self) -> &'static str {
        "unseen-kernels"
    }

    fn accuracy_title(&self) -> Option<&'static str> {
        Some("kernels on devices whose constants are withheld")
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
        if !is_fair(split) {
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

/// All devices by name.
type All = BTreeMap<String, Known>;

/// A device with the medians of its relatives' constants in place of its own: of the others of its
/// architecture that were measured, or of all others that were.
fn withheld(own: &Known, all: &All) -> GpuSpec {
    let gpu = own.gpu.as_ref();
    let mut changed = gpu.clone();
    changed.compute.achievable_by_format = formats(gpu, all);
    if let Some(share) = relatives(gpu, all, unthrottled) {
        let intensity = feed::reference_intensity(gpu);
        let share = feed::of_relative(share, 0.0, intensity);
        changed.compute.achievable.value = PeakShare(own.clock_share * share);
        let achievable = changed.compute.achievable.clone();
        changed.compute.at_full_clock = Some(Figure {
            value: PeakShare(share),
            ..achievable
        });
    }
    changed.compute.boost = None;
    // What has been fitted of this was fitted on the one device that has it.
    changed.compute.units_for_bandwidth = None;
    if let Some(share) = relatives(gpu, all, |known| share(&known.gpu.compute.attention)) {
        changed.compute.attention.value = Share(share);
    }
    if let Some(share) = relatives(gpu, all, without_ecc) {
        changed.memory.achievable.value = Share(share * gpu.memory.ecc_share());
    }
    if let Some(clocks) = relatives(gpu, all, launch_clocks) {
        changed.launch.value = Seconds(clocks / gpu.compute.clock.value.0);
    }
    changed
}

/// Medians of what its measured relatives reach in single formats.
fn formats(gpu: &GpuSpec, all: &All) -> BTreeMap<Precision, Figure<PeakShare>> {
    let mut found: BTreeMap<Precision, Vec<&Figure<PeakShare>>> = BTreeMap::new();
    let others = all.values().map(|known| known.gpu.as_ref());
    let related =
        |other: &&GpuSpec| other.name != gpu.name && other.architecture == gpu.architecture;
    for other in others.filter(related) {
        for (format, share) in &other.compute.achievable_by_format {
            if share.is_measured() {
                found.entry(*format).or_default().push(share);
            }
        }
    }
    let middle = |(format, shares): (Precision, Vec<&Figure<PeakShare>>)| {
        let values: Vec<f64> = shares.iter().map(|share| share.value.0).collect();
        let value = PeakShare(median(&values)?);
        let first = (*shares.first()?).clone();
        Some((format, Figure { value, ..first }))
    };
    found.into_iter().filter_map(middle).collect()
}

/// Share of its peak that a device reached on which that was measured, had its units nothing to
/// wait for, and were its power no limit: those are matters of its units and of its board.
fn unthrottled(known: &Known) -> Option<f64> {
    let compute = &known.gpu.compute;
    let boost = compute.boost.as_ref().map_or(0.0, |boost| boost.value);
    let intensity = feed::reference_intensity(&known.gpu);
    let share = compute.achievable.value.0 * (1.0 + boost) / known.clock_share;
    let measured = compute.achievable.is_measured();
    measured.then(|| feed::of_relative(share, intensity, 0.0))
}

/// Share of its bandwidth that a device reached on which that was measured, had its memory no
/// inline error-correcting code.
fn without_ecc(known: &Known) -> Option<f64> {
    let memory = &known.gpu.memory;
    share(&memory.achievable).map(|share| (share / memory.ecc_share()).min(1.0))
}

/// A share that was measured.
fn share(figure: &Figure<Share>) -> Option<f64> {
    figure.is_measured().then_some(figure.value.0)
}

/// Clocks from one kernel to the next of a device on which they were measured: the way there is
/// clocked.
fn launch_clocks(known: &Known) -> Option<f64> {
    let launch = &known.gpu.launch;
    let clock = known.gpu.compute.clock.value.0;
    launch.is_measured().then_some(launch.value.0 * clock)
}

/// Median of one constant among a device's relatives, of those that have it measured.
fn relatives(gpu: &GpuSpec, all: &All, constant: impl Fn(&Known) -> Option<f64>) -> Option<f64> {
    let of_those = |same: bool| -> Vec<f64> {
        let others = all.values().filter(|other| other.gpu.name != gpu.name);
        let related = others.filter(|o| !same || o.gpu.architecture == gpu.architecture);
        related.filter_map(&constant).collect()
    };
    median(&of_those(true)).or_else(|| median(&of_those(false)))
}
