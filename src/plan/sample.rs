//! A cluster by a sample of it: as many machines as tell all others apart.
//!
//! Where tensor-parallel groups fill whole machines, the data-parallel replicas of a regular
//! training job are copies of each other, and so are the ranks of a tensor-parallel group. Two
//! replicas are enough: one that runs, and one for what the first exchanges with its neighbour.
//! Everything between machines goes through leaf and spine, whose links are as wide as those of
//! the machines below them, so that the machines' own links stay the narrowest.

use std::sync::Arc;

use super::loaded::Loaded;
use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::spec::{Diagnostic, Source, TopologySpec, parse};
use crate::topology::{Sample, expand, expand_sample};

/// The machine of a file for a workload: `nodes` copies where that is given, and with `fold` no
/// more of them than it takes.
///
/// # Errors
/// The file does not describe copies of a machine, or cannot be expanded.
pub fn machine(
    catalog: &Catalog,
    source: &Arc<Source>,
    nodes: Option<u32>,
    workload: &Loaded,
    fold: bool,
) -> Result<Fabric, Diagnostic> {
    let spec: TopologySpec = parse(source)?;
    let Some(copies) = &spec.nodes else {
        return match nodes {
            None => Ok(Fabric::new(expand(catalog, source)?)),
            Some(_) => Err(Diagnostic::new(format!(
                "`{}` is one machine, not copies of one",
                spec.name.value
            ))
            .at(source.place(&spec.name))
            .help("`--nodes` goes with a topology that has `nodes: {use: …, count: …}`")),
        };
    };
    let count = nodes.unwrap_or(copies.count.value);
    let fabric = spec.fabric.as_ref();
    let written = fabric.and_then(|f| f.nodes_per_leaf.as_ref());
    let per_leaf = written.map_or(count, |per_leaf| per_leaf.value).max(1);
    let narrows = fabric.and_then(|f| f.oversubscription.as_ref());
    // Leaves that are wired to each other do not look alike from everywhere.
    let direct = fabric.is_some_and(|f| f.is_direct());
    let even = !direct && narrows.is_none_or(|over| over.value <= 1.0);
    let all = Sample {
        nodes: count,
        nodes_per_leaf: per_leaf,
    };
    if fold
        && even
        && let Some(replicas) = replicas(catalog, source, workload, all)?
    {
        let nodes = 2 * count / replicas;
        let sample = Sample {
            nodes,
            nodes_per_leaf: if count > per_leaf { 1 } else { nodes },
        };
        let mut fabric = Fabric::new(expand_sample(catalog, source, Some(sample))?);
        fabric.copies = count / nodes;
        return Ok(fabric);
    }
    Ok(Fabric::new(expand_sample(catalog, source, Some(all))?))
}

/// Number of data-parallel replicas, if they and the ranks within them are copies of each other.
fn replicas(
    catalog: &Catalog,
    source: &Arc<Source>,
    workload: &Loaded,
    all: Sample,
) -> Result<Option<u32>, Diagnostic> {
    let Loaded::Training(_, job) = workload else {
        return Ok(None);
    };
    let one = Sample { nodes: 1, ..all };
    let gpus = expand_sample(catalog, source, Some(one))?.gpus().len() as u32;
    let degree = |written: &Option<crate::spec::Spanned<u32>>| {
        written.as_ref().map_or(1, |degree| degree.value.max(1))
    };
    let (tensor, pipeline) = (degree(&job.parallel.tensor), degree(&job.parallel.pipeline));
    let Some(nodes) = (tensor / gpus.max(1)).checked_mul(pipeline) else {
        return Ok(None);
    };
    let whole = gpus > 0 && tensor.is_multiple_of(gpus) && nodes > 0;
    if !whole || !all.nodes.is_multiple_of(2 * nodes) || all.nodes / nodes < 4 {
        return Ok(None);
    }
    let replicas = all.nodes / nodes;
    let given = job.parallel.data.as_ref();
    Ok(given
        .is_none_or(|data| data.value == replicas)
        .then_some(replicas))
}
