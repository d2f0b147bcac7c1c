//! A number and where it comes from.

use serde::{Deserialize, Deserializer};

use crate::units::{Bytes, BytesPerSecond, FlopsPerSecond, Hertz, Seconds, Watts};

/// The source of a figure that has none.
const ESTIMATE: &str = "estimate";

/// What the source of a figure begins with that a device's family gives; its name follows.
const FAMILY: &str = "family ";

/// One figure of the catalogue with its source beside it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure<T> {
    /// The figure.
    pub value: T,
    /// A key of the file's `sources`, or the source itself.
    #[serde(deserialize_with = "not_empty")]
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

    /// Whether somebody measured or published it of what it stands in the file of.
    pub fn is_measured(&self) -> bool {
        !self.estimate && self.source != ESTIMATE
    }

    /// The name of the family that speaks here for a device whose own file does not.
    pub fn family(&self) -> Option<&str> {
        self.source.strip_prefix(FAMILY)
    }
}

/// A source that says something: an empty one stands for a figure that a file leaves out.
fn not_empty<'de, D: Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    if text.trim().is_empty() {
        return Err(serde::de::Error::custom(
            "the source is empty; expected where the figure comes from",
        ));
    }
    Ok(text)
}

/// Nothing in use reaches less of what its data sheet promises.
const LEAST_SHARE: f64 = 1e-3;

/// A number as short as it can be written.
fn short(value: f64) -> String {
    if value == 0.0 || (1e-6..1e9).contains(&value.abs()) {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// A share of one, from a thousandth to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        if (LEAST_SHARE..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{}` is not a share; expected a number from {LEAST_SHARE} to 1",
                short(value)
            )))
        }
    }
}

/// A share of a datasheet's peak: above 1 where a card runs above the clock of its data sheet, as
/// gaming cards do.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PeakShare(pub f64);

/// No card runs that far above its data sheet's clock.
const LARGEST_PEAK_SHARE: f64 = 1.5;

impl<'de> Deserialize<'de> for PeakShare {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        if (LEAST_SHARE..=LARGEST_PEAK_SHARE).contains(&value) {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{}` is not a share of a peak; expected a number from {LEAST_SHARE} to \
                 {LARGEST_PEAK_SHARE}",
                short(value)
            )))
        }
    }
}

/// What can be checked for being a finite amount of something.
pub trait Amount {
    /// In base units.
    fn amount(&self) -> f64;
}

/// Amounts of the quantities that make sense only above zero.
macro_rules! amounts {
    ($($type:ty => $value:expr),* $(,)?) => {
        $(impl Amount for $type {
            fn amount(&self) -> f64 {
                let value: fn(&$type) -> f64 = $value;
                value(self)
            }
        })*
    };
}

amounts! {
    u32 => |v| f64::from(*v),
    f64 => |v| *v,
    Bytes => |v| v.0,
    BytesPerSecond => |v| v.0,
    FlopsPerSecond => |v| v.0,
    Hertz => |v| v.0,
    Seconds => |v| v.0,
    Watts => |v| v.0,
}

/// A factor by which something of the same kind is more or less: a hundredth to a hundredfold.
struct Factor(f64);

/// Largest factor, and the inverse of the least.
const LARGEST_FACTOR: f64 = 100.0;

impl<'de> Deserialize<'de> for Factor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(d)?;
        if (1.0 / LARGEST_FACTOR..=LARGEST_FACTOR).contains(&value) {
            Ok(Self(value))
        } else {
            Err(serde::de::Error::custom(format!(
                "`{}` is no plausible factor; expected a number from {} to {LARGEST_FACTOR}",
                short(value),
                1.0 / LARGEST_FACTOR
            )))
        }
    }
}

/// A value that is finite and above zero.
struct AboveZero<T>(T);

impl<'de, T: Deserialize<'de> + Amount> Deserialize<'de> for AboveZero<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = T::deserialize(d)?;
        match value.amount() {
            amount if amount > 0.0 && amount.is_finite() => Ok(Self(value)),
            amount => Err(serde::de::Error::custom(format!(
                "{amount} makes no sense here; expected more than 0"
            ))),
        }
    }
}

/// A figure that must be above zero and at most `most`, in base units, where it is given.
pub(super) fn bounded_if_any<'de, T, D>(d: D, most: f64) -> Result<Option<Figure<T>>, D::Error>
where
    T: Deserialize<'de> + Amount,
    D: Deserializer<'de>,
{
    let figure = above_zero_if_any::<T, D>(d)?;
    match &figure {
        Some(figure) if figure.value.amount() > most => Err(serde::de::Error::custom(format!(
            "{} is not plausible here; expected at most {most}",
            short(figure.value.amount())
        ))),
        _ => Ok(figure),
    }
}

/// A figure that must be above zero.
pub(super) fn above_zero<'de, T, D>(d: D) -> Result<Figure<T>, D::Error>
where
    T: Deserialize<'de> + Amount,
    D: Deserializer<'de>,
{
    Figure::<AboveZero<T>>::deserialize(d).map(|figure| figure.map(|value| value.0))
}

/// A figure that must be above zero where it is given.
pub(super) fn above_zero_if_any<'de, T, D>(d: D) -> Result<Option<Figure<T>>, D::Error>
where
    T: Deserialize<'de> + Amount,
    D: Deserializer<'de>,
{
    let figure = Option::<Figure<AboveZero<T>>>::deserialize(d)?;
    Ok(figure.map(|figure| figure.map(|value| value.0)))
}

/// A factor that is plausible.
pub(super) fn factor<'de, D: Deserializer<'de>>(d: D) -> Result<Figure<f64>, D::Error> {
    Figure::<Factor>::deserialize(d).map(|figure| figure.map(|factor| factor.0))
}

/// A factor that is plausible where it is given.
pub(super) fn factor_if_any<'de, D>(d: D) -> Result<Option<Figure<f64>>, D::Error>
where
    D: Deserializer<'de>,
{
    let figure = Option::<Figure<Factor>>::deserialize(d)?;
    Ok(figure.map(|figure| figure.map(|factor| factor.0)))
}

impl<T> Figure<T> {
    /// The same figure in another type.
    fn map<U>(self, to: impl FnOnce(T) -> U) -> Figure<U> {
        Figure {
            value: to(self.value),
            source: self.source,
            note: self.note,
            estimate: self.estimate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_told_from_what_stands_in() {
        let figure = |source: &str, estimate| Figure {
            value: 0.9,
            source: source.into(),
            note: None,
            estimate,
        };
        assert!(figure("stream", false).is_measured());
        assert!(!figure("stream", true).is_measured());
        assert!(!figure("estimate", false).is_measured());
        assert!(!Figure::missing(0.9).is_measured());
        assert_eq!(figure("family ada", true).family(), Some("ada"));
        assert_eq!(figure("estimate", true).family(), None);
    }
}
