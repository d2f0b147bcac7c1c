//! A raster backend with smooth edges: every shape covers a pixel by the share of its area.
//!
//! Plotters' own bitmap backend places glyphs and corners on whole pixels, which shows as uneven
//! letter spacing and wavy curves. Here the corners of a pixel are whole coordinates, as in SVG,
//! so that both files show the same picture.

use std::convert::Infallible;

use plotters::prelude::DrawingBackend;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind,
};

use super::font;

/// Rows of samples per pixel row.
const ROWS: i32 = 4;
/// Corners of the polygon that stands for a disc.
const DISC_CORNERS: usize = 32;
/// Corners of the polygon that rounds the joint of two pieces of a line.
const JOINT_CORNERS: usize = 10;

type Failed = DrawingErrorKind<Infallible>;
type Corners = Vec<(f64, f64)>;

/// White paper of a size, painted on in RGB.
pub(super) struct Raster<'a> {
    pixels: &'a mut [u8],
    width: i32,
    height: i32,
}

impl<'a> Raster<'a> {
    /// A backend on `pixels`, three bytes each, row by row.
    pub fn new(pixels: &'a mut [u8], width: u32, height: u32) -> Self {
        Self {
            pixels,
            width: width as i32,
            height: height as i32,
        }
    }

    fn blend(&mut self, x: i32, y: i32, color: (u8, u8, u8), cover: f64) {
        if x < 0 || y < 0 || x >= self.width || y >= self.height || cover <= 0.0 {
            return;
        }
        let start = (y as usize * self.width as usize + x as usize) * 3;
        let fixed = (cover.min(1.0) * 256.0) as u32;
        for (pixel, ink) in self.pixels[start..start + 3]
            .iter_mut()
            .zip([color.0, color.1, color.2])
        {
            let mixed = u32::from(*pixel) * (256 - fixed) + u32::from(ink) * fixed;
            *pixel = (mixed >> 8) as u8;
        }
    }

    /// Fills the union of polygons, all of which run the same way round.
    fn fill_union(&mut self, shapes: &[Corners], color: BackendColor) {
        let ys = || shapes.iter().flatten().map(|corner| corner.1);
        let top = (ys().fold(f64::MAX, f64::min).floor() as i32).max(0);
        let bottom = (ys().fold(f64::MIN, f64::max).ceil() as i32).min(self.height);
        if top >= bottom {
            return;
        }
        let mut crossings = vec![Vec::new(); ((bottom - top) * ROWS) as usize];
        for shape in shapes {
            let next = shape.iter().cycle().skip(1);
            for (from, to) in shape.iter().zip(next) {
                cross(&mut crossings, top, *from, *to);
            }
        }
        let mut cover = vec![0.0; self.width as usize];
        for (row, samples) in crossings.chunks_mut(ROWS as usize).enumerate() {
            let mut touched = (self.width, 0);
            for sample in samples {
                sample.sort_by(|a: &(f64, i32), b| a.0.total_cmp(&b.0));
                for (x0, x1) in inside(sample) {
                    let (first, last) = add_span(&mut cover, x0, x1);
                    touched = (touched.0.min(first), touched.1.max(last));
                }
            }
            for x in touched.0..touched.1 {
                let share = cover[x as usize] / f64::from(ROWS);
                self.blend(x, top + row as i32, color.rgb, share * color.alpha);
                cover[x as usize] = 0.0;
            }
        }
    }
}

/// Notes where an edge crosses each row of samples, and whether downwards (1) or upwards (−1).
fn cross(rows: &mut [Vec<(f64, i32)>], top: i32, from: (f64, f64), to: (f64, f64)) {
    let (upper, lower, way) = if from.1 < to.1 {
        (from, to, 1)
    } else {
        (to, from, -1)
    };
    let scale = f64::from(ROWS);
    let row_of = |y: f64| ((y - f64::from(top)) * scale - 0.5).ceil().max(0.0) as usize;
    let last = row_of(lower.1).min(rows.len());
    let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
    for (row, crossings) in rows.iter_mut().enumerate().take(last).skip(row_of(upper.1)) {
        let y = f64::from(top) + (row as f64 + 0.5) / scale;
        crossings.push((upper.0 + (y - upper.1) * slope, way));
    }
}

/// The stretches between sorted crossings that lie in some polygon.
fn inside(crossings: &[(f64, i32)]) -> impl Iterator<Item = (f64, f64)> {
    let mut depth = 0;
    crossings.windows(2).filter_map(move |pair| {
        depth += pair[0].1;
        (depth != 0).then_some((pair[0].0, pair[1].0))
    })
}

/// Adds a stretch to a row of pixel covers; returns the pixels touched.
fn add_span(cover: &mut [f64], x0: f64, x1: f64) -> (i32, i32) {
    let x0 = x0.clamp(0.0, cover.len() as f64);
    let x1 = x1.clamp(0.0, cover.len() as f64);
    let (first, last) = (x0.floor() as usize, x1.ceil() as usize);
    for (index, pixel) in cover.iter_mut().enumerate().take(last).skip(first) {
        let left = index as f64;
        *pixel += x1.min(left + 1.0) - x0.max(left);
    }
    (first as i32, last as i32)
}

/// A regular polygon around a centre.
fn regular(center: (f64, f64), radius: f64, corners: usize) -> Corners {
    let step = std::f64::consts::TAU / corners as f64;
    (0..corners)
        .map(|i| {
            let (sin, cos) = (i as f64 * step).sin_cos();
            (center.0 + radius * cos, center.1 + radius * sin)
        })
        .collect()
}

/// The polygons that make up a line through points: a bar per piece, a disc per joint.
fn stroke(points: &[(f64, f64)], width: f64) -> Vec<Corners> {
    let half = width / 2.0;
    let mut shapes = Vec::new();
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        if length > 0.0 {
            let (nx, ny) = ((b.1 - a.1) / length * half, (a.0 - b.0) / length * half);
            shapes.push(vec![
                (a.0 + nx, a.1 + ny),
                (b.0 + nx, b.1 + ny),
                (b.0 - nx, b.1 - ny),
                (a.0 - nx, a.1 - ny),
            ]);
        }
    }
    let joints = points.len().saturating_sub(1);
    for joint in points.iter().take(joints).skip(1) {
        shapes.push(regular(*joint, half, JOINT_CORNERS));
    }
    shapes
}

fn precise(point: BackendCoord) -> (f64, f64) {
    (f64::from(point.0), f64::from(point.1))
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width as u32, self.height as u32)
    }

    fn ensure_prepared(&mut self) -> Result<(), Failed> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), Failed> {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Result<(), Failed> {
        self.blend(point.0, point.1, color.rgb, color.alpha);
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        _fill: bool,
    ) -> Result<(), Failed> {
        let (red, green, blue) = style.color().rgb;
        let (x0, x1) = (upper_left.0.max(0), bottom_right.0.min(self.width));
        for y in upper_left.1.max(0)..bottom_right.1.min(self.height) {
            if x0 < x1 {
                let start = (y * self.width + x0) as usize * 3;
                let row = &mut self.pixels[start..start + (x1 - x0) as usize * 3];
                for pixel in row.chunks_exact_mut(3) {
                    pixel.copy_from_slice(&[red, green, blue]);
                }
            }
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), Failed> {
        let points: Corners = path.into_iter().map(precise).collect();
        let shapes = stroke(&points, f64::from(style.stroke_width()));
        self.fill_union(&shapes, style.color());
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Result<(), Failed> {
        let disc = regular(precise(center), f64::from(radius), DISC_CORNERS);
        self.fill_union(&[disc], style.color());
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Result<(), Failed> {
        let shape = corners.into_iter().map(precise).collect();
        self.fill_union(&[shape], style.color());
        Ok(())
    }

    /// Draws a text; the size is in pixels per em, the lower anchor is the baseline.
    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        at: BackendCoord,
    ) -> Result<(), Failed> {
        let (em, bold) = (style.size(), matches!(style.style(), FontStyle::Bold));
        let width = font::width(text, em, bold);
        let start = f64::from(at.0)
            - match style.anchor().h_pos {
                HPos::Left => 0.0,
                HPos::Center => width / 2.0,
                HPos::Right => width,
            };
        let baseline = f64::from(at.1)
            + match style.anchor().v_pos {
                VPos::Top => 0.76 * em,
                VPos::Center => 0.27 * em,
                VPos::Bottom => 0.0,
            };
        let BackendColor { alpha, rgb } = style.color();
        font::cover(text, (em, bold), (start, baseline), |x, y, share| {
            self.blend(x, y, rgb, f64::from(share) * alpha);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::RGBColor;

    #[test]
    fn covers_are_shares_of_area() {
        let mut pixels = vec![0xFF; 3 * 16];
        let mut raster = Raster::new(&mut pixels, 4, 4);
        let black = BackendColor {
            alpha: 1.0,
            rgb: (0, 0, 0),
        };
        let square = vec![(1.0, 1.0), (2.5, 1.0), (2.5, 3.0), (1.0, 3.0)];
        raster.fill_union(&[square.clone(), square], black);
        let row: Vec<u8> = pixels[12..24].iter().step_by(3).copied().collect();
        assert_eq!(row, [255, 0, 127, 255]);
    }

    #[test]
    fn shapes_outside_the_paper_are_cut() {
        let mut pixels = vec![0xFF; 3 * 16];
        let mut raster = Raster::new(&mut pixels, 4, 4);
        let ink = RGBColor(0, 0, 0);
        assert!(raster.draw_circle((0, 0), 9, &ink, true).is_ok());
        assert!(raster.draw_rect((-5, -5), (9, 2), &ink, true).is_ok());
        assert!(raster.draw_circle((-90, 50), 3, &ink, true).is_ok());
        assert!(pixels.iter().all(|byte| *byte == 0));
    }
}
