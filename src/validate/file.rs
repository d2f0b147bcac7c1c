//! Reading a file of measurements: columns by name, rows by split.

use std::collections::BTreeSet;
use std::path::Path;

use crate::catalog::read_file;
use crate::spec::Diagnostic;

/// The column that says what a row may be used for.
const SPLIT: &str = "split";

/// A CSV file with a header.
#[derive(Debug, Clone)]
pub struct Measurements {
    path: String,
    columns: Vec<String>,
    records: Vec<csv::StringRecord>,
    /// The line on which each record begins.
    lines: Vec<u64>,
}

/// One line of a file.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    file: &'a Measurements,
    index: usize,
}

impl Measurements {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or a line has not as many cells as the header.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let source = read_file(path)?;
        Self::parse(&source.path, &source.text)
    }

    /// Parses a file's text; `path` is for messages.
    ///
    /// # Errors
    /// There is no header, or a line has not as many cells as the header.
    pub fn parse(path: &str, text: &str) -> Result<Self, Diagnostic> {
        let bad = |e: csv::Error| {
            Diagnostic::new(format!("`{path}` is not a CSV table: {}", why(&e, text)))
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let columns: Vec<String> = reader
            .headers()
            .map_err(bad)?
            .iter()
            .map(String::from)
            .collect();
        if columns.is_empty() {
            return Err(Diagnostic::new(format!("`{path}` has no header")));
        }
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, column)| !column.is_empty() && columns[..*at].contains(column));
        if let Some((_, column)) = twice {
            return Err(Diagnostic::new(format!(
                "`{path}` has two columns `{column}`"
            )));
        }
        let records: Vec<_> = reader.records().collect::<Result<_, _>>().map_err(bad)?;
        if records.is_empty() {
            return Err(Diagnostic::new(format!(
                "`{path}` has a header but no rows"
            )));
        }
        let line = |record: &csv::StringRecord| record.position().map_or(0, |at| line(at, text));
        Ok(Self {
            path: path.to_string(),
            columns,
            lines: records.iter().map(line).collect(),
            records,
        })
    }

    /// The header.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Checks that all needed columns are there.
    ///
    /// # Errors
    /// One is missing; the message names it and the most similar column there is.
    pub fn check_columns(&self, needed: &[&str]) -> Result<(), Diagnostic> {
        match needed.iter().find(|name| self.column(name).is_none()) {
            None => Ok(()),
            Some(missing) => Err(Diagnostic::new(format!(
                "`{}` lacks the needed column `{missing}`",
                self.path
            ))
            .suggest(missing, self.columns.iter().map(String::as_str))
            .help(format!("needed: {}", needed.join(", ")))),
        }
    }

    /// The rows of a split; all rows where no split is asked for or the file has none.
    ///
    /// # Errors
    /// The file has splits, but none of that name.
    pub fn rows(&self, split: Option<&str>) -> Result<Vec<Row<'_>>, Diagnostic> {
        let all = (0..self.records.len()).map(|index| Row { file: self, index });
        let (Some(split), Some(_)) = (split, self.column(SPLIT)) else {
            return Ok(all.collect());
        };
        let rows: Vec<Row<'_>> = all.filter(|row| row.text(SPLIT) == split).collect();
        if rows.is_empty() {
            let names: BTreeSet<&str> =
                self.rows(None)?.iter().map(|row| row.text(SPLIT)).collect();
            return Err(
                Diagnostic::new(format!("`{}` has no split `{split}`", self.path))
                    .suggest(split, names),
            );
        }
        Ok(rows)
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

/// What is wrong with a table, in words.
fn why(error: &csv::Error, text: &str) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            pos: Some(place),
            expected_len,
            len,
        } => format!(
            "line {} has {len} cells, the header {expected_len}",
            line(place, text)
        ),
        _ => error.to_string(),
    }
}

/// The line on which a record begins: the reader's place is before the empty lines in front of it.
fn line(place: &csv::Position, text: &str) -> u64 {
    let rest = text.as_bytes().iter().skip(place.byte() as usize);
    let empty = rest.take_while(|byte| matches!(byte, b'\n' | b'\r'));
    place.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

impl<'a> Row<'a> {
    /// The cell of a column; empty where the file lacks the column.
    pub fn text(&self, column: &str) -> &'a str {
        let at = self.file.column(column);
        at.and_then(|at| self.file.records[self.index].get(at))
            .unwrap_or("")
    }

    /// The number in a column: `None` where the cell is empty or no number.
    pub fn number(&self, column: &str) -> Option<f64> {
        let value: f64 = self.text(column).parse().ok()?;
        value.is_finite().then_some(value)
    }

    /// The number in a column.
    ///
    /// # Errors
    /// The cell is empty or holds something else.
    pub fn value(&self, column: &str) -> Result<f64, String> {
        self.number(column).ok_or_else(|| match self.text(column) {
            "" => format!("no `{column}`"),
            text => format!("`{column}` is `{text}`, not a number"),
        })
    }

    /// The whole number in a column, from 1 up.
    ///
    /// # Errors
    /// The cell is empty or holds something else.
    pub fn count(&self, column: &str) -> Result<u64, String> {
        let text = self.text(column);
        let value = self.number(column);
        match value {
            Some(v) if v >= 1.0 && v.fract() == 0.0 && v < 1e15 => Ok(v as u64),
            _ if text.is_empty() => Err(format!("no `{column}`")),
            _ => Err(format!(
                "`{column}` is `{text}`, not a whole number above 0"
            )),
        }
    }

    /// What the row is called: its `id`, or its line in the file.
    pub fn id(&self) -> String {
        match self.text("id") {
            "" => format!("line {}", self.file.lines[self.index]),
            id => id.to_string(),
        }
    }

    /// What the row may be used for: `calibration`, `validation`…; empty where not said.
    pub fn split(&self) -> &'a str {
        self.text(SPLIT)
    }

    /// All cells in the order of the header.
    pub fn cells(&self) -> impl Iterator<Item = &'a str> {
        self.file.records[self.index].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "id,split,m,extra\na,calibration,3,x\nb,validation,,y\n";

    fn file() -> Measurements {
        Measurements::parse("t.csv", TEXT).expect("a table")
    }

    #[test]
    fn cells_are_found_by_name() {
        let file = file();
        let rows = file.rows(None).expect("rows");
        assert_eq!(rows[0].count("m"), Ok(3));
        assert_eq!(rows[1].count("m"), Err("no `m`".to_string()));
        assert_eq!(
            rows[0].count("extra"),
            Err("`extra` is `x`, not a whole number above 0".into())
        );
        assert_eq!(rows[0].text("absent"), "");
        assert_eq!((rows[1].id(), rows[1].split()), ("b".into(), "validation"));
    }

    #[test]
    fn splits_select_rows_and_wrong_names_are_answered() {
        let file = file();
        assert_eq!(file.rows(Some("validation")).expect("rows").len(), 1);
        let error = file.rows(Some("validate")).expect_err("unknown");
        assert!(error.help[0].contains("validation"), "{error:?}");
        let plain = Measurements::parse("t.csv", "id,m\na,3\n").expect("a table");
        assert_eq!(plain.rows(Some("validation")).expect("whole").len(), 1);
    }

    #[test]
    fn a_missing_column_is_named() {
        let error = file()
            .check_columns(&["id", "time_us"])
            .expect_err("missing");
        assert_eq!(error.message, "`t.csv` lacks the needed column `time_us`");
        assert!(file().check_columns(&["id", "m"]).is_ok());
    }

    #[test]
    fn ragged_lines_are_refused() {
        let error = Measurements::parse("t.csv", "a,b\n\n1,2\n1\n").expect_err("ragged");
        let ragged = "`t.csv` is not a CSV table: line 4 has 1 cells, the header 2";
        assert_eq!(error.message, ragged);
        let error = Measurements::parse("t.csv", "a,b,a\n1,2,3\n").expect_err("twice");
        assert_eq!(error.message, "`t.csv` has two columns `a`");
        let error = Measurements::parse("t.csv", "a,b\n").expect_err("empty");
        assert_eq!(error.message, "`t.csv` has a header but no rows");
    }

    #[test]
    fn a_row_without_a_name_is_called_by_its_line() {
        let file = Measurements::parse("t.csv", "id,m\n\n\n,3\n\n,4\n").expect("a table");
        let names: Vec<String> = file.rows(None).expect("rows").iter().map(Row::id).collect();
        assert_eq!(names, ["line 4", "line 6"]);
    }
}
