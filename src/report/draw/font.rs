//! The bundled font: registered once, measured without a canvas.
//!
//! The charts use cut-down DejaVu Sans files (Latin-1, Greek, arrows, mathematics), so that
//! drawing needs no font of the machine. Their licence stands beside them.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};
use plotters::style::{FontStyle, register_font};

/// The family as named in SVG files: the bundled font, its nearest relative, then any.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

const REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

/// Line height of the font per em; glyph scales are given as this height.
const LINE_PER_EM: f64 = 1.164;

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

/// The regular and the bold face.
fn face(bold: bool) -> Option<&'static FontRef<'static>> {
    static FACES: OnceLock<[Option<FontRef<'static>>; 2]> = OnceLock::new();
    let load = |bytes| FontRef::try_from_slice(bytes).ok();
    FACES.get_or_init(|| [load(REGULAR), load(BOLD)])[usize::from(bold)].as_ref()
}

/// Each sign of `text` with its distance from the start at a size of `em` \[px\], then the end.
fn advance(
    face: &FontRef<'static>,
    text: &str,
    em: f64,
    mut place: impl FnMut(GlyphId, PxScale, f32),
) -> f32 {
    let scale = PxScale::from((em * LINE_PER_EM) as f32);
    let font = face.as_scaled(scale);
    let (mut x, mut previous) = (0.0, None);
    for sign in text.chars() {
        let glyph = font.glyph_id(sign);
        if let Some(previous) = previous {
            x += font.kern(previous, glyph);
        }
        place(glyph, scale, x);
        x += font.h_advance(glyph);
        previous = Some(glyph);
    }
    x
}

/// Width of `text` at a size of `em` \[px\].
pub(super) fn width(text: &str, em: f64, bold: bool) -> f64 {
    face(bold).map_or(0.0, |face| f64::from(advance(face, text, em, |_, _, _| {})))
}

/// Calls `paint` with every pixel that `text` covers and how much of it, from 0 to 1.
pub(super) fn cover(
    text: &str,
    (em, bold): (f64, bool),
    (start, baseline): (f64, f64),
    mut paint: impl FnMut(i32, i32, f32),
) {
    let Some(face) = face(bold) else {
        return;
    };
    advance(face, text, em, |glyph, scale, x| {
        let at = point(start as f32 + x, baseline as f32);
        if let Some(outline) = face.outline_glyph(glyph.with_scale_and_position(scale, at)) {
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, share| paint(left + x as i32, top + y as i32, share));
        }
    });
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
        let mut pixels = 0;
        cover("g", (20.0, true), (0.0, 20.0), |_, _, _| pixels += 1);
        assert!(pixels > 50);
        for sign in "×−≤≥→←↑↓µαβ·…–—±≈ΔΣ²³₂°".chars() {
            let face = face(false).map(|face| face.glyph_id(sign).0);
            assert!(face.is_some_and(|glyph| glyph > 0), "{sign}");
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
