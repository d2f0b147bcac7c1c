//! A topology file under construction.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Assume;

/// Devices, wires and assumptions, in order.
#[derive(Debug, Default)]
pub(super) struct Draft {
    source: &'static str,
    assumes: Vec<String>,
    devices: Vec<(String, String)>,
    links: Vec<String>,
    named: BTreeMap<String, usize>,
}

impl Draft {
    /// An empty file.
    pub(super) fn new(source: &'static str) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Adds a device; `kind` is a catalogue name or YAML. Names stay unique.
    pub(super) fn device(&mut self, name: &str, kind: &str) -> String {
        let count = self.named.entry(name.to_string()).or_insert(0);
        *count += 1;
        let name = match *count {
            1 => name.to_string(),
            more => format!("{name}-{more}"),
        };
        self.devices.push((name.clone(), kind.to_string()));
        name
    }

    /// Adds a wire of a catalogue link.
    pub(super) fn link(&mut self, from: &str, to: &str, link: &str, count: u32) {
        let count = match count {
            1 => String::new(),
            more => format!(", count: {more}"),
        };
        self.links
            .push(format!("{{from: {from}, to: {to}, {link}{count}}}"));
    }

    /// Says once what had to be assumed.
    pub(super) fn assume(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.assumes.contains(&sentence) {
            self.assumes.push(sentence);
        }
    }

    /// The user's word for a key, or the guess with a sentence that says so.
    pub(super) fn choose(&mut self, assume: &Assume, key: &str, guess: &str, why: &str) -> String {
        if let Some(word) = assume.get(key) {
            return word.to_string();
        }
        self.assume(format!(
            "{key} is {guess}: {why}; override with --assume {key}=NAME"
        ));
        guess.to_string()
    }

    /// Joins every two sockets.
    pub(super) fn join_sockets(&mut self, cpus: &[String], link: &str) {
        for (at, a) in cpus.iter().enumerate() {
            for b in &cpus[at + 1..] {
                self.link(a, b, &format!("use: {link}"), 1);
            }
        }
    }

    /// The file.
    pub(super) fn yaml(&self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let name: String = name.chars().filter(|c| plain(*c)).collect();
        let name = if name.is_empty() {
            "imported".into()
        } else {
            name
        };
        let mut text = format!("kind: topology\nname: \"{name}\"\ntitle: \"{name}\"\n");
        let _ = writeln!(text, "source: {}", self.source);
        if !self.assumes.is_empty() {
            text.push_str("assumes:\n");
        }
        for sentence in &self.assumes {
            let _ = writeln!(text, "  - \"{}\"", sentence.replace(['"', '\\'], "'"));
        }
        text.push_str("devices:\n");
        for (name, kind) in &self.devices {
            let _ = writeln!(text, "  \"{name}\": {kind}");
        }
        text.push_str(if self.links.is_empty() {
            ""
        } else {
            "links:\n"
        });
        for link in &self.links {
            let _ = writeln!(text, "  - {link}");
        }
        text
    }
}

/// A host bridge, in place.
pub(super) const HOST_BRIDGE: &str =
    "{switch: {kind: switch, name: host-bridge, class: pcie, host_bridge: true}}";

/// The PCIe switch of the catalogue that goes with a link.
pub(super) fn pcie_switch(link: &str) -> &'static str {
    match link {
        _ if link.starts_with("pcie5") => "pcie-switch-gen5",
        _ if link.starts_with("pcie4") => "pcie-switch-gen4",
        _ => "pcie-switch-gen3",
    }
}

/// The NVSwitch of the catalogue that goes with a GPU link.
pub(super) fn gpu_switch(link: &str) -> &'static str {
    match link {
        "nvlink2" => "nvswitch-1",
        "nvlink3" => "nvswitch-2",
        "nvlink5" => "nvswitch-4",
        _ => "nvswitch-3",
    }
}
