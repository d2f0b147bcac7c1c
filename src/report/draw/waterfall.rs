//! A waterfall: from one duration to another through signed steps.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{Axis, Measure, X_AXIS_HEIGHT, draw_x};
use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::font;
use super::frame::{Entry, head, head_height, kind_entries};
use super::palette::{AXIS, Ink, PAPER, ink};
use super::render::Chart;

const WIDTH: f64 = 960.0;
const ROW: f64 = 32.0;
const BAR: f64 = 22.0;
const LABEL_EM: f64 = 12.5;
const NUMBER_ROOM: f64 = 80.0;
/// Ink of the first and the last bar.
const ENDS: Ink = Ink {
    fill: RGBColor(0x33, 0x3B, 0x45),
    text: PAPER,
    outline: None,
    hatched: false,
};

/// One change on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What changes.
    pub label: String,
    /// Kind of resource, a key of the palette.
    pub kind: String,
    /// The change \[s\]; negative is faster.
    pub seconds: f64,
}

/// Start, signed steps, end, as floating horizontal bars.
#[derive(Debug, Clone, PartialEq)]
pub struct Waterfall {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Name and length of the first bar \[s\].
    pub start: (String, f64),
    /// Steps from top to bottom.
    pub steps: Vec<Step>,
    /// Name of the last bar, which ends where the steps lead.
    pub end: String,
}

/// One bar as drawn: from, to, what it says.
struct Piece<'a> {
    label: &'a str,
    from: f64,
    to: f64,
    number: String,
    ink: Ink,
}

impl Waterfall {
    fn legend(&self) -> Vec<Entry> {
        kind_entries(self.steps.iter().map(|step| step.kind.as_str()))
    }

    fn pieces(&self) -> Vec<Piece<'_>> {
        let whole = |label, seconds| Piece {
            label,
            from: 0.0,
            to: seconds,
            number: Measure::Seconds.text(seconds),
            ink: ENDS,
        };
        let mut level = self.start.1;
        let mut pieces = vec![whole(self.start.0.as_str(), level)];
        for step in &self.steps {
            let to = level + step.seconds;
            pieces.push(Piece {
                label: &step.label,
                from: level,
                to,
                number: Measure::Seconds.signed(step.seconds),
                ink: ink(&step.kind),
            });
            level = to;
        }
        pieces.push(whole(&self.end, level));
        pieces
    }
}

impl Chart for Waterfall {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        let head = head_height(&self.title, &self.subtitle, &self.legend(), WIDTH);
        let rows = (self.steps.len() + 2) as f64 * ROW;
        (WIDTH as u32, (head + rows + X_AXIS_HEIGHT + 12.0) as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let pieces = self.pieces();
        let widths = pieces.iter().map(|p| font::width(p.label, LABEL_EM, false));
        let left = room.x0 + widths.fold(40.0, f64::max).min(320.0) + 10.0;
        let plot = Rect::new(left, room.y0, room.x1, room.y1 - X_AXIS_HEIGHT);
        let ends = pieces.iter().flat_map(|p| [p.from, p.to]);
        let (low, high) = ends.fold((0.0, 0.0), |(l, h): (f64, f64), v| (l.min(v), h.max(v)));
        let axis = Axis::linear((low, high), (left, plot.x1 - NUMBER_ROOM));
        let (scale, unit) = Measure::Seconds.unit(high.max(-low));
        let ticks = axis.ticks(110.0, scale);
        draw_x(
            canvas,
            plot,
            &axis,
            &ticks,
            &Measure::axis_title("time", &unit),
        )?;
        let row = plot.height() / pieces.len() as f64;
        for (index, piece) in pieces.iter().enumerate() {
            let y = plot.y0 + (index as f64 + 0.5) * row;
            draw_piece(canvas, &axis, (room.x0, y), piece)?;
            if index + 1 < pieces.len() {
                let x = axis.at(piece.to);
                let tie = [(x, y + BAR / 2.0), (x, y + row - BAR / 2.0)];
                canvas.line(&tie, AXIS, 1.0)?;
            }
        }
        Ok(())
    }
}

fn draw_piece<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    axis: &Axis,
    (edge, y): (f64, f64),
    piece: &Piece<'_>,
) -> Drawn<DB> {
    let left = axis.at(f64::MIN);
    let name = font::fit(piece.label, LABEL_EM, false, left - edge - 8.0);
    canvas.text((left - 8.0, y), &name, &Type::new(LABEL_EM, Align::Right))?;
    let (a, b) = (axis.at(piece.from), axis.at(piece.to));
    let bar = Rect::new(
        a.min(b),
        y - BAR / 2.0,
        a.max(b).max(a.min(b) + 1.0),
        y + BAR / 2.0,
    );
    canvas.fill_ink(bar, piece.ink)?;
    let look = Type::new(12.5, Align::Center).bold();
    if look.width(&piece.number) + 10.0 < bar.width() && !piece.ink.hatched {
        return canvas.text(bar.center(), &piece.number, &look.color(piece.ink.text));
    }
    let look = Type {
        align: Align::Left,
        ..look
    };
    let at = (bar.x1 + 6.0, y);
    canvas.fill(look.bounds(at, &piece.number), PAPER)?;
    canvas.text(at, &piece.number, &look)
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn steps_carry_signed_numbers() {
        let chart = samples::waterfall();
        samples::check(&chart, &["A100 PCIe × 8", "−61.0 ms", "+4.20 ms"]);
    }
}
