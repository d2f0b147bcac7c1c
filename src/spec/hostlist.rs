//! Names with ranges, as `gpu[0-7]`, `node[0-3].nic[0,2]`.

use serde::de::{Deserialize, Deserializer};

use super::diagnostic::Diagnostic;

/// Most names that one pattern, or one file, may expand to.
pub const MAX_NAMES: usize = 1 << 20;

/// The names a pattern stands for, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hostlist {
    /// As written.
    pub pattern: String,
    /// Expanded.
    pub names: Vec<String>,
}

/// Why a text is not a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostlistError {
    /// A bracket does not close or nothing stands in it.
    #[error("`{0}` has an unbalanced or empty bracket; expected a pattern such as `gpu[0-7]`")]
    Bracket(String),
    /// A range is not `A-B` with A ≤ B.
    #[error("`{1}` in `{0}` is not a range; expected `first-last` with first ≤ last")]
    Range(String, String),
    /// Too many names.
    #[error("`{0}` stands for more than {MAX_NAMES} names")]
    TooMany(String),
    /// A character that no name has.
    #[error(
        "`{0}` is not a name; expected letters, digits, `-`, `_`, `.`, `:` and ranges in brackets"
    )]
    Character(String),
}

impl Hostlist {
    /// Expands a pattern; the last range runs fastest.
    ///
    /// # Errors
    /// See [`HostlistError`].
    pub fn parse(pattern: &str) -> Result<Self, HostlistError> {
        let mut names = vec![String::new()];
        let mut rest = pattern;
        while let Some(open) = rest.find('[') {
            let fixed = checked(pattern, &rest[..open])?;
            let close = rest[open..]
                .find(']')
                .ok_or_else(|| HostlistError::Bracket(pattern.into()))?
                + open;
            let numbers = ranges(pattern, &rest[open + 1..close])?;
            if names.len().saturating_mul(numbers.len()) > MAX_NAMES {
                return Err(HostlistError::TooMany(pattern.into()));
            }
            names = names
                .iter()
                .flat_map(|name| numbers.iter().map(move |n| format!("{name}{fixed}{n}")))
                .collect();
            rest = &rest[close + 1..];
        }
        let tail = checked(pattern, rest)?;
        names.iter_mut().for_each(|name| name.push_str(tail));
        if names.iter().any(String::is_empty) {
            return Err(HostlistError::Character(pattern.into()));
        }
        Ok(Self {
            pattern: pattern.into(),
            names,
        })
    }
}

/// Whether a text can name a file's entry, and with it the files of a report.
pub fn is_name(text: &str) -> bool {
    let valid = |c: char| c.is_alphanumeric() || "-_.+ ".contains(c);
    (1..=100).contains(&text.len()) && text.chars().all(valid) && !text.starts_with('.')
}

/// The message for a text that is not [a name](is_name).
pub fn no_name(text: &str) -> Diagnostic {
    Diagnostic::new(format!("`{text}` cannot be a name"))
        .help("expected 1 to 100 letters, digits, `-`, `_`, `.`, `+` or blanks, no dot in front")
}

/// The fixed part of a pattern, if it has only characters of names.
fn checked<'a>(pattern: &str, part: &'a str) -> Result<&'a str, HostlistError> {
    if part.contains(']') {
        return Err(HostlistError::Bracket(pattern.into()));
    }
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if part.chars().all(valid) {
        Ok(part)
    } else {
        Err(HostlistError::Character(pattern.into()))
    }
}

/// `0-3,7` as numbers.
fn ranges(pattern: &str, text: &str) -> Result<Vec<u64>, HostlistError> {
    if text.is_empty() {
        return Err(HostlistError::Bracket(pattern.into()));
    }
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let bad = || HostlistError::Range(pattern.into(), part.into());
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: u64 = first.trim().parse().map_err(|_| bad())?;
        let last: u64 = last.trim().parse().map_err(|_| bad())?;
        if first > last {
            return Err(bad());
        }
        if last - first >= MAX_NAMES as u64 || numbers.len() > MAX_NAMES {
            return Err(HostlistError::TooMany(pattern.into()));
        }
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

impl<'de> Deserialize<'de> for Hostlist {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Hostlist::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_expand_in_order() {
        let names = |p: &str| Hostlist::parse(p).map(|h| h.names);
        assert_eq!(names("cpu0"), Ok(vec!["cpu0".to_string()]));
        assert_eq!(
            names("n[0-1].g[0,2]"),
            Ok(["n0.g0", "n0.g2", "n1.g0", "n1.g2"]
                .map(String::from)
                .to_vec())
        );
    }

    #[test]
    fn bad_patterns_are_refused_quickly() {
        assert!(matches!(
            Hostlist::parse("gpu[0-"),
            Err(HostlistError::Bracket(_))
        ));
        assert!(matches!(
            Hostlist::parse("gpu[]"),
            Err(HostlistError::Bracket(_))
        ));
        assert!(matches!(
            Hostlist::parse("gpu[7-0]"),
            Err(HostlistError::Range(..))
        ));
        assert!(matches!(
            Hostlist::parse("gpu[0-99999999999]"),
            Err(HostlistError::TooMany(_))
        ));
        assert!(matches!(
            Hostlist::parse("a[0-99999][0-99999]"),
            Err(HostlistError::TooMany(_))
        ));
        assert!(matches!(
            Hostlist::parse("gpu 0"),
            Err(HostlistError::Character(_))
        ));
    }
}
