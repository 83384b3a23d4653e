//! What the hosts say of their own clocks.

use super::table::Table;
use super::words::{known, percent};
use crate::analysis::Summary;
use crate::analysis::audit::ClaimRow;
use crate::report::text::verdict_of;

/// The table.
pub fn table(summary: &Summary) -> String {
    if summary.claims.is_empty() {
        return "<p class=\"absent\">No host said anything of its own clock: neither a daemon nor the kernel was heard.</p>\n"
            .to_owned();
    }
    let caption = "One row for each host and source: how far the clock is from true time at most, as that source claims. \
                   All of it counts only while it called the clock synchronised; an estimated error (the \
                   kernel’s esterror) promises nothing; phc speaks of a card’s clock.";
    let mut table = Table::of_words(
        caption,
        "node|source|readings|synchronised|bound p50|largest|offset p50|largest|estimated error p50|largest|verdict",
    );
    summary.claims.iter().for_each(|row| table.row("", cells(row)));
    table.finish()
}

fn cells(row: &ClaimRow) -> Vec<String> {
    vec![
        row.node.to_string(),
        row.source.name().to_owned(),
        row.readings.to_string(),
        percent(row.synchronised_share),
        known(row.error_bound.map(|bound| bound.0)),
        known(row.error_bound.map(|bound| bound.1)),
        known(row.offset.map(|offset| offset.0)),
        known(row.offset.map(|offset| offset.1)),
        known(row.estimated_error.map(|error| error.0)),
        known(row.estimated_error.map(|error| error.1)),
        verdict_of(row).to_owned(),
    ]
}
