//! Charts: plain strings and numbers in, SVG and PNG out.
//!
//! Each chart is a struct of data with a natural size; [`render`] draws it twice, as SVG text
//! and as PNG bytes. Nothing here knows what is simulated; a resource is a *kind*, a string that
//! [`palette`] turns into a colour. The same data give the same bytes on every run.

mod axis;
mod bars;
mod canvas;
mod font;
mod frame;
mod label;
mod marker;
pub mod palette;
mod raster;
mod render;
mod roofline;
#[cfg(test)]
mod samples;
mod scatter;
mod stacked_bars;
mod sweep;
mod timeline;
mod topology;
mod topology_layout;
mod waterfall;

pub use axis::Measure;
pub use bars::{Bar, Bars};
pub use canvas::{Canvas, Drawn};
pub use render::{Chart, RenderError, Rendered, escaped, render};
pub use roofline::{Roof, Roofline, RooflineDevice, RooflinePoint};
pub use scatter::{Scatter, ScatterPoint, ScatterSeries};
pub use stacked_bars::{BarGroup, BarRow, Segment, StackedBars};
pub use sweep::{Limit, Sweep, SweepPoint, SweepSeries};
pub use timeline::{Lane, Mark, Span, Timeline};
pub use topology::{Edge, Node, Topology};
pub use topology_layout::layout;
pub use waterfall::{Step, Waterfall};
