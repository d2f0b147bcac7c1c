//! Catalogue files about measurements: how a campaign timed, and how far predictions are off.

use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

use super::figure::{Figure, above_zero_if_any, bounded_if_any, factor, factor_if_any};
use super::workload::Precision;
use crate::units::{Bytes, Seconds};

/// What the timer of a campaign encloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enclosed {
    /// The kernel that a row is named after.
    #[default]
    Kernel,
    /// A layer of an engine: the kernel and those that prepare its operands.
    Layer,
}

/// Products of a campaign of which one operand is nothing but zeros.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zeros {
    /// Those that a source calls so, in any format.
    #[serde(default)]
    pub operators: Vec<String>,
    /// All in these formats.
    #[serde(default)]
    pub formats: Vec<Precision>,
}

/// How one body of published kernel measurements was timed. Nothing in it may depend on a row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignSpec {
    /// `campaign`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// What the column `source` of its rows says.
    pub column: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// What the timer adds because it encloses the host's call.
    #[serde(default)]
    pub host: Option<Figure<Seconds>>,
    /// What the timer encloses.
    #[serde(default)]
    pub encloses: Option<Figure<Enclosed>>,
    /// Whether one kernel is timed over and over on the same operands, so that the cache keeps
    /// what it can of them.
    #[serde(default)]
    pub repeated: Option<Figure<bool>>,
    /// Whether its norms and activations are plain kernels, an element a thread at a time.
    #[serde(default)]
    pub plain_rows: Option<Figure<bool>>,
    /// Rate of its large products, relative to products of typical shapes with a library of today:
    /// below 1 for an older library, above for the best of many shapes.
    #[serde(default, deserialize_with = "factor_if_any")]
    pub products: Option<Figure<f64>>,
    /// Whether its library multiplies INT8 on vector units, four products an instruction, also
    /// where the device has matrix units for it.
    #[serde(default)]
    pub int8_on_vector_units: Option<Figure<bool>>,
    /// Steps of K that its library's FP32 kernels take at a time.
    #[serde(default, deserialize_with = "steps_of_k")]
    pub fp32_tile_k: Option<Figure<u32>>,
    /// Whether it ran without the error-correcting code that a card's memory has as it ships.
    #[serde(default)]
    pub ecc_off: Option<Figure<bool>>,
    /// Products whose operands its code fills with numbers that round to zero.
    #[serde(default)]
    pub zeros: Option<Figure<Zeros>>,
    /// Architectures on which its engine's prompts go through the paged cache of keys and values:
    /// in FP8 where that is, and with two more small kernels.
    #[serde(default)]
    pub paged_prompts: Option<Figure<Vec<String>>>,
    /// What the sizes of its all-reduces count: a byte where absent.
    #[serde(default, deserialize_with = "above_zero_if_any")]
    pub message_unit: Option<Figure<Bytes>>,
    /// What the note says of a product whose first operand is transposed, in terms of a library
    /// that counts along columns: then each row of A lies along K.
    #[serde(default)]
    pub rows_along_k: Option<Figure<String>>,
    /// Number formats by what its cells begin with, where that is not a format's usual name; of
    /// several the longest counts.
    #[serde(default)]
    pub formats: Option<Figure<BTreeMap<String, Precision>>>,
}

/// No library takes more steps of K at a time.
const MOST_STEPS: f64 = 256.0;

fn steps_of_k<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Figure<u32>>, D::Error> {
    bounded_if_any(d, MOST_STEPS)
}

impl CampaignSpec {
    /// What the timer adds to the time on the device \[s\].
    pub fn host_s(&self) -> f64 {
        self.host.as_ref().map_or(0.0, |host| host.value.0)
    }

    /// Whether the timer encloses a whole layer.
    pub fn times_layers(&self) -> bool {
        let encloses = self.encloses.as_ref();
        encloses.is_some_and(|encloses| encloses.value == Enclosed::Layer)
    }

    /// Whether operands are still in the cache from the time before.
    pub fn repeats(&self) -> bool {
        self.repeated.as_ref().is_some_and(|figure| figure.value)
    }

    /// Whether its row kernels are plain ones.
    pub fn has_plain_rows(&self) -> bool {
        self.plain_rows.as_ref().is_some_and(|figure| figure.value)
    }

    /// Rate of its large products relative to typical ones of today.
    pub fn product_rate(&self) -> f64 {
        self.products.as_ref().map_or(1.0, |figure| figure.value)
    }

    /// Whether INT8 is multiplied on vector units.
    pub fn multiplies_int8_on_vector_units(&self) -> bool {
        let units = self.int8_on_vector_units.as_ref();
        units.is_some_and(|figure| figure.value)
    }

    /// Steps of K that its FP32 kernels take at a time; `None` where nobody says.
    pub fn fp32_steps(&self) -> Option<u32> {
        self.fp32_tile_k.as_ref().map(|figure| figure.value)
    }

    /// Whether it ran without error-correcting codes.
    pub fn runs_without_ecc(&self) -> bool {
        self.ecc_off.as_ref().is_some_and(|figure| figure.value)
    }

    /// Whether an operand is nothing but zeros in what a source calls `operator`.
    pub fn multiplies_zeros(&self, operator: &str, format: Precision) -> bool {
        self.zeros.as_ref().is_some_and(|zeros| {
            let zeros = &zeros.value;
            zeros.operators.iter().any(|known| known == operator) || zeros.formats.contains(&format)
        })
    }

    /// Whether an architecture's prompts go through the paged cache.
    pub fn pages_prompts(&self, architecture: &str) -> bool {
        let all = self.paged_prompts.as_ref();
        all.is_some_and(|all| all.value.iter().any(|known| known == architecture))
    }

    /// What one of the size of an all-reduce is \[B\].
    pub fn message_unit_bytes(&self) -> f64 {
        self.message_unit.as_ref().map_or(1.0, |unit| unit.value.0)
    }

    /// Whether a note says that each row of a product's first operand lies along K.
    pub fn has_rows_along_k(&self, note: &str) -> bool {
        let words = self.rows_along_k.as_ref();
        words.is_some_and(|words| note.contains(&words.value))
    }

    /// The number format that a cell means in its own words.
    pub fn format(&self, cell: &str) -> Option<Precision> {
        let all = self.formats.as_ref()?.value.iter();
        let meant = all.filter(|(words, _)| begins_with(cell, words));
        meant
            .max_by_key(|(words, _)| words.len())
            .map(|(_, format)| *format)
    }
}

/// Whether a cell begins with some words, whatever their case, and not with a longer one.
pub fn begins_with(cell: &str, words: &str) -> bool {
    let cell = cell.to_lowercase();
    let rest = cell.strip_prefix(&words.to_lowercase());
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// How far a kind of predictions is off: written by `narrows validate`, printed beside answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccuracySpec {
    /// `accuracy`.
    pub kind: String,
    /// Name in the catalogue.
    pub name: String,
    /// Name a person would say.
    #[serde(default)]
    pub title: String,
    /// Sources by short key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Median over groups of their median |predicted/measured − 1|.
    #[serde(deserialize_with = "factor")]
    pub median_error: Figure<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Source, parse};

    #[test]
    fn zeros_are_named_by_operator_or_by_format() {
        let text = "
kind: campaign
name: bench
column: some/bench
zeros:
  value: {operators: [down], formats: [int8]}
  source: t
";
        let bench: CampaignSpec = parse(&Source::new("bench.yaml", text)).expect("valid");
        assert!(bench.multiplies_zeros("down", Precision::Fp16));
        assert!(bench.multiplies_zeros("up", Precision::Int8));
        assert!(!bench.multiplies_zeros("up", Precision::Fp16));
    }

    #[test]
    fn of_words_for_formats_the_longest_count() {
        let text = "
kind: campaign
name: bench
column: some/bench
formats:
  value: {16 bit: fp16, \"16 bit, sums of 32\": fp32, Float: fp32}
  source: t
message_unit: {value: 2 B, source: t}
rows_along_k: {value: A is T, source: t}
";
        let bench: CampaignSpec = parse(&Source::new("bench.yaml", text)).expect("valid");
        assert_eq!(bench.format("16 bit, sums of 16"), Some(Precision::Fp16));
        assert_eq!(bench.format("16 bit, sums of 32"), Some(Precision::Fp32));
        assert_eq!(bench.format("float"), Some(Precision::Fp32));
        assert_eq!(bench.format("float16"), None);
        assert_eq!(bench.message_unit_bytes(), 2.0);
        assert!(bench.has_rows_along_k("A is T, B is N"));
        assert!(!bench.has_rows_along_k("A is N, B is T"));
    }
}
