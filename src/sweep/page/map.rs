//! A map of two keys: in each cell the measured eps, and in its colour which part of the bound is the largest.

use crate::ids::Algorithm;
use crate::report::html::figure::Named;
use crate::report::html::svg::Drawing;
use crate::report::html::words::span;
use crate::sweep::Sweep;
use crate::sweep::point::{Part, Point};

const LEFT: f64 = 96.0;
const TOP: f64 = 60.0;
const ROW: f64 = 34.0;
/// A cell narrower than this has no room for a number.
const NUMBERED: f64 = 58.0;
/// Heads of columns keep this distance.
const HEADS: f64 = 58.0;

/// The figure.
pub fn figure(sweep: &Sweep) -> String {
    let [across, down] = &sweep.grid.axes[..] else { return String::new() };
    let caption = format!(
        "Each cell is a point: {} to the right, {} downwards. The number is the median of the largest ε of lamport. The colour is \
         the largest part of its bound, stronger where that part is more of it: in a pale cell no part rules.",
        across.key, down.key
    );
    Named { id: "map", title: "Map of both keys", caption: &caption }.responsive(|width| draw(sweep, width))
}

fn draw(sweep: &Sweep, width: f64) -> Drawing {
    let [across, down] = &sweep.grid.axes[..] else { return Drawing::new(width, 0.0) };
    let side = (width - LEFT - 8.0) / across.values.len() as f64;
    let mut drawing = Drawing::new(width, TOP + ROW * down.values.len() as f64 + 12.0);
    drawing.text("title", (0.0, TOP - 10.0), &down.key.to_string());
    drawing.text("title end", (width - 8.0, 14.0), &format!("{} →", across.key));
    super::figure::legend(&mut drawing, (0.0, 14.0));
    let step = (HEADS / side).ceil().max(1.0) as usize;
    for (column, value) in across.values.iter().enumerate().step_by(step) {
        drawing.text("tick mid", (LEFT + (column as f64 + 0.5) * side, TOP - 10.0), &across.key.label(*value));
    }
    for (row, value) in down.values.iter().enumerate() {
        drawing.text("tick end", (LEFT - 10.0, TOP + (row as f64 + 0.5) * ROW + 4.0), &down.key.label(*value));
    }
    for point in &sweep.points {
        let places = sweep.grid.places(point.number);
        cell(&mut drawing, point, (LEFT + places[0] as f64 * side, TOP + places[1] as f64 * ROW), side);
    }
    drawing
}

fn cell(drawing: &mut Drawing, point: &Point, (x, y): (f64, f64), side: f64) {
    let class = point.dominant().map_or_else(
        || "cell q0".to_owned(),
        |part| format!("cell solid {} q{}", super::figure::class(part), shade(point, part)),
    );
    drawing.rect(&class, (x, y), (side, ROW));
    let eps = point.eps(Algorithm::Lamport).median;
    if let Some(eps) = eps.filter(|_| side >= NUMBERED) {
        drawing.text("number mid", (x + side / 2.0, y + ROW / 2.0 + 4.0), &span(eps));
    }
}

/// From one to eight: from a third of the bound to all of it.
fn shade(point: &Point, part: Part) -> usize {
    let size = |part: Part| point.part(part).map_or(0.0, |size| size.0 as f64);
    let share = size(part) / Part::ALL.map(size).iter().sum::<f64>().max(1.0);
    (((share - 1.0 / 3.0) * 12.0).round() as usize).clamp(1, 8)
}
