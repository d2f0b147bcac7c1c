//! The drawing surface: shapes and text in chart pixels, the same on SVG and PNG.
//!
//! Charts speak in fractional pixels at single size. The surface below works at [`DENSITY`]
//! times that size, so that shapes land on half pixels and PNG files look sharp on dense screens.

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::font;
use super::palette::{Ink, TEXT, tint};

/// Surface pixels per chart pixel.
pub(super) const DENSITY: u32 = 2;

/// What drawing returns on the backend `DB`.
pub type Drawn<DB, T = ()> = Result<T, DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A point in chart pixels, from the upper left.
pub(super) type Point = (f64, f64);

/// A rectangle in chart pixels, from the upper left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x0: f64,
    /// Upper edge.
    pub y0: f64,
    /// Right edge.
    pub x1: f64,
    /// Lower edge.
    pub y1: f64,
}

impl Rect {
    /// The rectangle between two corners.
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        Self { x0, y0, x1, y1 }
    }

    /// The rectangle of a size around a centre.
    pub fn around(center: (f64, f64), width: f64, height: f64) -> Self {
        let (x, y) = center;
        let (dx, dy) = (width / 2.0, height / 2.0);
        Self::new(x - dx, y - dy, x + dx, y + dy)
    }

    /// Width.
    pub fn width(&self) -> f64 {
        self.x1 - self.x0
    }

    /// Height.
    pub fn height(&self) -> f64 {
        self.y1 - self.y0
    }

    /// Centre.
    pub fn center(&self) -> (f64, f64) {
        (
            f64::midpoint(self.x0, self.x1),
            f64::midpoint(self.y0, self.y1),
        )
    }

    /// Whether two rectangles share any area.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    /// Whether `other` lies wholly inside.
    pub fn contains(&self, other: &Rect) -> bool {
        self.x0 <= other.x0 && self.x1 >= other.x1 && self.y0 <= other.y0 && self.y1 >= other.y1
    }
}

/// Where the given point lies on a text, horizontally; vertically it is always the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// The look of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub em: f64,
    pub bold: bool,
    pub color: RGBColor,
    pub align: Align,
}

impl Type {
    /// Ordinary dark text of a size \[px\].
    pub fn new(em: f64, align: Align) -> Self {
        Self {
            em,
            bold: false,
            color: TEXT,
            align,
        }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn color(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }

    /// Width of `text` in this type.
    pub fn width(&self, text: &str) -> f64 {
        font::width(text, self.em, self.bold)
    }

    /// The box that `text` fills when written at `at`.
    pub fn bounds(&self, at: Point, text: &str) -> Rect {
        let width = self.width(text);
        let x0 = match self.align {
            Align::Left => at.0,
            Align::Center => at.0 - width / 2.0,
            Align::Right => at.0 - width,
        };
        let half = self.em * 0.6;
        Rect::new(x0, at.1 - half, x0 + width, at.1 + half)
    }
}

/// How a backend understands text sizes and the lower text anchor.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextFit {
    /// Plotters' font size per em.
    pub size_per_em: f64,
    /// Distance from the baseline down to the anchor, per em.
    pub drop_per_em: f64,
}

impl TextFit {
    /// SVG: the size is divided by 1.24, the baseline lifted by half the height of an `x`.
    pub const SVG: Self = Self {
        size_per_em: 1.24,
        drop_per_em: 0.274,
    };
    /// Our raster backend: as the charts think.
    pub const RASTER: Self = Self {
        size_per_em: 1.0,
        drop_per_em: 0.0,
    };
}

/// A surface to draw one chart on.
pub struct Canvas<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    fit: TextFit,
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    pub(super) fn new(area: &'a DrawingArea<DB, Shift>, fit: TextFit) -> Self {
        Self { area, fit }
    }

    /// The whole surface.
    pub fn bounds(&self) -> Rect {
        let (width, height) = self.area.dim_in_pixel();
        let scale = f64::from(DENSITY);
        Rect::new(
            0.0,
            0.0,
            f64::from(width) / scale,
            f64::from(height) / scale,
        )
    }

    /// Fills a rectangle.
    pub(super) fn fill(&self, rect: Rect, color: RGBColor) -> Drawn<DB> {
        let corners = [pixel((rect.x0, rect.y0)), pixel((rect.x1, rect.y1))];
        self.area
            .draw(&Rectangle::new(corners, ShapeStyle::from(&color).filled()))
    }

    /// Draws the border of a rectangle, inside of it.
    pub(super) fn outline(&self, rect: Rect, color: RGBColor, width: f64) -> Drawn<DB> {
        let Rect { x0, y0, x1, y1 } = rect;
        self.fill(Rect::new(x0, y0, x1, y0 + width), color)?;
        self.fill(Rect::new(x0, y1 - width, x1, y1), color)?;
        self.fill(Rect::new(x0, y0, x0 + width, y1), color)?;
        self.fill(Rect::new(x1 - width, y0, x1, y1), color)
    }

    /// Fills a rectangle with the ink of a kind, with its hatching and outline.
    pub(super) fn fill_ink(&self, rect: Rect, ink: Ink) -> Drawn<DB> {
        self.fill(rect, ink.fill)?;
        let Some(outline) = ink.outline else {
            return Ok(());
        };
        if ink.hatched && rect.width() > 8.0 {
            self.hatch(rect, tint(outline, 0.7))?;
        }
        if rect.width() >= 3.0 && rect.height() >= 3.0 {
            self.outline(rect, outline, 0.5)?;
        }
        Ok(())
    }

    fn hatch(&self, rect: Rect, color: RGBColor) -> Drawn<DB> {
        const STEP: f64 = 6.0;
        let height = rect.height();
        let mut x = (rect.x0 / STEP).floor() * STEP - (height / STEP).ceil() * STEP;
        while x < rect.x1 {
            let from = (x.max(rect.x0), rect.y1 - (rect.x0 - x).max(0.0));
            let to_x = (x + height).min(rect.x1);
            if to_x > from.0 {
                self.line(&[from, (to_x, rect.y1 - (to_x - x))], color, 0.5)?;
            }
            x += STEP;
        }
        Ok(())
    }

    /// Draws a line through points.
    pub(super) fn line(&self, points: &[Point], color: RGBColor, width: f64) -> Drawn<DB> {
        let stroke = (width * f64::from(DENSITY)).round().max(1.0) as u32;
        let mut path: Vec<(i32, i32)> = points.iter().map(|p| pixel(*p)).collect();
        path.dedup();
        if path.len() < 2 {
            return Ok(());
        }
        let style = ShapeStyle::from(&color).stroke_width(stroke);
        self.area.draw(&PathElement::new(path, style))
    }

    /// Draws a dashed straight line.
    pub(super) fn dashed(&self, from: Point, to: Point, color: RGBColor, width: f64) -> Drawn<DB> {
        const DASH: f64 = 6.0;
        const GAP: f64 = 4.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let at = |d: f64| (from.0 + dx * d / length, from.1 + dy * d / length);
        let mut done = 0.0;
        while done < length {
            self.line(&[at(done), at((done + DASH).min(length))], color, width)?;
            done += DASH + GAP;
        }
        Ok(())
    }

    /// Fills a polygon.
    pub(super) fn polygon(&self, points: &[Point], color: RGBColor) -> Drawn<DB> {
        let corners: Vec<(i32, i32)> = points.iter().map(|p| pixel(*p)).collect();
        self.area
            .draw(&Polygon::new(corners, ShapeStyle::from(&color).filled()))
    }

    /// Fills a disc.
    pub(super) fn disc(&self, center: Point, radius: f64, color: RGBColor) -> Drawn<DB> {
        let radius = (radius * f64::from(DENSITY)).round().max(1.0) as i32;
        let style = ShapeStyle::from(&color).filled();
        self.area.draw(&Circle::new(pixel(center), radius, style))
    }

    /// Writes a text; `at` is the middle of its height.
    pub(super) fn text(&self, at: Point, text: &str, look: &Type) -> Drawn<DB> {
        const HALF_CAPITAL: f64 = 0.365;
        if text.is_empty() {
            return Ok(());
        }
        let (horizontal, style) = (
            match look.align {
                Align::Left => HPos::Left,
                Align::Center => HPos::Center,
                Align::Right => HPos::Right,
            },
            if look.bold {
                FontStyle::Bold
            } else {
                FontStyle::Normal
            },
        );
        let size = look.em * self.fit.size_per_em * f64::from(DENSITY);
        let font = FontDesc::new(FontFamily::Name(font::FAMILY), size, style);
        let style = TextStyle::from(font)
            .color(&look.color)
            .pos(Pos::new(horizontal, VPos::Bottom));
        let y = at.1 + look.em * (HALF_CAPITAL + self.fit.drop_per_em);
        self.area
            .draw(&Text::new(text.to_string(), pixel((at.0, y)), style))
    }
}

/// The surface pixel of a chart point.
fn pixel(point: Point) -> (i32, i32) {
    let scale = f64::from(DENSITY);
    (
        (point.0 * scale).round() as i32,
        (point.1 * scale).round() as i32,
    )
}
