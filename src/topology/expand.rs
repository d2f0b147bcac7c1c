//! From what was written to the graph: `use`, parts, ranges, wiring.

use petgraph::graph::UnGraph;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::condition::{self, Asked};
use super::graph::{Device, DeviceId, DeviceKind, Topology, Wire};
use super::grid::Grid;
use crate::catalog::{AnyDevice, Catalog, Entry, is_path, load};
use crate::spec::{
    DeviceUse, Diagnostic, Hostlist, Kind, LinkSpec, LinkUse, NameOr, Source, Spanned, SwitchSpec,
    TopologySpec, Wiring, is_name, no_name, parse,
};
use crate::units::{BytesPerSecond, Seconds};

/// Most devices a topology may have.
const MAX_DEVICES: usize = 1 << 20;
/// Most wires a topology may have.
const MAX_WIRES: usize = 1 << 23;
/// Most topologies that may be inside one another.
const MAX_DEPTH: usize = 32;
/// Most parts a topology may have, counting those of its parts.
const MAX_PARTS: usize = 1 << 17;

/// Builds the topology that a file describes.
///
/// # Errors
/// One diagnostic with its place for an unknown name, a duplicate, a range that does not fit, a
/// `use` that leads back to itself, or too large an expansion.
pub fn expand(catalog: &Catalog, source: &Arc<Source>) -> Result<Topology, Diagnostic> {
    expand_with(catalog, source, &Changes::default())
}

/// What is to be other than a file says.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Copies of its machine, instead of those it has.
    pub sample: Option<Sample>,
    /// More conditions: the texts of mappings as under `conditions:`.
    pub conditions: Vec<Arc<Source>>,
}

/// Which copies of a machine to make.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Their numbers, in order.
    pub copies: Vec<u32>,
    /// Of how many.
    pub of: u32,
}

/// The same with changes.
///
/// # Errors
/// See [`expand`].
pub fn expand_with(
    catalog: &Catalog,
    source: &Arc<Source>,
    changes: &Changes,
) -> Result<Topology, Diagnostic> {
    let mut expansion = Expansion {
        catalog,
        sample: changes.sample.clone(),
        conditions: Vec::new(),
        graph: UnGraph::default(),
        names: FxHashMap::default(),
        replace: Vec::new(),
        open: Vec::new(),
        known: FxHashMap::default(),
        kinds: RefCell::default(),
        wires: RefCell::default(),
        parts: 0,
        node: 0,
    };
    let file = Arc::new(File {
        source: Arc::clone(source),
        spec: parse(source)?,
        identity: identity(&source.path),
    });
    let spec = expansion.file(&file, "")?;
    let place = source.place(&spec.name);
    if !is_name(&spec.name) {
        return Err(no_name(&spec.name).at(place));
    }
    for source in &changes.conditions {
        expansion.conditions.push(Asked {
            spec: parse(source)?,
            source: Arc::clone(source),
            prefix: String::new(),
        });
    }
    let conditions = condition::apply(&mut expansion)?;
    Ok(Topology {
        name: spec.name.value,
        title: spec.title,
        source: spec.source,
        assumes: spec.assumes,
        price_usd: spec.price_usd.map(|price| price.value),
        hosts: spec.hosts.map_or(1, |hosts| hosts.value.max(1)),
        place,
        conditions,
        graph: expansion.graph,
    })
}

/// The graph as it grows.
pub(super) struct Expansion<'a> {
    pub(super) sample: Option<Sample>,
    /// To be applied when everything is there.
    pub(super) conditions: Vec<Asked>,
    pub(super) catalog: &'a Catalog,
    pub(super) graph: UnGraph<Device, Wire, u32>,
    pub(super) names: FxHashMap<String, DeviceId>,
    /// Replacements of the files now open, outermost first.
    replace: Vec<Vec<Replacement>>,
    /// The files now open, to find a cycle.
    open: Vec<Arc<File>>,
    /// Files already read, by the argument that leads to them.
    known: FxHashMap<String, Arc<File>>,
    /// Devices of the catalogue already read.
    kinds: RefCell<FxHashMap<String, DeviceKind>>,
    /// Links of the catalogue already read.
    wires: RefCell<FxHashMap<String, Arc<LinkSpec>>>,
    /// Files used so far, each as often as it is used.
    parts: usize,
    /// Number of the copy of a machine that is being added.
    pub(super) node: u32,
}

/// A topology file.
struct File {
    source: Arc<Source>,
    spec: TopologySpec,
    /// The same for every way to write its path.
    identity: PathBuf,
}

/// One line of `replace:`.
struct Replacement {
    old: String,
    new: String,
    used: Cell<bool>,
}

/// A path that is the same for every way to write it.
fn identity(path: &str) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.into())
}

/// What a file's `use: NAME` names: a path is seen from that file.
pub(super) fn seen_from(source: &Source, name: &str) -> String {
    if source.path.starts_with("catalogue:") || name.is_empty() {
        return name.to_string();
    }
    match Path::new(&source.path).parent().map(|p| p.join(name)) {
        Some(path) if is_path(name) || path.is_file() => path.display().to_string(),
        _ => name.to_string(),
    }
}

impl Expansion<'_> {
    /// Adds everything of a file, its devices named with `prefix` in front.
    fn file(&mut self, file: &Arc<File>, prefix: &str) -> Result<TopologySpec, Diagnostic> {
        let source = &file.source;
        let mut spec = file.spec.clone();
        self.open.push(Arc::clone(file));
        let new = spec.replace.iter().map(|(old, new)| Replacement {
            old: old.clone(),
            new: new.value.clone(),
            used: Cell::new(false),
        });
        self.replace.push(new.collect());
        if let Some(base) = &spec.base {
            let base = self.nested(source, base, prefix)?;
            inherit(&mut spec, base);
        }
        for (pattern, part) in &spec.parts.0 {
            for name in expand_pattern(source, pattern)?.names {
                self.nested(source, &part.base, &format!("{prefix}{name}."))?;
            }
        }
        self.nodes(source, &spec, prefix)?;
        for (pattern, device) in &spec.devices.0 {
            for name in expand_pattern(source, pattern)?.names {
                let kind = self.device(source, device)?;
                self.add_device(source, pattern, format!("{prefix}{name}"), kind)?;
            }
        }
        for link in &spec.links {
            self.add_links(source, link, prefix)?;
        }
        let asked = spec.conditions.iter().map(|condition| Asked {
            source: Arc::clone(source),
            spec: condition.clone(),
            prefix: prefix.to_string(),
        });
        self.conditions.extend(asked);
        let done = self.replace.pop().unwrap_or_default();
        if let Some(idle) = done.iter().find(|r| !r.used.get()) {
            let place = source.place(&spec.replace[&idle.old]);
            let message = format!("no device or link here is called `{}`", idle.old);
            return Err(Diagnostic::new(message)
                .at(place)
                .help("`replace:` takes names of the catalogue that the parts use"));
        }
        self.open.pop();
        Ok(spec)
    }

    /// Whether a name belongs to a copy of the machine that the sample leaves out.
    pub(super) fn leaves_out(&self, name: &str) -> bool {
        let Some(sample) = &self.sample else {
            return false;
        };
        copy_of(name).is_some_and(|copy| copy < sample.of && !sample.copies.contains(&copy))
    }

    /// Adds a file that another one uses.
    pub(super) fn nested(
        &mut self,
        source: &Arc<Source>,
        name: &Spanned<String>,
        prefix: &str,
    ) -> Result<TopologySpec, Diagnostic> {
        let at = |diagnostic: Diagnostic| diagnostic.at(source.place(name));
        let used = self.read(&seen_from(source, name)).map_err(at)?;
        let same = |open: &Arc<File>| open.identity == used.identity;
        if let Some(start) = self.open.iter().position(same) {
            let open = self.open[start..].iter().chain([&self.open[start]]);
            let cycle: Vec<&str> = open.map(|file| file.source.path.as_str()).collect();
            return Err(at(Diagnostic::new(format!(
                "`use: {}` leads back to itself: {}",
                name.value,
                cycle.join(" → ")
            ))));
        }
        self.parts += 1;
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} topologies are nested");
            return Err(at(Diagnostic::new(message)));
        }
        if self.parts > MAX_PARTS {
            return Err(at(Diagnostic::new(format!("more than {MAX_PARTS} parts"))));
        }
        self.file(&used, prefix)
    }

    /// Reads and parses a file once.
    fn read(&mut self, argument: &str) -> Result<Arc<File>, Diagnostic> {
        if let Some(known) = self.known.get(argument) {
            return Ok(Arc::clone(known));
        }
        let source = load(self.catalog, argument, &[Kind::Topology], "topology")?;
        let file = Arc::new(File {
            spec: parse(&source)?,
            identity: identity(&source.path),
            source,
        });
        self.known.insert(argument.to_string(), Arc::clone(&file));
        Ok(file)
    }

    /// The name that stands for `name` after all replacements of the files now open.
    pub(super) fn replaced<'n>(&'n self, name: &'n str) -> &'n str {
        let newest_first = self.replace.iter().rev();
        newest_first.fold(name, |name, lines| {
            match lines.iter().find(|line| line.old == name) {
                Some(line) => {
                    line.used.set(true);
                    line.new.as_str()
                }
                None => name,
            }
        })
    }

    /// Resolves what a device is.
    fn device(
        &self,
        source: &Arc<Source>,
        device: &Spanned<NameOr<DeviceUse>>,
    ) -> Result<DeviceKind, Diagnostic> {
        let at = |diagnostic: Diagnostic| diagnostic.at(source.place(device));
        match &device.value {
            NameOr::Name(name) => {
                let name = self.replaced(name);
                if let Some(known) = self.kinds.borrow().get(name) {
                    return Ok(known.clone());
                }
                let found = self.catalog.device(name);
                let kind = kind_of(found.map_err(at)?);
                let mut kinds = self.kinds.borrow_mut();
                kinds.insert(name.to_string(), kind.clone());
                Ok(kind)
            }
            NameOr::Inline(inline) => Ok(match inline.as_ref() {
                DeviceUse::Gpu(spec) => DeviceKind::Gpu(self.complete(&**spec).map_err(at)?),
                DeviceUse::Cpu(spec) => DeviceKind::Cpu(self.complete(&**spec).map_err(at)?),
                DeviceUse::Switch(spec) => switch(spec),
                DeviceUse::Nic { .. } => DeviceKind::Nic,
                DeviceUse::Host { .. } => DeviceKind::Host,
            }),
        }
    }

    /// A device defined in place, with what its family says.
    fn complete<T: Entry + Clone>(&self, spec: &T) -> Result<Arc<T>, Diagnostic> {
        spec.clone().complete(self.catalog).map(Arc::new)
    }

    /// A link of the catalogue, read once.
    pub(super) fn link(&self, name: &str) -> Result<Arc<LinkSpec>, Diagnostic> {
        let name = self.replaced(name);
        if let Some(known) = self.wires.borrow().get(name) {
            return Ok(Arc::clone(known));
        }
        let spec = self.catalog.get::<LinkSpec>(name)?;
        let mut wires = self.wires.borrow_mut();
        wires.insert(name.to_string(), Arc::clone(&spec));
        Ok(spec)
    }

    fn add_device(
        &mut self,
        source: &Arc<Source>,
        pattern: &Spanned<String>,
        name: String,
        kind: DeviceKind,
    ) -> Result<(), Diagnostic> {
        if self.graph.node_count() >= MAX_DEVICES {
            return Err(Diagnostic::new(format!("more than {MAX_DEVICES} devices"))
                .at(source.place(pattern)));
        }
        let id = self.graph.add_node(Device {
            name: name.clone(),
            kind,
            node: self.node,
        });
        match self.names.insert(name.clone(), id) {
            None => Ok(()),
            Some(_) => Err(Diagnostic::new(format!("two devices are called `{name}`"))
                .at(source.place(pattern))),
        }
    }

    /// Adds the wires of one entry.
    fn add_links(
        &mut self,
        source: &Arc<Source>,
        link: &Spanned<LinkUse>,
        prefix: &str,
    ) -> Result<(), Diagnostic> {
        let wire = Wire {
            forwards: link.forwards,
            ..self.wire(source, link)?
        };
        let from = self.ends(source, &link.from, prefix)?;
        let to = self.ends(source, &link.to, prefix)?;
        for (a, b) in pairs(source, link, &from, &to)? {
            if a == b {
                let name = &self.graph[a].name;
                return Err(Diagnostic::new(format!("`{name}` is wired to itself"))
                    .at(source.place(&link.to)));
            }
            if self.graph.edge_count() >= MAX_WIRES {
                return Err(Diagnostic::new(format!("more than {MAX_WIRES} wires"))
                    .at(source.place(&link.from)));
            }
            self.graph.add_edge(a, b, wire.clone());
        }
        Ok(())
    }

    /// The devices that a pattern of ends names.
    fn ends(
        &self,
        source: &Arc<Source>,
        ends: &Spanned<Hostlist>,
        prefix: &str,
    ) -> Result<Vec<DeviceId>, Diagnostic> {
        let find = |name: &String| {
            self.names
                .get(&format!("{prefix}{name}"))
                .copied()
                .ok_or_else(|| {
                    let mut valid: Vec<&str> = self.names.keys().map(String::as_str).collect();
                    valid.sort_unstable();
                    Diagnostic::new(format!("there is no device `{name}` to wire"))
                        .at(source.place(ends))
                        .suggest(name, valid)
                })
        };
        ends.names.iter().map(find).collect()
    }

    /// Resolves what a link is.
    fn wire(&self, source: &Arc<Source>, link: &Spanned<LinkUse>) -> Result<Wire, Diagnostic> {
        let count = link.count.as_ref().map_or(1, |count| count.value);
        if let Some(written) = &link.count
            && !(1..=1024).contains(&count)
        {
            return Err(
                Diagnostic::new(format!("`count: {count}` is not 1 to 1024"))
                    .at(source.place(written)),
            );
        }
        match &link.link {
            Some(named) => {
                if let Some(rate) = link.bandwidth.as_ref().or(link.both_directions.as_ref()) {
                    return Err(Diagnostic::new("`use` and `bandwidth` exclude each other")
                        .at(source.place(rate))
                        .help("define a link in place with `use: {kind: link, …}`"));
                }
                let spec = match &named.value {
                    NameOr::Name(name) => self.link(name).map_err(|d| d.at(source.place(named)))?,
                    NameOr::Inline(spec) => Arc::new((**spec).clone()),
                };
                wire_of(&spec, count).map_err(|d| d.at(source.place(named)))
            }
            None => plain_wire(source, link, count),
        }
    }
}

/// The number of the copy that a device of a cluster belongs to, as its name says.
pub(super) fn copy_of(name: &str) -> Option<u32> {
    let (number, _) = name.strip_prefix("node")?.split_once('.')?;
    number.parse().ok()
}

/// Takes over from the base what the variant does not say.
fn inherit(spec: &mut TopologySpec, base: TopologySpec) {
    if spec.title.is_empty() {
        spec.title = base.title;
    }
    if spec.source.is_empty() {
        spec.source = base.source;
    }
    spec.assumes.extend(base.assumes);
    spec.network = spec.network.take().or(base.network);
    spec.hosts = spec.hosts.take().or(base.hosts);
}

/// Expands a device pattern, with its place in errors.
fn expand_pattern(source: &Arc<Source>, pattern: &Spanned<String>) -> Result<Hostlist, Diagnostic> {
    Hostlist::parse(pattern).map_err(|e| Diagnostic::new(e.to_string()).at(source.place(pattern)))
}

/// A device from the catalogue.
fn kind_of(device: AnyDevice) -> DeviceKind {
    match device {
        AnyDevice::Gpu(spec) => DeviceKind::Gpu(spec),
        AnyDevice::Cpu(spec) => DeviceKind::Cpu(spec),
        AnyDevice::Switch(spec) => switch(&spec),
    }
}

fn switch(spec: &SwitchSpec) -> DeviceKind {
    DeviceKind::Switch {
        class: spec.class,
        model: spec.name.clone(),
        latency: spec.latency.as_ref().map_or(Seconds(0.0), |l| l.value),
        host_bridge: spec.host_bridge,
        reduces: spec.reduces.as_ref().is_some_and(|reduces| reduces.value),
    }
}

/// `count` parallel links of a catalogue entry.
pub(super) fn wire_of(spec: &LinkSpec, count: u32) -> Result<Wire, Diagnostic> {
    let times = |rate: BytesPerSecond| BytesPerSecond(rate.0 * f64::from(count));
    if spec.bandwidth.value.0 <= 0.0 {
        return Err(Diagnostic::new(format!(
            "link `{}` has no bandwidth",
            spec.name
        )));
    }
    let collective = spec.collective.as_ref().unwrap_or(&spec.bandwidth);
    let optional = |figure: &Option<crate::spec::Figure<BytesPerSecond>>| {
        figure.as_ref().map(|figure| times(figure.value))
    };
    Ok(Wire {
        model: spec.name.clone(),
        class: spec.class,
        count,
        bandwidth: times(spec.bandwidth.value),
        both_directions: optional(&spec.both_directions),
        both_directions_host: optional(&spec.both_directions_host),
        collective_both_host: optional(&spec.collective_both_host),
        collective: times(collective.value),
        latency: spec.latency.value,
        left: 1.0,
        forwards: false,
    })
}

/// A link given by its figures alone.
fn plain_wire(
    source: &Arc<Source>,
    link: &Spanned<LinkUse>,
    count: u32,
) -> Result<Wire, Diagnostic> {
    let Some(bandwidth) = &link.bandwidth else {
        return Err(
            Diagnostic::new("this link has neither `use` nor `bandwidth`")
                .at(source.place(&link.from))
                .help(
                    "name a link of the catalogue with `use:`, or give `bandwidth:` and `latency:`",
                ),
        );
    };
    let positive = |rate: &Spanned<BytesPerSecond>| {
        if rate.0 > 0.0 {
            Ok(BytesPerSecond(rate.0 * f64::from(count)))
        } else {
            Err(Diagnostic::new("a link's bandwidth must be above 0").at(source.place(rate)))
        }
    };
    let rate = positive(bandwidth)?;
    Ok(Wire {
        model: String::new(),
        class: link.class.unwrap_or(crate::spec::LinkClass::Network),
        count,
        bandwidth: rate,
        both_directions: link.both_directions.as_ref().map(positive).transpose()?,
        both_directions_host: None,
        collective_both_host: None,
        collective: rate,
        latency: link.latency.unwrap_or(Seconds(0.0)),
        left: 1.0,
        forwards: false,
    })
}

/// Which end is wired to which.
fn pairs(
    source: &Arc<Source>,
    link: &Spanned<LinkUse>,
    from: &[DeviceId],
    to: &[DeviceId],
) -> Result<Vec<(DeviceId, DeviceId)>, Diagnostic> {
    if let Wiring::Torus | Wiring::Mesh = link.wiring {
        return grid_pairs(source, link, from, to);
    }
    if let Some(shape) = &link.shape {
        return Err(
            Diagnostic::new("`shape` needs `wiring: torus` or `wiring: mesh`")
                .at(source.place(shape)),
        );
    }
    if link.wiring == Wiring::Every {
        if from.len().saturating_mul(to.len()) > MAX_WIRES {
            return Err(Diagnostic::new(format!("more than {MAX_WIRES} wires"))
                .at(source.place(&link.from)));
        }
        let all = from.iter().flat_map(|a| to.iter().map(|b| (*a, *b)));
        return Ok(all.filter(|(a, b)| from != to || a < b).collect());
    }
    let (long, short) = (from.len().max(to.len()), from.len().min(to.len()));
    if long % short != 0 {
        return Err(Diagnostic::new(format!(
            "{} ends cannot be spread evenly over {}",
            long, short
        ))
        .at(source.place(&link.to))
        .help("one list must be a whole multiple of the other, or use `wiring: every`"));
    }
    let block = |list: &[DeviceId], i: usize| list[i * list.len() / long];
    Ok((0..long).map(|i| (block(from, i), block(to, i))).collect())
}

/// Neighbours on the grid of a link's `shape`.
fn grid_pairs(
    source: &Arc<Source>,
    link: &Spanned<LinkUse>,
    from: &[DeviceId],
    to: &[DeviceId],
) -> Result<Vec<(DeviceId, DeviceId)>, Diagnostic> {
    if from != to {
        return Err(Diagnostic::new(
            "a grid joins a list of devices to itself, but `from` and `to` differ",
        )
        .at(source.place(&link.to)));
    }
    let shape = link.shape.as_ref().ok_or_else(|| {
        Diagnostic::new("a grid needs the number of devices along each dimension")
            .at(source.place(&link.from))
            .help("add `shape: [4, 4, 4]` to this link")
    })?;
    let closed = link.wiring == Wiring::Torus;
    let grid = Grid::new(source, shape, closed, from.len(), "devices")?;
    let pairs = grid.neighbours().into_iter();
    Ok(pairs.map(|(a, b)| (from[a], from[b])).collect())
}
