//! RADclock: a feed-forward clock that never lets what it shows act on what it measures (D. Veitch, J. Ridoux, S. Korada,
//! *Robust Synchronization of Absolute and Difference Clocks over Networks*, IEEE/ACM Transactions on Networking 17(2), 2009).
//!
//! Out of the stamps of a raw, never corrected clock it makes two clocks. The **difference clock** is the raw clock at the
//! rate p̂ found over a long baseline ([`rate`]): it measures spans and knows no offset. The **absolute clock** is that
//! clock minus an offset: the mean of all exchanges of the last 1000 s, carried to the present, each weighted by how
//! little longer than the least it took ([`history`]).
//!
//! Estimates: reference's clock − local clock in ns, positive when the reference is ahead, and its rate. Inputs: exchanges
//! with the reference (stamps, ns). Outputs: a [`Reading`] that slews, never jumps; the standard error of the offset
//! ([`Clock::deviation`]); an [`ErrorBound`]: half the least round trip, half the weighted point errors (or what the latest
//! exchange shows beyond its own), and what the rate's own bound and 0.1 ppm of wander add. Cost an exchange: some passes
//! over at most 256 points, three sorts of them; 16 kB.
//!
//! # Rules
//! - Point error E_i = RTT_i − least RTT; aged, E_i + gamma · age. The weight is exp(−(aged/E)²).
//! - Rate from the best exchanges of both ends of a baseline, bounded by (E_i + E_j)/Delta.
//! - A round trip below the least one is believed at once (nothing makes a message too fast); a longer route once 64
//!   exchanges on end and for 1000 s took longer than it by four times their own spread.
//! - An exchange whose half round trip does not reach the present estimate is a fault of the reference, and ignored, but
//!   the bound grows to cover it; three on end are the truth, and the past is forgotten.
//!
//! # Assumptions, and what happens where they fail
//! Equal least delays both ways: half of their difference is an error that nobody sees; the bound covers it. A rate that
//! stays within 0.1 ppm over 1000 s: a step of the frequency shows as contradictions and heals when three have come.
//!
//! # Departures from the paper
//! Its constants E = 4 delta and delta = 15 µs suit one host and one network. Here E is the fourth best aged error of the window
//! (and 4 delta with delta = 100 ns at least), so that it scales with jitter and a congested window still has its best
//! exchanges. Its local rate has a window of 5000 s; here it is the shortest baseline that bounds the rate by 0.05 ppm, or
//! the best, since labs last seconds, and a point ages by that bound and not by 0.02 ppm. Its window for longer routes is
//! 2500 s. Its sanity check of 1 ms is the law that an offset errs by no more than half its round trip. The absolute clock
//! is slewed to, and not shown in steps.

pub mod history;
pub mod rate;

use self::history::{History, NEAR, PRECISION};
use self::rate::{Rates, STEADY, STRAYING, rates};
use super::slew;
use super::{Change, Clock, ErrorBound, Reading};
use crate::affine::{Line, shifted};
use crate::ids::{Algorithm, NodeId};
use crate::probe::Exchange;
use crate::real::exp;
use crate::time::{Local, Nanos, Rate, Synced, Time};

/// gamma*: a local rate that is bounded by 0.05 ppm is good enough, and so fast does a point error grow with age at least.
const RATE_TARGET: f64 = 0.05e-6;
/// So many contradictions on end are believed.
const BELIEVED: usize = 3;
/// A slew takes this share of the time between exchanges, and no longer than [`LONGEST_SLEW`].
const SLEW_SHARE: i64 = 4;
const LONGEST_SLEW: Nanos = Nanos::from_seconds(1);
/// The variance of a number that is uniform between minus and plus one half.
const UNIFORM_VARIANCE: f64 = 1.0 / 12.0;

/// The RADclock.
#[derive(Clone, Debug)]
pub struct Radclock {
    reference: NodeId,
    reading: Reading,
    history: History,
    estimate: Option<Estimate>,
    /// Exchanges on end that contradict the estimate.
    contradictions: Vec<Exchange>,
}

/// What the latest exchanges say.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Estimate {
    epoch: Time<Local>,
    /// Reference − local at the epoch.
    offset: Nanos,
    /// From the second exchange on.
    rates: Option<Rates>,
    /// Standard error of the offset, in seconds.
    deviation: f64,
    /// Largest error of the offset beside half the least round trip, in seconds, under the assumptions.
    beyond: f64,
    /// How much further the latest exchange is from the offset than its own point error explains, in seconds.
    unexplained: f64,
}

impl Estimate {
    fn line(&self) -> Line<Local, Synced> {
        let rate = self.rates.map_or(Rate::ZERO, |rates| Rate::from_ratio(rates.local.rate));
        Line { start: self.epoch, value: shifted(self.epoch, self.offset), rate }
    }

    /// How fast it may go wrong; `None` while the rate is unknown.
    fn growth(&self) -> Option<Rate> {
        self.rates.map(|rates| Rate::from_ratio(rates.local.stale(self.epoch) + STRAYING))
    }

    /// Whether an exchange at `epoch` could be true if this is: the error of its offset is at most half its round trip.
    fn allows(&self, epoch: Time<Local>, exchange: &Exchange) -> bool {
        let (Some(growth), sample) = (self.growth(), exchange.sample()) else { return true };
        let expected: Time<Synced> = self.line().at(epoch);
        let found: Time<Synced> = shifted(epoch, sample.offset);
        let half = sample.delay.max(Nanos::ZERO).over(2) + PRECISION.times(2);
        (found - expected).abs() <= half + growth.over((epoch - self.epoch).abs()) + span(self.beyond)
    }
}

fn span(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round() as i64)
}

impl Radclock {
    /// A clock that follows `reference` and knows nothing of it yet.
    pub fn new(reference: NodeId) -> Self {
        let history = History::default();
        Self { reference, reading: Reading::LOCAL, history, estimate: None, contradictions: Vec::new() }
    }

    /// What the difference clock makes of a span of local time: how long it lasted on the reference's clock. The span itself
    /// while no rate is known.
    pub fn difference(&self, span: Nanos) -> Nanos {
        let rate = self.estimate.and_then(|estimate| estimate.rates).map_or(0.0, |rates| rates.long.rate);
        span + Rate::from_ratio(rate).over(span)
    }

    /// Whether an exchange is to be used. After three contradictions on end they are all that is left of the past.
    fn admits(&mut self, epoch: Time<Local>, exchange: &Exchange) -> bool {
        let fits = |estimate: Estimate| epoch > estimate.epoch && estimate.allows(epoch, exchange);
        if self.estimate.is_none_or(fits) {
            self.contradictions.clear();
            return true;
        }
        if self.contradictions.len() + 1 < BELIEVED {
            self.contradictions.push(exchange.clone());
            return false;
        }
        (self.history, self.estimate) = (History::default(), None);
        self.contradictions.drain(..).for_each(|before| self.history.push(&before));
        true
    }

    /// The rates at `epoch`. The local one stays what it was while only worse ones are to be had, as during a congestion.
    fn rates(&self, epoch: Time<Local>) -> Option<Rates> {
        let found = rates(&self.history, RATE_TARGET)?;
        let held = self.estimate.and_then(|estimate| estimate.rates).map(|rates| rates.local);
        let better = held.filter(|held| held.stale(epoch) < found.local.bound);
        Some(Rates { local: better.unwrap_or(found.local), ..found })
    }

    /// theta: the weighted mean of the window's offsets, each carried to the latest epoch at the local rate.
    fn offset(&self) -> Option<Estimate> {
        let last = self.history.latest().next()?;
        let epoch = last.epoch();
        let rates = self.rates(epoch);
        let rate = rates.map_or(0.0, |rates| rates.local.rate);
        let ageing = rates.map_or(0.0, |rates| rates.local.stale(epoch) / 2.0).max(RATE_TARGET);
        let recent = self.history.latest().map(|point| (point, (epoch - point.epoch()).as_seconds()));
        let recent = recent.take_while(|(_, age)| *age <= STEADY.as_seconds());
        let aged = |point: &history::Point, age: f64| point.error.as_seconds() + ageing * age.max(0.0);
        let points: Vec<(f64, f64, f64)> = recent
            .map(|(point, age)| {
                let carried = (point.sample.offset - last.sample.offset).as_seconds() + rate * age;
                (carried, aged(point, age), age)
            })
            .collect();
        let scale = scale(points.iter().map(|point| point.1));
        let sums = points.iter().fold([0.0; 5], |sums, (offset, error, age)| {
            let weight = exp(-(error / scale).powi(2));
            let variance = weight * weight * (error + scale / NEAR as f64).powi(2) * UNIFORM_VARIANCE;
            let beyond = weight * (error / 2.0 + STRAYING * age);
            let added = [weight, weight * offset, variance, weight * age, beyond];
            std::array::from_fn(|place| sums[place] + added[place])
        });
        let [total, offset, variance, age, beyond] = sums;
        let offset = last.sample.offset + span(offset / total);
        // The rate's error, uniform between ± ageing, is the same for all points.
        let strayed = 4.0 * UNIFORM_VARIANCE * (ageing * age / total).powi(2);
        let deviation = (variance / total.powi(2) + strayed).sqrt();
        let unexplained = (offset - last.sample.offset).abs().as_seconds() - last.error.as_seconds() / 2.0;
        Some(Estimate { epoch, offset, rates, deviation, beyond: beyond / total, unexplained })
    }

    /// The reading as it is, with a bound that covers what `exchange` says against it.
    fn doubt(&mut self, at: Time<Local>, epoch: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let estimate = self.estimate.filter(|estimate| epoch > estimate.epoch)?;
        let sample = exchange.sample();
        let found: Time<Synced> = shifted(at, sample.offset);
        let apart = (found - self.reading.at(at)).abs();
        let growth = estimate.growth()? + Rate::of(apart, epoch - estimate.epoch);
        let line = Line { start: at, value: self.reading.at(at), rate: self.reading.rate_at(at) };
        let then = self.reading.then.filter(|then| then.start > at);
        self.reading = Reading { line, then };
        let stated = self.bound(at, Nanos::ZERO).map_or(Nanos::ZERO, |bound| bound.initial);
        let initial = stated.max(apart + sample.delay.max(Nanos::ZERO).over(2) + PRECISION.times(2));
        let bound = Some(ErrorBound { initial, growth });
        Some(Change { reading: self.reading, stepped: false, bound, event: None })
    }

    fn bound(&self, at: Time<Local>, slewing: Nanos) -> Option<ErrorBound> {
        let estimate = self.estimate?;
        let growth = estimate.growth()?;
        let aged = growth.over((at - estimate.epoch).abs());
        let half = self.history.floor().max(Nanos::ZERO).over(2) + PRECISION.times(2);
        Some(ErrorBound {
            initial: half + span(estimate.beyond.max(estimate.unexplained)) + aged + slewing.abs(),
            growth,
        })
    }
}

/// E: the fourth best of the aged errors, in seconds, and not less than four times what stamps resolve.
fn scale(errors: impl Iterator<Item = f64>) -> f64 {
    let mut errors: Vec<f64> = errors.collect();
    errors.sort_unstable_by(f64::total_cmp);
    let fourth = errors.get(NEAR - 1).or(errors.last()).copied().unwrap_or(0.0);
    fourth.max(PRECISION.times(4).as_seconds())
}

impl Clock for Radclock {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Radclock
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        let estimate = self.estimate?;
        let strayed = (estimate.rates?.local.stale(at) / 2.0).max(RATE_TARGET)
            * (4.0 * UNIFORM_VARIANCE).sqrt()
            * (at - estimate.epoch).as_seconds();
        Some(span((estimate.deviation.powi(2) + strayed.powi(2)).sqrt()))
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let [t1, _, _, t4] = exchange.stamps();
        let epoch = t1 + (t4 - t1).over(2);
        if exchange.peer != self.reference {
            return None;
        }
        if !self.admits(epoch, exchange) {
            return self.doubt(at, epoch, exchange);
        }
        let since = self.estimate.map_or(LONGEST_SLEW.times(SLEW_SHARE), |before| epoch - before.epoch);
        self.history.push(exchange);
        self.estimate = self.offset();
        let target = self.estimate?.line();
        let slewing = target.at(at) - self.reading.at(at);
        let slew_span = since.max(Nanos(1)).over(SLEW_SHARE).min(LONGEST_SLEW);
        self.reading = slew::towards(&self.reading, at, &target, slew_span);
        Some(Change { reading: self.reading, stepped: false, bound: self.bound(at, slewing), event: None })
    }
}

#[cfg(test)]
mod tests;
