//! The only file that names the YAML crate.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_yaml::budget::Budget;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, nearest};

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
    /// How a body of measurements was timed.
    Campaign,
    /// How far predictions are off.
    Accuracy,
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

/// Only the `name:` line of a file.
#[derive(serde::Deserialize)]
struct NameLine {
    #[serde(default)]
    name: Option<Spanned<String>>,
}

/// Only the `architecture:` line of a device's file.
#[derive(serde::Deserialize)]
struct ArchitectureLine {
    architecture: Spanned<String>,
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

/// The `name:` of a file, if it gives itself one.
///
/// # Errors
/// It is no valid YAML mapping, or its name is no text.
pub fn read_name(source: &Arc<Source>) -> Result<Option<Spanned<String>>, Diagnostic> {
    parse::<NameLine>(source).map(|line| line.name)
}

/// The `architecture:` of a device's file.
///
/// # Errors
/// It is no valid YAML mapping, or has no architecture.
pub fn read_architecture(source: &Arc<Source>) -> Result<Spanned<String>, Diagnostic> {
    parse::<ArchitectureLine>(source).map(|line| line.architecture)
}

/// Parses a file as `T`.
///
/// # Errors
/// One diagnostic with its place for anything YAML or `T` does not accept.
pub fn parse<T: DeserializeOwned>(source: &Arc<Source>) -> Result<T, Diagnostic> {
    if source.text.len() > MAX_FILE_BYTES {
        return Err(too_large(&source.path, source.text.len() as u64));
    }
    let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.text.lines().all(blank) {
        return Err(Diagnostic::new("the file is empty").at(Place {
            source: Arc::clone(source),
            span: 0..0,
        }));
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
    let span = match plain.location() {
        Some(location) if location.line() > 0 => {
            let span = location.span();
            let start = span.byte_offset().map_or_else(
                || offset_of(&source.text, location.line(), location.column()),
                |at| at as usize,
            );
            start..start + span.byte_len().unwrap_or(1).max(1) as usize
        }
        _ => 0..0,
    };
    let found = source.text.get(span.clone()).unwrap_or_default();
    reason(plain, found).at(Place {
        source: Arc::clone(source),
        span,
    })
}

/// What is wrong, in words that need no knowledge of the parser; `found` is the text in place.
fn reason(error: &serde_yaml::Error, found: &str) -> Diagnostic {
    use serde_yaml::Error as E;
    match error {
        E::AliasError { error, .. } => reason(error, found),
        E::SerdeUnknownField {
            field, expected, ..
        } => unknown("key", field, expected),
        E::SerdeUnknownVariant {
            variant, expected, ..
        } => unknown("value", variant, expected),
        E::SerdeMissingField { field, .. } => {
            Diagnostic::new(format!("the key `{field}` is missing"))
                .help("it belongs beside the key marked above")
        }
        E::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | E::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => wrong_type(unexpected, expected),
        E::InvalidScalar { ty, .. } if matches!(found.trim(), "" | ":" | "-") => {
            Diagnostic::new(format!("found nothing, expected {}", type_name(ty)))
        }
        E::InvalidScalar { ty, .. } => {
            Diagnostic::new(format!("`{found}` is not {}", type_name(ty)))
        }
        E::NonFiniteFloat { value, .. } => {
            Diagnostic::new(format!("`{value}` is not a finite number"))
        }
        E::Unexpected { expected, .. } => {
            Diagnostic::new(format!("expected {}", type_name(expected)))
        }
        E::DuplicateMappingKey { key, .. } => match key {
            Some(key) => Diagnostic::new(format!("the key `{key}` stands here a second time")),
            None => Diagnostic::new("this key stands here a second time"),
        },
        E::Eof { .. } => Diagnostic::new("the file ends too early"),
        E::MultipleDocuments { .. } => {
            Diagnostic::new("a second document begins here; expected one `kind:` a file")
        }
        E::Budget { breach, .. } => too_much(breach),
        _ => other(error),
    }
}

/// The message for a limit of [`budget`], or one of the parser's own, that is passed.
fn too_much(breach: &serde_yaml::budget::BudgetBreach) -> Diagnostic {
    let breach = format!("{breach:?}");
    let what = match breach.split([' ', '{', '(']).next().unwrap_or_default() {
        "Depth" => "this is nested more than 64 deep",
        "Aliases" | "AliasAnchorRatio" => "this has far more aliases than any real file",
        "Anchors" => "this has more than 1000 anchors",
        _ => "with its aliases filled in, this is far larger than any real file",
    };
    Diagnostic::new(what)
}

/// A message of the parser that has no words of ours.
fn other(error: &serde_yaml::Error) -> Diagnostic {
    let text = error.render_with_options(
        serde_yaml::render_options! { snippets: serde_yaml::SnippetMode::Off },
    );
    let message = strip_location(&text);
    let known = SYNTAX.iter().find(|(theirs, _)| message.contains(theirs));
    match known {
        Some((_, ours)) => Diagnostic::new(*ours),
        None => Diagnostic::new(first_lower(&message)),
    }
}

/// Messages of the parser about syntax, by a part of them, and what we say instead.
const SYNTAX: [(&str, &str); 8] = [
    (
        "expected '-' indicator",
        "expected `- ` as before the other items of this list",
    ),
    (
        "expected key",
        "expected a key that is indented like the others of this mapping",
    ),
    (
        "tabs disallowed",
        "a tab cannot indent a line; expected blanks",
    ),
    (
        "trailing content after double-quoted",
        "something follows a closing quote; is a quote missing before?",
    ),
    (
        "mapping values are not allowed",
        "a `key: value` cannot stand here; check the indentation and the quotes",
    ),
    ("unclosed bracket", "this bracket is never closed"),
    ("recursion limit", "this is nested more than 64 deep"),
    (
        "unknown anchor",
        "there is no anchor `&…` of this name before",
    ),
];

/// The message for a key or value that is none of the valid ones.
fn unknown(what: &str, wrong: &str, valid: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(format!("unknown {what} `{wrong}`"));
    let diagnostic = match nearest(wrong, valid) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
        None => diagnostic,
    };
    diagnostic.help(format!("valid here: {}", valid.join(", ")))
}

/// The message for a value of the wrong type.
pub fn wrong_type(unexpected: &str, expected: &str) -> Diagnostic {
    let found = match unexpected {
        "sequence" => "a list",
        "map" => "a mapping",
        "unit value" | "unit" | "null" => "nothing",
        other => ["integer ", "floating point ", "string ", "boolean "]
            .iter()
            .find_map(|kind| other.strip_prefix(kind))
            .unwrap_or(other),
    };
    Diagnostic::new(format!("found {found}, expected {}", type_name(expected)))
}

/// What a type of the parser is called in a message.
fn type_name(name: &str) -> &str {
    match name {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" | "integer" | "unsigned integer" => "a whole number from 0 up",
        "f64" | "f32" | "float" | "floating point" => "a number",
        "bool" | "boolean" | "a boolean" => "`true` or `false`",
        "a string" | "string" => "a text",
        "string scalar" | "scalar" => "a single value",
        "sequence" | "a sequence" | "sequence start" => "a list",
        "map" | "a map" | "mapping" | "mapping start" => "a mapping `key: value`",
        name if name.starts_with("struct ") => "a mapping `key: value`",
        name => name,
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
