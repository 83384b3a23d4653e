//! The rows for people and as CSV.

use std::fmt::Write;

use super::row::Row;
use crate::time::{NANOS_PER_SECOND, Nanos};

const HEADER: &str = "disturbance,algorithm,seeds,eps_before_ns,eps_worst_ns,recovered_s,seeds_recovered,coverage,\
                      claim_ns_p50,steps\n";

fn ns(span: Option<Nanos>) -> String {
    span.map(|span| span.0.to_string()).unwrap_or_default()
}

/// To the millisecond, rounded up: what is told as over is over.
fn seconds(span: Nanos) -> String {
    format!("{:.3}", (span.0 as f64 / 1e6).ceil() / 1e3)
}

/// Rounded down, so that only what always held is told as one.
fn share(share: f64) -> String {
    format!("{:.5}", (share * 1e5).floor() / 1e5)
}

/// Every number as CSV; units are in the column names, an empty cell is a number that there is not.
pub fn csv(rows: &[Row]) -> String {
    let mut text = HEADER.to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{},{}",
            row.disturbance,
            row.algorithm,
            row.seeds,
            ns(row.before),
            ns(row.worst),
            row.recovered.map(seconds).unwrap_or_default(),
            row.seeds_recovered,
            row.coverage.map(share).unwrap_or_default(),
            ns(row.claim),
            row.steps
        );
    }
    text
}

/// One disturbance as a table for people.
pub fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    if let Some(first) = rows.first() {
        let disturbance = first.disturbance;
        let spans = [disturbance.begins(), disturbance.ends(), disturbance.over()].map(|at| at.0 / NANOS_PER_SECOND);
        let _ = writeln!(text, "{disturbance}: {}", disturbance.about());
        let [begins, ends, over] = spans;
        let _ = writeln!(text, "  poll {}, from {begins} s to {ends} s of {over} s", disturbance.poll());
    }
    let titles = ["clock", "before us", "worst us", "recovered s", "held", "claim us", "steps"].map(str::to_owned);
    for cells in std::iter::once(titles).chain(rows.iter().map(cells)) {
        let [clock, rest @ ..] = cells;
        let rest: String = rest.iter().map(|cell| format!("{cell:>12}")).collect();
        let _ = writeln!(text, "  {clock:<14}{}", rest.trim_end());
    }
    text
}

fn cells(row: &Row) -> [String; 7] {
    let us = |span: Option<Nanos>| span.map(|span| number(span.0 as f64 / 1e3)).unwrap_or_default();
    let recovered = match row.recovered {
        Some(after) => seconds(after),
        None => format!("{} of {}", row.seeds_recovered, row.seeds),
    };
    let held = row.coverage.map(share).unwrap_or_default();
    [
        row.algorithm.name().to_owned(),
        us(row.before),
        us(row.worst),
        recovered,
        held,
        us(row.claim),
        row.steps.to_string(),
    ]
}

/// Three digits or more, and no exponent.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Algorithm;
    use crate::robustness::Disturbance;

    #[test]
    fn a_row_has_every_column_and_says_what_there_is_not() {
        let row = Row::of(Disturbance::Loss, Algorithm::Lamport, &[]);
        let full = Row {
            seeds: 2,
            seeds_recovered: 2,
            before: Some(Nanos(12_345)),
            worst: Some(Nanos(1)),
            recovered: Some(Nanos(1_000_001)),
            coverage: Some(0.999_999),
            claim: Some(Nanos(9)),
            steps: 3,
            ..row
        };
        let csv = csv(&[row, full]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[1], "loss,lamport,0,,,,0,,,0");
        assert_eq!(lines[2], "loss,lamport,2,12345,1,0.002,2,0.99999,9,3");
        assert!(lines.iter().all(|line| line.matches(',').count() == HEADER.matches(',').count()));
        assert!(text(&[full]).contains("12.3") && text(&[row]).contains("0 of 0"));
    }
}
