//! Collectives: nccl-tests style points on one machine or many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::launches::Launches;
use super::overlay::overlays;
use super::{Measurements, Row, Subject, ValidationRecord};
use crate::catalog::{Catalog, load};
use crate::collective::{Algorithm, Communicator, Forced, Operation};
use crate::fabric::Fabric;
use crate::report::draw::{Measure, Rendered};
use crate::spec::{Diagnostic, Kind, LibrarySpec, Release};
use crate::topology::{DeviceId, Topology, cluster, expand};

/// Collectives on the catalogue's machines.
#[derive(Debug)]
pub struct Collectives {
    catalog: Catalog,
    launches: Launches,
    libraries: BTreeMap<&'static str, Arc<LibrarySpec>>,
    /// Machines built so far, by name and number of copies.
    machines: Mutex<BTreeMap<(String, u32), Arc<Fabric>>>,
}

impl Collectives {
    /// All machines and libraries of the catalogue.
    ///
    /// # Errors
    /// A library of the catalogue or the launch rules cannot be read.
    pub fn new(catalog: &Catalog) -> Result<Self, Diagnostic> {
        let mut libraries = BTreeMap::new();
        for name in ["nccl-2", "rccl-2"] {
            libraries.insert(name, catalog.get::<LibrarySpec>(name)?);
        }
        Ok(Self {
            catalog: catalog.clone(),
            launches: Launches::shipped()?,
            libraries,
            machines: Mutex::default(),
        })
    }

    /// A number of copies of a machine, built once.
    fn machine(&self, name: &str, copies: u32) -> Result<Arc<Fabric>, String> {
        let key = (name.to_string(), copies);
        let known = |machines: &BTreeMap<_, Arc<Fabric>>| machines.get(&key).map(Arc::clone);
        if let Ok(machines) = self.machines.lock()
            && let Some(fabric) = known(&machines)
        {
            return Ok(fabric);
        }
        let topology = self.topology(name, copies).map_err(|d| d.message)?;
        let fabric = Arc::new(Fabric::new(topology));
        if let Ok(mut machines) = self.machines.lock() {
            machines.insert(key, Arc::clone(&fabric));
        }
        Ok(fabric)
    }

    fn topology(&self, name: &str, copies: u32) -> Result<Topology, Diagnostic> {
        if copies > 1 {
            return cluster(&self.catalog, name, copies);
        }
        let source = load(&self.catalog, name, &[Kind::Topology], "topology")?;
        expand(&self.catalog, &source)
    }

    /// The machine of a row and the devices by rank: the first `gpus_per_node` of every host.
    fn ranks(&self, row: &Row<'_>) -> Result<(Arc<Fabric>, Vec<DeviceId>), String> {
        let name = row.text("topology");
        if name.is_empty() {
            return Err("no topology".into());
        }
        let hosts = row.count("nodes")? as usize;
        let each = row.count("gpus_per_node")? as usize;
        let single = self.machine(name, 1)?;
        let per_machine = single.topology.hosts as usize;
        let copies = hosts.div_ceil(per_machine);
        if hosts == 0 || !hosts.is_multiple_of(copies) {
            return Err("unsupported: uneven hosts".into());
        }
        let fabric = match copies {
            1 => single,
            _ => self.machine(name, copies as u32)?,
        };
        let gpus = fabric.topology.gpus();
        let of_machine = gpus.len() / copies;
        let of_host = of_machine / per_machine;
        if each > of_host {
            return Err(format!("unsupported: {each} of {of_host} GPUs"));
        }
        let group = (0..copies).flat_map(|copy| {
            let hosts = 0..hosts / copies;
            hosts.flat_map(move |host| {
                let first = copy * of_machine + host * of_host;
                first..first + each
            })
        });
        let group = group.filter_map(|at| gpus.get(at).copied()).collect();
        Ok((fabric, group))
    }

    /// What a row, or how it was run, does not leave to the library.
    fn forced(&self, row: &Row<'_>) -> Forced {
        let own = forced(row);
        Forced {
            protocol: own.protocol.or_else(|| self.launches.protocol(row)),
            without_switches: !self.launches.in_switch(row),
            choice: self.launches.choice(row),
            release: Release::find(row.text("library_version")),
            slot: self.launches.slot(row),
            ..own
        }
    }

    /// The library of a row; oneCCL has no constants of its own and borrows those of NCCL.
    fn library(&self, row: &Row<'_>) -> Result<&LibrarySpec, String> {
        let name = match row.text("library_version").contains("RCCL") {
            true => "rccl-2",
            false => "nccl-2",
        };
        let library = self.libraries.get(name).map(AsRef::as_ref);
        library.ok_or_else(|| format!("unknown library: {name}"))
    }
}

impl Subject for Collectives {
    fn charts(
        &self,
        file: &Measurements,
        record: &ValidationRecord,
    ) -> Result<Vec<(String, Rendered)>, Diagnostic> {
        overlays(file, record)
    }

    fn key(&self) -> &'static str {
        "collectives"
    }

    fn needed(&self) -> &'static [&'static str] {
        &[
            "id",
            "topology",
            "gpus_per_node",
            "nodes",
            "collective",
            "size_bytes",
        ]
    }

    fn quantity(&self, _class: &str) -> (&'static str, Measure, f64) {
        ("time", Measure::Seconds, 1e-6)
    }

    fn measured(&self, row: &Row<'_>) -> Result<f64, String> {
        if let Some(time) = row.number("time_us") {
            return Ok(time);
        }
        let busbw = row
            .number("busbw_GBps")
            .ok_or("no time and no bus bandwidth")?;
        let bytes = row.number("size_bytes").ok_or("no size")?;
        let ranks = row.count("gpus_per_node")? * row.count("nodes")?;
        let algbw = busbw / operation(row)?.bus_factor(ranks as usize);
        Ok(bytes / algbw / 1e3)
    }

    fn predict(&self, row: &Row<'_>) -> Result<f64, String> {
        let operation = operation(row)?;
        let bytes = row.number("size_bytes").ok_or("no size")?;
        let (fabric, group) = self.ranks(row)?;
        let communicator = Communicator::new(&fabric, self.library(row)?, group)
            .map_err(|d| d.message)?
            .launched(self.launches.mode(row)?)
            .forced(self.forced(row));
        let plan = communicator.plan(operation, bytes);
        let plan = plan.map_err(|d| format!("unsupported: {}", d.message))?;
        Ok(plan.alone_s * 1e6)
    }

    fn group(&self, row: &Row<'_>) -> String {
        row.text("system").to_string()
    }

    fn class(&self, row: &Row<'_>) -> &'static str {
        match row.number("size_bytes") {
            Some(bytes) if bytes < 65_536.0 => "below 64 KiB",
            Some(bytes) if bytes < 16_777_216.0 => "64 KiB to 16 MiB",
            Some(_) => "from 16 MiB",
            None => "no size",
        }
    }

    fn series(&self, row: &Row<'_>) -> String {
        row.text("topology").to_string()
    }

    fn alike(&self, row: &Row<'_>) -> Option<String> {
        Some(
            ["collective", "size_bytes"]
                .map(|column| row.text(column))
                .join(","),
        )
    }
}

fn operation(row: &Row<'_>) -> Result<Operation, String> {
    let name = row.text("collective");
    Operation::from_tool(name).ok_or_else(|| format!("unsupported: collective `{name}`"))
}

/// What the row forces: the first word of its `algorithm`, unless that is the default.
fn forced(row: &Row<'_>) -> Forced {
    let text = row.text("algorithm");
    let words = |c: char| !c.is_alphanumeric();
    let mut parts = text.split(words).filter(|part| !part.is_empty());
    let algorithm = parts.next().and_then(Algorithm::from_key);
    let protocol = ["LL128", "Simple", "LL"];
    let named = protocol
        .into_iter()
        .find(|name| parts.clone().any(|part| part == *name));
    Forced {
        algorithm,
        protocol: named.filter(|_| algorithm.is_some()).map(str::to_lowercase),
        ..Forced::default()
    }
}
