//! A trace as lanes of boxes, for pictures.

use super::outcome::PhaseOutcome;
use crate::engine::ActivityId;
use crate::fabric::{Fabric, ResourceKind};
use crate::plan::{Lane, Phase, Plan};

/// One stretch of one lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// From \[s\].
    pub start_s: f64,
    /// To \[s\].
    pub end_s: f64,
    /// What bound it.
    pub kind: ResourceKind,
    /// What it was.
    pub name: &'static str,
    /// Layer, if it belongs to one.
    pub layer: Option<u32>,
}

/// One lane of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineLane {
    /// Its label.
    pub label: String,
    /// What happened in it, in time.
    pub boxes: Vec<Stretch>,
}

/// The compute and communication lanes of every rank, and a lane for each flow.
pub fn timeline(
    fabric: &Fabric,
    plan: &Plan,
    phase: &Phase,
    outcome: &PhaseOutcome,
) -> Vec<TimelineLane> {
    let ranks = plan.ranks.len();
    // The host threads do the same on every rank: the first one's lane shows what they do.
    let mut lanes = vec![TimelineLane {
        label: "host thread".into(),
        boxes: Vec::new(),
    }];
    for rank in &plan.ranks {
        let name = &fabric.topology.device(*rank).name;
        for what in ["compute", "comm"] {
            lanes.push(TimelineLane {
                label: format!("{name} {what}"),
                boxes: Vec::new(),
            });
        }
    }
    lanes.extend(phase.flows.iter().map(|flow| TimelineLane {
        label: format!("{}→{}", flow.from, flow.to),
        boxes: Vec::new(),
    }));
    for index in 0..phase.program.len() {
        let id = ActivityId(index as u32);
        let task = &phase.tasks[phase.program.tag(id) as usize];
        let targets: Vec<usize> = match task.lane {
            Lane::Compute(rank) => vec![1 + 2 * rank as usize],
            Lane::Communication(_) => members(phase, plan, id),
            Lane::Flow(flow) => vec![1 + 2 * ranks + flow as usize],
            Lane::Host(0) => vec![0],
            Lane::Host(_) | Lane::Nowhere => Vec::new(),
        };
        for lane in targets {
            lanes[lane].boxes.extend(boxes(phase, outcome, id));
        }
    }
    for lane in &mut lanes {
        lane.boxes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    }
    lanes.retain(|lane| !lane.boxes.is_empty());
    lanes
}

/// The communication lanes of the ranks whose VRAM a collective uses.
fn members(phase: &Phase, plan: &Plan, id: ActivityId) -> Vec<usize> {
    let program = &phase.program;
    let vram = program.demands(id).iter().filter(|(resource, _)| {
        program.resources[resource.index()].kind == ResourceKind::Vram.code()
    });
    let name =
        |resource: &crate::engine::ResourceId| program.resources[resource.index()].name.clone();
    let names: Vec<String> = vram.map(|(resource, _)| name(resource)).collect();
    (0..plan.ranks.len())
        .filter(|rank| names.contains(&format!("{} VRAM", program.pools[*rank].name)))
        .map(|rank| 2 + 2 * rank)
        .collect()
}

/// The latency and the intervals of an activity.
fn boxes(phase: &Phase, outcome: &PhaseOutcome, id: ActivityId) -> Vec<Stretch> {
    let program = &phase.program;
    let task = &phase.tasks[program.tag(id) as usize];
    let trace = &outcome.trace;
    let make = |start_s, end_s, kind| Stretch {
        start_s,
        end_s,
        kind,
        name: task.name,
        layer: task.layer,
    };
    let (start, work) = (trace.start[id.index()], trace.work_start[id.index()]);
    let latency = (work > start).then(|| make(start, work, ResourceKind::Latency));
    let work = trace.intervals_of(id).iter().map(|interval| {
        let resource = interval.binding.resource();
        let kind = resource.map_or(ResourceKind::Latency, |r| {
            ResourceKind::from_code(program.resources[r.index()].kind)
        });
        make(interval.start, interval.end, kind)
    });
    latency.into_iter().chain(work).collect()
}
