//! Demands under construction: one coefficient per resource.

use std::borrow::Borrow;

use crate::engine::ResourceId;

/// A sparse vector of demands, sorted by resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demands(Vec<(ResourceId, f64)>);

impl Demands {
    /// Adds to the coefficient of one resource.
    pub fn add(&mut self, resource: ResourceId, coefficient: f64) {
        match self.0.binary_search_by_key(&resource, |(r, _)| *r) {
            Ok(at) => self.0[at].1 += coefficient,
            Err(at) => self.0.insert(at, (resource, coefficient)),
        }
    }

    /// Adds `factor` times another vector.
    pub fn add_scaled(&mut self, other: &Demands, factor: f64) {
        for (resource, coefficient) in &other.0 {
            self.add(*resource, coefficient * factor);
        }
    }

    /// The sum of many vectors, each times a factor.
    pub fn sum<D: Borrow<Demands>>(parts: impl IntoIterator<Item = (D, f64)>) -> Self {
        let mut all: Vec<(ResourceId, f64)> = Vec::new();
        for (part, factor) in parts {
            let part = part.borrow().0.iter();
            all.extend(part.map(|(id, amount)| (*id, amount * factor)));
        }
        all.sort_by_key(|(id, _)| *id);
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self(all)
    }

    /// Keeps the resources that a test accepts.
    pub fn retain(&mut self, keep: impl Fn(ResourceId) -> bool) {
        self.0.retain(|(resource, _)| keep(*resource));
    }

    /// As the engine takes them.
    pub fn as_slice(&self) -> &[(ResourceId, f64)] {
        &self.0
    }

    /// The coefficient of one resource.
    pub fn of(&self, resource: ResourceId) -> f64 {
        let found = self.0.binary_search_by_key(&resource, |(r, _)| *r);
        found.map_or(0.0, |at| self.0[at].1)
    }
}
