//! Bounds as two systems of today state them, for comparison: pure functions of what such a system would have measured.
//!
//! [`clock_bound`] is a worst case under its premises (AWS ClockBound: |correction| + root dispersion + root delay/2, growing
//! at a drift limit); [`Window`] is a statistic (Meta's fbclock: means and deviations over a window, times factors). Neither
//! is a proof: score their coverage. Spans are in ns, rates dimensionless or in ppb as said. Sources: their code, read and
//! restated here.

use super::ErrorBound;
use crate::time::{Nanos, Ppb, Rate};

/// The bound of ClockBound: |clock − true time| at the moment of the update, growing at `max_drift` from then on. ClockBound's
/// daemon takes 1 ppm for `max_drift` unless told otherwise, which its own comment calls very wrong for common oscillators;
/// its documentation says 50. `correction` is what the clock still has to be slewed by, `phc_error` what a hardware clock
/// states beside.
pub fn clock_bound(
    correction: Nanos,
    root_dispersion: Nanos,
    root_delay: Nanos,
    phc_error: Nanos,
    max_drift: Ppb,
) -> ErrorBound {
    let half = Nanos(root_delay.0 / 2 + root_delay.0 % 2);
    let initial = correction.abs() + root_dispersion + half + phc_error;
    ErrorBound { initial, growth: Rate::from_ppb(max_drift.abs()) }
}

/// How many updates fbclock looks back.
const WINDOW: usize = 100;
/// Weight of the deviation of offsets.
const OFFSET_DEVIATIONS: f64 = 1.0;
/// Weight of the deviation of what was stated before.
const STATED_DEVIATIONS: f64 = 4.0;
/// Weight of the mean change of frequency.
const DRIFT_FACTOR: f64 = 1.5;

/// What fbclock remembers: the last hundred updates, and as many of its own statements.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Window {
    accuracies: Vec<f64>,
    offsets: Vec<f64>,
    frequencies_ppb: Vec<f64>,
    stated: Vec<f64>,
}

impl Window {
    /// An update: the master's stated accuracy and the measured offset, in ns, and the frequency correction, in ppb.
    pub fn add(&mut self, accuracy: Nanos, offset: Nanos, frequency_ppb: f64) {
        push(&mut self.accuracies, accuracy.0 as f64);
        push(&mut self.offsets, offset.0 as f64);
        push(&mut self.frequencies_ppb, frequency_ppb);
        let (accuracies, offsets) = (&self.accuracies, &self.offsets);
        let m = mean(accuracies) + mean(offsets).abs() + OFFSET_DEVIATIONS * deviation(offsets);
        push(&mut self.stated, m);
    }

    /// The window of uncertainty: M = mean(accuracy) + |mean(offset)| + deviation(offset) at each update, W = mean(M) +
    /// 4 deviation(M) over a window of them, growing at 1.5 times the mean size of the changes of frequency. `None` before
    /// the first update. While few updates are known fbclock takes a larger factor than 4, which is left out here.
    pub fn bound(&self) -> Option<ErrorBound> {
        let initial = mean(&self.stated) + STATED_DEVIATIONS * deviation(&self.stated);
        let changes: Vec<f64> = self.frequencies_ppb.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        let growth = Rate::from_ratio(DRIFT_FACTOR * mean(&changes) * 1e-9);
        (!self.stated.is_empty()).then_some(ErrorBound { initial: Nanos(initial.ceil() as i64), growth })
    }
}

fn push(values: &mut Vec<f64>, value: f64) {
    if values.len() >= WINDOW {
        values.remove(0);
    }
    values.push(value);
}

/// The mean; zero of nothing.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The standard deviation of a sample, over n − 1; zero of fewer than two.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/theory.md §6: 20 µs to be slewed, 30 µs of dispersion, 100 µs of delay, at 50 ppm for 16 s: 100 µs + 800 µs.
    #[test]
    fn clock_bound_adds_correction_dispersion_and_half_the_delay_and_ages() {
        let us = Nanos::from_micros;
        let bound = clock_bound(us(-20), us(30), us(100), Nanos::ZERO, Ppb(50_000));
        assert_eq!(bound.initial, us(100));
        assert!((bound.growth.over(Nanos::from_seconds(16)).0 - 800_000).abs() <= 20);
        assert_eq!(
            clock_bound(Nanos(1), Nanos(2), Nanos(5), Nanos(7), Ppb(0)).initial,
            Nanos(13),
            "halves are rounded up"
        );
    }

    /// Two updates by hand: M = 25 + 10 + 0 = 35, then 25 + 20 + sqrt(200) = 59.142; W = 47.071 + 4 · 17.071 = 115.355.
    #[test]
    fn the_window_of_uncertainty_is_that_of_its_formula() {
        let mut window = Window::default();
        assert_eq!(window.bound(), None);
        window.add(Nanos(25), Nanos(10), 3.0);
        assert_eq!(window.bound().map(|bound| (bound.initial, bound.growth)), Some((Nanos(35), Rate::ZERO)));
        window.add(Nanos(25), Nanos(30), -1.0);
        let bound = window.bound().unwrap();
        assert_eq!(bound.initial, Nanos(116));
        assert!((bound.growth.as_ratio() - 6e-9).abs() < 1e-12, "1.5 · 4 ppb");
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::default();
        window.add(Nanos(25), Nanos(1_000_000), 500.0);
        (0..2 * WINDOW).for_each(|_| window.add(Nanos(25), Nanos(0), 0.0));
        assert_eq!(window.bound(), Some(ErrorBound { initial: Nanos(25), growth: Rate::ZERO }));
        assert_eq!(window.offsets.len(), WINDOW);
    }
}
