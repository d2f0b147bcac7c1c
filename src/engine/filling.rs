//! How full a resource is while shares are found.

/// State of a resource during one solve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filling {
    /// All that the resource can carry.
    pub(super) capacity: f64,
    /// Capacity not taken by those who stay and those who froze; below 0 only by rounding.
    pub(super) left: f64,
    /// Sum of coefficient · weight over growing activities.
    pub(super) slope: f64,
    /// Growing activities.
    pub(super) growing: u32,
    /// The level at which it held activities down; infinite if it did not.
    pub(super) held: f64,
    /// The search that reached it last.
    pub(super) seen: u32,
    /// Whether nothing was left of it when it was solved last.
    pub(super) full: bool,
}

impl Filling {
    /// Of a resource that takes part in no solve yet; until it is known better, it may be full.
    pub(super) fn new(capacity: f64) -> Self {
        Self {
            capacity,
            left: 0.0,
            slope: 0.0,
            growing: 0,
            held: f64::INFINITY,
            seen: 0,
            full: true,
        }
    }

    /// The level λ at which the resource runs full.
    pub(super) fn level(&self) -> f64 {
        self.left.max(0.0) / self.slope
    }
}
