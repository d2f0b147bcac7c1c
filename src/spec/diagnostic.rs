//! One look for every message about bad input.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
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

/// Longest text that can be a slip of a name \[B\]: nothing is near to a longer one.
const LONGEST_NAME: usize = 200;

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

    /// The same message with the valid name nearest to `wrong`, or with what is valid: all of it
    /// where that is short, else a few names that come nearest.
    pub fn suggest<'a>(self, wrong: &str, valid: impl IntoIterator<Item = &'a str>) -> Self {
        let valid: Vec<&str> = valid.into_iter().collect();
        if wrong.len() > LONGEST_NAME {
            return self;
        }
        match nearest(wrong, &valid) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if valid.is_empty() => self,
            None if valid.len() <= SHORT_LIST => {
                self.help(format!("expected one of: {}", valid.join(", ")))
            }
            None => {
                let few = ranked(wrong, &valid).into_iter().take(FEW);
                let few: Vec<&str> = few.map(|(_, name)| name).collect();
                self.help(format!("expected a name such as {}", few.join(", ")))
            }
        }
    }

    /// The full text for a terminal: message, file, line, the line itself, help.
    pub fn render(&self) -> String {
        let message = shortened(&self.message);
        let mut group = Group::with_title(Level::ERROR.primary_title(message.as_str()));
        if let Some(place) = &self.place {
            let path = place.source.path.as_str();
            let (line, column, length) = place.line_and_column();
            group = if length > LONGEST_LINE {
                group.element(Origin::path(path).line(line).char_column(column))
            } else {
                let span = AnnotationKind::Primary.span(place.clamped());
                group.element(
                    Snippet::source(place.source.text.as_str())
                        .path(path)
                        .annotation(span),
                )
            };
        }
        let help: Vec<String> = self.help.iter().map(|line| shortened(line)).collect();
        for line in &help {
            group = group.element(Level::HELP.message(line.as_str()));
        }
        Renderer::plain().render(&[group])
    }
}

/// Lists up to this long are given in full \[names\].
const SHORT_LIST: usize = 10;
/// Of longer lists, only so many names are given.
const FEW: usize = 5;
/// Lines longer than this are not shown with a message \[B\].
const LONGEST_LINE: usize = 400;
/// Messages are cut to this length, which only what a file holds can reach \[characters\].
const LONGEST_MESSAGE: usize = 300;

/// A message cut to a length that can be read, without characters that a terminal obeys.
fn shortened(message: &str) -> String {
    let printable = |c: char| {
        if c.is_control() && c != '\n' {
            '\u{fffd}'
        } else {
            c
        }
    };
    let mut text: String = message
        .chars()
        .map(printable)
        .take(LONGEST_MESSAGE)
        .collect();
    if message.chars().nth(LONGEST_MESSAGE).is_some() {
        text.push('…');
    }
    text
}

impl Place {
    /// Line and column of the beginning, counted from one, and the length of that line \[B\].
    fn line_and_column(&self) -> (usize, usize, usize) {
        let text = &self.source.text;
        let start = self.clamped().start;
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[..start].matches('\n').count() + 1;
        (line, text[begin..start].chars().count() + 1, end - begin)
    }

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
    let first = ranked(wrong, valid).into_iter().next();
    first
        .filter(|(score, _)| *score > 0.6)
        .map(|(_, name)| name)
}

/// The valid names and their likeness to `wrong`, the most alike first.
fn ranked<'a>(wrong: &str, valid: &[&'a str]) -> Vec<(f64, &'a str)> {
    let wrong = wrong.to_lowercase();
    let scored = valid
        .iter()
        .map(|name| (score(&wrong, &name.to_lowercase()), *name));
    let mut ranked: Vec<(f64, &str)> = scored.collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    ranked
}

/// Likeness from 0 to 1: edit distance, or containment of one name in the other.
fn score(wrong: &str, name: &str) -> f64 {
    let edit = strsim::normalized_damerau_levenshtein(wrong, name);
    if wrong.len() < 3 {
        edit
    } else if name.starts_with(wrong) {
        edit.max(0.9)
    } else if name.contains(wrong) || wrong.contains(name) {
        edit.max(0.65)
    } else {
        edit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_name_is_found_and_nonsense_is_not() {
        let valid = ["a100-sxm-80gb", "h100-sxm-80gb", "rtx-3090"];
        assert_eq!(nearest("a100-sxm-80", &valid), Some("a100-sxm-80gb"));
        assert_eq!(nearest("a100-sxm", &valid), Some("a100-sxm-80gb"));
        assert_eq!(nearest("3090", &valid), Some("rtx-3090"));
        assert_eq!(nearest("zebra", &valid), None);
    }
}
