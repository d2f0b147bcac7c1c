//! Labels beside points, placed so that none covers another.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};

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

    /// Writes `text` beside a dot of `radius` where there is room; returns whether there was.
    pub fn label<DB: DrawingBackend>(
        &mut self,
        canvas: &Canvas<'_, DB>,
        (x, y): Point,
        radius: f64,
        text: &str,
        look: &Type,
    ) -> Drawn<DB, bool> {
        let near = radius + 5.0;
        let up = radius + look.em * 0.75;
        let far = radius + look.em * 1.9;
        let places = [
            (near, 0.0, Align::Left),
            (-near, 0.0, Align::Right),
            (0.0, -up, Align::Center),
            (0.0, up, Align::Center),
            (near, -up, Align::Left),
            (near, up, Align::Left),
            (-near, -up, Align::Right),
            (-near, up, Align::Right),
            (0.0, -far, Align::Center),
            (0.0, far, Align::Center),
        ];
        for (dx, dy, align) in places {
            let look = Type { align, ..*look };
            let at = (x + dx, y + dy);
            if self.try_take(look.bounds(at, text)) {
                canvas.text(at, text, &look)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
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
