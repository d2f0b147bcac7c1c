//! What a vector of demands reaches alone.

use crate::fabric::{Demands, Fabric};

/// Rate of an activity with these demands when nothing else runs \[work/s\].
pub(super) fn alone(fabric: &Fabric, demands: &Demands) -> f64 {
    let rates = demands
        .as_slice()
        .iter()
        .filter(|(_, coefficient)| *coefficient > 0.0)
        .map(|(resource, coefficient)| fabric.resource(*resource).capacity / coefficient);
    rates.fold(f64::INFINITY, f64::min)
}
