//! One path of several: what switches do that send a flow by a hash of its header (ECMP).

use super::graph::{DeviceId, DeviceKind, Topology};
use super::route::{Hop, Route};

impl Route {
    /// One of the paths that this route spreads its traffic over, from `from` on: at every device
    /// a hash of `key` and the device picks a wire, in proportion to the shares. The same key
    /// picks the same path; the key of a flow stands for its addresses and ports.
    ///
    /// A wire of several parallel links stays one: which of them a flow takes is not modelled.
    #[must_use]
    pub fn hashed(&self, topology: &Topology, from: DeviceId, key: u64) -> Self {
        let mut path = Self::default();
        let mut at = from;
        while let Some((hop, to)) = self.drawn(topology, at, key) {
            path.latency_s += topology.graph[hop.link].latency.0;
            path.hops.push(Hop { share: 1.0, ..hop });
            if let DeviceKind::Switch { latency, .. } = &topology.device(to).kind {
                path.latency_s += latency.0;
            }
            path.passes.push(to);
            at = to;
        }
        path.passes.pop();
        path
    }

    /// The wire that a device sends a key over, and where it leads.
    fn drawn(&self, topology: &Topology, at: DeviceId, key: u64) -> Option<(Hop, DeviceId)> {
        let leads = |hop: &Hop| {
            let (a, b) = topology.graph.edge_endpoints(hop.link)?;
            let (start, end) = if hop.forward { (a, b) } else { (b, a) };
            (start == at).then_some((*hop, end))
        };
        let onward: Vec<(Hop, DeviceId)> = self.hops.iter().filter_map(leads).collect();
        let all: f64 = onward.iter().map(|(hop, _)| hop.share).sum();
        let mut left = all * share_of(mixed(key ^ mixed(at.index() as u64)));
        let drawn = onward.iter().find(|(hop, _)| {
            left -= hop.share;
            left < 0.0
        });
        drawn.or(onward.last()).copied()
    }
}

/// Well-spread bits of a number: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number in [0, 1).
fn share_of(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
