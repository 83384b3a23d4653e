//! The page of a clock's stability: deviations, and excursions against a mask, over τ on logarithmic axes.

use super::axes::{self, Plot};
use super::figure::Named;
use super::labels::{self, Label};
use super::page::document;
use super::scale::Scale;
use super::svg::{Drawing, through};
use super::table::Table;
use super::words::{UNKNOWN, escape, plain, power};
use crate::stability::deviation::Deviation;
use crate::stability::mask::Mask;
use crate::stability::{Curves, Row, Statistic};

const HEIGHT: f64 = 400.0;

/// What stands on the page beside the curves.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What the data is of.
    pub title: &'a str,
    /// How much of it there is, in words.
    pub amount: &'a str,
    /// The mask to draw.
    pub mask: Option<Mask>,
}

/// The page.
pub fn page(curves: &Curves, told: Told<'_>) -> String {
    let deviations = [Deviation::Oadev, Deviation::Mdev, Deviation::Ohdev].map(Statistic::Of);
    let excursions = [Statistic::Mtie, Statistic::TieRms, Statistic::Of(Deviation::Tdev)];
    let frequency = Named {
        id: "deviations",
        title: "Deviations over tau",
        caption: "How much the mean frequency over τ changes from one τ to the next: overlapping Allan (oadev), modified \
                  Allan (mdev) and overlapping Hadamard (ohdev), with 95 % intervals where the noise could be told. \
                  Where a curve falls averaging longer helps; its lowest point is the longest τ worth averaging over.",
    };
    let time = Named {
        id: "excursions",
        title: "Excursions over tau",
        caption: "How far the clock strays within τ: the largest excursion (mtie_s), its root mean square (tie_rms_s), \
                  and the time deviation (tdev_s). Dashed: what the mask allows.",
    };
    let body = format!(
        "<header>\n<h1>{}</h1>\n<p class=\"why\">{}</p>\n</header>\n\
         <section>\n<h2>Frequency</h2>\n{}</section>\n<section>\n<h2>Time</h2>\n{}</section>\n<section>\n<h2>Numbers</h2>\n{}</section>\n",
        escape(told.title),
        escape(told.amount),
        frequency.responsive(|width| draw(width, curves, &deviations, None, "dimensionless, logarithmic")),
        time.responsive(|width| draw(width, curves, &excursions, told.mask, "seconds, logarithmic")),
        numbers(curves)
    );
    document(&escape(told.title), &body)
}

fn numbers(curves: &Curves) -> String {
    let mut table = Table::new(
        "Deviations are dimensionless, names with _s are in seconds.",
        "τ, s|adev|oadev|mdev|tdev_s|hdev|ohdev|mtie_s|tie_rms_s|noise",
    );
    for rows in curves.rows.chunk_by(|a, b| a.m == b.m) {
        let cell = |one: Statistic| rows.iter().find(|row| row.statistic == one);
        let value = |one| cell(one).map_or_else(|| UNKNOWN.to_owned(), |row| format!("{:.3e}", row.estimate.value));
        let noise = rows[0].noise.map_or(UNKNOWN, |noise| noise.name()).to_owned();
        let cells = [plain(rows[0].tau_s)].into_iter().chain(Statistic::ALL.map(value)).chain([noise]);
        table.row("", cells.collect());
    }
    table.finish()
}

fn draw(width: f64, curves: &Curves, statistics: &[Statistic], mask: Option<Mask>, title: &str) -> Drawing {
    let mut drawing = Drawing::new(width, HEIGHT);
    let plot = Plot { left: 56.0, right: width - 98.0, top: 34.0, bottom: HEIGHT - 46.0 };
    let rows = || statistics.iter().flat_map(|one| curves.of_statistic(*one)).filter(|row| row.estimate.value > 0.0);
    let ends = |row: &Row| {
        let (low, high) = row.interval.unwrap_or((row.estimate.value, row.estimate.value));
        let limit = mask.and_then(|mask| row.statistic.limit(mask, row.tau_s)).unwrap_or(row.estimate.value);
        [low, high, limit]
    };
    let (tau, value) = (around(rows().map(|row| row.tau_s)), around(rows().flat_map(ends)));
    let (Some(tau), Some(value)) = (tau, value) else { return drawing };
    let across = Scale::decades(tau, (plot.left, plot.right));
    let up = Scale::decades(value, (plot.bottom, plot.top));
    axes::beside(&mut drawing, plot, &up, title, power);
    axes::below(&mut drawing, plot, &across, "τ, s", power);
    let mut names = Vec::new();
    for (one, class) in statistics.iter().zip(["c-lamport", "c-ntp", "c-hlc"]) {
        let rows: Vec<&Row> = rows().filter(|row| row.statistic == *one).collect();
        let at = |row: &&Row, value: f64| (across.at(row.tau_s), up.at(value));
        for row in &rows {
            let [low, high, _] = ends(row);
            drawing.line(&format!("thin {class}"), at(row, low), at(row, high));
            drawing.disc(&format!("dot {class}"), at(row, row.estimate.value), 3.0);
        }
        drawing.path(&format!("curve {class}"), &through(rows.iter().map(|row| at(row, row.estimate.value))));
        let limit = |row: &&Row| Some(at(row, row.statistic.limit(mask?, row.tau_s)?));
        drawing.path("limit", &through(rows.iter().filter_map(limit)));
        let label = |row: &&Row| Label {
            y: at(row, row.estimate.value).1,
            class: class.to_owned(),
            text: one.name().to_owned(),
        };
        names.extend(rows.last().map(label));
    }
    labels::beside(&mut drawing, plot, names);
    drawing
}

/// The smallest and the largest of positive numbers.
fn around(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let positive: Vec<f64> = values.filter(|value| value.is_normal() && *value > 0.0).collect();
    let (low, high) = (positive.iter().copied().reduce(f64::min)?, positive.iter().copied().reduce(f64::max)?);
    Some((low, high))
}
