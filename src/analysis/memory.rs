//! VRAM per device over all phases.

use crate::engine::Trace;
use crate::fabric::Fabric;
use crate::plan::{Account, Plan};

/// One device's memory at its fullest.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceMemory {
    /// Device name.
    pub device: String,
    /// Highest level \[B\].
    pub peak_bytes: f64,
    /// Capacity \[B\].
    pub capacity_bytes: f64,
    /// What was live at the peak \[B\], largest first; empty accounts are left out.
    pub accounts: Vec<(Account, f64)>,
    /// When it first ran over, if it did \[s\], and in which phase.
    pub overflow: Option<(f64, &'static str)>,
}

impl DeviceMemory {
    /// Whether everything fits.
    pub fn fits(&self) -> bool {
        self.peak_bytes <= self.capacity_bytes
    }
}

/// The memory of every rank's device.
pub fn device_memory(fabric: &Fabric, plan: &Plan, traces: &[&Trace]) -> Vec<DeviceMemory> {
    (0..plan.ranks.len())
        .map(|rank| {
            let phases = plan.phases.iter().zip(traces);
            let pools: Vec<_> = phases
                .map(|(phase, trace)| (phase, &trace.memory.pools[rank]))
                .collect();
            let fullest = pools
                .iter()
                .map(|(_, pool)| pool)
                .reduce(|a, b| if b.peak > a.peak { b } else { a });
            let overflow = pools.iter().find_map(|(phase, pool)| {
                pool.overflow.as_ref().map(|over| (over.time, phase.name))
            });
            let capacity = plan
                .phases
                .first()
                .map_or(0.0, |phase| phase.program.pools[rank].capacity);
            DeviceMemory {
                device: fabric.topology.device(plan.ranks[rank]).name.clone(),
                peak_bytes: fullest.map_or(0.0, |pool| pool.peak),
                capacity_bytes: capacity,
                accounts: fullest.map_or_else(Vec::new, |pool| named(&pool.peak_accounts)),
                overflow,
            }
        })
        .collect()
}

/// Levels by account, largest first.
fn named(levels: &[f64]) -> Vec<(Account, f64)> {
    let mut accounts: Vec<(Account, f64)> = Account::ALL
        .into_iter()
        .zip(levels)
        .map(|(account, bytes)| (account, *bytes))
        .filter(|(_, bytes)| *bytes >= 1.0)
        .collect();
    accounts.sort_by(|a, b| b.1.total_cmp(&a.1));
    accounts
}
