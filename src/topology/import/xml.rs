//! The topology XML of NCCL (`NCCL_TOPO_DUMP_FILE`) and RCCL.
//!
//! Elements: system > cpu > pci (nested bridges) > gpu > nvlink, xgmi, c2c; nic > net. Traps met
//! in real files: a comment before the root, no `gpu` elements at all, links that target the GPU
//! itself, empty speeds, switch bridges that claim less than their children.

use roxmltree::{Document, Node};
use std::collections::BTreeMap;

use super::Assume;
use super::draft::{Draft, gpu_switch, pcie_switch};
use crate::spec::Diagnostic;

/// GPUs by PCI device, then by compute capability or GCN number: what `sm` and `gcn` tell.
const GPUS: [(&str, &str); 15] = [
    ("0x20b5", "a100-pcie-80gb"),
    ("0x20f1", "a100-pcie-40gb"),
    ("0x20b0", "a100-sxm-40gb"),
    ("0x20b2", "a100-sxm-80gb"),
    ("0x2330", "h100-sxm-80gb"),
    ("sm60", "p100-sxm2-16gb"),
    ("sm70", "v100-sxm2-32gb"),
    ("sm80", "a100-sxm-80gb"),
    ("sm86", "a10g"),
    ("sm89", "l40s"),
    ("sm90", "h100-sxm-80gb"),
    ("sm100", "b200-sxm"),
    ("gcn908", "mi100"),
    ("gcn910", "mi250x"),
    ("gcn942", "mi300x"),
];

/// Links between GPUs by what follows from the GPU.
const GPU_LINKS: [(&str, &str); 6] = [
    ("p100", "use: nvlink1"),
    ("v100", "use: nvlink2"),
    ("a100", "use: nvlink3"),
    ("h100", "use: nvlink4"),
    ("b200", "use: nvlink5"),
    ("mi300x", "use: xgmi4-mi300x"),
];

/// One xGMI link of the MI200 and MI100: NCCL's figure, ROCm/rccl@0cbce2a src/graph/topo.h.
const OTHER_XGMI: &str = "class: gpu-link, bandwidth: 36 GB/s, latency: 1 us";

/// CPUs by vendor and model number.
const CPUS: [(&str, &str, &str, &str); 6] = [
    ("GenuineIntel", "207", "xeon-8570", "upi-emerald-rapids"),
    ("GenuineIntel", "143", "xeon-8480c", "upi-sapphire-rapids"),
    ("GenuineIntel", "85", "xeon-gold-6248r", "upi-skylake"),
    ("GenuineIntel", "", "xeon-gold-6248r", "upi-skylake"),
    ("AuthenticAMD", "", "epyc-7742", "xgmi2-rome"),
    ("", "", "xeon-gold-6248r", "upi-skylake"),
];

/// Reads a dump.
pub(super) fn read(text: &str, assume: &Assume) -> Result<Draft, Diagnostic> {
    let document = Document::parse(text.trim_start())
        .map_err(|e| Diagnostic::new(format!("not well-formed XML: {e}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "system" {
        return Err(Diagnostic::new(format!(
            "the root is `{}`, not `system`: not a topology of NCCL",
            root.tag_name().name()
        )));
    }
    let mut reader = Reader {
        draft: Draft::new("NCCL topology XML"),
        assume,
        gpus: Vec::new(),
        nics: 0,
        switches: 0,
    };
    let mut cpus = Vec::new();
    let mut socket = "";
    for (number, cpu) in children(root, "cpu").enumerate() {
        let (guess, between) = cpu_of(cpu);
        socket = between;
        let why = format!(
            "vendor `{}`, model `{}`",
            value(cpu, "vendor"),
            value(cpu, "modelid")
        );
        let kind = reader.draft.choose(assume, "cpu", guess, &why);
        let name = reader.draft.device(&format!("cpu{number}"), &kind);
        reader.below(cpu, &name);
        cpus.push(name);
    }
    if cpus.len() > 1 {
        let why = "what such processors usually have";
        let link = reader.draft.choose(assume, "socket", socket, why);
        reader.draft.join_sockets(&cpus, &link);
    }
    reader.gpu_links();
    if reader.gpus.is_empty() {
        return Err(Diagnostic::new("the dump has no GPU"));
    }
    Ok(reader.draft)
}

/// A GPU met in the file.
struct Gpu<'a, 'input> {
    name: String,
    kind: String,
    busid: String,
    element: Option<Node<'a, 'input>>,
}

struct Reader<'a, 'input> {
    draft: Draft,
    assume: &'a Assume,
    gpus: Vec<Gpu<'a, 'input>>,
    nics: usize,
    switches: usize,
}

/// What a PCI device is.
#[derive(PartialEq)]
enum Role {
    Bridge,
    Gpu,
    Nic,
    Other,
}

impl<'a, 'input> Reader<'a, 'input> {
    /// Adds what hangs below a CPU or a bridge.
    fn below(&mut self, node: Node<'a, 'input>, above: &str) {
        for nic in children(node, "nic") {
            let name = self.nic();
            let link = self.pcie(nic, None);
            self.draft.link(&name, above, &link, 1);
        }
        for pci in children(node, "pci") {
            let link = self.pcie(pci, Some(fastest(pci)));
            match self.role(pci) {
                Role::Bridge => {
                    let generation = link.strip_prefix("use: ").unwrap_or("pcie4");
                    let kind = pcie_switch(generation);
                    let name = self.draft.device(&format!("plx{}", self.switches), kind);
                    self.switches += 1;
                    self.draft.link(&name, above, &link, 1);
                    self.below(pci, &name);
                }
                Role::Gpu => {
                    let kind = self.gpu_kind(pci);
                    let name = self.draft.device(&format!("gpu{}", self.gpus.len()), &kind);
                    self.draft.link(&name, above, &link, 1);
                    self.gpus.push(Gpu {
                        name,
                        kind,
                        busid: value(pci, "busid").to_string(),
                        element: children(pci, "gpu").next(),
                    });
                }
                Role::Nic => {
                    let name = self.nic();
                    self.draft.link(&name, above, &link, 1);
                }
                Role::Other => {}
            }
        }
    }

    fn nic(&mut self) -> String {
        self.nics += 1;
        self.draft
            .device(&format!("nic{}", self.nics - 1), "{nic: {}}")
    }

    fn role(&mut self, pci: Node<'_, '_>) -> Role {
        let class = value(pci, "class").trim_start_matches("0x");
        let named = self.assume.get("nics").unwrap_or_default();
        if named.split(',').any(|busid| busid == value(pci, "busid")) {
            return Role::Nic;
        }
        let has = |tag| children(pci, tag).next().is_some();
        match class {
            _ if has("gpu") => Role::Gpu,
            _ if has("nic") => Role::Nic,
            _ if has("pci") || class.starts_with("0604") => Role::Bridge,
            _ if class.starts_with("02") => Role::Nic,
            _ if class.starts_with("03") || class.starts_with("12") => Role::Gpu,
            "" => {
                self.draft.assume(
                    "Devices without a class are GPUs; name others with --assume nics=BUSID,BUSID.",
                );
                Role::Gpu
            }
            _ => Role::Other,
        }
    }

    /// The PCIe link of a device: its own speed and width, or for a bridge that claims less than
    /// what hangs below it, those.
    fn pcie(&mut self, pci: Node<'_, '_>, below: Option<f64>) -> String {
        if let Some(word) = self.assume.get("pcie") {
            return format!("use: {word}");
        }
        let own = speed(pci);
        let rate = match (own, below) {
            (Some(own), Some(below)) if below > own => {
                self.draft.assume(
                    "A bridge that claims a lower speed than its children is as fast as they are.",
                );
                below
            }
            (Some(own), _) => own,
            (None, _) => {
                self.draft.assume(
                    "Links without a speed are PCIe 3.0, as NCCL takes them; --assume pcie=NAME.",
                );
                8.0
            }
        };
        let width: u32 = value(pci, "link_width").parse().unwrap_or(0);
        let width = if width == 0 { 16 } else { width };
        let generation = match rate {
            rate if rate >= 32.0 => 5,
            rate if rate >= 16.0 => 4,
            _ => 3,
        };
        match (generation, width) {
            (3..=5, 16) | (3..=5, 8) | (4, 4) => format!("use: pcie{generation}-x{width}"),
            // NCCL 2.30 src/graph/topo.cc: width times the speed class over 80.
            _ => format!(
                "class: pcie, bandwidth: {} GB/s, latency: 0.6 us",
                f64::from(width) * rate * 15.0 / 8.0 / 10.0 * 0.8
            ),
        }
    }

    fn gpu_kind(&mut self, pci: Node<'_, '_>) -> String {
        let gpu = children(pci, "gpu").next();
        let attribute = |name| gpu.map_or("", |gpu| value(gpu, name));
        let (sm, gcn) = (attribute("sm"), attribute("gcn"));
        let keys = [
            value(pci, "device").to_string(),
            format!("gcn{}", gcn.trim_start_matches("gfx")),
            format!("sm{sm}"),
        ];
        let found = keys
            .iter()
            .find_map(|key| GPUS.iter().find(|(known, _)| known == key));
        let (guess, why) = match found {
            Some((key, name)) => (*name, format!("the dump says `{key}`")),
            None if gcn.is_empty() => ("a100-sxm-80gb", "the dump does not name it".to_string()),
            None => ("mi100", format!("nearest to GCN {gcn}")),
        };
        self.draft.choose(self.assume, "gpu", guess, &why)
    }

    /// Wires GPUs to each other and to switches as their elements say.
    fn gpu_links(&mut self) {
        let gpus = std::mem::take(&mut self.gpus);
        let by_bus: BTreeMap<String, usize> = gpus
            .iter()
            .enumerate()
            .map(|(at, gpu)| (gpu.busid.to_lowercase(), at))
            .collect();
        let mut switches: BTreeMap<String, String> = BTreeMap::new();
        let mut alone: Vec<(usize, u32)> = Vec::new();
        for (at, gpu) in gpus.iter().enumerate() {
            let link = self.gpu_link(&gpu.kind);
            for wire in gpu.element.iter().flat_map(|gpu| gpu.children()) {
                if !matches!(wire.tag_name().name(), "nvlink" | "xgmi") {
                    continue;
                }
                let count: u32 = value(wire, "count").parse().unwrap_or(1).clamp(1, 1024);
                let target = value(wire, "target").to_lowercase();
                match by_bus.get(&target) {
                    Some(other) if *other == at => alone.push((at, count)),
                    Some(other) if *other > at => {
                        self.draft.link(&gpu.name, &gpus[*other].name, &link, count);
                    }
                    Some(_) => {}
                    None => {
                        let kind = gpu_switch(link.trim_start_matches("use: "));
                        let number = switches.len();
                        let draft = &mut self.draft;
                        let new = || draft.device(&format!("nvs{number}"), kind);
                        let switch = switches.entry(target).or_insert_with(new).clone();
                        self.draft.link(&gpu.name, &switch, &link, count);
                    }
                }
            }
        }
        for pair in alone.chunks_exact(2) {
            let ((a, count), (b, _)) = (pair[0], pair[1]);
            self.draft
                .assume("GPUs whose links lead back to themselves are bridged in pairs.");
            let link = self.gpu_link(&gpus[a].kind);
            self.draft.link(&gpus[a].name, &gpus[b].name, &link, count);
        }
        self.gpus = gpus;
    }

    fn gpu_link(&self, gpu: &str) -> String {
        if let Some(word) = self.assume.get("gpu-link") {
            return format!("use: {word}");
        }
        let found = GPU_LINKS.iter().find(|(prefix, _)| gpu.starts_with(prefix));
        found.map_or(OTHER_XGMI, |(_, link)| link).to_string()
    }
}

fn children<'a, 'input: 'a>(
    node: Node<'a, 'input>,
    tag: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name(tag))
}

/// An attribute, empty if absent.
fn value<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

/// Speed of a device's link \[GT/s\].
fn speed(pci: Node<'_, '_>) -> Option<f64> {
    let text = value(pci, "link_speed");
    let number = text.split_whitespace().next()?;
    number.parse().ok().filter(|speed| *speed > 0.0)
}

/// The fastest link below a bridge \[GT/s\].
fn fastest(pci: Node<'_, '_>) -> f64 {
    children(pci, "pci").filter_map(speed).fold(0.0, f64::max)
}

/// A processor and the link between two of it.
fn cpu_of(cpu: Node<'_, '_>) -> (&'static str, &'static str) {
    let (vendor, model) = (value(cpu, "vendor"), value(cpu, "modelid"));
    let found = CPUS.iter().find(|(known, number, ..)| {
        (known.is_empty() || *known == vendor) && (number.is_empty() || *number == model)
    });
    found.map_or(("xeon-gold-6248r", "upi-skylake"), |(.., cpu, link)| {
        (cpu, link)
    })
}
