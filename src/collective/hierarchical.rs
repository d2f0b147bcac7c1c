//! Inside every machine, between machines, and inside again.
//!
//! Every machine reduces and scatters over its own rings; rank r of each machine all-reduces its
//! part with the ranks r of the others, on their rail; every machine gathers. With l ranks in each
//! of m machines: 2(l − 1) + 2(m − 1) steps, and (m−1)/m · 2/l of the size through every NIC, the
//! least that an all-reduce can send between machines (Cho et al. 2019, BlueConnect, §3).

use super::algorithm::Algorithm;
use super::communicator::Communicator;
use super::halving::Stages;
use super::operation::Operation;
use super::pattern::{Paths, Pattern, Send};

impl Communicator<'_> {
    /// The three stages, or none: one machine, or machines of different sizes.
    pub(super) fn hierarchical(&self, operation: Operation) -> Option<Pattern> {
        let count = self.machines.len();
        let each = self.machines.first()?.len();
        let alike = self.machines.iter().all(|members| members.len() == each);
        if count < 2 || each < 2 || !alike {
            return None;
        }
        let orders = self
            .machines
            .iter()
            .map(|members| self.inner_rings(members));
        let orders: Vec<Vec<(Vec<usize>, f64)>> = orders.collect::<Option<_>>()?;
        let mut paths = Paths::new(self);
        let mut stages = Stages::default();
        let (inner, outer) = (each as f64, count as f64);
        let inside = |stages: &mut Stages, paths: &mut Paths<'_, '_>| {
            let mut sends = Vec::new();
            for (order, share) in orders.iter().flatten() {
                let bytes = share * (inner - 1.0) / inner;
                sends.extend(around(paths, order, bytes)?);
            }
            stages.push(sends, each - 1);
            Some(())
        };
        let passes = if operation == Operation::AllReduce {
            2
        } else {
            1
        };
        if operation != Operation::AllGather {
            inside(&mut stages, &mut paths)?;
        }
        let mut between = Vec::new();
        for rail in 0..each {
            let order: Vec<usize> = self.machines.iter().map(|members| members[rail]).collect();
            let bytes = passes as f64 * (outer - 1.0) / outer / inner;
            between.extend(around(&mut paths, &order, bytes)?);
        }
        stages.push(between, passes * (count - 1));
        if operation != Operation::ReduceScatter {
            inside(&mut stages, &mut paths)?;
        }
        Some(self.staged(Algorithm::Hierarchical, stages, &paths))
    }

    /// The rings of one machine, by rank of the whole group, with their shares.
    fn inner_rings(&self, members: &[usize]) -> Option<Vec<(Vec<usize>, f64)>> {
        let group = members.iter().map(|rank| self.group[*rank]).collect();
        let machine = Communicator::new(self.fabric, self.library, group).ok()?;
        let rings = machine.channels.into_iter().map(|channel| {
            let order = channel.order.into_iter().map(|at| members[at]).collect();
            (order, channel.share)
        });
        Some(rings.collect())
    }
}

/// Every rank of a ring sends to the next.
fn around(paths: &mut Paths<'_, '_>, order: &[usize], share: f64) -> Option<Vec<Send>> {
    let hops = (0..order.len()).map(|at| (order[at], order[(at + 1) % order.len()]));
    hops.map(|(from, to)| paths.send(from, to, share)).collect()
}
