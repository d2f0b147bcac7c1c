//! What a reader expects of collectives: on machines, between machines, from dumps.

use narrows::catalog::{Catalog, load};
use narrows::collective::{Algorithm, Choice, Communicator, Forced, Operation, expand_steps};
use narrows::engine::{Options, Program, Static, run};
use narrows::fabric::Fabric;
use narrows::spec::{Kind, LibrarySpec, Release, Source};
use narrows::topology::{
    Assume, DeviceId, Topology, cluster, expand, import, nvidia_smi, path_matrix,
};
use narrows::units::Bytes;

/// A machine of the catalogue.
fn machine(name: &str) -> Topology {
    let catalog = Catalog::shipped().unwrap();
    let source = load(&catalog, name, &[Kind::Topology], "topology").unwrap();
    expand(&catalog, &source).unwrap()
}

/// A topology from YAML.
fn yaml(text: &str) -> Topology {
    let catalog = Catalog::shipped().unwrap();
    match expand(&catalog, &Source::new("test.yaml", text)) {
        Ok(topology) => topology,
        Err(d) => panic!("{}\n{text}", d.message),
    }
}

fn library() -> LibrarySpec {
    let catalog = Catalog::shipped().unwrap();
    (*catalog.get::<LibrarySpec>("nccl-2").unwrap()).clone()
}

/// Time of a collective \[s\] over the first `ranks` GPUs, with an algorithm or the library's own.
fn seconds(
    topology: &Topology,
    ranks: usize,
    operation: Operation,
    bytes: f64,
    algorithm: Option<Algorithm>,
) -> f64 {
    let library = library();
    let fabric = Fabric::new(topology.clone());
    let group: Vec<DeviceId> = fabric.topology.gpus().into_iter().take(ranks).collect();
    let communicator = Communicator::new(&fabric, &library, group)
        .unwrap()
        .forced(Forced {
            algorithm,
            ..Forced::default()
        });
    communicator.plan(operation, bytes).unwrap().alone_s
}

#[test]
fn sums_in_switches_beat_rings_on_hopper() {
    let dgx = machine("dgx-h100");
    let time = |algorithm| seconds(&dgx, 8, Operation::AllReduce, 1e9, Some(algorithm));
    let (nvls, ring) = (time(Algorithm::Nvls), time(Algorithm::Ring));
    assert!(nvls < 0.85 * ring, "NVLS {nvls}, ring {ring}");
    let chosen = seconds(&dgx, 8, Operation::AllReduce, 1e9, None);
    assert_eq!(chosen, nvls);
}

#[test]
fn trees_beat_rings_for_small_messages_on_many_nodes() {
    let catalog = Catalog::shipped().unwrap();
    let nodes = cluster(&catalog, "dgx-a100-80gb", 16).unwrap();
    let time =
        |algorithm, bytes| seconds(&nodes, 128, Operation::AllReduce, bytes, Some(algorithm));
    assert!(time(Algorithm::Tree, 8e3) < 0.5 * time(Algorithm::Ring, 8e3));
    let library_takes = seconds(&nodes, 128, Operation::AllReduce, 8e3, None);
    assert_eq!(library_takes, time(Algorithm::Tree, 8e3));
}

#[test]
fn crossing_the_socket_link_costs_what_it_can_carry() {
    let host = |socket: &str| {
        yaml(&format!(
            "kind: topology\nname: t\ndevices:\n  cpu[0-1]: epyc-7542\n  gpu[0-7]: rtx-4090\n\
             links:\n  - {{from: cpu0, to: cpu1, class: socket, bandwidth: {socket}, \
             latency: 0 s}}\n  \
             - {{from: \"gpu[0-7]\", to: \"cpu[0-1]\", use: pcie4-x16}}\n"
        ))
    };
    let time = |socket| seconds(&host(socket), 8, Operation::AllReduce, 1e9, None);
    let (wide, narrow) = (time("100 GB/s"), time("5 GB/s"));
    // A ring carries 2(n−1)/n bytes per byte over the socket link in each direction.
    let data = 1e9 * 14.0 / 8.0 / 5e9;
    assert!(
        (narrow / data - 1.0).abs() < 0.05,
        "{narrow} against {data}"
    );
    assert!(wide < 0.5 * narrow);
}

#[test]
fn taking_one_nic_away_costs_its_share() {
    let nodes = |nics: usize| {
        yaml(&format!(
            "kind: topology\nname: t\nnodes: {{use: \"{}\", count: 3}}\n\
             fabric: {{kind: fat-tree, link: ib-ndr}}\n",
            four_nics(nics)
        ))
    };
    let time = |topology: &Topology| {
        seconds(
            topology,
            12,
            Operation::AllReduce,
            4e9,
            Some(Algorithm::Ring),
        )
    };
    let ratio = time(&nodes(2)) / time(&nodes(4));
    assert!(
        (ratio - 2.0).abs() < 0.1,
        "half the NICs, {ratio} times as long"
    );
}

/// A file of a machine with four GPUs on NVSwitch and some NICs, and its path.
fn four_nics(nics: usize) -> String {
    let path =
        std::env::temp_dir().join(format!("narrows-test-{}-{nics}.yaml", std::process::id()));
    let text = format!(
        "kind: topology\nname: node\ndevices:\n  cpu0: xeon-8480c\n  \
         plx[0-{0}]: pcie-switch-gen5\n  \
         nvs0: nvswitch-3\n  gpu[0-3]: a100-sxm-80gb\n  nic[0-{0}]: {{nic: {{}}}}\nlinks:\n  \
         - {{from: \"plx[0-{0}]\", to: cpu0, use: pcie5-x16}}\n  \
         - {{from: \"gpu[0-3]\", to: \"plx[0-{0}]\", use: pcie5-x16}}\n  \
         - {{from: \"nic[0-{0}]\", to: \"plx[0-{0}]\", use: pcie5-x16}}\n  \
         - {{from: \"gpu[0-3]\", to: nvs0, use: nvlink4, count: 18}}\n",
        nics - 1
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_broken_nvlink_reroutes_or_slows() {
    let whole = machine("dgx-1-v100-16gb");
    let mut broken = whole.clone();
    let find = |name: &str| whole.find(name).unwrap();
    let edge = broken.graph.find_edge(find("gpu0"), find("gpu1")).unwrap();
    broken.graph.remove_edge(edge);
    let time = |topology: &Topology| seconds(topology, 8, Operation::AllReduce, 1e9, None);
    let (whole, broken) = (time(&whole), time(&broken));
    // Six rings use six links of every card; two cards now have five each way.
    assert!((broken / whole - 1.2).abs() < 0.05, "{whole} → {broken}");
}

/// Both forms of a collective \[s\].
fn both_forms(
    topology: &Topology,
    ranks: usize,
    operation: Operation,
    forced: Algorithm,
) -> (f64, f64) {
    let library = library();
    let fabric = Fabric::new(topology.clone());
    let group: Vec<DeviceId> = fabric.topology.gpus().into_iter().take(ranks).collect();
    let communicator = Communicator::new(&fabric, &library, group)
        .unwrap()
        .forced(Forced {
            algorithm: Some(forced),
            ..Forced::default()
        });
    let bytes = 64e6;
    let one = communicator.plan(operation, bytes).unwrap().alone_s;
    let mut program = Program::default();
    for resource in &fabric.resources {
        program.add_resource(resource.clone());
    }
    expand_steps(&communicator, operation, bytes, &mut program).unwrap();
    let trace = run(&mut Static(&program), &Options::default()).unwrap();
    (one, trace.makespan)
}

#[test]
fn one_activity_and_single_sends_agree() {
    let catalog = Catalog::shipped().unwrap();
    let two = cluster(&catalog, "dgx-h100", 2).unwrap();
    let cases = [
        (
            machine("dgx-h100"),
            8,
            Operation::AllReduce,
            Algorithm::Ring,
        ),
        (
            machine("dgx-h100"),
            8,
            Operation::AllReduce,
            Algorithm::Nvls,
        ),
        (
            machine("dgx-h100"),
            8,
            Operation::AllReduce,
            Algorithm::TwoShot,
        ),
        (
            machine("dgx-h100"),
            2,
            Operation::AllReduce,
            Algorithm::OneShot,
        ),
        (
            machine("dgx-a100-80gb"),
            8,
            Operation::AllGather,
            Algorithm::Ring,
        ),
        (
            machine("dgx-a100-80gb"),
            8,
            Operation::AllToAll,
            Algorithm::Pairwise,
        ),
        (
            machine("handbuilt-8x-rtx3090"),
            8,
            Operation::AllReduce,
            Algorithm::Ring,
        ),
        (two.clone(), 16, Operation::AllReduce, Algorithm::Ring),
        (two.clone(), 16, Operation::AllReduce, Algorithm::NvlsTree),
        (two, 16, Operation::AllReduce, Algorithm::Tree),
    ];
    for (topology, ranks, operation, algorithm) in cases {
        let (one, sends) = both_forms(&topology, ranks, operation, algorithm);
        let gap = (sends / one - 1.0).abs();
        let name = &topology.name;
        assert!(
            gap < 0.02,
            "{operation} {algorithm} on {name}: {one} against {sends}"
        );
    }
}

/// A folder of more dumps to hold the importer to, where there is one.
const MORE_DUMPS: &str = "NARROWS_TOPOLOGY_DUMPS";

/// The dumps of real machines, by name: those that the project carries, and those of a folder that
/// the environment names.
fn dumps() -> Vec<(String, String)> {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/topology-dumps");
    let mut dumps = dumps_of(&own);
    assert_eq!(dumps.len(), 23);
    if let Some(more) = std::env::var_os(MORE_DUMPS) {
        dumps.extend(dumps_of(std::path::Path::new(&more)));
    }
    dumps
}

fn dumps_of(folder: &std::path::Path) -> Vec<(String, String)> {
    let mut dumps = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "xml" || e == "txt") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // Matrices of measured bandwidth describe no wiring.
            if !name.starts_with("p2p-") {
                dumps.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    dumps.sort();
    dumps
}

/// The matrix as labels.
fn labels(topology: &Topology) -> Vec<Vec<String>> {
    let (_, rows) = path_matrix(topology);
    rows.iter()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect()
}

/// The labels that a matrix was printed with.
fn printed(text: &str) -> Vec<Vec<String>> {
    let header = text
        .lines()
        .find(|line| line.trim_start().starts_with("GPU0"))
        .unwrap();
    let words = header.split_whitespace();
    let names: Vec<&str> = words.take_while(|word| *word != "CPU").collect();
    let row = |name: &&str| {
        let rows = text.lines().skip_while(|line| *line != header).skip(1);
        let line = rows.clone().find(|line| {
            line.split_whitespace().next() == Some(*name)
                && line.split_whitespace().count() > names.len()
        });
        let words = line.unwrap().split_whitespace().skip(1);
        words.take(names.len()).map(String::from).collect()
    };
    names.iter().map(row).collect()
}

#[test]
fn every_dump_imports_keeps_its_matrix_and_runs() {
    for (name, text) in dumps() {
        let imported = yaml(&import(&text, &name, &Assume::default()).unwrap());
        let matrix = labels(&imported);
        if name.starts_with("smi-") {
            assert_eq!(matrix, printed(&text), "{name}");
        }
        let again = import(&nvidia_smi(&imported), &name, &Assume::default()).unwrap();
        assert_eq!(
            matrix,
            labels(&yaml(&again)),
            "{name} printed and read again"
        );
        let ranks = imported.gpus().len();
        let time = seconds(&imported, ranks, Operation::AllReduce, 64e6, None);
        assert!(time > 0.0 && time < 1.0, "{name}: {time} s");
    }
}

#[test]
fn a_guess_can_be_overridden_and_a_bad_dump_says_why() {
    let (_, text) = dumps()
        .into_iter()
        .find(|(name, _)| name.contains("sm02"))
        .unwrap();
    let assume = Assume::parse(&["gpu=a100-pcie-40gb".into(), "pcie=pcie3-x16".into()]).unwrap();
    let yaml = import(&text, "sm02", &assume).unwrap();
    assert!(yaml.contains("a100-pcie-40gb") && yaml.contains("use: pcie3-x16"));
    assert!(Assume::parse(&["gpus=x".into()]).is_err());
    for bad in [
        "",
        "GPU0 GPU1\nGPU0 X NV1\n",
        "<system>",
        "<a/>",
        "<system version=\"1\"/>",
    ] {
        assert!(import(bad, "bad", &Assume::default()).is_err(), "{bad:?}");
    }
}

#[test]
fn a_fabric_joins_copies_of_a_machine() {
    let text = "kind: topology\nname: c\nnodes: {use: dgx-h100, count: 4}\n\
                fabric: {nodes_per_leaf: 2, oversubscription: 2}\n";
    let topology = yaml(text);
    assert_eq!(topology.gpus().len(), 32);
    let spine = topology.find("spine").unwrap();
    assert_eq!(topology.graph.edges(spine).count(), 16);
    let gpu = topology.find("node3.gpu7").unwrap();
    assert_eq!(topology.device(gpu).node, 3);
}

/// Time \[s\] and protocol of an operation over all GPUs of some copies of a machine.
fn forced_seconds(
    name: &str,
    copies: u32,
    what: (Operation, f64),
    forced: Forced,
) -> (f64, String) {
    let catalog = Catalog::shipped().unwrap();
    let topology = match copies {
        1 => machine(name),
        _ => cluster(&catalog, name, copies).unwrap(),
    };
    let fabric = Fabric::new(topology);
    let library = library();
    let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
    let plan = all.forced(forced).plan(what.0, what.1).unwrap();
    (plan.alone_s, plan.protocol)
}

/// NCCL 2.29.2 believes less of LL128 on Blackwell than the releases before it, and so goes from LL
/// to Simple: all-gathers of 16 and 32 MiB took up to twice as long.
#[test]
fn what_a_release_believes_of_a_protocol_decides() {
    let gather = |bytes: f64, release: &str| {
        let forced = Forced {
            release: Release::find(release),
            ..Forced::default()
        };
        forced_seconds("dgx-b200", 1, (Operation::AllGather, bytes), forced)
    };
    let (before, with) = gather(33554432.0, "NCCL 2.27.5");
    let (after, instead) = gather(33554432.0, "NCCL 2.29.2");
    assert_eq!((with.as_str(), instead.as_str()), ("ll128", "simple"));
    assert!(before < 0.95 * after, "{before} {after}");
    assert_eq!(gather(1e9, "2.27.5"), gather(1e9, "2.29.2"));
}

/// With full packets a rank of a tree passes a slice on when it has all of it, so that a buffer of
/// twice the size takes twice as long to fill the tree; LL128 passes on line by line.
#[test]
fn the_slices_of_a_tree_take_their_time_to_fill_it() {
    let tree = |slot: Option<f64>, protocol: &str| {
        let forced = Forced {
            algorithm: Some(Algorithm::Tree),
            protocol: Some(protocol.into()),
            slot: slot.map(Bytes),
            ..Forced::default()
        };
        forced_seconds("dgx-h100", 2, (Operation::AllReduce, 1e9), forced).0
    };
    let slot = 524288.0;
    assert_eq!(tree(None, "simple"), tree(Some(slot), "simple"));
    let more = tree(Some(2.0 * slot), "simple") - tree(Some(slot), "simple");
    let inside = 14.0 * slot / 20.7e9;
    assert!(more > inside && more < 1.2 * inside, "{more} {inside}");
    assert_eq!(tree(Some(2.0 * slot), "ll128"), tree(None, "ll128"));
}

/// What the switches' sums reach of NVLink is no loss of the network: between many machines trees
/// of such sums come to what the NICs carry, twice the size over all of them.
#[test]
fn sums_in_switches_lose_nothing_on_the_network() {
    let forced = Forced {
        algorithm: Some(Algorithm::NvlsTree),
        ..Forced::default()
    };
    let what = (Operation::AllReduce, 16e9);
    let (seconds, _) = forced_seconds("dgx-h100", 8, what, forced);
    let nics = 2.0 * what.1 / (8.0 * 48e9);
    assert!(seconds > nics && seconds < 1.05 * nics, "{seconds} {nics}");
}

/// NCCL's cost model counts on what its search found inside two machines, where trees run at twice
/// the network's speed: it takes trees of any size there, rings of large ones between more.
#[test]
fn of_two_machines_the_cost_model_favours_trees() {
    let catalog = Catalog::shipped().unwrap();
    let library = library();
    let chosen = |copies: u32, bytes: f64, choice: Choice| {
        let fabric = Fabric::new(cluster(&catalog, "dgx-h100", copies).unwrap());
        let all = Communicator::new(&fabric, &library, fabric.topology.gpus()).unwrap();
        let forced = Forced {
            protocol: Some("simple".into()),
            without_switches: true,
            choice,
            ..Forced::default()
        };
        let plan = all.forced(forced).plan(Operation::AllReduce, bytes);
        plan.unwrap().algorithm
    };
    for bytes in [65536.0, 16777216.0, 4e9] {
        assert_eq!(chosen(2, bytes, Choice::Library), "tree", "{bytes}");
    }
    assert_eq!(chosen(4, 65536.0, Choice::Library), "tree");
    assert_eq!(chosen(4, 4e9, Choice::Library), "ring");
    assert_eq!(chosen(2, 16777216.0, Choice::Tuned), "ring");
}
