//! One step as lanes, and its kernels under the roofline.

use super::Case;
use super::draw::{Lane, Mark, Roofline, RooflinePoint, Span, Timeline};
use super::kernel::roofs;
use super::sentence::capitalised;
use crate::analysis::{roofline_points, timeline};
use crate::kernel::Device;
use crate::spec::Precision;
use crate::units::duration;

/// How many lanes a picture holds: a host's and those of eight GPUs; more cannot be read.
const MOST_LANES: usize = 17;
/// How many kernels are named under a roofline.
const NAMED_KERNELS: usize = 8;

/// The lanes of one phase.
pub(super) fn lanes(case: &Case<'_>, index: usize) -> Timeline {
    let phase = &case.plan.phases[index];
    let outcome = &case.outcome.phases[index];
    let all = timeline(case.fabric, &case.plan, phase, outcome);
    let hidden = all.len().saturating_sub(MOST_LANES);
    let lanes = all.into_iter().take(MOST_LANES).map(|lane| Lane {
        label: lane.label,
        spans: lane
            .boxes
            .into_iter()
            .map(|stretch| Span {
                start_s: stretch.start_s,
                end_s: stretch.end_s,
                kind: stretch.kind.key().into(),
                label: stretch.name.into(),
            })
            .collect(),
    });
    let more = if hidden > 0 {
        format!("; {hidden} more lanes like these")
    } else {
        String::new()
    };
    Timeline {
        title: format!(
            "{} of {} on {}",
            capitalised(phase.name),
            case.plan.workload,
            case.fabric.topology.name
        ),
        subtitle: format!(
            "{}, coloured by what binds each stretch{more}",
            duration(outcome.time_s)
        ),
        range_s: (0.0, outcome.time_s),
        lanes: lanes.collect(),
        marks: Vec::<Mark>::new(),
    }
}

/// The kernels of the first GPU under its roofline; none for a list of flows.
pub(super) fn under_the_roof(case: &Case<'_>) -> Option<Roofline> {
    let rank = case.plan.ranks.first()?;
    let gpu = case.fabric.topology.device(*rank).gpu()?;
    // The clock has fallen to what power allows: a step is not a benchmark.
    let device = Device::of_gpu(gpu).busy();
    let points = roofline_points(&case.plan, &case.outcome.phases);
    Some(Roofline {
        title: format!(
            "Kernels of {} under the roofline of {}",
            case.plan.workload, gpu.title
        ),
        subtitle: "dense 16-bit peak and VRAM rate by the data sheet, dashed: what large kernels \
                   reach; dots by share of the step, launches included"
            .into(),
        devices: vec![roofs(gpu.title.clone(), &device, Precision::Bf16)?],
        points: points
            .into_iter()
            .map(|point| RooflinePoint {
                label: point.name,
                intensity: point.intensity,
                achieved_flops: point.achieved,
                time_share: point.share,
                kind: point.kind.key().into(),
            })
            .collect(),
        most_labels: NAMED_KERNELS,
    })
}
