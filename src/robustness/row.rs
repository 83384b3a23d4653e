//! What a disturbance did to one clock over all seeds.

use super::disturbance::Disturbance;
use super::measure::Measured;
use crate::ids::Algorithm;
use crate::time::Nanos;

/// A row of the table. The worst of the seeds where a seed can be worse, their median elsewhere.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// What happened.
    pub disturbance: Disturbance,
    /// To which clock.
    pub algorithm: Algorithm,
    /// How many seeds were run.
    pub seeds: usize,
    /// In how many of them eps came back and stayed.
    pub seeds_recovered: usize,
    /// Median over time of eps before; median over seeds.
    pub before: Option<Nanos>,
    /// Largest eps from the disturbance's beginning on, of any seed.
    pub worst: Option<Nanos>,
    /// See [`Measured::recovered`]: the latest of any seed; `None` if there is none in some seed.
    pub recovered: Option<Nanos>,
    /// Share of the time in which clocks state a bound on their distance to the reference, or to every clock where they
    /// follow none, in which it holds; `None` of clocks that state none. Over all seeds.
    pub coverage: Option<f64>,
    /// Median over time of the stated bound; median over seeds.
    pub claim: Option<Nanos>,
    /// Discontinuities of all judged clocks from settling on, the most of any seed.
    pub steps: u64,
}

impl Row {
    /// The row of what was measured, one value a seed.
    pub fn of(disturbance: Disturbance, algorithm: Algorithm, measured: &[Measured]) -> Self {
        let times: Option<Vec<Nanos>> = measured.iter().map(|run| run.recovered).collect();
        let sum = |of: fn(&Measured) -> f64| measured.iter().map(of).sum::<f64>();
        let stated = sum(|run| run.stated);
        Self {
            disturbance,
            algorithm,
            seeds: measured.len(),
            seeds_recovered: measured.iter().filter(|run| run.recovered.is_some()).count(),
            before: median(measured.iter().map(|run| run.before).collect()),
            worst: measured.iter().map(|run| run.worst).max(),
            recovered: times.and_then(|times| times.into_iter().max()),
            coverage: (stated > 0.0).then(|| sum(|run| run.covered) / stated),
            claim: median(measured.iter().filter_map(|run| run.claim).collect()),
            steps: measured.iter().map(|run| run.steps).max().unwrap_or(0),
        }
    }
}

/// The lower median.
fn median(mut spans: Vec<Nanos>) -> Option<Nanos> {
    spans.sort_unstable();
    spans.get(spans.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_seed_decides_and_one_that_never_recovers_hides_no_other() {
        let run = |recovered: Option<i64>, covered| Measured {
            before: Nanos(10),
            worst: Nanos(recovered.unwrap_or(99)),
            recovered: recovered.map(Nanos),
            covered,
            stated: 100.0,
            claim: Some(Nanos(7)),
            steps: 2,
        };
        let row = |runs: &[Measured]| Row::of(Disturbance::Loss, Algorithm::Ntp, runs);
        let all = row(&[run(Some(5), 100.0), run(Some(8), 50.0)]);
        assert_eq!((all.recovered, all.worst, all.coverage), (Some(Nanos(8)), Some(Nanos(8)), Some(0.75)));
        let some = row(&[run(Some(5), 100.0), run(None, 100.0)]);
        assert_eq!((some.recovered, some.seeds_recovered, some.seeds), (None, 1, 2));
        assert_eq!((row(&[]).coverage, row(&[]).before), (None, None));
    }
}
