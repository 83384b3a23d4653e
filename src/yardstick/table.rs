//! The yardstick's results side by side, for people and as CSV.

use std::fmt::Write;

use super::published::{self, CHRONY, NTPSEC, Reached};
use super::{Condition, Contender, Figures};
use crate::time::NANOS_PER_SECOND;

/// One condition with what each clock did in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The condition.
    pub condition: Condition,
    /// The clocks.
    pub clocks: Vec<(Contender, Figures)>,
}

const HEADER: &str = "condition,poll_s,clock,rms_us,p99_us,max_us,eps_us,mean_us,time_to_100us_s,bound_us_p50,\
                      bound_coverage,deviation_us_p50,offset_over_deviation_rms,rms_over_chrony,rms_over_limit\n";

/// A row of a table: what is known of a clock in a condition.
struct Row<'a> {
    outcome: &'a Outcome,
    clock: &'a str,
    rms: f64,
    reached: Option<Reached>,
    figures: Option<&'a Figures>,
}

/// All rows: what is published first, then ours.
fn rows(outcome: &Outcome) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    if let Some(published) = published::of(&outcome.condition) {
        for (clock, reached) in [(CHRONY, published.chrony), (NTPSEC, published.ntpsec)] {
            rows.push(Row { outcome, clock, rms: reached.rms, reached: Some(reached), figures: None });
        }
        rows.push(Row { outcome, clock: "published limit", rms: published.limit, reached: None, figures: None });
    }
    for (contender, figures) in &outcome.clocks {
        let us = |seconds: f64| seconds * 1e6;
        let reached = Reached {
            rms: us(figures.rms),
            p99: us(figures.p99),
            max: us(figures.max),
            epsilon: us(figures.epsilon),
            close_after: figures.close_after,
        };
        let clock = contender.name();
        rows.push(Row { outcome, clock, rms: reached.rms, reached: Some(reached), figures: Some(figures) });
    }
    rows
}

/// Three digits or more, and no exponent.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn time(close_after: Option<u32>) -> String {
    close_after.map_or_else(|| "never".to_owned(), |seconds| seconds.to_string())
}

impl Row<'_> {
    /// Root mean square over that of chrony, and over the limit.
    fn ratios(&self) -> [Option<f64>; 2] {
        let published = published::of(&self.outcome.condition);
        [published.map(|p| self.rms / p.chrony.rms), published.map(|p| self.rms / p.limit)]
    }

    /// Every cell of the CSV after condition and poll.
    fn cells(&self) -> [String; 13] {
        let us = |seconds: f64| number(seconds * 1e6);
        let optional = |value: Option<f64>| value.map(number).unwrap_or_default();
        let reached = |field: &dyn Fn(&Reached) -> String| self.reached.as_ref().map(field).unwrap_or_default();
        let figures = |field: &dyn Fn(&Figures) -> Option<String>| self.figures.and_then(field).unwrap_or_default();
        let [chrony, limit] = self.ratios();
        [
            self.clock.to_owned(),
            number(self.rms),
            reached(&|r| number(r.p99)),
            reached(&|r| number(r.max)),
            reached(&|r| number(r.epsilon)),
            figures(&|f| Some(us(f.mean))),
            reached(&|r| time(r.close_after)),
            figures(&|f| f.bound.map(us)),
            figures(&|f| f.bound.map(|_| format!("{:.5}", f.coverage))),
            figures(&|f| f.deviation.map(us)),
            optional(self.figures.and_then(|f| f.surprise)),
            optional(chrony),
            optional(limit),
        ]
    }
}

fn poll_seconds(condition: &Condition) -> i64 {
    condition.poll.0 / NANOS_PER_SECOND
}

/// Every number as CSV; units are in the column names.
pub fn csv(outcomes: &[Outcome]) -> String {
    let mut text = HEADER.to_owned();
    for row in outcomes.iter().flat_map(rows) {
        let condition = &row.outcome.condition;
        let _ = writeln!(text, "{},{},{}", condition.name, poll_seconds(condition), row.cells().join(","));
    }
    text
}

const TITLES: [&str; 13] = [
    "clock", "rms us", "p99 us", "max us", "eps us", "mean us", "T100us s", "bound us", "held", "sd us", "off/sd",
    "/chrony", "/limit",
];

/// One condition as a table for people.
pub fn text(outcome: &Outcome) -> String {
    let condition = &outcome.condition;
    let mut text = format!("{}, poll {} s\n", condition.name, poll_seconds(condition));
    let titles = TITLES.map(str::to_owned);
    for cells in std::iter::once(titles).chain(rows(outcome).iter().map(Row::cells)) {
        let [clock, rest @ ..] = cells;
        let rest: String = rest.iter().map(|cell| format!("{cell:>10}")).collect();
        let _ = writeln!(text, "  {clock:<16}{}", rest.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::condition::cells;
    use super::*;

    #[test]
    fn every_row_has_every_column_and_stands_beside_what_is_published() {
        let figures = super::super::measure::figures(&[]);
        let condition = cells()[0].clone();
        let outcome = Outcome { condition, clocks: vec![(Contender::Ntp, Figures { rms: 4.22e-6, ..figures })] };
        let csv = csv(std::slice::from_ref(&outcome));
        let columns = HEADER.matches(',').count();
        assert_eq!(csv.lines().count(), 5);
        assert!(csv.lines().all(|line| line.matches(',').count() == columns), "{csv}");
        let ours = csv.lines().last().expect("a row");
        assert!(ours.starts_with("lan,1,ntp,4.22,") && ours.ends_with(",2.00,14.1"), "{ours}");
        assert!(text(&outcome).contains("chrony 4.8+52"));
        assert_eq!([0.1234, 1.0, 12.345, 1234.5].map(number), ["0.123", "1.00", "12.3", "1234"]);
    }
}
