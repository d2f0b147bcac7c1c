//! What a vector of demands reaches alone.

use crate::engine::ResourceId;
use crate::fabric::{Demands, Fabric};

/// Rate of an activity with these demands when nothing else runs \[work/s\], and the resource that
/// holds it there; infinite without demands.
pub(super) fn alone(fabric: &Fabric, demands: &Demands) -> (f64, Option<ResourceId>) {
    let mut least = (f64::INFINITY, None);
    for (resource, coefficient) in demands.as_slice() {
        let rate = fabric.resource(*resource).capacity / coefficient;
        if *coefficient > 0.0 && rate < least.0 {
            least = (rate, Some(*resource));
        }
    }
    least
}
