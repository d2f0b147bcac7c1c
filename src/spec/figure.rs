//! A number and where it comes from.

use serde::Deserialize;

/// One figure of the catalogue with its source beside it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure<T> {
    /// The figure.
    pub value: T,
    /// A key of the file's `sources`, or the source itself.
    pub source: String,
    /// Reasoning, caveats, the data a fitted constant was fitted on.
    #[serde(default)]
    pub note: Option<String>,
    /// True where nobody has published the figure and it was reasoned instead.
    #[serde(default)]
    pub estimate: bool,
}

impl<T> Figure<T> {
    /// What stands for a figure that a file leaves to the device's family.
    pub(super) fn missing(value: T) -> Self {
        Self {
            value,
            source: String::new(),
            note: None,
            estimate: true,
        }
    }

    /// Whether the file left the figure to the device's family.
    pub fn is_missing(&self) -> bool {
        self.source.is_empty()
    }
}

/// A share of one, from just above 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        if value > 0.0 && value <= 1.0 {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{value}` is not a share; expected a number above 0 and at most 1"
            )))
        }
    }
}
