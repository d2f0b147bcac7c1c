//! The roofline: what devices could do at each intensity, and what operators got.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::axis::{
    Axis, Measure, NOTHING, X_AXIS_HEIGHT, Y_TITLE_HEIGHT, draw_x, draw_y, extent, y_label_width,
};
use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};
use super::frame::{Entry, Sign, head, kind_entries};
use super::label::Placer;
use super::marker::Marker;
use super::palette::{PAPER, TEXT, ink};
use super::render::Chart;

/// Two limits of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roof {
    /// Rate of computing \[FLOP/s\].
    pub flops: f64,
    /// Memory bandwidth \[B/s\].
    pub bandwidth: f64,
}

impl Roof {
    /// Intensity at which both limits meet \[FLOP/B\].
    fn ridge(self) -> f64 {
        self.flops / self.bandwidth
    }

    fn at(self, intensity: f64) -> f64 {
        self.flops.min(self.bandwidth * intensity)
    }
}

/// A device's limits.
#[derive(Debug, Clone, PartialEq)]
pub struct RooflineDevice {
    /// Name.
    pub label: String,
    /// What its data sheet says.
    pub sheet: Roof,
    /// What large kernels reach.
    pub reached: Roof,
}

/// An operator as it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct RooflinePoint {
    /// Name.
    pub label: String,
    /// Operations per byte of memory traffic \[FLOP/B\].
    pub intensity: f64,
    /// Achieved rate \[FLOP/s\].
    pub achieved_flops: f64,
    /// Share of the time spent here, from 0 to 1; sets the dot's area.
    pub time_share: f64,
    /// Kind of what binds it, a key of the palette.
    pub kind: String,
}

/// Roofs and operators on logarithmic axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Roofline {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Roofs.
    pub devices: Vec<RooflineDevice>,
    /// Dots.
    pub points: Vec<RooflinePoint>,
    /// How many of the largest dots are named at most.
    pub most_labels: usize,
}

impl Roofline {
    fn legend(&self) -> Vec<Entry> {
        let roofs = self
            .devices
            .iter()
            .enumerate()
            .map(|(index, device)| Entry {
                sign: Sign::Line(Marker::of_series(index).color, 2.5),
                words: format!(
                    "{} ({}, {})",
                    device.label,
                    Measure::FlopsPerSecond.text(device.sheet.flops),
                    Measure::BytesPerSecond.text(device.sheet.bandwidth)
                ),
            });
        let roofs: Vec<Entry> = roofs.collect();
        let mut entries = kind_entries(self.usable().map(|point| point.kind.as_str()));
        entries.splice(0..0, roofs);
        entries
    }

    /// Points that have a place on logarithmic axes.
    fn usable(&self) -> impl Iterator<Item = &RooflinePoint> {
        self.points
            .iter()
            .filter(|p| p.intensity > 0.0 && p.achieved_flops > 0.0)
    }

    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let ridges = self.devices.iter().map(|d| d.sheet.ridge());
        let xs = self.usable().map(|p| p.intensity).chain(ridges);
        let (x0, x1) = extent(xs).unwrap_or(NOTHING);
        let (x0, x1) = (x0 / 3.0, x1 * 6.0);
        let roofs = self
            .devices
            .iter()
            .flat_map(|d| [d.sheet.flops, d.reached.at(x0)]);
        let ys = self.usable().map(|p| p.achieved_flops);
        let (y0, y1) = extent(ys.chain(roofs)).unwrap_or(NOTHING);
        ((x0, x1), (y0 / 1.8, y1 * 2.2))
    }
}

impl Chart for Roofline {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        (960, 600)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &self.legend())?;
        let (xs, ys) = self.ranges();
        let (top, bottom) = (room.y0 + Y_TITLE_HEIGHT, room.y1 - X_AXIS_HEIGHT);
        let y = Axis::log(ys, (bottom, top));
        let (scale, unit) = Measure::FlopsPerSecond.unit(ys.1 / 30.0);
        let y_ticks = y.ticks(34.0, scale);
        let left = room.x0 + y_label_width(&y_ticks);
        let plot = Rect::new(left, top, room.x1, bottom);
        let x = Axis::log(xs, (plot.x0, plot.x1));
        let x_ticks = x.ticks(60.0, 1.0);
        draw_y(
            canvas,
            plot,
            &y,
            &y_ticks,
            &Measure::axis_title("achieved rate", &unit),
        )?;
        draw_x(canvas, plot, &x, &x_ticks, "arithmetic intensity [FLOP/B]")?;
        let scene = Scene { canvas, plot, x, y };
        let mut placer = Placer::new(plot);
        self.draw_roofs(&scene, &mut placer)?;
        self.draw_points(&scene, &mut placer)
    }
}

/// The plot and its axes.
struct Scene<'a, 'b, DB: DrawingBackend> {
    canvas: &'a Canvas<'b, DB>,
    plot: Rect,
    x: Axis,
    y: Axis,
}

impl<DB: DrawingBackend> Scene<'_, '_, DB> {
    fn place(&self, intensity: f64, flops: f64) -> Point {
        (self.x.at(intensity), self.y.at(flops))
    }

    fn of(&self, point: &RooflinePoint) -> Point {
        self.place(point.intensity, point.achieved_flops)
    }
}

impl Roofline {
    /// Draws the roofs with their ridges, and marks their lines and the dots as taken.
    fn draw_roofs<DB: DrawingBackend>(
        &self,
        scene: &Scene<'_, '_, DB>,
        placer: &mut Placer,
    ) -> Drawn<DB> {
        let (canvas, plot) = (scene.canvas, scene.plot);
        let start = self.ranges().0.0;
        let mut bends = Vec::new();
        for (index, device) in self.devices.iter().enumerate() {
            let color = Marker::of_series(index).color;
            let bend = scene.place(device.sheet.ridge(), device.sheet.flops);
            let foot = scene.place(start, device.sheet.at(start));
            canvas.line(&[foot, bend, (plot.x1, bend.1)], color, 2.5)?;
            let reached = device.reached;
            let lower = scene.place(reached.ridge(), reached.flops);
            let lower_foot = scene.place(start, reached.at(start));
            canvas.dashed(lower_foot, lower, color, 1.5)?;
            canvas.dashed(lower, (plot.x1, lower.1), color, 1.5)?;
            canvas.dashed(bend, (bend.0, plot.y1), color, 1.0)?;
            placer.take_line(foot, bend);
            placer.take_line(bend, (plot.x1, bend.1));
            bends.push((bend, device, color));
        }
        for point in self.usable() {
            let side = dot_radius(point) * 1.8;
            placer.take(Rect::around(scene.of(point), side, side));
        }
        bends.sort_by(|a, b| a.0.0.total_cmp(&b.0.0));
        let last = bends.len().saturating_sub(1);
        for (order, (bend, device, color)) in bends.iter().copied().enumerate() {
            name_peak(scene, placer, bend.1, device.sheet.flops, color)?;
            let align = if order == last {
                Align::Left
            } else {
                Align::Right
            };
            name_ridge(scene, placer, (bend.0, align), device.sheet.ridge(), color)?;
        }
        for (bend, _, _) in bends {
            placer.take_line(bend, (bend.0, plot.y1));
        }
        Ok(())
    }

    fn draw_points<DB: DrawingBackend>(
        &self,
        scene: &Scene<'_, '_, DB>,
        placer: &mut Placer,
    ) -> Drawn<DB> {
        let canvas = scene.canvas;
        let mut points: Vec<&RooflinePoint> = self.usable().collect();
        points.sort_by(|a, b| b.time_share.total_cmp(&a.time_share));
        for point in &points {
            let (at, radius, ink) = (scene.of(point), dot_radius(point), ink(&point.kind));
            canvas.disc(at, radius + 1.0, ink.outline.unwrap_or(PAPER))?;
            canvas.disc(at, radius, ink.fill)?;
        }
        let look = Type::new(12.0, Align::Left).color(TEXT);
        for point in points.iter().take(self.most_labels) {
            let radius = dot_radius(point);
            placer.label(canvas, scene.of(point), radius, &point.label, &look)?;
        }
        Ok(())
    }
}

/// Writes a peak rate at the right end of its roof at height `y`.
fn name_peak<DB: DrawingBackend>(
    scene: &Scene<'_, '_, DB>,
    placer: &mut Placer,
    y: f64,
    peak: f64,
    color: RGBColor,
) -> Drawn<DB> {
    let text = Measure::FlopsPerSecond.text(peak);
    let look = Type::new(12.0, Align::Right).color(color).bold();
    for shift in [-11.0, 12.0] {
        let at = (scene.plot.x1 - 4.0, y + shift);
        if placer.try_take(look.bounds(at, &text)) {
            return scene.canvas.text(at, &text, &look);
        }
    }
    Ok(())
}

/// Writes a ridge at the foot of its line, on the given side, in the first free row.
fn name_ridge<DB: DrawingBackend>(
    scene: &Scene<'_, '_, DB>,
    placer: &mut Placer,
    (x, align): (f64, Align),
    ridge: f64,
    color: RGBColor,
) -> Drawn<DB> {
    let text = format!("ridge {ridge:.0}");
    let look = Type::new(12.0, align).color(color);
    let gap = if align == Align::Left { 5.0 } else { -5.0 };
    for row in 0..5 {
        let at = (x + gap, scene.plot.y1 - 10.0 - f64::from(row) * 17.0);
        let area = look.bounds(at, &text);
        if placer.try_take(area) {
            let padded = Rect::new(area.x0 - 3.0, area.y0, area.x1 + 3.0, area.y1);
            scene.canvas.fill(padded, PAPER)?;
            return scene.canvas.text(at, &text, &look);
        }
    }
    Ok(())
}

fn dot_radius(point: &RooflinePoint) -> f64 {
    3.0 + 15.0 * point.time_share.clamp(0.0, 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use crate::report::draw::samples;

    #[test]
    fn roofs_and_large_dots_are_named() {
        let chart = samples::roofline();
        samples::check(&chart, &["A100 SXM 80 GB", "MLP up", "ridge 153", "FLOP/B"]);
    }
}
