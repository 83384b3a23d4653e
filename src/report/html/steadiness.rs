//! How stable the clocks of a run were over spans of any length: at each τ the worst node.

use super::axes::{self, Plot};
use super::figure::{Named, PANEL};
use super::labels::{self, Label};
use super::scale::Scale;
use super::svg::{Drawing, through};
use super::words::power;
use crate::analysis::Summary;
use crate::analysis::stability::Stable;
use crate::ids::Algorithm;
use crate::stability::deviation::Deviation;
use crate::stability::{Row, Statistic};

const HEIGHT: f64 = 280.0;

/// The section's body.
pub fn section(summary: &Summary) -> String {
    let caption = "Left: how much the mean rate over τ changes from one τ to the next (overlapping Allan deviation, \
                   dimensionless); where it falls, averaging longer helps. Right: the largest excursion within τ (MTIE, in \
                   seconds); a line of slope one is a wrong rate. For each algorithm the worst node at each τ, against true \
                   time, after the warm-up.";
    let named = Named { id: "steadiness", title: "Stability over tau", caption };
    let panel = |statistic: Statistic, title: &str| (title.to_owned(), draw(&summary.stability, statistic, title));
    if summary.stability.is_empty() {
        let caption = "Stability is not drawn: true time is unknown, the run is short, or it has very many nodes.";
        return Named { caption, ..named }.absent();
    }
    named.panels(vec![panel(Statistic::Of(Deviation::Oadev), "Allan deviation"), panel(Statistic::Mtie, "MTIE, s")])
}

/// At each τ the row of the worst node.
fn worst(all: &[Stable], algorithm: Algorithm, statistic: Statistic) -> Vec<&Row> {
    let clocks = || all.iter().filter(|clock| clock.algorithm == algorithm);
    let mut rows: Vec<&Row> = clocks().flat_map(|clock| clock.curves.of_statistic(statistic)).collect();
    rows.sort_by(|a, b| a.m.cmp(&b.m).then(b.estimate.value.total_cmp(&a.estimate.value)));
    rows.dedup_by_key(|row| row.m);
    rows.retain(|row| row.estimate.value > 0.0);
    rows
}

fn draw(all: &[Stable], statistic: Statistic, title: &str) -> Drawing {
    let mut drawing = Drawing::new(PANEL, HEIGHT);
    let plot = Plot { left: 56.0, right: PANEL - 96.0, top: 34.0, bottom: HEIGHT - 46.0 };
    let curves = Algorithm::ALL.map(|algorithm| (algorithm, worst(all, algorithm, statistic)));
    let rows = || curves.iter().flat_map(|(_, rows)| rows.iter());
    let range = |of: fn(&Row) -> f64| {
        let values = || rows().map(|row| of(row));
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    };
    let (Some(tau), Some(size)) = (range(|row| row.tau_s), range(|row| row.estimate.value)) else { return drawing };
    let across = Scale::decades(tau, (plot.left, plot.right));
    let up = Scale::decades(size, (plot.bottom, plot.top));
    axes::beside(&mut drawing, plot, &up, title, power);
    axes::below(&mut drawing, plot, &across, "τ, s", power);
    let mut names = Vec::new();
    for (algorithm, rows) in curves.iter().filter(|(_, rows)| !rows.is_empty()) {
        let at = |row: &&Row| (across.at(row.tau_s), up.at(row.estimate.value));
        let class = format!("c-{algorithm}");
        drawing.path(&format!("curve {class}"), &through(rows.iter().map(at)));
        let label = |row: &&Row| Label { y: at(row).1, class: class.clone(), text: algorithm.to_string() };
        names.extend(rows.last().map(label));
    }
    labels::beside(&mut drawing, plot, names);
    drawing
}
