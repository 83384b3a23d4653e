//! The theorem's parameters as stamps alone show them, and the two bounds that follow.

use super::table::Table;
use super::words::{UNKNOWN, escape, span};
use crate::analysis::Summary;
use crate::analysis::parameters::{CertifiedBound, Parameter, Unit};
use crate::time::{Nanos, Ppb};

/// More rows than this are in the CSV only.
const MOST_ROWS: usize = 30;

/// The section's body: the bounds first, then the run's, nodes' and pairs' rows, then arcs.
pub fn section(summary: &Summary) -> String {
    if summary.parameters.is_empty() {
        return "<p class=\"absent\">No journal, no stamps.</p>\n".to_owned();
    }
    let more = summary.parameters.len().saturating_sub(MOST_ROWS);
    let rest = if more > 0 { format!(" {more} more rows are in parameters.csv.") } else { String::new() };
    let caption = format!(
        "From journals alone, never from truth. Certified: follows from stamps and the assumed κ. Estimated: likely, and \
         nobody can promise it. Assumed: somebody said so. The first third of the run calibrates, the rest is tested.{rest}"
    );
    let mut table = Table::of_words(&caption, "parameter|of|value|from|to|label|window|how");
    summary.parameters.iter().take(MOST_ROWS).for_each(|row| table.row("", cells(row)));
    format!("{}{}", bounds(summary), table.finish())
}

fn bounds(summary: &Summary) -> String {
    let told =
        |bound: &Option<CertifiedBound>| bound.map_or_else(|| UNKNOWN.to_owned(), |bound| span(bound.bounds.safe));
    let kappa =
        |bound: &Option<CertifiedBound>| bound.map_or_else(|| UNKNOWN.to_owned(), |bound| rate(bound.premises.kappa.0));
    let (raw, residual) = (&summary.certified_bound, &summary.residual_bound);
    let text = format!(
        "Without truth the safe bound is {} with the declared κ of {}. With the residual κ of frequency-corrected clocks, {}, \
         it would be {}: that is estimated, and a bound for clocks that this run did not run.",
        told(raw),
        kappa(raw),
        kappa(residual),
        told(residual),
    );
    format!("<p>{}</p>\n", escape(&text))
}

fn rate(ppb: i64) -> String {
    format!("{}\u{202f}ppm", Ppb(ppb).as_ppm())
}

fn cells(row: &Parameter) -> Vec<String> {
    let shown = |number: Option<i64>| {
        number.map_or_else(
            || UNKNOWN.to_owned(),
            |number| match row.symbol.unit() {
                Unit::Ns => span(Nanos(number)),
                Unit::Ppb => rate(number),
                Unit::Hops => number.to_string(),
            },
        )
    };
    let [value, low, high] = [row.value, row.low, row.high].map(shown);
    let (label, window) = (row.label.name().to_owned(), row.window.name().to_owned());
    vec![row.symbol.name().to_owned(), row.of.to_string(), value, low, high, label, window, row.how.to_owned()]
}
