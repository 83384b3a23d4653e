//! The page of what order costs: every measured quantity of a workload beside its prediction, over the values of one term.

use super::axes::{self, Plot};
use super::figure::{Named, PANEL};
use super::labels::{self, Label};
use super::page::{brow, document, section};
use super::scale::Scale;
use super::svg::{Drawing, through};
use super::table::Table;
use super::words::{escape, plain, power};
use crate::analysis::Verdict;
use crate::report::workload::{Given, number};
use crate::workload::{Check, Relation, Row};

const HEIGHT: f64 = 250.0;
/// Values that differ by more than this factor are shown on a logarithmic axis.
const WIDE: f64 = 20.0;

/// What was varied.
#[derive(Clone, Copy)]
pub struct Over<'a> {
    /// Its name.
    pub name: &'a str,
    /// A value with its unit.
    pub label: &'a dyn Fn(f64) -> String,
}

/// A run at one value.
pub type At<'a> = (f64, Given<'a>, Row);

/// The page. Runs of one workload stand together, by ascending values.
pub fn page(over: Over<'_>, runs: &[At<'_>]) -> String {
    let broken: u64 = runs.iter().map(|(_, _, row)| row.broken()).sum();
    let verdict = if broken == 0 { Verdict::Within } else { Verdict::Violated };
    let values = |pick: fn(f64, f64) -> f64| runs.iter().map(|(value, ..)| *value).reduce(pick).map(over.label);
    let range = values(f64::min).zip(values(f64::max)).map_or_else(String::new, |(low, high)| {
        format!("Each workload at {} from {low} to {high}: measured in virtual time, and predicted.", over.name)
    });
    let mut body = brow(verdict, "skewbench order · simulated");
    body += &format!("<h1>What order costs, over {}</h1>\n<p class=\"why\">{}</p>\n", over.name, escape(&range));
    for runs in runs.chunk_by(|a, b| a.1.workload == b.1.workload) {
        let name = runs.first().map_or("", |(_, given, _)| given.workload);
        body += &section(name, &(figure(over, name, runs) + &table(over, runs)));
    }
    document(&escape(&format!("{} – what order costs", verdict.name())), &body)
}

fn figure(over: Over<'_>, workload: &str, runs: &[At<'_>]) -> String {
    let caption = "Points: measured, with four times what chance does. Dashed: predicted from the terms of the run alone; \
                   it is met but for chance, or, where it says so, at most or at least reached.";
    let named = Named { id: workload, title: workload, caption };
    let mut panels = Vec::new();
    for check in runs.first().map_or(&[][..], |(_, _, row)| &row.checks) {
        let found = runs.iter().filter_map(|(value, _, row)| Some((*value, row.check(check.quantity)?)));
        let points: Vec<(f64, &Check)> = found.filter(|(_, check)| check.measured.is_finite()).collect();
        if points.iter().any(|(_, check)| check.relation != Relation::Unpredicted) {
            panels.push((check.quantity.to_owned(), draw(over, check.quantity, &points)));
        }
    }
    if panels.is_empty() { Named { caption: "Nothing was predicted.", ..named }.absent() } else { named.panels(panels) }
}

fn draw(over: Over<'_>, quantity: &str, points: &[(f64, &Check)]) -> Drawing {
    let mut drawing = Drawing::new(PANEL, HEIGHT);
    let plot = Plot { left: 56.0, right: PANEL - 104.0, top: 34.0, bottom: HEIGHT - 46.0 };
    let values: Vec<f64> = points.iter().map(|(value, _)| *value).collect();
    let sizes: Vec<f64> = points.iter().flat_map(|(_, check)| [check.measured, check.predicted]).collect();
    let ends = range(&values);
    let is_ratio = ends.0 > 0.0 && ends.1 > WIDE * ends.0;
    let across = if is_ratio {
        Scale::ratio(ends, (plot.left, plot.right))
    } else {
        Scale::linear(ends, (plot.left, plot.right))
    };
    let (low, high) = range(&sizes);
    let is_wide = low > 0.0 && high > WIDE * low;
    let top = points.iter().map(|(_, check)| check.measured + spread(check)).fold(high, f64::max);
    let up = if is_wide {
        Scale::decades((low, high), (plot.bottom, plot.top))
    } else {
        Scale::linear((low.min(0.0), top), (plot.bottom, plot.top))
    };
    axes::beside(&mut drawing, plot, &up, quantity, if is_wide { power } else { plain });
    let apart = values.len().div_ceil((plot.width() / 60.0) as usize).max(1);
    let ticks: Vec<f64> = values.iter().copied().step_by(apart).collect();
    axes::below_at(&mut drawing, plot, &across, over.name, (&ticks, over.label));
    let at = |value: f64, size: f64| (across.at(value), up.at(size));
    for (value, check) in points {
        let spread = spread(check);
        drawing.line("thin c-lamport", at(*value, check.measured - spread), at(*value, check.measured + spread));
        drawing.disc("dot c-lamport", at(*value, check.measured), 3.0);
    }
    let predicted = || points.iter().filter(|(_, check)| check.predicted.is_finite());
    drawing.path("limit", &through(predicted().map(|(value, check)| at(*value, check.predicted))));
    let label = |(value, check): &(f64, &Check)| Label {
        y: at(*value, check.predicted).1,
        class: "bound".to_owned(),
        text: if check.relation == Relation::About { "predicted" } else { check.relation.name() }.to_owned(),
    };
    labels::beside(&mut drawing, plot, predicted().next_back().map(label).into_iter().collect());
    drawing
}

/// Four times what chance does to a measurement.
fn spread(check: &Check) -> f64 {
    if check.chance > 0.0 { 4.0 * check.chance } else { 0.0 }
}

fn range(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    (finite().reduce(f64::min).unwrap_or(0.0), finite().reduce(f64::max).unwrap_or(0.0))
}

fn table(over: Over<'_>, runs: &[At<'_>]) -> String {
    let mut table = Table::new(
        "One row a value and quantity; broken: how often any invariant broke.",
        "at|quantity|measured||predicted|chance|broken",
    );
    for (value, _, row) in runs {
        for check in &row.checks {
            let sign = check.relation.name().to_owned();
            let [measured, predicted, chance] = [check.measured, check.predicted, check.chance].map(number);
            let cells = [(over.label)(*value), check.quantity.to_owned(), measured, sign, predicted, chance];
            table.row("", cells.into_iter().chain([row.broken().to_string()]).collect());
        }
    }
    format!("<details>\n<summary>Numbers</summary>\n{}</details>\n", table.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::given;
    use crate::time::Nanos;

    fn run(workload: &'static str, eps_ms: i64) -> At<'static> {
        let eps = Nanos::from_millis(eps_ms);
        let given = Given { eps: Some(eps), declared_eps: Some(eps), ..given(workload) };
        let measured = eps.as_seconds() * 1e3;
        let row = Row {
            operations: 20,
            operation: "entries",
            messages: Some(120),
            latency: None,
            violations: vec![("two holders", u64::from(eps_ms > 50))],
            unfinished: Vec::new(),
            checks: vec![Check::about("wait, ms", measured, measured), Check::alone("share", 0.5)],
        };
        (eps.0 as f64, given, row)
    }

    #[test]
    fn each_workload_has_its_panels_and_numbers() {
        let label = |value: f64| format!("{} ms", value / 1e6);
        let over = Over { name: "eps", label: &label };
        let runs = [run("mutex", 1), run("mutex", 10), run("mutex", 100), run("causal", 1)];
        let html = page(over, &runs);
        assert!(html.contains("VIOLATED") && html.contains("from 1 ms to 100 ms"), "{html}");
        assert_eq!(html.matches("<svg").count(), 2, "one quantity of each is predicted");
        assert_eq!(html.matches("class=\"dot").count(), 4);
        assert!(html.contains("1e2"), "what differs by much has a logarithmic axis");
        assert_eq!(html.matches("<td>share</td>").count(), 4);
        assert!(page(over, &runs[..2]).contains("WITHIN"));
        assert!(page(over, &[]).contains("WITHIN"), "nothing is drawn of nothing");
    }
}
