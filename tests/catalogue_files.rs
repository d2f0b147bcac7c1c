//! Every shipped file parses as what it says it is and is named as it says.

use narrows::spec::{
    AccuracySpec, CampaignSpec, CpuSpec, FamilySpec, FlowsSpec, FrameworkSpec, GpuSpec,
    InferenceSpec, Kind, LibrarySpec, LinkSpec, ModelSpec, NameOr, Source, SwitchSpec,
    TopologySpec, TrainingSpec, parse, read_kind,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The YAML files of a directory of the repository, sorted.
fn files(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|e| panic!("{}: {e}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    paths.sort();
    paths
}

/// The file as `T`, or a test failure that prints the diagnostic.
fn as_type<T: serde::de::DeserializeOwned>(source: &Arc<Source>) -> T {
    match parse(source) {
        Ok(value) => value,
        Err(diagnostic) => panic!("{}: {}", source.path, diagnostic.message),
    }
}

/// The `name:` of a file, parsed as its kind.
fn name_as(kind: Kind, source: &Arc<Source>) -> String {
    match kind {
        Kind::Gpu => as_type::<GpuSpec>(source).name,
        Kind::Cpu => as_type::<CpuSpec>(source).name,
        Kind::Switch => as_type::<SwitchSpec>(source).name,
        Kind::Family => as_type::<FamilySpec>(source).name,
        Kind::Link => as_type::<LinkSpec>(source).name,
        Kind::Model => as_type::<ModelSpec>(source).name,
        Kind::Framework => as_type::<FrameworkSpec>(source).name,
        Kind::Library => as_type::<LibrarySpec>(source).name,
        Kind::Campaign => as_type::<CampaignSpec>(source).name,
        Kind::Accuracy => as_type::<AccuracySpec>(source).name,
        Kind::Topology => as_type::<TopologySpec>(source).name.value,
        Kind::Training => as_type::<TrainingSpec>(source).name,
        Kind::Inference => as_type::<InferenceSpec>(source).name,
        Kind::Flows => as_type::<FlowsSpec>(source).name,
    }
}

/// Checks a directory whose files may be of the given kinds.
fn check(directory: &str, kinds: &[Kind]) {
    let paths = files(directory);
    assert!(!paths.is_empty(), "{directory} is empty");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let source = Source::new(path.display().to_string(), text);
        let kind = read_kind(&source).unwrap_or_else(|d| panic!("{}: {}", source.path, d.message));
        assert!(
            kinds.contains(&kind),
            "{}: {kind:?} in {directory}",
            source.path
        );
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .expect("a file name");
        assert_eq!(name_as(kind, &source), stem, "{}", source.path);
    }
}

#[test]
fn catalogue_files_parse() {
    for (directory, kind) in [
        ("gpus", Kind::Gpu),
        ("cpus", Kind::Cpu),
        ("switches", Kind::Switch),
        ("families", Kind::Family),
        ("links", Kind::Link),
        ("models", Kind::Model),
        ("frameworks", Kind::Framework),
        ("libraries", Kind::Library),
        ("campaigns", Kind::Campaign),
        ("accuracy", Kind::Accuracy),
    ] {
        check(&format!("src/catalog/data/{directory}"), &[kind]);
    }
}

#[test]
fn topologies_parse() {
    check("topologies", &[Kind::Topology]);
}

#[test]
fn workloads_parse() {
    check("workloads", &[Kind::Training, Kind::Inference, Kind::Flows]);
}

/// Names in topologies and workloads exist as files.
#[test]
fn names_exist() {
    let known = |directory: &str| -> Vec<String> {
        files(directory)
            .iter()
            .filter_map(|p| p.file_stem()?.to_str().map(str::to_string))
            .collect()
    };
    let data = |kind: &str| known(&format!("src/catalog/data/{kind}"));
    let devices = [data("gpus"), data("cpus"), data("switches")].concat();
    let (links, topologies) = (data("links"), known("topologies"));
    for path in files("topologies") {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let spec: TopologySpec = as_type(&Source::new(path.display().to_string(), text));
        for (_, device) in &spec.devices.0 {
            if let NameOr::Name(name) = &device.value {
                assert!(devices.contains(name), "{}: {name}", path.display());
            }
        }
        for link in &spec.links {
            if let Some(NameOr::Name(name)) = link.link.as_deref() {
                assert!(links.contains(name), "{}: {name}", path.display());
            }
        }
        if let Some(base) = &spec.base {
            assert!(topologies.contains(&base.value), "{}", path.display());
        }
        for (old, new) in &spec.replace {
            // A device stands in for a device, a link for a link.
            let both = |names: &[String]| names.contains(old) && names.contains(&new.value);
            assert!(both(&devices) || both(&links), "{}: {old}", path.display());
        }
    }
}
