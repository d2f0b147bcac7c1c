//! Predicted against measured: points near the diagonal are good predictions.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{
    Axis, Measure, NOTHING, X_AXIS_HEIGHT, Y_TITLE_HEIGHT, draw_x, draw_y, extent, y_label_width,
};
use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::frame::{Entry, Sign, head};
use super::label::Placer;
use super::marker::Marker;
use super::palette::{AXIS, Ink, TEXT};
use super::render::Chart;
use crate::units;

/// The bands around the diagonal: deviation, fill; the wider one first.
const BANDS: [(f64, RGBColor); 2] = [
    (0.25, RGBColor(0xEB, 0xEE, 0xF1)),
    (0.10, RGBColor(0xCF, 0xD8, 0xE0)),
];

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterPoint {
    /// Name, written if the point lies outside both bands; empty for none.
    pub label: String,
    /// Measured value in the unit of the chart's measure.
    pub measured: f64,
    /// Predicted value in the same unit.
    pub predicted: f64,
}

impl ScatterPoint {
    fn usable(&self) -> bool {
        self.measured > 0.0 && self.predicted > 0.0
    }

    fn deviation(&self) -> f64 {
        (self.predicted / self.measured - 1.0).abs()
    }
}

/// The comparisons on one system.
#[derive(Debug, Clone, PartialEq)]
pub struct ScatterSeries {
    /// Name.
    pub label: String,
    /// Points.
    pub points: Vec<ScatterPoint>,
}

/// Predicted over measured on equal logarithmic axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// What is compared, for the axes: `step time`.
    pub quantity: String,
    /// What the values are.
    pub measure: Measure,
    /// Systems.
    pub series: Vec<ScatterSeries>,
}

impl Scatter {
    fn legend(&self) -> Vec<Entry> {
        let entry = |(index, series): (usize, &ScatterSeries)| Entry {
            sign: Sign::Dot(Marker::of_series(index)),
            words: series.label.clone(),
        };
        let band = |(deviation, fill): (f64, RGBColor)| Entry {
            sign: Sign::Area(Ink {
                fill,
                text: TEXT,
                outline: None,
                hatched: false,
            }),
            words: format!("within ±{}", units::percent(deviation)),
        };
        let bands = BANDS.into_iter().rev().map(band);
        let diagonal = Entry {
            sign: Sign::Line(AXIS, 1.5),
            words: "predicted = measured".to_string(),
        };
        let series = self.series.iter().enumerate().map(entry);
        series.chain([diagonal]).chain(bands).collect()
    }

    fn range(&self) -> (f64, f64) {
        let points = self.series.iter().flat_map(|series| &series.points);
        let usable = points.filter(|point| point.usable());
        let found = extent(usable.flat_map(|p| [p.measured, p.predicted]));
        found.map_or(NOTHING, |(low, high)| (low / 1.6, high * 1.6))
    }
}

impl Chart for Scatter {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        (760, 720)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let range = self.range();
        let (top, bottom) = (room.y0 + Y_TITLE_HEIGHT, room.y1 - X_AXIS_HEIGHT);
        let y = Axis::log(range, (bottom, top));
        let (scale, unit) = self.measure.unit(range.1);
        let ticks = y.ticks(44.0, scale);
        let left = room.x0 + y_label_width(&ticks);
        let plot = Rect::new(left, top, room.x1 - 8.0, bottom);
        let x = Axis::log(range, (plot.x0, plot.x1));
        draw_bands(canvas, (&x, &y), range)?;
        let name = |word: &str| Measure::axis_title(&format!("{word} {}", self.quantity), &unit);
        draw_y(canvas, plot, &y, &ticks, &name("predicted"))?;
        draw_x(canvas, plot, &x, &ticks, &name("measured"))?;
        let ends = [range.0, range.1].map(|v| (x.at(v), y.at(v)));
        canvas.line(&ends, AXIS, 1.5)?;
        self.draw_points(canvas, (&x, &y), plot)
    }
}

impl Scatter {
    fn draw_points<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        (x, y): (&Axis, &Axis),
        plot: Rect,
    ) -> Drawn<DB> {
        let mut placer = Placer::new(plot);
        placer.take_line((plot.x0, plot.y1), (plot.x1, plot.y0));
        let place = |point: &ScatterPoint| (x.at(point.measured), y.at(point.predicted));
        let mut outliers = Vec::new();
        // The first series lies on top.
        for (index, series) in self.series.iter().enumerate().rev() {
            for point in series.points.iter().filter(|point| point.usable()) {
                let at = place(point);
                Marker::of_series(index).draw(canvas, at, 5.0)?;
                placer.take(Rect::around(at, 11.0, 11.0));
                if point.deviation() > BANDS[0].0 {
                    outliers.push(point);
                }
            }
        }
        outliers.sort_by(|a, b| b.deviation().total_cmp(&a.deviation()));
        let look = Type::new(12.0, Align::Left).color(TEXT);
        for point in outliers {
            placer.label(canvas, place(point), 5.0, &point.label, &look)?;
        }
        Ok(())
    }
}

fn draw_bands<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    (x, y): (&Axis, &Axis),
    (low, high): (f64, f64),
) -> Drawn<DB> {
    for (deviation, color) in BANDS {
        let (up, down) = (1.0 + deviation, 1.0 - deviation);
        let band = [
            (x.at(low), y.at(low)),
            (x.at(low), y.at(low * up)),
            (x.at(high / up), y.at(high)),
            (x.at(high), y.at(high)),
            (x.at(high), y.at(high * down)),
            (x.at(low / down), y.at(low)),
        ];
        canvas.polygon(&band, color)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn systems_and_outliers_are_named() {
        let chart = samples::scatter();
        samples::check(
            &chart,
            &["measured step time", "A100 PCIe × 8", "decode, batch 1"],
        );
    }
}
