//! Every table as CSV.

use super::devices::DeviceRecord;
use super::kernel::KernelRecord;
use super::record::CompareRecord;
use super::sweep::SweepRecord;

/// Writes rows of cells.
fn write(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut failed = writer.write_record(header).is_err();
    for row in rows {
        failed |= writer.write_record(&row).is_err();
    }
    debug_assert!(
        !failed,
        "writing to memory cannot fail, and every row has its header's length"
    );
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// Any table, one line a row.
pub fn lines(header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    write(&header, rows)
}

/// One line per device.
pub fn devices(records: &[DeviceRecord]) -> String {
    let header = [
        "name",
        "class",
        "vendor",
        "architecture",
        "year",
        "units",
        "flops_per_s",
        "memory_bytes",
        "bandwidth_bytes_per_s",
        "ridge_flop_per_byte",
        "measured",
    ];
    let row = |device: &DeviceRecord| {
        vec![
            device.name.clone(),
            device.class.to_string(),
            device.vendor.clone(),
            device.architecture.clone(),
            device.year.to_string(),
            device.units.to_string(),
            device.flops_per_s.to_string(),
            device.memory_bytes.to_string(),
            device.bandwidth.to_string(),
            device.ridge.to_string(),
            device.measured.to_string(),
        ]
    };
    write(&header, records.iter().map(row))
}

/// One line per workload, machine and quantity.
pub fn comparison(record: &CompareRecord) -> String {
    let header = ["workload", "system", "quantity", "key", "value", "unit"];
    let mut rows = Vec::new();
    for workload in &record.workloads {
        for system in &workload.systems {
            let mut push = |quantity: &str, key: &str, value: f64, unit: &str| {
                rows.push(vec![
                    workload.workload.clone(),
                    system.name.clone(),
                    quantity.to_string(),
                    key.to_string(),
                    value.to_string(),
                    unit.to_string(),
                ]);
            };
            push("step_time", "", system.step_time_s, "s");
            push(
                "throughput",
                "",
                system.throughput.value,
                system.throughput.unit,
            );
            push(
                "throughput_per_gpu",
                "",
                system.throughput_per_gpu,
                system.throughput.unit,
            );
            push(
                "waiting_for_data",
                "",
                system.waiting_for_data_share,
                "share",
            );
            for (kind, time) in &system.time_by_kind {
                push("time_by_kind", kind, *time, "s");
            }
            for entry in &system.time_by_resource {
                push("time_by_resource", &entry.resource, entry.time_s, "s");
            }
            for (kind, slope) in &system.sensitivity {
                push("sensitivity", kind, *slope, "d ln step / d ln capacity");
            }
            for entry in &system.sensitivity_by_resource {
                let what = "d ln step / d ln capacity";
                push(
                    "sensitivity_by_resource",
                    &entry.resource,
                    entry.slope,
                    what,
                );
            }
            for phase in &system.phases {
                push("phase_time", phase.name, phase.time_s, "s");
            }
            for device in &system.memory {
                push("peak_vram", &device.device, device.peak_bytes, "B");
            }
            for flow in &system.flows {
                push(
                    "finish",
                    &format!("{}→{}", flow.from, flow.to),
                    flow.finish_s,
                    "s",
                );
            }
        }
    }
    write(&header, rows.into_iter())
}

/// One line per machine and size.
pub fn sweeps(records: &[SweepRecord]) -> String {
    let header = [
        "system",
        "operation",
        "ranks",
        "size_bytes",
        "time_us",
        "algbw_gbps",
        "busbw_gbps",
        "algorithm",
        "protocol",
        "channels",
        "bound_by",
    ];
    let rows = records.iter().flat_map(|record| {
        record.rows.iter().map(move |row| {
            vec![
                record.topology.clone(),
                record.operation.to_string(),
                record.ranks.to_string(),
                row.size_bytes.to_string(),
                row.time_us.to_string(),
                row.algbw_gbps.to_string(),
                row.busbw_gbps.to_string(),
                row.algorithm.to_string(),
                row.protocol.clone(),
                row.channels.to_string(),
                row.bound_by.clone(),
            ]
        })
    });
    write(&header, rows)
}

/// One line per operator and device.
pub fn kernels(records: &[KernelRecord]) -> String {
    let mut header = vec!["operator", "device", "format", "runs_as"];
    if let Some(first) = records.first() {
        header.extend(first.sizes.iter().map(|(name, _)| *name));
    }
    header.extend([
        "time_s",
        "flops_per_s",
        "vram_bytes_per_s",
        "cache_bytes_per_s",
        "intensity",
    ]);
    header.extend(["bound_by", "tile_rows", "tile_columns", "split", "notes"]);
    let text = |value: Option<u64>| value.map_or_else(String::new, |v| v.to_string());
    let rows = records.iter().map(|record| {
        let mut row = [
            record.operator,
            &record.device,
            record.format,
            record.runs_as,
        ]
        .map(String::from)
        .to_vec();
        row.extend(record.sizes.iter().map(|(_, value)| value.to_string()));
        let numbers = [
            record.time_s,
            record.flops_per_s,
            record.vram_bytes_per_s,
            record.cache_bytes_per_s,
            record.intensity,
        ];
        row.extend(numbers.map(|value| value.to_string()));
        row.push(record.bound_by.to_string());
        row.extend([
            text(record.tile.map(|tile| tile[0])),
            text(record.tile.map(|tile| tile[1])),
            text(record.split),
            record.notes.join("; "),
        ]);
        row
    });
    write(&header, rows)
}
