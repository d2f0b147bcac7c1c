//! What all charts share: paper, title, subtitle and legend.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};
use super::font;
use super::marker::Marker;
use super::palette::{self, Ink, MUTED, PAPER, TEXT};

/// Space around the content \[px\].
pub(super) const MARGIN: f64 = 16.0;
const TITLE_EM: f64 = 17.0;
const SUBTITLE_EM: f64 = 13.0;
const LEGEND_EM: f64 = 12.5;
const LEGEND_ROW: f64 = 20.0;

/// The sign before the words of a legend entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sign {
    /// A filled box.
    Area(Ink),
    /// A line with markers.
    Series(Marker),
    /// A marker alone.
    Dot(Marker),
    /// A plain line of a width.
    Line(RGBColor, f64),
}

/// One entry of a legend.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub sign: Sign,
    pub words: String,
}

/// Legend entries for the distinct kinds among `kinds`, in fixed order.
pub(super) fn kind_entries<'a>(kinds: impl IntoIterator<Item = &'a str>) -> Vec<Entry> {
    palette::legend_order(kinds)
        .into_iter()
        .map(|kind| Entry {
            sign: Sign::Area(palette::ink(kind)),
            words: palette::words(kind).to_string(),
        })
        .collect()
}

/// Draws paper, title, subtitle and legend; returns the room left for the chart.
pub(super) fn head<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    title: &str,
    subtitle: &str,
    legend: &[Entry],
) -> Drawn<DB, Rect> {
    let page = canvas.bounds();
    canvas.fill(page, PAPER)?;
    let room = page.width() - 2.0 * MARGIN;
    let mut y = 10.0;
    let look = Type::new(TITLE_EM, Align::Left).bold();
    for line in font::wrap(title, TITLE_EM, true, room) {
        y += TITLE_EM * 1.3;
        canvas.text((MARGIN, y - TITLE_EM * 0.65), &line, &look)?;
    }
    let look = Type::new(SUBTITLE_EM, Align::Left).color(MUTED);
    for line in font::wrap(subtitle, SUBTITLE_EM, false, room) {
        y += SUBTITLE_EM * 1.45;
        canvas.text((MARGIN, y - SUBTITLE_EM * 0.7), &line, &look)?;
    }
    y = draw_legend(canvas, (MARGIN, y + 8.0), room, legend)?;
    Ok(Rect::new(
        MARGIN,
        y + 6.0,
        page.x1 - MARGIN,
        page.y1 - MARGIN * 0.75,
    ))
}

/// The height that [`head`] takes of a page `width` wide \[px\].
pub(super) fn head_height(title: &str, subtitle: &str, legend: &[Entry], width: f64) -> f64 {
    let room = width - 2.0 * MARGIN;
    let titles = font::wrap(title, TITLE_EM, true, room).len() as f64;
    let subtitles = font::wrap(subtitle, SUBTITLE_EM, false, room).len() as f64;
    let words = titles * TITLE_EM * 1.3 + subtitles * SUBTITLE_EM * 1.45;
    24.0 + words + legend_height(legend, room)
}

/// The height of the entries in rows of width `room` \[px\].
pub(super) fn legend_height(legend: &[Entry], room: f64) -> f64 {
    let places = legend_places(room, legend);
    places
        .last()
        .map_or(0.0, |(_, row)| (row + 1.0) * LEGEND_ROW)
}

fn sign_width(sign: &Sign) -> f64 {
    match sign {
        Sign::Area(_) | Sign::Dot(_) => 14.0,
        Sign::Series(_) | Sign::Line(..) => 26.0,
    }
}

/// Offset and row of each entry when they flow into rows of width `room`.
fn legend_places(room: f64, legend: &[Entry]) -> Vec<(f64, f64)> {
    let (mut x, mut row) = (0.0, 0.0);
    let mut places = Vec::new();
    for entry in legend {
        let width = sign_width(&entry.sign) + 6.0 + font::width(&entry.words, LEGEND_EM, false);
        if x > 0.0 && x + width > room {
            (x, row) = (0.0, row + 1.0);
        }
        places.push((x, row));
        x += width + 20.0;
    }
    places
}

/// Draws the entries in rows from `at`; returns the lower edge.
pub(super) fn draw_legend<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    at: Point,
    room: f64,
    legend: &[Entry],
) -> Drawn<DB, f64> {
    let mut bottom = at.1;
    let look = Type::new(LEGEND_EM, Align::Left).color(TEXT);
    for (entry, (x, row)) in legend.iter().zip(legend_places(room, legend)) {
        let (x, y) = (at.0 + x, at.1 + (row + 0.5) * LEGEND_ROW);
        draw_sign(canvas, (x, y), &entry.sign)?;
        canvas.text((x + sign_width(&entry.sign) + 6.0, y), &entry.words, &look)?;
        bottom = y + LEGEND_ROW * 0.5;
    }
    Ok(bottom)
}

fn draw_sign<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, (x, y): Point, sign: &Sign) -> Drawn<DB> {
    match sign {
        Sign::Area(ink) => canvas.fill_ink(Rect::new(x, y - 6.0, x + 14.0, y + 6.0), *ink),
        Sign::Dot(marker) => marker.draw(canvas, (x + 7.0, y), 5.0),
        Sign::Series(marker) => {
            canvas.line(&[(x, y), (x + 26.0, y)], marker.color, 2.0)?;
            marker.draw(canvas, (x + 13.0, y), 4.0)
        }
        Sign::Line(color, width) => canvas.line(&[(x, y), (x + 26.0, y)], *color, *width),
    }
}
