//! What each clock costs those who order by it, in their own terms.

use std::collections::BTreeMap;

use super::text::thousands;
use crate::analysis::Summary;
use crate::analysis::ordering::OrderRow;
use crate::ids::Algorithm;
use crate::order::report::{Load, StampSource};
use crate::order::stamp;
use crate::time::Nanos;

/// A sentence for each clock that commands were ordered by, with spans written by `span`. A commit waits for twice the
/// half-width of an interval that holds every clock (Spanner's commit wait, docs/theory.md §9.5): that is the clocks' spread.
pub fn sentences(summary: &Summary, span: fn(Nanos) -> String) -> Vec<String> {
    let sources = summary.ordering.iter().map(|row| row.phase.source);
    let clocks: BTreeMap<Algorithm, StampSource> =
        sources.filter_map(|source| Some((priced(source)?, source))).collect();
    let told = |(algorithm, source): (Algorithm, StampSource)| {
        let rows: Vec<&OrderRow> = summary.ordering.iter().filter(|row| row.phase.source == source).collect();
        let parts = [Some(wait(summary, algorithm, span)), against_real_time(&rows), carried(&rows)];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join("; ");
        format!("With {source} {text}.", source = source.name())
    };
    clocks.into_iter().map(told).collect()
}

/// The clock whose spread a commit has to wait for, if stamps of that source are times at all.
const fn priced(source: StampSource) -> Option<Algorithm> {
    match source {
        StampSource::Hlc => Some(Algorithm::Hlc),
        other => stamp::algorithm(other),
    }
}

fn wait(summary: &Summary, algorithm: Algorithm, span: fn(Nanos) -> String) -> String {
    let all = summary.proved.iter().flat_map(|proved| &proved.certificate.algorithms);
    let proved = all.into_iter().find(|certified| certified.algorithm == algorithm).and_then(|found| found.eps_high);
    match (proved, summary.eps(algorithm)) {
        (Some(proved), Some(measured)) => {
            format!("a commit waits {}, the spread that stamps prove ({} was measured)", span(proved), span(measured))
        }
        (Some(proved), None) => format!("a commit waits {}, the spread that stamps prove", span(proved)),
        (None, Some(measured)) => format!("a commit waits {}, the spread that was measured", span(measured)),
        (None, None) => "how long a commit must wait is not proved".to_owned(),
    }
}

/// At the load that was offered, not saturated.
fn against_real_time(rows: &[&OrderRow]) -> Option<String> {
    let (row, share) = rows.iter().find_map(|row| Some((row, row.inversions?.1?)))?;
    let load = match row.phase.load {
        Load::Open { commands_per_s } => commands_per_s.saturating_mul(u64::from(row.agents)) as f64,
        Load::Saturated => row.commands_per_s,
    };
    Some(format!(
        "{:.2}% of writes that followed one of another agent, at {} a second, were ordered against real time",
        share * 1e2,
        thousands(load)
    ))
}

fn carried(rows: &[&OrderRow]) -> Option<String> {
    let row = rows.iter().find(|row| row.phase.load == Load::Saturated)?;
    let rate = thousands(row.commands_per_s);
    Some(if row.agree {
        format!("the state machine carries {rate} commands a second")
    } else {
        format!("{rate} commands a second were delivered, but it is not shown that all agents did so in the same order")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{full, without_truth};
    use crate::report::text::short;

    #[test]
    fn each_clock_has_its_price_and_a_logical_one_has_none() {
        let mut summary = full();
        let told = sentences(&summary, short);
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(
            told[0],
            "With lamport a commit waits 50.0us, the spread that was measured; 5.00% of writes that followed one of \
             another agent, at 1,500 a second, were ordered against real time; the state machine carries 3,000,000 \
             commands a second."
        );
        summary.ordering.iter_mut().for_each(|row| row.agree = false);
        assert!(sentences(&summary, short)[2].contains("it is not shown that all agents"));
    }

    #[test]
    fn any_clock_that_stamps_were_taken_from_has_its_price() {
        let mut summary = full();
        summary.ordering.retain(|row| row.phase.source == StampSource::Ntp);
        summary.ordering.iter_mut().for_each(|row| row.phase.source = StampSource::Physical(Algorithm::WelchLynch));
        let told = sentences(&summary, short);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("With welch-lynch how long a commit must wait is not proved"), "{told:?}");
    }

    #[test]
    fn what_nobody_knows_is_not_promised() {
        let mut summary = without_truth();
        assert!(sentences(&summary, short).is_empty());
        summary.ordering = full().ordering;
        summary.ordering.iter_mut().for_each(|row| row.inversions = None);
        let told = sentences(&summary, short);
        assert!(
            told[1].starts_with("With ntp how long a commit must wait is not proved; the state machine"),
            "{told:?}"
        );
    }
}
