//! Lines over sizes, for example the bandwidth of an all-reduce by message size.

use plotters::prelude::DrawingBackend;

use super::axis::{
    Axis, Measure, X_AXIS_HEIGHT, Y_TITLE_HEIGHT, draw_x, draw_y, extent, y_label_width,
};
use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};
use super::frame::{Entry, Sign, head};
use super::label::Placer;
use super::marker::Marker;
use super::palette::{MUTED, PAPER};
use super::render::Chart;

/// One point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SweepPoint {
    /// Size: bytes or a bare number.
    pub size: f64,
    /// Value in the unit of the chart's measure.
    pub value: f64,
}

/// One line, or dots of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepSeries {
    /// Name.
    pub label: String,
    /// Points by growing size.
    pub points: Vec<SweepPoint>,
}

/// A level that no line can pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// Words on the line.
    pub label: String,
    /// Level in the unit of the chart's measure.
    pub value: f64,
}

/// Lines over sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Words of the size axis, without the unit.
    pub x_axis: String,
    /// Whether sizes are bytes, not bare numbers.
    pub in_bytes: bool,
    /// Whether the size axis is logarithmic.
    pub log_x: bool,
    /// Words of the value axis, without the unit.
    pub y_axis: String,
    /// What the values are.
    pub measure: Measure,
    /// Whether the value axis is logarithmic.
    pub log_y: bool,
    /// Whether points of a series are of different things, so that no line joins them.
    pub apart: bool,
    /// Lines.
    pub series: Vec<SweepSeries>,
    /// Dashed levels.
    pub limits: Vec<Limit>,
}

impl Sweep {
    fn legend(&self) -> Vec<Entry> {
        let entry = |(index, series): (usize, &SweepSeries)| Entry {
            sign: if self.apart {
                Sign::Dot(Marker::of_series(index))
            } else {
                Sign::Series(Marker::of_series(index))
            },
            words: series.label.clone(),
        };
        self.series.iter().enumerate().map(entry).collect()
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|series| &series.points);
        let values = points.map(|point| point.value);
        values.chain(self.limits.iter().map(|limit| limit.value))
    }

    fn x_axis(&self, pixels: (f64, f64)) -> Axis {
        let points = self.series.iter().flat_map(|series| &series.points);
        let (low, high) =
            extent(points.map(|point| point.size).filter(|size| *size > 0.0)).unwrap_or((1.0, 1.0));
        if self.log_x {
            return Axis::log((low / 1.5, high * 1.5), pixels);
        }
        let margin = 0.04 * (high - low).max(1.0);
        Axis::linear((low - margin, high + margin), pixels)
    }

    fn y_axis(&self, pixels: (f64, f64)) -> Axis {
        let high = self.values().fold(0.0, f64::max);
        if self.log_y {
            let positive = self.values().filter(|value| *value > 0.0);
            let low = positive.fold(f64::MAX, f64::min).min(high);
            Axis::log((low / 1.5, high * 1.5), pixels)
        } else {
            Axis::linear((0.0, high * 1.08), pixels)
        }
    }
}

impl Chart for Sweep {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        (960, 540)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let (top, bottom) = (room.y0 + Y_TITLE_HEIGHT, room.y1 - X_AXIS_HEIGHT);
        let y = self.y_axis((bottom, top));
        let (scale, unit) = self.measure.unit(self.values().fold(0.0, f64::max));
        let y_ticks = y.ticks(44.0, scale);
        let left = room.x0 + y_label_width(&y_ticks);
        let plot = Rect::new(left, top, room.x1, bottom);
        let x = self.x_axis((plot.x0, plot.x1));
        draw_y(
            canvas,
            plot,
            &y,
            &y_ticks,
            &Measure::axis_title(&self.y_axis, &unit),
        )?;
        let x_ticks = if self.in_bytes {
            x.byte_ticks(58.0)
        } else {
            x.whole_ticks(58.0)
        };
        draw_x(canvas, plot, &x, &x_ticks, &self.x_axis)?;
        for limit in &self.limits {
            let level = y.at(limit.value);
            canvas.dashed((plot.x0, level), (plot.x1, level), MUTED, 1.5)?;
        }
        let mut placer = Placer::new(plot);
        for (index, series) in self.series.iter().enumerate() {
            let marker = Marker::of_series(index);
            let places: Vec<Point> = series
                .points
                .iter()
                .filter(|point| point.size > 0.0)
                .map(|point| (x.at(point.size), y.at(point.value)))
                .collect();
            if self.apart {
                // Of two dots at one place both are seen.
                let radius = if index == 0 { 5.0 } else { 3.0 };
                draw_dots(canvas, &marker, &places, radius)?;
                continue;
            }
            canvas.line(&places, marker.color, 2.0)?;
            draw_dots(canvas, &marker, &places, 4.0)?;
            for pair in places.windows(2) {
                placer.take_line(pair[0], pair[1]);
            }
        }
        self.name_limits(canvas, &mut placer, &y, plot)
    }
}

impl Sweep {
    /// Writes each limit's name just above or below its line, left if free, else further right.
    fn name_limits<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        placer: &mut Placer,
        y: &Axis,
        plot: Rect,
    ) -> Drawn<DB> {
        let look = Type::new(12.0, Align::Left).color(MUTED);
        for limit in &self.limits {
            let level = y.at(limit.value);
            let text = format!("{} ({})", limit.label, self.measure.text(limit.value));
            let places = [0.01, 0.25, 0.5, 0.7].into_iter().flat_map(|part| {
                [-10.0, 10.0].map(|dy| (plot.x0 + part * plot.width(), level + dy))
            });
            for at in places {
                let area = look.bounds(at, &text);
                if placer.try_take(area) {
                    canvas.fill(area, PAPER)?;
                    canvas.text(at, &text, &look)?;
                    break;
                }
            }
        }
        Ok(())
    }
}

fn draw_dots<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    marker: &Marker,
    places: &[Point],
    radius: f64,
) -> Drawn<DB> {
    for place in places {
        marker.draw(canvas, *place, radius)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn sizes_are_binary_and_limits_are_named() {
        let chart = samples::sweep(false);
        samples::check(&chart, &["1 MiB", "NVLink limit", "bus bandwidth [GB/s]"]);
        samples::check(&samples::sweep(true), &["latency"]);
    }
}
