//! How much the step gains from a little more of each thing, by running it again.

use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::simulate::{Scale, Scaled, step_time};
use crate::engine::{ActivityId, EngineError, Folded, ResourceId};
use crate::fabric::ResourceKind;
use crate::plan::{Phase, Plan};

/// The change that is tried: one per cent more.
const STEP: f64 = 1.01;

/// d ln step / d ln capacity of every kind of resource the plan uses: −1 where the step is in
/// inverse proportion to it, 0 where it does not matter. Runs on all cores; the result does not
/// depend on their number.
///
/// # Errors
/// The engine cannot finish.
pub fn sensitivities(plan: &Plan, step_s: f64) -> Result<Vec<(ResourceKind, f64)>, EngineError> {
    used_kinds(plan)
        .into_par_iter()
        .map(|kind| Ok((kind, slope(plan, step_s, Scaled::Kind(kind))?)))
        .collect()
}

/// How much the step gains from a little more of one resource and of those in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceSensitivity {
    /// The first of them.
    pub resource: ResourceId,
    /// How many they are: all that the symmetry of the machine and its work makes alike, since
    /// widening one of eight links that are equally busy gains nothing.
    pub alike: usize,
    /// d ln step / d ln capacity of all of them.
    pub slope: f64,
}

/// Most sets of resources that are tried.
const MOST_SETS: usize = 8;

/// The sensitivities of those resources, longest bound first, each with all that are alike.
///
/// # Errors
/// The engine cannot finish.
pub fn resource_sensitivities(
    plan: &Plan,
    step_s: f64,
    longest_bound_first: &[ResourceId],
) -> Result<Vec<ResourceSensitivity>, EngineError> {
    let alike = Alike::new(plan);
    let mut sets: Vec<&[ResourceId]> = Vec::new();
    for resource in longest_bound_first {
        let set = alike.of(*resource);
        if !sets.contains(&set) && sets.len() < MOST_SETS {
            sets.push(set);
        }
    }
    sets.into_par_iter()
        .map(|set| {
            Ok(ResourceSensitivity {
                resource: set[0],
                alike: set.len(),
                slope: slope(plan, step_s, Scaled::Resources(set))?,
            })
        })
        .collect()
}

/// d ln step / d ln capacity.
fn slope(plan: &Plan, step_s: f64, of: Scaled<'_>) -> Result<f64, EngineError> {
    let faster = step_time(plan, Some(Scale { of, factor: STEP }))?;
    let slope = (faster / step_s).ln() / STEP.ln();
    // What rounding leaves is no sensitivity.
    Ok(if slope.abs() < 1e-9 { 0.0 } else { slope })
}

/// The resources that no phase of a plan tells apart.
struct Alike {
    /// Set by resource.
    set: Vec<usize>,
    /// Resources by set, in ascending order.
    members: Vec<Vec<ResourceId>>,
}

impl Alike {
    fn new(plan: &Plan) -> Self {
        let folds: Vec<_> = plan.phases.iter().map(Phase::classes).collect();
        let resources = plan
            .phases
            .iter()
            .map(|phase| phase.program.resources.len());
        let mut numbers = BTreeMap::new();
        let mut members: Vec<Vec<ResourceId>> = Vec::new();
        let mut set = Vec::new();
        for id in (0..resources.min().unwrap_or(0) as u32).map(ResourceId) {
            let class = |fold: &Option<Cow<'_, Folded>>| match fold {
                Some(folded) => folded.resource_class(id),
                None => id,
            };
            let key: Vec<ResourceId> = folds.iter().map(class).collect();
            let number = *numbers.entry(key).or_insert(members.len());
            if number == members.len() {
                members.push(Vec::new());
            }
            members[number].push(id);
            set.push(number);
        }
        Self { set, members }
    }

    fn of(&self, resource: ResourceId) -> &[ResourceId] {
        &self.members[self.set[resource.index()]]
    }
}

/// The kinds of resource that any activity uses, and latency if any has one.
fn used_kinds(plan: &Plan) -> Vec<ResourceKind> {
    let mut kinds = BTreeSet::new();
    for phase in &plan.phases {
        for index in 0..phase.program.len() {
            let id = ActivityId(index as u32);
            for (resource, _) in phase.program.demands(id) {
                kinds.insert(ResourceKind::from_code(
                    phase.program.resources[resource.index()].kind,
                ));
            }
            if phase.program.latency(id) > 0.0 {
                kinds.insert(ResourceKind::Latency);
            }
        }
    }
    kinds.into_iter().collect()
}
