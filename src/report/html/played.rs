//! What workloads came to that were played on the run's clocks: a table, and what broke in words.

use super::table::Table;
use super::words::{UNKNOWN, escape, known, span};
use crate::analysis::Summary;
use crate::report::played::as_predicted;
use crate::report::workload::number;
use crate::trial::Played;

const COLUMNS: &str = "workload|by|operations|a second|latency p50|p99|p99.9|ε seen|ε declared|as predicted|broken";

/// The table; nothing if none was played.
pub fn table(summary: &Summary) -> String {
    if summary.played.is_empty() {
        return String::new();
    }
    let mut table = Table::new("Workloads on the clocks of this run; ordering.csv has every quantity.", COLUMNS);
    summary.played.iter().for_each(|played| table.row("", cells(played)));
    let told = summary.played.iter().flat_map(words);
    told.map(|told| format!("<p>{}</p>\n", escape(&told))).collect::<String>() + &table.finish()
}

fn words(played: &Played) -> Vec<String> {
    let name = format!("{} by {}", played.workload, played.clock);
    let broken = played.row.never().filter(|(_, count)| *count > 0);
    let broken = broken.map(|(what, count)| format!("{name}: broken, {what}: {count} times."));
    let premises = played.premises.iter().map(|premise| format!("{name}: it promised too much, since {premise}."));
    let untold = played.row.untold().map(|(what, count)| format!("{name}: {what}: {count}."));
    broken.chain(premises).chain(untold).collect()
}

fn cells(played: &Played) -> Vec<String> {
    let Played { workload, clock, terms, seen, row, .. } = played;
    let latency = |index: usize| row.latency.map_or_else(|| UNKNOWN.to_owned(), |found| span(found[index]));
    let [found, of] = as_predicted(played);
    vec![
        workload.name().to_owned(),
        clock.name().to_owned(),
        row.operations.to_string(),
        number(row.operations as f64 / terms.span.as_seconds()),
        latency(0),
        latency(1),
        latency(2),
        known(seen.map(|seen| seen.eps)),
        known(seen.map(|seen| seen.declared)),
        format!("{found} of {of}"),
        row.broken().to_string(),
    ]
}
