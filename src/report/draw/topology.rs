//! The machine: devices in tiers, links coloured by how busy they are.

use plotters::prelude::DrawingBackend;

use super::canvas::{Align, Canvas, Drawn, Point, Rect, Type};
use super::font;
use super::frame::{Entry, MARGIN, Sign, draw_legend, head, head_height, legend_height};
use super::label::Placer;
use super::palette::{self, MUTED, PAPER, ink, tint, utilisation};
use super::render::Chart;
use crate::units;

const WIDTH: f64 = 1100.0;
const TIER_STEP: f64 = 128.0;
const NODE_HEIGHT: f64 = 38.0;
const NODE_WIDTH: f64 = 104.0;
const NODE_EM: f64 = 12.0;
const FOOT: f64 = 64.0;

/// A device.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name that edges refer to.
    pub id: String,
    /// Words in the box; broken at spaces.
    pub label: String,
    /// Row, counted from the top.
    pub tier: u8,
    /// Place in the row from 0 (left) to 1 (right), as given by [`layout`](super::layout).
    pub x: f64,
    /// Kind, a key of the palette.
    pub kind: String,
}

/// A link, both directions as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Node at one end, by id.
    pub a: String,
    /// Node at the other end, by id.
    pub b: String,
    /// Words on the link, written where there is room; empty for none.
    pub label: String,
    /// Capacity per direction \[B/s\], which sets the line's width.
    pub bytes_per_s: f64,
    /// Share of the time or of the capacity in use, from 0 to 1.
    pub utilisation: f64,
    /// Name of the sort of link, listed with its capacity below the picture.
    pub class: String,
}

/// Devices in tiers, joined by links.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    /// A plain sentence.
    pub title: String,
    /// What is shown, under which conditions.
    pub subtitle: String,
    /// Devices.
    pub nodes: Vec<Node>,
    /// Links; those naming an unknown node are left out.
    pub edges: Vec<Edge>,
}

/// Where everything stands.
struct Plan {
    boxes: Vec<Rect>,
    bottom_tier: usize,
    tiers: Vec<usize>,
}

/// A link as drawn.
struct Wire<'a> {
    edge: &'a Edge,
    path: Vec<Point>,
    width: f64,
}

impl Topology {
    /// The tiers in use, from the top.
    fn levels(&self) -> Vec<u8> {
        let mut levels: Vec<u8> = self.nodes.iter().map(|node| node.tier).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// Room below the lowest tier for the arcs between its nodes.
    fn arc_room(&self) -> f64 {
        let last = self.levels().last().copied().unwrap_or(0);
        let place = |id: &str| {
            let node = &self.nodes[self.index(id)?];
            (node.tier == last && last != 0).then_some(node.x)
        };
        let reach = |edge: &Edge| Some((place(&edge.a)? - place(&edge.b)?).abs() * WIDTH);
        let reaches = self.edges.iter().filter_map(reach);
        reaches.map(arc_depth).fold(0.0, f64::max)
    }

    fn plan(&self, room: Rect) -> Plan {
        let levels = self.levels();
        let top = room.y0 + NODE_HEIGHT / 2.0 + 12.0;
        let bottom = room.y1 - NODE_HEIGHT / 2.0 - 6.0 - self.arc_room();
        let step = (bottom - top) / levels.len().saturating_sub(1).max(1) as f64;
        let place = |tier: u8| levels.iter().position(|l| *l == tier).unwrap_or(0);
        let tiers: Vec<usize> = self.nodes.iter().map(|node| place(node.tier)).collect();
        let boxes = self.nodes.iter().zip(&tiers).map(|(node, tier)| {
            let crowd = tiers.iter().filter(|t| *t == tier).count();
            let width = (room.width() / crowd as f64 * 0.82).min(NODE_WIDTH);
            let x = room.x0 + node.x.clamp(0.0, 1.0) * room.width();
            let x = x.clamp(room.x0 + width / 2.0, room.x1 - width / 2.0);
            Rect::around((x, top + *tier as f64 * step), width, NODE_HEIGHT)
        });
        Plan {
            boxes: boxes.collect(),
            bottom_tier: levels.len().saturating_sub(1),
            tiers: tiers.clone(),
        }
    }

    fn wires(&self, plan: &Plan) -> Vec<Wire<'_>> {
        let capacities = self.edges.iter().map(|e| e.bytes_per_s.max(1.0).ln());
        let (low, high) = capacities.fold((f64::MAX, f64::MIN), |(l, h), c| (l.min(c), h.max(c)));
        let mut wires: Vec<Wire<'_>> = Vec::new();
        for edge in &self.edges {
            let (Some(a), Some(b)) = (self.index(&edge.a), self.index(&edge.b)) else {
                continue;
            };
            let crowd = self.edges.iter().filter(|e| e.class == edge.class).count();
            let most = if crowd > 24 { 3.0 } else { 7.0 };
            let part = if high > low {
                (edge.bytes_per_s.max(1.0).ln() - low) / (high - low)
            } else {
                0.5
            };
            wires.push(Wire {
                edge,
                path: self.path(plan, a, b),
                width: 1.5 + part * (most - 1.5),
            });
        }
        wires.sort_by(|v, w| v.edge.utilisation.total_cmp(&w.edge.utilisation));
        wires
    }

    /// The line from node `a` to node `b`: straight between tiers and between neighbours of the
    /// upper tiers, else an arc around the nodes between.
    fn path(&self, plan: &Plan, a: usize, b: usize) -> Vec<Point> {
        let (ra, rb) = (plan.boxes[a], plan.boxes[b]);
        if plan.tiers[a] != plan.tiers[b] {
            let (upper, lower) = if plan.tiers[a] < plan.tiers[b] {
                (ra, rb)
            } else {
                (rb, ra)
            };
            return vec![port(upper, lower, upper.y1), port(lower, upper, lower.y0)];
        }
        let (left, right) = if ra.x0 < rb.x0 { (ra, rb) } else { (rb, ra) };
        let between = plan
            .boxes
            .iter()
            .zip(&plan.tiers)
            .any(|(r, tier)| *tier == plan.tiers[a] && r.x0 >= left.x1 && r.x1 <= right.x0);
        let y = left.center().1;
        if !between && plan.tiers[a] < plan.bottom_tier.max(1) {
            return vec![(left.x1, y), (right.x0, y)];
        }
        let up = plan.tiers[a] == 0 && plan.bottom_tier > 0;
        let (edge, sign) = if up { (left.y0, -1.0) } else { (left.y1, 1.0) };
        let apart = right.center().0 - left.center().0;
        let shift = left.width() * (0.44 - 0.5 * apart / WIDTH).max(0.05);
        let (from, to) = (
            (left.center().0 + shift, edge),
            (right.center().0 - shift, edge),
        );
        let depth = if up { 20.0 } else { arc_depth(apart) };
        arc(from, to, sign * depth)
    }
}

/// How far below its ends an arc between centres `apart` hangs.
fn arc_depth(apart: f64) -> f64 {
    (14.0 + 0.15 * apart).min(150.0)
}

/// Where a line to `to` leaves the edge at height `y` of `from`: leaning towards its goal.
fn port(from: Rect, to: Rect, y: f64) -> Point {
    let lean = (to.center().0 - from.center().0) * 0.12;
    let most = from.width() * 0.36;
    (from.center().0 + lean.clamp(-most, most), y)
}

/// A smooth arc whose middle lies about `depth` beyond its ends.
fn arc(from: Point, to: Point, depth: f64) -> Vec<Point> {
    const PIECE: f64 = 10.0;
    let length = (to.0 - from.0).abs() + 2.0 * depth.abs();
    let pieces = (length / PIECE).ceil().max(4.0) as usize;
    (0..=pieces)
        .map(|i| {
            let t = i as f64 / pieces as f64;
            let (p, q) = (t * t * (3.0 - 2.0 * t), 4.0 * t * (1.0 - t));
            (
                from.0 + (to.0 - from.0) * (0.35 * p + 0.65 * t),
                from.1 + depth * q,
            )
        })
        .collect()
}

impl Chart for Topology {
    fn title(&self) -> &str {
        &self.title
    }

    fn size(&self) -> (u32, u32) {
        let head = head_height(&self.title, &self.subtitle, &[], WIDTH);
        let tiers = self.levels().len().saturating_sub(1) as f64 * TIER_STEP;
        let height = head + tiers + NODE_HEIGHT + 20.0 + self.arc_room() + FOOT + self.class_room();
        (WIDTH as u32, height.ceil() as u32)
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB> {
        let room = head(canvas, &self.title, &self.subtitle, &[])?;
        let foot = room.y1 - FOOT - self.class_room();
        let picture = Rect::new(room.x0, room.y0, room.x1, foot + 10.0);
        let plan = self.plan(picture);
        let wires = self.wires(&plan);
        for wire in &wires {
            canvas.line(&wire.path, utilisation(wire.edge.utilisation), wire.width)?;
        }
        let mut placer = Placer::new(picture);
        for (node, area) in self.nodes.iter().zip(&plan.boxes) {
            draw_node(canvas, node, *area)?;
            placer.take(*area);
        }
        for wire in wires.iter().rev() {
            self.draw_label(canvas, &mut placer, wire)?;
        }
        draw_ramp(canvas, (room.x0, foot + 36.0))?;
        let classes = self.classes(&wires);
        draw_legend(canvas, (room.x0, foot + 56.0), room.width(), &classes).map(|_| ())
    }
}

impl Topology {
    fn class_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for edge in &self.edges {
            if !names.contains(&edge.class.as_str()) {
                names.push(&edge.class);
            }
        }
        names
    }

    /// Height of the list of classes.
    fn class_room(&self) -> f64 {
        legend_height(&self.classes(&[]), WIDTH - 2.0 * MARGIN)
    }

    /// One legend entry per class of link: how many, how fast, how busy at most.
    fn classes(&self, wires: &[Wire<'_>]) -> Vec<Entry> {
        let entry = |name: &str| {
            let same = || self.edges.iter().filter(|edge| edge.class == name);
            let rates = || same().map(|edge| edge.bytes_per_s);
            let (low, high) = (
                rates().fold(f64::MAX, f64::min),
                rates().fold(0.0, f64::max),
            );
            let busiest = same().map(|edge| edge.utilisation).fold(0.0, f64::max);
            let rate = if units::rate(low) == units::rate(high) {
                units::rate(high)
            } else {
                format!("{} to {}", units::rate(low), units::rate(high))
            };
            let drawn = wires.iter().filter(|wire| wire.edge.class == name);
            let width = drawn.map(|wire| wire.width).fold(1.0, f64::max);
            Entry {
                sign: Sign::Line(utilisation(busiest), width),
                words: format!(
                    "{} × {name}: {rate}, at most {} busy",
                    same().count(),
                    units::percent(busiest)
                ),
            }
        };
        self.class_names().into_iter().map(entry).collect()
    }

    /// Writes an edge's label at the first free of some places along it.
    fn draw_label<DB: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, DB>,
        placer: &mut Placer,
        wire: &Wire<'_>,
    ) -> Drawn<DB> {
        const PLACES: [f64; 7] = [0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78];
        const MOST_LABELS: usize = 12;
        let class = &wire.edge.class;
        let crowd = self.edges.iter().filter(|e| e.class == *class).count();
        if wire.edge.label.is_empty() || crowd > MOST_LABELS {
            return Ok(());
        }
        let look = Type::new(12.0, Align::Center);
        for part in PLACES {
            let at = along(&wire.path, part);
            let area = look.bounds(at, &wire.edge.label);
            let padded = Rect::new(area.x0 - 3.0, area.y0, area.x1 + 3.0, area.y1);
            if placer.try_take(padded) {
                canvas.fill(padded, PAPER)?;
                return canvas.text(at, &wire.edge.label, &look);
            }
        }
        Ok(())
    }
}

/// The point after `part` of the pieces of a path.
fn along(path: &[Point], part: f64) -> Point {
    let pieces = path.len() - 1;
    let place = part * pieces as f64;
    let index = (place as usize).min(pieces - 1);
    let rest = place - index as f64;
    let (a, b) = (path[index], path[index + 1]);
    (a.0 + (b.0 - a.0) * rest, a.1 + (b.1 - a.1) * rest)
}

fn draw_node<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, node: &Node, area: Rect) -> Drawn<DB> {
    let ink = ink(&node.kind);
    let strong = ink.outline.unwrap_or(ink.fill);
    canvas.fill(area, tint(ink.fill, 0.16))?;
    canvas.outline(area, strong, 1.5)?;
    let lines = font::wrap(&node.label, NODE_EM, false, area.width() - 6.0);
    let shown = lines.len().min(2);
    let (x, y) = area.center();
    let look = Type::new(NODE_EM, Align::Center);
    for (index, line) in lines.iter().take(2).enumerate() {
        let line = font::fit(line, NODE_EM, false, area.width() - 4.0);
        let shift = (index as f64 - (shown as f64 - 1.0) / 2.0) * 14.5;
        canvas.text((x, y + shift), &line, &look)?;
    }
    Ok(())
}

/// Draws the colour bar of utilisation.
fn draw_ramp<DB: DrawingBackend>(canvas: &Canvas<'_, DB>, (x, y): Point) -> Drawn<DB> {
    const STEPS: usize = 60;
    const LENGTH: f64 = 240.0;
    let words = Type::new(12.5, Align::Left);
    canvas.text((x, y), "link utilisation", &words)?;
    let left = (x + words.width("link utilisation") + 26.0).round();
    let step = LENGTH / STEPS as f64;
    for i in 0..STEPS {
        let at = left + i as f64 * step;
        let color = utilisation((i as f64 + 0.5) / STEPS as f64);
        canvas.fill(Rect::new(at, y - 12.0, at + step, y - 1.0), color)?;
    }
    let look = Type::new(12.0, Align::Center).color(MUTED);
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = left + part * LENGTH;
        canvas.line(&[(at, y - 1.0), (at, y + 2.0)], palette::AXIS, 1.0)?;
        canvas.text((at, y + 9.0), &units::percent(part), &look)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::draw::samples;

    #[test]
    fn a_full_server_is_drawn_with_all_names() {
        let chart = samples::topology_switched();
        samples::check(
            &chart,
            &["GPU 7", "NVSwitch 5", "48 × NVLink", "link utilisation"],
        );
        samples::check(&samples::topology_mesh(), &["GPU 0", "CPU 1"]);
    }

    #[test]
    fn no_two_boxes_overlap() {
        let chart = samples::topology_switched();
        let plan = chart.plan(Rect::new(0.0, 0.0, 1068.0, 500.0));
        for (index, a) in plan.boxes.iter().enumerate() {
            assert!(plan.boxes[index + 1..].iter().all(|b| !a.overlaps(b)));
        }
    }
}
