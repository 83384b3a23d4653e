//! The key table: one row for each clock.

use super::table::Table;
use super::words::{UNKNOWN, percent, seconds, span};
use crate::analysis::Summary;
use crate::analysis::summary::Row;
use crate::ids::Algorithm;

/// The table.
pub fn table(summary: &Summary) -> String {
    let mut table = Table::new(
        "ε is the largest distance between any two clocks at one instant, after the warm-up.",
        "clock|ε p50|ε p99|ε max|bound|inside|claim|held|tightness|bias|worst pair|at|converged|steps",
    );
    for row in &summary.rows {
        table.row(&format!("key-dot c-{}", row.algorithm), cells(summary, row));
    }
    table.finish()
}

fn cells(summary: &Summary, row: &Row) -> Vec<String> {
    let (skew, unknown) = (row.skew.as_ref(), || UNKNOWN.to_owned());
    let bounds = summary.bounds().filter(|_| row.algorithm == Algorithm::Lamport);
    vec![
        row.algorithm.to_string(),
        skew.map_or_else(unknown, |skew| span(skew.p50)),
        skew.map_or_else(unknown, |skew| span(skew.p99)),
        skew.map_or_else(unknown, |skew| span(skew.max)),
        bounds.map_or_else(unknown, |bounds| span(bounds.safe)),
        row.bound_coverage.map_or_else(unknown, percent),
        row.claim.map_or_else(unknown, span),
        row.coverage.map_or_else(unknown, percent),
        row.tightness.map_or_else(unknown, percent),
        skew.map_or_else(unknown, |skew| span(skew.bias)),
        skew.map_or_else(unknown, |skew| format!("{} – {}", skew.worst_pair.0, skew.worst_pair.1)),
        skew.map_or_else(unknown, |skew| seconds(skew.worst_at_s)),
        skew.map_or_else(unknown, |skew| seconds(skew.convergence_s)),
        row.steps.map_or_else(unknown, |steps| steps.to_string()),
    ]
}

/// What the columns mean, for those who ask.
pub const LEGEND: &str = "<p class=\"small\"><b>inside</b>: share of time in which ε was within the bound, which is on lamport alone. \
    <b>claim</b>: what a clock states of its own error, the median: of its distance to the reference, or to every other \
    clock where it follows none; hlc states what the ntp clock beneath does, and its lead on that. <b>held</b>: share of time in \
    which that was true. <b>tightness</b>: the mean distance over the mean claim. <b>bias</b>: mean offset of the most biased pair, positive where the higher id is \
    ahead. <b>converged</b>: from then on ε stayed within its maximum of the window. <b>steps</b>: times a clock jumped.</p>\n";
