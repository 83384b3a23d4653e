//! At which instants a run is certified, and how much of it is looked at for each: one rule for reports and for
//! `skewbench check`, so that both give the same intervals.

use super::Parameters;
use crate::analysis::summarise::settling;
use crate::time::Nanos;

/// The grid takes so many steps in a run, if they are no shorter than [`FINEST`] and no longer than [`COARSEST`].
const STEPS: i64 = 80;
const FINEST: Nanos = Nanos::from_millis(125);
const COARSEST: Nanos = Nanos::from_seconds(1);
/// Windows are no shorter.
const SHORTEST_WINDOW: Nanos = Nanos::from_seconds(2);
/// A window has so many steps of the grid at least, half of them before its instant and half after it.
const STEPS_A_WINDOW: i64 = 4;
/// And so many probe periods, so that some lost messages do not empty it.
const PERIODS_A_WINDOW: i64 = 4;

/// Instants, windows, and what does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// From one instant to the next.
    pub grid: Nanos,
    /// How much of the run is looked at for one of them, half before and half after it.
    pub window: Nanos,
    /// What of the run's beginning does not count.
    pub warm_up: Nanos,
}

impl Schedule {
    /// Of a run of this length whose nodes send a probe every `tau`: an eightieth of it from one instant to the next
    /// (125 ms to 1 s), windows of 4 steps and 4 tau and 2 s at the least, and 3 s of warm-up, or a third of a shorter run.
    pub fn of(length: Nanos, tau: Nanos) -> Self {
        Self::on(length.over(STEPS).clamp(FINEST, COARSEST), length, tau)
    }

    /// The same with instants `grid` apart.
    pub fn on(grid: Nanos, length: Nanos, tau: Nanos) -> Self {
        let window = SHORTEST_WINDOW.max(grid.times(STEPS_A_WINDOW)).max(tau.times(PERIODS_A_WINDOW));
        Self { grid, window, warm_up: settling(length) }
    }

    /// These assumptions, looked at by this schedule.
    pub fn apply(self, to: Parameters) -> Parameters {
        let Self { grid, window, warm_up } = self;
        Parameters { grid, window, warm_up, ..to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_some_steps_and_some_periods_of_any_run() {
        let of = |length_s: i64, tau_ms: i64| {
            let found = Schedule::of(Nanos::from_seconds(length_s), Nanos::from_millis(tau_ms));
            [found.grid, found.window, found.warm_up].map(|span| span.0 / 1_000_000)
        };
        assert_eq!(of(10, 100), [125, 2_000, 3_000]);
        assert_eq!(of(6, 100), [125, 2_000, 2_000]);
        assert_eq!(of(60, 100), [750, 3_000, 3_000]);
        assert_eq!(of(86_400, 100), [1_000, 4_000, 3_000]);
        assert_eq!(of(60, 5_000), [750, 20_000, 3_000]);
        assert_eq!(of(0, 0), [125, 2_000, 0]);
        let hostile = Schedule::of(Nanos::MAX, Nanos::MAX);
        assert_eq!((hostile.grid, hostile.window), (COARSEST, Nanos::MAX));
    }
}
