//! Stacked bars: how long each system takes for each workload, and of what that time consists.

use plotters::prelude::DrawingBackend;

use super::axis::{Axis, Measure, X_AXIS_HEIGHT, draw_x, grid_x};
use super::canvas::{Align, Canvas, Drawn, Rect, Type};
use super::font;
use super::frame::{Entry, head, head_height, kind_entries};
use super::palette::{MUTED, PAPER, ink};
use super::render::Chart;
use crate::units;

const WIDTH: f64 = 960.0;
const ROW: f64 = 30.0;
const BAR: f64 = 22.0;
const GROUP_HEAD: f64 = 24.0;
const LABEL_EM: f64 = 12.5;
const TOTAL_ROOM: f64 = 84.0;

/// A part of a bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Kind of resource, a key of the palette.
    pub kind: String,
    /// Length \[s\].
    pub seconds: f64,
}

/// One bar: a system on a workload.
#[derive(Debug, Clone, PartialEq)]
pub struct BarRow {
    /// Name before the bar.
    pub label: String,
    /// Parts from left to right.
    pub segments: Vec<Segment>,
}

impl BarRow {
    fn total(&self) -> f64 {
        self.segments.iter().map(|segment| segment.seconds).sum()
    }
}

/// The bars of one workload.
#[derive(Debug, Clone, PartialEq)]
pub struct BarGroup {
    /// Heading over the bars; empty for none.
    pub label: String,
    /// Bars from top to bottom.
    pub rows: Vec<BarRow>,
}

impl BarGroup {
    fn longest(&self) -> f64 {
        self.rows.iter().map(BarRow::total).fold(0.0, f64::max)
    }

    fn head(&self) -> f64 {
        if self.label.is_empty() {
            8.0
        } else {
            GROUP_HEAD
        }
    }
}

/// Horizontal stacked bars in groups.
#[derive(Debug, Clone, PartialEq)]
pub struct StackedBars {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Groups from top to bottom.
    pub groups: Vec<BarGroup>,
    /// Whether all groups share one time axis; else each has its own.
    pub shared_axis: bool,
}

impl StackedBars {
    fn legend(&self) -> Vec<Entry> {
        let rows = self.groups.iter().flat_map(|group| &group.rows);
        let parts = rows.flat_map(|row| &row.segments);
        kind_entries(parts.map(|part| part.kind.as_str()))
    }

    fn label_width(&self) -> f64 {
        let rows = self.groups.iter().flat_map(|group| &group.rows);
        let widths = rows.map(|row| font::width(&row.label, LABEL_EM, false));
        widths.fold(40.0, f64::max).min(300.0) + 10.0
    }

    fn has_axis(&self, index: usize) -> bool {
        !self.shared_axis || index + 1 == self.groups.len()
    }
}

impl Chart for StackedBars {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        let heights = self.groups.iter().enumerate().map(|(index, group)| {
            let axis = if self.has_axis(index) {
                X_AXIS_HEIGHT
            } else {
                0.0
            };
            group.head() + group.rows.len() as f64 * ROW + axis
        });
        let head = head_height(&self.title, &self.subtitle, &self.legend(), WIDTH);
        let height = head + heights.sum::<f64>() + 12.0;
        (WIDTH as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let left = room.x0 + self.label_width();
        let right = room.x1 - TOTAL_ROOM;
        let longest = self.groups.iter().map(BarGroup::longest);
        let longest = longest.fold(0.0, f64::max);
        let mut y = room.y0;
        for (index, group) in self.groups.iter().enumerate() {
            let most = if self.shared_axis {
                longest
            } else {
                group.longest()
            };
            let top = y + group.head();
            let plot = Rect::new(left, top, right, top + group.rows.len() as f64 * ROW);
            let heading = Type::new(13.0, Align::Left).bold();
            canvas.text((room.x0, top - 10.0), &group.label, &heading)?;
            draw_group(canvas, plot, room, group, most, self.has_axis(index))?;
            y = plot.y1;
            if self.has_axis(index) {
                y += X_AXIS_HEIGHT;
            }
        }
        Ok(())
    }
}

fn draw_group<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: Rect,
    room: Rect,
    group: &BarGroup,
    most: f64,
    with_axis: bool,
) -> Drawn<DB> {
    let axis = Axis::linear((0.0, most), (plot.x0, plot.x1));
    let (scale, unit) = Measure::Seconds.unit(most);
    let ticks = axis.ticks(110.0, scale);
    if with_axis {
        let title = Measure::axis_title("time", &unit);
        draw_x(canvas, plot, &axis, &ticks, &title)?;
    } else {
        grid_x(canvas, plot, &axis, &ticks)?;
    }
    for (index, row) in group.rows.iter().enumerate() {
        let y = plot.y0 + (index as f64 + 0.5) * ROW;
        let name = font::fit(&row.label, LABEL_EM, false, plot.x0 - room.x0 - 8.0);
        let look = Type::new(LABEL_EM, Align::Right);
        canvas.text((plot.x0 - 8.0, y), &name, &look)?;
        draw_row(canvas, &axis, y, row)?;
    }
    Ok(())
}

fn draw_row<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    axis: &Axis,
    y: f64,
    row: &BarRow,
) -> Drawn<DB> {
    let total = row.total();
    let mut start = 0.0;
    for part in &row.segments {
        let end = start + part.seconds;
        let bar = Rect::new(axis.at(start), y - BAR / 2.0, axis.at(end), y + BAR / 2.0);
        let ink = ink(&part.kind);
        canvas.fill_ink(bar, ink)?;
        if start > 0.0 && bar.width() > 2.0 {
            canvas.fill(Rect::new(bar.x0, bar.y0, bar.x0 + 0.5, bar.y1), PAPER)?;
        }
        let look = Type::new(12.0, Align::Center).color(ink.text);
        let share = units::percent(part.seconds / total);
        let long = format!("{} · {share}", units::duration(part.seconds));
        let text = [long, share].into_iter();
        if let Some(text) = text.into_iter().find(|t| look.width(t) + 8.0 < bar.width()) {
            if ink.hatched {
                canvas.fill(look.bounds(bar.center(), &text), ink.fill)?;
            }
            canvas.text(bar.center(), &text, &look)?;
        }
        start = end;
    }
    let look = Type::new(LABEL_EM, Align::Left).bold();
    let look = if total > 0.0 { look } else { look.color(MUTED) };
    canvas.text((axis.at(total) + 7.0, y), &units::duration(total), &look)
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn bars_are_labelled_and_deterministic() {
        let chart = samples::stacked_bars();
        samples::check(
            &chart,
            &["Llama 70B, decode", "A100 SXM 80 GB × 8", "GPU memory"],
        );
    }
}
