//! Reading `NUMBER UNIT`.

use std::fmt;
use std::marker::PhantomData;

/// The kinds of unit a quantity can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Data \[B\].
    Bytes,
    /// Data rate \[B/s\].
    BytesPerSecond,
    /// Operation rate \[FLOP/s\].
    FlopsPerSecond,
    /// Time \[s\].
    Seconds,
    /// Frequency \[Hz\].
    Hertz,
    /// Power \[W\].
    Watts,
}

impl Unit {
    const ALL: [Unit; 6] = [
        Unit::Bytes,
        Unit::BytesPerSecond,
        Unit::FlopsPerSecond,
        Unit::Seconds,
        Unit::Hertz,
        Unit::Watts,
    ];

    /// What the quantity is called in a message.
    pub fn noun(self) -> &'static str {
        match self {
            Unit::Bytes => "an amount of data",
            Unit::BytesPerSecond => "a data rate",
            Unit::FlopsPerSecond => "an operation rate",
            Unit::Seconds => "a time",
            Unit::Hertz => "a frequency",
            Unit::Watts => "a power",
        }
    }

    /// A valid example, for messages.
    pub fn example(self) -> &'static str {
        match self {
            Unit::Bytes => "80 GiB",
            Unit::BytesPerSecond => "26 GB/s",
            Unit::FlopsPerSecond => "312 TFLOP/s",
            Unit::Seconds => "1.5 us",
            Unit::Hertz => "1410 MHz",
            Unit::Watts => "400 W",
        }
    }

    /// The largest value that makes sense, in base units: beyond it a typing error is certain.
    fn ceiling(self) -> f64 {
        match self {
            Unit::Bytes => 1e21,
            Unit::BytesPerSecond => 1e18,
            Unit::FlopsPerSecond => 1e21,
            Unit::Seconds => 1e10,
            Unit::Hertz => 1e12,
            Unit::Watts => 1e9,
        }
    }

    /// The smallest value above zero that makes sense, in base units.
    fn floor(self) -> f64 {
        match self {
            Unit::Bytes | Unit::Hertz | Unit::Watts => 1e-3,
            Unit::BytesPerSecond | Unit::FlopsPerSecond => 1.0,
            Unit::Seconds => 1e-18,
        }
    }

    /// Base units per written unit, or `None` where the text is not a unit of this kind.
    fn scale(self, text: &str) -> Option<f64> {
        match self {
            Unit::Bytes => data_scale(text),
            Unit::BytesPerSecond => data_scale(text.strip_suffix("/s")?)
                .or_else(|| prefixed(text.strip_suffix("/s")?, "b").map(|bits| bits / 8.0)),
            Unit::FlopsPerSecond => {
                let text = text.strip_suffix("/s")?;
                prefixed(text, "FLOP").or_else(|| prefixed(text, "OP"))
            }
            Unit::Seconds => match text {
                "min" => Some(60.0),
                "h" => Some(3600.0),
                "µs" => Some(1e-6),
                _ => small(text, "s"),
            },
            Unit::Hertz => prefixed(text, "Hz"),
            Unit::Watts => prefixed(text, "W"),
        }
    }
}

/// `B`, `kB`, `MB` … and `KiB`, `MiB` …
fn data_scale(text: &str) -> Option<f64> {
    const BINARY: [(&str, f64); 5] = [
        ("KiB", 1024.0),
        ("MiB", 1_048_576.0),
        ("GiB", 1_073_741_824.0),
        ("TiB", 1_099_511_627_776.0),
        ("PiB", 1_125_899_906_842_624.0),
    ];
    BINARY
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, scale)| *scale)
        .or_else(|| prefixed(text, "B"))
}

/// SI prefixes from one upward before `unit`.
fn prefixed(text: &str, unit: &str) -> Option<f64> {
    match text.strip_suffix(unit)? {
        "" => Some(1.0),
        "k" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        "T" => Some(1e12),
        "P" => Some(1e15),
        "E" => Some(1e18),
        _ => None,
    }
}

/// SI prefixes from one downward before `unit`.
fn small(text: &str, unit: &str) -> Option<f64> {
    match text.strip_suffix(unit)? {
        "" => Some(1.0),
        "m" => Some(1e-3),
        "u" => Some(1e-6),
        "n" => Some(1e-9),
        _ => None,
    }
}

/// Why a text is not the quantity asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{problem}; expected {noun} such as `{example}`")]
pub struct QuantityError {
    problem: String,
    noun: &'static str,
    example: &'static str,
}

impl QuantityError {
    fn new(unit: Unit, problem: String) -> Self {
        let (noun, example) = (unit.noun(), unit.example());
        Self {
            problem,
            noun,
            example,
        }
    }
}

/// A type that is a number in a known unit.
pub(super) trait Quantity: Sized {
    /// Its kind of unit.
    const UNIT: Unit;
    /// Wraps a value in base units.
    fn from_base(value: f64) -> Self;
}

/// Parses `text` as the quantity `Q`: finite, not negative, below the ceiling of sense.
pub(super) fn parse<Q: Quantity>(text: &str) -> Result<Q, QuantityError> {
    let fail = |problem: String| QuantityError::new(Q::UNIT, problem);
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_whitespace())
        .or_else(|| unit_start(text))
        .unwrap_or(text.len());
    let (number, unit) = (&text[..split], text[split..].trim());
    let value: f64 = number
        .parse()
        .map_err(|_| fail(format!("`{text}` does not begin with a number")))?;
    if unit.is_empty() {
        return Err(fail(format!("`{text}` has no unit")));
    }
    let Some(scale) = Q::UNIT.scale(unit) else {
        return Err(fail(wrong_unit(text, unit)));
    };
    // Dividing by a whole number is exact where multiplying by 1e-6 is not.
    let base = if scale < 1.0 {
        value / (1.0 / scale).round()
    } else {
        value * scale
    };
    if !base.is_finite() {
        return Err(fail(format!("`{text}` is not a finite number")));
    }
    if base < 0.0 {
        return Err(fail(format!("`{text}` is negative")));
    }
    if base > Q::UNIT.ceiling() {
        return Err(fail(format!("`{text}` is absurdly large")));
    }
    if base > 0.0 && base < Q::UNIT.floor() {
        return Err(fail(format!("`{text}` is absurdly small")));
    }
    Ok(Q::from_base(base))
}

/// Where the unit begins in a text without a space, as in `80GiB` (an exponent is no unit).
fn unit_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (0..bytes.len()).find(|&i| {
        let exponent = matches!(bytes[i], b'e' | b'E')
            && bytes
                .get(i + 1)
                .is_some_and(|c| c.is_ascii_digit() || matches!(c, b'+' | b'-'));
        !exponent && !matches!(bytes[i], b'0'..=b'9' | b'.' | b'+' | b'-')
    })
}

/// Says of which other kind a unit is, if of any.
fn wrong_unit(text: &str, unit: &str) -> String {
    match Unit::ALL.iter().find(|kind| kind.scale(unit).is_some()) {
        Some(kind) => format!("`{text}` is {}", kind.noun()),
        None => format!("`{unit}` is not a unit known here"),
    }
}

/// Reads a quantity from a YAML scalar, so that a bare number gets a message about its unit.
pub(super) struct QuantityVisitor<Q>(pub PhantomData<Q>);

impl<Q: Quantity> serde::de::Visitor<'_> for QuantityVisitor<Q> {
    type Value = Q;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} such as `{}`", Q::UNIT.noun(), Q::UNIT.example())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Q, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Q, E> {
        parse(&value.to_string()).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Q, E> {
        parse(&value.to_string()).map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Q, E> {
        parse(&value.to_string()).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::units::{Bytes, BytesPerSecond, FlopsPerSecond, Seconds};

    #[test]
    fn decimal_binary_bits_and_bytes_are_kept_apart() {
        let bytes = |text: &str| text.parse::<Bytes>().map(|b| b.0);
        let rate = |text: &str| text.parse::<BytesPerSecond>().map(|b| b.0);
        assert_eq!(bytes("80 GiB"), Ok(85_899_345_920.0));
        assert_eq!(bytes("80GB"), Ok(80e9));
        assert_eq!(rate("400 Gb/s"), Ok(50e9));
        assert_eq!(rate("26 GB/s"), Ok(26e9));
        assert_eq!("1.5e1 us".parse(), Ok(Seconds(15e-6)));
        assert_eq!("312 TFLOP/s".parse(), Ok(FlopsPerSecond(312e12)));
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        let message = |text: &str| match text.parse::<BytesPerSecond>() {
            Err(e) => e.to_string(),
            Ok(v) => v.to_string(),
        };
        assert!(message("26").starts_with("`26` has no unit"));
        assert!(message("26 GB").starts_with("`26 GB` is an amount of data"));
        assert!(message("-26 GB/s").starts_with("`-26 GB/s` is negative"));
        assert!(message("NaN GB/s").starts_with("`NaN GB/s` is not a finite number"));
        assert!(message("9e99 GB/s").starts_with("`9e99 GB/s` is absurdly large"));
        assert!(message("26 parsec").starts_with("`parsec` is not a unit known here"));
        assert!(message("GB/s").contains("does not begin with a number"));
    }
}
