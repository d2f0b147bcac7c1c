//! The bundled font: registered once, measured without a canvas.
//!
//! The charts use cut-down DejaVu Sans files (Latin-1, Greek, arrows, mathematics), so that
//! drawing needs no font of the machine. Their licence stands beside them.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// The family as named in SVG files: the bundled font, its nearest relative, then any.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

const REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

/// Line height of the font per em; plotters gives the size of raster text as this height.
pub(super) const LINE_PER_EM: f64 = 1.164;

/// Makes the font known to plotters, once per process; `false` if the files are broken.
pub(super) fn register() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| {
        [FAMILY, "sans-serif"].iter().all(|family| {
            register_font(family, FontStyle::Normal, REGULAR).is_ok()
                && register_font(family, FontStyle::Bold, BOLD).is_ok()
        })
    })
}

/// Width of `text` at a size of `em` \[px\].
pub(super) fn width(text: &str, em: f64, bold: bool) -> f64 {
    const MEASURED_AT: f64 = 1000.0;
    register();
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let font = FontDesc::new(FontFamily::Name(FAMILY), MEASURED_AT * LINE_PER_EM, style);
    match font.layout_box(text) {
        Ok(((left, _), (right, _))) => f64::from(right - left) / MEASURED_AT * em,
        Err(_) => text.chars().count() as f64 * em * 0.6,
    }
}

/// Breaks `text` at spaces into lines no wider than `room` \[px\] where words permit.
pub(super) fn wrap(text: &str, em: f64, bold: bool, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(last) = lines.last_mut() {
            let joined = format!("{last} {word}");
            if width(&joined, em, bold) <= room {
                *last = joined;
                continue;
            }
        }
        lines.push(word.to_string());
    }
    lines
}

/// `text`, cut with an ellipsis if wider than `room` \[px\].
pub(super) fn fit(text: &str, em: f64, bold: bool, room: f64) -> String {
    if width(text, em, bold) <= room {
        return text.to_string();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let cut = format!("{}…", kept.iter().collect::<String>().trim_end());
        if width(&cut, em, bold) <= room {
            return cut;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_the_charts_use_is_in_the_font() {
        assert!(register());
        for sign in "×−≤≥→←↑↓µαβ·…–—±≈ΔΣ²³₂°".chars() {
            assert!(width(&sign.to_string(), 10.0, false) > 0.0, "{sign}");
        }
    }

    #[test]
    fn text_is_wrapped_at_spaces_and_cut_with_an_ellipsis() {
        let text = "one two three four";
        let lines = wrap(text, 12.0, false, 60.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text);
        let cut = fit(text, 12.0, false, 60.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 60.0);
    }
}
