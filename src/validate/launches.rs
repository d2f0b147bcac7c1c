//! How a row of measurements was run.

use super::Row;
use crate::collective::LaunchMode;
use crate::spec::{Diagnostic, LaunchRule, LaunchesSpec, Source, parse};

/// Column in which a file may name the launch mode itself.
const COLUMN: &str = "launch";

/// The rules for published rows that do not say it in a column.
const RULES: &str = include_str!("data/launches.yaml");

/// Rules with their modes.
#[derive(Debug, Clone)]
pub(super) struct Launches {
    rules: Vec<(LaunchRule, Option<LaunchMode>)>,
}

impl Launches {
    /// The shipped rules.
    ///
    /// # Errors
    /// The file cannot be read, or names no launch mode.
    pub(super) fn shipped() -> Result<Self, Diagnostic> {
        let source = Source::new("catalogue:launches.yaml", RULES);
        let spec: LaunchesSpec = parse(&source)?;
        let rules = spec.launches.into_iter().map(|rule| {
            let mode = rule.launch.as_ref().map(|written| {
                LaunchMode::from_key(written).ok_or_else(|| {
                    let valid = LaunchMode::ALL.iter().map(|mode| mode.key());
                    Diagnostic::new(format!("unknown launch mode `{}`", written.value))
                        .at(source.place(written))
                        .suggest(written, valid)
                })
            });
            let mode = mode.transpose()?;
            Ok((rule, mode))
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
        let found = self.fitting(row).find_map(|(_, mode)| *mode);
        Ok(found.unwrap_or_default())
    }

    /// Whether the library of a row could reduce in switches.
    pub(super) fn in_switch(&self, row: &Row<'_>) -> bool {
        let found = self.fitting(row).find_map(|(rule, _)| rule.in_switch);
        found.unwrap_or(true)
    }

    /// The rules whose texts a row holds.
    fn fitting(&self, row: &Row<'_>) -> impl Iterator<Item = &(LaunchRule, Option<LaunchMode>)> {
        self.rules.iter().filter(move |(rule, _)| {
            let mut cells = rule.rows.iter();
            cells.all(|(column, text)| row.text(column).contains(text.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Measurements;
    use super::*;

    #[test]
    fn a_column_comes_before_the_rules() {
        let text = "id,launch,note,algorithm\na,,replayed in a CUDA graph,\n\
                    b,one-process,CUDA graph,\nc,,,NVLS_ENABLE=0\nd,rocket,,\n";
        let file = Measurements::parse("t.csv", text).expect("a table");
        let launches = Launches::shipped().expect("rules");
        let rows = file.rows(None).expect("rows");
        let modes: Vec<_> = rows.iter().map(|row| launches.mode(row)).collect();
        assert_eq!(modes[0], Ok(LaunchMode::Graph));
        assert_eq!(modes[1], Ok(LaunchMode::OneProcess));
        assert_eq!(modes[2], Ok(LaunchMode::Processes));
        assert!(modes[3].is_err());
        assert!(launches.in_switch(&rows[0]) && !launches.in_switch(&rows[2]));
    }
}
