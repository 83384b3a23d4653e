//! Axes: lines of the grid, their labels, and what is measured in which unit.

use super::scale::Scale;
use super::svg::Drawing;

/// The part of a drawing inside its axes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Plot {
    /// Left edge.
    pub left: f64,
    /// Right edge.
    pub right: f64,
    /// Upper edge.
    pub top: f64,
    /// Lower edge.
    pub bottom: f64,
}

impl Plot {
    /// How wide it is.
    pub fn width(&self) -> f64 {
        self.right - self.left
    }
}

/// A horizontal axis below the plot, with `title` in its middle.
pub fn below(drawing: &mut Drawing, plot: Plot, scale: &Scale, title: &str, label: impl Fn(f64) -> String) {
    below_at(drawing, plot, scale, title, (&scale.ticks((plot.width() / 60.0) as usize), label));
}

/// The same with ticks at given values.
pub fn below_at(
    drawing: &mut Drawing,
    plot: Plot,
    scale: &Scale,
    title: &str,
    (ticks, label): (&[f64], impl Fn(f64) -> String),
) {
    for &value in ticks {
        let x = scale.at(value);
        drawing.line("grid", (x, plot.top), (x, plot.bottom));
        drawing.text("tick mid", (x, plot.bottom + 16.0), &label(value));
    }
    drawing.line("axis", (plot.left, plot.bottom), (plot.right, plot.bottom));
    drawing.text("title mid", ((plot.left + plot.right) / 2.0, plot.bottom + 35.0), title);
}

/// A vertical axis on the left of the plot, with `title` above it.
pub fn beside(drawing: &mut Drawing, plot: Plot, scale: &Scale, title: &str, label: impl Fn(f64) -> String) {
    for value in scale.ticks(((plot.bottom - plot.top) / 28.0) as usize) {
        let y = scale.at(value);
        drawing.line("grid", (plot.left, y), (plot.right, y));
        drawing.text("tick end", (plot.left - 8.0, y + 4.0), &label(value));
    }
    drawing.text("title", (0.0, plot.top - 12.0), title);
}
