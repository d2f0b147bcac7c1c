//! The launch mode of a row of measurements.

use super::Row;
use crate::collective::LaunchMode;
use crate::spec::{Diagnostic, LaunchesSpec, Source, parse};

/// Column in which a file may say it itself.
const COLUMN: &str = "launch";

/// The rules for published rows that do not say it in a column.
const RULES: &str = include_str!("data/launches.yaml");

/// Rules with their modes.
#[derive(Debug, Clone)]
pub(super) struct Launches {
    rules: Vec<(Vec<(String, String)>, LaunchMode)>,
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
            let mode = LaunchMode::from_key(&rule.launch).ok_or_else(|| {
                let valid = LaunchMode::ALL.iter().map(|mode| mode.key());
                Diagnostic::new(format!("unknown launch mode `{}`", rule.launch.value))
                    .at(source.place(&rule.launch))
                    .suggest(&rule.launch, valid)
            })?;
            Ok((rule.rows.into_iter().collect(), mode))
        });
        let rules = rules.collect::<Result<_, Diagnostic>>()?;
        Ok(Self { rules })
    }

    /// The mode of a row: what its column says, else that of the first rule that fits, else a
    /// process for every rank.
    ///
    /// # Errors
    /// The column holds no launch mode.
    pub(super) fn of(&self, row: &Row<'_>) -> Result<LaunchMode, String> {
        let own = row.text(COLUMN);
        if !own.is_empty() {
            return LaunchMode::from_key(own)
                .ok_or_else(|| format!("unsupported: launch mode `{own}`"));
        }
        let fits = |cells: &[(String, String)]| {
            let mut cells = cells.iter();
            cells.all(|(column, text)| row.text(column).contains(text.as_str()))
        };
        let found = self.rules.iter().find(|(cells, _)| fits(cells));
        Ok(found.map_or_else(LaunchMode::default, |(_, mode)| *mode))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Measurements;
    use super::*;

    #[test]
    fn a_column_comes_before_the_rules() {
        let text = "id,launch,note\na,,replayed in a CUDA graph\nb,one-process,CUDA graph\nc,,\n\
                    d,rocket,\n";
        let file = Measurements::parse("t.csv", text).expect("a table");
        let launches = Launches::shipped().expect("rules");
        let rows = file.rows(None).expect("rows");
        let modes: Vec<_> = rows.iter().map(|row| launches.of(row)).collect();
        assert_eq!(modes[0], Ok(LaunchMode::Graph));
        assert_eq!(modes[1], Ok(LaunchMode::OneProcess));
        assert_eq!(modes[2], Ok(LaunchMode::Processes));
        assert!(modes[3].is_err());
    }
}
