//! Names beside the ends of curves, moved apart where they would touch.

use super::axes::Plot;
use super::svg::Drawing;

/// Height of a line of labels.
const LINE: f64 = 17.0;

/// The name of a curve.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    /// Where the curve ends, from the top.
    pub y: f64,
    /// The class of its key.
    pub class: String,
    /// Its name.
    pub text: String,
}

/// Names on the right of the plot, each led to its curve.
pub fn beside(drawing: &mut Drawing, plot: Plot, mut labels: Vec<Label>) {
    labels.sort_by(|a, b| a.y.total_cmp(&b.y));
    let (mut free, mut places) = (plot.top + 4.0, Vec::new());
    for label in &labels {
        places.push(label.y.max(free));
        free = places.last().map_or(free, |place| place + LINE);
    }
    let mut limit = plot.bottom;
    for place in places.iter_mut().rev() {
        *place = place.min(limit);
        limit = *place - LINE;
    }
    for (Label { y, class, text }, place) in labels.iter().zip(places) {
        drawing.line("lead", (plot.right + 2.0, *y), (plot.right + 8.0, place));
        drawing.line(&format!("key {class}"), (plot.right + 9.0, place), (plot.right + 23.0, place));
        drawing.text("name", (plot.right + 28.0, place + 4.0), text);
    }
}
