//! The first frequency: a straight line through the samples, those with the least delay above all.

use super::filter::{Measurement, PRECISION};
use crate::time::{Local, Nanos, Rate, Time};

/// So many samples are kept at most.
const CAPACITY: usize = 64;
/// Fewer samples give no frequency.
const ENOUGH: usize = 8;

/// How far apart two clocks' rates usually are: what a measured rate is weighed against.
const USUAL_RATE: f64 = 100e-6;

/// Samples of one peer from which to learn its rate against our local clock.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    samples: Vec<Measurement>,
    /// The earliest and the latest epoch.
    epochs: Option<(Time<Local>, Time<Local>)>,
}

/// A peer's clock as a straight line over our local clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trend {
    /// How fast the peer gains on our local clock.
    pub rate: Rate,
    /// The peer's clock − our local clock at the instant asked for.
    pub offset: Nanos,
}

impl Fit {
    /// Notes a sample; beyond sixty-four, samples are ignored.
    pub fn push(&mut self, sample: Measurement) {
        if self.samples.len() < CAPACITY {
            self.samples.push(sample);
            let (earliest, latest) = self.epochs.unwrap_or((sample.epoch, sample.epoch));
            self.epochs = Some((earliest.min(sample.epoch), latest.max(sample.epoch)));
        }
    }

    /// The line through the samples, and where it is at `now`; `None` with fewer than eight samples or if they are all
    /// of one instant.
    ///
    /// Least squares with weights 1 / (x + m/2)², x a sample's delay beyond the smallest one and m the median of x:
    /// queueing makes an offset wrong by up to x/2, and never makes a delay smaller. The rate's standard error is about
    /// s = sigma · sqrt(12 / n) / T; where the network is so noisy that s reaches the 100 ppm by which clocks usually
    /// differ, the rate is drawn towards zero by 1 / (1 + (s / 100 ppm)²). RFC 5905 (section 11.3, state FREQ) divides the change between two offsets by the
    /// time instead; chrony weights in a like way. Cost: one sort.
    pub fn trend(&self, now: Time<Local>) -> Option<Trend> {
        let first = self.samples.first().filter(|_| self.samples.len() >= ENOUGH)?;
        let weight = self.weight()?;
        let seconds = |at: Time<Local>| (at - first.epoch).as_seconds();
        let point = |s: &Measurement| (seconds(s.epoch), (s.offset - first.offset).as_seconds(), weight(s));
        let (slope, value) = regression(&self.samples.iter().map(point).collect::<Vec<_>>(), seconds(now))?;
        Some(Trend { rate: Rate::from_ratio(slope), offset: first.offset + Nanos((value * 1e9).round() as i64) })
    }

    /// From the earliest sample to the latest.
    pub fn span(&self) -> Nanos {
        self.epochs.map_or(Nanos::ZERO, |(earliest, latest)| latest - earliest)
    }

    /// Whether there is a trend.
    pub fn is_enough(&self) -> bool {
        self.trend(Time::ZERO).is_some()
    }

    fn weight(&self) -> Option<impl Fn(&Measurement) -> f64> {
        let mut delays: Vec<Nanos> = self.samples.iter().map(|sample| sample.delay).collect();
        delays.sort_unstable();
        let (least, median) = (*delays.first()?, *delays.get(delays.len() / 2)?);
        let scale = (median - least).over(2) + PRECISION;
        Some(move |sample: &Measurement| (sample.delay - least + scale).as_seconds().powi(-2))
    }
}

/// Slope of the weighted least-squares line through the points (x, y, weight), drawn towards zero by its uncertainty,
/// and the line's value at `x0`.
fn regression(points: &[(f64, f64, f64)], x0: f64) -> Option<(f64, f64)> {
    let sum = |f: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let total = sum(&|p| p.2);
    let (mean_x, mean_y) = (sum(&|p| p.0 * p.2) / total, sum(&|p| p.1 * p.2) / total);
    let spread = sum(&|(x, _, w)| w * (x - mean_x).powi(2));
    let slope = sum(&|(x, y, w)| w * (x - mean_x) * (y - mean_y)) / spread;
    let squares = sum(&|(x, y, w)| w * (y - mean_y - slope * (x - mean_x)).powi(2));
    let variance = squares / (points.len() as f64 - 2.0) / spread;
    let drawn = slope * USUAL_RATE.powi(2) / (USUAL_RATE.powi(2) + variance);
    (spread > 0.0 && drawn.is_finite()).then_some((drawn, mean_y + drawn * (x0 - mean_x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time<Local> = Time::from_nanos(5_000_000_000);

    fn line(ppm: i64, outlier_us: i64) -> Fit {
        let mut fit = Fit::default();
        for k in 0..20 {
            let late = if k % 3 == 0 { outlier_us } else { 0 };
            fit.push(Measurement {
                epoch: START + Nanos::from_millis(100 * k),
                offset: Nanos::from_millis(-7) + Nanos(100 * k * ppm) + Nanos::from_micros(late / 2),
                delay: Nanos::from_micros(50 + late),
                dispersion: Nanos::ZERO,
            });
        }
        fit
    }

    #[test]
    fn a_straight_line_gives_its_slope_whatever_the_late_samples_say() {
        for (ppm, outlier) in [(40, 0), (-90, 0), (40, 4_000), (-90, 4_000)] {
            let trend = line(ppm, outlier).trend(START + Nanos::from_seconds(3)).expect("twenty samples");
            assert!((trend.rate.as_ratio() - ppm as f64 * 1e-6).abs() < 1e-9, "{trend:?} for {ppm} ppm");
            assert!((trend.offset - Nanos(-7_000_000 + 3_000 * ppm)).abs() <= Nanos(10), "{trend:?}");
        }
    }

    #[test]
    fn noise_is_not_taken_for_a_rate() {
        let mut fit = Fit::default();
        for k in 0..20 {
            let offset = Nanos::from_micros([500, -400, 100, 900, -700][k as usize % 5] + 30 * k);
            let epoch = START + Nanos::from_millis(100 * k);
            fit.push(Measurement { epoch, offset, delay: Nanos::from_millis(2), dispersion: Nanos::ZERO });
        }
        let rate = fit.trend(START).expect("twenty samples").rate.as_ratio();
        assert!((20e-6..200e-6).contains(&rate), "{rate} for 300 ppm and much noise");
    }

    #[test]
    fn too_few_or_simultaneous_samples_give_nothing() {
        let mut fit = Fit::default();
        assert_eq!(fit.trend(START), None);
        let sample = line(0, 0).samples[0];
        (0..100).for_each(|_| fit.push(sample));
        assert_eq!((fit.trend(START), fit.samples.len()), (None, CAPACITY));
    }
}
