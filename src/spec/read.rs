//! The only file that names the YAML crate.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_yaml::budget::Budget;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place};

/// A file's name and text.
#[derive(Debug)]
pub struct Source {
    /// Path as the user gave it, or `catalogue:…` for what the binary carries.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// Wraps a name and a text.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            text: text.into(),
        })
    }

    /// The place of a spanned value in this file.
    pub fn place<T>(self: &Arc<Self>, value: &Spanned<T>) -> Place {
        Place {
            source: Arc::clone(self),
            span: value.span.clone(),
        }
    }
}

/// A value and the bytes of the file it was read from.
#[derive(Debug, Clone, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Byte range in the file.
    pub span: Range<usize>,
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let inner = serde_yaml::Spanned::<T>::deserialize(d)?;
        let span = inner.referenced.span();
        let start = span.byte_offset().unwrap_or_default() as usize;
        let length = span.byte_len().unwrap_or_default() as usize;
        Ok(Self {
            value: inner.value,
            span: start..start + length,
        })
    }
}

/// What a file says it is, in its `kind:` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A GPU or another accelerator.
    Gpu,
    /// A CPU socket.
    Cpu,
    /// A switch of any fabric.
    Switch,
    /// What the devices of an architecture have in common.
    Family,
    /// A link.
    Link,
    /// A neural network.
    Model,
    /// A training framework or inference engine.
    Framework,
    /// A collective communication library.
    Library,
    /// A machine or cluster.
    Topology,
    /// A training step.
    Training,
    /// Prefill and decode.
    Inference,
    /// A list of flows.
    Flows,
}

/// Only the `kind:` line of a file.
#[derive(serde::Deserialize)]
struct KindLine {
    kind: Kind,
}

/// The largest file that is read; a workload or topology of this size is a mistake.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// The `kind:` of a file.
///
/// # Errors
/// The text is not YAML, or has no known `kind`.
pub fn read_kind(source: &Arc<Source>) -> Result<Kind, Diagnostic> {
    parse::<KindLine>(source).map(|line| line.kind)
}

/// Parses a file as `T`.
///
/// # Errors
/// One diagnostic with its place for anything YAML or `T` does not accept.
pub fn parse<T: DeserializeOwned>(source: &Arc<Source>) -> Result<T, Diagnostic> {
    if source.text.len() > MAX_FILE_BYTES {
        return Err(too_large(&source.path, source.text.len() as u64));
    }
    let options = serde_yaml::options! {
        budget: budget(),
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(&source.text, options).map_err(|e| diagnose(source, &e))
}

/// The message for a file beyond [`MAX_FILE_BYTES`].
pub fn too_large(path: &str, bytes: u64) -> Diagnostic {
    Diagnostic::new(format!(
        "`{path}` has {}, more than the {} that are read",
        crate::units::bytes_iec(bytes as f64),
        crate::units::bytes_iec(MAX_FILE_BYTES as f64)
    ))
}

/// Limits far above any real file and far below what would hurt.
fn budget() -> Option<Budget> {
    serde_yaml::budget! {
        max_depth: 64,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_nodes: 2_000_000,
    }
}

/// Turns a parser's error into our own form.
fn diagnose(source: &Arc<Source>, error: &serde_yaml::Error) -> Diagnostic {
    let plain = error.without_snippet();
    let text = plain.render_with_options(
        serde_yaml::render_options! { snippets: serde_yaml::SnippetMode::Off },
    );
    let message = strip_location(&text);
    let mut diagnostic = Diagnostic::new(first_lower(&message));
    if let Some((wrong, valid)) = unknown_name(&message) {
        diagnostic = Diagnostic::new(message.split(',').next().unwrap_or(&message).to_string())
            .suggest(&wrong, valid.iter().map(String::as_str));
        if diagnostic
            .help
            .iter()
            .all(|line| line.starts_with("did you mean"))
        {
            diagnostic = diagnostic.help(format!("valid here: {}", valid.join(", ")));
        }
    }
    match plain.location() {
        Some(location) if location.line() > 0 => {
            let span = location.span();
            let start = span.byte_offset().map_or_else(
                || offset_of(&source.text, location.line(), location.column()),
                |at| at as usize,
            );
            let end = start + span.byte_len().unwrap_or(1).max(1) as usize;
            diagnostic.at(Place {
                source: Arc::clone(source),
                span: start..end,
            })
        }
        _ => diagnostic.at(Place {
            source: Arc::clone(source),
            span: 0..0,
        }),
    }
}

/// Byte offset of a line and column, both counted from one.
fn offset_of(text: &str, line: u64, column: u64) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1) as usize)
        .map(str::len)
        .sum();
    before + column.saturating_sub(1) as usize
}

/// The parser's own "at line …" is dropped: the snippet says it.
fn strip_location(text: &str) -> String {
    let cut = text.rfind(" at line ").unwrap_or(text.len());
    let text = &text[..cut];
    let text = match text.strip_prefix("error: ") {
        Some(rest) => rest,
        None => text,
    };
    match text
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
    {
        Some((_, rest)) => rest.trim().to_string(),
        None => text.trim().to_string(),
    }
}

/// Messages begin in lower case, unless with a name.
fn first_lower(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().collect::<String>() + &text[first.len_utf8()..]
        }
        _ => text.to_string(),
    }
}

/// From serde's "unknown field `x`, expected one of `a`, `b`": `x` and what is valid.
fn unknown_name(message: &str) -> Option<(String, Vec<String>)> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2).map(str::to_string);
    let wrong = quoted.next()?;
    let valid: Vec<String> = quoted.collect();
    (!valid.is_empty()).then_some((wrong, valid))
}
