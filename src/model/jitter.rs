//! How much longer than its minimum a delay is: distributions, and bursts in time.

use serde::{Deserialize, Serialize};

use super::normal::normal;
use super::rng::{Purpose, Rng};
use crate::real::{exp, ln};
use crate::time::Nanos;

/// No draw is longer: an hour.
const LONGEST: f64 = 3.6e12;

/// The part of a delay beyond its minimum. Every distribution begins at zero.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Jitter {
    /// Always the same.
    Constant {
        /// How much.
        span: Nanos,
    },
    /// Evenly between zero and a limit.
    Uniform {
        /// The limit.
        limit: Nanos,
    },
    /// Exponential: a queue with little traffic.
    Exponential {
        /// The mean.
        mean: Nanos,
    },
    /// Gamma: a path through several queues.
    Gamma {
        /// The mean.
        mean: Nanos,
        /// The shape, without unit; one is the exponential distribution.
        shape: f64,
    },
    /// Log-normal: what long paths show.
    LogNormal {
        /// The median.
        median: Nanos,
        /// Standard deviation of the logarithm, without unit.
        sigma: f64,
    },
    /// Pareto, shifted so that it begins at zero (Lomax): a heavy tail.
    Pareto {
        /// The scale: the median is (2^(1/alpha) − 1) times it.
        scale: Nanos,
        /// The tail's exponent, without unit: the smaller, the heavier.
        alpha: f64,
    },
}

impl Jitter {
    /// A draw.
    pub fn draw(&self, rng: &mut Rng) -> Nanos {
        let size = |span: Nanos| span.0.max(0) as f64;
        let ns = match *self {
            Self::Constant { span } => return span.max(Nanos::ZERO),
            Self::Uniform { limit } => return Nanos(rng.below(limit.0.max(0) as u64 + 1) as i64),
            Self::Exponential { mean } => size(mean) * exponential(rng),
            Self::Gamma { mean, shape } => size(mean) / shape * gamma(shape, rng),
            Self::LogNormal { median, sigma } => size(median) * exp(sigma * normal(rng)),
            Self::Pareto { scale, alpha } => size(scale) * (exp(exponential(rng) / alpha) - 1.0),
        };
        Nanos(ns.clamp(0.0, LONGEST).round() as i64)
    }

    /// The number without unit that shapes the distribution, by name; it must be positive.
    pub fn shape(&self) -> Option<(&'static str, f64)> {
        match *self {
            Self::Gamma { shape, .. } => Some(("shape", shape)),
            Self::LogNormal { sigma, .. } => Some(("sigma", sigma)),
            Self::Pareto { alpha, .. } => Some(("alpha", alpha)),
            _ => None,
        }
    }

    /// The span that scales the distribution, by name; it must not be negative.
    pub fn scale(&self) -> (&'static str, Nanos) {
        match *self {
            Self::Constant { span } => ("span", span),
            Self::Uniform { limit } => ("limit", limit),
            Self::Exponential { mean } | Self::Gamma { mean, .. } => ("mean", mean),
            Self::LogNormal { median, .. } => ("median", median),
            Self::Pareto { scale, .. } => ("scale", scale),
        }
    }

    /// The same distribution with another scale.
    #[must_use]
    pub const fn with_scale(self, scale: Nanos) -> Self {
        match self {
            Self::Constant { .. } => Self::Constant { span: scale },
            Self::Uniform { .. } => Self::Uniform { limit: scale },
            Self::Exponential { .. } => Self::Exponential { mean: scale },
            Self::Gamma { shape, .. } => Self::Gamma { mean: scale, shape },
            Self::LogNormal { sigma, .. } => Self::LogNormal { median: scale, sigma },
            Self::Pareto { alpha, .. } => Self::Pareto { scale, alpha },
        }
    }
}

/// Exponential with mean one.
pub(super) fn exponential(rng: &mut Rng) -> f64 {
    -ln(1.0 - rng.unit())
}

/// Gamma with scale one (Marsaglia & Tsang, ACM TOMS 26(3), 2000). A shape below one is drawn through shape + 1.
fn gamma(shape: f64, rng: &mut Rng) -> f64 {
    if shape < 1.0 {
        let boost = exp(-exponential(rng) / shape);
        return gamma(shape + 1.0, rng) * boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
        if v > 0.0 && -exponential(rng) < 0.5 * x * x + d - d * v + d * ln(v) {
            return d * v;
        }
    }
}

/// Spans of time in which an arc is crowded: one in each period, at a drawn place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// The period.
    pub every: Nanos,
    /// How long each of them lasts.
    pub lasting: Nanos,
    /// How much longer delays are meanwhile.
    pub extra: Nanos,
}

impl Bursts {
    /// What a message sent `after` the start suffers. A function of the arc's stream and the time alone.
    pub fn at(&self, stream: u64, after: Nanos) -> Nanos {
        let every = self.every.0.max(1);
        let (period, within) = (after.0.div_euclid(every), after.0.rem_euclid(every));
        let room = (every - self.lasting.0).max(0) as u64;
        let began = Rng::stream(stream, Purpose::Burst, period as u64).below(room + 1) as i64;
        if (began..began.saturating_add(self.lasting.0)).contains(&within) { self.extra } else { Nanos::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and median of many draws, in us.
    fn mean_and_median(jitter: Jitter) -> (f64, f64) {
        let mut rng = Rng::stream(5, Purpose::Scenario, 0);
        let mut drawn: Vec<i64> = (0..40_001).map(|_| jitter.draw(&mut rng).0).collect();
        drawn.sort_unstable();
        assert!(drawn[0] >= 0);
        (drawn.iter().map(|ns| *ns as f64).sum::<f64>() / 40_001e3, drawn[20_000] as f64 / 1e3)
    }

    #[test]
    fn distributions_have_the_mean_and_the_median_they_declare() {
        let us = Nanos::from_micros;
        for (jitter, mean, median) in [
            (Jitter::Constant { span: us(100) }, 100.0, 100.0),
            (Jitter::Uniform { limit: us(100) }, 50.0, 50.0),
            (Jitter::Exponential { mean: us(100) }, 100.0, 69.3),
            (Jitter::Gamma { mean: us(100), shape: 3.0 }, 100.0, 89.1),
            (Jitter::Gamma { mean: us(100), shape: 0.5 }, 100.0, 45.5),
            (Jitter::LogNormal { median: us(100), sigma: 0.5 }, 113.3, 100.0),
            (Jitter::Pareto { scale: us(100), alpha: 3.0 }, 50.0, 26.0),
        ] {
            let found = mean_and_median(jitter);
            let (_, scale) = jitter.scale();
            assert_eq!(jitter.with_scale(us(7)).scale().1, us(7));
            assert_eq!(jitter.with_scale(us(7)).with_scale(scale), jitter);
            assert!((found.0 / mean - 1.0).abs() < 0.03, "{jitter:?}: mean {}", found.0);
            assert!((found.1 / median - 1.0).abs() < 0.03, "{jitter:?}: median {}", found.1);
        }
    }

    #[test]
    fn no_draw_is_longer_than_an_hour_or_below_zero() {
        let (hour, day) = (Nanos::from_seconds(3_600), Nanos::from_seconds(86_400));
        for jitter in [
            Jitter::Exponential { mean: day },
            Jitter::Gamma { mean: day, shape: 0.01 },
            Jitter::LogNormal { median: day, sigma: 50.0 },
            Jitter::Pareto { scale: Nanos(1), alpha: 0.001 },
        ] {
            let mut rng = Rng::stream(6, Purpose::Scenario, 0);
            let drawn: Vec<Nanos> = (0..2_000).map(|_| jitter.draw(&mut rng)).collect();
            assert!(drawn.iter().all(|span| (Nanos::ZERO..=hour).contains(span)), "{jitter:?}");
            assert!(drawn.contains(&hour), "{jitter:?}");
        }
    }

    #[test]
    fn a_burst_lasts_as_long_as_it_says_in_each_period() {
        let ms = Nanos::from_millis;
        let bursts = Bursts { every: ms(100), lasting: ms(20), extra: ms(5) };
        let crowded = (0..1_000).filter(|at| bursts.at(7, ms(*at)) == ms(5)).count();
        assert_eq!(crowded, 200);
    }
}
