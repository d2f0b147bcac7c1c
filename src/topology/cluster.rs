//! Many machines in one: copies of a machine, and the leaf and spine switches between their NICs.

use std::sync::Arc;

use super::copies::names_network;
use super::direct::Direct;
use super::expand::{Expansion, expand};
use super::graph::{Device, DeviceId, DeviceKind, Topology, Wire};
use crate::catalog::{Catalog, load};
use crate::spec::{
    Diagnostic, FabricKind, FabricSpec, Kind, LinkClass, LinkSpec, NetworkSpec, NodesSpec, Source,
    Spanned, SwitchSpec, TopologySpec, parse,
};
use crate::units::{BytesPerSecond, Seconds};

/// Time through a network switch that does not say its own \[s\]: 0.3 µs, the class of Quantum-2
/// and Spectrum-4 (an estimate).
pub(super) const SWITCH_LATENCY: Seconds = Seconds(0.3e-6);

/// `count` copies of a machine joined by the network it is made for; one copy is the machine.
///
/// # Errors
/// No machine of that name, or it names no network.
pub fn cluster(catalog: &Catalog, machine: &str, count: u32) -> Result<Topology, Diagnostic> {
    let own = load(catalog, machine, &[Kind::Topology], "topology")?;
    let spec: TopologySpec = parse(&own)?;
    let place = own.place(&spec.name);
    if count > 1 && !names_network(catalog, &own)? {
        return Err(no_network_of(machine).at(place));
    }
    let quoted = format!("\"{}\"", machine.replace('\\', "\\\\").replace('"', "\\\""));
    let text = format!(
        "kind: topology\nname: cluster\ntitle: {quoted}\nnodes: {{use: {quoted}, count: {count}}}\n"
    );
    let mut topology = expand(catalog, &Source::new("cluster", text))?;
    topology.name = format!("{machine} ×{count}");
    topology.title = topology.name.clone();
    topology.place = place;
    Ok(topology)
}

impl Expansion<'_> {
    /// Adds the copies that a file asks for, and the fabric between them.
    pub(super) fn nodes(
        &mut self,
        source: &Arc<Source>,
        spec: &TopologySpec,
        prefix: &str,
    ) -> Result<(), Diagnostic> {
        let Some(nodes) = &spec.nodes else {
            return match &spec.fabric {
                Some(_) => Err(Diagnostic::new("`fabric` needs `nodes` to join")),
                None => Ok(()),
            };
        };
        let sample = self.sample.clone().filter(|_| prefix.is_empty());
        let count = sample
            .as_ref()
            .map_or(nodes.count.value, |sample| sample.of);
        if !(1..=65_536).contains(&count) {
            return Err(Diagnostic::new("`count` of nodes is not 1 to 65536")
                .at(source.place(&nodes.count)));
        }
        let mut rails = Vec::new();
        let mut network = None;
        let copies = sample.map_or_else(|| (0..count).collect(), |sample| sample.copies);
        for node in copies {
            let first = self.graph.node_count();
            self.node = node;
            let base = self.nested(source, &nodes.base, &format!("{prefix}node{node}."))?;
            network = base.network;
            let added = self.graph.node_indices().skip(first);
            let nics = added.filter(|id| matches!(self.graph[*id].kind, DeviceKind::Nic));
            rails.push((node, nics.collect::<Vec<_>>()));
        }
        self.node = 0;
        let written = spec.fabric.as_ref().filter(|fabric| fabric.is_direct());
        if let (Some(fabric), true) = (written, count > 1) {
            let direct = Direct::new(self, source, nodes, fabric, network.as_ref())?;
            direct.build(self, source, &rails, prefix)?;
        } else if count > 1 {
            let fabric = Shape::new(self, source, nodes, spec.fabric.as_ref(), network.as_ref())?;
            fabric.build(self, &rails, count, prefix);
        }
        Ok(())
    }
}

/// The message for a file's copies without a network.
pub(super) fn no_network(source: &Arc<Source>, nodes: &NodesSpec) -> Diagnostic {
    unjoined(&nodes.base)
        .at(source.place(&nodes.base))
        .help("add `fabric: {kind: rail-optimised, link: ib-ndr}`, or `network:` to the machine")
}

/// The same where no file asks for the copies, but the command line.
fn no_network_of(machine: &str) -> Diagnostic {
    unjoined(machine)
        .help(
            "add `network: {kind: rail-optimised, link: ib-ndr}` to this file, or to a copy of it",
        )
        .help("it needs NICs too: `nic0: {nic: {}}`, wired to a CPU or a switch of the machine")
}

fn unjoined(machine: &str) -> Diagnostic {
    Diagnostic::new(format!(
        "`{machine}` does not say by which network its copies are joined"
    ))
}

/// A fabric with every default filled in.
struct Shape {
    kind: FabricKind,
    link: Wire,
    uplink: Wire,
    nodes_per_leaf: u32,
    oversubscription: f64,
    /// Leaves and spine.
    switch: DeviceKind,
}

impl Shape {
    fn new(
        expansion: &Expansion<'_>,
        source: &Arc<Source>,
        nodes: &NodesSpec,
        fabric: Option<&FabricSpec>,
        network: Option<&NetworkSpec>,
    ) -> Result<Self, Diagnostic> {
        let unknown = || no_network(source, nodes);
        let kind = fabric.and_then(|f| f.kind).or(network.map(|n| n.kind));
        let link = fabric.and_then(|f| f.link.as_ref());
        let link = match (link, network) {
            (Some(link), _) => expansion.network_wire(source, link)?,
            (None, Some(network)) => expansion.network_wire(source, &network.link)?,
            (None, None) => return Err(unknown()),
        };
        let uplink = match fabric.and_then(|f| f.uplink.as_ref()) {
            Some(name) => expansion.network_wire(source, name)?,
            None => link.clone(),
        };
        let per_leaf = fabric.and_then(|f| f.nodes_per_leaf.as_ref());
        let over = fabric.and_then(|f| f.oversubscription.as_ref());
        if let Some(written) = over.filter(|over| !(over.value >= 1.0 && over.value <= 1024.0)) {
            return Err(
                Diagnostic::new("`oversubscription` is not 1 to 1024").at(source.place(written))
            );
        }
        if let Some(written) = per_leaf.filter(|count| count.value == 0) {
            return Err(
                Diagnostic::new("`nodes_per_leaf` must be above 0").at(source.place(written))
            );
        }
        Ok(Self {
            kind: kind.ok_or_else(unknown)?,
            link,
            uplink,
            nodes_per_leaf: per_leaf.map_or(u32::MAX, |written| written.value),
            oversubscription: over.map_or(1.0, |over| over.value),
            switch: expansion.network_switch(source, fabric, network)?,
        })
    }

    /// Adds leaves, the spine where there is more than one leaf, and all wires.
    /// `nics` are those of each copy, by its number.
    fn build(
        &self,
        expansion: &mut Expansion<'_>,
        nics: &[(u32, Vec<DeviceId>)],
        count: u32,
        prefix: &str,
    ) {
        let rails = nics.iter().map(|(_, nics)| nics.len()).max().unwrap_or(0);
        let per_group = match self.kind {
            FabricKind::RailOptimised => rails,
            FabricKind::FatTree => 1,
        };
        let groups = count.div_ceil(self.nodes_per_leaf) as usize;
        let spine =
            (groups * per_group > 1).then(|| self.switch(expansion, format!("{prefix}spine")));
        let group_of = |node: u32| (node / self.nodes_per_leaf) as usize;
        for members in nics.chunk_by(|a, b| group_of(a.0) == group_of(b.0)) {
            let group = members.first().map_or(0, |(node, _)| group_of(*node));
            for rail in 0..per_group {
                let number = group * per_group + rail;
                let leaf = self.switch(expansion, format!("{prefix}leaf{number}"));
                let down: Vec<DeviceId> = match self.kind {
                    FabricKind::FatTree => members.iter().flat_map(|(_, of)| of).copied().collect(),
                    FabricKind::RailOptimised => members
                        .iter()
                        .filter_map(|(_, of)| of.get(rail).copied())
                        .collect(),
                };
                for nic in &down {
                    expansion.graph.add_edge(*nic, leaf, self.link.clone());
                }
                if let Some(spine) = spine {
                    let rate = self.link.bandwidth.0 * down.len() as f64 / self.oversubscription;
                    let count = (rate / self.uplink.bandwidth.0).ceil().max(1.0);
                    let uplink = times(&self.uplink, count as u32);
                    expansion.graph.add_edge(leaf, spine, uplink);
                }
            }
        }
    }

    fn switch(&self, expansion: &mut Expansion<'_>, name: String) -> DeviceId {
        let id = expansion.graph.add_node(Device {
            name: name.clone(),
            kind: self.switch.clone(),
            node: 0,
        });
        expansion.names.insert(name, id);
        id
    }
}

/// `count` parallel links.
pub(super) fn times(wire: &Wire, count: u32) -> Wire {
    let all = |rate: BytesPerSecond| BytesPerSecond(rate.0 * f64::from(count));
    Wire {
        count,
        bandwidth: all(wire.bandwidth),
        both_directions: wire.both_directions.map(all),
        both_directions_host: wire.both_directions_host.map(all),
        collective_both_host: wire.collective_both_host.map(all),
        collective: all(wire.collective),
        ..wire.clone()
    }
}

impl Expansion<'_> {
    /// The switch that a fabric names, or the machine's network; a plain one if neither does.
    fn network_switch(
        &self,
        source: &Arc<Source>,
        fabric: Option<&FabricSpec>,
        network: Option<&NetworkSpec>,
    ) -> Result<DeviceKind, Diagnostic> {
        let own = fabric.and_then(|f| f.switch.as_ref());
        let name = own.or(network.and_then(|n| n.switch.as_ref()));
        let written = fabric.and_then(|f| f.switch_latency);
        let Some(name) = name else {
            return Ok(DeviceKind::Switch {
                class: LinkClass::Network,
                model: String::new(),
                latency: written.unwrap_or(SWITCH_LATENCY),
                host_bridge: false,
                reduces: false,
            });
        };
        let at = |d: Diagnostic| d.at(source.place(name));
        let spec = self.catalog.get::<SwitchSpec>(self.replaced(name));
        let spec = spec.map_err(at)?;
        if spec.class != LinkClass::Network {
            let message = format!("`{}` is no switch of a network", spec.name);
            return Err(at(Diagnostic::new(message)));
        }
        let own = spec.latency.as_ref().map(|figure| figure.value);
        Ok(DeviceKind::Switch {
            class: spec.class,
            model: spec.name.clone(),
            latency: written.or(own).unwrap_or(SWITCH_LATENCY),
            host_bridge: false,
            reduces: spec.reduces.as_ref().is_some_and(|reduces| reduces.value),
        })
    }

    /// A network link of the catalogue.
    pub(super) fn network_wire(
        &self,
        source: &Arc<Source>,
        name: &Spanned<String>,
    ) -> Result<Wire, Diagnostic> {
        let at = |d: Diagnostic| d.at(source.place(name));
        let spec = self
            .catalog
            .get::<LinkSpec>(self.replaced(name))
            .map_err(at)?;
        if spec.class != LinkClass::Network {
            return Err(at(Diagnostic::new(format!(
                "`{}` is no network link",
                spec.name
            ))));
        }
        super::expand::wire_of(&spec, 1).map_err(at)
    }
}
