//! What a workload of a network names, found in the catalogue and laid on a machine.

use std::sync::Arc;

use super::loaded::network;
use super::placement::Placement;
use super::range::check_precision;
use crate::catalog::Catalog;
use crate::fabric::Fabric;
use crate::model::Transformer;
use crate::spec::{
    Diagnostic, FrameworkSpec, LibrarySpec, ModelSpec, NameOr, Parallel, Precision, Source, Spanned,
};

/// Where a workload's file says what it runs, and how.
pub(super) struct Written<'a> {
    pub(super) source: &'a Arc<Source>,
    pub(super) framework: &'a Spanned<String>,
    pub(super) model: &'a Spanned<NameOr<ModelSpec>>,
    pub(super) parallel: &'a Parallel,
    pub(super) precision: &'a Spanned<Precision>,
}

/// What it runs.
pub(super) struct Setting {
    pub(super) framework: Arc<FrameworkSpec>,
    pub(super) library: Arc<LibrarySpec>,
    pub(super) placement: Placement,
    pub(super) network: Transformer,
}

impl Setting {
    /// Finds and checks it.
    pub(super) fn new(
        catalog: &Catalog,
        fabric: &Fabric,
        written: &Written<'_>,
    ) -> Result<Self, Diagnostic> {
        let source = written.source;
        let framework = catalog
            .get::<FrameworkSpec>(written.framework)
            .map_err(|d| d.at(source.place(written.framework)))?;
        let library = catalog.get::<LibrarySpec>(&framework.library)?;
        let placement = Placement::new(fabric, source, written.parallel)?;
        check_precision(fabric, &placement, source, written.precision)?;
        let network = network(catalog, source, written.model)?;
        network.check_tensor(placement.tensor).map_err(|e| {
            let place = match &written.parallel.tensor {
                Some(tensor) => source.place(tensor),
                None => source.place(written.model),
            };
            Diagnostic::new(e.to_string()).at(place)
        })?;
        Ok(Self {
            framework,
            library,
            placement,
            network,
        })
    }
}
