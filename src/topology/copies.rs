//! What a file says about its copies of a machine, without making them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::{Effect, effect_of};
use super::expand::{copy_of, seen_from};
use super::graph::Topology;
use crate::catalog::{Catalog, load};
use crate::spec::{ConditionSpec, Diagnostic, Kind, Source, Spanned, TopologySpec, parse};

/// Most files of which each is a variant of the next.
const MAX_DEPTH: usize = 32;

/// The copies of a machine in a file, or in the one it is a variant of.
#[derive(Debug, Clone)]
pub struct Copies {
    /// How many.
    pub count: u32,
    /// Copies to a leaf, where there is more than one.
    pub nodes_per_leaf: Option<u32>,
    /// Links down over links up of a leaf.
    pub oversubscription: f64,
    /// Whether there is nothing beside them and the fabric that joins them.
    pub alone: bool,
    /// Whether leaves are wired to each other, and so do not look alike from everywhere.
    pub direct: bool,
    conditions: Vec<Spanned<ConditionSpec>>,
}

/// Which copies are not like the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// These, and what they do concerns no other.
    Only(BTreeSet<u32>),
    /// Perhaps all.
    All,
}

/// The copies of a file; none if it is one machine.
///
/// # Errors
/// A file that it is a variant of cannot be read.
pub fn copies(catalog: &Catalog, source: &Arc<Source>) -> Result<Option<Copies>, Diagnostic> {
    let mut source = Arc::clone(source);
    let mut conditions = Vec::new();
    let mut alone = true;
    for _ in 0..MAX_DEPTH {
        let spec: TopologySpec = parse(&source)?;
        conditions.extend(spec.conditions);
        alone &= spec.devices.0.is_empty() && spec.parts.0.is_empty() && spec.links.is_empty();
        if let Some(nodes) = spec.nodes {
            let fabric = spec.fabric.as_ref();
            let over = fabric.and_then(|f| f.oversubscription.as_ref());
            let per_leaf = fabric.and_then(|f| f.nodes_per_leaf.as_ref());
            return Ok(Some(Copies {
                count: nodes.count.value,
                nodes_per_leaf: per_leaf.map(|per_leaf| per_leaf.value),
                oversubscription: over.map_or(1.0, |over| over.value),
                alone: alone && spec.base.is_none(),
                direct: fabric.is_some_and(|f| f.is_direct()),
                conditions,
            }));
        }
        let Some(base) = spec.base else {
            break;
        };
        source = base_of(catalog, &source, &base)?;
    }
    Ok(None)
}

/// Whether a machine says by which network its copies are joined, itself or in a file that it is a
/// variant of.
pub(super) fn names_network(catalog: &Catalog, source: &Arc<Source>) -> Result<bool, Diagnostic> {
    let mut source = Arc::clone(source);
    for _ in 0..MAX_DEPTH {
        let spec: TopologySpec = parse(&source)?;
        let Some(base) = spec.base.filter(|_| spec.network.is_none()) else {
            return Ok(spec.network.is_some());
        };
        source = base_of(catalog, &source, &base)?;
    }
    Ok(false)
}

/// The file of which one is a variant, by its `use:`.
fn base_of(
    catalog: &Catalog,
    source: &Arc<Source>,
    base: &Spanned<String>,
) -> Result<Arc<Source>, Diagnostic> {
    let name = seen_from(source, base);
    load(catalog, &name, &[Kind::Topology], "topology").map_err(|d| d.at(source.place(base)))
}

impl Copies {
    /// The copies, of so many, that conditions of the file and `more` of them set apart; `one` is
    /// copy 0. What has failed sends traffic through others, so that it concerns all, but for links
    /// among GPUs and their switches: no way to another copy leads over those.
    ///
    /// # Errors
    /// A text is no condition.
    pub fn touched(
        &self,
        count: u32,
        more: &[Arc<Source>],
        one: &Topology,
    ) -> Result<Touched, Diagnostic> {
        let mut touched = BTreeSet::new();
        let more = more.iter().map(parse::<Spanned<ConditionSpec>>);
        let more = more.collect::<Result<Vec<_>, _>>()?;
        for condition in self.conditions.iter().chain(&more) {
            let Some((effect, names)) = effect_of(condition) else {
                return Ok(Touched::All);
            };
            let to = condition.to.iter().flat_map(|to| &to.names);
            let all: Vec<&String> = names.names.iter().chain(to).collect();
            let inside = || all.iter().all(|name| of_gpu_links(one, name));
            if effect == Effect::Failed && (condition.to.is_none() || !inside()) {
                return Ok(Touched::All);
            }
            for name in all {
                match copy_of(name).filter(|copy| *copy < count) {
                    Some(copy) => touched.insert(copy),
                    None => return Ok(Touched::All),
                };
            }
        }
        Ok(Touched::Only(touched))
    }
}

/// Whether a device of some copy is a GPU or a switch that joins nothing but GPUs.
fn of_gpu_links(one: &Topology, name: &str) -> bool {
    let first = name.split_once('.').map(|(_, own)| format!("node0.{own}"));
    let Some(id) = first.and_then(|first| one.find(&first)) else {
        return false;
    };
    let is_gpu = |id| one.device(id).gpu().is_some();
    is_gpu(id) || one.graph.neighbors(id).all(is_gpu)
}
