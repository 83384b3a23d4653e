//! The values of an analysed run.

use super::bootstrap::{Resampled, block_cells, resample};
use super::columns::{ARCS, Better, Clock, Measure, ORDERING, SUMMARY, Source};
use super::conditions::{Conditions, RunConditions};
use super::{Kind, Run, Value, Within};
use crate::analysis::Summary;
use crate::ids::Algorithm;
use crate::time::NANOS_PER_SECOND;

/// More algorithms than there are, so that each of each run has a stream of draws of its own.
const STREAMS: u64 = 256;

/// The run of `summary`. `place` is the run's place among all that are compared: no two may be drawn alike.
pub fn run(name: &str, summary: &Summary, place: u64) -> Run {
    let clocks = Algorithm::ALL.into_iter().flat_map(|algorithm| of_clock(summary, algorithm, place));
    let arcs = values(ARCS, Kind::Arcs, "all arcs", summary.arcs.as_slice(), None);
    let ordering = summary.ordering.iter().flat_map(|row| {
        let subject = format!("{} {}", row.phase.source.name(), row.phase.load.name());
        values(ORDERING, Kind::Ordering, &subject, row, None)
    });
    Run {
        name: name.to_owned(),
        conditions: Conditions::Run(Box::new(RunConditions::of(summary))),
        values: clocks.chain(arcs).chain(ordering).collect(),
    }
}

fn of_clock(summary: &Summary, algorithm: Algorithm, place: u64) -> Vec<Value> {
    let Some(row) = summary.row(algorithm) else { return Vec::new() };
    let promised = algorithm == Algorithm::Lamport;
    let tightness = summary.promise.filter(|_| promised).and_then(|promise| promise.tightness);
    let bounds = summary.bounds().filter(|_| promised);
    let clock = Clock { row: row.clone(), bounds, tightness, verdict: summary.verdict };
    let eps = resampled(summary, algorithm, place * STREAMS + algorithm as u64);
    let mut found = values(SUMMARY, Kind::Summary, algorithm.name(), &clock, eps.as_ref());
    if algorithm == Algorithm::Free {
        // A lab injects it: the control, which nothing under test can make better or worse.
        found.iter_mut().for_each(|value| value.column.better = Better::Neither);
    }
    found
}

/// Eps of the window, drawn again in blocks; `None` if the window has too few blocks.
fn resampled(summary: &Summary, algorithm: Algorithm, stream: u64) -> Option<[Resampled; 3]> {
    let cells = || summary.series.cells.iter().filter(|cell| cell.algorithm == algorithm);
    let duration = summary.duration?;
    let warm_s = summary.warm_up?.as_seconds();
    let series: Vec<f64> = cells().filter(|cell| cell.t_s >= warm_s).map(|cell| cell.eps_ns).collect();
    let cell_ns = duration.as_seconds() * NANOS_PER_SECOND as f64 / cells().count().max(1) as f64;
    let block = block_cells(series.len(), cell_ns, summary.facts.tau.0)?;
    Some(resample(&series, block, stream))
}

fn values<T: ?Sized>(
    measures: &[Measure<T>],
    kind: Kind,
    subject: &str,
    from: &T,
    eps: Option<&[Resampled; 3]>,
) -> Vec<Value> {
    let value = |measure: &Measure<T>| {
        let value = (measure.pick)(from).filter(|value| value.is_finite())?;
        let within = match (measure.source, eps) {
            (Source::Fact, _) => Within::Exact,
            (Source::Eps(statistic), Some(eps)) => Within::Resampled(eps[statistic as usize].clone()),
            (Source::Eps(_) | Source::Repeats, _) => Within::Nothing,
        };
        Some(Value { kind, subject: subject.to_owned(), column: measure.column, value, within })
    };
    measures.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::summarise;
    use crate::analysis::testing::{MS, end, mesh};

    #[test]
    fn a_run_has_its_values_and_a_spread_for_eps() {
        let mut runs = mesh(&[0, 30_000]);
        runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
        let found = run("a", &summarise("run-1", &runs), 0);
        let value = |subject: &str, column: &str| {
            found.values.iter().find(|value| value.subject == subject && value.column.name == column).unwrap()
        };
        assert_eq!(value("lamport", "eps_true_ns_max").value, 30_000.0);
        assert!(matches!(&value("lamport", "eps_true_ns_max").within, Within::Resampled(all) if all.blocks == 7));
        assert_eq!(value("lamport", "eps_true_ns_max").column.better, Better::Lower);
        assert_eq!(value("free", "eps_true_ns_max").column.better, Better::Neither);
        assert_eq!(value("lamport", "within_bound").value, 1.0);
        assert_eq!(value("lamport", "within_bound").within, Within::Exact);
        assert_eq!(value("lamport", "bound_safe_ns").value, 160_024.0);
        assert_eq!(
            (value("all arcs", "lost_share").value, &value("all arcs", "lost_share").within),
            (0.0, &Within::Nothing)
        );
        assert!(!found.values.iter().any(|value| value.subject == "ntp" && value.column.name == "within_bound"));
        assert!(run("nothing", &Summary::default(), 0).values.len() <= ARCS.len());
    }
}
