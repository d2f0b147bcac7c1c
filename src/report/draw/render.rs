//! One chart to SVG text and PNG bytes.

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::{DrawingBackend, SVGBackend};

use super::canvas::{Canvas, DENSITY, Drawn, TextFit};
use super::font;
use super::raster::Raster;

/// A picture of data.
pub trait Chart {
    /// The sentence above the picture; also the text for readers who cannot see it.
    fn title(&self) -> &str;

    /// The size at which the chart looks best \[px\].
    fn size(&self) -> (u32, u32);

    /// Draws the chart to fill `canvas`.
    ///
    /// # Errors
    /// Whatever the backend reports.
    fn draw<DB: DrawingBackend>(&self, canvas: &Canvas<'_, DB>) -> Drawn<DB>;
}

/// A chart as files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The text of an SVG file.
    pub svg: String,
    /// The bytes of a PNG file, with twice the pixels in each direction.
    pub png: Vec<u8>,
}

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The bundled font does not load.
    #[error("the bundled font does not load")]
    Font,
    /// The drawing backend gave up.
    #[error("cannot draw the chart: {0}")]
    Draw(String),
    /// The PNG encoder gave up.
    #[error("cannot encode the chart as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Draws `chart` at `size` \[px\], as SVG and as PNG of twice that many pixels.
///
/// # Errors
/// If the font, the backend or the PNG encoder fails; no data of a chart makes them fail.
pub fn render<C: Chart>(chart: &C, size: (u32, u32)) -> Result<Rendered, RenderError> {
    if !font::register() {
        return Err(RenderError::Font);
    }
    Ok(Rendered {
        svg: svg(chart, size)?,
        png: png(chart, size)?,
    })
}

fn svg<C: Chart>(chart: &C, (width, height): (u32, u32)) -> Result<String, RenderError> {
    let dense = (width * DENSITY, height * DENSITY);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, dense).into_drawing_area();
    chart
        .draw(&Canvas::new(&area, TextFit::SVG))
        .and_then(|()| area.present())
        .map_err(|e| RenderError::Draw(e.to_string()))?;
    drop(area);
    let body = text.split_once(">\n").map_or("", |(_, body)| body);
    Ok(format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title>\n{body}",
        dense.0,
        dense.1,
        escaped(chart.title()),
    ))
}

/// A text as it stands in SVG, which has no control characters.
pub fn escaped(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn png<C: Chart>(chart: &C, (width, height): (u32, u32)) -> Result<Vec<u8>, RenderError> {
    let (width, height) = (width * DENSITY, height * DENSITY);
    let mut pixels = vec![0xFF; width as usize * height as usize * 3];
    let area = Raster::new(&mut pixels, width, height).into_drawing_area();
    chart
        .draw(&Canvas::new(&area, TextFit::RASTER))
        .and_then(|()| area.present())
        .map_err(|e| RenderError::Draw(e.to_string()))?;
    drop(area);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(file)
}
