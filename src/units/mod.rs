//! Physical quantities: newtypes over `f64` in SI base units, their parsing and printing.
//!
//! In: text a person wrote (`600 GB/s`, `80 GiB`, `1.5 us`). Out: numbers whose unit is in the
//! type. Knows nothing of devices or files. Decimal and binary prefixes are kept apart
//! (`GB` is 10⁹ bytes, `GiB` is 2³⁰), and so are bits and bytes (`Gb/s` is 1/8 of `GB/s`).

mod parse;
mod print;

pub use parse::{QuantityError, Unit};
pub use print::{bytes_iec, duration, factor, percent, rate, si};

/// Declares one quantity: a newtype over `f64` in its base unit.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $name(pub f64);

        impl $name {
            /// The value in the base unit of this quantity.
            pub fn value(self) -> f64 {
                self.0
            }
        }

        impl parse::Quantity for $name {
            const UNIT: Unit = $unit;
            fn from_base(value: f64) -> Self {
                Self(value)
            }
        }

        impl std::str::FromStr for $name {
            type Err = QuantityError;
            fn from_str(text: &str) -> Result<Self, QuantityError> {
                parse::parse(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&print::with_unit(self.0, $unit))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_any(parse::QuantityVisitor(std::marker::PhantomData))
            }
        }
    };
}

quantity!(
    /// An amount of data \[B\].
    Bytes,
    Unit::Bytes
);
quantity!(
    /// A data rate in one direction \[B/s\].
    BytesPerSecond,
    Unit::BytesPerSecond
);
quantity!(
    /// A floating-point (or integer) operation rate \[FLOP/s\]; a multiply-add counts as two.
    FlopsPerSecond,
    Unit::FlopsPerSecond
);
quantity!(
    /// A duration or instant of simulated time \[s\].
    Seconds,
    Unit::Seconds
);
quantity!(
    /// A clock rate \[Hz\].
    Hertz,
    Unit::Hertz
);
quantity!(
    /// A power \[W\].
    Watts,
    Unit::Watts
);
