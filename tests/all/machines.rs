//! Machines for tests: shipped ones by name, and others from text.

use std::sync::LazyLock;

use narrows::catalog::{Catalog, load};
use narrows::fabric::Fabric;
use narrows::spec::{Kind, Source};
use narrows::topology::expand;

/// A machine from the text of a topology file.
pub fn from_yaml(text: &str) -> Fabric {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::shipped().unwrap());
    let topology = expand(&CATALOG, &Source::new("test.yaml", text));
    Fabric::new(topology.unwrap_or_else(|e| panic!("{}", e.render())))
}

/// A shipped machine.
pub fn shipped(catalog: &Catalog, name: &str) -> Fabric {
    let source = load(catalog, name, &[Kind::Topology], "topology").unwrap();
    Fabric::new(expand(catalog, &source).unwrap_or_else(|e| panic!("{}", e.render())))
}
