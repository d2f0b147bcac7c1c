//! Rebuilds when a shipped data file is added: the embedding macro does not notice new files.

fn main() {
    for folder in ["src/catalog/data", "topologies", "workloads"] {
        println!("cargo:rerun-if-changed={folder}");
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            println!("cargo:rerun-if-changed={}", entry.path().display());
        }
    }
}
