//! Labels beside points, placed so that none covers another.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};
use super::palette::AXIS;

/// Areas already taken, within bounds.
#[derive(Debug)]
pub(super) struct Placer {
    bounds: Rect,
    taken: Vec<Rect>,
}

impl Placer {
    /// Nothing taken yet inside `bounds`.
    pub fn new(bounds: Rect) -> Self {
        Self {
            bounds,
            taken: Vec::new(),
        }
    }

    /// Marks an area as taken.
    pub fn take(&mut self, rect: Rect) {
        self.taken.push(rect);
    }

    /// Takes `rect` if it lies inside the bounds and is free.
    pub fn try_take(&mut self, rect: Rect) -> bool {
        let free = self.bounds.contains(&rect) && !self.taken.iter().any(|t| t.overlaps(&rect));
        if free {
            self.taken.push(rect);
        }
        free
    }

    /// Marks the area along a line as taken.
    pub fn take_line(&mut self, from: Point, to: Point) {
        const STEP: f64 = 6.0;
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = (dx.hypot(dy) / STEP).ceil().max(1.0);
        for i in 0..=steps as usize {
            let part = i as f64 / steps;
            let at = (from.0 + dx * part, from.1 + dy * part);
            self.taken.push(Rect::around(at, 3.0, 3.0));
        }
    }

    /// Writes `text` beside a dot of `radius`, or further off with a line to it, where there is
    /// room; returns whether there was.
    pub fn label<DB: DrawingBackend>(
        &mut self,
        canvas: &Canvas<'_, DB>,
        (x, y): Point,
        radius: f64,
        text: &str,
        look: &Type,
    ) -> Drawn<DB, bool> {
        for (dx, dy, align) in beside(radius, look.em) {
            let look = Type { align, ..*look };
            let at = (x + dx, y + dy);
            if self.try_take(look.bounds(at, text)) {
                canvas.text(at, text, &look)?;
                return Ok(true);
            }
        }
        for (dx, dy) in around(radius) {
            let align = if dx < 0.0 { Align::Right } else { Align::Left };
            let look = Type { align, ..*look };
            let at = (x + dx, y + dy);
            if self.try_take(look.bounds(at, text)) {
                let length = dx.hypot(dy);
                let rim = (x + dx / length * radius, y + dy / length * radius);
                let foot = (at.0 - 3.0 * dx.signum(), at.1);
                canvas.line(&[rim, foot], AXIS, 1.0)?;
                canvas.text(at, text, &look)?;
                self.take_line(rim, foot);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Places that touch a dot, the best first.
fn beside(radius: f64, em: f64) -> [(f64, f64, Align); 8] {
    let near = radius + 5.0;
    let up = radius + em * 0.75;
    [
        (near, 0.0, Align::Left),
        (-near, 0.0, Align::Right),
        (0.0, -up, Align::Center),
        (0.0, up, Align::Center),
        (near, -up, Align::Left),
        (near, up, Align::Left),
        (-near, -up, Align::Right),
        (-near, up, Align::Right),
    ]
}

/// Places further away, the nearest first, which need a line to the dot.
fn around(radius: f64) -> impl Iterator<Item = (f64, f64)> {
    const ANGLES: [f64; 8] = [35.0, -35.0, 145.0, -145.0, 65.0, -65.0, 115.0, -115.0];
    const DISTANCES: [f64; 6] = [18.0, 32.0, 48.0, 66.0, 88.0, 112.0];
    DISTANCES.into_iter().flat_map(move |distance| {
        ANGLES.into_iter().map(move |angle| {
            let (sin, cos) = angle.to_radians().sin_cos();
            ((radius + distance) * cos, (radius + distance) * sin)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_given_once_and_only_inside() {
        let mut placer = Placer::new(Rect::new(0.0, 0.0, 100.0, 100.0));
        assert!(placer.try_take(Rect::new(10.0, 10.0, 20.0, 20.0)));
        assert!(!placer.try_take(Rect::new(15.0, 15.0, 30.0, 30.0)));
        assert!(!placer.try_take(Rect::new(90.0, 90.0, 110.0, 99.0)));
        placer.take_line((0.0, 50.0), (100.0, 50.0));
        assert!(!placer.try_take(Rect::new(40.0, 45.0, 60.0, 55.0)));
    }
}
