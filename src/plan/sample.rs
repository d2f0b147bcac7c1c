//! A cluster by a sample of it: as many machines as tell all others apart.
//!
//! Where tensor-parallel groups fill whole machines, the data-parallel replicas of a regular
//! training job are copies of each other. The sample holds the replicas that conditions touch and
//! one that stands for all others (two where nothing is touched: one that runs, and one for what
//! the first exchanges with its neighbour). Within replicas, ranks that do the same are
//! represented by one of them; which do is not assumed but found, by folding a probe of the job
//! with all ranks of the sample, and the smaller sample is held against it ([`stands_for`]).
//!
//! Everything between machines goes through leaf and spine, whose links are as wide as those of
//! the machines below them, so that the machines' own links stay the narrowest.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::loaded::{Loaded, network};
use super::placement::Placement;
use super::stands_for::stands_for;
use super::training;
use crate::catalog::Catalog;
use crate::engine::{ResourceId, fold};
use crate::fabric::{Fabric, Sampled};
use crate::spec::{Diagnostic, NameOr, Source, Spanned, TopologySpec, TrainingSpec, parse};
use crate::topology::{Changes, Copies, DeviceKind, Effect, Sample, Touched, copies, expand_with};

/// How a machine is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Copies, in place of those the file has.
    pub nodes: Option<u32>,
    /// More conditions than the file has.
    pub conditions: Vec<Arc<Source>>,
    /// Whether what does the same may be represented by a part of it.
    pub fold: bool,
}

/// The machine of a file for a workload, and where it may fold no more copies of it than it takes.
///
/// # Errors
/// The file does not describe copies of a machine where `nodes` asks for them, or cannot be
/// expanded.
pub fn machine(
    catalog: &Catalog,
    source: &Arc<Source>,
    wanted: &Wanted,
    workload: &Loaded,
) -> Result<Fabric, Diagnostic> {
    let Some(copies) = copies(catalog, source)? else {
        if wanted.nodes.is_some() {
            return Err(one_machine(source)?);
        }
        let changes = Changes {
            sample: None,
            conditions: wanted.conditions.clone(),
        };
        return Ok(Fabric::new(expand_with(catalog, source, &changes)?));
    };
    let cluster = Cluster {
        catalog,
        source,
        count: wanted.nodes.unwrap_or(copies.count),
        conditions: &wanted.conditions,
    };
    if wanted.fold
        && let Loaded::Training(from, job) = workload
        && let Some(fabric) = cluster.sampled(&copies, from, job)?
    {
        return Ok(fabric);
    }
    cluster.fabric((0..cluster.count).collect(), None)
}

/// The message for a file that has no copies.
fn one_machine(source: &Arc<Source>) -> Result<Diagnostic, Diagnostic> {
    let spec: TopologySpec = parse(source)?;
    let message = format!("`{}` is one machine, not copies of one", spec.name.value);
    Ok(Diagnostic::new(message)
        .at(source.place(&spec.name))
        .help("`--nodes` goes with a topology that has `nodes: {use: …, count: …}`"))
}

/// Copies of a machine.
struct Cluster<'a> {
    catalog: &'a Catalog,
    source: &'a Arc<Source>,
    count: u32,
    conditions: &'a [Arc<Source>],
}

/// How a job lies on a cluster: replica d of stage s on the d-th part of the s-th stretch.
struct Shape {
    /// Machines of a replica's stage.
    machines: u32,
    replicas: u32,
    stages: u32,
    /// Machines to a leaf.
    per_leaf: u32,
}

impl Cluster<'_> {
    /// The graph with some of the copies.
    fn fabric(&self, copies: Vec<u32>, sample: Option<Sampled>) -> Result<Fabric, Diagnostic> {
        let changes = Changes {
            sample: Some(Sample {
                copies,
                of: self.count,
            }),
            conditions: self.conditions.to_vec(),
        };
        let mut fabric = Fabric::new(expand_with(self.catalog, self.source, &changes)?);
        fabric.sample = sample;
        Ok(fabric)
    }

    /// The smallest sample that stands for the whole, if there is one.
    fn sampled(
        &self,
        copies: &Copies,
        from: &Arc<Source>,
        job: &TrainingSpec,
    ) -> Result<Option<Fabric>, Diagnostic> {
        if !copies.alone || copies.direct || copies.oversubscription > 1.0 || self.count < 4 {
            return Ok(None);
        }
        let one = self.fabric(vec![0], None)?.topology;
        let Touched::Only(touched) = copies.touched(self.count, self.conditions, &one)? else {
            return Ok(None);
        };
        let drawn = |c: &crate::topology::Condition| c.of_part && c.effect == Effect::Jitter;
        let gpus = one.gpus().len() as u32;
        let Some(shape) = self.shape(copies, job, gpus) else {
            return Ok(None);
        };
        // Trees of an all-reduce load a rank by its place among all.
        let by_place = job.zero.value == 0 && !touched.is_empty();
        if by_place || one.conditions.iter().any(drawn) {
            return Ok(None);
        }
        let touched: BTreeSet<u32> = touched
            .into_iter()
            .map(|copy| copy / shape.machines)
            .filter(|unit| *unit < shape.replicas * shape.stages)
            .map(|unit| unit % shape.replicas)
            .collect();
        let Some(every) = shape.sample(&touched, job.parallel.tensor.as_ref()) else {
            return Ok(None);
        };
        // Machines that are copies of each other differ only in being first, last, or neither.
        let stages = match touched.is_empty() {
            true => shape.stages.min(3),
            false => shape.stages,
        };
        let probe = self.fabric(shape.copies(&every.held, stages), None)?;
        let sample = narrowed(self.catalog, probe, (from, job), stages, every);
        let fabric = self.fabric(shape.copies(&sample.held, shape.stages), Some(sample))?;
        Ok(Some(fabric))
    }

    /// How the job lies on the machines, if they are all alike to it.
    fn shape(&self, copies: &Copies, job: &TrainingSpec, gpus: u32) -> Option<Shape> {
        let degree = |written: &Option<Spanned<u32>>| {
            written.as_ref().map_or(1, |degree| degree.value.max(1))
        };
        let (tensor, stages) = (degree(&job.parallel.tensor), degree(&job.parallel.pipeline));
        if gpus == 0 || !tensor.is_multiple_of(gpus) {
            return None;
        }
        let machines = tensor / gpus;
        let of_replica = machines.checked_mul(stages)?;
        let replicas = self.count / of_replica;
        let whole = self.count.is_multiple_of(of_replica);
        let even = replicas >= 4 && replicas.is_multiple_of(2);
        let given = job.parallel.data.as_ref();
        let all = given.is_none_or(|data| data.value == replicas);
        let per_leaf = copies.nodes_per_leaf.unwrap_or(self.count).max(1);
        // Every replica's way from stage to stage must cross as many leaves.
        let stretch = machines * replicas;
        let unit = per_leaf.is_multiple_of(machines);
        let aligned = per_leaf >= self.count
            || (unit && (stretch.is_multiple_of(per_leaf) || per_leaf.is_multiple_of(stretch)));
        (whole && even && all && aligned).then_some(Shape {
            machines,
            replicas,
            stages,
            per_leaf,
        })
    }
}

impl Shape {
    /// The leaf of a replica within its stage.
    fn leaf(&self, replica: u32) -> u32 {
        replica * self.machines / self.per_leaf
    }

    /// The touched replicas and what stands for the others, every rank of them, if that is less
    /// than all.
    fn sample(&self, touched: &BTreeSet<u32>, tensor: Option<&Spanned<u32>>) -> Option<Sampled> {
        let first = touched.first().copied().unwrap_or(0);
        let mut others = (0..self.replicas).filter(|d| !touched.contains(d) && *d != first);
        // A ring that crosses leaves must do so in the sample.
        let far = others.clone().find(|d| self.leaf(*d) != self.leaf(first));
        let other = far.or_else(|| others.next())?;
        let mut held = touched.clone();
        held.extend([first, other]);
        if held.len() as u32 >= self.replicas {
            return None;
        }
        let held: Vec<u32> = held.into_iter().collect();
        let last = held.iter().position(|d| *d == other)? as u32;
        let touched = (0..held.len() as u32).filter(|place| *place != last);
        Some(Sampled {
            all: self.replicas,
            running: touched.chain([last]).collect(),
            held,
            stand_in: (0..tensor.map_or(1, |tensor| tensor.value)).collect(),
        })
    }

    /// The machines of some replicas, over the first stages.
    fn copies(&self, replicas: &[u32], stages: u32) -> Vec<u32> {
        let of = |stage: u32, replica: u32| {
            let first = (replica + self.replicas * stage) * self.machines;
            first..first + self.machines
        };
        let stages = 0..stages;
        stages
            .flat_map(|stage| replicas.iter().flat_map(move |replica| of(stage, *replica)))
            .collect()
    }
}

/// The fewest ranks of a sample that stand for all of it: those that a probe of the job shows to
/// be different, where the check holds; else every one.
fn narrowed(
    catalog: &Catalog,
    mut fabric: Fabric,
    (from, job): (&Arc<Source>, &TrainingSpec),
    stages: u32,
    every: Sampled,
) -> Sampled {
    let narrower = || {
        let job = probe(catalog, from, job, stages)?;
        fabric.sample = Some(every.clone());
        let whole = training::plan_unfolded(catalog, &fabric, from, &job, None).ok()?;
        let classes = fold(&whole.phases[0].program)?;
        let class = |id: ResourceId| classes.resource_class(id);
        let placement = Placement::new(&fabric, from, &job.parallel).ok()?;
        let stand_in = placement.alike(|id| {
            let mut own: Vec<_> = fabric.of_device(id).into_iter().map(class).collect();
            own.sort_unstable();
            own
        });
        let trunks = trunks(&fabric);
        let alone = vec![every.running.first().copied()?];
        // Of two that are alike, one stands for both.
        let two = every.held.len() == 2;
        let attempts = [two.then_some(alone), Some(every.running.clone())];
        attempts.into_iter().flatten().find_map(|running| {
            let sample = Sampled {
                running,
                stand_in: stand_in.clone(),
                ..every.clone()
            };
            fabric.sample = Some(sample.clone());
            let part = training::plan_unfolded(catalog, &fabric, from, &job, None).ok()?;
            stands_for(&part, &whole, &classes, &trunks).then_some(sample)
        })
    };
    let found = { narrower }();
    found.unwrap_or(every)
}

/// The job with one layer a stage and one micro-batch: every kind of thing that ranks do together.
/// (What the last stage of an interleaved pipeline sends to the first goes as what a stage sends to
/// the next.)
fn probe(
    catalog: &Catalog,
    from: &Arc<Source>,
    job: &TrainingSpec,
    stages: u32,
) -> Option<TrainingSpec> {
    let mut model = network(catalog, from, &job.model).ok()?.spec().clone();
    model.layers = stages;
    let mut probe = job.clone();
    probe.model.value = NameOr::Inline(Box::new(model));
    probe.accumulate = None;
    probe.parallel.chunks = None;
    probe.parallel.layers = None;
    if let Some(pipeline) = &mut probe.parallel.pipeline {
        pipeline.value = stages;
    }
    Some(probe)
}

/// The resources between switches of the network, which are as wide as all that is below them.
fn trunks(fabric: &Fabric) -> BTreeSet<ResourceId> {
    let topology = &fabric.topology;
    let switch = |id| matches!(topology.device(id).kind, DeviceKind::Switch { .. });
    let outside = |id| switch(id) && !topology.device(id).name.contains('.');
    let wires = topology.wires().zip(fabric.wires());
    wires
        .filter(|((_, a, b, _), _)| outside(*a) && outside(*b))
        .flat_map(|(_, wire)| [wire.forward, wire.backward])
        .collect()
}
