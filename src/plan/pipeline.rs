//! Pipeline parallelism: stages that hand activations on and gradients back.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::gradients::Buckets;
use super::placement::Placement;
use super::range::within;
use super::schedule::{Slot, order};
use super::training::TrainingStep;
use crate::collective::Operation;
use crate::engine::{ActivityId, StreamId};
use crate::model::element_bytes;
use crate::spec::{Diagnostic, LibrarySpec, Schedule, Source, Spanned, TrainingSpec};

/// What a stage holds of the network.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    /// Whether the embedding is here.
    pub(super) first: bool,
    /// Whether the final norm and the vocabulary projection are here.
    pub(super) last: bool,
    /// The layers of each of its parts.
    pub(super) chunks: Vec<Range<u32>>,
}

/// The shape of a pipeline.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    /// Stages.
    pub(super) stages: u32,
    /// Parts of each stage.
    pub(super) chunks: u32,
    schedule: Schedule,
    /// First layer of every part of the network, and the end.
    starts: Vec<u32>,
}

impl Pipeline {
    /// Checks the degrees and spreads the layers.
    ///
    /// Parts have equally many layers; where two are missing for that, the first and the last have
    /// one less, as beside the embedding and the vocabulary projection of Llama 3 405B (arXiv
    /// 2407.21783, section 3.3.2); else the first parts have one more.
    pub(super) fn new(
        source: &Arc<Source>,
        spec: &TrainingSpec,
        placement: &Placement,
        layers: u64,
        micro_batches: u64,
    ) -> Result<Self, Diagnostic> {
        let stages = placement.pipeline;
        let parallel = &spec.parallel;
        let chunks = match &parallel.chunks {
            Some(written) => within(source, written, "virtual", 1 << 10)? as u32,
            None => 1,
        };
        let at = |message: String| {
            let written = parallel.chunks.as_ref().or(parallel.pipeline.as_ref());
            match written {
                Some(written) => Diagnostic::new(message).at(source.place(written)),
                None => Diagnostic::new(message),
            }
        };
        let parts = u64::from(stages) * u64::from(chunks);
        if parts > layers.max(1) {
            return Err(at(format!(
                "{layers} layers cannot be split into {parts} parts"
            )));
        }
        if stages == 1 && chunks > 1 {
            return Err(at("`virtual` needs `pipeline`".into()));
        }
        if stages > 1 && spec.zero.value > 1 {
            return Err(at("a pipeline goes with `zero: 0` or `1`".into()));
        }
        if chunks > 1 && !micro_batches.is_multiple_of(stages.into()) {
            return Err(at(format!(
                "interleaving needs a multiple of {stages} micro-batches, not {micro_batches}"
            )));
        }
        Ok(Self {
            stages,
            chunks,
            schedule: parallel.schedule,
            starts: match &parallel.layers {
                Some(written) => given(source, written, layers as u32, parts as usize)?,
                None => spread(layers as u32, parts as u32),
            },
        })
    }

    /// The layers of a part of the network.
    pub(super) fn layers_of(&self, part: u32) -> Range<u32> {
        self.starts[part as usize]..self.starts[part as usize + 1]
    }
}

/// First layer of every part as the file has it, and the end.
fn given(
    source: &Arc<Source>,
    written: &Spanned<Vec<u32>>,
    layers: u32,
    parts: usize,
) -> Result<Vec<u32>, Diagnostic> {
    let wrong = |message: String| {
        Diagnostic::new(message)
            .at(source.place(written))
            .help(format!(
                "expected {parts} numbers above 0 with the sum {layers}"
            ))
    };
    if written.len() != parts {
        let given = written.len();
        return Err(wrong(format!(
            "{parts} parts need {parts} numbers in `layers`, not {given}"
        )));
    }
    let sum: u64 = written.iter().map(|count| u64::from(*count)).sum();
    if written.contains(&0) {
        return Err(wrong("a part has no layer".into()));
    }
    if sum != u64::from(layers) {
        return Err(wrong(format!("these parts have {sum} layers together")));
    }
    let mut starts = vec![0];
    for count in &written.value {
        starts.push(starts[starts.len() - 1] + count);
    }
    Ok(starts)
}

/// First layer of every part, and the end.
fn spread(layers: u32, parts: u32) -> Vec<u32> {
    let short = parts > 1 && !layers.is_multiple_of(parts) && (layers + 2).is_multiple_of(parts);
    let (each, more) = match short {
        true => ((layers + 2) / parts, 0),
        false => (layers / parts, layers % parts),
    };
    let mut starts = vec![0];
    let mut at = 0;
    for part in 0..parts {
        let less = short && (part == 0 || part + 1 == parts);
        at += each + u32::from(part < more) - u32::from(less);
        starts.push(at);
    }
    starts
}

/// A pass of one micro-batch through one part of the network: forward, micro-batch, part.
type Pass = (bool, u32, u32);

/// A pipelined step under construction.
struct Run {
    /// What brings a pass its input, by rank of the stage.
    arrivals: BTreeMap<Pass, Vec<ActivityId>>,
    buckets: Vec<Buckets>,
    /// Backward passes done, by part of the network.
    done: Vec<u32>,
    /// Streams to the next and to the previous stage, by stage and rank of it.
    streams: Vec<Vec<[StreamId; 2]>>,
    /// Size of what a rank hands on \[B\].
    bytes: f64,
}

impl TrainingStep<'_, '_> {
    /// All micro-batches through all stages. A stage's slots are given in its own order; across
    /// stages, a slot is given as soon as what brings its input has been.
    pub(super) fn pipelined(&mut self, library: &LibrarySpec) -> Result<(), Diagnostic> {
        let job = self.job;
        let pipeline = &job.pipeline;
        let micro_batches = job.accumulate as u32;
        let orders: Vec<Vec<Slot>> = (0..pipeline.stages)
            .map(|stage| {
                let (p, v) = (pipeline.stages, pipeline.chunks);
                order(pipeline.schedule, p, stage, micro_batches, v)
            })
            .collect();
        let mut run = self.run_of_pipeline();
        let mut next = vec![0; orders.len()];
        loop {
            let mut moved = false;
            for (stage, slots) in orders.iter().enumerate() {
                while let Some(slot) = slots.get(next[stage])
                    && self.has_input(&run, stage, *slot)
                {
                    self.slot(&mut run, library, stage, *slot)?;
                    next[stage] += 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        if next
            .iter()
            .zip(&orders)
            .any(|(next, slots)| *next < slots.len())
        {
            return Err(Diagnostic::new(
                "the stages of this schedule wait for each other",
            ));
        }
        for stage in 0..self.stages.len() {
            self.stage = stage;
            self.wait_for(&run.buckets[stage].reductions);
            self.optimizer()?;
        }
        Ok(())
    }

    fn run_of_pipeline(&mut self) -> Run {
        let job = self.job;
        let operation = match job.zero {
            0 => Operation::AllReduce,
            _ => Operation::ReduceScatter,
        };
        let buckets = self.stages.iter();
        let buckets = buckets.map(|s| Buckets::new(operation, job.bucket, s.data.len()));
        let hidden = f64::from(job.network.spec().hidden);
        let mut streams = Vec::new();
        for stage in &self.stages {
            let builder = &mut self.builder;
            let each = stage
                .all
                .iter()
                .map(|_| [builder.stream(), builder.stream()]);
            streams.push(each.collect());
        }
        Run {
            arrivals: BTreeMap::new(),
            buckets: buckets.collect(),
            done: vec![0; (job.pipeline.stages * job.pipeline.chunks) as usize],
            streams,
            bytes: job.pass.own_tokens() * hidden * element_bytes(job.pass.precision),
        }
    }

    /// The part of the network that a slot works on.
    fn part(&self, stage: usize, slot: Slot) -> u32 {
        slot.chunk * self.job.pipeline.stages + stage as u32
    }

    /// Whether what a slot needs has been given out: a forward pass the one through the part
    /// before, a backward pass the one through the part behind or, at the end, its own forward.
    fn has_input(&self, run: &Run, stage: usize, slot: Slot) -> bool {
        let part = self.part(stage, slot);
        let parts = run.done.len() as u32;
        let edge = if slot.forward {
            part == 0
        } else {
            part + 1 == parts
        };
        edge || run
            .arrivals
            .contains_key(&(slot.forward, slot.micro_batch, part))
    }

    fn slot(
        &mut self,
        run: &mut Run,
        library: &LibrarySpec,
        stage: usize,
        slot: Slot,
    ) -> Result<(), Diagnostic> {
        self.stage = stage;
        let part = self.part(stage, slot);
        let parts = run.done.len() as u32;
        let input = run.arrivals.remove(&(slot.forward, slot.micro_batch, part));
        for (rank, id) in self.stages[stage].all.iter().zip(input.unwrap_or_default()) {
            self.builder.wait(*rank, id);
        }
        let layers = self.job.pipeline.layers_of(part);
        let to = if slot.forward {
            if part == 0 {
                self.embedding_forward()?;
            }
            for layer in layers {
                self.layer_forward(layer)?;
            }
            (part + 1 < parts).then_some(part + 1)
        } else {
            if part + 1 == parts {
                self.head()?;
            }
            self.backward_of_part(run, layers, part)?;
            part.checked_sub(1)
        };
        if let Some(to) = to {
            let key = (slot.forward, slot.micro_batch, to);
            let ids = self.hand_on(run, library, stage, to, slot.forward)?;
            run.arrivals.insert(key, ids);
        }
        Ok(())
    }

    /// Backward through a part, with the reduction of its gradients behind the last micro-batch.
    fn backward_of_part(
        &mut self,
        run: &mut Run,
        layers: Range<u32>,
        part: u32,
    ) -> Result<(), Diagnostic> {
        let job = self.job;
        run.done[part as usize] += 1;
        let reduce = u64::from(run.done[part as usize]) == job.accumulate;
        let width = element_bytes(job.gradient);
        let layer_bytes = job.network.layer_parameters_of_rank(job.pass.tensor) as f64 * width;
        let stage = self.stage;
        for layer in layers.rev() {
            self.layer_backward(layer)?;
            if reduce {
                let data = &mut self.stages[stage].data;
                run.buckets[stage].produced(&mut self.builder, data, layer_bytes)?;
            }
        }
        if part == 0 {
            self.embedding_backward()?;
        }
        let parts = &self.stages[stage].parts;
        let all = parts.chunks.len() as u32;
        let done = (0..all).map(|c| run.done[(c * job.pipeline.stages) as usize + stage]);
        if done.map(u64::from).all(|done| done == job.accumulate) {
            let layers: u32 = parts
                .chunks
                .iter()
                .map(|chunk| chunk.end - chunk.start)
                .sum();
            let ends = job.parameters_of(parts) * width - f64::from(layers) * layer_bytes;
            let data = &mut self.stages[stage].data;
            run.buckets[stage].produced(&mut self.builder, data, ends)?;
            run.buckets[stage].finish(&mut self.builder, data)?;
        }
        Ok(())
    }

    /// Every rank sends its part to the rank of its place in the stage that holds part `to`.
    fn hand_on(
        &mut self,
        run: &Run,
        library: &LibrarySpec,
        stage: usize,
        to: u32,
        forward: bool,
    ) -> Result<Vec<ActivityId>, Diagnostic> {
        let target = (to % self.job.pipeline.stages) as usize;
        let mut ids = Vec::new();
        for (place, from) in self.stages[stage].all.iter().enumerate() {
            let stream = run.streams[stage][place][usize::from(forward)];
            let ends = [*from, self.stages[target].all[place]];
            ids.push(self.builder.send(library, ends, stream, run.bytes)?);
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn layers_are_spread_as_published() {
        let lengths = |layers, parts| -> Vec<u32> {
            spread(layers, parts)
                .windows(2)
                .map(|w| w[1] - w[0])
                .collect()
        };
        assert_eq!(lengths(12, 4), [3, 3, 3, 3]);
        let llama = lengths(126, 16);
        assert_eq!((llama[0], llama[1], llama[15]), (7, 8, 7));
        assert_eq!(lengths(10, 4), [2, 3, 3, 2]);
        assert_eq!(lengths(9, 4), [3, 2, 2, 2]);
    }
}
