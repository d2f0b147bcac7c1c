//! A collective over sizes: the table that nccl-tests prints.

use serde::Serialize;

use super::tables::table;
use crate::collective::{Communicator, Operation, together};
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
    /// What binds: the narrowest resource, the one of the longest stage, the sender's channels, or
    /// latency.
    pub bound_by: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_one(groups: &usize) -> bool {
    *groups == 1
}

/// A sweep on one machine.
#[derive(Debug, Clone, Serialize)]
pub struct SweepRecord {
    /// Operation.
    pub operation: &'static str,
    /// Machine.
    pub topology: String,
    /// Ranks of a group.
    pub ranks: usize,
    /// Groups that run at once.
    #[serde(skip_serializing_if = "is_one")]
    pub groups: usize,
    /// One row per size.
    pub rows: Vec<SweepRow>,
}

/// Predicts one operation at every size, on one group or on several of one machine at once: then
/// the time is that of the group that ends last, and the rest that of the first.
///
/// # Errors
/// There is no group, or no protocol works on the channels of one.
pub fn sweep(
    groups: &[Communicator<'_>],
    operation: Operation,
    sizes: &[u64],
) -> Result<SweepRecord, Diagnostic> {
    let Some(first) = groups.first() else {
        return Err(Diagnostic::new("a collective needs at least one group"));
    };
    let rows = sizes
        .iter()
        .map(|size| row(groups, first, operation, *size));
    Ok(SweepRecord {
        operation: operation.key(),
        topology: first.fabric.topology.name.clone(),
        ranks: first.size(),
        groups: groups.len(),
        rows: rows.collect::<Result<_, _>>()?,
    })
}

fn row(
    groups: &[Communicator<'_>],
    first: &Communicator<'_>,
    operation: Operation,
    size: u64,
) -> Result<SweepRow, Diagnostic> {
    let bytes = size as f64;
    let plan = first.plan(operation, bytes)?;
    let alone_s = plan.alone_s;
    let time_s = match groups {
        [_] => alone_s,
        _ => {
            let plans = groups.iter().map(|group| group.plan(operation, bytes));
            together(first.fabric, &plans.collect::<Result<Vec<_>, _>>()?)?
        }
    };
    let algbw = bytes / time_s;
    let flow_s = alone_s - plan.latency_s;
    let (narrowest, rate) = narrowest(first.fabric, &plan.demands);
    let bound_by = if plan.latency_s > flow_s {
        "latency".to_string()
    } else if plan.limit < rate {
        let by = plan.limit_by.map(|id| &first.fabric.resource(id).name);
        by.cloned().unwrap_or(narrowest)
    } else {
        narrowest
    };
    Ok(SweepRow {
        size_bytes: size,
        time_us: time_s * 1e6,
        algbw_gbps: algbw / 1e9,
        busbw_gbps: algbw * operation.bus_factor(first.size()) / 1e9,
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
    let at_once = match record.groups {
        1 => String::new(),
        groups => format!("each of {groups} groups at once, of "),
    };
    format!(
        "{} over {at_once}{} ranks of {}\n{}",
        record.operation,
        record.ranks,
        record.topology,
        table(&header, &rows)
    )
}
