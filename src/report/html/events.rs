//! What happened: clocks that jumped, hosts that slept, routes that changed, agents that did not run.

use super::table::Table;
use super::words::{UNKNOWN, known};
use crate::analysis::Summary;
use crate::analysis::events::Event;
use crate::report::text::{event_size, event_subject, nodes};

/// More events than this are in the CSV only.
const MOST_EVENTS: usize = 60;

/// The table.
pub fn table(summary: &Summary) -> String {
    if summary.events.is_empty() {
        return "<p>No clock jumped, no host slept, no route changed and no agent paused, as far as the \
                journals show.</p>\n"
            .to_owned();
    }
    let more = summary.events.len().saturating_sub(MOST_EVENTS);
    let rest = if more > 0 { format!(" {more} more are in events.csv.") } else { String::new() };
    let caption = format!(
        "One row for each event, told apart by stamps alone. A clock’s jump moves offsets and no delay; a route moves one \
         direction’s delay; a stall is a pause of the agent on a clock that went on.{rest}"
    );
    let mut table = Table::of_words(&caption, "event|whose|at|for|size|seen by");
    summary.events.iter().take(MOST_EVENTS).for_each(|event| table.row("", cells(event)));
    table.finish()
}

fn cells(event: &Event) -> Vec<String> {
    let seen_by = if event.seen_by.is_empty() { UNKNOWN.to_owned() } else { nodes(&event.seen_by) };
    vec![
        event.kind.name().to_owned(),
        event_subject(event),
        format!("{:.3} s", event.at_s),
        format!("{:.3} s", event.duration_s),
        if event.rate.is_some() { event_size(event) } else { known(event.size) },
        seen_by,
    ]
}
