//! Figures of the catalogue against each other and against arithmetic.

#[path = "catalogue_audit/links.rs"]
mod links;
#[path = "catalogue_audit/memories.rs"]
mod memories;
#[path = "catalogue_audit/peaks.rs"]
mod peaks;
#[path = "catalogue_audit/sources.rs"]
mod sources;

use narrows::catalog::Catalog;
use narrows::kernel::Device;
use narrows::spec::{CpuSpec, FamilySpec, GpuSpec, Kind, Source, parse};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn catalog() -> Catalog {
    Catalog::shipped().unwrap()
}

/// All entries of a kind.
fn entries<T>(kind: Kind, get: impl Fn(&Catalog, &str) -> Arc<T>) -> Vec<Arc<T>> {
    let catalog = catalog();
    let names = catalog.names(kind);
    names.iter().map(|name| get(&catalog, name)).collect()
}

fn gpus() -> Vec<Arc<GpuSpec>> {
    entries(Kind::Gpu, |catalog, name| catalog.get(name).unwrap())
}

fn cpus() -> Vec<Arc<CpuSpec>> {
    entries(Kind::Cpu, |catalog, name| catalog.get(name).unwrap())
}

/// The files of a folder of the catalogue and of those in it, as values: what a figure's unit was,
/// and where it says it comes from, is lost once it has been read as a figure.
fn written(folder: &str) -> Vec<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/data");
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let source = Source::new(path.display().to_string(), text);
                let value = parse(&source).unwrap_or_else(|d| panic!("{path:?}: {}", d.message));
                found.push((path, value));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn every_device_is_complete_and_has_sources() {
    for gpu in gpus() {
        let memory = &gpu.memory;
        let sources = [
            &gpu.compute.units.source,
            &gpu.compute.clock.source,
            &gpu.compute.achievable.source,
            &gpu.compute.attention.source,
            &memory.size.source,
            &memory.bandwidth.source,
            &memory.achievable.source,
            &gpu.launch.source,
            &gpu.p2p_over_pcie.source,
        ];
        assert!(
            sources.iter().all(|source| !source.is_empty()),
            "{}",
            gpu.name
        );
        let device = Device::of_gpu(&gpu);
        assert!(device.vector_rate().is_ok(), "{}", gpu.name);
    }
    for cpu in cpus() {
        assert!(!cpu.achievable.source.is_empty(), "{}", cpu.name);
    }
}

/// A GPU that is given the architecture of the CPU beside it (an APU's) would get shares of CPUs.
#[test]
fn no_gpu_has_the_family_of_a_cpu() {
    let families = entries(Kind::Family, |catalog, name| {
        catalog.get::<FamilySpec>(name).unwrap()
    });
    let cpus = cpus();
    for gpu in gpus() {
        let covering = families
            .iter()
            .filter(|family| family.covers.contains(&gpu.architecture));
        for family in covering {
            let mut of_cpus = cpus.iter().map(|cpu| &cpu.architecture);
            assert!(
                !of_cpus.any(|architecture| family.covers.contains(architecture)),
                "{}: `{}` covers CPUs",
                gpu.name,
                family.name
            );
        }
    }
}

#[test]
fn names_asked_for_are_there() {
    let catalog = catalog();
    let names = "cpu-8-core rtx-3070 gtx-580-3gb p100-sxm2-16gb v100-sxm2-16gb t4 a100-sxm-40gb \
        a100-sxm-80gb a100-pcie-80gb h100-sxm-80gb h100-pcie-80gb l40 l40s mi300x mi300a tpu-v1 \
        tpu-v2 tpu-v3 tpu-v4 tpu-v5e tpu-v5p trainium1 trainium2 inferentia2 mtia-v1 maia-100 \
        apple-m1 apple-m2 gh200-96gb b200-sxm";
    for name in names.split_whitespace() {
        assert!(catalog.device(name).is_ok(), "{name}");
    }
}
