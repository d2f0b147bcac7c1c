//! A collective over sizes: the table that nccl-tests prints.

use serde::Serialize;

use super::tables::table;
use crate::collective::{Communicator, Operation};
use crate::fabric::{Demands, Fabric};
use crate::spec::Diagnostic;
use crate::units::bytes_iec;

/// One size.
#[derive(Debug, Clone, Serialize)]
pub struct SweepRow {
    /// Size as nccl-tests counts it \[B\].
    pub size_bytes: u64,
    /// Time \[µs\].
    pub time_us: f64,
    /// Size over time \[GB/s, decimal\].
    pub algbw_gbps: f64,
    /// Bus bandwidth \[GB/s, decimal\].
    pub busbw_gbps: f64,
    /// Algorithm.
    pub algorithm: &'static str,
    /// Protocol.
    pub protocol: String,
    /// Channels.
    pub channels: usize,
    /// What binds: the narrowest resource, the longest of stages that follow each other, or
    /// latency.
    pub bound_by: String,
}

/// A sweep on one machine.
#[derive(Debug, Clone, Serialize)]
pub struct SweepRecord {
    /// Operation.
    pub operation: &'static str,
    /// Machine.
    pub topology: String,
    /// Ranks.
    pub ranks: usize,
    /// One row per size.
    pub rows: Vec<SweepRow>,
}

/// Predicts one operation at every size.
///
/// # Errors
/// No protocol works on these channels.
pub fn sweep(
    communicator: &Communicator<'_>,
    operation: Operation,
    sizes: &[u64],
) -> Result<SweepRecord, Diagnostic> {
    let rows = sizes.iter().map(|size| row(communicator, operation, *size));
    Ok(SweepRecord {
        operation: operation.key(),
        topology: communicator.fabric.topology.name.clone(),
        ranks: communicator.size(),
        rows: rows.collect::<Result<_, _>>()?,
    })
}

fn row(
    communicator: &Communicator<'_>,
    operation: Operation,
    size: u64,
) -> Result<SweepRow, Diagnostic> {
    let bytes = size as f64;
    let plan = communicator.plan(operation, bytes)?;
    let algbw = bytes / plan.alone_s;
    let flow_s = plan.alone_s - plan.latency_s;
    let (narrowest, rate) = narrowest(communicator.fabric, &plan.demands);
    let bound_by = if plan.latency_s > flow_s {
        "latency".to_string()
    } else if plan.limit < rate {
        let by = plan
            .limit_by
            .map(|id| &communicator.fabric.resource(id).name);
        by.map_or_else(|| narrowest, |name| format!("{name}, stage after stage"))
    } else {
        narrowest
    };
    Ok(SweepRow {
        size_bytes: size,
        time_us: plan.alone_s * 1e6,
        algbw_gbps: algbw / 1e9,
        busbw_gbps: algbw * operation.bus_factor(communicator.size()) / 1e9,
        algorithm: plan.algorithm,
        protocol: plan.protocol,
        channels: plan.channels,
        bound_by,
    })
}

/// The resource that runs full first, and the rate at which it does.
fn narrowest(fabric: &Fabric, demands: &Demands) -> (String, f64) {
    let rates = demands.as_slice().iter().map(|(id, coefficient)| {
        let resource = fabric.resource(*id);
        (resource.capacity / coefficient, resource.name.as_str())
    });
    let first = rates.reduce(|best, next| if next.0 < best.0 { next } else { best });
    first.map_or((String::new(), f64::INFINITY), |(rate, name)| {
        (name.into(), rate)
    })
}

/// The sweep as text, with the columns of nccl-tests first.
pub fn text(record: &SweepRecord) -> String {
    let header = [
        "size",
        "time (us)",
        "algbw (GB/s)",
        "busbw (GB/s)",
        "algorithm",
        "protocol",
        "channels",
        "bound by",
    ]
    .map(String::from);
    let rows: Vec<Vec<String>> = record
        .rows
        .iter()
        .map(|row| {
            vec![
                bytes_iec(row.size_bytes as f64),
                format!("{:.2}", row.time_us),
                format!("{:.2}", row.algbw_gbps),
                format!("{:.2}", row.busbw_gbps),
                row.algorithm.into(),
                row.protocol.clone(),
                row.channels.to_string(),
                row.bound_by.clone(),
            ]
        })
        .collect();
    format!(
        "{} over {} ranks of {}\n{}",
        record.operation,
        record.ranks,
        record.topology,
        table(&header, &rows)
    )
}
