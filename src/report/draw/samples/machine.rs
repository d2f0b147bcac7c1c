//! Sample machines for the topology chart.

use crate::report::draw::*;

type Rows = Vec<(String, String, u8, &'static str)>;

fn machine(rows: Rows, edges: Vec<Edge>, title: &str) -> Topology {
    let tiers: Vec<u8> = rows.iter().map(|row| row.2).collect();
    let index = |id: &str| {
        rows.iter()
            .position(|row| row.0 == id)
            .unwrap_or(usize::MAX)
    };
    let pairs: Vec<(usize, usize)> = edges.iter().map(|e| (index(&e.a), index(&e.b))).collect();
    let places = layout(&tiers, &pairs);
    let nodes = rows
        .into_iter()
        .zip(places)
        .map(|((id, label, tier, kind), x)| Node {
            id,
            label,
            tier,
            x,
            kind: kind.to_string(),
        });
    Topology {
        title: title.to_string(),
        subtitle: "Utilisation of each link, busier direction, over one training step".to_string(),
        nodes: nodes.collect(),
        edges,
    }
}

fn edge(a: &str, b: &str, class: &str, gbytes: f64, busy: f64) -> Edge {
    Edge {
        a: a.to_string(),
        b: b.to_string(),
        label: format!("{gbytes:.0} GB/s"),
        bytes_per_s: gbytes * 1e9,
        utilisation: busy,
        class: class.to_string(),
    }
}

/// CPUs, PCIe switches and GPUs, as in every sample machine.
fn host(edges: &mut Vec<Edge>, with_nics: bool) -> Rows {
    let mut rows: Rows = Vec::new();
    for cpu in 0..2 {
        rows.push((format!("cpu{cpu}"), format!("CPU {cpu}"), 0, "cpu-memory"));
    }
    for switch in 0..4 {
        let name = format!("sw{switch}");
        rows.push((name.clone(), format!("PCIe switch {switch}"), 1, "pcie"));
        let busy = 0.2 + 0.2 * f64::from(switch);
        edges.push(edge(
            &format!("cpu{}", switch / 2),
            &name,
            "PCIe 4.0 x16",
            26.0,
            busy,
        ));
    }
    for gpu in 0..8 {
        let (name, switch) = (format!("gpu{gpu}"), format!("sw{}", gpu / 2));
        rows.push((name.clone(), format!("GPU {gpu}"), 2, "compute"));
        edges.push(edge(
            &switch,
            &name,
            "PCIe 4.0 x16",
            26.0,
            0.1 * f64::from(gpu),
        ));
        if with_nics {
            let nic = format!("nic{gpu}");
            rows.push((nic.clone(), format!("NIC {gpu}"), 2, "network"));
            edges.push(edge(&switch, &nic, "PCIe 4.0 x16 to NIC", 24.0, 0.55));
        }
    }
    edges.push(edge("cpu0", "cpu1", "socket link", 60.0, 0.92));
    rows
}

pub fn topology_switched() -> Topology {
    let mut edges = Vec::new();
    let mut rows = host(&mut edges, true);
    for switch in 0..6 {
        let name = format!("nvs{switch}");
        rows.push((name.clone(), format!("NVSwitch {switch}"), 3, "gpu-link"));
        for gpu in 0..8 {
            let busy = 0.4 + 0.05 * f64::from(gpu);
            edges.push(edge(&format!("gpu{gpu}"), &name, "NVLink", 50.0, busy));
        }
    }
    machine(
        rows,
        edges,
        "The link between the sockets is the busiest of the server",
    )
}

pub fn topology_mesh() -> Topology {
    let mut edges = Vec::new();
    let rows = host(&mut edges, false);
    for a in 0..8 {
        for b in a + 1..8 {
            if a / 4 == b / 4 || b - a == 4 {
                let busy = f64::from(a + b) / 14.0;
                let width = if b - a == 1 { 50.0 } else { 25.0 };
                edges.push(edge(
                    &format!("gpu{a}"),
                    &format!("gpu{b}"),
                    "NVLink",
                    width,
                    busy,
                ));
            }
        }
    }
    machine(
        rows,
        edges,
        "In the cube mesh the right half carries most of the traffic",
    )
}
