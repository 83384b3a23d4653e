//! The clock filter (RFC 5905, section 10): of the last eight samples of one peer, the one with the smallest delay.

use std::cmp::Reverse;

use crate::affine::{Line, shifted};
use crate::ids::Algorithm;
use crate::probe::{Exchange, Source};
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// PHI: how fast an unattended clock is assumed to go wrong, 15 ppm.
pub const PHI: Rate = Rate::from_ppb(Ppb(15_000));
/// MAXDISP: the dispersion of a stage that holds no sample.
pub const MAX_DISPERSION: Nanos = Nanos::from_seconds(16);
/// NSTAGE: how many samples are kept of a peer.
pub const STAGES: usize = 8;
/// SGATE: an output this many jitters away from the last one is a popcorn spike.
const SPIKE_GATE: i64 = 3;
/// The precision rho of a stamp, and the floor of delay and jitter.
pub const PRECISION: Nanos = Nanos::from_micros(1);

/// One sample of a peer's clock. The offset is against our own *local* clock, so that nothing that we do to our own
/// reading ever disturbs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measurement {
    /// Our local clock midway between request and reply.
    pub epoch: Time<Local>,
    /// The peer's synchronised clock − our local clock at `epoch`; positive means that the peer is ahead.
    pub offset: Nanos,
    /// Round-trip delay, not below [`PRECISION`] (two clock rates can make the raw one negative).
    pub delay: Nanos,
    /// Largest error beside half the delay, at `epoch`.
    pub dispersion: Nanos,
}

impl Measurement {
    /// What an exchange says of the peer's NTP-style clock (RFC 5905, section 8): offset and delay in nanoseconds of
    /// the local clock, dispersion `2 rho + PHI (t4 − t1)` plus the errors of the stamps.
    pub fn of(exchange: &Exchange) -> Option<Self> {
        let sample = exchange.sample_of(Algorithm::Ntp)?;
        let [t1, _, _, t4] = exchange.stamps();
        let elapsed = Nanos((t4 - t1).0.max(0));
        Some(Self {
            epoch: t1 + elapsed.over(2),
            offset: sample.offset,
            delay: sample.delay.max(PRECISION),
            dispersion: (PRECISION.times(2) + stamp_error(exchange) + PHI.over(elapsed)).min(MAX_DISPERSION),
        })
    }

    /// What the peer's clock shows at `now` if it gains `rate` on our local clock.
    pub fn carried_to(&self, now: Time<Local>, rate: Rate) -> Time<Synced> {
        Line { start: self.epoch, value: shifted(self.epoch, self.offset), rate }.at(now)
    }

    fn dispersion_at(&self, now: Time<Local>) -> Nanos {
        let age = Nanos((now - self.epoch).0.max(0));
        (self.dispersion + PHI.over(age)).min(MAX_DISPERSION)
    }
}

/// The largest error of the stamps that an exchange is computed from.
fn stamp_error(exchange: &Exchange) -> Nanos {
    if exchange.source() == Source::User {
        return Nanos::ZERO;
    }
    let points = [exchange.t1, exchange.t2, exchange.t3, exchange.t4];
    points.iter().filter_map(|point| point.wire).map(|stamp| stamp.error.abs()).max().unwrap_or(Nanos::ZERO)
}

/// What a filter makes of its samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Output {
    /// The sample with the smallest delay.
    pub best: Measurement,
    /// epsilon: the dispersions by order of delay, weighted 1/2, 1/4, …; it says how much the filter has seen lately.
    pub dispersion: Nanos,
    /// psi: root mean square of the other samples' differences from the best one, not below [`PRECISION`].
    pub jitter: Nanos,
}

/// The last eight samples of one peer.
///
/// It estimates the peer's offset by the sample with the smallest delay, which has the smallest possible error.
/// Assumes that the peer's clock does not step: a peer that is not synchronised must be cleared out. Cost: a pass over
/// eight samples a sample and an output. Departures from RFC 5905, section 10: psi is the root of the mean square, as in ntpd (the RFC
/// prints the root outside the factor 1/(n−1)), and the samples are first carried to one instant at our own
/// frequency, since they are offsets to a clock that is never corrected.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    stages: [Option<Measurement>; STAGES],
    next: usize,
    /// The places of the samples, by delay, then from the latest to the earliest: the first `held` count.
    order: [u8; STAGES],
    held: usize,
    used: Option<Measurement>,
}

impl Filter {
    /// Shifts a sample in, and the oldest one out.
    pub fn push(&mut self, sample: Measurement) {
        let place = self.next % STAGES;
        if let Some(old) = self.order[..self.held].iter().position(|known| usize::from(*known) == place) {
            self.order.copy_within(old + 1..self.held, old);
            self.held -= 1;
        }
        self.stages[place] = Some(sample);
        self.next = (place + 1) % STAGES;
        let at = self.order[..self.held].partition_point(|other| self.key(usize::from(*other)) < self.key(place));
        self.order.copy_within(at..self.held, at + 1);
        self.order[at] = place as u8;
        self.held += 1;
    }

    /// Where the sample in a place stands among the others; places tell equal ones apart.
    fn key(&self, place: usize) -> impl PartialOrd + use<> {
        (self.stages[place].map(|sample| (sample.delay, Reverse(sample.epoch))), place)
    }

    /// The samples that it holds.
    pub fn samples(&self) -> impl Iterator<Item = &Measurement> {
        self.stages.iter().flatten()
    }

    /// The latest epoch in the filter.
    pub fn latest(&self) -> Option<Time<Local>> {
        self.samples().map(|sample| sample.epoch).max()
    }

    /// epsilon at local time `now`: [`MAX_DISPERSION`] · (1 − 2^-8) for an empty filter; each sample halves it.
    pub fn dispersion(&self, now: Time<Local>) -> Nanos {
        let weighted = |(index, dispersion): (usize, i64)| dispersion >> (index + 1);
        let dispersions = self.by_delay().map(|sample| sample.dispersion_at(now).0);
        let padded = dispersions.chain(std::iter::repeat(MAX_DISPERSION.0)).take(STAGES);
        Nanos(padded.enumerate().map(weighted).sum())
    }

    /// The estimate at local time `now` for a peer that gains `rate` on our local clock; `None` without samples.
    pub fn output(&self, now: Time<Local>, rate: Rate) -> Option<Output> {
        let mut rest = self.by_delay();
        let best = rest.next()?;
        let at = best.carried_to(now, rate);
        let square = |sample: &Measurement| (sample.carried_to(now, rate) - at).as_seconds().powi(2);
        let mean = rest.map(square).sum::<f64>() / (self.held - 1).max(1) as f64;
        let jitter = Nanos((mean.sqrt() * 1e9) as i64).max(PRECISION);
        Some(Output { best: *best, dispersion: self.dispersion(now), jitter })
    }

    /// The output if it may enter the loop, and marks it as used: its epoch must be later than that of the last one
    /// used, and it must be no popcorn spike, that is, no further than three jitters away from an output that is less
    /// than two polls older.
    pub fn take(&mut self, now: Time<Local>, rate: Rate, poll: Nanos) -> Option<Output> {
        let output = self.output(now, rate)?;
        if let Some(used) = self.used {
            let since = output.best.epoch - used.epoch;
            let moved = output.best.carried_to(now, rate) - used.carried_to(now, rate);
            let spike = moved.abs() > output.jitter.times(SPIKE_GATE) && since < poll.times(2);
            if since <= Nanos::ZERO || spike {
                return None;
            }
        }
        self.used = Some(output.best);
        Some(output)
    }

    fn by_delay(&self) -> impl Iterator<Item = &Measurement> {
        self.order[..self.held].iter().filter_map(|place| self.stages[usize::from(*place)].as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(epoch_ms: i64, offset_us: i64, delay_us: i64) -> Measurement {
        Measurement {
            epoch: Time::ZERO + Nanos::from_millis(epoch_ms),
            offset: Nanos::from_micros(offset_us),
            delay: Nanos::from_micros(delay_us),
            dispersion: Nanos::ZERO,
        }
    }

    fn at(ms: i64) -> Time<Local> {
        Time::ZERO + Nanos::from_millis(ms)
    }

    #[test]
    fn eight_dummies_have_the_published_dispersion_and_each_sample_halves_it() {
        let mut filter = Filter::default();
        let mut before = filter.dispersion(at(0)).as_seconds();
        assert_eq!(before, 15.9375);
        for _ in 0..STAGES {
            filter.push(sample(0, 0, 50));
            let after = filter.dispersion(at(0)).as_seconds();
            assert!(after <= 0.51 * before, "{after} after {before}");
            before = after;
        }
        assert_eq!(before, 0.0);
    }

    #[test]
    fn dispersion_grows_by_fifteen_ppm() {
        let mut filter = Filter::default();
        (0..8).for_each(|_| filter.push(sample(0, 0, 50)));
        let grown = filter.dispersion(at(1_000)).0;
        assert!((grown - 15_000 * 255 / 256).abs() < 16, "{grown}");
    }

    #[test]
    fn the_smallest_delay_is_chosen_and_the_jitter_is_a_root_mean_square() {
        let mut filter = Filter::default();
        for (epoch, offset, delay) in [(0, 30, 90), (100, 10, 40), (200, 50, 80)] {
            filter.push(sample(epoch, offset, delay));
        }
        let output = filter.output(at(200), Rate::ZERO).expect("three samples");
        assert_eq!(output.best.offset, Nanos::from_micros(10));
        let expected = ((20.0_f64.powi(2) + 40.0_f64.powi(2)) / 2.0).sqrt() * 1e3;
        assert!((output.jitter.0 as f64 - expected).abs() < 2.0);
    }

    #[test]
    fn jitter_is_measured_along_our_own_frequency() {
        let mut filter = Filter::default();
        (0..8).for_each(|k| filter.push(sample(100 * k, 10 * k, 50)));
        let rate = Rate::from_ppb(Ppb(100_000));
        assert_eq!(filter.output(at(800), rate).map(|o| o.jitter), Some(PRECISION));
    }

    #[test]
    fn an_output_is_used_once_and_only_if_it_is_newer() {
        let poll = Nanos::from_millis(100);
        let mut filter = Filter::default();
        filter.push(sample(0, 10, 50));
        assert!(filter.take(at(0), Rate::ZERO, poll).is_some());
        assert_eq!(filter.take(at(0), Rate::ZERO, poll), None, "used before");
        filter.push(sample(100, 11, 60));
        assert_eq!(filter.take(at(100), Rate::ZERO, poll), None, "the best one is the old one still");
        filter.push(sample(200, 11, 45));
        assert!(filter.take(at(200), Rate::ZERO, poll).is_some());
    }

    #[test]
    fn a_popcorn_spike_is_ignored_until_it_lasts() {
        let poll = Nanos::from_millis(100);
        let mut filter = Filter::default();
        (0..8).for_each(|k| filter.push(sample(100 * k, k % 2, 50)));
        assert!(filter.take(at(700), Rate::ZERO, poll).is_some());
        filter.push(sample(800, 500, 40));
        assert!(filter.take(at(800), Rate::ZERO, poll).is_some(), "one outlier among eight: psi is as large");
        filter.push(sample(900, 0, 30));
        filter.push(sample(1_000, 0, 29));
        let mut spiky = Filter::default();
        spiky.push(sample(0, 0, 50));
        assert!(spiky.take(at(0), Rate::ZERO, poll).is_some());
        (0..8).for_each(|_| spiky.push(sample(150, 400, 49)));
        assert_eq!(spiky.take(at(150), Rate::ZERO, poll), None, "the jitter is small and the jump is large");
        spiky.push(sample(210, 400, 48));
        assert!(spiky.take(at(210), Rate::ZERO, poll).is_some(), "two polls later it is no spike");
    }
}
