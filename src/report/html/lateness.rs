//! How late requests were sent: a result of the host's scheduler, and a limit of what the clocks can do.

use super::figure::Named;
use super::ranges::{self, Legend, MOST_ROWS, Range};
use super::words::span;
use crate::analysis::Summary;
use crate::time::Nanos;

/// The figure.
pub fn figure(summary: &Summary) -> String {
    let rows: Vec<Range> = ranges::worst(ranges(summary));
    let caption = caption(summary);
    let named = Named { id: "lateness", title: "Send lateness", caption: &caption };
    if rows.is_empty() {
        return named.absent();
    }
    let legend =
        Legend { marks: ["median", "99 %", "latest"], axis: "sent after its slot, logarithmic", names_width: 62 };
    named.responsive(|width| ranges::draw(width, &rows, &legend))
}

fn ranges(summary: &Summary) -> Vec<Range> {
    let range = |row: &crate::analysis::arcs::ArcRow| {
        let late = row.lateness?;
        let quantiles = [late.p50, late.p99, late.max].map(|ns| ns as f64);
        Some(Range { name: format!("{} → {}", row.arc.from, row.arc.to), class: "c-ink".to_owned(), quantiles })
    };
    summary.arcs.iter().filter_map(range).collect()
}

fn caption(summary: &Summary) -> String {
    let latest = summary.arcs.iter().filter_map(|row| Some((row.lateness?.max, row.arc))).max();
    let Some((latest, arc)) = latest else {
        return "Send lateness is not drawn: no request was sent on a grid.".to_owned();
    };
    let missed = summary.arcs.iter().map(|row| row.slots_missed).fold(0, u64::saturating_add);
    let known = summary.arcs.iter().filter(|row| row.lateness.is_some()).count();
    let some =
        if known > MOST_ROWS { format!(" Of {known} arcs the {MOST_ROWS} latest are shown.") } else { String::new() };
    format!(
        "How long after its slot of the grid each request left its sender. The latest, {} → {}, was {} late; {missed} slots \
         were left out altogether. Lateness makes the intervals between messages longer, not the stamps wrong.{some}",
        arc.from,
        arc.to,
        span(Nanos(latest))
    )
}
