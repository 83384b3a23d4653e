//! What workloads came to that were played on a run's clocks, for the terminal.

use super::text::{line, short, wrapped};
use super::workload::number;
use crate::analysis::Summary;
use crate::trial::Played;

/// A measured quantity is as predicted within this share, and four times what chance does.
pub const SLACK: f64 = 0.05;

/// A line for each workload and clock, with what broke and what was not as the workload was told; nothing if none was played.
pub fn lines(summary: &Summary) -> String {
    if summary.played.is_empty() {
        return String::new();
    }
    let mut text = line(&[
        ("workload", -17),
        ("by", -17),
        ("operations", 11),
        ("a second", 10),
        ("p50", 9),
        ("p99", 9),
        ("predicted", 11),
        ("broken", 8),
    ]);
    summary.played.iter().for_each(|played| text += &told(played));
    text
}

fn told(played: &Played) -> String {
    let Played { workload, clock, terms, row, .. } = played;
    let latency = |index: usize| row.latency.map_or_else(|| "-".to_owned(), |found| short(found[index]));
    let [found, of] = as_predicted(played);
    let mut text = line(&[
        (workload.name(), -17),
        (clock.name(), -17),
        (&row.operations.to_string(), 11),
        (&number(row.operations as f64 / terms.span.as_seconds()), 10),
        (&latency(0), 9),
        (&latency(1), 9),
        (&format!("{found} of {of}"), 11),
        (&row.broken().to_string(), 8),
    ]);
    for premise in &played.premises {
        text += &wrapped("  premise  ", premise);
    }
    for (name, count) in row.never().filter(|(_, count)| *count > 0) {
        text += &wrapped("  BROKEN   ", &format!("{name}: {count} times"));
    }
    for (name, count) in row.untold() {
        text += &wrapped("  open     ", &format!("{name}: {count}"));
    }
    text
}

/// How many quantities are as predicted, of those that something is predicted of.
pub fn as_predicted(played: &Played) -> [usize; 2] {
    let foretold = || played.row.checks.iter().filter(|check| !check.predicted.is_nan());
    [foretold().filter(|check| check.agrees(SLACK)).count(), foretold().count()]
}
