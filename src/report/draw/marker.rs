//! Marker shapes, so that series differ by more than colour.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Canvas, Drawn, Point, Rect};
use super::palette::{PAPER, series};

/// Colour and marker shape of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Marker {
    shape: usize,
    pub color: RGBColor,
}

/// Shapes told apart at a glance, in the order of use.
const SHAPES: usize = 7;

impl Marker {
    /// The marker of the `index`-th series.
    pub fn of_series(index: usize) -> Self {
        Self {
            shape: index % SHAPES,
            color: series(index),
        }
    }

    /// Draws the marker with a pale rim; `radius` is about that of a disc of equal area.
    pub fn draw<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        at: Point,
        radius: f64,
    ) -> Drawn<DB> {
        self.shape(canvas, at, radius + 1.0, PAPER)?;
        self.shape(canvas, at, radius, self.color)?;
        if self.shape == 5 {
            canvas.disc(at, radius * 0.5, PAPER)?;
        }
        Ok(())
    }

    fn shape<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): Point,
        r: f64,
        color: RGBColor,
    ) -> Drawn<DB> {
        let corners = |points: &[Point]| -> Vec<Point> {
            let place = |(dx, dy): &Point| (x + dx * r, y + dy * r);
            points.iter().map(place).collect()
        };
        match self.shape {
            1 => canvas.fill(Rect::around((x, y), r * 1.8, r * 1.8), color),
            2 => canvas.polygon(&corners(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]), color),
            3 => {
                let diamond = [(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)];
                canvas.polygon(&corners(&diamond), color)
            }
            4 => canvas.polygon(&corners(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]), color),
            6 => {
                canvas.fill(Rect::around((x, y), r * 2.4, r * 0.9), color)?;
                canvas.fill(Rect::around((x, y), r * 0.9, r * 2.4), color)
            }
            _ => canvas.disc((x, y), r, color),
        }
    }
}
