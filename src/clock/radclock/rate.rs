//! The reference's rate against the local clock, from two exchanges far apart that both took little longer than the least.

use super::history::{History, PRECISION, Point};
use crate::time::{Local, Nanos, Time};

/// How far an oscillator's rate strays from where it was: 0.1 ppm...
pub const STRAYING: f64 = 0.1e-6;
/// ...in tau*, over which at constant temperature it keeps its rate (the SKM scale).
pub const STEADY: Nanos = Nanos::from_seconds(1_000);

/// A rate and how wrong it may be, dimensionless.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Estimate {
    /// The later end of its baseline.
    pub at: Time<Local>,
    /// How fast the reference gains on the local clock: p̂ − 1.
    pub rate: f64,
    /// (E_i + E_j)/Delta: twice what the point errors can make of it while the rate is constant. Where the least round trip
    /// changed in between, by that more: it may all be that of one direction.
    pub bound: f64,
}

impl Estimate {
    /// Its bound as of `now`, since the rate may have strayed.
    pub fn stale(&self, now: Time<Local>) -> f64 {
        self.bound + STRAYING * ((now - self.at).as_seconds() / STEADY.as_seconds()).max(0.0)
    }
}

/// p̂ − 1 from two exchanges: the mean of what the stamps of both directions say, ((Tb_i − Tb_j)/(Ta_i − Ta_j) + (Te_i − Te_j)/(Tf_i − Tf_j))/2.
/// `None` if they are not one after the other.
pub fn between(earlier: &Point, later: &Point) -> Option<Estimate> {
    let span = |place: usize| later.stamps[place] - earlier.stamps[place];
    let gain = |there: usize, here: usize| (span(there) - span(here)).as_seconds() / span(here).as_seconds();
    let baseline = (later.epoch() - earlier.epoch()).as_seconds();
    let rerouted = (later.floor() - earlier.floor()).abs();
    let errors = (earlier.error + later.error + rerouted + PRECISION.times(2)).as_seconds();
    let rate = (gain(1, 0) + gain(2, 3)) / 2.0;
    let found = Estimate { at: later.epoch(), rate, bound: errors / baseline };
    (baseline > 0.0 && found.rate.is_finite()).then_some(found)
}

/// The rates of one history.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Rates {
    /// Over the baseline with the smallest bound: the difference clock's.
    pub long: Estimate,
    /// Over the shortest baseline whose bound is small enough: what the absolute clock is carried along by.
    pub local: Estimate,
}

/// Looks at baselines of 2, 4, 8, … points: the best of the latest quarter with what goes best with it of the oldest one. Cost: two
/// passes.
pub fn rates(history: &History, small_enough: f64) -> Option<Rates> {
    let latest: Vec<&Point> = history.latest().collect();
    let tightest = |one: &Estimate, other: &Estimate| one.bound.total_cmp(&other.bound);
    let doublings = std::iter::successors(Some(2_usize), |width| Some(2 * width));
    let widths = doublings.take_while(|width| *width < latest.len()).chain([latest.len()]);
    let found: Vec<Estimate> = widths
        .filter_map(|width| {
            let quarter = (width / 4).max(1);
            let near = latest.get(..quarter)?.iter().min_by_key(|point| point.error)?;
            let far = latest.get(width - quarter..width)?;
            far.iter().filter_map(|far| between(far, near)).min_by(tightest)
        })
        .collect();
    let long = found.iter().copied().min_by(tightest)?;
    let local = found.iter().find(|estimate| estimate.bound <= small_enough).copied().unwrap_or(long);
    Some(Rates { long, local })
}

#[cfg(test)]
mod tests {
    use super::super::tests::exchange;
    use super::*;

    fn history(count: i64, ppm: i64, delays: impl Fn(i64) -> [i64; 2]) -> History {
        let mut history = History::default();
        (0..count).for_each(|i| history.push(&exchange(i, -3_000, ppm, delays(i))));
        history
    }

    #[test]
    fn two_exchanges_of_equal_delay_give_the_rate_exactly() {
        // The reference gains 40 us a second: 40 ms in 1000 s, with (0 + 0 + 200 ns)/1000 s of doubt.
        let found = history(1_001, 40, |_| [50, 50]);
        let points: Vec<&Point> = found.latest().collect();
        let [last, first] = [points[0], points[points.len() - 1]];
        let found = between(first, last).expect("one after the other");
        assert!((found.rate - 40e-6).abs() < 2e-12, "{found:?}");
        assert!((found.bound * (last.epoch() - first.epoch()).as_seconds() - 2e-7).abs() < 1e-12);
        assert_eq!(between(last, first), None);
        assert_eq!(between(last, last), None);
    }

    /// The law of the bound: an exchange delayed by E makes the offset wrong by at most E/2.
    #[test]
    fn the_rate_errs_by_at_most_half_its_bound() {
        for (count, seed) in (2..60).zip(1..) {
            let late = |i: i64, way: i64| (i * 7_919 + way * 104_729 + seed * 1_299_709) % 400;
            let found = history(count, -25, |i| [100 + late(i, 0), 100 + late(i, 1)]);
            for estimate in rates(&found, 1e-9).map(|rates| [rates.long, rates.local]).expect("two exchanges") {
                // The least round trip that is known may be up to both waits too long.
                assert!(
                    (estimate.rate + 25e-6).abs() <= estimate.bound / 2.0 + 400e-6 / (count as f64 - 1.0),
                    "{estimate:?}"
                );
            }
        }
    }

    #[test]
    fn the_local_rate_follows_where_the_long_one_averages() {
        // 10 ppm for 2000 s, then 10.1 ppm for as long.
        let mut found = History::default();
        for i in 0..4_000_i64 {
            let gained = 10 * i + (i - 2_000).max(0) / 10;
            found.push(&exchange(i, gained, 0, [50 + i % 3; 2]));
        }
        let rates = rates(&found, 2e-9).expect("points");
        assert!((rates.local.rate - 10.1e-6).abs() < 2e-8, "{rates:?}");
        assert!((rates.long.rate - 10.05e-6).abs() < 1e-9 && rates.long.bound < 1e-10, "over all of it: {rates:?}");
        let later = rates.local.at + Nanos::from_seconds(500);
        assert!((rates.local.stale(later) - rates.local.bound - 0.05e-6).abs() < 1e-12, "half of 0.1 ppm in 1000 s");
    }

    #[test]
    fn a_rate_across_two_routes_is_bounded_by_their_difference_as_well() {
        // One direction alone becomes 100 µs shorter: 50 µs in 10 s are no 5 ppm.
        let found = history(110, 0, |i| if i < 100 { [150 + i % 40, 150] } else { [50, 150] });
        let points: Vec<&Point> = found.latest().collect();
        let found = between(points[20], points[0]).expect("one after the other");
        assert!(found.rate.abs() > 2e-6 && found.rate.abs() <= found.bound / 2.0, "{found:?}");
    }

    #[test]
    fn one_exchange_has_no_rate() {
        assert_eq!(rates(&history(1, 0, |_| [50, 50]), 1e-8), None);
        assert_eq!(rates(&History::default(), 1e-8), None);
    }
}
