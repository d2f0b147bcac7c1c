//! A topology as text: for a person, and as YAML with every derived value.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::condition::Effect;
use super::graph::{DeviceKind, Topology, Wire};
use super::path_kind::path_matrix;
use crate::spec::LinkClass;

/// A page of text: devices by kind, wires by kind, and the matrix of path kinds.
pub fn describe(topology: &Topology) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}  ({})", topology.title, topology.name);
    if !topology.source.is_empty() {
        let _ = writeln!(text, "source: {}", topology.source.trim());
    }
    for line in &topology.assumes {
        let _ = writeln!(text, "assumed: {line}");
    }
    for condition in &topology.conditions {
        let _ = writeln!(text, "condition: {}", condition.text);
    }
    let _ = writeln!(text, "\ndevices");
    for (label, count) in counted(topology.devices().map(|(_, d)| kind_label(&d.kind))) {
        let _ = writeln!(text, "  {count:>4} × {label}");
    }
    let _ = writeln!(text, "\nwires (one direction)");
    for (label, count) in counted(topology.wires().map(|(.., wire)| wire_label(wire))) {
        let _ = writeln!(text, "  {count:>4} × {label}");
    }
    let (ids, rows) = path_matrix(topology);
    if !ids.is_empty() {
        let names: Vec<&str> = ids
            .iter()
            .map(|id| topology.device(*id).name.as_str())
            .collect();
        let _ = writeln!(text, "\npaths\n{}", matrix(&names, &rows));
    }
    text
}

/// Lines and how often each occurs, in order of first occurrence.
fn counted(labels: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for label in labels {
        match counts.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    counts
}

fn kind_label(kind: &DeviceKind) -> String {
    match kind {
        DeviceKind::Gpu(spec) => format!(
            "{} ({}, {})",
            spec.title, spec.memory.size.value, spec.memory.bandwidth.value
        ),
        DeviceKind::Cpu(spec) => format!(
            "{} ({} cores, {})",
            spec.title, spec.cores.value, spec.memory.bandwidth.value
        ),
        DeviceKind::Switch { model, .. } if model.is_empty() => "switch".into(),
        DeviceKind::Switch { model, .. } => model.clone(),
        DeviceKind::Nic => "network interface".into(),
        DeviceKind::Host => "host".into(),
    }
}

fn wire_label(wire: &Wire) -> String {
    let model = if wire.model.is_empty() {
        class_name(wire.class)
    } else {
        &wire.model
    };
    let times = if wire.count > 1 {
        format!("{} × ", wire.count)
    } else {
        String::new()
    };
    format!("{times}{model}: {}, {}", wire.bandwidth, wire.latency)
}

/// The class as a file writes it.
fn class_name(class: LinkClass) -> &'static str {
    match class {
        LinkClass::GpuLink => "gpu-link",
        LinkClass::Pcie => "pcie",
        LinkClass::Socket => "socket",
        LinkClass::Network => "network",
    }
}

/// A square table of labels.
fn matrix(names: &[&str], rows: &[Vec<super::path_kind::PathKind>]) -> String {
    let width = names
        .iter()
        .map(|name| name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let mut text = format!("  {:width$}", "");
    for name in names {
        let _ = write!(text, "  {name:>width$}");
    }
    for (name, row) in names.iter().zip(rows) {
        let _ = write!(text, "\n  {name:width$}");
        for kind in row {
            let _ = write!(text, "  {:>width$}", kind.to_string());
        }
    }
    text
}

/// The topology as YAML that reads back, with every template, range and link resolved.
pub fn resolved_yaml(topology: &Topology) -> String {
    let mut text = format!(
        "kind: topology\nname: {}\ntitle: {}\ndevices:\n",
        topology.name,
        quoted(&topology.title)
    );
    for (_, device) in topology.devices() {
        let kind = match &device.kind {
            DeviceKind::Gpu(spec) => spec.name.clone(),
            DeviceKind::Cpu(spec) => spec.name.clone(),
            DeviceKind::Switch {
                model,
                class,
                latency,
                host_bridge,
                reduces,
            } if model.is_empty() || *host_bridge => format!(
                "{{switch: {{kind: switch, name: switch, class: {}, host_bridge: {host_bridge}, \
                 latency: {{value: {} s, source: resolved}}, \
                 reduces: {{value: {reduces}, source: resolved}}}}}}",
                class_name(*class),
                latency.0
            ),
            DeviceKind::Switch { model, .. } => model.clone(),
            DeviceKind::Nic => "{nic: {}}".into(),
            DeviceKind::Host => "{host: {}}".into(),
        };
        let _ = writeln!(text, "  {}: {kind}", device.name);
    }
    let _ = writeln!(text, "links:");
    for (_, a, b, wire) in topology.wires() {
        let (a, b) = (&topology.device(a).name, &topology.device(b).name);
        let what = if wire.model.is_empty() {
            format!(
                "class: {}, bandwidth: {} B/s, latency: {} s",
                class_name(wire.class),
                wire.bandwidth.0 / wire.left / f64::from(wire.count),
                wire.latency.0
            )
        } else {
            format!("use: {}", wire.model)
        };
        let _ = write!(
            text,
            "  - {{from: {a}, to: {b}, {what}, count: {}{}}}",
            wire.count,
            if wire.forwards {
                ", forwards: true"
            } else {
                ""
            }
        );
        let _ = writeln!(
            text,
            "  # {} one direction, {}",
            wire.bandwidth, wire.latency
        );
    }
    text.push_str(&conditions(topology));
    text
}

/// The conditions of what is still there, device by device; what has failed is not.
fn conditions(topology: &Topology) -> String {
    let name = |id| topology.device(id).name.as_str();
    let wires = topology.wires();
    let mut joined: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (_, a, b, _) in wires {
        joined.extend([(name(a), name(b)), (name(b), name(a))]);
    }
    let there: BTreeSet<&str> = topology.devices().map(|(_, d)| d.name.as_str()).collect();
    let mut text = String::new();
    let left = topology.conditions.iter();
    for condition in left.filter(|condition| condition.effect != Effect::Failed) {
        let mut said = BTreeSet::new();
        let devices = condition.devices.iter();
        for device in devices.filter(|device| there.contains(device.as_str())) {
            let line = format!("  - {{{}: {device}", condition.effect.key());
            let others = condition.to.iter();
            for other in others.filter(|other| joined.contains(&(device, other))) {
                if said.insert((device.min(other), device.max(other))) {
                    let _ = writeln!(text, "{line}, to: {other}{}}}", condition.keys);
                }
            }
            if condition.to.is_empty() {
                let _ = writeln!(text, "{line}{}}}", condition.keys);
            }
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("conditions:\n{text}"),
    }
}

/// A YAML scalar that cannot be misread.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
