//! Everything that is known about one workload on one machine.

use super::check::check;
use super::critical_path::{Segment, critical_path};
use super::memory::{DeviceMemory, device_memory};
use super::sensitivity::{ResourceSensitivity, resource_sensitivities, sensitivities};
use super::simulate::{AnalysisError, simulate};
use super::upgrade::{Upgrade, find_upgrade};
use crate::engine::{ResourceId, Trace};
use crate::fabric::{Fabric, ResourceKind};
use crate::plan::{Phase, Plan, Unit};

/// Time of the critical path by what bound it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TimeBy {
    /// By kind \[s\], in the order of [`ResourceKind::ALL`].
    kinds: [f64; ResourceKind::ALL.len()],
    /// By resource \[s\], by id.
    resources: Vec<f64>,
}

impl TimeBy {
    /// Adds the segments of a path that happens `repeat` times.
    pub fn add(&mut self, segments: &[Segment], repeat: f64) {
        for segment in segments {
            let time = repeat * (segment.end - segment.start);
            self.kinds[segment.kind as usize] += time;
            if let Some(resource) = segment.resource {
                if self.resources.len() <= resource.index() {
                    self.resources.resize(resource.index() + 1, 0.0);
                }
                self.resources[resource.index()] += time;
            }
        }
    }

    /// Time bound by a kind \[s\].
    pub fn kind(&self, kind: ResourceKind) -> f64 {
        self.kinds[kind as usize]
    }

    /// Kinds that bound for some time, in the order of [`ResourceKind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = (ResourceKind, f64)> + '_ {
        let all = ResourceKind::ALL.into_iter();
        all.zip(self.kinds).filter(|(_, time)| *time > 0.0)
    }

    /// Resources that bound for some time, longest first.
    pub fn resources(&self) -> Vec<(ResourceId, f64)> {
        let mut all: Vec<_> = self
            .resources
            .iter()
            .enumerate()
            .filter(|(_, time)| **time > 0.0)
            .map(|(index, time)| (ResourceId(index as u32), *time))
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all
    }

    /// Sum over all kinds \[s\].
    pub fn total(&self) -> f64 {
        self.kinds.iter().sum()
    }

    /// The kind that bound longest; the first in order of several.
    pub fn largest(&self) -> ResourceKind {
        let kinds = ResourceKind::ALL.into_iter().zip(self.kinds);
        let largest = kinds.reduce(|best, next| if next.1 > best.1 { next } else { best });
        largest.map_or(ResourceKind::Idle, |(kind, _)| kind)
    }

    /// Share of the time that was spent waiting for data.
    pub fn data_share(&self) -> f64 {
        let data: f64 = self
            .kinds()
            .filter(|(k, _)| k.is_data())
            .map(|(_, t)| t)
            .sum();
        if self.total() > 0.0 {
            data / self.total()
        } else {
            0.0
        }
    }
}

/// What the step waits for longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Bottleneck {
    /// The kind.
    pub kind: ResourceKind,
    /// The resource of that kind that bound longest, by name.
    pub resource: String,
    /// Share of the step bound by the kind.
    pub share: f64,
}

/// One phase with its trace.
#[derive(Debug, Clone)]
pub struct PhaseOutcome {
    /// Its name.
    pub name: &'static str,
    /// Time of it once \[s\].
    pub time_s: f64,
    /// How often it happens in a step.
    pub repeat: f64,
    /// Time by what bound, once.
    pub times: TimeBy,
    /// The critical path.
    pub path: Vec<Segment>,
    /// What happened.
    pub trace: Trace,
}

/// Everything about one workload on one machine.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Time of a step: all phases, each as often as it happens \[s\].
    pub step_s: f64,
    /// Units produced per second.
    pub throughput: f64,
    /// Of what.
    pub unit: Unit,
    /// Phases in order.
    pub phases: Vec<PhaseOutcome>,
    /// Time by what bound, over the step.
    pub times: TimeBy,
    /// What the step waits for longest.
    pub bottleneck: Bottleneck,
    /// d ln step / d ln capacity, by kind.
    pub sensitivity: Vec<(ResourceKind, f64)>,
    /// The same of the resources that bound longest, each with all that are alike.
    pub resource_sensitivity: Vec<ResourceSensitivity>,
    /// The smallest upgrade that moves the bottleneck.
    pub upgrade: Option<Upgrade>,
    /// Memory by device.
    pub memory: Vec<DeviceMemory>,
}

impl Outcome {
    /// Whether every device's memory suffices.
    pub fn fits(&self) -> bool {
        self.memory.iter().all(DeviceMemory::fits)
    }
}

/// Runs, checks and explains a plan.
///
/// # Errors
/// The engine cannot finish, or a result contradicts itself.
pub fn analyse(fabric: &Fabric, plan: &Plan) -> Result<Outcome, AnalysisError> {
    let mut phases = Vec::new();
    let mut times = TimeBy::default();
    let mut step_s = 0.0;
    for phase in &plan.phases {
        let trace = simulate(phase, None, true)?;
        check(phase, &trace)?;
        let path = critical_path(&phase.program, &trace);
        let mut own = TimeBy::default();
        own.add(&path, 1.0);
        times.add(&path, phase.repeat);
        step_s += phase.repeat * trace.makespan;
        phases.push(PhaseOutcome {
            name: phase.name,
            time_s: trace.makespan,
            repeat: phase.repeat,
            times: own,
            path,
            trace,
        });
    }
    if let Some(least) = &plan.steady {
        check_steady(&phases, least)?;
    }
    let bottleneck = bottleneck(fabric, &times);
    let longest: Vec<ResourceId> = times.resources().iter().map(|(id, _)| *id).collect();
    let ((sensitivity, resource_sensitivity), upgrade) = rayon::join(
        || {
            rayon::join(
                || sensitivities(plan, step_s),
                || resource_sensitivities(plan, step_s, &longest),
            )
        },
        || find_upgrade(plan, bottleneck.kind),
    );
    let traces: Vec<&Trace> = phases.iter().map(|phase| &phase.trace).collect();
    Ok(Outcome {
        step_s,
        throughput: plan.produced / step_s,
        unit: plan.unit,
        memory: device_memory(fabric, plan, &traces),
        phases,
        times,
        bottleneck,
        sensitivity: sensitivity?,
        resource_sensitivity: resource_sensitivity?,
        upgrade: upgrade?,
    })
}

/// How far two periods may differ, relative to the step.
const ALIKE: f64 = 1e-9;

/// Whether one period more takes the same time, waits for the same and holds the same memory as the
/// period before it.
fn check_steady(phases: &[PhaseOutcome], least: &Phase) -> Result<(), AnalysisError> {
    let [most, less, ..] = phases else {
        return Err(AnalysisError::Unsteady);
    };
    let trace = simulate(least, None, true)?;
    let mut times = TimeBy::default();
    times.add(&critical_path(&least.program, &trace), 1.0);
    let tolerance = ALIKE * most.time_s;
    let even =
        |most: f64, less: f64, least: f64| ((most - less) - (less - least)).abs() <= tolerance;
    let peaks = |trace: &Trace| -> Vec<f64> { trace.memory.pools.iter().map(|p| p.peak).collect() };
    let kinds = ResourceKind::ALL.into_iter().all(|kind| {
        even(
            most.times.kind(kind),
            less.times.kind(kind),
            times.kind(kind),
        )
    });
    let steady = even(most.time_s, less.time_s, trace.makespan)
        && kinds
        && peaks(&most.trace) == peaks(&less.trace)
        && peaks(&less.trace) == peaks(&trace);
    if steady {
        Ok(())
    } else {
        Err(AnalysisError::Unsteady)
    }
}

/// Names what binds longest.
fn bottleneck(fabric: &Fabric, times: &TimeBy) -> Bottleneck {
    let kind = times.largest();
    let longest = times
        .resources()
        .into_iter()
        .find(|(resource, _)| fabric.kind(*resource) == kind);
    Bottleneck {
        kind,
        resource: longest.map_or_else(
            || kind.noun().to_string(),
            |(resource, _)| fabric.resource(resource).name.clone(),
        ),
        share: times.kind(kind) / times.total(),
    }
}
