//! A workload file of any kind.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Catalog, load, read_file};
use crate::model::{Transformer, from_config};
use crate::spec::{
    Diagnostic, FlowsSpec, InferenceSpec, Kind, ModelSpec, NameOr, Place, Source, Spanned,
    TrainingSpec, is_name, no_name, parse, read_kind,
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
    /// Its file.
    pub fn source(&self) -> &Arc<Source> {
        match self {
            Loaded::Training(source, _)
            | Loaded::Inference(source, _)
            | Loaded::Flows(source, _) => source,
        }
    }

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
    let loaded = match read_kind(&source)? {
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
    };
    if is_name(loaded.name()) {
        return Ok(loaded);
    }
    let source = loaded.source();
    let span = find_key(&source.text, 0, "name").unwrap_or(0..0);
    Err(no_name(loaded.name()).at(Place {
        source: Arc::clone(source),
        span,
    }))
}

/// The network a workload names: a catalogue entry, the path of a `config.json` seen from the
/// workload's file, or a definition in place.
pub(super) fn network(
    catalog: &Catalog,
    source: &Arc<Source>,
    model: &Spanned<NameOr<ModelSpec>>,
) -> Result<Transformer, Diagnostic> {
    let place = |diagnostic: Diagnostic| diagnostic.at(source.place(model));
    let mut file = Arc::clone(source);
    let spec = match &model.value {
        NameOr::Inline(spec) => (**spec).clone(),
        NameOr::Name(name) if name.ends_with(".json") => {
            let beside = Path::new(&source.path).parent().unwrap_or(Path::new(""));
            file = read_file(&beside.join(name)).map_err(place)?;
            from_config(&file)?
        }
        NameOr::Name(name) => {
            file = catalog.source::<ModelSpec>(name).map_err(place)?;
            parse(&file)?
        }
    };
    Transformer::new(spec).map_err(|e| {
        let from = if Arc::ptr_eq(&file, source) {
            model.span.start
        } else {
            0
        };
        let span = e.key.and_then(|key| find_key(&file.text, from, key));
        Diagnostic::new(e.to_string()).at(Place {
            span: span.unwrap_or(from..from),
            source: file,
        })
    })
}

/// Where a model's key stands in a YAML file or a `config.json`.
fn find_key(text: &str, from: usize, key: &str) -> Option<Range<usize>> {
    let others: &[&str] = match key {
        "layers" => &["num_hidden_layers", "n_layer"],
        "hidden" => &["hidden_size", "n_embd"],
        "heads" => &["num_attention_heads", "n_head"],
        "kv_heads" => &["num_key_value_heads"],
        "ffn" => &["intermediate_size", "n_inner"],
        "vocabulary" => &["vocab_size"],
        "max_sequence" => &["max_position_embeddings", "n_positions"],
        _ => &[],
    };
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    [key].iter().chain(others).find_map(|key| {
        let mut found = text[from..].match_indices(key).map(|(at, _)| from + at);
        let start = found.find(|at| {
            let after = &text[at + key.len()..];
            !text[..*at].ends_with(inside) && after.trim_start_matches('"').starts_with(':')
        })?;
        Some(start..start + key.len())
    })
}
