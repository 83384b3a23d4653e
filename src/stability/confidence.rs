//! How sure a deviation is: its equivalent degrees of freedom, and the interval that follows from them.
//!
//! An estimate of variance from Gaussian noise behaves like χ² with ν degrees of freedom, ν = 2·mean²/variance of the
//! estimate. C. Greenhall and W. Riley (*Uncertainty of stability variances based on finite differences*, 35th PTTI, 2003)
//! give ν for all variances of differences of order d at once, from the generalised autocovariance of the differenced noise.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::deviation::Deviation;
use super::noise::Alpha;
use super::phase::Phase;

/// The share of all runs whose interval holds the true deviation, if the noise is as identified.
pub const CONFIDENCE: f64 = 0.95;

/// Beyond this a finer band limit changes nothing but the rounding: differences of the autocovariance would cancel.
const FINEST: usize = 4_096;
/// Terms of the autocovariance that are summed one by one at most; beyond, every so many-th stands for its neighbours.
const MOST_TERMS: usize = 4_096;

/// Equivalent degrees of freedom of `deviation` at τ = `m` steps in noise of power `alpha`. Pieces between gaps are
/// independent: theirs add up. `None` if there is no difference of that length.
pub fn degrees_of_freedom(deviation: Deviation, phase: &Phase, m: usize, alpha: Alpha) -> Option<f64> {
    let shape = Shape::of(deviation, m, alpha);
    let all = phase.segments.iter().filter_map(|segment| shape.degrees(segment.len()));
    let sum: f64 = all.sum();
    (sum > 0.0 && sum.is_finite()).then_some(sum)
}

/// The interval that holds the true deviation with [`CONFIDENCE`], from its estimate and degrees of freedom.
pub fn interval(value: f64, degrees: f64) -> Option<(f64, f64)> {
    let law = ChiSquared::new(degrees).ok()?;
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let at = |share: f64| value * (degrees / law.inverse_cdf(share)).sqrt();
    let (low, high) = (at(1.0 - tail), at(tail));
    (low.is_finite() && high.is_finite()).then_some((low, high))
}

/// What the autocovariance depends on: the paper's α, d, m, F and S.
struct Shape {
    alpha: i32,
    order: usize,
    m: usize,
    /// How many points are averaged.
    used: usize,
    /// F: phase is averaged over τ/F; `None`: not at all.
    filter: Option<f64>,
    stride: usize,
}

impl Shape {
    fn of(deviation: Deviation, m: usize, alpha: Alpha) -> Self {
        let least = if deviation.order() == 2 { -2 } else { -4 };
        let alpha = alpha.0.clamp(least, 2);
        // Averages over one point are no averages. Phase is sampled, not averaged; only phase noise needs a band limit.
        let filter = match deviation.is_modified() && m > 1 {
            true => Some(1.0),
            false => (alpha > 0).then_some(m.min(FINEST) as f64),
        };
        let used = if deviation.is_modified() { m } else { 1 };
        Self { alpha, order: deviation.order(), m, used, filter, stride: if deviation.overlaps() { m } else { 1 } }
    }

    fn degrees(&self, points: usize) -> Option<f64> {
        let length = self.used + self.m * self.order;
        let terms = 1 + self.stride * points.checked_sub(length)? / self.m;
        let reach = terms.min((self.order + 1) * self.stride);
        let first = self.autocovariance(0.0);
        let squared = |j: usize| (self.autocovariance(j as f64 / self.stride as f64) / first).powi(2);
        let weight = |j: usize| 2.0 * (1.0 - j as f64 / terms as f64);
        let every = reach.div_ceil(MOST_TERMS).max(1);
        let inner: f64 = (1..reach).step_by(every).map(|j| weight(j) * squared(j) * every as f64).sum();
        let sum = 1.0 + inner + weight(reach) / 2.0 * squared(reach);
        Some(terms as f64 / sum).filter(|degrees| *degrees > 0.0)
    }

    /// s_z: of the differenced noise at distance t, in units of τ.
    fn autocovariance(&self, t: f64) -> f64 {
        let s = |t: f64| self.averaged(t);
        match self.order {
            2 => 6.0 * s(t) - 4.0 * (s(t - 1.0) + s(t + 1.0)) + s(t - 2.0) + s(t + 2.0),
            _ => {
                20.0 * s(t) - 15.0 * (s(t - 1.0) + s(t + 1.0)) + 6.0 * (s(t - 2.0) + s(t + 2.0))
                    - s(t - 3.0)
                    - s(t + 3.0)
            }
        }
    }

    /// s_x: of the averaged phase.
    fn averaged(&self, t: f64) -> f64 {
        match self.filter {
            Some(filter) => {
                let step = 1.0 / filter;
                let s = |t: f64| generalised(t, self.alpha);
                filter * filter * (2.0 * s(t) - s(t - step) - s(t + step))
            }
            None => generalised(t, self.alpha + 2),
        }
    }
}

/// s_w: of the summed phase.
fn generalised(t: f64, alpha: i32) -> f64 {
    let t = t.abs();
    let logarithmic = |power: i32| if t > 0.0 { t.powi(power) * t.ln() } else { 0.0 };
    match alpha {
        2.. => -t,
        1 => logarithmic(2),
        0 => t.powi(3),
        -1 => -logarithmic(4),
        -2 => -t.powi(5),
        -3 => logarithmic(6),
        _ => t.powi(7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::normal::normal;
    use crate::model::{Purpose, Rng};
    use crate::stability::phase::Kind;

    /// Noise of frequency goes on between the points at which phase is sampled.
    const FINER: usize = 8;

    fn noise(seed: u64, sums: u32, points: usize) -> Phase {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 8);
        let finer = if sums > 0 { FINER } else { 1 };
        let mut x: Vec<f64> = (0..points * finer).map(|_| normal(&mut rng)).collect();
        for _ in 0..sums {
            let mut total = 0.0;
            x.iter_mut().for_each(|value| {
                total += *value;
                *value = total;
            });
        }
        Phase::of(Kind::Phase, x.into_iter().step_by(finer).map(Some), 1.0)
    }

    /// The formula against what it claims to be: 2·mean²/variance over many runs of real noise.
    #[test]
    fn degrees_of_freedom_are_those_of_simulated_noise() {
        for (sums, alpha) in [(0, Alpha(2)), (1, Alpha(0)), (2, Alpha(-2))] {
            let runs: Vec<Phase> = (0..600).map(|seed| noise(seed, sums, 65)).collect();
            for (deviation, m) in Deviation::ALL.into_iter().flat_map(|one| [(one, 1), (one, 4), (one, 12)]) {
                let squares: Vec<f64> =
                    runs.iter().map(|run| deviation.estimate(run, m).unwrap().value.powi(2)).collect();
                let mean = squares.iter().sum::<f64>() / 600.0;
                let variance = squares.iter().map(|square| (square - mean).powi(2)).sum::<f64>() / 599.0;
                let seen = 2.0 * mean * mean / variance;
                let told = degrees_of_freedom(deviation, &runs[0], m, alpha).unwrap();
                // The estimate of a variance from 600 runs is itself off by 6 % (one sigma), more in few degrees.
                let slack = if told < 8.0 { 0.4 } else { 0.25 };
                assert!((seen / told - 1.0).abs() < slack, "{} m {m} alpha {alpha:?}: {seen} {told}", deviation.name());
            }
        }
    }

    /// White frequency noise has ADEV in proportion to 1/√τ: nineteen intervals in twenty hold it.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        for m in [1_usize, 5, 16] {
            let truth = (FINER as f64 / m as f64).sqrt();
            let held = (0..500).filter(|seed| {
                let run = noise(1_000 + seed, 1, 129);
                let estimate = Deviation::Oadev.estimate(&run, m).unwrap();
                let degrees = degrees_of_freedom(Deviation::Oadev, &run, m, Alpha::WHITE_FREQUENCY).unwrap();
                let (low, high) = interval(estimate.value, degrees).unwrap();
                (low..=high).contains(&truth)
            });
            let held = held.count();
            assert!((460..=490).contains(&held), "{held} of 500 at m = {m}");
        }
    }

    #[test]
    fn pieces_between_gaps_add_up() {
        let whole = noise(1, 1, 100);
        let parts = Phase { segments: vec![whole.segments[0].clone(); 3], step_s: 1.0 };
        let degrees = |phase: &Phase| degrees_of_freedom(Deviation::Oadev, phase, 3, Alpha(0)).unwrap();
        assert!((degrees(&parts) - 3.0 * degrees(&whole)).abs() < 1e-9);
        assert_eq!(degrees_of_freedom(Deviation::Oadev, &whole, 50, Alpha(0)), None);
    }
}
