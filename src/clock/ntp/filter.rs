//! The clock filter (RFC 5905, section 10): of the last eight samples of one peer, the one with the smallest delay.

use std::cmp::Reverse;

use crate::affine::{Line, shifted};
use crate::ids::Algorithm;
use crate::probe::{Exchange, Point, Source};
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
    #[inline]
    pub fn of(exchange: &Exchange) -> Option<Self> {
        let (timing, claim) = (exchange.timing(), exchange.claims.of(Algorithm::Ntp)?);
        let ([t1, _, _, t4], sample) = (timing.stamps, timing.sample_of(claim));
        let elapsed = Nanos((t4 - t1).0.max(0));
        Some(Self {
            epoch: t1 + elapsed.over(2),
            offset: sample.offset,
            delay: sample.delay.max(PRECISION),
            dispersion: (PRECISION.times(2) + stamp_error(exchange) + PHI.over(elapsed)).min(MAX_DISPERSION),
        })
    }

    /// What the peer's clock shows at `now` if it gains `rate` on our local clock.
    #[inline]
    pub fn carried_to(&self, now: Time<Local>, rate: Rate) -> Time<Synced> {
        Line { start: self.epoch, value: shifted(self.epoch, self.offset), rate }.at(now)
    }

    #[inline]
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
    let points = [&exchange.t1, &exchange.t2, &exchange.t3, &exchange.t4];
    let error = |point: &Point| point.wire.map_or(Nanos::ZERO, |stamp| stamp.error.abs());
    points.into_iter().map(error).fold(Nanos::ZERO, Nanos::max)
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
#[derive(Clone, Debug)]
pub struct Filter {
    /// The samples in the places that are filled, from the first on.
    stages: [Measurement; STAGES],
    next: usize,
    /// The places of the samples, by delay, then from the latest to the earliest: the first `held` count.
    order: [u8; STAGES],
    held: usize,
    extent: Extent,
    used: Option<Measurement>,
}

impl Default for Filter {
    fn default() -> Self {
        Self { stages: [NOTHING; STAGES], next: 0, order: [0; STAGES], held: 0, extent: Extent::NONE, used: None }
    }
}

/// The smallest and the largest of what the samples have: known without a look at them.
#[derive(Clone, Copy, Debug)]
struct Extent {
    earliest: Time<Local>,
    latest: Time<Local>,
    low: Nanos,
    high: Nanos,
    dispersion: Nanos,
}

impl Extent {
    const NONE: Self = Self {
        earliest: Time::MAX,
        latest: Time::MIN,
        low: Nanos::MAX,
        high: Nanos(i64::MIN),
        dispersion: Nanos::ZERO,
    };

    fn with(self, sample: &Measurement) -> Self {
        Self {
            earliest: self.earliest.min(sample.epoch),
            latest: self.latest.max(sample.epoch),
            low: self.low.min(sample.offset),
            high: self.high.max(sample.offset),
            dispersion: self.dispersion.max(sample.dispersion),
        }
    }
}

/// What a place holds that has not been filled yet.
const NOTHING: Measurement =
    Measurement { epoch: Time::ZERO, offset: Nanos::ZERO, delay: Nanos::ZERO, dispersion: Nanos::ZERO };

/// What empty places add to epsilon, by how many are filled.
const EMPTINESS: [i64; STAGES + 1] = {
    let (mut sums, mut held) = ([0; STAGES + 1], STAGES);
    while held > 0 {
        sums[held - 1] = sums[held] + (MAX_DISPERSION.0 >> held);
        held -= 1;
    }
    sums
};

impl Filter {
    /// Shifts a sample in, and the oldest one out.
    pub fn push(&mut self, sample: Measurement) {
        let place = self.next % STAGES;
        if let Some(old) = self.order[..self.held].iter().position(|known| usize::from(*known) == place) {
            self.order.copy_within(old + 1..self.held, old);
            self.held -= 1;
        }
        self.stages[place] = sample;
        self.next = (place + 1) % STAGES;
        let at = self.order[..self.held].partition_point(|other| self.key(usize::from(*other)) < self.key(place));
        self.order.copy_within(at..self.held, at + 1);
        self.order[at] = place as u8;
        self.held += 1;
        self.extent = self.samples().fold(Extent::NONE, Extent::with);
    }

    /// See [`crate::node::Node::touch_beyond`]: what is read of a peer beside the one that was heard.
    #[inline]
    pub fn touch(&self) -> i64 {
        self.extent.latest.as_nanos() ^ self.stages[usize::from(self.order[0]) % STAGES].offset.0
    }

    /// The same for the peer that was heard.
    #[inline]
    pub fn touch_all(&self) -> i64 {
        // Two stages make a cache line.
        self.stages.iter().step_by(2).fold(self.extent.low.0, |sum, stage| sum ^ stage.epoch.as_nanos())
    }

    /// Where the sample in a place stands among the others; places tell equal ones apart.
    fn key(&self, place: usize) -> impl PartialOrd + use<> {
        (self.stages[place].delay, Reverse(self.stages[place].epoch), place)
    }

    /// The samples that it holds.
    pub fn samples(&self) -> impl Iterator<Item = &Measurement> {
        self.stages[..self.held].iter()
    }

    /// The latest epoch in the filter.
    pub fn latest(&self) -> Option<Time<Local>> {
        (self.held > 0).then_some(self.extent.latest)
    }

    /// The sample with the smallest delay.
    #[inline]
    pub fn best(&self) -> Option<&Measurement> {
        self.by_delay().next()
    }

    /// No less than the dispersion and the jitter of [`Self::output`] together, found without a look at the samples: every
    /// dispersion is counted as the largest of the oldest sample, and of all differences only the largest.
    pub fn doubt(&self, now: Time<Local>, rate: Rate) -> Nanos {
        let Extent { earliest, latest, low, high, dispersion } = self.extent;
        let dispersion = dispersion + PHI.over(Nanos((now - earliest).0.max(0))) + Nanos(EMPTINESS[self.held]);
        // Roundings are far below a microsecond.
        let jitter = high - low + rate.abs().over(latest - earliest) + PRECISION;
        dispersion + jitter
    }

    /// epsilon at local time `now`: [`MAX_DISPERSION`] · (1 − 2^-8) for an empty filter; each sample halves it.
    pub fn dispersion(&self, now: Time<Local>) -> Nanos {
        let weighted = |(sample, index): (&Measurement, u32)| sample.dispersion_at(now).0 >> index;
        Nanos(self.by_delay().zip(1..).map(weighted).sum::<i64>() + EMPTINESS[self.held])
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
        let (best, used) = (self.best()?, self.used);
        if used.is_some_and(|used| best.epoch <= used.epoch) {
            return None;
        }
        let output = self.output(now, rate)?;
        if let Some(used) = used {
            let moved = output.best.carried_to(now, rate) - used.carried_to(now, rate);
            let lately = output.best.epoch - used.epoch < poll.times(2);
            if lately && moved.abs() > output.jitter.times(SPIKE_GATE) {
                return None;
            }
        }
        self.used = Some(output.best);
        Some(output)
    }

    fn by_delay(&self) -> impl Iterator<Item = &Measurement> {
        self.order[..self.held].iter().map(|place| &self.stages[usize::from(*place) % STAGES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn the_doubt_is_no_less_than_dispersion_and_jitter(
            samples in prop::collection::vec((0..2_000_i64, -300_000..300_000_i64, 1..9_000_i64, 0..900_000_i64), 1..20),
            later in -100..3_000_i64,
            ppb in -500_000..500_000_i64,
        ) {
            let (mut filter, rate) = (Filter::default(), Rate::from_ppb(Ppb(ppb)));
            for (epoch, offset, delay, dispersion) in samples {
                filter.push(Measurement { dispersion: Nanos(dispersion), ..sample(epoch, offset, delay) });
                let output = filter.output(at(epoch + later), rate).expect("a sample");
                prop_assert!(filter.doubt(at(epoch + later), rate) >= output.dispersion + output.jitter);
                prop_assert_eq!(filter.best(), Some(&output.best));
                prop_assert_eq!(filter.latest(), filter.samples().map(|sample| sample.epoch).max());
            }
        }
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
