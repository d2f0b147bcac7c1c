//! Fabrics whose leaves are wired to each other, without a spine: torus and dragonfly.

use std::sync::Arc;

use super::cluster::{SWITCH_LATENCY, no_network, times};
use super::expand::Expansion;
use super::graph::{Device, DeviceId, DeviceKind, Wire};
use super::grid::Grid;
use crate::spec::{
    Diagnostic, DragonflySpec, FabricSpec, LinkClass, NetworkSpec, NodesSpec, Source, Spanned,
};
use crate::units::Seconds;

/// A fabric with every default filled in.
pub(super) struct Direct<'a> {
    form: Form<'a>,
    /// A link from a NIC to its leaf.
    link: Wire,
    /// A link between two leaves.
    uplink: Wire,
    nodes_per_leaf: usize,
    latency: Seconds,
}

/// How leaves are wired to each other.
enum Form<'a> {
    /// On a closed grid.
    Torus(&'a Spanned<Vec<u32>>),
    /// In groups.
    Dragonfly(Dragonfly),
}

/// A dragonfly (Kim et al., ISCA 2008).
struct Dragonfly {
    /// Leaves of a group.
    leaves: usize,
    /// Parallel links between two leaves of a group.
    local: u32,
    /// Links between two groups.
    global: u32,
    /// A link between two groups.
    wire: Wire,
}

impl<'a> Direct<'a> {
    /// # Errors
    /// No link is named, a number is out of range, or a key does not go with the form.
    pub(super) fn new(
        expansion: &Expansion<'_>,
        source: &Arc<Source>,
        nodes: &NodesSpec,
        fabric: &'a FabricSpec,
        network: Option<&NetworkSpec>,
    ) -> Result<Self, Diagnostic> {
        let link = fabric.link.as_ref().or(network.map(|n| &n.link));
        let link = link.ok_or_else(|| no_network(source, nodes))?;
        if let Some(over) = &fabric.oversubscription {
            let message = "`oversubscription` needs a spine";
            return Err(Diagnostic::new(message)
                .at(source.place(over))
                .help("name a narrower `uplink`, or more of `nodes_per_leaf`"));
        }
        let link = expansion.network_wire(source, link)?;
        let uplink = match &fabric.uplink {
            Some(name) => expansion.network_wire(source, name)?,
            None => link.clone(),
        };
        let form = match (&fabric.torus, &fabric.dragonfly, fabric.kind) {
            (Some(shape), None, None) => Form::Torus(shape),
            (None, Some(spec), None) => {
                Form::Dragonfly(Dragonfly::new(expansion, source, spec, &uplink)?)
            }
            _ => {
                let message = "`kind`, `torus` and `dragonfly` of a fabric exclude each other";
                return Err(Diagnostic::new(message).at(source.place(&nodes.base)));
            }
        };
        Ok(Self {
            form,
            link,
            uplink,
            nodes_per_leaf: number(source, &fabric.nodes_per_leaf, "nodes_per_leaf")? as usize,
            latency: fabric.switch_latency.unwrap_or(SWITCH_LATENCY),
        })
    }

    /// Adds a leaf for the NICs of every few machines, and wires the leaves.
    ///
    /// # Errors
    /// Their number is not that of the torus.
    pub(super) fn build(
        &self,
        expansion: &mut Expansion<'_>,
        source: &Arc<Source>,
        nics: &[Vec<DeviceId>],
        prefix: &str,
    ) -> Result<(), Diagnostic> {
        let mut leaves = Vec::new();
        for (number, members) in nics.chunks(self.nodes_per_leaf).enumerate() {
            let leaf = self.leaf(expansion, format!("{prefix}leaf{number}"));
            for nic in members.iter().flatten() {
                expansion.graph.add_edge(*nic, leaf, self.link.clone());
            }
            leaves.push(leaf);
        }
        match &self.form {
            Form::Torus(shape) => {
                let grid = Grid::new(source, shape, true, leaves.len(), "leaves")?;
                for (a, b) in grid.neighbours() {
                    let wire = self.uplink.clone();
                    expansion.graph.add_edge(leaves[a], leaves[b], wire);
                }
            }
            Form::Dragonfly(dragonfly) => dragonfly.wire(expansion, &leaves, &self.uplink),
        }
        Ok(())
    }

    fn leaf(&self, expansion: &mut Expansion<'_>, name: String) -> DeviceId {
        let id = expansion.graph.add_node(Device {
            name: name.clone(),
            kind: DeviceKind::Switch {
                class: LinkClass::Network,
                model: String::new(),
                latency: self.latency,
                host_bridge: false,
                reduces: false,
            },
            node: 0,
        });
        expansion.names.insert(name, id);
        id
    }
}

impl Dragonfly {
    fn new(
        expansion: &Expansion<'_>,
        source: &Arc<Source>,
        spec: &DragonflySpec,
        uplink: &Wire,
    ) -> Result<Self, Diagnostic> {
        let leaves = Some(spec.leaves_per_group.clone());
        Ok(Self {
            leaves: number(source, &leaves, "leaves_per_group")? as usize,
            local: number(source, &spec.local_links, "local_links")?,
            global: number(source, &spec.global_links, "global_links")?,
            wire: match &spec.global {
                Some(name) => expansion.network_wire(source, name)?,
                None => uplink.clone(),
            },
        })
    }

    fn wire(&self, expansion: &mut Expansion<'_>, leaves: &[DeviceId], uplink: &Wire) {
        let groups: Vec<&[DeviceId]> = leaves.chunks(self.leaves).collect();
        for group in &groups {
            for (i, a) in group.iter().enumerate() {
                for b in &group[i + 1..] {
                    let wire = times(uplink, self.local);
                    expansion.graph.add_edge(*a, *b, wire);
                }
            }
        }
        // Link j to the group q places on hangs on leaf q · links + j, seen from either side, so
        // that the links of a group are dealt out to its leaves in turn.
        let count = groups.len();
        let links = self.global as usize;
        let end = |group: usize, other: usize, link: usize| {
            let places_on = (other + count - group - 1) % count;
            groups[group][(places_on * links + link) % groups[group].len()]
        };
        for a in 0..count {
            for b in a + 1..count {
                for link in 0..links {
                    let wire = self.wire.clone();
                    expansion
                        .graph
                        .add_edge(end(a, b, link), end(b, a, link), wire);
                }
            }
        }
    }
}

/// A count as written, or 1.
fn number(
    source: &Arc<Source>,
    written: &Option<Spanned<u32>>,
    key: &str,
) -> Result<u32, Diagnostic> {
    match written {
        Some(number) if !(1..=1024).contains(&number.value) => {
            let message = format!("`{key}: {}` is not 1 to 1024", number.value);
            Err(Diagnostic::new(message).at(source.place(number)))
        }
        Some(number) => Ok(number.value),
        None => Ok(1),
    }
}
