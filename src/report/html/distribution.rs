//! How offsets were distributed: for each clock and pair a histogram of C_j − C_i over the window.

use super::axes::{self, Plot};
use super::figure::{Named, PANEL};
use super::scale::Scale;
use super::svg::{Drawing, through};
use super::words::{plain, span_ns, unit};
use crate::analysis::Summary;
use crate::ids::{Algorithm, NodeId};
use crate::time::Nanos;

/// With more pairs only those that were furthest apart are shown.
const MOST_PAIRS: usize = 8;
const BINS: usize = 90;
const ROW: f64 = 38.0;
const TOP: f64 = 34.0;

/// A pair's offsets in the window, ascending.
struct Offsets {
    pair: (NodeId, NodeId),
    sorted: Vec<f64>,
}

impl Offsets {
    fn reach(&self) -> f64 {
        self.sorted.first().into_iter().chain(self.sorted.last()).map(|offset| offset.abs()).fold(0.0, f64::max)
    }

    fn median(&self) -> f64 {
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(0.0)
    }
}

/// The figure.
pub fn figure(summary: &Summary) -> String {
    let found: Vec<(Algorithm, Vec<Offsets>)> = Algorithm::ALL.map(|a| (a, offsets(summary, a))).into();
    let shown: Vec<_> = found.into_iter().filter(|(_, pairs)| !pairs.is_empty()).collect();
    let caption = caption(summary, shown.first().map_or(0, |(_, pairs)| pairs.len()));
    let named = Named { id: "offsets", title: "Offset distributions", caption: &caption };
    if shown.is_empty() {
        return named.absent();
    }
    named.panels(shown.iter().map(|(a, pairs)| (a.to_string(), draw(*a, pairs))).collect())
}

fn caption(summary: &Summary, shown: usize) -> String {
    if shown == 0 {
        return format!("Offset distributions are not drawn: {}.", why_none(summary));
    }
    let all = summary.series.pairs().count();
    let some = if shown < all {
        format!(" Of {all} pairs the {shown} that were furthest apart are shown.")
    } else {
        String::new()
    };
    format!(
        "Each row is one pair i → j: how much of the window its offset, the clock of j minus that of i, spent where. To the right of the line at \
         zero, node j is ahead; the stroke and the number are the median. Each clock has a scale of its own: look at the \
         unit. Sampled at equal steps; each row's peak has the same height.{some}"
    )
}

/// Why there is nothing to show of offsets in the window.
pub fn why_none(summary: &Summary) -> &'static str {
    if summary.series.cells.is_empty() {
        "without true time nobody knows how far apart the clocks were"
    } else if summary.series.nodes.len() < 2 {
        "one node has no pair"
    } else {
        "the run ended before the warm-up was over"
    }
}

/// The pairs of one algorithm that were furthest apart, in their order.
fn offsets(summary: &Summary, algorithm: Algorithm) -> Vec<Offsets> {
    let (series, warm) = (&summary.series, summary.warm_up.map_or(0.0, Nanos::as_seconds));
    let window = || series.of(algorithm).filter(|cell| cell.t_s >= warm);
    let of = |(i, j): (usize, usize)| {
        let mut sorted: Vec<f64> = window().map(|cell| cell.ahead_ns[j] - cell.ahead_ns[i]).collect();
        sorted.sort_by(f64::total_cmp);
        Offsets { pair: (series.nodes[i], series.nodes[j]), sorted }
    };
    let mut pairs: Vec<Offsets> = series.pairs().map(of).filter(|offsets| !offsets.sorted.is_empty()).collect();
    pairs.sort_by(|a, b| b.reach().total_cmp(&a.reach()).then(a.pair.cmp(&b.pair)));
    pairs.truncate(MOST_PAIRS);
    pairs.sort_by_key(|offsets| offsets.pair);
    pairs
}

fn draw(algorithm: Algorithm, pairs: &[Offsets]) -> Drawing {
    let bottom = TOP + ROW * pairs.len() as f64;
    let mut drawing = Drawing::new(PANEL, bottom + 44.0);
    let plot = Plot { left: 50.0, right: PANEL - 70.0, top: TOP, bottom };
    let ends = || pairs.iter().flat_map(|offsets| offsets.sorted.first().into_iter().chain(offsets.sorted.last()));
    let (low, high) = ends().fold((0.0_f64, 0.0_f64), |(low, high), at| (low.min(*at), high.max(*at)));
    let margin = (high - low).max(1.0) * 0.04;
    let scale = Scale::linear((low - margin, high + margin), (plot.left, plot.right));
    let (divisor, unit) = unit(high.max(-low));
    drawing.text("panel-name", (0.0, 15.0), algorithm.name());
    let axis = Scale::linear(((low - margin) / divisor, (high + margin) / divisor), (plot.left, plot.right));
    axes::below(&mut drawing, plot, &axis, &format!("offset of j against i, {unit}"), plain);
    drawing.line("zero", (scale.at(0.0), plot.top), (scale.at(0.0), plot.bottom));
    for (index, offsets) in pairs.iter().enumerate() {
        row(&mut drawing, plot, &scale, offsets, (TOP + ROW * (index as f64 + 1.0), algorithm));
    }
    drawing
}

fn row(drawing: &mut Drawing, plot: Plot, scale: &Scale, offsets: &Offsets, (base, algorithm): (f64, Algorithm)) {
    let class = format!("c-{algorithm}");
    let counts = histogram(offsets, scale, plot);
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    let width = plot.width() / BINS as f64;
    let outline = counts.iter().enumerate().filter(|(_, count)| **count > 0).flat_map(|(bin, count)| {
        let (left, y) = (plot.left + bin as f64 * width, base - (ROW - 10.0) * (*count as f64 / most).max(0.06));
        [(left, base), (left, y), (left + width, y), (left + width, base)]
    });
    drawing.path(&format!("solid {class}"), &through(outline));
    drawing.line("base", (plot.left, base), (plot.right, base));
    let median = offsets.median();
    drawing.line("median", (scale.at(median), base - ROW + 8.0), (scale.at(median), base));
    drawing.text("label end", (plot.left - 8.0, base - 9.0), &format!("{} → {}", offsets.pair.0, offsets.pair.1));
    drawing.text("label", (plot.right + 8.0, base - 9.0), &span_ns(median));
}

fn histogram(offsets: &Offsets, scale: &Scale, plot: Plot) -> [u64; BINS] {
    let mut counts = [0; BINS];
    for offset in &offsets.sorted {
        let share = (scale.at(*offset) - plot.left) / plot.width();
        counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    counts
}
