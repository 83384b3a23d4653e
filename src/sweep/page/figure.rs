//! The figure of one key: eps against the bounds, and which part of the bound is the largest; a panel for each line.

use crate::ids::Algorithm;
use crate::report::html::axes::{self, Plot};
use crate::report::html::figure::{Named, PANEL};
use crate::report::html::labels::{self, Label};
use crate::report::html::scale::Scale;
use crate::report::html::svg::{Drawing, Point as Place, through};
use crate::report::html::words::tick;
use crate::sweep::Sweep;
use crate::sweep::key::{Key, Unit};
use crate::sweep::knee::{self, Knee};
use crate::sweep::line::Line;
use crate::sweep::point::{Part, Point};
use crate::time::Nanos;

/// Of more lines, this many are drawn.
const MOST_PANELS: usize = 8;
const HEIGHT: f64 = 420.0;
/// Height of a panel among others.
const LOW: f64 = 320.0;
/// Values that are this much apart, at least, are spaced by their ratios.
const DECADE: f64 = 9.99;
/// Names of curves that end closer than this, in units of the drawing, share one label.
const SAME: f64 = 4.0;
/// Room that the name of a knee takes.
const KNEE_NAME: f64 = 110.0;
/// The clocks that are drawn: those that synchronise.
const CLOCKS: [Algorithm; 3] = [Algorithm::Lamport, Algorithm::Ntp, Algorithm::Hlc];

/// The figure.
pub fn figure(sweep: &Sweep, axis: usize, lines: &[&Line<'_>]) -> String {
    let key = sweep.grid.axes[axis].key;
    let (id, title) = (format!("along-{key}"), format!("Epsilon and bounds along {key}"));
    let caption = caption(sweep, axis, lines);
    let named = Named { id: &id, title: &title, caption: &caption };
    let range = range(lines);
    match lines {
        [] => named.absent(),
        [line] => named.responsive(|width| draw(line, width, "", range)),
        many => named.panels(
            shown(many).map(|line| (line.name(Key::label), draw(line, PANEL, &line.name(Key::label), range))).collect(),
        ),
    }
}

/// All lines, or some at equal steps with the first and the last.
fn shown<'a, 'b>(lines: &'a [&'b Line<'b>]) -> impl Iterator<Item = &'b Line<'b>> + use<'a, 'b> {
    let count = lines.len().min(MOST_PANELS);
    (0..count).map(move |index| lines[index * (lines.len() - 1) / (count - 1).max(1)])
}

fn caption(sweep: &Sweep, axis: usize, lines: &[&Line<'_>]) -> String {
    let key = sweep.grid.axes[axis].key;
    if lines.is_empty() {
        return format!("Nothing is drawn along {key}: no line has two finished points.");
    }
    let some = if lines.len() > MOST_PANELS {
        format!(" Of {} lines {MOST_PANELS} are drawn.", lines.len())
    } else {
        String::new()
    };
    let knees = if key == Key::Tau {
        " The upright line is the knee of the bound, from which on it follows τ; the dotted one is where measured ε of lamport \
         begins to. To the left of them probing more often buys little. ntp and hlc are \
         shown with their settling: at a long τ that is a cold start."
    } else {
        " Where the colour changes, another value must be mended first."
    };
    format!(
        "Each curve is the median over {} seeds of the largest ε in a run’s window; the shade above it reaches to the worst \
         seed. Dark lines are the bounds, one label where they lie on each other; theory promises the safe one, of lamport alone. The colour behind says which part \
         of the bound is the largest.{knees}{some}",
        sweep.seeds
    )
}

/// From the smallest to the largest number of all lines.
fn range(lines: &[&Line<'_>]) -> (f64, f64) {
    let numbers = |point: &Point| {
        let eps = CLOCKS.map(|algorithm| point.eps(algorithm)).into_iter();
        let spreads: Vec<_> = eps.chain(bounds(point).map(|(_, _, bound)| bound)).collect();
        spreads.into_iter().flat_map(|spread| [spread.median, spread.worst]).flatten().map(|span| span.0.max(1) as f64)
    };
    let all = || lines.iter().flat_map(|line| &line.points).flat_map(|(_, point)| numbers(point));
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(1.0, f64::max));
    (low.min(high), high)
}

fn bounds(point: &Point) -> [(&'static str, &'static str, crate::sweep::point::Spread<Nanos>); 4] {
    [
        ("safe", "bound", point.safe),
        ("tight", "other b-tight", point.tight),
        ("seed", "other b-seed", point.seed_bound),
        ("paper", "other b-paper", point.paper),
    ]
}

/// One line in a drawing of its own.
struct Chart<'a> {
    line: &'a Line<'a>,
    plot: Plot,
    across: Scale,
    up: Scale,
}

fn draw(line: &Line<'_>, width: f64, name: &str, range: (f64, f64)) -> Drawing {
    let (height, head) = if name.is_empty() { (HEIGHT, 0.0) } else { (LOW, 22.0) };
    let mut drawing = Drawing::new(width, height);
    let plot = Plot { left: 62.0, right: width - 98.0, top: head + 76.0, bottom: height - 46.0 };
    let up = Scale::log(range, (plot.bottom, plot.top));
    let chart = Chart { line, plot, across: across(line, plot), up };
    drawing.text("panel-name", (0.0, 15.0), name);
    legend(&mut drawing, (0.0, head + 12.0));
    chart.parts(&mut drawing);
    axes::beside(&mut drawing, plot, &up, "ε, logarithmic", tick);
    let values: Vec<f64> = ticks(line, plot);
    let title =
        if line.key.unit() == Unit::Count { line.key.to_string() } else { format!("{}{}", line.key, chart.spacing()) };
    axes::below_at(&mut drawing, plot, &chart.across, &title, (&values, |value| line.key.label(value)));
    chart.knees(&mut drawing);
    let mut names = chart.bounds(&mut drawing);
    for algorithm in CLOCKS {
        names.extend(chart.eps(&mut drawing, algorithm));
    }
    labels::beside(&mut drawing, plot, merged(names));
    drawing
}

fn across(line: &Line<'_>, plot: Plot) -> Scale {
    let (first, last) = (line.points[0].0, line.points[line.points.len() - 1].0);
    let places = (plot.left, plot.right);
    if is_wide(first, last) { Scale::ratio((first, last), places) } else { Scale::linear((first, last), places) }
}

fn is_wide(first: f64, last: f64) -> bool {
    first > 0.0 && last / first > DECADE
}

/// The values of the points, as many as have room.
fn ticks(line: &Line<'_>, plot: Plot) -> Vec<f64> {
    let most = (plot.width() / 58.0).max(2.0) as usize;
    let values: Vec<f64> = line.points.iter().map(|(value, _)| *value).collect();
    if is_wide(values[0], values[values.len() - 1]) || values.len() <= 2 {
        return values.iter().copied().step_by(values.len().div_ceil(most)).collect();
    }
    // On a linear scale neighbours may be close: each tick keeps its distance from the one before.
    let least = (values[values.len() - 1] - values[0]) / most as f64;
    let mut kept: Vec<f64> = Vec::new();
    for value in values {
        if kept.last().is_none_or(|last| value - last >= least) {
            kept.push(value);
        }
    }
    kept
}

/// What the colours mean.
pub fn legend(drawing: &mut Drawing, (left, base): Place) {
    let mut x = left;
    for (part, name) in [(Part::Drift, "drift 2dκ(τ+ν)"), (Part::Delay, "delay dξ"), (Part::Credit, "credit κμ")]
    {
        drawing.rect(&format!("strip {}", class(part)), (x, base - 9.0), (10.0, 10.0));
        drawing.text("tick", (x + 14.0, base), name);
        x += 32.0 + 6.4 * name.chars().count() as f64;
    }
}

/// The class of a part's colour.
pub const fn class(part: Part) -> &'static str {
    match part {
        Part::Drift => "p-drift",
        Part::Delay => "p-delay",
        Part::Credit => "p-credit",
    }
}

/// Bounds that end at one place share a label, and so do ntp and the hlc on top of it.
fn merged(mut labels: Vec<Label>) -> Vec<Label> {
    labels.sort_by(|a, b| a.y.total_cmp(&b.y));
    let mut merged: Vec<Label> = Vec::new();
    for label in labels {
        let twin = merged.iter_mut().rfind(|last| label.y - last.y < SAME && kind(&last.class) == kind(&label.class));
        let Some(twin) = twin else {
            merged.push(label);
            continue;
        };
        if is_bound(&label.class) {
            twin.text = "bounds".to_owned();
            twin.class = if label.class == "bound" { label.class } else { twin.class.clone() };
        } else {
            twin.text = "ntp, hlc".to_owned();
        }
    }
    merged
}

/// What may share a label with what.
fn kind(class: &str) -> &str {
    match class {
        "c-ntp" | "c-hlc" => "ntp",
        _ if is_bound(class) => "bound",
        other => other,
    }
}

fn is_bound(class: &str) -> bool {
    class == "bound" || class.starts_with("other")
}

impl Chart<'_> {
    fn spacing(&self) -> &'static str {
        let (first, last) = (self.line.points[0].0, self.line.points[self.line.points.len() - 1].0);
        if is_wide(first, last) { ", logarithmic" } else { "" }
    }

    /// Colours behind the curves: each point's largest part, half-way to its neighbours.
    fn parts(&self, drawing: &mut Drawing) {
        let places: Vec<(usize, Option<Part>)> =
            self.line.points.iter().map(|(_, point)| point.dominant()).enumerate().collect();
        for same in places.chunk_by(|a, b| a.1 == b.1) {
            let (Some(part), first) = (same[0].1, same[0].0) else { continue };
            let (left, right) = (self.edge(first), self.edge(first + same.len()));
            let height = self.plot.bottom - self.plot.top;
            drawing.rect(&format!("wash {}", class(part)), (left, self.plot.top), (right - left, height));
            drawing.rect(&format!("strip {}", class(part)), (left, self.plot.top), (right - left, 5.0));
        }
    }

    /// Where the colour of the point before this one ends.
    fn edge(&self, index: usize) -> f64 {
        let points = &self.line.points;
        if index == 0 {
            return self.plot.left;
        }
        let Some((next, _)) = points.get(index) else { return self.plot.right };
        (self.across.at(points[index - 1].0) + self.across.at(*next)) / 2.0
    }

    fn knees(&self, drawing: &mut Drawing) {
        if self.line.key != Key::Tau {
            return;
        }
        let found = [
            (knee::promised(self.line), "bound", ""),
            (knee::measured(self.line, Algorithm::Lamport), "measured", " seen"),
        ];
        let at = |(knee, name, seen)| if let Knee::At(knee) = knee { Some((knee, name, seen)) } else { None };
        let mut found: Vec<(f64, &str, &str)> = found.into_iter().filter_map(at).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (row, (knee, name, seen)) in found.iter().enumerate() {
            let (x, y) = (self.across.at(*knee), self.plot.top - 26.0 - 15.0 * row as f64);
            drawing.line(&format!("knee{seen}"), (x, y - 9.0), (x, self.plot.bottom));
            // The lower one is named on its left, the upper one on its right, so that no line runs through a name.
            let left = if row == 0 { x - self.plot.left > KNEE_NAME } else { self.plot.right - x < KNEE_NAME };
            let (anchor, side) = if left { ("end", -5.0) } else { ("", 5.0) };
            let value = self.line.key.label(knee::rough(*knee).round());
            drawing.text(&format!("knee-name{seen} {anchor}"), (x + side, y), &format!("{name} {value}"));
        }
    }

    fn bounds(&self, drawing: &mut Drawing) -> Vec<Label> {
        let mut names = Vec::new();
        for which in 0..4 {
            let places = |point: &Point| bounds(point)[which].2.median;
            let [(name, class, _), ..] = [bounds(self.line.points[0].1)[which]];
            if let Some(y) = self.curve(drawing, class, places) {
                names.push(Label { y, class: class.to_owned(), text: name.to_owned() });
            }
        }
        names
    }

    fn eps(&self, drawing: &mut Drawing, algorithm: Algorithm) -> Option<Label> {
        let class = format!("c-{algorithm}");
        let known = |(value, point): &(f64, &Point)| {
            let eps = point.eps(algorithm);
            Some((self.across.at(*value), self.height(eps.median?), self.height(eps.worst?)))
        };
        let band: Vec<_> = self.line.points.iter().filter_map(known).collect();
        let (low, high) = (band.iter().map(|at| (at.0, at.1)), band.iter().rev().map(|at| (at.0, at.2)));
        if algorithm != Algorithm::Hlc && band.len() > 1 {
            drawing.path(&format!("area {class}"), &(through(low.chain(high)) + "Z"));
        }
        let y = self.curve(drawing, &format!("curve {class}"), |point| point.eps(algorithm).median)?;
        for (value, point) in self.line.points.iter().filter(|_| algorithm == Algorithm::Lamport) {
            if let Some(eps) = point.eps(algorithm).median {
                drawing.disc(&format!("dot {class}"), (self.across.at(*value), self.height(eps)), 3.0);
            }
        }
        Some(Label { y, class, text: algorithm.to_string() })
    }

    /// Draws what is known of a number, and says where it ends. A gap stays a gap.
    fn curve(&self, drawing: &mut Drawing, class: &str, number: impl Fn(&Point) -> Option<Nanos>) -> Option<f64> {
        let places: Vec<(f64, Option<f64>)> = self
            .line
            .points
            .iter()
            .map(|(value, point)| (self.across.at(*value), number(point).map(|span| self.height(span))))
            .collect();
        for stretch in places.split(|(_, y)| y.is_none()) {
            drawing.path(class, &through(stretch.iter().filter_map(|(x, y)| Some((*x, (*y)?)))));
        }
        places.iter().rev().find_map(|(_, y)| *y)
    }

    fn height(&self, span: Nanos) -> f64 {
        self.up.at(span.0.max(1) as f64)
    }
}
