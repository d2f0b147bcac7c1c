//! A timeline: lanes of coloured boxes over time, with marks at phase boundaries.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, Measure, X_AXIS_HEIGHT, draw_x};
use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::font;
use super::frame::{Entry, head, head_height, kind_entries};
use super::label::Placer;
use super::palette::{self, MUTED, PAPER, ink, tint};
use super::render::Chart;

const WIDTH: f64 = 1100.0;
const LANE: f64 = 26.0;
const LABEL_EM: f64 = 12.0;
const MARK_ROOM: f64 = 20.0;
const MARK_ROW: f64 = 15.0;

/// A box in a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Start \[s\].
    pub start_s: f64,
    /// End \[s\].
    pub end_s: f64,
    /// Kind of the resource that binds, a key of the palette.
    pub kind: String,
    /// Words inside, written where they fit.
    pub label: String,
}

/// A row of boxes.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// Name before the row.
    pub label: String,
    /// Boxes in the order of time; later ones lie on top.
    pub spans: Vec<Span>,
}

/// An upright line through all lanes.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where \[s\].
    pub at_s: f64,
    /// Words above.
    pub label: String,
}

/// Lanes over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// First and last instant shown \[s\].
    pub range_s: (f64, f64),
    /// Lanes from top to bottom.
    pub lanes: Vec<Lane>,
    /// Marks, in the order of time.
    pub marks: Vec<Mark>,
}

impl Timeline {
    fn legend(&self) -> Vec<Entry> {
        let spans = self.lanes.iter().flat_map(|lane| &lane.spans);
        kind_entries(spans.map(|span| span.kind.as_str()))
    }

    /// Room for the words of the marks: two rows if some stand closer than their words.
    fn mark_room(&self) -> f64 {
        let span = (self.range_s.1 - self.range_s.0).max(f64::MIN_POSITIVE);
        let crowded = self.marks.windows(2).any(|pair| {
            let apart = (pair[1].at_s - pair[0].at_s) / span * WIDTH * 0.85;
            apart < font::width(&pair[0].label, LABEL_EM, false) + 12.0
        });
        match (self.marks.is_empty(), crowded) {
            (true, _) => 4.0,
            (false, false) => MARK_ROOM,
            (false, true) => MARK_ROOM + MARK_ROW,
        }
    }
}

impl Chart for Timeline {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        let head = head_height(&self.title, &self.subtitle, &self.legend(), WIDTH);
        let lanes = self.lanes.len() as f64 * LANE;
        let height = head + self.mark_room() + lanes + X_AXIS_HEIGHT + 14.0;
        (WIDTH as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let widths = self
            .lanes
            .iter()
            .map(|l| font::width(&l.label, LABEL_EM, false));
        let left = room.x0 + widths.fold(30.0, f64::max).min(220.0) + 10.0;
        let top = room.y0 + self.mark_room();
        let plot = Rect::new(left, top, room.x1 - 10.0, room.y1 - X_AXIS_HEIGHT);
        let axis = Axis::linear(self.range_s, (plot.x0, plot.x1));
        let (scale, unit) = Measure::Seconds.unit(self.range_s.1);
        let ticks = axis.ticks(100.0, scale);
        draw_x(
            canvas,
            plot,
            &axis,
            &ticks,
            &Measure::axis_title("time", &unit),
        )?;
        let height = plot.height() / self.lanes.len().max(1) as f64;
        for (index, lane) in self.lanes.iter().enumerate() {
            let y0 = plot.y0 + index as f64 * height;
            let name = font::fit(&lane.label, LABEL_EM, false, left - room.x0 - 8.0);
            let look = Type::new(LABEL_EM, Align::Right);
            canvas.text((left - 8.0, y0 + height / 2.0), &name, &look)?;
            let band = Rect::new(plot.x0, y0 + 2.0, plot.x1, y0 + height - 2.0);
            self.draw_lane(canvas, &axis, band, lane)?;
        }
        self.draw_marks(canvas, &axis, plot, room)
    }
}

impl Timeline {
    /// Draws wide boxes one by one, and the thin ones summed up in columns of one pixel.
    fn draw_lane<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        axis: &Axis,
        band: Rect,
        lane: &Lane,
    ) -> Drawn<DB> {
        let (first, last) = self.range_s;
        let mut columns = Columns::new(band);
        let shown = lane
            .spans
            .iter()
            .filter(|s| s.end_s > first && s.start_s < last);
        let mut wide = Vec::new();
        for span in shown {
            let (x0, x1) = (axis.at(span.start_s), axis.at(span.end_s));
            if x1 - x0 < 1.5 * Columns::WIDTH {
                columns.add(x0, x1, &span.kind);
            } else {
                wide.push((x0, x1, span));
            }
        }
        for (x0, x1, kind, cover) in columns.runs() {
            let color = tint(ink(kind).fill, cover);
            canvas.fill(Rect::new(x0, band.y0, x1, band.y1), color)?;
        }
        for (x0, x1, span) in wide {
            draw_box(canvas, Rect::new(x0, band.y0, x1, band.y1), span)?;
        }
        Ok(())
    }

    fn draw_marks<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        axis: &Axis,
        plot: Rect,
        room: Rect,
    ) -> Drawn<DB> {
        let strip = Rect::new(room.x0, room.y0 - 8.0, room.x1 + 10.0, plot.y0);
        let mut placer = Placer::new(strip);
        for mark in &self.marks {
            let x = axis.at(mark.at_s);
            canvas.dashed((x, plot.y0 - 3.0), (x, plot.y1), palette::TEXT, 1.0)?;
            let (low, high) = (plot.y0 - 10.0, plot.y0 - 10.0 - MARK_ROW);
            let (right, left) = ((x + 3.0, Align::Left), (x - 3.0, Align::Right));
            for ((x, align), y) in [(right, low), (right, high), (left, low), (left, high)] {
                let look = Type::new(LABEL_EM, align).color(MUTED);
                let words = look.bounds((x, y), &mark.label);
                let padded = Rect::new(words.x0 - 3.0, words.y0, words.x1 + 3.0, words.y1);
                if placer.try_take(padded) {
                    canvas.text((x, y), &mark.label, &look)?;
                    break;
                }
            }
        }
        Ok(())
    }
}

fn draw_box<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, area: Rect, span: &Span) -> Drawn<DB> {
    let ink = ink(&span.kind);
    canvas.fill_ink(area, ink)?;
    if area.width() < 5.0 {
        return Ok(());
    }
    canvas.fill(Rect::new(area.x1 - 0.5, area.y0, area.x1, area.y1), PAPER)?;
    let look = Type::new(LABEL_EM, Align::Center).color(ink.text);
    if span.label.is_empty() || area.width() < 20.0 {
        return Ok(());
    }
    if look.width(&span.label) + 6.0 <= area.width() {
        if ink.hatched {
            canvas.fill(look.bounds(area.center(), &span.label), ink.fill)?;
        }
        canvas.text(area.center(), &span.label, &look)?;
    }
    Ok(())
}

/// Time per kind in each column of one chart pixel.
struct Columns<'a> {
    band: Rect,
    /// Column, kind, covered width; one column's entries are neighbours after sorting.
    parts: Vec<(i64, &'a str, f64)>,
}

impl<'a> Columns<'a> {
    const WIDTH: f64 = 1.0;
    /// Steps of paleness, so that neighbouring columns can be merged.
    const SHADES: f64 = 4.0;

    fn new(band: Rect) -> Self {
        Self {
            band,
            parts: Vec::new(),
        }
    }

    fn add(&mut self, x0: f64, x1: f64, kind: &'a str) {
        let column = |x: f64| ((x - self.band.x0) / Self::WIDTH).floor() as i64;
        for at in column(x0)..=column(x1) {
            let left = self.band.x0 + at as f64 * Self::WIDTH;
            let covered = x1.min(left + Self::WIDTH) - x0.max(left);
            if covered > 0.0 {
                self.parts.push((at, kind, covered));
            }
        }
    }

    /// Runs of equal columns: left, right, the kind that fills most, the share filled.
    fn runs(mut self) -> Vec<(f64, f64, &'a str, f64)> {
        self.parts.sort_by_key(|(column, kind, _)| (*column, *kind));
        let mut runs: Vec<(i64, i64, &str, f64)> = Vec::new();
        for column in self.parts.chunk_by(|a, b| a.0 == b.0) {
            let covered: f64 = column.iter().map(|part| part.2).sum();
            let share = (covered / Self::WIDTH * Self::SHADES)
                .ceil()
                .clamp(1.0, Self::SHADES);
            let (kind, _) = column
                .chunk_by(|a, b| a.1 == b.1)
                .map(|parts| (parts[0].1, parts.iter().map(|part| part.2).sum::<f64>()))
                .fold(
                    ("", -1.0),
                    |best, next| if next.1 > best.1 { next } else { best },
                );
            let at = column[0].0;
            match runs.last_mut() {
                Some(run) if run.1 == at && run.2 == kind && run.3 == share => run.1 = at + 1,
                _ => runs.push((at, at + 1, kind, share)),
            }
        }
        let x = |column: i64| self.band.x0 + column as f64 * Self::WIDTH;
        runs.into_iter()
            .map(|(from, to, kind, share)| (x(from), x(to), kind, share / Self::SHADES))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::draw::{render, samples};

    #[test]
    fn lanes_and_marks_are_named() {
        let chart = samples::timeline(2);
        samples::check(&chart, &["GPU 0 compute", "backward", "PCIe"]);
    }

    #[test]
    fn a_hundred_thousand_thin_boxes_become_few() -> Result<(), crate::report::draw::RenderError> {
        let spans = (0..100_000)
            .map(|i| Span {
                start_s: f64::from(i),
                end_s: f64::from(i) + 0.9,
                kind: if i < 50_000 { "compute" } else { "pcie" }.to_string(),
                label: String::new(),
            })
            .collect();
        let mut chart = samples::timeline(1);
        chart.range_s = (0.0, 100_000.0);
        chart.lanes = vec![Lane {
            label: "GPU 0".to_string(),
            spans,
        }];
        let drawn = render(&chart, chart.size())?;
        assert!(drawn.svg.len() < 20_000, "{}", drawn.svg.len());
        Ok(())
    }
}
