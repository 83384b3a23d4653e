//! The tables of the live view.

use std::cmp::Reverse;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::View;
use super::grid::{Cell, table};
use crate::analysis::arcs::ArcRow;
use crate::analysis::ordering::OrderRow;
use crate::analysis::summary::Row;
use crate::analysis::{Summary, Verdict};
use crate::ids::Algorithm;
use crate::report::text::{short, thousands};
use crate::time::Nanos;

fn plain(text: impl Into<String>) -> Cell {
    (text.into(), Style::new())
}

fn span(span: Option<Nanos>) -> Cell {
    plain(span.map_or_else(|| "-".to_owned(), short))
}

/// Eps of `algorithm` at the end of the shown span.
pub fn now(summary: &Summary, algorithm: Algorithm) -> Option<Nanos> {
    let cell = summary.series.cells.iter().rfind(|cell| cell.algorithm == algorithm)?;
    Some(Nanos(cell.eps_ns.ceil() as i64))
}

/// A row for each clock.
pub fn clocks(view: &View<'_>, width: u16) -> Vec<Line<'static>> {
    // The key, a space, and the name.
    let names = view.summary.rows.iter().map(|row| row.algorithm.name().len() as i16 + 2);
    let columns = [
        ("clock", -names.max().unwrap_or(0).max(10)),
        ("eps now", 9),
        ("max", 9),
        ("bound", 9),
        ("of bound", 9),
        ("so far", 11),
        ("p50", 9),
        ("p99", 9),
        ("worst", 7),
        ("steps", 6),
    ];
    let rows = view.summary.rows.iter().map(|row| clock(view, row)).collect();
    table(&columns, view.palette.faint(), rows, width)
}

fn clock(view: &View<'_>, row: &Row) -> Vec<Cell> {
    let algorithm = row.algorithm;
    let now = now(view.summary, algorithm);
    let bound = view.summary.bounds().map(|bounds| bounds.safe).filter(|_| algorithm == Algorithm::Lamport);
    let worst = view.past.worst(algorithm);
    let share = worst.zip(bound).filter(|(_, bound)| *bound > Nanos::ZERO);
    let share =
        share.map_or_else(|| "-".to_owned(), |(eps, bound)| format!("{:.0} %", eps.0 as f64 / bound.0 as f64 * 1e2));
    let pair = row.skew.map(|skew| format!("{}-{}", skew.worst_pair.0, skew.worst_pair.1));
    vec![
        (format!("{} {algorithm}", view.palette.key(algorithm)), view.palette.algorithm(algorithm)),
        span(now),
        span(worst),
        span(bound),
        plain(share),
        so_far(view, row),
        span(row.skew.map(|skew| skew.p50)),
        span(row.skew.map(|skew| skew.p99)),
        plain(pair.unwrap_or_else(|| "-".to_owned())),
        plain(row.steps.map_or_else(|| "-".to_owned(), |steps| steps.to_string())),
    ]
}

/// The verdict, on the clock that it is about.
fn so_far(view: &View<'_>, row: &Row) -> Cell {
    if row.algorithm != Algorithm::Lamport {
        return plain("-");
    }
    let verdict = view.past.verdict();
    let is_warming = verdict == Verdict::Unknown && row.skew.is_none() && view.summary.warm_up.is_some();
    (if is_warming { "warming up" } else { verdict.name() }.to_owned(), view.palette.verdict(verdict))
}

/// A row for each arc that there is room for; the worst ones if there is not for all.
pub fn arcs(view: &View<'_>, area: Rect) -> Vec<Line<'static>> {
    let columns = [
        ("arc", -8),
        ("sent", 8),
        ("lost", 7),
        ("late", 6),
        ("delay p50", 10),
        ("delay p99", 10),
        ("delay max", 10),
        ("sent late p99", 14),
        ("missed", 7),
    ];
    let mut shown: Vec<&ArcRow> = view.summary.arcs.iter().collect();
    shown.sort_by_key(|row| (Reverse((lost(row), row.tau_eff)), row.arc));
    shown.truncate(usize::from(area.height.saturating_sub(2)));
    shown.sort_by_key(|row| row.arc);
    let hidden = view.summary.arcs.len() - shown.len();
    let more = if hidden > 0 { format!(" (the worst; {hidden} more)") } else { String::new() };
    let rows = shown.into_iter().map(|row| arc(view, row)).collect();
    let title = Line::styled(format!("arcs{more}"), view.palette.title());
    std::iter::once(title).chain(table(&columns, view.palette.faint(), rows, area.width)).collect()
}

fn lost(row: &ArcRow) -> u64 {
    row.sent.saturating_sub(row.received)
}

fn arc(view: &View<'_>, row: &ArcRow) -> Vec<Cell> {
    let count = |count: u64| (count.to_string(), if count > 0 { view.palette.warning() } else { Style::new() });
    let delay = |pick: fn(&crate::analysis::arcs::Quantiles) -> i64| span(row.delay.as_ref().map(pick).map(Nanos));
    vec![
        plain(row.arc.to_string()),
        plain(row.sent.to_string()),
        count(lost(row)),
        plain(row.late.map_or_else(|| "-".to_owned(), |late| late.to_string())),
        delay(|delay| delay.p50),
        delay(|delay| delay.p99),
        delay(|delay| delay.max),
        span(row.lateness.map(|lateness| Nanos(lateness.p99))),
        count(row.slots_missed),
    ]
}

/// A row for each ordering phase that is over.
pub fn ordering(view: &View<'_>, width: u16) -> Vec<Line<'static>> {
    let columns =
        [("by", -16), ("load", -10), ("commands/s", 12), ("of floor", 9), ("p50", 9), ("p99", 9), ("agree", 7)];
    let rows = view.summary.ordering.iter().map(order).collect();
    let title = Line::styled("ordering", view.palette.title());
    std::iter::once(title).chain(table(&columns, view.palette.faint(), rows, width)).collect()
}

fn order(row: &OrderRow) -> Vec<Cell> {
    let latency = |index: usize| span(row.latency.map(|found| Nanos(i64::try_from(found[index]).unwrap_or(i64::MAX))));
    let floor = row.floor_commands_per_s.filter(|floor| *floor > 0.0).map(|floor| row.commands_per_s / floor);
    vec![
        plain(row.phase.source.name()),
        plain(row.phase.load.name()),
        plain(thousands(row.commands_per_s)),
        plain(floor.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}"))),
        latency(0),
        latency(1),
        plain(if row.agree { "yes" } else { "NO" }),
    ]
}
