//! The shipped machines: all of them sound, none of the promised ones missing.

use narrows::catalog::Catalog;
use narrows::spec::{Kind, Source};
use narrows::topology::{Topology, check, expand};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Names that must be there, one a line.
const PROMISED: &str = include_str!("../data/topology-names.txt");

fn promised() -> BTreeSet<&'static str> {
    let lines = PROMISED.lines().map(str::trim);
    lines
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect()
}

fn built(catalog: &Catalog, name: &str) -> Topology {
    let listed = catalog
        .file(name)
        .unwrap_or_else(|| panic!("no file `{name}`"));
    assert_eq!(listed.kind, Kind::Topology, "{name}");
    expand(catalog, &listed.source).unwrap_or_else(|e| panic!("{name}: {}", e.render()))
}

/// What `topo check` looks at, and that every file says where its wiring comes from.
#[test]
fn every_shipped_topology_is_sound_and_has_a_source() {
    let catalog = Catalog::shipped().unwrap();
    for name in catalog.names(Kind::Topology) {
        let topology = built(&catalog, name);
        assert!(!topology.source.is_empty(), "{name} has no source");
        assert!(!topology.title.is_empty(), "{name} has no title");
        assert_eq!(check(&topology), Vec::<String>::new(), "{name}");
        let gpus = topology.gpus().len() as u32;
        assert!(gpus.is_multiple_of(topology.hosts), "{name}");
    }
}

#[test]
fn every_promised_topology_is_there() {
    let catalog = Catalog::shipped().unwrap();
    let names: BTreeSet<&str> = catalog.names(Kind::Topology).into_iter().collect();
    let missing: Vec<_> = promised().difference(&names).copied().collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// Where the published measurements lie beside the project, no row names a machine that is not
/// promised.
#[test]
fn every_machine_of_the_published_rows_is_promised() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/validation");
    let promised = promised();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        let mut rows = csv::Reader::from_path(&path).unwrap();
        let column = rows.headers().unwrap().iter().position(|h| h == "topology");
        let Some(column) = column else { continue };
        for row in rows.records() {
            let row = row.unwrap();
            let name = row.get(column).unwrap_or("");
            assert!(
                name.is_empty() || promised.contains(name),
                "{}: {name}",
                path.display()
            );
        }
    }
}

/// Names are unique over all kinds of files: a later one would hide an earlier one.
#[test]
fn no_shipped_file_hides_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = ["src/catalog/data", "topologies", "workloads"]
        .iter()
        .map(|folder| root.join(folder))
        .collect();
    let mut names = BTreeSet::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                assert!(names.insert(stem), "{} is there twice", path.display());
            }
        }
    }
}

/// The message of a topology that cannot be built.
fn refused(text: &str) -> String {
    let catalog = Catalog::shipped().unwrap();
    let built = expand(&catalog, &Source::new("test.yaml", text));
    built.expect_err("it was built").render()
}

#[test]
fn a_grid_that_does_not_fit_is_refused_at_its_shape() {
    let grid = |line: &str| {
        let head = "kind: topology\nname: t\ndevices:\n  gpu[0-7]: tpu-v4\nlinks:\n  - ";
        refused(&format!("{head}{line}\n"))
    };
    let both = "from: 'gpu[0-7]', to: 'gpu[0-7]', use: ici-v4";
    for (line, message) in [
        (
            format!("{{{both}, wiring: torus, shape: [3, 3]}}"),
            "a grid of 3 × 3 does not hold 8 devices",
        ),
        (
            format!("{{{both}, wiring: torus, shape: [8, 0]}}"),
            "`shape` is not 1 to 6 numbers above 0",
        ),
        (
            format!("{{{both}, wiring: mesh}}"),
            "a grid needs the number of devices along each dimension",
        ),
        (
            format!("{{{both}, shape: [8]}}"),
            "`shape` needs `wiring: torus` or `wiring: mesh`",
        ),
        (
            "{from: 'gpu[0-3]', to: 'gpu[4-7]', use: ici-v4, wiring: torus, shape: [4]}".into(),
            "a grid joins a list of devices to itself",
        ),
    ] {
        let found = grid(&line);
        assert!(
            found.contains(message) && found.contains("test.yaml:6"),
            "{found}"
        );
    }
}

#[test]
fn a_fabric_without_spine_is_refused_where_it_makes_no_sense() {
    let fabric = |fabric: &str| {
        let head = "kind: topology\nname: t\nnodes: {use: dgx-h100, count: 8}\nfabric: ";
        refused(&format!("{head}{fabric}\n"))
    };
    for (text, message) in [
        ("{torus: [3, 3]}", "a grid of 3 × 3 does not hold 8 leaves"),
        (
            "{torus: [8], kind: fat-tree}",
            "`kind`, `torus` and `dragonfly` of a fabric exclude each other",
        ),
        (
            "{torus: [8], dragonfly: {leaves_per_group: 4}}",
            "`kind`, `torus` and `dragonfly` of a fabric exclude each other",
        ),
        (
            "{torus: [8], oversubscription: 2}",
            "`oversubscription` needs a spine",
        ),
        (
            "{dragonfly: {leaves_per_group: 0}}",
            "`leaves_per_group: 0` is not 1 to 1024",
        ),
        ("{dragonfly: {global_links: 2}}", "leaves_per_group"),
        (
            "{dragonfly: {leaves_per_group: 4, global: pcie4-x16}}",
            "`pcie4-x16` is no network link",
        ),
    ] {
        let found = fabric(text);
        assert!(
            found.contains(message) && found.contains("test.yaml:"),
            "{found}"
        );
    }
}
