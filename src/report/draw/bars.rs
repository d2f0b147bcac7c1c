//! Plain horizontal bars of signed values, for example sensitivities.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, Measure, X_AXIS_HEIGHT, draw_x};
use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::font;
use super::frame::{Entry, head, head_height, kind_entries};
use super::palette::{AXIS, ink};
use super::render::Chart;

const WIDTH: f64 = 960.0;
const ROW: f64 = 28.0;
const LABEL_EM: f64 = 12.5;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name before the bar.
    pub label: String,
    /// Kind of resource, a key of the palette.
    pub kind: String,
    /// Length in the unit of the chart's measure, signed.
    pub value: f64,
}

/// Horizontal bars from a common zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Words below the axis, without the unit.
    pub axis: String,
    /// What the values are.
    pub measure: Measure,
    /// Whether the numbers carry a plus sign, as for changes.
    pub signed: bool,
    /// Bars from top to bottom.
    pub bars: Vec<Bar>,
}

impl Bars {
    fn legend(&self) -> Vec<Entry> {
        kind_entries(self.bars.iter().map(|bar| bar.kind.as_str()))
    }

    fn number(&self, value: f64) -> String {
        if self.signed {
            self.measure.signed(value)
        } else {
            self.measure.text(value)
        }
    }

    /// The widest number, of the negative or of the other bars.
    fn number_room(&self, negative: bool) -> f64 {
        let look = Type::new(LABEL_EM, Align::Left).bold();
        let bars = self.bars.iter().filter(|bar| (bar.value < 0.0) == negative);
        let widths = bars.map(|bar| look.width(&self.number(bar.value)) + 12.0);
        widths.fold(0.0, f64::max)
    }
}

impl Chart for Bars {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        let head = head_height(&self.title, &self.subtitle, &self.legend(), WIDTH);
        let rows = self.bars.len() as f64 * ROW;
        (WIDTH as u32, (head + rows + X_AXIS_HEIGHT + 12.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let widths = self
            .bars
            .iter()
            .map(|b| font::width(&b.label, LABEL_EM, false));
        let names = widths.fold(40.0, f64::max).min(380.0) + 10.0;
        let plot = Rect::new(room.x0 + names, room.y0, room.x1, room.y1 - X_AXIS_HEIGHT);
        let values = self.bars.iter().map(|bar| bar.value);
        let (low, high) = values.fold((0.0, 0.0), |(l, h): (f64, f64), v| (l.min(v), h.max(v)));
        let span = (
            plot.x0 + self.number_room(true),
            plot.x1 - self.number_room(false),
        );
        let axis = Axis::linear((low, high), span);
        let (scale, unit) = self.measure.unit(high.max(-low));
        let ticks = axis.ticks(100.0, scale);
        draw_x(
            canvas,
            plot,
            &axis,
            &ticks,
            &Measure::axis_title(&self.axis, &unit),
        )?;
        let row = plot.height() / self.bars.len().max(1) as f64;
        for (index, bar) in self.bars.iter().enumerate() {
            let y = plot.y0 + (index as f64 + 0.5) * row;
            let name = font::fit(&bar.label, LABEL_EM, false, names - 8.0);
            let look = Type::new(LABEL_EM, Align::Right);
            canvas.text((plot.x0 - 8.0, y), &name, &look)?;
            self.draw_bar(canvas, &axis, y, bar)?;
        }
        let zero = axis.at(0.0);
        canvas.line(&[(zero, plot.y0), (zero, plot.y1)], AXIS, 1.0)
    }
}

impl Bars {
    fn draw_bar<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        axis: &Axis,
        y: f64,
        bar: &Bar,
    ) -> Drawn<DB> {
        let (zero, end) = (axis.at(0.0), axis.at(bar.value));
        let area = Rect::new(zero.min(end), y - 9.0, zero.max(end), y + 9.0);
        canvas.fill_ink(area, ink(&bar.kind))?;
        let look = Type::new(LABEL_EM, Align::Left).bold();
        let (x, align) = if bar.value < 0.0 {
            (end - 6.0, Align::Right)
        } else {
            (end + 6.0, Align::Left)
        };
        canvas.text((x, y), &self.number(bar.value), &Type { align, ..look })
    }
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn bars_carry_signed_numbers() {
        let chart = samples::bars();
        samples::check(&chart, &["GPU memory bandwidth +10 %", "−6.1 %", "+0.8 %"]);
    }
}
