//! Loading machines and running workloads on them.

use std::sync::Arc;

use crate::analysis::{AnalysisError, Outcome, analyse, step_time};
use crate::catalog::load;
use crate::fabric::Fabric;
use crate::plan::{Loaded, Plan, Wanted, machine as sampled, plan, plan_periodic};
use crate::report::Case;
use crate::spec::{Diagnostic, Kind, Source};
use crate::topology::{Changes, Topology, expand, expand_with};

use super::Context;

/// What is asked of every command that runs workloads on machines.
#[derive(Debug, clap::Args)]
pub struct Simulated {
    /// What is slow, has failed or jitters, as under `conditions:` in a topology file:
    /// "slow: gpu3, compute: 0.8". May be given several times.
    #[arg(long = "condition", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Simulate every rank on its own, even where many do the same.
    #[arg(long)]
    no_fold: bool,
}

impl Simulated {
    /// The conditions: each as under `conditions:`, with or without the braces.
    pub fn conditions(&self) -> Vec<Arc<Source>> {
        let texts = self.conditions.iter();
        let sources = texts.map(|text| Source::new("--condition", mapping(text)));
        sources.collect()
    }

    /// Whether ranks that do the same are simulated together.
    pub fn folds(&self) -> bool {
        !self.no_fold
    }
}

/// A topology by catalogue name or path.
pub fn topology(context: &Context, argument: &str) -> Result<Topology, Diagnostic> {
    let source = load(&context.catalog, argument, &[Kind::Topology], "topology")?;
    expand(&context.catalog, &source)
}

/// A machine's resources, by catalogue name or path of its topology.
pub fn fabric(context: &Context, argument: &str) -> Result<Fabric, Diagnostic> {
    Ok(Fabric::new(topology(context, argument)?))
}

/// The same under more conditions than its file has.
pub fn fabric_under(
    context: &Context,
    argument: &str,
    conditions: &[Arc<Source>],
) -> Result<Fabric, Diagnostic> {
    let source = load(&context.catalog, argument, &[Kind::Topology], "topology")?;
    let changes = Changes {
        conditions: conditions.to_vec(),
        ..Changes::default()
    };
    Ok(Fabric::new(expand_with(
        &context.catalog,
        &source,
        &changes,
    )?))
}

/// `a: 1, b: x[0,2]` as a mapping of a key a line, in which brackets need no quotes.
fn mapping(text: &str) -> String {
    if text.trim_start().starts_with('{') {
        return text.to_string();
    }
    let mut depth = 0;
    let mut lines = String::new();
    for c in text.trim().chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                lines.push('\n');
                continue;
            }
            ' ' if lines.ends_with('\n') => continue,
            _ => {}
        }
        lines.push(c);
    }
    lines
}

/// The same for one workload: no more machines than tell all others apart, where that is exact.
pub fn for_workload(
    context: &Context,
    argument: &str,
    wanted: &Wanted,
    workload: &Loaded,
) -> Result<Fabric, Diagnostic> {
    let source = load(&context.catalog, argument, &[Kind::Topology], "topology")?;
    sampled(&context.catalog, &source, wanted, workload)
}

/// Plans, runs and explains one workload on one machine.
pub fn case<'a>(
    context: &Context,
    fabric: &'a Fabric,
    workload: &Loaded,
    fold: bool,
) -> Result<Case<'a>, Diagnostic> {
    let mut plan = plan(&context.catalog, fabric, workload)?;
    if !fold {
        plan.unfold();
    }
    let outcome = analyse(fabric, &plan).map_err(|e| no_result(fabric, workload, &e))?;
    Ok(explained(fabric, plan, outcome))
}

/// The same by a few of many micro-batches, where these repeat exactly; none where that is not
/// worth it or they do not.
pub fn periodic_case<'a>(
    context: &Context,
    fabric: &'a Fabric,
    workload: &Loaded,
) -> Result<Option<Case<'a>>, Diagnostic> {
    let Some(plan) = plan_periodic(&context.catalog, fabric, workload)? else {
        return Ok(None);
    };
    match analyse(fabric, &plan) {
        Ok(outcome) => Ok(Some(explained(fabric, plan, outcome))),
        Err(AnalysisError::Unsteady) => Ok(None),
        Err(error) => Err(no_result(fabric, workload, &error)),
    }
}

/// Time of a step with every micro-batch simulated \[s\].
pub fn whole_step(
    context: &Context,
    fabric: &Fabric,
    workload: &Loaded,
) -> Result<f64, Diagnostic> {
    let plan = plan(&context.catalog, fabric, workload)?;
    step_time(&plan, None).map_err(|e| no_result(fabric, workload, &e.into()))
}

fn explained(fabric: &Fabric, plan: Plan, outcome: Outcome) -> Case<'_> {
    Case {
        fabric,
        plan,
        outcome,
        ranks: Vec::new(),
    }
}

fn no_result(fabric: &Fabric, workload: &Loaded, error: &AnalysisError) -> Diagnostic {
    Diagnostic::new(format!(
        "`{}` on `{}` has no result: {error}",
        workload.name(),
        fabric.topology.name
    ))
}
