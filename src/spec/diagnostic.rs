//! One look for every message about bad input.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;
use std::sync::Arc;

use super::read::Source;

/// Where in which file something stands.
#[derive(Debug, Clone)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// Byte range in its text.
    pub span: Range<usize>,
}

/// One clear message: what is wrong, where, and what was expected.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Diagnostic {
    /// What is wrong: lower case, no final stop.
    pub message: String,
    /// Where, if it has a place in a file.
    pub place: Option<Place>,
    /// What was expected or what to do, one line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A message without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            help: Vec::new(),
        }
    }

    /// The same message with a place.
    pub fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    /// The same message with one more line of help.
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }

    /// The same message with the valid name nearest to `wrong`, or a list of what is valid.
    pub fn suggest<'a>(self, wrong: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        let valid: Vec<&str> = valid.into_iter().collect();
        match nearest(wrong, &valid) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if valid.is_empty() => self,
            None if valid.len() <= 24 => {
                self.help(format!("expected one of: {}", valid.join(", ")))
            }
            None => self,
        }
    }

    /// The full text for a terminal: message, file, line, the line itself, help.
    pub fn render(&self) -> String {
        let mut group = Level::ERROR
            .primary_title(&self.message)
            .elements(self.place.iter().map(|place| {
                Snippet::source(place.source.text.as_str())
                    .path(place.source.path.as_str())
                    .annotation(AnnotationKind::Primary.span(place.clamped()))
            }));
        for line in &self.help {
            group = group.element(Level::HELP.message(line.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

impl Place {
    /// The span cut to the text and moved to character boundaries, as the renderer needs it.
    fn clamped(&self) -> Range<usize> {
        let text = &self.source.text;
        let boundary = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(self.span.start);
        start..boundary(self.span.end.max(start))
    }
}

/// The valid name most like `wrong`, where one is near enough to be a slip of the pen.
pub fn nearest<'a>(wrong: &str, valid: &[&'a str]) -> Option<&'a str> {
    let wrong_lower = wrong.to_lowercase();
    valid
        .iter()
        .map(|name| (score(&wrong_lower, &name.to_lowercase()), *name))
        .filter(|(score, _)| *score > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, name)| name)
}

/// Likeness from 0 to 1: edit distance, or containment of one name in the other.
fn score(wrong: &str, name: &str) -> f64 {
    let edit = strsim::normalized_damerau_levenshtein(wrong, name);
    let contained = wrong.len() >= 3 && (name.contains(wrong) || wrong.contains(name));
    if contained { edit.max(0.65) } else { edit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_found_and_nonsense_is_not() {
        let valid = ["a100-sxm-80gb", "h100-sxm-80gb", "rtx-3090"];
        assert_eq!(nearest("a100-sxm-80", &valid), Some("a100-sxm-80gb"));
        assert_eq!(nearest("3090", &valid), Some("rtx-3090"));
        assert_eq!(nearest("zebra", &valid), None);
    }
}
