//! A list of flows over a topology.

use std::path::Path;
use std::sync::Arc;

use super::task::{FlowTask, Lane, Phase, Plan, Task, Unit};
use crate::catalog::read_file;
use crate::engine::{Activity, Program};
use crate::fabric::{Fabric, PeerRule, transfer};
use crate::spec::{CsvFlows, Diagnostic, FlowSpec, FlowsSpec, Place, Source, Spanned};
use crate::topology::{DeviceId, Through, find_route_via};

/// Plans a list of flows: each waits for its start, then for its path's latency, then sends.
pub(super) fn plan(
    fabric: &Fabric,
    source: &Arc<Source>,
    spec: &FlowsSpec,
) -> Result<Plan, Diagnostic> {
    let mut flows = FlowList::new(fabric);
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
    fn new(fabric: &'a Fabric) -> Self {
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
    fn path(&self, flow: &Ends) -> Option<(crate::fabric::Demands, f64)> {
        let fabric = self.fabric;
        let gpu = |id| fabric.topology.device(id).gpu().is_some();
        if flow.via.is_empty() && gpu(flow.from) && gpu(flow.to) {
            let path = transfer(fabric, flow.from, flow.to, PeerRule::ThroughHost, false)?;
            let mut demands = path.demands;
            for end in [flow.from, flow.to] {
                demands.add(fabric.gpu(end)?.vram, 1.0);
            }
            return Some((demands, path.latency_s));
        }
        let route = find_route_via(
            &fabric.topology,
            flow.from,
            flow.to,
            &flow.via,
            Through::Anything,
        )?;
        Some((fabric.route_demands(&route, false, false), route.latency_s))
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
