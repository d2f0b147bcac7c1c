//! Colours: one per kind of resource, safe for colour-blind readers (Okabe and Ito).
//!
//! A kind is a string key chosen by the caller, so that a resource has the same colour in every
//! chart. Colour is never the only sign: each chart also names its kinds in a legend.

use plotters::style::RGBColor;

/// Ordinary text.
pub(super) const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text of less weight: axes, subtitles.
pub(super) const MUTED: RGBColor = RGBColor(0x50, 0x50, 0x50);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE4, 0xE4);
/// Axis lines and ticks.
pub(super) const AXIS: RGBColor = RGBColor(0x80, 0x80, 0x80);
/// The paper.
pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// How a kind is painted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Colour of the area.
    pub fill: RGBColor,
    /// Colour of text on the area.
    pub text: RGBColor,
    /// Colour of the outline, where the fill alone is too pale.
    pub outline: Option<RGBColor>,
    /// Whether the area is hatched.
    pub hatched: bool,
}

/// The known kinds in the order of legends: key, words of the legend, fill.
const KINDS: [(&str, &str, RGBColor); 12] = [
    ("compute", "compute", RGBColor(0x00, 0x72, 0xB2)),
    ("vram", "GPU memory", RGBColor(0xE6, 0x9F, 0x00)),
    ("cache", "cache", RGBColor(0xA6, 0xD8, 0x54)),
    ("gpu-link", "GPU link", RGBColor(0x00, 0x9E, 0x73)),
    ("pcie", "PCIe", RGBColor(0xD5, 0x5E, 0x00)),
    ("cpu-memory", "CPU memory", RGBColor(0xCC, 0x79, 0xA7)),
    ("socket", "socket link", RGBColor(0x7A, 0x4F, 0x2B)),
    ("network", "network", RGBColor(0x56, 0xB4, 0xE9)),
    ("launch", "launch", RGBColor(0x4D, 0x4D, 0x4D)),
    ("latency", "latency", RGBColor(0xF0, 0xE4, 0x42)),
    ("idle", "idle", RGBColor(0xF2, 0xF2, 0xF2)),
    ("other", "other", FALLBACK),
];

/// Colour of kinds not known here.
const FALLBACK: RGBColor = RGBColor(0xA6, 0xA6, 0xA6);

/// The ink of a kind; kinds not known here are grey.
pub fn ink(kind: &str) -> Ink {
    let fill = KINDS
        .iter()
        .find(|(key, _, _)| *key == kind)
        .map_or(FALLBACK, |(_, _, fill)| *fill);
    let outline = match kind {
        "latency" => Some(RGBColor(0x6B, 0x63, 0x00)),
        "idle" => Some(RGBColor(0xB0, 0xB0, 0xB0)),
        _ => None,
    };
    Ink {
        fill,
        text: text_on(fill),
        outline,
        hatched: kind == "idle",
    }
}

/// The words a legend has for a kind; kinds not known here speak for themselves.
pub fn words(kind: &str) -> &str {
    KINDS
        .iter()
        .find(|(key, _, _)| *key == kind)
        .map_or(kind, |(_, words, _)| words)
}

/// The distinct kinds of `kinds` in the order of legends, unknown ones last by name.
pub(super) fn legend_order<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found: Vec<&str> = kinds.into_iter().collect();
    let place = |kind: &str| KINDS.iter().position(|(key, _, _)| *key == kind);
    found.sort_unstable_by_key(|kind| (place(kind).unwrap_or(KINDS.len()), *kind));
    found.dedup();
    found
}

/// The colour of the `index`-th series of a chart without kinds.
pub(super) fn series(index: usize) -> RGBColor {
    const SERIES: [RGBColor; 8] = [
        RGBColor(0x00, 0x72, 0xB2),
        RGBColor(0xD5, 0x5E, 0x00),
        RGBColor(0x00, 0x9E, 0x73),
        RGBColor(0xB0, 0x5A, 0x8C),
        RGBColor(0xC7, 0x86, 0x00),
        RGBColor(0x3A, 0x97, 0xCC),
        RGBColor(0x7A, 0x4F, 0x2B),
        RGBColor(0x33, 0x33, 0x33),
    ];
    SERIES[index % SERIES.len()]
}

/// The colour of a utilisation from 0 to 1: from light grey over red to near black, each step
/// darker than the last, so that the order survives any colour blindness and grey printing.
pub fn utilisation(share: f64) -> RGBColor {
    const STOPS: [(u8, u8, u8); 5] = [
        (208, 212, 216),
        (246, 178, 122),
        (226, 90, 92),
        (150, 42, 124),
        (44, 17, 92),
    ];
    let place = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let lower = (place as usize).min(STOPS.len() - 2);
    let part = place - lower as f64;
    let (from, to) = (STOPS[lower], STOPS[lower + 1]);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * part).round() as u8;
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

/// `color` mixed with the paper; `share` 1 leaves it as it is.
pub(super) fn tint(color: RGBColor, share: f64) -> RGBColor {
    let mix = |c: u8| (255.0 + (f64::from(c) - 255.0) * share).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}

/// Relative luminance from 0 (black) to 1 (white), as defined for web contrast.
fn luminance(color: RGBColor) -> f64 {
    let linear = |c: u8| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * linear(color.0) + 0.7152 * linear(color.1) + 0.0722 * linear(color.2)
}

/// Near black or white, whichever reads better on `fill`.
pub(super) fn text_on(fill: RGBColor) -> RGBColor {
    let dark = luminance(TEXT) + 0.05;
    let here = luminance(fill) + 0.05;
    if 1.05 / here > here / dark {
        PAPER
    } else {
        TEXT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_on_every_kind_can_be_read() {
        for (kind, _, _) in KINDS {
            let ink = ink(kind);
            assert!(contrast(ink.text, ink.fill) > 4.0, "{kind}");
        }
        assert!(contrast(MUTED, PAPER) > 7.0);
    }

    #[test]
    fn higher_utilisation_is_darker() {
        let steps: Vec<f64> = (0..=20)
            .map(|i| luminance(utilisation(f64::from(i) / 20.0)))
            .collect();
        assert!(steps.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn legends_have_a_fixed_order_without_repetition() {
        let order = legend_order(["zeta", "pcie", "compute", "alpha", "pcie"]);
        assert_eq!(order, ["compute", "pcie", "alpha", "zeta"]);
    }
}
