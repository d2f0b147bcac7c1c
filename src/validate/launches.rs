//! How a row of measurements was run.

use std::sync::Arc;

use super::Row;
use crate::collective::{Choice, LaunchMode};
use crate::spec::{Diagnostic, LaunchRule, LaunchesSpec, Source, Spanned, parse};
use crate::units::Bytes;

/// Column in which a file may name the launch mode itself.
const COLUMN: &str = "launch";

/// The rules for published rows that do not say it in a column.
const RULES: &str = include_str!("data/launches.yaml");

/// A rule with what its keys mean.
#[derive(Debug, Clone)]
struct Rule {
    written: LaunchRule,
    mode: Option<LaunchMode>,
    choice: Option<Choice>,
}

/// The rules.
#[derive(Debug, Clone)]
pub(super) struct Launches {
    rules: Vec<Rule>,
}

impl Launches {
    /// The shipped rules.
    ///
    /// # Errors
    /// The file cannot be read, or names no launch mode.
    pub(super) fn shipped() -> Result<Self, Diagnostic> {
        let source = Source::new("catalogue:launches.yaml", RULES);
        let spec: LaunchesSpec = parse(&source)?;
        let rules = spec.launches.into_iter().map(|written| {
            let modes = LaunchMode::ALL.map(|mode| (mode.key(), mode));
            let choices = Choice::ALL.map(|choice| (choice.key(), choice));
            Ok(Rule {
                mode: known(&source, written.launch.as_ref(), "launch mode", &modes)?,
                choice: known(&source, written.choice.as_ref(), "choice", &choices)?,
                written,
            })
        });
        let rules = rules.collect::<Result<_, Diagnostic>>()?;
        Ok(Self { rules })
    }

    /// The launch mode of a row: what its column says, else that of the first rule that fits, else
    /// a process for every rank.
    ///
    /// # Errors
    /// The column holds no launch mode.
    pub(super) fn mode(&self, row: &Row<'_>) -> Result<LaunchMode, String> {
        let own = row.text(COLUMN);
        if !own.is_empty() {
            return LaunchMode::from_key(own)
                .ok_or_else(|| format!("unsupported: launch mode `{own}`"));
        }
        let found = self.fitting(row).find_map(|rule| rule.mode);
        Ok(found.unwrap_or_default())
    }

    /// Whether the library of a row could reduce in switches.
    pub(super) fn in_switch(&self, row: &Row<'_>) -> bool {
        let found = self.fitting(row).find_map(|rule| rule.written.in_switch);
        found.unwrap_or(true)
    }

    /// By what the library of a row chose.
    pub(super) fn choice(&self, row: &Row<'_>) -> Choice {
        let found = self.fitting(row).find_map(|rule| rule.choice);
        found.unwrap_or_default()
    }

    /// The only protocol that the library of a row could use, if there was only one.
    pub(super) fn protocol(&self, row: &Row<'_>) -> Option<String> {
        self.fitting(row)
            .find_map(|rule| rule.written.protocol.clone())
    }

    /// One slot of the Simple buffer of a row's library, where it was not the library's own.
    pub(super) fn slot(&self, row: &Row<'_>) -> Option<Bytes> {
        self.fitting(row).find_map(|rule| rule.written.slot)
    }

    /// The rules whose texts a row holds.
    fn fitting(&self, row: &Row<'_>) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| {
            let mut cells = rule.written.rows.iter();
            cells.all(|(column, text)| row.text(column).contains(text.as_str()))
        })
    }
}

/// What a key of a rule means, if it is given.
fn known<T: Copy>(
    source: &Arc<Source>,
    key: Option<&Spanned<String>>,
    what: &str,
    all: &[(&str, T)],
) -> Result<Option<T>, Diagnostic> {
    let Some(key) = key else {
        return Ok(None);
    };
    let found = all.iter().find(|(known, _)| *known == key.value);
    let unknown = || {
        Diagnostic::new(format!("unknown {what} `{}`", key.value))
            .at(source.place(key))
            .suggest(key, all.iter().map(|(known, _)| *known))
    };
    found.map(|(_, meant)| Some(*meant)).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::super::Measurements;
    use super::*;

    #[test]
    fn a_column_comes_before_the_rules() {
        let text = "id,launch,note,algorithm,source\na,,replayed in a CUDA graph,,\n\
                    b,one-process,CUDA graph,,\nc,,,NVLS_ENABLE=0,\nd,rocket,,,\n\
                    e,,,,lessizzmore/create-a3mega-ztan-fork\n";
        let file = Measurements::parse("t.csv", text).expect("a table");
        let launches = Launches::shipped().expect("rules");
        let rows = file.rows(None).expect("rows");
        let modes: Vec<_> = rows.iter().map(|row| launches.mode(row)).collect();
        assert_eq!(modes[0], Ok(LaunchMode::Graph));
        assert_eq!(modes[1], Ok(LaunchMode::OneProcess));
        assert_eq!(modes[2], Ok(LaunchMode::Processes));
        assert!(modes[3].is_err());
        assert!(launches.in_switch(&rows[0]) && !launches.in_switch(&rows[2]));
        assert_eq!(launches.protocol(&rows[0]), None);
        assert_eq!(launches.protocol(&rows[4]), Some("simple".into()));
        assert_eq!(launches.choice(&rows[0]), Choice::Tuned);
        assert_eq!(launches.choice(&rows[4]), Choice::Library);
        assert_eq!(launches.slot(&rows[4]), Some(Bytes(1048576.0)));
    }
}
