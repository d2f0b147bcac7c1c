//! The JSON that others rely on.

use serde::Serialize;
use std::collections::BTreeMap;

use super::sentence;
use super::{Case, Comparison};
use crate::analysis::{DeviceMemory, PhaseOutcome, TimeBy};
use crate::plan::Unit;

/// One workload on one machine.
#[derive(Debug, Serialize)]
pub struct SystemRecord {
    /// Machine.
    pub name: String,
    /// Name a person would say.
    pub title: String,
    /// Workload.
    pub workload: String,
    /// Time of a step \[s\].
    pub step_time_s: f64,
    /// Produced per second.
    pub throughput: Throughput,
    /// Produced per second and GPU.
    pub throughput_per_gpu: f64,
    /// What binds longest.
    pub bottleneck: BottleneckRecord,
    /// Share of the step spent waiting for data.
    pub waiting_for_data_share: f64,
    /// Kind → seconds; sums to `step_time_s`.
    pub time_by_kind: BTreeMap<&'static str, f64>,
    /// Resources that bound longest.
    pub time_by_resource: Vec<ResourceTime>,
    /// Kind → d ln step / d ln capacity.
    pub sensitivity: BTreeMap<&'static str, f64>,
    /// The same of the resources that bound longest.
    pub sensitivity_by_resource: Vec<ResourceSlope>,
    /// Smallest upgrade that moves the bottleneck.
    pub upgrade: Option<UpgradeRecord>,
    /// Phases of the step.
    pub phases: Vec<PhaseRecord>,
    /// VRAM by device.
    pub memory: Vec<MemoryRecord>,
    /// Whether everything fits.
    pub fits: bool,
    /// Model, parallelism, framework.
    pub facts: BTreeMap<String, String>,
    /// Finish of every flow, for a list of flows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowRecord>,
    /// The answer in one sentence.
    pub verdict: String,
}

/// A rate with its unit.
#[derive(Debug, Serialize)]
pub struct Throughput {
    /// The rate.
    pub value: f64,
    /// `tokens/s` or `bytes/s`.
    pub unit: &'static str,
}

/// What binds longest.
#[derive(Debug, Serialize)]
pub struct BottleneckRecord {
    /// Resource by name.
    pub resource: String,
    /// Its kind.
    pub kind: &'static str,
    /// Share of the step bound by the kind.
    pub share: f64,
}

/// A resource and how long it bound.
#[derive(Debug, Serialize)]
pub struct ResourceTime {
    /// Resource by name.
    pub resource: String,
    /// Its kind.
    pub kind: &'static str,
    /// Time on the critical path \[s\].
    pub time_s: f64,
}

/// What a little more of one resource and all in its place would bring.
#[derive(Debug, Serialize)]
pub struct ResourceSlope {
    /// The first of them by name.
    pub resource: String,
    /// Its kind.
    pub kind: &'static str,
    /// How many are alike, itself included.
    pub alike: usize,
    /// d ln step / d ln capacity of all of them.
    pub slope: f64,
}

/// An upgrade and what it brings.
#[derive(Debug, Serialize)]
pub struct UpgradeRecord {
    /// What is widened.
    pub kind: &'static str,
    /// By how much.
    pub factor: f64,
    /// Time of a step then \[s\].
    pub step_time_s: f64,
    /// What binds longest then.
    pub then: &'static str,
}

/// One phase.
#[derive(Debug, Serialize)]
pub struct PhaseRecord {
    /// Its name.
    pub name: &'static str,
    /// Time of it once \[s\].
    pub time_s: f64,
    /// How often it happens in a step.
    pub repeat: f64,
    /// Kind → seconds, once.
    pub time_by_kind: BTreeMap<&'static str, f64>,
}

/// VRAM of one device.
#[derive(Debug, Serialize)]
pub struct MemoryRecord {
    /// Device.
    pub device: String,
    /// Highest level \[B\].
    pub peak_bytes: f64,
    /// Capacity \[B\].
    pub capacity_bytes: f64,
    /// Whether it suffices.
    pub fits: bool,
    /// Account → bytes at the peak.
    pub accounts: BTreeMap<&'static str, f64>,
    /// When it first ran over \[s\].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow_s: Option<f64>,
}

/// One flow.
#[derive(Debug, Serialize)]
pub struct FlowRecord {
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// Size \[B\].
    pub bytes: f64,
    /// Asked-for start \[s\].
    pub start_s: f64,
    /// End \[s\].
    pub finish_s: f64,
}

/// All workloads on all machines.
#[derive(Debug, Serialize)]
pub struct CompareRecord {
    /// One entry per workload.
    pub workloads: Vec<WorkloadRecord>,
}

/// One workload on all machines.
#[derive(Debug, Serialize)]
pub struct WorkloadRecord {
    /// Its name.
    pub workload: String,
    /// One record per machine.
    pub systems: Vec<SystemRecord>,
    /// The answer in one sentence.
    pub verdict: String,
}

/// The name of a unit per second.
pub fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Tokens => "tokens/s",
        Unit::Bytes => "bytes/s",
    }
}

/// How many resources a record lists.
const LISTED_RESOURCES: usize = 12;

/// The record of one case.
pub fn system(case: &Case<'_>) -> SystemRecord {
    let outcome = &case.outcome;
    let fabric = case.fabric;
    let gpus = case.plan.gpus.max(1) as f64;
    let resources = outcome.times.resources().into_iter().take(LISTED_RESOURCES);
    SystemRecord {
        name: fabric.topology.name.clone(),
        title: fabric.topology.title.clone(),
        workload: case.plan.workload.clone(),
        step_time_s: outcome.step_s,
        throughput: Throughput {
            value: outcome.throughput,
            unit: unit_name(outcome.unit),
        },
        throughput_per_gpu: outcome.throughput / gpus,
        bottleneck: BottleneckRecord {
            resource: outcome.bottleneck.resource.clone(),
            kind: outcome.bottleneck.kind.key(),
            share: outcome.bottleneck.share,
        },
        waiting_for_data_share: outcome.times.data_share(),
        time_by_kind: by_kind(&outcome.times),
        time_by_resource: resources
            .map(|(id, time_s)| ResourceTime {
                resource: fabric.resource(id).name.clone(),
                kind: fabric.kind(id).key(),
                time_s,
            })
            .collect(),
        sensitivity: outcome
            .sensitivity
            .iter()
            .map(|(k, s)| (k.key(), *s))
            .collect(),
        sensitivity_by_resource: outcome
            .resource_sensitivity
            .iter()
            .map(|entry| ResourceSlope {
                resource: fabric.resource(entry.resource).name.clone(),
                kind: fabric.kind(entry.resource).key(),
                alike: entry.alike,
                slope: entry.slope,
            })
            .collect(),
        upgrade: outcome.upgrade.map(|upgrade| UpgradeRecord {
            kind: upgrade.kind.key(),
            factor: upgrade.factor,
            step_time_s: upgrade.step_s,
            then: upgrade.then.key(),
        }),
        phases: outcome.phases.iter().map(phase).collect(),
        memory: outcome.memory.iter().map(memory).collect(),
        fits: outcome.fits(),
        facts: case.plan.facts.iter().cloned().collect(),
        flows: flows(case),
        verdict: sentence::of_case(case),
    }
}

/// The record of one workload on all machines.
pub fn workload(comparison: &Comparison<'_>) -> WorkloadRecord {
    WorkloadRecord {
        workload: comparison.workload.clone(),
        systems: comparison.cases.iter().map(system).collect(),
        verdict: sentence::of_comparison(comparison),
    }
}

fn by_kind(times: &TimeBy) -> BTreeMap<&'static str, f64> {
    times
        .kinds()
        .map(|(kind, time)| (kind.key(), time))
        .collect()
}

fn phase(phase: &PhaseOutcome) -> PhaseRecord {
    PhaseRecord {
        name: phase.name,
        time_s: phase.time_s,
        repeat: phase.repeat,
        time_by_kind: by_kind(&phase.times),
    }
}

fn memory(memory: &DeviceMemory) -> MemoryRecord {
    MemoryRecord {
        device: memory.device.clone(),
        peak_bytes: memory.peak_bytes,
        capacity_bytes: memory.capacity_bytes,
        fits: memory.fits(),
        accounts: memory.accounts.iter().map(|(a, b)| (a.key(), *b)).collect(),
        overflow_s: memory.overflow.map(|(time, _)| time),
    }
}

fn flows(case: &Case<'_>) -> Vec<FlowRecord> {
    let phases = case.plan.phases.iter().zip(&case.outcome.phases);
    phases
        .flat_map(|(phase, outcome)| phase.flows.iter().zip(&outcome.trace.end))
        .map(|(flow, finish)| FlowRecord {
            from: flow.from.clone(),
            to: flow.to.clone(),
            bytes: flow.bytes,
            start_s: flow.start_s,
            finish_s: *finish,
        })
        .collect()
}
