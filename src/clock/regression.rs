//! A weighted regression over the latest samples, as long as they lie on a line: what chrony does (docs/theory.md §5).
//!
//! Estimates the offset of the reference's clock (reference − local, nanoseconds, positive when the reference is ahead)
//! and its rate against the local clock. Inputs: exchanges with the reference. Outputs: a [`Reading`] that slews, never
//! jumps, and an [`ErrorBound`] of half the least round trip plus three standard errors. Assumptions: delays are about
//! the same both ways, and the rate is constant over the samples kept; how many that are, the runs test decides. Cost
//! an exchange: at most 61 fits of at most 64 samples, mostly one; 2 kB.
//!
//! Source: the method of chrony 4's `sourcestats` and `regress` as documented and measured, not its code. Departures:
//! samples are offsets to the never-corrected local clock, so that no correction needs to be undone in them; no
//! dispersion of remote clocks; a correction is slewed in a quarter of the poll interval, and not by
//! a controller of its own; the runs test's critical value is computed, not tabulated.

use super::slew;
use super::{Change, Clock, ErrorBound, Reading};
use crate::affine::{Line, shifted};
use crate::ids::{Algorithm, NodeId};
use crate::probe::Exchange;
use crate::probe::exchange::Sample;
use crate::time::{Local, Nanos, Ppb, Rate, Time};

/// So many samples are kept at most.
const CAPACITY: usize = 64;
/// The runs test leaves at least so many, and fewer give no rate.
const ENOUGH: usize = 3;
/// A median of delays this share above the least one makes the scale of the weights (0.7 is about ln 2).
const MEDIAN_SHARE: f64 = 2.1;
/// The least scale of the weights: a stamp's precision, in seconds.
const PRECISION: f64 = 1e-7;
/// A slew takes this share of the time between exchanges, and no longer than [`LONGEST_SLEW`].
const SLEW_SHARE: i64 = 4;
const LONGEST_SLEW: Nanos = Nanos::from_seconds(1);
/// chrony's max_clock_error: how fast the bound grows beside the rate's own error.
const MAX_CLOCK_ERROR: Rate = Rate::from_ppb(Ppb(1_000));
/// The claimed bound is so many standard errors.
const CLAIMED_DEVIATIONS: f64 = 3.0;
/// One-sided 5 % of the normal distribution.
const FIVE_PERCENT: f64 = 1.645;

/// One exchange: the local clock midway, the offset there, and the round trip.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Point {
    epoch: Time<Local>,
    sample: Sample,
}

/// A line through points, at the latest epoch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fit {
    /// Offset at the latest epoch, in seconds.
    pub intercept: f64,
    /// Rate, dimensionless.
    pub slope: f64,
    /// Standard error of the intercept, in seconds.
    pub intercept_error: f64,
    /// Standard error of the slope.
    pub slope_error: f64,
}

/// Weighted least squares through (x, y, w), weights 1/w: with u the weighted mean of x,
/// `slope = sum y (x − u)/w / sum (x − u)²/w`, and errors from the residuals' mean square over n − 2. `None` with fewer
/// than three points or if all x are equal. The intercept is that at x = 0.
pub fn fit(points: &[(f64, f64, f64)]) -> Option<Fit> {
    let sum = |term: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(term).sum::<f64>();
    let total = sum(&|p| 1.0 / p.2);
    let middle = sum(&|p| p.0 / p.2) / total;
    let spread = sum(&|p| (p.0 - middle) * (p.0 - middle) / p.2);
    let slope = sum(&|p| p.1 * (p.0 - middle) / p.2) / spread;
    let intercept = sum(&|p| p.1 / p.2) / total - slope * middle;
    let residual = |p: &(f64, f64, f64)| p.1 - intercept - slope * p.0;
    let variance = sum(&|p| residual(p) * residual(p) / p.2) / (points.len() as f64 - 2.0);
    (points.len() >= ENOUGH && spread > 0.0).then(|| Fit {
        intercept,
        slope,
        intercept_error: (variance / total + middle * middle * variance / spread).sqrt(),
        slope_error: (variance / spread).sqrt(),
    })
}

/// The most runs of equal signs that `count` residuals have by chance in fewer than 5 % of cases: the changes of sign
/// are binomial with n − 1 trials of 1/2, here by its normal approximation. With fewer than eight residuals nothing is
/// unlikely enough.
pub fn critical_runs(count: usize) -> usize {
    if count < 8 {
        return 0;
    }
    let changes = (count - 1) as f64;
    (1.0 + changes / 2.0 - FIVE_PERCENT * changes.sqrt() / 2.0) as usize
}

/// How many runs of equal signs there are.
fn runs(residuals: impl Iterator<Item = f64>) -> usize {
    let signs: Vec<bool> = residuals.map(|residual| residual < 0.0).collect();
    usize::from(!signs.is_empty()) + signs.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// The chrony-style clock.
#[derive(Clone, Debug)]
pub struct Regression {
    reference: NodeId,
    reading: Reading,
    /// Oldest first. Up to as many again as are fitted stay, since the runs test looks at twice the fit's span.
    points: Vec<Point>,
    /// How many of the latest points are fitted.
    fitted: usize,
    fit: Option<(Time<Local>, Fit)>,
}

impl Regression {
    /// A clock that follows `reference` and knows nothing of it yet.
    pub fn new(reference: NodeId) -> Self {
        Self { reference, reading: Reading::LOCAL, points: Vec::new(), fitted: 0, fit: None }
    }

    fn push(&mut self, point: Point) {
        self.points.push(point);
        self.fitted = (self.fitted + 1).min(CAPACITY);
        let excess = self.points.len().saturating_sub(2 * self.fitted);
        self.points.drain(..excess);
    }

    /// x is the time since the latest epoch (not positive), y the offset beyond the latest one, w the weight variable
    /// s², s = 1 + the one-way delay beyond the least one in units of the delays' scale.
    fn weighted(&self) -> Vec<(f64, f64, f64)> {
        let Some(last) = self.points.last() else { return Vec::new() };
        let mut distances: Vec<f64> = self.latest().iter().map(|p| p.sample.delay.as_seconds() / 2.0).collect();
        distances.sort_unstable_by(f64::total_cmp);
        let (least, median) = (distances[0], distances[distances.len() / 2]);
        let scale = ((median - least) / MEDIAN_SHARE).min(least).max(PRECISION);
        let weighted = |point: &Point| {
            let beyond = (point.sample.delay.as_seconds() / 2.0 - least - PRECISION).max(0.0);
            let s = 1.0 + beyond / scale;
            let y = (point.sample.offset - last.sample.offset).as_seconds();
            ((point.epoch - last.epoch).as_seconds(), y, s * s)
        };
        self.points.iter().map(weighted).collect()
    }

    fn latest(&self) -> &[Point] {
        &self.points[self.points.len() - self.fitted.min(self.points.len())..]
    }

    /// Fits a line, and leaves old samples out until the residuals have runs enough.
    fn refit(&mut self) -> Option<Fit> {
        loop {
            let points = self.weighted();
            let from = points.len() - self.fitted;
            let found = fit(&points[from..])?;
            let looked_at = &points[points.len().saturating_sub(2 * self.fitted)..];
            let residuals = looked_at.iter().map(|(x, y, _)| y - found.intercept - found.slope * x);
            if self.fitted <= ENOUGH || runs(residuals) > critical_runs(looked_at.len()) {
                return Some(found);
            }
            self.fitted -= 1;
        }
    }

    fn least_delay(&self) -> Nanos {
        self.latest().iter().map(|point| point.sample.delay).min().unwrap_or(Nanos::ZERO)
    }

    /// The line that the latest samples tell of: at first just the offset.
    fn target(&mut self, point: &Point) -> Line<Local, crate::time::Synced> {
        let Some(found) = self.refit() else {
            let rate = self.reading.rate_at(point.epoch);
            let rate = if self.reading.then.is_some() { Rate::ZERO } else { rate };
            return Line { start: point.epoch, value: shifted(point.epoch, point.sample.offset), rate };
        };
        self.fit = Some((point.epoch, found));
        let ahead = point.sample.offset + Nanos((found.intercept * 1e9).round() as i64);
        Line { start: point.epoch, value: shifted(point.epoch, ahead), rate: Rate::from_ratio(found.slope) }
    }

    fn interval(&self) -> Nanos {
        match self.points.as_slice() {
            [.., before, last] => (last.epoch - before.epoch).max(Nanos(1)),
            _ => LONGEST_SLEW.times(SLEW_SHARE),
        }
    }

    /// Half the least round trip, three standard errors, and what is still to be slewed away.
    fn bound(&self, at: Time<Local>, slewing: Nanos) -> Option<ErrorBound> {
        let (_, found) = self.fit?;
        let initial = self.least_delay().over(2) + scaled(self.deviation(at)?, CLAIMED_DEVIATIONS) + slewing.abs();
        let growth = Rate::from_ratio(CLAIMED_DEVIATIONS * found.slope_error) + MAX_CLOCK_ERROR;
        Some(ErrorBound { initial, growth })
    }
}

fn scaled(span: Nanos, factor: f64) -> Nanos {
    Nanos((span.0 as f64 * factor).round() as i64)
}

impl Clock for Regression {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Regression
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        let (epoch, found) = self.fit?;
        Some(Nanos(((found.intercept_error + found.slope_error * (at - epoch).as_seconds()) * 1e9).round() as i64))
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        if exchange.peer != self.reference {
            return None;
        }
        let [t1, _, _, t4] = exchange.stamps();
        let point = Point { epoch: t1 + (t4 - t1).over(2), sample: exchange.sample() };
        self.push(point);
        let target = self.target(&point);
        let slewing = target.at(at) - self.reading.at(at);
        let span = self.interval().over(SLEW_SHARE).min(LONGEST_SLEW);
        self.reading = slew::towards(&self.reading, at, &target, span);
        Some(Change { reading: self.reading, stepped: false, bound: self.bound(at, slewing), event: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_give_the_textbook_line_and_its_errors() {
        // Anscombe's first set (The American Statistician 27, 1973): 3.0001 + 0.5001 x, errors 1.1247 and 0.1179.
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let points: Vec<_> = x.into_iter().zip(y).map(|(x, y)| (x, y, 1.0)).collect();
        let found = fit(&points).expect("eleven points");
        for (value, expected) in [
            (found.intercept, 3.0001),
            (found.slope, 0.5001),
            (found.intercept_error, 1.1247),
            (found.slope_error, 0.1179),
        ] {
            assert!((value - expected).abs() < 1e-4, "{value} {expected}");
        }
    }

    #[test]
    fn a_weight_is_a_variance() {
        // A point of four times the variance counts as a quarter of a point.
        let one = [(0.0, 1.0, 4.0), (1.0, 2.0, 1.0), (2.0, 2.0, 1.0), (3.0, 5.0, 1.0)];
        let mut four = vec![(0.0, 1.0, 1.0)];
        four.extend((1..4).flat_map(|k| std::iter::repeat_n((one[k].0, one[k].1, 1.0), 4)));
        let (one, four) = (fit(&one).expect("four"), fit(&four).expect("thirteen"));
        assert!((one.slope - four.slope).abs() < 1e-12 && (one.intercept - four.intercept).abs() < 1e-12);
        assert_eq!(fit(&[(0.0, 1.0, 1.0), (1.0, 1.0, 1.0)]), None);
        assert_eq!(fit(&[(1.0, 1.0, 1.0); 5]), None);
    }

    #[test]
    fn critical_runs_are_those_of_the_binomial_distribution() {
        // The largest number of runs that n fair signs stay within in fewer than 5 % of cases.
        let exact = |n: u32| {
            let (mut below, mut ways, mut runs) = (0.0, 1.0_f64, 0);
            for changes in 0..n {
                below += ways / f64::from(n - 1).exp2();
                if below >= 0.05 {
                    break;
                }
                runs = changes + 1;
                ways *= f64::from(n - 1 - changes) / f64::from(changes + 1);
            }
            runs as usize
        };
        for n in 8..128 {
            assert!(
                critical_runs(n as usize).abs_diff(exact(n)) <= 1,
                "{n}: {} {}",
                critical_runs(n as usize),
                exact(n)
            );
        }
        assert_eq!(runs([1.0, 2.0, -1.0, -3.0, 0.5].into_iter()), 3);
    }
}
