//! A workload file of any kind.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Catalog, load, read_file};
use crate::model::{Transformer, from_config};
use crate::spec::{
    Diagnostic, FlowsSpec, InferenceSpec, Kind, ModelSpec, NameOr, Source, Spanned, TrainingSpec,
    parse, read_kind,
};

/// A parsed workload with its file.
#[derive(Debug, Clone)]
pub enum Loaded {
    /// A training step.
    Training(Arc<Source>, Box<TrainingSpec>),
    /// Prefill and decode.
    Inference(Arc<Source>, Box<InferenceSpec>),
    /// A list of flows.
    Flows(Arc<Source>, Box<FlowsSpec>),
}

impl Loaded {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Loaded::Training(_, spec) => &spec.name,
            Loaded::Inference(_, spec) => &spec.name,
            Loaded::Flows(_, spec) => &spec.name,
        }
    }
}

/// The kinds of file that are workloads.
pub fn workload_kinds() -> [Kind; 3] {
    [Kind::Training, Kind::Inference, Kind::Flows]
}

/// Loads a workload by catalogue name or path.
///
/// # Errors
/// It does not exist, cannot be read, or does not parse.
pub fn load_workload(catalog: &Catalog, argument: &str) -> Result<Loaded, Diagnostic> {
    let source = load(catalog, argument, &workload_kinds(), "workload")?;
    Ok(match read_kind(&source)? {
        Kind::Training => {
            let spec = parse(&source)?;
            Loaded::Training(source, Box::new(spec))
        }
        Kind::Inference => {
            let spec = parse(&source)?;
            Loaded::Inference(source, Box::new(spec))
        }
        _ => {
            let spec = parse(&source)?;
            Loaded::Flows(source, Box::new(spec))
        }
    })
}

/// The network a workload names: a catalogue entry, the path of a `config.json` seen from the
/// workload's file, or a definition in place.
pub(super) fn network(
    catalog: &Catalog,
    source: &Arc<Source>,
    model: &Spanned<NameOr<ModelSpec>>,
) -> Result<Transformer, Diagnostic> {
    let place = |diagnostic: Diagnostic| diagnostic.at(source.place(model));
    let spec = match &model.value {
        NameOr::Inline(spec) => (**spec).clone(),
        NameOr::Name(name) if name.ends_with(".json") => {
            let beside = Path::new(&source.path).parent().unwrap_or(Path::new(""));
            from_config(&read_file(&beside.join(name)).map_err(place)?)?
        }
        NameOr::Name(name) => (*catalog.get::<ModelSpec>(name).map_err(place)?).clone(),
    };
    Transformer::new(spec).map_err(|e| place(Diagnostic::new(e.to_string())))
}
