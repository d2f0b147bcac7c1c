//! Sums in the network's switches (SHARP), as NCCL's CollNet uses them.
//!
//! The r-th rank of every machine is the head of rail r. A head sends its share of its machine's
//! sum to its leaf switch and gets that of all machines back: 1/heads of the size out of and into
//! every NIC, whatever the number of machines (Graham et al. 2016, SHARP, §III). A leaf sends one
//! sum up to the root and one copy down to every head below. Inside a machine ranks reach the heads
//! directly, along chains, or through NVSwitches that add themselves.

use std::collections::BTreeMap;

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::pattern::{Form, Paths, Pattern, Send};
use crate::fabric::{Demands, Transport};
use crate::spec::LinkClass;
use crate::topology::{DeviceId, DeviceKind, Route, Through, find_route};

/// Dependent steps of a sum in the network: up to the root, and down.
const NETWORK_STEPS: usize = 2;

/// VRAM traffic of a head per byte it exchanges: read and written.
const VRAM_PER_BYTE: f64 = 2.0;

impl Communicator<'_> {
    /// Sums between machines in the network's switches, or none where they cannot add. `inside`
    /// says how ranks reach the heads: directly, along chains, or by NVLS.
    pub(super) fn collnet(&self, inside: Algorithm) -> Option<Pattern> {
        let heads = self.machines.iter().map(Vec::len).min()?;
        let mut paths = Paths::new(self);
        let (mut sends, latency_s) = self.network_sums(heads)?;
        let local_steps = match inside {
            Algorithm::Nvls => {
                for members in &self.machines {
                    let both = 1.0 + 1.0 / members.len() as f64;
                    sends.extend(self.switch_sends(members, both, both)?);
                }
                1
            }
            Algorithm::CollNetDirect => {
                self.direct_to_heads(heads, &mut paths, &mut sends)?;
                2
            }
            _ => {
                self.chains_to_heads(heads, &mut paths, &mut sends)?;
                2 * (self.machines.iter().map(Vec::len).max()? - 1)
            }
        };
        let form = Form::rounds(1, sends.len());
        let steps = (local_steps, NETWORK_STEPS);
        let pattern = Pattern::of_sends(inside, form, sends, steps, &paths);
        Some(Pattern {
            channels: heads,
            transport: Transport::Network,
            network_latency_s: latency_s,
            ..pattern
        })
    }

    /// Every rank sends each head its part and gets the sum back, over GPU links only.
    fn direct_to_heads(
        &self,
        heads: usize,
        paths: &mut Paths<'_, '_>,
        sends: &mut Vec<Send>,
    ) -> Option<()> {
        let share = 1.0 / heads as f64;
        for members in &self.machines {
            for head in &members[..heads] {
                for rank in members.iter().filter(|rank| *rank != head) {
                    sends.push(paths.send(*rank, *head, share)?);
                    sends.push(paths.send(*head, *rank, share)?);
                }
            }
        }
        (paths.transport == Transport::GpuLink).then_some(())
    }

    /// Ranks pass their part along a chain that ends at the head, and the sum back.
    fn chains_to_heads(
        &self,
        heads: usize,
        paths: &mut Paths<'_, '_>,
        sends: &mut Vec<Send>,
    ) -> Option<()> {
        let share = 1.0 / heads as f64;
        for members in &self.machines {
            let n = members.len();
            for head in 0..heads {
                for at in 1..n {
                    let (far, near) = (members[(head + at) % n], members[(head + at - 1) % n]);
                    sends.push(paths.send(far, near, share)?);
                    sends.push(paths.send(near, far, share)?);
                }
            }
        }
        Some(())
    }

    /// What heads and switches exchange, and the time from a head to the root \[s\].
    fn network_sums(&self, heads: usize) -> Option<(Vec<Send>, f64)> {
        let fabric = self.fabric;
        let adders = self.adders();
        let share = 1.0 / heads as f64;
        let mut sends = Vec::new();
        let mut longest_s = 0.0_f64;
        for rail in 0..heads {
            let mut leaves: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
            let mut routes = Vec::new();
            for members in &self.machines {
                let head = members[rail];
                let (leaf, route) = self.nearest(&adders, self.group[head])?;
                leaves.entry(leaf).or_default().push(head);
                routes.push((head, leaf, route));
            }
            let root = self.root(&adders, &leaves)?;
            for (head, leaf, up) in routes {
                let down = find_route(&fabric.topology, leaf, self.group[head], Through::Anything)?;
                let mut latency_s = up.latency_s;
                let mut demands = both_ways(self, &up, &down);
                if leaf != root {
                    let above = find_route(&fabric.topology, leaf, root, Through::Anything)?;
                    latency_s += above.latency_s;
                    // A leaf sends one sum for all heads below it: the first carries it.
                    if leaves[&leaf].first() == Some(&head) {
                        let below = find_route(&fabric.topology, root, leaf, Through::Anything)?;
                        demands.add_scaled(&both_ways(self, &above, &below), 1.0);
                    }
                }
                longest_s = longest_s.max(latency_s);
                demands.add(fabric.gpu(self.group[head])?.vram, VRAM_PER_BYTE);
                sends.push(Send {
                    from: head,
                    to: head,
                    share,
                    demands,
                    after: Vec::new(),
                });
            }
        }
        Some((sends, longest_s))
    }

    /// Switches of the network that add.
    fn adders(&self) -> Vec<DeviceId> {
        let adds = |kind: &DeviceKind| {
            matches!(
                kind,
                DeviceKind::Switch {
                    class: LinkClass::Network,
                    reduces: true,
                    ..
                }
            )
        };
        let devices = self.fabric.topology.devices();
        devices
            .filter(|(_, device)| adds(&device.kind))
            .map(|(id, _)| id)
            .collect()
    }

    /// The nearest of some switches, the first in order of several, and the way there.
    fn nearest(&self, switches: &[DeviceId], from: DeviceId) -> Option<(DeviceId, Route)> {
        let routes = switches.iter().filter_map(|switch| {
            let route = find_route(&self.fabric.topology, from, *switch, Through::Anything)?;
            Some((*switch, route))
        });
        routes.min_by_key(|(switch, route)| (route.passes.len(), *switch))
    }

    /// The switch at which the sums of all leaves meet: the leaf itself if there is one only.
    fn root(
        &self,
        adders: &[DeviceId],
        leaves: &BTreeMap<DeviceId, Vec<usize>>,
    ) -> Option<DeviceId> {
        let farthest = |root: DeviceId| {
            let far = leaves.keys().map(|leaf| {
                let route = find_route(&self.fabric.topology, *leaf, root, Through::Anything)?;
                Some(if *leaf == root {
                    0
                } else {
                    route.passes.len() + 1
                })
            });
            far.collect::<Option<Vec<_>>>()?.into_iter().max()
        };
        let roots = adders
            .iter()
            .filter_map(|root| Some((farthest(*root)?, *root)));
        roots.min().map(|(_, root)| root)
    }
}

/// Demands of a byte there and a byte back.
fn both_ways(communicator: &Communicator<'_>, up: &Route, down: &Route) -> Demands {
    let mut demands = communicator.fabric.route_demands(up, true, false);
    let back = communicator.fabric.route_demands(down, true, false);
    demands.add_scaled(&back, 1.0);
    demands
}
