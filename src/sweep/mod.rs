//! A grid of simulated runs: one scenario with some of its values varied, several seeds for each point, and what follows.
//! Pure: threads, files and progress are the program's.
//!
//! Reading order: [`key`] (what can be varied), [`values`] (how values are written), [`grid`] (the points), [`measured`]
//! (one run's numbers), [`point`] (a point's numbers over its seeds), [`mod@line`] (points that differ in one key), [`knee`]
//! (where a line bends), [`csv`], [`answer`] and [`page`] (how it is told). [`price`] is what can be varied of a workload.

pub mod answer;
pub mod csv;
pub mod grid;
pub mod key;
pub mod knee;
pub mod line;
pub mod measured;
pub mod page;
pub mod point;
pub mod price;
#[cfg(test)]
pub(crate) mod testing;
pub mod values;

use crate::analysis::Verdict;
pub use grid::{Axis, Grid};
pub use key::Key;
pub use measured::{Measured, measure};
pub use point::Point;

/// Everything that a sweep came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Sweep {
    /// Name of the scenario's text.
    pub scenario: String,
    /// Shape of the scenario's topology.
    pub topology: String,
    /// What was varied.
    pub grid: Grid,
    /// Each point was run with so many seeds.
    pub seeds: u32,
    /// The first of them; the others follow it.
    pub first_seed: u64,
    /// The points that are finished, in the order of the grid.
    pub points: Vec<Point>,
}

impl Sweep {
    /// How many points have a seed with this verdict.
    pub fn points_with(&self, verdict: Verdict) -> usize {
        let place = [Verdict::Within, Verdict::Violated, Verdict::Unknown].iter().position(|it| *it == verdict);
        self.points.iter().filter(|point| place.is_some_and(|place| point.verdicts[place] > 0)).count()
    }

    /// Whether every point of the grid is finished.
    pub fn is_complete(&self) -> bool {
        self.points.len() == self.grid.len()
    }

    /// The worst that any run came to: violated, else unknown (also where points are missing), else within.
    pub fn verdict(&self) -> Verdict {
        if self.points_with(Verdict::Violated) > 0 {
            Verdict::Violated
        } else if self.points_with(Verdict::Unknown) > 0 || !self.is_complete() {
            Verdict::Unknown
        } else {
            Verdict::Within
        }
    }
}
