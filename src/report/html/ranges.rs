//! Rows of three quantiles each on a common logarithmic scale: median, a high one, and the last.

use super::axes::{self, Plot};
use super::scale::Scale;
use super::svg::{Drawing, Point, through};
use super::words::tick;

/// More rows than this are not read one by one.
pub const MOST_ROWS: usize = 24;

const ROW: f64 = 26.0;
const TOP: f64 = 34.0;

/// One row.
#[derive(Clone, PartialEq, Debug)]
pub struct Range {
    /// What it is of.
    pub name: String,
    /// Its colour's class.
    pub class: String,
    /// Three quantiles in ns, ascending.
    pub quantiles: [f64; 3],
}

/// What the marks and the axis stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Legend {
    /// Names of the three quantiles.
    pub marks: [&'static str; 3],
    /// What is measured.
    pub axis: &'static str,
    /// Room for the names of rows.
    pub names_width: u32,
}

/// The rows with the largest last quantile, in their given order.
pub fn worst(mut rows: Vec<Range>) -> Vec<Range> {
    let mut sizes: Vec<f64> = rows.iter().map(|row| row.quantiles[2]).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    if let Some(least) = sizes.get(MOST_ROWS - 1) {
        rows.retain(|row| row.quantiles[2] >= *least);
        rows.truncate(MOST_ROWS);
    }
    rows
}

/// The rows below their legend.
pub fn draw(width: f64, rows: &[Range], legend: &Legend) -> Drawing {
    let bottom = TOP + ROW * rows.len() as f64;
    let mut drawing = Drawing::new(width, bottom + 44.0);
    let plot = Plot { left: f64::from(legend.names_width), right: width - 24.0, top: TOP, bottom };
    let values = || rows.iter().flat_map(|row| row.quantiles);
    let low = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    let high = values().fold(1.0, f64::max);
    let scale = Scale::log((low.min(high), high), (plot.left, plot.right));
    axes::below(&mut drawing, plot, &scale, legend.axis, tick);
    explain(&mut drawing, &legend.marks);
    for (index, row) in rows.iter().enumerate() {
        one(&mut drawing, plot, &scale, row, TOP + ROW * (index as f64 + 0.5));
    }
    drawing
}

fn one(drawing: &mut Drawing, plot: Plot, scale: &Scale, row: &Range, y: f64) {
    let [median, high, last] = row.quantiles.map(|value| scale.at(value));
    drawing.text("label end", (plot.left - 10.0, y + 4.0), &row.name);
    drawing.line(&format!("thin {}", row.class), (median, y), (last, y));
    drawing.line(&format!("thick {}", row.class), (median, y), (high, y));
    for (index, x) in [(2, last), (1, high), (0, median)] {
        mark(drawing, index, &row.class, (x, y));
    }
}

/// The three marks: a disc, a diamond, and a stroke.
fn mark(drawing: &mut Drawing, index: usize, class: &str, (x, y): Point) {
    match index {
        0 => drawing.disc(&format!("dot {class}"), (x, y), 4.5),
        1 => {
            let corners = [(x - 5.0, y), (x, y - 5.0), (x + 5.0, y), (x, y + 5.0)];
            drawing.path(&format!("hollow {class}"), &(through(corners) + "Z"));
        }
        _ => drawing.line(&format!("stroke {class}"), (x, y - 6.0), (x, y + 6.0)),
    }
}

fn explain(drawing: &mut Drawing, names: &[&str; 3]) {
    let mut x = 8.0;
    for (index, name) in names.iter().enumerate() {
        mark(drawing, index, "c-ink", (x, 12.0));
        drawing.text("label", (x + 11.0, 16.0), name);
        x += 36.0 + 6.6 * name.chars().count() as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_rows_the_worst_are_kept_in_order() {
        let range = |index: u32| Range {
            name: index.to_string(),
            class: String::new(),
            quantiles: [1.0, 2.0, f64::from(index % 50)],
        };
        let kept = worst((0..100).map(range).collect());
        assert_eq!(kept.len(), MOST_ROWS);
        assert!(kept.iter().all(|row| row.quantiles[2] >= 38.0) && kept[0].name == "38");
        assert_eq!(worst((0..3).map(range).collect()).len(), 3);
    }
}
