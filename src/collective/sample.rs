//! Patterns of a group that is too large for the graph, from a sample of its ring.
//!
//! One rank a machine and all hops alike: then a resource of a rank carries what follows from the
//! size of the group. On a ring and under PAT that is (n−1)/n of the size out and in for each
//! direction of the operation; in a double binary tree (Sanders 2009) a rank is an inner node of
//! one tree and a leaf of the other, and carries half of the size three times and once: twice the
//! size out and in, n/(n−1) of what it carries on a ring.

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::operation::Operation;
use super::pattern::{Form, Pattern};
use super::tree::depth;
use crate::fabric::{Demands, Transport};

impl Communicator<'_> {
    /// The algorithms that come into question for a sampled group.
    pub(super) fn sample_patterns(&self, operation: Operation) -> Vec<Pattern> {
        let ring = self.ring_pattern(operation);
        let n = self.size();
        if ring.transport != Transport::Network {
            return vec![ring];
        }
        let other = match operation {
            Operation::AllReduce => Some((Algorithm::Tree, Form::Pipeline, 2 * depth(n))),
            Operation::AllGather | Operation::ReduceScatter => {
                let rounds = depth(operation.steps(n) + 1);
                Some((Algorithm::Pat, Form::rounds(1, 0), rounds))
            }
            _ => None,
        };
        let other = other.map(|(algorithm, form, network_steps)| {
            let more = match algorithm {
                Algorithm::Tree => n as f64 / (n as f64 - 1.0),
                _ => 1.0,
            };
            let mut demands = Demands::default();
            demands.add_scaled(&ring.demands, more);
            Pattern {
                algorithm,
                form,
                demands,
                local_steps: 0,
                network_steps,
                ..ring.clone()
            }
        });
        [ring.clone()].into_iter().chain(other).collect()
    }
}
