//! Chunks moving between ranks, as an SVG that animates itself.

use std::f64::consts::TAU;
use std::fmt::Write;

use super::draw::escaped;
use crate::collective::Move;

/// Size of the picture \[px\].
const SIZE: f64 = 640.0;
/// Seconds of film for a step.
const STEP_S: f64 = 0.8;

/// A film of the moves over `ranks` ranks; `title` says what is shown.
pub fn animation(title: &str, ranks: usize, moves: &[Move]) -> String {
    let at = |rank: usize| {
        let angle = TAU * rank as f64 / ranks.max(1) as f64 - TAU / 4.0;
        let radius = SIZE * 0.36;
        (
            SIZE / 2.0 + radius * angle.cos(),
            SIZE / 2.0 + 14.0 + radius * angle.sin(),
        )
    };
    let steps = moves.iter().map(|m| m.step + 1).max().unwrap_or(1);
    let film = steps as f64 * STEP_S;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {SIZE} {SIZE}\" \
         font-family=\"sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{}\" y=\"28\" text-anchor=\"middle\" font-size=\"17\" \
         fill=\"#222222\">{}</text>\n",
        SIZE / 2.0,
        escaped(title)
    );
    for rank in 0..ranks {
        let (x, y) = at(rank);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"22\" fill=\"{}\" fill-opacity=\"0.25\" \
             stroke=\"{0}\"/>\n<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
             font-size=\"14\" fill=\"#222222\">{rank}</text>",
            colour(rank, ranks),
            y + 5.0
        );
    }
    for m in moves {
        let (x0, y0) = at(m.from);
        let (x1, y1) = match m.to == m.from {
            true => (SIZE / 2.0, SIZE / 2.0 + 14.0),
            false => at(m.to),
        };
        let begin = m.step as f64 / steps as f64;
        let end = (m.step as f64 + 0.9) / steps as f64;
        let times = format!("0;{begin:.4};{end:.4};1");
        let _ = writeln!(
            svg,
            "<circle r=\"7\" fill=\"{}\" opacity=\"0\">\
             <animate attributeName=\"cx\" values=\"{x0:.1};{x0:.1};{x1:.1};{x1:.1}\" \
             keyTimes=\"{times}\" dur=\"{film:.1}s\" repeatCount=\"indefinite\"/>\
             <animate attributeName=\"cy\" values=\"{y0:.1};{y0:.1};{y1:.1};{y1:.1}\" \
             keyTimes=\"{times}\" dur=\"{film:.1}s\" repeatCount=\"indefinite\"/>\
             <animate attributeName=\"opacity\" values=\"0;1;0;0\" calcMode=\"discrete\" \
             keyTimes=\"{times}\" dur=\"{film:.1}s\" repeatCount=\"indefinite\"/></circle>",
            colour(m.chunk, ranks)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A hue of its own for every rank.
fn colour(rank: usize, ranks: usize) -> String {
    let hue = 360.0 * rank as f64 / ranks.max(1) as f64;
    format!("hsl({hue:.0},65%,42%)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_move_is_a_dot_and_the_title_cannot_break_the_picture() {
        let step = |step| Move {
            step,
            from: 0,
            to: 1,
            chunk: 0,
        };
        let svg = animation("a < b", 2, &[step(0), step(1)]);
        assert_eq!(svg.matches("repeatCount").count(), 6);
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }
}
