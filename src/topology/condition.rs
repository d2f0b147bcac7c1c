//! Conditions applied to the graph: what is slow, has failed, or jitters.
//!
//! They are collected while files are expanded and applied at the end, when every device and wire
//! is there: a machine's file may speak of its NIC's link to the fabric around it. A rate that is
//! scaled is scaled in the device's own figures, so that whatever reads them follows.

use std::collections::BTreeSet;
use std::sync::Arc;

use petgraph::visit::EdgeRef;
use statrs::distribution::{ContinuousCDF, Normal};

use super::expand::Expansion;
use super::graph::{DeviceId, DeviceKind, LinkId, Wire};
use crate::spec::{
    ConditionSpec, Diagnostic, Distribution, Hostlist, LinkClass, ShareOrRate, Source, Spanned,
};
use crate::units::BytesPerSecond;

/// Largest deviation of normal jitter: 8 of them, the furthest draw of 53 bits, stay above 0.
const MOST_NORMAL: f64 = 0.1;
/// Largest deviation of the logarithm of lognormal jitter.
const MOST_LOGNORMAL: f64 = 1.0;

/// What a condition does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Less is reached.
    Slow,
    /// It is not there.
    Failed,
    /// Rates are drawn.
    Jitter,
}

impl Effect {
    /// The key in a file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Failed => "failed",
            Self::Jitter => "jitter",
        }
    }
}

/// A condition that has been applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What it does.
    pub effect: Effect,
    /// The devices, by full name.
    pub devices: Vec<String>,
    /// The other ends, where links between devices are meant.
    pub to: Vec<String>,
    /// As a person would write it.
    pub text: String,
    /// Its other keys with their values, as a file writes them.
    pub keys: String,
    /// Whether it stands in the file of a part, for every copy of it.
    pub of_part: bool,
}

/// A condition as it was read.
pub(super) struct Asked {
    pub(super) source: Arc<Source>,
    pub(super) spec: Spanned<ConditionSpec>,
    /// What stands before the names of devices.
    pub(super) prefix: String,
}

/// What is no longer there.
#[derive(Default)]
struct Gone {
    devices: BTreeSet<DeviceId>,
    wires: BTreeSet<LinkId>,
}

/// Applies all conditions in order; failures last.
///
/// # Errors
/// An entry is not one of the three kinds, names what does not exist, or has a value that makes no
/// sense.
pub(super) fn apply(expansion: &mut Expansion<'_>) -> Result<Vec<Condition>, Diagnostic> {
    let mut applied = Vec::new();
    let mut gone = Gone::default();
    for asked in std::mem::take(&mut expansion.conditions) {
        applied.push(asked.apply(expansion, &mut gone)?);
    }
    if !gone.devices.is_empty() || !gone.wires.is_empty() {
        expansion.graph = expansion.graph.filter_map(
            |id, device| (!gone.devices.contains(&id)).then(|| device.clone()),
            |id, wire| (!gone.wires.contains(&id)).then(|| wire.clone()),
        );
    }
    Ok(applied)
}

/// What a condition does, and to which devices; none if it is not one thing.
pub(super) fn effect_of(spec: &ConditionSpec) -> Option<(Effect, &Spanned<Hostlist>)> {
    let kinds = [
        (Effect::Slow, &spec.slow),
        (Effect::Failed, &spec.failed),
        (Effect::Jitter, &spec.jitter),
    ];
    let mut given = kinds
        .into_iter()
        .filter_map(|(effect, names)| Some((effect, names.as_ref()?)));
    match (given.next(), given.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

impl Asked {
    fn apply(
        &self,
        expansion: &mut Expansion<'_>,
        gone: &mut Gone,
    ) -> Result<Condition, Diagnostic> {
        let spec = &self.spec.value;
        let (effect, names) = effect_of(spec).ok_or_else(|| {
            Diagnostic::new("a condition has one of `slow`, `failed` and `jitter`")
                .at(self.source.place(&self.spec))
                .help("for instance `{slow: gpu3, compute: 0.8}` or `{failed: nic0}`")
        })?;
        self.check_keys(effect)?;
        let devices = self.find(expansion, names)?;
        let ends = match &spec.to {
            Some(ends) => Some((ends, self.find(expansion, ends)?)),
            None => None,
        };
        let to = ends.as_ref().map(|(_, ids)| ids.as_slice());
        match (effect, &ends) {
            (Effect::Failed, None) => gone.devices.extend(&devices),
            (Effect::Failed, Some((written, ids))) => {
                let wires = self.between(expansion, (names, &devices), (written, ids))?;
                gone.wires.extend(wires);
            }
            (_, Some((written, ids))) => {
                let wires = self.between(expansion, (names, &devices), (written, ids))?;
                self.scale_wires(expansion, &wires)?;
            }
            (_, None) => {
                for id in &devices {
                    self.scale_device(expansion, names, *id)?;
                }
                if spec.bandwidth.is_some() {
                    let wires = own_wires(expansion, &devices);
                    self.scale_wires(expansion, &wires)?;
                }
            }
        }
        let name = |id: &DeviceId| expansion.graph[*id].name.clone();
        Ok(Condition {
            effect,
            devices: devices.iter().map(name).collect(),
            to: to.unwrap_or_default().iter().map(name).collect(),
            text: self.text(effect, names),
            keys: self.keys(),
            of_part: !self.prefix.is_empty(),
        })
    }

    /// Whether the keys fit the kind of condition and each other.
    fn check_keys(&self, effect: Effect) -> Result<(), Diagnostic> {
        let spec = &self.spec.value;
        let amounts = [
            spec.compute.as_ref().map(|v| ("compute", v.span.clone())),
            spec.memory.as_ref().map(|v| ("memory", v.span.clone())),
            spec.bandwidth
                .as_ref()
                .map(|v| ("bandwidth", v.span.clone())),
        ];
        let draws = [
            spec.distribution
                .as_ref()
                .map(|v| ("distribution", v.span.clone())),
            spec.seed.as_ref().map(|v| ("seed", v.span.clone())),
        ];
        let at = |message: String, span: &std::ops::Range<usize>| {
            Diagnostic::new(message).at(crate::spec::Place {
                source: Arc::clone(&self.source),
                span: span.clone(),
            })
        };
        let key = effect.key();
        if effect != Effect::Jitter
            && let Some((idle, span)) = draws.iter().flatten().next()
        {
            return Err(at(
                format!("`{idle}` goes with `jitter`, not with `{key}`"),
                span,
            ));
        }
        let first = amounts.iter().flatten().next();
        match (effect, first) {
            (Effect::Failed, Some((idle, span))) => {
                let message = format!("what has `failed` has no `{idle}`");
                return Err(at(message, span).help("for what is left of it write `slow`"));
            }
            (Effect::Slow | Effect::Jitter, None) => {
                let does = match effect {
                    Effect::Jitter => "jitters",
                    _ => "is slow",
                };
                let diagnostic = Diagnostic::new(format!("this does not say what of it {does}"))
                    .at(self.source.place(&self.spec));
                return Err(match spec.to {
                    None => diagnostic.help("add `compute:`, `memory:` or `bandwidth:`"),
                    Some(_) => diagnostic
                        .help("add `bandwidth:`, a share such as 0.5 or a rate such as 12 GB/s"),
                });
            }
            _ => {}
        }
        let of_device = amounts[..2].iter().flatten().next();
        match (&spec.to, of_device) {
            (Some(_), Some((idle, span))) => Err(at(format!("a link has no `{idle}`"), span)
                .help("with `to` the links are meant, which have `bandwidth`")),
            _ => Ok(()),
        }
    }

    /// The devices of a list; those of copies that are not made are left out.
    fn find(
        &self,
        expansion: &Expansion<'_>,
        list: &Spanned<Hostlist>,
    ) -> Result<Vec<DeviceId>, Diagnostic> {
        let mut found = BTreeSet::new();
        for written in &list.names {
            let name = format!("{}{written}", self.prefix);
            match expansion.names.get(&name) {
                Some(id) => {
                    found.insert(*id);
                }
                None if expansion.leaves_out(&name) => {}
                None => {
                    let known = expansion.names.keys();
                    let mut valid: Vec<&str> = known
                        .filter_map(|known| known.strip_prefix(self.prefix.as_str()))
                        .collect();
                    valid.sort_unstable();
                    return Err(Diagnostic::new(format!("there is no device `{written}`"))
                        .at(self.source.place(list))
                        .suggest(written, valid));
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// All wires between two lists of devices.
    fn between(
        &self,
        expansion: &Expansion<'_>,
        (from_list, from): (&Spanned<Hostlist>, &[DeviceId]),
        (to_list, to): (&Spanned<Hostlist>, &[DeviceId]),
    ) -> Result<Vec<LinkId>, Diagnostic> {
        let mut wires = BTreeSet::new();
        for (list, these, those, other) in [
            (from_list, from, to, to_list),
            (to_list, to, from, from_list),
        ] {
            for id in these {
                let near = expansion.graph.edges(*id);
                let joined = near.filter(|wire| those.contains(&wire.target()));
                let joined: Vec<LinkId> = joined.map(|wire| wire.id()).collect();
                if joined.is_empty() && !those.is_empty() {
                    return Err(self.no_link(expansion, *id, list, other));
                }
                wires.extend(joined);
            }
        }
        Ok(wires.into_iter().collect())
    }

    /// The message for a device without a link to any of a list.
    fn no_link(
        &self,
        expansion: &Expansion<'_>,
        id: DeviceId,
        list: &Spanned<Hostlist>,
        other: &Spanned<Hostlist>,
    ) -> Diagnostic {
        let graph = &expansion.graph;
        let message = format!("no link joins `{}` to `{}`", graph[id].name, other.pattern);
        let near: BTreeSet<&str> = graph
            .neighbors(id)
            .map(|near| graph[near].name.as_str())
            .collect();
        let diagnostic = Diagnostic::new(message).at(self.source.place(list));
        diagnostic.suggest(&other.pattern, near)
    }

    /// Scales a device's own rates.
    fn scale_device(
        &self,
        expansion: &mut Expansion<'_>,
        names: &Spanned<Hostlist>,
        id: DeviceId,
    ) -> Result<(), Diagnostic> {
        let spec = &self.spec.value;
        if spec.compute.is_none() && spec.memory.is_none() {
            return Ok(());
        }
        let name = expansion.graph[id].name.clone();
        let factor = |amount: &Option<Spanned<f64>>, key: &str| match amount {
            Some(amount) => self.factor(amount, key, &format!("{name} {key}")),
            None => Ok(1.0),
        };
        let (compute, memory) = (
            factor(&spec.compute, "compute")?,
            factor(&spec.memory, "memory")?,
        );
        match &mut expansion.graph[id].kind {
            DeviceKind::Gpu(gpu) => *gpu = Arc::new(gpu.scaled(compute, memory)),
            DeviceKind::Cpu(cpu) => *cpu = Arc::new(cpu.scaled(compute, memory)),
            _ => {
                let message = format!("`{name}` neither computes nor has memory");
                return Err(Diagnostic::new(message)
                    .at(self.source.place(names))
                    .help("expected a GPU or a CPU; for its links write `bandwidth:`"));
            }
        }
        Ok(())
    }

    /// Scales the rates of wires.
    fn scale_wires(
        &self,
        expansion: &mut Expansion<'_>,
        wires: &[LinkId],
    ) -> Result<(), Diagnostic> {
        let Some(amount) = &self.spec.value.bandwidth else {
            return Ok(());
        };
        for id in wires {
            let share = match amount.value {
                ShareOrRate::Share(value) => {
                    let share = Spanned {
                        value,
                        span: amount.span.clone(),
                    };
                    let ends = expansion.graph.edge_endpoints(*id);
                    let ends = ends.map(|(a, b)| [a, b].map(|id| &expansion.graph[id].name));
                    self.factor(&share, "bandwidth", &format!("{ends:?}"))?
                }
                ShareOrRate::Rate(rate) => self.left(amount, rate, &expansion.graph[*id])?,
            };
            expansion.graph[*id].scale(share);
        }
        Ok(())
    }

    /// The share of a wire that a rate is.
    fn left(
        &self,
        amount: &Spanned<ShareOrRate>,
        rate: BytesPerSecond,
        wire: &Wire,
    ) -> Result<f64, Diagnostic> {
        let at = |message: String| Diagnostic::new(message).at(self.source.place(amount));
        let spec = &self.spec.value;
        if spec.jitter.is_some() {
            return Err(at("the deviation of jitter is a number, not a rate".into()));
        }
        let share = rate.0 / wire.bandwidth.0;
        if share > 0.0 && share <= 1.0 {
            return Ok(share);
        }
        let message = format!(
            "`{rate}` is not what is left of a link of {}",
            wire.bandwidth
        );
        Err(at(message).help("expected more than 0 and no more than the link has"))
    }

    /// The factor of one rate: the share that is left, or the draw for `what`.
    fn factor(&self, amount: &Spanned<f64>, key: &str, what: &str) -> Result<f64, Diagnostic> {
        let spec = &self.spec.value;
        let value = amount.value;
        let refused = |help: String| {
            Diagnostic::new(format!("`{key}: {value}` makes no sense here"))
                .at(self.source.place(amount))
                .help(help)
        };
        if spec.jitter.is_none() {
            return match value > 0.0 && value <= 1.0 {
                true => Ok(value),
                false => Err(refused(
                    "expected the share that is left, above 0 and at most 1".into(),
                )),
            };
        }
        let distribution = spec
            .distribution
            .as_ref()
            .map_or_else(Distribution::default, |d| d.value);
        let most = match distribution {
            Distribution::Normal => MOST_NORMAL,
            Distribution::Lognormal => MOST_LOGNORMAL,
        };
        if !(value > 0.0 && value <= most) {
            let help = format!("expected a standard deviation above 0 and at most {most}");
            return Err(refused(help));
        }
        let seed = spec.seed.as_ref().map_or(0, |seed| seed.value);
        let z = Normal::standard().inverse_cdf(uniform(seed, what));
        Ok(match distribution {
            Distribution::Normal => 1.0 + value * z,
            Distribution::Lognormal => (value * z).exp(),
        })
    }

    fn text(&self, effect: Effect, names: &Spanned<Hostlist>) -> String {
        let to = self.spec.to.as_ref();
        let to = to.map_or_else(String::new, |to| {
            format!(", to: {}{}", self.prefix, to.pattern)
        });
        format!(
            "{}: {}{}{to}{}",
            effect.key(),
            self.prefix,
            names.pattern,
            self.keys()
        )
    }

    /// Everything but the names, each with a comma before it.
    fn keys(&self) -> String {
        let spec = &self.spec.value;
        let mut text = String::new();
        let numbers = [("compute", &spec.compute), ("memory", &spec.memory)];
        for (key, value) in numbers {
            if let Some(value) = value {
                text.push_str(&format!(", {key}: {}", value.value));
            }
        }
        match spec.bandwidth.as_ref().map(|bandwidth| bandwidth.value) {
            Some(ShareOrRate::Share(share)) => text.push_str(&format!(", bandwidth: {share}")),
            Some(ShareOrRate::Rate(rate)) => text.push_str(&format!(", bandwidth: {} B/s", rate.0)),
            None => {}
        }
        if let Some(distribution) = &spec.distribution {
            let name = match distribution.value {
                Distribution::Normal => "normal",
                Distribution::Lognormal => "lognormal",
            };
            text.push_str(&format!(", distribution: {name}"));
        }
        if let Some(seed) = &spec.seed {
            text.push_str(&format!(", seed: {}", seed.value));
        }
        text
    }
}

/// The wires that a device's own `bandwidth` means: a NIC's to the network, where it has such; all
/// of another device's.
fn own_wires(expansion: &Expansion<'_>, devices: &[DeviceId]) -> Vec<LinkId> {
    let graph = &expansion.graph;
    let mut wires = BTreeSet::new();
    for id in devices {
        let network = |wire: &Wire| wire.class == LinkClass::Network;
        let nic = matches!(graph[*id].kind, DeviceKind::Nic);
        let only_network = nic && graph.edges(*id).any(|wire| network(wire.weight()));
        let meant = graph.edges(*id);
        let meant = meant.filter(|wire| !only_network || network(wire.weight()));
        wires.extend(meant.map(|wire| wire.id()));
    }
    wires.into_iter().collect()
}

impl Wire {
    /// Multiplies every rate.
    fn scale(&mut self, factor: f64) {
        let optional = [
            &mut self.both_directions,
            &mut self.both_directions_host,
            &mut self.collective_both_host,
        ];
        for rate in optional.into_iter().flatten() {
            rate.0 *= factor;
        }
        self.bandwidth.0 *= factor;
        self.collective.0 *= factor;
        self.left *= factor;
    }
}

/// A number between 0 and 1 for a seed and a name, always the same: FNV-1a over the name, mixed as
/// in SplitMix64 (Steele 2014). What is drawn does not depend on what else is drawn.
fn uniform(seed: u32, name: &str) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in seed.to_le_bytes().iter().chain(name.as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    ((hash >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::uniform;

    #[test]
    fn draws_fill_the_unit_interval_evenly() {
        let draws: Vec<f64> = (0..10_000)
            .map(|i| uniform(7, &format!("node{i}.gpu0 compute")))
            .collect();
        let mean = draws.iter().sum::<f64>() / 1e4;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 0.002, "{variance}");
        assert_ne!(uniform(1, "gpu0"), uniform(2, "gpu0"));
    }
}
