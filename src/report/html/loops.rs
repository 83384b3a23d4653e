//! What loops of links reveal of asymmetry.

use super::table::Table;
use super::words::{escape, span, span_ns};
use crate::analysis::Summary;
use crate::analysis::loops::Loop;
use crate::report::loops::sentence;

/// More loops than this are in the CSV only.
const MOST_LOOPS: usize = 12;

/// The sentence, and the loops, those that are certainly asymmetric first.
pub fn section(summary: &Summary) -> String {
    let loops = &summary.loops;
    let told = format!("<p>Asymmetry: {}.</p>\n", escape(&sentence(loops, span)));
    if loops.rows.is_empty() {
        return told;
    }
    let rest = match loops.rows.len().saturating_sub(MOST_LOOPS) {
        0 => String::new(),
        more => format!(" {more} more are in loops.csv."),
    };
    let caption = format!(
        "One row for each independent loop of links. Offsets of clocks cancel round a loop: what is left is how much longer \
         the least delays are in the order of the nodes than against it, with its interval. The correction is what least \
         squares over the whole network would add to the offset of the link that closes the loop.{rest}"
    );
    let mut table = Table::new(&caption, "loop|asymmetry|at least|at most|seen|windows|correction");
    let (seen, unseen): (Vec<&Loop>, Vec<&Loop>) = loops.rows.iter().partition(|row| row.is_asymmetric());
    seen.into_iter().chain(unseen).take(MOST_LOOPS).for_each(|row| table.row("", cells(row)));
    told + &table.finish()
}

fn cells(row: &Loop) -> Vec<String> {
    let seen = if row.is_asymmetric() { "yes" } else { "no" };
    vec![
        row.name(),
        span_ns(row.asymmetry_ns),
        span_ns(row.low_ns),
        span_ns(row.high_ns),
        seen.to_owned(),
        row.windows.to_string(),
        span_ns(row.correction_ns),
    ]
}
