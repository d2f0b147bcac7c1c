//! Memory pools over time; exceeding one is a result, not a crash.

use super::program::{Allocation, Pool};

/// Two changes this near, relative to the time itself, belong to one instant: rounding.
const SAME_TIME: f64 = 1e-12;

/// The first moment at which a pool held more than it can.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflow {
    /// When \[s\].
    pub time: f64,
    /// Level by account then \[B\].
    pub accounts: Vec<f64>,
}

/// One pool over a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolTrace {
    /// Level after each change: time \[s\], bytes.
    pub levels: Vec<(f64, f64)>,
    /// Highest level \[B\].
    pub peak: f64,
    /// When it was first reached \[s\].
    pub peak_time: f64,
    /// Level by account at the peak \[B\].
    pub peak_accounts: Vec<f64>,
    /// First overflow, if any.
    pub overflow: Option<Overflow>,
}

/// All pools over a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryTrace {
    /// By pool id.
    pub pools: Vec<PoolTrace>,
}

/// Running state of all pools.
#[derive(Debug, Default)]
pub(super) struct Memory {
    trace: MemoryTrace,
    level: Vec<f64>,
    accounts: Vec<Vec<f64>>,
}

impl Memory {
    /// Empty pools.
    pub(super) fn new(pools: usize) -> Self {
        Self {
            trace: MemoryTrace {
                pools: vec![PoolTrace::default(); pools],
            },
            level: vec![0.0; pools],
            accounts: vec![Vec::new(); pools],
        }
    }

    /// Takes what an activity takes at its start.
    pub(super) fn take(&mut self, pools: &[Pool], allocations: &[Allocation], time: f64) {
        for allocation in allocations.iter().filter(|a| a.bytes > 0.0) {
            self.change(pools, allocation, time);
        }
    }

    /// Gives back what an activity gives back at its end.
    pub(super) fn give(&mut self, pools: &[Pool], allocations: &[Allocation], time: f64) {
        for allocation in allocations.iter().filter(|a| a.bytes < 0.0) {
            self.change(pools, allocation, time);
        }
    }

    fn change(&mut self, pools: &[Pool], allocation: &Allocation, time: f64) {
        let pool = allocation.pool.index();
        let last = self.trace.pools[pool].levels.last();
        let together = last.is_some_and(|(at, _)| time <= at * (1.0 + SAME_TIME));
        if !together {
            self.settle(pools, pool);
        }
        let accounts = &mut self.accounts[pool];
        let account = allocation.account as usize;
        if accounts.len() <= account {
            accounts.resize(account + 1, 0.0);
        }
        accounts[account] += allocation.bytes;
        self.level[pool] += allocation.bytes;
        let level = self.level[pool];
        let levels = &mut self.trace.pools[pool].levels;
        match levels.last_mut() {
            Some(last) if together => last.1 = level,
            _ => levels.push((time, level)),
        }
    }

    /// The last instant of a pool is over: what was given back in it has made room for what was
    /// taken in it, so only now does its level count.
    fn settle(&mut self, pools: &[Pool], pool: usize) {
        let trace = &mut self.trace.pools[pool];
        let Some((time, level)) = trace.levels.last().copied() else {
            return;
        };
        let accounts = &self.accounts[pool];
        if level > trace.peak {
            trace.peak = level;
            trace.peak_time = time;
            trace.peak_accounts.clone_from(accounts);
        }
        if level > pools[pool].capacity && trace.overflow.is_none() {
            trace.overflow = Some(Overflow {
                time,
                accounts: accounts.clone(),
            });
        }
    }

    /// The record.
    pub(super) fn finish(mut self, pools: &[Pool]) -> MemoryTrace {
        for pool in 0..self.level.len() {
            self.settle(pools, pool);
        }
        self.trace
    }
}
