//! Printing numbers so that a person reads them at once.

use super::Unit;

/// `value` with an SI prefix and three significant digits: `1.24 G`.
pub fn si(value: f64) -> String {
    const PREFIXES: [(f64, &str); 7] = [
        (1e18, "E"),
        (1e15, "P"),
        (1e12, "T"),
        (1e9, "G"),
        (1e6, "M"),
        (1e3, "k"),
        (1.0, ""),
    ];
    let (scale, prefix) = PREFIXES
        .iter()
        .find(|(scale, _)| value.abs() >= *scale * 0.9995)
        .unwrap_or(&(1.0, ""));
    format!("{} {prefix}", significant(value / scale))
}

/// Three significant digits without an exponent.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        m if m >= 99.95 || m == 0.0 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// A duration: `1.24 ms`.
pub fn duration(seconds: f64) -> String {
    let (scale, unit) = match seconds.abs() {
        s if s >= 0.9995 || s == 0.0 => (1.0, "s"),
        s if s >= 0.9995e-3 => (1e3, "ms"),
        s if s >= 0.9995e-6 => (1e6, "µs"),
        _ => (1e9, "ns"),
    };
    format!("{} {unit}", significant(seconds * scale))
}

/// An amount of data in binary units: `1.00 GiB`.
pub fn bytes_iec(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let text = if value.fract() == 0.0 {
        format!("{value}")
    } else {
        significant(value)
    };
    format!("{text} {}", UNITS[unit])
}

/// A data rate in decimal units: `26.0 GB/s`.
pub fn rate(bytes_per_second: f64) -> String {
    format!("{}B/s", si(bytes_per_second))
}

/// A share as per cent, without decimals from ten on: `61 %`.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() >= 9.95 || value == 0.0 {
        format!("{value:.0} %")
    } else {
        format!("{value:.1} %")
    }
}

/// A ratio: `2.7×`.
pub fn factor(ratio: f64) -> String {
    let text = if ratio >= 9.95 {
        format!("{ratio:.0}")
    } else if ratio >= 1.995 {
        format!("{ratio:.1}")
    } else {
        format!("{ratio:.2}")
    };
    format!("{text}×")
}

/// The value in the notation that [`super::parse`] reads back.
pub(super) fn with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes_iec(value),
        Unit::BytesPerSecond => rate(value),
        Unit::FlopsPerSecond => format!("{}FLOP/s", si(value)),
        Unit::Seconds => duration(value),
        Unit::Hertz => format!("{}Hz", si(value)),
        Unit::Watts => format!("{}W", si(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        assert_eq!(duration(1.2345e-3), "1.23 ms");
        assert_eq!(duration(0.0), "0 s");
        assert_eq!(rate(26e9), "26.0 GB/s");
        assert_eq!(bytes_iec(1024.0 * 1024.0), "1 MiB");
        assert_eq!(bytes_iec(1536.0), "1.50 KiB");
        assert_eq!(percent(0.614), "61 %");
        assert_eq!(factor(2.71), "2.7×");
    }
}
