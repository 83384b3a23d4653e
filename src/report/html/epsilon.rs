//! Eps over time, every algorithm against the bound, on a logarithmic scale: a free clock is ms apart, a good one ns.

use super::axes::{self, Plot};
use super::figure::Named;
use super::labels::{self, Label};
use super::scale::Scale;
use super::svg::{Drawing, through};
use super::words::{listed, plain, seconds, span, tick};
use crate::analysis::Summary;
use crate::ids::Algorithm;
use crate::time::{NANOS_PER_SECOND, Nanos};

/// Points of a curve for each unit of width.
const DENSITY: f64 = 0.6;
const HEIGHT: f64 = 400.0;

/// One algorithm's eps: time in s, and the smallest and the largest eps of the cells around it, in ns.
struct Curve {
    algorithm: Algorithm,
    points: Vec<(f64, f64, f64)>,
}

/// What the pale bands are.
const BAND: &str = " The pale band of each colour is what epsilon was proved to be within from stamps alone, without a common \
                    clock.";

/// The figure.
pub fn figure(summary: &Summary) -> String {
    let caption = caption(summary);
    let named = Named { id: "epsilon", title: "Epsilon over time", caption: &caption };
    if summary.series.cells.is_empty() && most_proved(summary).next().is_none() {
        return named.absent();
    }
    named.responsive(|width| draw(summary, width))
}

fn caption(summary: &Summary) -> String {
    let band = if most_proved(summary).next().is_some() { BAND } else { "" };
    if summary.series.cells.is_empty() && !band.is_empty() {
        return format!("True time is unknown, and with it epsilon itself.{band}");
    }
    if summary.series.cells.is_empty() {
        return "Epsilon over time is not drawn: without true time nobody knows how far apart the clocks were."
            .to_owned();
    }
    let apart = |algorithm: &Algorithm| {
        let skew = summary.row(*algorithm)?.skew?;
        Some(format!("{algorithm} within {}", span(skew.max)))
    };
    let apart: Vec<String> = Algorithm::ALL.iter().filter_map(apart).collect();
    let warm_up = summary.warm_up.map_or_else(String::new, |warm| seconds(warm.as_seconds()));
    let stayed = if apart.is_empty() {
        "The run ended before the warm-up was over.".to_owned()
    } else {
        format!("After the warm-up of {warm_up} (shaded), clocks stayed together as follows: {}.", listed(&apart))
    };
    let promise = summary.promise.map_or_else(
        || "No bound can be promised.".to_owned(),
        |promise| {
            let bound = span(promise.bounds.safe);
            format!("The dashed line is the safe bound, {bound}, which theory promises of lamport alone.")
        },
    );
    let events = if summary.events.is_empty() { "" } else { " Dotted lines are events, told below." };
    format!(
        "The largest distance between any two clocks at each instant; each step of the scale is a factor of ten. {stayed} \
         {promise} No spike is lost: each point shows the largest value around it.{events}{band}"
    )
}

fn draw(summary: &Summary, width: f64) -> Drawing {
    let mut drawing = Drawing::new(width, HEIGHT);
    let plot = Plot { left: 62.0, right: width - margin(summary), top: 34.0, bottom: HEIGHT - 46.0 };
    let most = (plot.width() * DENSITY) as usize;
    let curves = curves(summary, most);
    let end = summary.duration.map_or(1.0, Nanos::as_seconds);
    let time = Scale::linear((0.0, end), (plot.left, plot.right));
    let size = Scale::log(range(summary, &curves), (plot.bottom, plot.top));
    warm_up(summary, &mut drawing, plot, &time);
    axes::beside(&mut drawing, plot, &size, "ε, logarithmic", tick);
    axes::below(&mut drawing, plot, &time, "seconds since the run began", plain);
    bands(summary, &mut drawing, (&time, &size), most);
    for event in &summary.events {
        let x = time.at(event.at_s.clamp(0.0, end));
        drawing.line("event", (x, plot.top), (x, plot.bottom));
    }
    let mut names: Vec<Label> = Vec::new();
    for curve in &curves {
        let class = format!("c-{}", curve.algorithm);
        trace(&mut drawing, &time, &size, curve, &class);
        let last = curve.points.last().map_or(plot.bottom, |point| size.at(point.2));
        names.push(Label { y: last, class, text: curve.algorithm.to_string() });
    }
    if let Some(bounds) = summary.bounds() {
        let y = size.at(bounds.safe.0 as f64);
        drawing.line("bound", (plot.left, y), (plot.right, y));
        names.push(Label { y, class: "bound".to_owned(), text: "bound".to_owned() });
    }
    labels::beside(&mut drawing, plot, names);
    drawing
}

/// Room for the keys and the longest name.
fn margin(summary: &Summary) -> f64 {
    let longest = summary.rows.iter().map(|row| row.algorithm.name().len()).max().unwrap_or(0);
    (30.0 + 8.5 * longest as f64).max(98.0)
}

fn curves(summary: &Summary, most: usize) -> Vec<Curve> {
    let curve = |algorithm| Curve { algorithm, points: points(summary, algorithm, most.max(1)) };
    Algorithm::ALL.map(curve).into_iter().filter(|curve| !curve.points.is_empty()).collect()
}

/// The cells of an algorithm in at most `most` groups.
fn points(summary: &Summary, algorithm: Algorithm, most: usize) -> Vec<(f64, f64, f64)> {
    let cells: Vec<(f64, f64)> = summary.series.of(algorithm).map(|cell| (cell.t_s, cell.eps_ns)).collect();
    let group = |cells: &[(f64, f64)]| {
        let low = cells.iter().map(|cell| cell.1).fold(f64::INFINITY, f64::min);
        let high = cells.iter().map(|cell| cell.1).fold(0.0, f64::max);
        (cells[0].0, low, high)
    };
    cells.chunks(cells.len().div_ceil(most).max(1)).map(group).collect()
}

/// From the smallest peak after the warm-up to the largest value at all.
fn range(summary: &Summary, curves: &[Curve]) -> (f64, f64) {
    let warm = summary.warm_up.map_or(0.0, Nanos::as_seconds);
    let bound = summary.bounds().map(|bounds| bounds.safe.0 as f64);
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let settled = all().filter(|point| point.0 >= warm && point.2 > 0.0).map(|point| point.2).chain(bound);
    let low = settled.fold(f64::INFINITY, f64::min);
    let high = all().map(|point| point.2).chain(bound).chain(most_proved(summary)).fold(1.0, f64::max);
    (low.min(high), high)
}

fn warm_up(summary: &Summary, drawing: &mut Drawing, plot: Plot, time: &Scale) {
    let Some(warm) = summary.warm_up else { return };
    let right = time.at(warm.0 as f64 / NANOS_PER_SECOND as f64);
    drawing.rect("shade", (plot.left, plot.top), (right - plot.left, plot.bottom - plot.top));
    if right - plot.left > 64.0 {
        drawing.text("tick", (plot.left + 8.0, plot.bottom - 9.0), "warm-up");
    }
}

/// What eps was proved to be between, from one instant of the grid to the next, or over groups of them: at most `most`.
fn bands(summary: &Summary, drawing: &mut Drawing, (time, size): (&Scale, &Scale), most: usize) {
    let Some(proved) = &summary.proved else { return };
    for certified in &proved.certificate.algorithms {
        let known = certified.over_time.iter().filter_map(|cell| {
            let ends = proved.at_s.get(cell.instant).zip(proved.at_s.get(cell.instant + 1))?;
            Some((*ends.0, *ends.1, cell.low.0 as f64, cell.high?.0 as f64))
        });
        let known: Vec<(f64, f64, f64, f64)> = known.collect();
        let cells = || known.chunks(known.len().div_ceil(most.max(1)).max(1)).map(widest);
        let high = cells().flat_map(|(start, end, _, high)| [(start, high), (end, high)]);
        let low = cells().flat_map(|(start, end, low, _)| [(start, low), (end, low)]).collect::<Vec<_>>();
        let around = high.chain(low.into_iter().rev()).map(|(at, value)| (time.at(at), size.at(value)));
        let path = through(around);
        if !path.is_empty() {
            drawing.path(&format!("band c-{}", certified.algorithm), &(path + "Z"));
        }
    }
}

/// Start and end of some cells, and all that eps was proved to be between in them: the lowest low, so that no group promises
/// more than a cell of it.
fn widest(cells: &[(f64, f64, f64, f64)]) -> (f64, f64, f64, f64) {
    let low = cells.iter().map(|cell| cell.2).fold(f64::INFINITY, f64::min);
    let high = cells.iter().map(|cell| cell.3).fold(0.0, f64::max);
    (cells[0].0, cells[cells.len() - 1].1, low, high)
}

/// The largest eps that is proved possible, cell by cell.
fn most_proved(summary: &Summary) -> impl Iterator<Item = f64> {
    let all = summary.proved.iter().flat_map(|proved| &proved.certificate.algorithms);
    all.flat_map(|certified| &certified.over_time).filter_map(|cell| cell.high).map(|high| high.0 as f64)
}

fn trace(drawing: &mut Drawing, time: &Scale, size: &Scale, curve: &Curve, class: &str) {
    let high = || curve.points.iter().map(|(at, _, high)| (time.at(*at), size.at(*high)));
    let low = curve.points.iter().rev().map(|(at, low, _)| (time.at(*at), size.at(*low)));
    if curve.points.iter().any(|(_, low, high)| low < high) {
        drawing.path(&format!("area {class}"), &(through(high().chain(low)) + "Z"));
    }
    drawing.path(&format!("curve {class}"), &through(high()));
}
