//! Axes: scales, ticks at round values, units, and their drawing.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::palette::{AXIS, GRID, MUTED};
use crate::units;

/// Size of axis text \[px\].
const TICK_EM: f64 = 12.0;

/// What a number on an axis or a bar means, and so how it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A duration \[s\].
    Seconds,
    /// A data rate \[B/s\].
    BytesPerSecond,
    /// An operation rate \[FLOP/s\].
    FlopsPerSecond,
    /// A rate of tokens \[1/s\].
    TokensPerSecond,
    /// A share; 1 is 100 %.
    Share,
    /// A ratio.
    Factor,
    /// A bare number.
    Number,
}

impl Measure {
    /// The value as a text with its unit.
    pub fn text(self, value: f64) -> String {
        match self {
            Self::Seconds => units::duration(value),
            Self::BytesPerSecond => units::rate(value),
            Self::FlopsPerSecond => format!("{}FLOP/s", units::si(value)),
            Self::TokensPerSecond => format!("{}tokens/s", units::si(value)),
            Self::Share => units::percent(value),
            Self::Factor => units::factor(value),
            Self::Number => units::si(value).trim_end().to_string(),
        }
        .replace('-', "−")
    }

    /// The value as a text with unit and always a sign: `+3.1 ms`.
    pub fn signed(self, value: f64) -> String {
        let sign = if value > 0.0 { "+" } else { "" };
        format!("{sign}{}", self.text(value))
    }

    /// Scale and unit in which values up to `most` make short tick labels.
    pub(super) fn unit(self, most: f64) -> (f64, String) {
        let unit = match self {
            Self::Share => return (0.01, "%".to_string()),
            Self::Factor => return (1.0, "×".to_string()),
            Self::Number => return (1.0, String::new()),
            Self::Seconds => "s",
            Self::BytesPerSecond => "B/s",
            Self::FlopsPerSecond => "FLOP/s",
            Self::TokensPerSecond => "tokens/s",
        };
        const SMALL: [(f64, &str); 4] = [(1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")];
        const LARGE: [(f64, &str); 6] = [
            (1e15, "P"),
            (1e12, "T"),
            (1e9, "G"),
            (1e6, "M"),
            (1e3, "k"),
            (1.0, ""),
        ];
        let prefixes: &[(f64, &str)] = match self {
            Self::Seconds => &SMALL,
            _ => &LARGE,
        };
        let last = if self == Self::Seconds { 1e-9 } else { 1.0 };
        let (scale, prefix) = prefixes
            .iter()
            .find(|(scale, _)| most >= *scale)
            .copied()
            .unwrap_or((last, if last < 1.0 { "n" } else { "" }));
        (scale, format!("{prefix}{unit}"))
    }

    /// `name [unit]`, or the name alone for bare numbers.
    pub(super) fn axis_title(name: &str, unit: &str) -> String {
        if unit.is_empty() {
            name.to_string()
        } else {
            format!("{name} [{unit}]")
        }
    }
}

/// One labelled place on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

/// A map from values to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    lo: f64,
    hi: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Axis {
    /// Values `lo..hi` evenly onto the pixels `from..to`.
    pub fn linear((lo, hi): (f64, f64), (from, to): (f64, f64)) -> Self {
        let lo = if lo.is_finite() { lo } else { 0.0 };
        let hi = if hi > lo && hi.is_finite() {
            hi
        } else {
            lo + 1.0
        };
        Self {
            lo,
            hi,
            log: false,
            from,
            to,
        }
    }

    /// Positive values `lo..hi` by their logarithm onto the pixels `from..to`.
    pub fn log((lo, hi): (f64, f64), (from, to): (f64, f64)) -> Self {
        let lo = if lo > 0.0 && lo.is_finite() { lo } else { 1.0 };
        let hi = if hi > lo && hi.is_finite() {
            hi
        } else {
            lo * 10.0
        };
        Self {
            lo,
            hi,
            log: true,
            from,
            to,
        }
    }

    /// The pixel of a value; values outside are held at the end.
    pub fn at(&self, value: f64) -> f64 {
        self.from + self.share(value).clamp(0.0, 1.0) * (self.to - self.from)
    }

    fn share(&self, value: f64) -> f64 {
        if self.log {
            (value.max(f64::MIN_POSITIVE) / self.lo).log10() / (self.hi / self.lo).log10()
        } else {
            (value - self.lo) / (self.hi - self.lo)
        }
    }

    /// Round values about `spacing` pixels apart, labelled in units of `scale`.
    pub fn ticks(&self, spacing: f64, scale: f64) -> Vec<Tick> {
        let room = ((self.to - self.from).abs() / spacing).max(1.0);
        if self.log {
            self.log_ticks(room, scale)
        } else {
            linear_ticks(self.lo / scale, self.hi / scale, room, scale)
        }
    }

    /// The same where only whole numbers mean something: years, rows, GPUs.
    pub fn whole_ticks(&self, spacing: f64) -> Vec<Tick> {
        let each = (self.to - self.from).abs() / (self.hi - self.lo).max(1.0);
        let spacing = if self.log { spacing } else { spacing.max(each) };
        self.ticks(spacing, 1.0)
    }

    fn log_ticks(&self, room: f64, scale: f64) -> Vec<Tick> {
        let decades = (self.hi / self.lo).log10();
        let every = (decades / room).ceil().max(1.0) as i32;
        let fractions: &[f64] = match decades {
            d if d * 9.0 <= room => &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
            d if d * 3.0 <= room => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let (first, last) = (
            (self.lo / scale).log10().floor() as i32,
            (self.hi / scale).log10().ceil() as i32,
        );
        let mut ticks = Vec::new();
        for decade in (first..=last).filter(|d| d.rem_euclid(every) == 0) {
            for fraction in fractions {
                let shown = fraction * 10f64.powi(decade);
                let value = shown * scale;
                if value >= self.lo * 0.9999 && value <= self.hi * 1.0001 {
                    let label = plain(shown, decade);
                    ticks.push(Tick { value, label });
                }
            }
        }
        ticks
    }

    /// Powers of two of bytes, `spacing` pixels apart: `8 B`, `1 KiB`.
    pub fn byte_ticks(&self, spacing: f64) -> Vec<Tick> {
        let room = ((self.to - self.from).abs() / spacing).max(1.0);
        let (first, last) = (self.lo.log2().ceil() as i32, self.hi.log2().floor() as i32);
        let every = [1, 2, 5, 10, 20]
            .into_iter()
            .find(|every| f64::from(last - first) / f64::from(*every) <= room)
            .unwrap_or(20);
        (first..=last)
            .filter(|power| power.rem_euclid(every) == 0)
            .map(|power| {
                let value = 2f64.powi(power);
                let label = units::bytes_iec(value);
                Tick { value, label }
            })
            .collect()
    }
}

/// The least round value not below `value`: 1, 2, 2.5 or 5 times a power of ten.
pub(super) fn round_step(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let part = value / power;
    let round = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|round| part <= round * 1.0001);
    round.unwrap_or(10.0) * power
}

fn linear_ticks(lo: f64, hi: f64, room: f64, scale: f64) -> Vec<Tick> {
    let step = round_step((hi - lo) / room);
    let decimals = (0..9)
        .find(|d| {
            let shifted = step * 10f64.powi(*d);
            (shifted - shifted.round()).abs() < 1e-6 * shifted
        })
        .unwrap_or(9) as usize;
    let first = (lo / step - 1e-9).ceil() as i64;
    let last = (hi / step + 1e-9).floor() as i64;
    (first..=last)
        .map(|i| {
            let shown = i as f64 * step;
            let label = format!("{shown:.decimals$}").replace('-', "−");
            let value = shown * scale;
            Tick { value, label }
        })
        .collect()
}

/// A power of ten, or a round multiple of it, as a short text.
fn plain(value: f64, decade: i32) -> String {
    if (-3..0).contains(&decade) {
        format!("{value:.*}", decade.unsigned_abs() as usize)
    } else if (0..5).contains(&decade) {
        format!("{value:.0}")
    } else {
        let digit = (value / 10f64.powi(decade)).round() as i64;
        let power = superscript(decade);
        match digit {
            1 => format!("10{power}"),
            _ => format!("{digit}·10{power}"),
        }
    }
}

/// The range of an axis on which nothing is shown.
pub(super) const NOTHING: (f64, f64) = (1.0, 10.0);

/// Least and greatest of some positive numbers, if there are any.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::MAX, 0.0), |(l, h): (f64, f64), v| {
        (l.min(v), h.max(v))
    });
    (high > 0.0).then_some((low, high))
}

fn superscript(number: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number
        .to_string()
        .chars()
        .map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize]))
        .collect()
}

/// Draws the lower axis of `plot` with its grid and its title at the right end below.
pub(super) fn draw_x<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: Rect,
    axis: &Axis,
    ticks: &[Tick],
    title: &str,
) -> Drawn<DB> {
    grid_x(canvas, plot, axis, ticks)?;
    let look = Type::new(TICK_EM, Align::Center).color(MUTED);
    for tick in ticks {
        let x = axis.at(tick.value);
        canvas.line(&[(x, plot.y1), (x, plot.y1 + 4.0)], AXIS, 1.0)?;
        canvas.text((x, plot.y1 + 13.0), &tick.label, &look)?;
    }
    canvas.line(&[(plot.x0, plot.y1), (plot.x1, plot.y1)], AXIS, 1.0)?;
    let at = (f64::midpoint(plot.x0, plot.x1), plot.y1 + 31.0);
    canvas.text(at, title, &Type::new(TICK_EM, Align::Center))
}

/// Draws only the upright grid lines of an x axis.
pub(super) fn grid_x<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: Rect,
    axis: &Axis,
    ticks: &[Tick],
) -> Drawn<DB> {
    for tick in ticks {
        let x = axis.at(tick.value);
        canvas.line(&[(x, plot.y0), (x, plot.y1)], GRID, 1.0)?;
    }
    Ok(())
}

/// Room below a plot that [`draw_x`] needs \[px\].
pub(super) const X_AXIS_HEIGHT: f64 = 40.0;

/// Room above a plot that the title of [`draw_y`] needs \[px\].
pub(super) const Y_TITLE_HEIGHT: f64 = 22.0;

/// Draws the left axis of `plot` with its grid; the title stands level above the axis.
pub(super) fn draw_y<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: Rect,
    axis: &Axis,
    ticks: &[Tick],
    title: &str,
) -> Drawn<DB> {
    let look = Type::new(TICK_EM, Align::Right).color(MUTED);
    for tick in ticks {
        let y = axis.at(tick.value);
        canvas.line(&[(plot.x0, y), (plot.x1, y)], GRID, 1.0)?;
        canvas.text((plot.x0 - 7.0, y), &tick.label, &look)?;
    }
    canvas.line(&[(plot.x0, plot.y0), (plot.x0, plot.y1)], AXIS, 1.0)?;
    let left = plot.x0 - y_label_width(ticks);
    let title_type = Type::new(TICK_EM, Align::Left);
    canvas.text((left, plot.y0 - 13.0), title, &title_type)
}

/// Room left of a plot that the labels of [`draw_y`] need \[px\].
pub(super) fn y_label_width(ticks: &[Tick]) -> f64 {
    let look = Type::new(TICK_EM, Align::Right);
    let widest = ticks.iter().map(|tick| look.width(&tick.label));
    widest.fold(0.0, f64::max) + 9.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::linear((0.0, 0.0234), (0.0, 600.0));
        let (scale, unit) = Measure::Seconds.unit(0.0234);
        assert_eq!(unit, "ms");
        assert_eq!(
            labels(&axis.ticks(120.0, scale)),
            ["0", "5", "10", "15", "20"]
        );
        let axis = Axis::log((0.5, 2000.0), (0.0, 400.0));
        assert_eq!(labels(&axis.ticks(80.0, 1.0)), ["1", "10", "100", "1000"]);
        let years = Axis::linear((2017.8, 2024.2), (0.0, 1200.0));
        let all = ["2018", "2019", "2020", "2021", "2022", "2023", "2024"];
        assert_eq!(labels(&years.whole_ticks(58.0)), all);
        let axis = Axis::log((8.0, 1_073_741_824.0), (0.0, 300.0));
        assert_eq!(labels(&axis.byte_ticks(60.0)), ["1 KiB", "1 MiB", "1 GiB"]);
    }

    #[test]
    fn numbers_carry_sign_and_unit() {
        assert_eq!(Measure::Seconds.signed(3.1e-3), "+3.10 ms");
        assert_eq!(Measure::Seconds.signed(-3.1e-3), "−3.10 ms");
        assert_eq!(Measure::Share.text(0.25), "25 %");
        assert_eq!(plain(2e-3, -3), "0.002");
        assert_eq!(plain(5e6, 6), "5·10⁶");
    }
}
