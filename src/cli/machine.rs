//! Loading machines and running workloads on them.

use crate::analysis::analyse;
use crate::catalog::load;
use crate::fabric::Fabric;
use crate::plan::{Loaded, machine as sampled, plan};
use crate::report::Case;
use crate::spec::{Diagnostic, Kind};
use crate::topology::{Topology, expand};

use super::Context;

/// A topology by catalogue name or path.
pub fn topology(context: &Context, argument: &str) -> Result<Topology, Diagnostic> {
    let source = load(&context.catalog, argument, &[Kind::Topology], "topology")?;
    expand(&context.catalog, &source)
}

/// A machine's resources, by catalogue name or path of its topology.
pub fn fabric(context: &Context, argument: &str) -> Result<Fabric, Diagnostic> {
    Ok(Fabric::new(topology(context, argument)?))
}

/// The same for one workload: no more machines than tell all others apart, where that is exact.
pub fn for_workload(
    context: &Context,
    argument: &str,
    nodes: Option<u32>,
    workload: &Loaded,
    fold: bool,
) -> Result<Fabric, Diagnostic> {
    let source = load(&context.catalog, argument, &[Kind::Topology], "topology")?;
    sampled(&context.catalog, &source, nodes, workload, fold)
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
    let outcome = analyse(fabric, &plan).map_err(|e| {
        Diagnostic::new(format!(
            "`{}` on `{}` has no result: {e}",
            workload.name(),
            fabric.topology.name
        ))
    })?;
    Ok(Case {
        fabric,
        plan,
        outcome,
    })
}
