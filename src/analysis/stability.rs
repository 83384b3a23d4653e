//! How stable each clock of a run was over spans of any length: its readings against true time, after the warm-up.

use super::series::{Cell, Series};
use super::summary::Summary;
use crate::ids::{Algorithm, NodeId};
use crate::stability::phase::Kind;
use crate::stability::{Curves, Phase};
use crate::time::{NANOS_PER_SECOND, Nanos};

/// With more nodes than this, nobody reads a curve for each.
const MOST_NODES: usize = 40;
/// Fewer samples than this make no curve.
const LEAST_SAMPLES: usize = 16;

/// One clock's curves.
#[derive(Clone, PartialEq, Debug)]
pub struct Stable {
    /// Which algorithm's clock.
    pub algorithm: Algorithm,
    /// On which node.
    pub node: NodeId,
    /// Its deviations and excursions, reading minus true time being its phase.
    pub curves: Curves,
}

impl Summary {
    /// Adds how stable each clock was after the warm-up. Cost: that of some eighty passes over the series for each clock,
    /// so that only reports ask for it.
    pub fn steady(&mut self) {
        self.stability = of(&self.series, self.warm_up.map_or(0.0, Nanos::as_seconds));
    }
}

/// The curves of every clock from `warm_up_s` on, sampled where the series is. None with more than forty nodes, or in a
/// run that is too short.
fn of(series: &Series, warm_up_s: f64) -> Vec<Stable> {
    if series.nodes.len() > MOST_NODES {
        return Vec::new();
    }
    let settled = |algorithm| series.of(algorithm).filter(|cell| cell.t_s >= warm_up_s).collect::<Vec<&Cell>>();
    let mut all = Vec::new();
    for algorithm in Algorithm::ALL {
        let cells = settled(algorithm);
        let step_s = cells.first().zip(cells.last()).map_or(0.0, |(first, last)| last.t_s - first.t_s);
        if cells.len() < LEAST_SAMPLES {
            continue;
        }
        let step_s = step_s / (cells.len() - 1) as f64;
        for (index, node) in series.nodes.iter().enumerate() {
            let error = |cell: &&Cell| cell.ahead_ns.get(index).map(|ahead| ahead / NANOS_PER_SECOND as f64);
            let curves = Curves::without_intervals(&Phase::of(Kind::Phase, cells.iter().map(error), step_s));
            all.push(Stable { algorithm, node: *node, curves });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::Statistic;

    fn series(nodes: u32, cells: usize) -> Series {
        let cell = |index: usize| Cell {
            algorithm: Algorithm::Free,
            t_s: index as f64 * 0.5,
            eps_ns: 0.0,
            ahead_ns: (0..nodes).map(|node| f64::from(node) * 50e3 * index as f64 * 0.5).collect(),
        };
        Series { algorithms: 1, nodes: (0..nodes).map(NodeId).collect(), cells: (0..cells).map(cell).collect() }
    }

    #[test]
    fn a_clock_that_drifts_strays_by_its_drift_and_has_no_deviation() {
        let all = of(&series(2, 100), 10.0);
        assert_eq!(all.len(), 2);
        let mtie: Vec<f64> =
            all[1].curves.of_statistic(Statistic::Mtie).map(|row| row.estimate.value / row.tau_s).collect();
        assert!(!mtie.is_empty() && mtie.iter().all(|rate| (rate - 50e-6).abs() < 1e-12), "{mtie:?}");
        let first = all[1].curves.rows.first().unwrap();
        assert!((first.tau_s - 0.5).abs() < 1e-12 && first.estimate.value < 1e-12, "{first:?}");
    }

    #[test]
    fn short_runs_and_crowds_have_no_curves() {
        assert!(of(&series(2, 100), 45.0).is_empty());
        assert!(of(&series(41, 100), 0.0).is_empty());
        assert!(of(&Series::default(), 0.0).is_empty());
    }
}
