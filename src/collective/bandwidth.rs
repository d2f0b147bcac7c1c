//! What a vector of demands reaches alone.

use crate::engine::ResourceId;
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

/// Time of one unit of work \[s\] and the resource that takes it; 0 without demands.
pub(super) fn binding(fabric: &Fabric, demands: &Demands) -> (f64, Option<ResourceId>) {
    let mut longest = (0.0, None);
    for (resource, coefficient) in demands.as_slice() {
        let seconds = coefficient / fabric.resource(*resource).capacity;
        if seconds > longest.0 {
            longest = (seconds, Some(*resource));
        }
    }
    longest
}
