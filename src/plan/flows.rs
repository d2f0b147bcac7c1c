//! A list of flows over a topology.

use std::path::Path;
use std::sync::Arc;

use super::task::{FlowTask, Lane, Phase, Plan, Task, Unit};
use crate::catalog::read_file;
use crate::engine::{Activity, Program};
use crate::fabric::{Demands, Fabric, PeerRule, transfer};
use crate::spec::{CsvFlows, Diagnostic, FlowSpec, FlowsSpec, Place, Routing, Source, Spanned};
use crate::topology::{DeviceId, Through, find_route_via, mixed};

/// Plans a list of flows: each waits for its start, then for its path's latency, then sends.
pub(super) fn plan(
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &FlowsSpec,
) -> Result<Plan, Diagnostic> {
    let mut flows = FlowList::new(fabric, spec);
    for flow in &spec.flows {
        flows.add_spec(source, flow)?;
    }
    if let Some(csv) = &spec.csv {
        flows.add_csv(source, csv)?;
    }
    if flows.flows.is_empty() {
        return Err(Diagnostic::new("the workload has no flows")
            .help("give `flows:` in place, or `csv:` with a file"));
    }
    let bytes = flows.flows.iter().map(|flow| flow.bytes).sum();
    Ok(Plan {
        workload: spec.name.clone(),
        title: spec.title.clone(),
        phases: vec![flows.finish()],
        steady: None,
        produced: bytes,
        unit: Unit::Bytes,
        gpus: 0,
        ranks: Vec::new(),
        represented: Vec::new(),
        facts: Vec::new(),
    })
}

/// The flows taken so far.
struct FlowList<'a> {
    fabric: &'a Fabric,
    program: Program,
    tasks: Vec<Task>,
    flows: Vec<FlowTask>,
    routing: Routing,
    seed: u64,
    /// Device names in order, to find them by.
    names: rustc_hash::FxHashMap<String, DeviceId>,
}

/// One flow with its ends found.
struct Ends {
    from: DeviceId,
    to: DeviceId,
    via: Vec<DeviceId>,
    bytes: f64,
    start_s: f64,
}

impl<'a> FlowList<'a> {
    fn new(fabric: &'a Fabric, spec: &FlowsSpec) -> Self {
        let mut program = Program::default();
        for resource in &fabric.resources {
            program.add_resource(resource.clone());
        }
        let devices = fabric.topology.devices();
        Self {
            fabric,
            program,
            tasks: Vec::new(),
            flows: Vec::new(),
            routing: spec.routing,
            seed: spec.seed,
            names: devices.map(|(id, d)| (d.name.clone(), id)).collect(),
        }
    }

    fn add_spec(
        &mut self,
        source: &Arc<Source>,
        flow: &Spanned<FlowSpec>,
    ) -> Result<(), Diagnostic> {
        if flow.from.names.len() != flow.to.names.len() {
            return Err(Diagnostic::new(format!(
                "`from` names {} and `to` names {}",
                flow.from.names.len(),
                flow.to.names.len()
            ))
            .at(source.place(&flow.to))
            .help("expected as many receivers as senders: each sends to one"));
        }
        let mut via = Vec::new();
        for name in &flow.via {
            via.push(self.device(name, || source.place(name))?);
        }
        for (from, to) in flow.from.names.iter().zip(&flow.to.names) {
            let ends = Ends {
                from: self.device(from, || source.place(&flow.from))?,
                to: self.device(to, || source.place(&flow.to))?,
                via: via.clone(),
                bytes: flow.bytes.0,
                start_s: flow.start.map_or(0.0, |start| start.0),
            };
            self.add(&ends, || source.place(&flow.from))?;
        }
        Ok(())
    }

    fn device(&self, name: &str, place: impl Fn() -> Place) -> Result<DeviceId, Diagnostic> {
        self.names.get(name).copied().ok_or_else(|| {
            let topology = &self.fabric.topology;
            let valid = topology.devices().map(|(_, d)| d.name.as_str());
            let message = format!("`{}` has no device `{name}`", topology.name);
            Diagnostic::new(message).at(place()).suggest(name, valid)
        })
    }

    fn add_csv(&mut self, source: &Arc<Source>, csv: &Spanned<CsvFlows>) -> Result<(), Diagnostic> {
        let beside = Path::new(&source.path).parent().unwrap_or(Path::new(""));
        let file =
            read_file(&beside.join(&csv.file.value)).map_err(|d| d.at(source.place(&csv.file)))?;
        let mut reader = csv::Reader::from_reader(file.text.as_bytes());
        let columns = Columns::find(&file, csv, &mut reader)?;
        for record in reader.records() {
            let record = record.map_err(|e| unreadable(&file, &e))?;
            let at = record.position().map_or(0, |p| p.byte() as usize);
            let place = || Place {
                source: Arc::clone(&file),
                span: at..at + record.as_slice().len() + record.len().saturating_sub(1),
            };
            let ends = columns.ends(self, csv, &record, &place)?;
            self.add(&ends, place)?;
        }
        Ok(())
    }

    fn add(&mut self, flow: &Ends, place: impl Fn() -> Place) -> Result<(), Diagnostic> {
        let topology = &self.fabric.topology;
        let name = |id: DeviceId| topology.device(id).name.clone();
        if flow.from == flow.to {
            let message = format!("`{}` sends to itself", name(flow.from));
            return Err(Diagnostic::new(message).at(place()));
        }
        if flow.bytes <= 0.0 {
            let message = format!("the flow from `{}` sends 0 bytes", name(flow.from));
            return Err(Diagnostic::new(message)
                .at(place())
                .help("expected `bytes` above 0"));
        }
        let path = self.path(flow).ok_or_else(|| {
            let message = format!(
                "no path leads from `{}` to `{}`",
                name(flow.from),
                name(flow.to)
            );
            Diagnostic::new(message).at(place())
        })?;
        let (demands, latency) = path;
        self.flows.push(FlowTask {
            from: name(flow.from),
            to: name(flow.to),
            bytes: flow.bytes,
            start_s: flow.start_s,
        });
        self.tasks.push(Task {
            name: "flow",
            layer: None,
            lane: Lane::Flow(self.flows.len() as u32 - 1),
            kernel: None,
            bytes: flow.bytes,
        });
        self.program.add(&Activity {
            tag: self.tasks.len() as u32 - 1,
            latency,
            work: flow.bytes,
            demands: demands.as_slice(),
            release: flow.start_s,
            ..Activity::default()
        });
        Ok(())
    }

    /// Demands per byte and latency: GPU to GPU as a copy between them goes, everything else, and
    /// what names devices to pass, by the shortest route.
    fn path(&self, flow: &Ends) -> Option<(Demands, f64)> {
        let fabric = self.fabric;
        let topology = &fabric.topology;
        let gpus: Vec<_> = [flow.from, flow.to]
            .into_iter()
            .filter_map(|id| fabric.gpu(id))
            .collect();
        // What is pinned is not drawn, and inside a machine nothing is.
        let apart = topology.device(flow.from).node != topology.device(flow.to).node;
        let inside = gpus.len() == 2 && !apart;
        let drawn = self.routing == Routing::Hash && flow.via.is_empty() && !inside;
        let (mut demands, latency_s) = if gpus.len() == 2 && flow.via.is_empty() && !drawn {
            let path = transfer(fabric, flow.from, flow.to, PeerRule::ThroughHost, false)?;
            (path.demands, path.latency_s)
        } else {
            let (from, to) = (flow.from, flow.to);
            let mut route = find_route_via(topology, from, to, &flow.via, Through::Anything)?;
            if drawn {
                route = route.hashed(topology, from, self.key(flow));
            }
            (fabric.route_demands(&route, false, false), route.latency_s)
        };
        if gpus.len() == 2 && flow.via.is_empty() {
            gpus.iter().for_each(|gpu| demands.add(gpu.vram, 1.0));
        }
        Some((demands, latency_s))
    }

    /// What stands for a flow's addresses and ports: its ends and its place in the list.
    fn key(&self, flow: &Ends) -> u64 {
        let parts = [flow.from.index(), flow.to.index(), self.flows.len()];
        let parts = parts.iter().map(|part| *part as u64);
        parts.fold(self.seed, |key, part| mixed(key ^ mixed(part)))
    }

    fn finish(self) -> Phase {
        Phase {
            name: "flows",
            repeat: 1.0,
            program: self.program,
            folded: None,
            tasks: self.tasks,
            kernels: Vec::new(),
            flows: self.flows,
        }
        .folded()
    }
}

/// Most bytes of one flow: beyond it a typing error is certain.
const MAX_BYTES: f64 = 1e21;
/// Latest start of a flow \[s\].
const MAX_START_S: f64 = 1e10;

/// The message for a row that is no row.
fn unreadable(file: &Arc<Source>, error: &csv::Error) -> Diagnostic {
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "this row has {}, but the first line has {expected_len}",
            columns(*len)
        ),
        _ => error.to_string(),
    };
    let start = error.position().map_or(0, |p| p.byte() as usize);
    let rest = file.text.get(start..).unwrap_or_default();
    let row = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let diagnostic = Diagnostic::new(message).at(Place {
        source: Arc::clone(file),
        span: start..start + row.len(),
    });
    if row.contains('"') {
        diagnostic.help("is a quote not closed?")
    } else {
        diagnostic
    }
}

fn columns(count: u64) -> String {
    if count == 1 {
        "1 column".to_string()
    } else {
        format!("{count} columns")
    }
}

/// Where the columns of a flow file are.
struct Columns {
    src: usize,
    dst: usize,
    bytes: usize,
    start: Option<usize>,
    via: Option<usize>,
}

impl Columns {
    fn find(
        file: &Arc<Source>,
        csv: &CsvFlows,
        reader: &mut csv::Reader<&[u8]>,
    ) -> Result<Self, Diagnostic> {
        let headers = reader.headers().map_err(|e| unreadable(file, &e))?.clone();
        if file.text.trim().is_empty() {
            return Err(Diagnostic::new("the file is empty")
                .at(Place {
                    source: Arc::clone(file),
                    span: 0..0,
                })
                .help("expected a first line such as `src,dst,bytes`"));
        }
        let find = |name: &str| headers.iter().position(|header| header.trim() == name);
        let need = |written: &Option<String>, default: &str| {
            let name = written.as_deref().unwrap_or(default);
            find(name).ok_or_else(|| {
                let place = Place {
                    source: Arc::clone(file),
                    span: 0..file.text.lines().next().map_or(0, str::len),
                };
                Diagnostic::new(format!("there is no column `{name}`"))
                    .at(place)
                    .suggest(name, headers.iter())
            })
        };
        Ok(Self {
            src: need(&csv.src, "src")?,
            dst: need(&csv.dst, "dst")?,
            bytes: need(&csv.bytes, "bytes")?,
            start: match &csv.start {
                Some(_) => Some(need(&csv.start, "")?),
                None => find("start_s"),
            },
            via: match &csv.via {
                Some(_) => Some(need(&csv.via, "")?),
                None => None,
            },
        })
    }

    fn ends(
        &self,
        list: &FlowList<'_>,
        csv: &CsvFlows,
        record: &csv::StringRecord,
        place: &impl Fn() -> Place,
    ) -> Result<Ends, Diagnostic> {
        let cell = |column: usize| record.get(column).unwrap_or_default().trim();
        let device = |column| list.device(&format!("{}{}", csv.prefix, cell(column)), place);
        let number = |column: usize, what: &str, most: f64| {
            let value: f64 = cell(column).parse().unwrap_or(f64::NAN);
            if (0.0..=most).contains(&value) {
                Ok(value)
            } else {
                let message = format!("`{}` is not {what}", cell(column));
                Err(Diagnostic::new(message).at(place()).help(format!(
                    "expected a number from 0 to {most:e} without a unit"
                )))
            }
        };
        let mut via = Vec::new();
        if let Some(column) = self.via
            && !cell(column).is_empty()
            && !cell(column).starts_with('-')
        {
            let name = format!("{}{}", csv.via_prefix, cell(column));
            via.push(list.device(&name, place)?);
        }
        Ok(Ends {
            from: device(self.src)?,
            to: device(self.dst)?,
            via,
            bytes: number(self.bytes, "an amount of bytes", MAX_BYTES)?,
            start_s: match self.start {
                Some(column) => number(column, "a time in seconds", MAX_START_S)?,
                None => 0.0,
            },
        })
    }
}
