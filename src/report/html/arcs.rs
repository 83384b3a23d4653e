//! What happened on each arc: its delays as a figure, and the table.

use super::figure::Named;
use super::ranges::{self, Legend, MOST_ROWS, Range};
use super::table::Table;
use super::words::{UNKNOWN, known, percent, span};
use crate::analysis::Summary;
use crate::analysis::arcs::ArcRow;
use crate::time::Nanos;

/// More arcs than this are in the CSV only.
const MOST_ARCS: usize = 60;

/// The delays.
pub fn figure(summary: &Summary) -> String {
    let range = |row: &ArcRow| {
        let delay = row.delay?;
        let quantiles = [delay.p50, delay.p99, delay.max].map(|ns| ns as f64);
        Some(Range { name: name(row), class: "c-lamport".to_owned(), quantiles })
    };
    let all: Vec<Range> = summary.arcs.iter().filter_map(range).collect();
    let (count, rows) = (all.len(), ranges::worst(all));
    let caption = caption(summary, count);
    let named = Named { id: "delays", title: "Delay of each arc", caption: &caption };
    if rows.is_empty() {
        return named.absent();
    }
    let legend = Legend { marks: ["median", "99 %", "longest"], axis: "true delay, logarithmic", names_width: 62 };
    named.responsive(|width| ranges::draw(width, &rows, &legend))
}

fn name(row: &ArcRow) -> String {
    format!("{} → {}", row.arc.from, row.arc.to)
}

fn caption(summary: &Summary, known: usize) -> String {
    if known == 0 {
        return "Delays are not drawn: without true time a delay between two hosts is not known.".to_owned();
    }
    let xi = summary.promise.map_or_else(String::new, |promise| {
        let xi = span(promise.premises.xi);
        format!(" A message is timely if no more than {xi} (ξ) of its delay could not be predicted.")
    });
    let some =
        if known > MOST_ROWS { format!(" Of {known} arcs the {MOST_ROWS} longest are shown.") } else { String::new() };
    format!(
        "From the sender's reading before the send to the instant at which the receiver's clock may jump; an arc is one \
         direction of a link.{xi}{some}"
    )
}

/// The table, with those arcs first that held the bound up most, where there are too many.
pub fn table(summary: &Summary) -> String {
    if summary.arcs.is_empty() {
        return "<p class=\"absent\">No arc was probed.</p>\n".to_owned();
    }
    let mut worst: Vec<&ArcRow> = summary.arcs.iter().collect();
    worst.sort_by_key(|row| (std::cmp::Reverse(row.tau_eff), row.arc));
    worst.truncate(MOST_ARCS);
    worst.sort_by_key(|row| row.arc);
    let more = summary.arcs.len() - worst.len();
    let rest = if more > 0 { format!(" {more} more, with a shorter τ_eff, are in arcs.csv.") } else { String::new() };
    let mut table = Table::new(
        &format!(
            "One row for each arc. Late: ξ or more of the delay could not be predicted. Offset errors are of the best stamps.{rest}"
        ),
        "arc|sent|lost|late|reordered|delay p50|p99|longest|credit μ|timely|τ_eff|offset error p50|p99|stamps|send late p99|slots missed",
    );
    worst.iter().for_each(|row| table.row("", cells(row)));
    table.finish()
}

fn cells(row: &ArcRow) -> Vec<String> {
    let ns = |found: Option<i64>| known(found.map(Nanos));
    let error = row.twice_error_wire.or(row.twice_error_user);
    vec![
        name(row),
        row.sent.to_string(),
        row.sent.saturating_sub(row.received).to_string(),
        row.late.map_or_else(|| UNKNOWN.to_owned(), |late| late.to_string()),
        row.reordered.to_string(),
        ns(row.delay.map(|delay| delay.p50)),
        ns(row.delay.map(|delay| delay.p99)),
        ns(row.delay.map(|delay| delay.max)),
        span(row.mu),
        row.xi_quantile.map_or_else(|| UNKNOWN.to_owned(), percent),
        known(row.tau_eff),
        ns(error.map(|twice| twice.p50 / 2)),
        ns(error.map(|twice| twice.p99 / 2)),
        stamps(row.exchanges),
        ns(row.lateness.map(|late| late.p99)),
        row.slots_missed.to_string(),
    ]
}

fn stamps([user, kernel, hardware]: [u64; 3]) -> String {
    let named = [(hardware, "hardware"), (kernel, "kernel"), (user, "user")];
    let found: Vec<String> =
        named.into_iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    if found.is_empty() { UNKNOWN.to_owned() } else { found.join(", ") }
}
