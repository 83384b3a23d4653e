//! The corridor clock: every message says on which side of it the truth cannot be, and how likely it is to be near.
//!
//! A message cannot arrive before it was sent plus the least delay. Messages to the reference so bound its offset from
//! above, messages from it from below: the truth runs in a corridor between two clouds of points (Duda, Harrus, Haddad
//! & Bernard, ICDCS 1987; Moon, Skelly & Towsley, INFOCOM 1999, both for constant rates). This clock follows the
//! corridor with a rate that wanders. It keeps a normal distribution over offset, rate and least delay ([`belief`]),
//! moves it along with time, and at each message weighs it by an exponential jitter and cuts it off at what the message
//! shows, replacing the result by the normal distribution with the same mean and covariance (assumed density filtering,
//! Maybeck 1982, chapter 12). Where a least-squares clock averages the noise of n samples down by sqrt(n), the walls of
//! a corridor close in as 1/n.
//!
//! It is told nothing of the network. The least delay is part of the state; the mean jitter of each direction is
//! learned from what is left over ([`jitter`]); the wander by ten beliefs side by side, each with its own ([`bank`]).
//!
//! Estimates: reference's clock − local clock, positive when the reference is ahead, and its rate. Inputs: exchanges
//! with the reference (stamps, nanoseconds). Outputs: a [`Reading`] that slews, never jumps; the standard error of the
//! offset ([`Clock::deviation`]); and an [`ErrorBound`] of the least delay plus four standard errors, the least delay
//! since an asymmetry of the least delays up to all of the round trip cannot be seen by anybody. Cost: about 4 µs an
//! exchange, 2 kB.
//!
//! # Assumptions, and what happens where they fail
//! - *The least delays of both directions are equal.* Half of their difference is a constant error; the bound covers
//!   it.
//! - *Jitter is exponential.* Only its edge counts: a message a little too long says little, whatever the tail. With a
//!   jitter that is seldom near its least the corridor is wider than believed, and symmetric. A message held up by more
//!   than eight mean jitters is ignored.
//! - *The least delay stays.* A round trip that is too short proves it shorter at once; if the least of the last 24
//!   round trips is too long by chance in fewer than 1e-12 cases, the route is taken to be longer. Either way least
//!   delay and offset are learned anew.
//! - *Rate and phase have no jumps.* What contradicts the belief by six standard deviations adds as much doubt of phase
//!   and rate.

pub mod bank;
pub mod belief;
pub mod jitter;
pub mod tail;

use std::collections::VecDeque;

use super::slew;
use super::{Change, Clock, ErrorBound, Reading};
use crate::affine::{Line, offset, shifted};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Exchange, Point, Source};
use crate::time::{Local, Nanos, Rate, Synced, Time};
use bank::Bank;
use belief::{Belief, Direction, Passage, SURE};
use jitter::Jitters;

/// How far apart two clocks' rates are before anything is known (standard deviation).
const USUAL_RATE: f64 = 100e-6;
/// The least delay is between zero and half of a round trip: what is guessed of it at first, as shares of the round
/// trip.
const FIRST_LEAST: (f64, f64) = (0.4, 0.25);
/// Standard deviation of the error of a stamp that states none: they are whole nanoseconds, in seconds.
const GRAIN: f64 = 1e-8;
/// A slew takes this share of the time between exchanges, and no longer than [`LONGEST_SLEW`].
const SLEW_SHARE: i64 = 4;
const LONGEST_SLEW: Nanos = Nanos::from_seconds(1);
/// The claimed bound is so many standard errors.
const CLAIMED_DEVIATIONS: f64 = 4.0;
/// So many of the latest round trips prove a longer route.
const ROUTE_WINDOW: usize = 24;
/// The sum of two exponential numbers of mean one is beyond this with probability 0.31; 24 times in a row with 1e-12.
const ROUTE_EXCESS: f64 = 2.4;

/// What is known once there was an exchange.
#[derive(Clone, PartialEq, Debug)]
struct Track {
    bank: Bank,
    jitters: Jitters,
    /// Where the beliefs hold, on the local clock.
    at: Time<Local>,
    /// The beliefs' offsets are relative to this one, so that their numbers stay small.
    base: Nanos,
    /// When the last exchange was sent for. The beliefs are carried on to when it became known, which may be a period
    /// later: its stamps travel with the next reply.
    asked: Option<Time<Local>>,
    /// Between the last two exchanges.
    interval: Nanos,
    /// By how much the latest round trips were longer than twice the least delay, in seconds.
    excess: VecDeque<f64>,
}

/// The corridor clock.
#[derive(Clone, Debug)]
pub struct Corridor {
    reference: NodeId,
    reading: Reading,
    track: Option<Track>,
}

impl Corridor {
    /// A clock that follows `reference` and knows nothing of it yet.
    pub fn new(reference: NodeId) -> Self {
        Self { reference, reading: Reading::LOCAL, track: None }
    }

    /// The line that is believed in at `now`.
    fn target(track: &Track) -> Line<Local, Synced> {
        let belief = track.bank.belief();
        let ahead = track.base + span(belief.mean[0]);
        Line { start: track.at, value: shifted(track.at, ahead), rate: Rate::from_ratio(belief.mean[1]) }
    }

    fn bound(&self, track: &Track) -> ErrorBound {
        let belief = track.bank.belief();
        let wander = track.bank.wander() * (track.interval.as_seconds().abs() / 3.0).sqrt();
        let growth = CLAIMED_DEVIATIONS * (belief.spread[1][1].max(0.0).sqrt() + wander);
        let claimed = CLAIMED_DEVIATIONS * belief.spread[0][0].max(0.0).sqrt() + belief.mean[2].max(0.0);
        let slewing = (Self::target(track).at(track.at) - self.reading.at(track.at)).abs();
        ErrorBound { initial: span(claimed) + slewing, growth: Rate::from_ratio(growth) }
    }
}

impl Track {
    /// What one exchange says: the offset is midway, give or take half the round trip.
    fn new(exchange: &Exchange) -> Self {
        let [at, ..] = exchange.stamps();
        let sample = exchange.sample();
        let round_trip = sample.delay.as_seconds().abs().max(GRAIN);
        let least = (round_trip * FIRST_LEAST.0, round_trip * FIRST_LEAST.1);
        let belief = Belief::guess([0.0, 0.0, least.0], [round_trip, USUAL_RATE, least.1]);
        let (bank, jitters) = (Bank::new(belief), Jitters::new(round_trip));
        let interval = LONGEST_SLEW.times(SLEW_SHARE);
        Self { bank, jitters, at, base: sample.offset, asked: None, interval, excess: VecDeque::new() }
    }

    fn advance(&mut self, to: Time<Local>) {
        self.bank.advance((to - self.at).as_seconds());
        self.at = to;
    }

    /// Learns from both messages of an exchange. The offset is that at the request's departure and at the reply's
    /// arrival: the time under way between is the reference's.
    fn learn(&mut self, exchange: &Exchange) {
        let [t1, t2, t3, t4] = exchange.stamps();
        let noise = stamp_noise(exchange);
        let passage = |direction, shown: Nanos| Passage { direction, shown: shown.as_seconds(), noise };
        let forth = passage(Direction::Forth, offset(t2, t1) - self.base);
        let back = passage(Direction::Back, offset(t4, t3) + self.base);
        let round_trip = forth.shown + back.shown;
        let elapsed = self.asked.replace(t1).map_or(self.interval, |asked| t1 - asked);
        self.bank.mix();
        self.advance(t1);
        self.notice_route(round_trip);
        self.notice_jump(&[forth, back], elapsed);
        let [forth_says, back_says] = self.heard(&[forth, back]);
        if forth_says {
            self.bank.learn(&forth, self.jitters.of(Direction::Forth));
        }
        self.advance(t4);
        if back_says {
            self.bank.learn(&back, self.jitters.of(Direction::Back));
        }
        let belief = self.bank.belief();
        let late = |says: bool, passage: &Passage| says.then(|| -belief.conflict(passage).0);
        self.jitters.learn(round_trip, [late(forth_says, &forth), late(back_says, &back)]);
        if elapsed > Nanos::ZERO {
            self.interval = elapsed;
        }
    }

    /// Which messages were not held up. All beliefs together say so, since one that expects anything would take
    /// anything for news, and before either is learned from, since a longer route holds up both alike: the first, taken
    /// for news, would make the second look worse.
    fn heard(&self, passages: &[Passage; 2]) -> [bool; 2] {
        let belief = self.bank.belief();
        [0, 1].map(|way| !belief.is_held_up(&passages[way], self.jitters.of(passages[way].direction)))
    }

    /// A least delay that the round trips contradict is doubted by as much as they do, and with it the offset: a belief
    /// that lay on one wrong delay would else put all of the next one's error into the other.
    fn notice_route(&mut self, round_trip: f64) {
        let belief = self.bank.belief();
        let (least, deviation) = (belief.mean[2], belief.spread[2][2].max(0.0).sqrt());
        let excess = round_trip - 2.0 * least;
        if excess < -2.0 * (SURE * deviation + GRAIN) {
            self.excess.clear();
            return self.bank.doubt([excess / 2.0, 0.0, excess / 2.0]);
        }
        if self.excess.len() == ROUTE_WINDOW {
            self.excess.pop_front();
        }
        self.excess.push_back(excess);
        let least_excess = self.excess.iter().copied().fold(f64::MAX, f64::min);
        let by_chance = ROUTE_EXCESS * self.jitters.mean() + 2.0 * SURE * deviation;
        if self.excess.len() == ROUTE_WINDOW && least_excess > by_chance {
            self.excess.clear();
            self.bank.doubt([least_excess / 2.0, 0.0, least_excess / 2.0]);
        }
    }

    /// Phase and rate that a message contradicts are doubted by as much as it does, the rate over the time since the
    /// exchange before.
    fn notice_jump(&mut self, passages: &[Passage], elapsed: Nanos) {
        let belief = self.bank.belief();
        for passage in passages {
            let (conflict, deviation) = belief.conflict(passage);
            if conflict > SURE * deviation {
                self.bank.doubt([conflict, conflict / elapsed.as_seconds().abs().max(1e-3), 0.0]);
            }
        }
    }
}

/// Variance of the error of a difference of two stamps, in square seconds.
fn stamp_noise(exchange: &Exchange) -> f64 {
    let stated = |point: Point| match exchange.source() {
        Source::User => 0.0,
        _ => point.wire.map_or(0.0, |stamp| stamp.error.as_seconds()),
    };
    let errors = [exchange.t1, exchange.t2, exchange.t3, exchange.t4].map(stated);
    let largest = errors.into_iter().fold(GRAIN, |largest, error| largest.max(error.abs()));
    largest * largest
}

/// Seconds as a span.
fn span(seconds: f64) -> Nanos {
    Nanos((seconds * 1e9).round() as i64)
}

impl Clock for Corridor {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Corridor
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        let track = self.track.as_ref()?;
        let belief = track.bank.belief().after((at - track.at).as_seconds(), track.bank.wander());
        Some(span(belief.spread[0][0].max(0.0).sqrt()))
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        if exchange.peer != self.reference {
            return None;
        }
        let mut track = self.track.take().unwrap_or_else(|| Track::new(exchange));
        track.learn(exchange);
        track.advance(at);
        if !track.bank.belief().is_finite() {
            track = Track::new(exchange);
        }
        let target = Self::target(&track);
        let slewing = track.interval.over(SLEW_SHARE).min(LONGEST_SLEW);
        self.reading = slew::towards(&self.reading, at, &target, slewing);
        let bound = Some(self.bound(&track));
        self.track = Some(track);
        Some(Change { reading: self.reading, stepped: false, bound, event: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Claims;
    use crate::time::Ppb;

    const REFERENCE: NodeId = NodeId(7);

    /// An exchange a second with a reference that is `ahead` at local zero and gains `ppm`, whose messages take `least`
    /// and more by turns; some of them in each direction take no longer.
    fn exchange(second: i64, ahead: Nanos, ppm: i64, least: Nanos) -> Exchange {
        let late = |turn: i64| Nanos::from_micros([0, 30, 12, 55, 4, 90, 21][(turn % 7) as usize]);
        let t1: Time<Local> = Time::ZERO + Nanos::from_seconds(second);
        let gain = |at: Time<Local>| ahead + Rate::from_ppb(Ppb(1_000 * ppm)).over(at - Time::ZERO);
        let arrived = t1 + least + late(second);
        let back = arrived + least + late(3 * second + 2);
        let remote = arrived + gain(arrived);
        let [t1, t2, t3, t4] = [t1, remote, remote, back].map(|user| Point { user, wire: None });
        Exchange { peer: REFERENCE, t1, t2, t3, t4, claims: Claims::default() }
    }

    fn follow(clock: &mut Corridor, seconds: std::ops::Range<i64>, least: Nanos) -> Nanos {
        for second in seconds.clone() {
            let exchange = exchange(second, Nanos::from_millis(-80), 40, least);
            clock.on_exchange(exchange.t4.user, &exchange).expect("each exchange changes the clock");
        }
        let at: Time<Local> = Time::ZERO + Nanos::from_seconds(seconds.end);
        let truth = Nanos::from_millis(-80) + Rate::from_ppb(Ppb(40_000)).over(at - Time::ZERO);
        offset(clock.reading().at(at), at) - truth
    }

    #[test]
    fn an_exact_line_under_late_messages_is_recovered_with_its_least_delay() {
        let least = Nanos::from_micros(150);
        let mut clock = Corridor::new(REFERENCE);
        let error = follow(&mut clock, 0..200, least);
        assert!(error.abs() < Nanos(1_500), "{error}");
        let belief = clock.track.as_ref().expect("exchanges").bank.belief();
        assert!((belief.mean[2] - least.as_seconds()).abs() < 2e-6, "{belief:?}");
        assert!((belief.mean[1] - 40e-6).abs() < 5e-9, "{belief:?}");
        let at = Time::ZERO + Nanos::from_seconds(200);
        assert!(clock.deviation(at).is_some_and(|deviation| deviation < Nanos::from_micros(2)));
        assert!(clock.deviation(at + Nanos::from_seconds(1_000)) > clock.deviation(at), "doubt grows with time");
    }

    #[test]
    fn another_route_is_learned_and_the_offset_kept() {
        for (before, after) in [(150, 900), (900, 150)] {
            let mut clock = Corridor::new(REFERENCE);
            follow(&mut clock, 0..200, Nanos::from_micros(before));
            let error = follow(&mut clock, 200..400, Nanos::from_micros(after));
            let belief = clock.track.as_ref().expect("exchanges").bank.belief();
            assert!((belief.mean[2] * 1e6 - after as f64).abs() < 3.0, "{belief:?}");
            assert!(error.abs() < Nanos::from_micros(3), "{before} to {after}: {error}");
        }
    }

    /// On real hosts the stamps of an exchange are complete with the next one's reply: when that was asked for, the beliefs were
    /// carried on to a later instant already.
    #[test]
    fn a_jump_is_one_of_a_whole_period_also_where_exchanges_are_known_a_period_late() {
        let mut clock = Corridor::new(REFERENCE);
        let late = Nanos::from_seconds(1) + Nanos::from_millis(1);
        let mut hear = |second, jump| {
            let exchange = exchange(second, Nanos::from_millis(-80) + jump, 40, Nanos::from_micros(150));
            clock.on_exchange(exchange.t1.user + late, &exchange);
            clock.deviation(exchange.t1.user + late)
        };
        let before = (0..200).map(|second| hear(second, Nanos::ZERO)).last().flatten();
        let after = hear(200, Nanos::from_millis(-2));
        assert!(before.is_some_and(|before| before < Nanos::from_micros(2)), "{before:?}");
        let least = Nanos::from_micros(500);
        assert!(after.is_some_and(|after| (least..Nanos::from_millis(10)).contains(&after)), "{after:?}");
        assert_eq!(clock.track.as_ref().map(|track| track.interval), Some(Nanos::from_seconds(1)));
    }

    #[test]
    fn the_first_exchange_is_followed_at_its_middle_and_others_than_the_reference_never() {
        let first = exchange(1, Nanos::from_millis(5), 0, Nanos::from_micros(100));
        let mut clock = Corridor::new(REFERENCE);
        let change = clock.on_exchange(first.t4.user, &first).expect("a change");
        let settled = first.t4.user + Nanos::from_seconds(2);
        let error = offset(change.reading.at(settled), settled) - first.sample().offset;
        assert!(error.abs() < Nanos::from_micros(20), "{error}");
        assert!(!change.stepped && change.bound.is_some_and(|bound| bound.initial >= Nanos::from_micros(50)));
        assert_eq!(clock.on_exchange(first.t4.user, &Exchange { peer: NodeId(8), ..first }), None);
    }

    #[test]
    fn no_stamps_make_it_panic_or_stop() {
        let mut clock = Corridor::new(REFERENCE);
        let ends = [i64::MIN, -1, 0, 1, 1_000_000_000, i64::MAX];
        for k in 0..ends.len().pow(4) {
            let stamp =
                |place: u32| Point { user: Time::from_nanos(ends[k / ends.len().pow(place) % ends.len()]), wire: None };
            let exchange = Exchange {
                t1: stamp(0),
                t2: stamp(1),
                t3: stamp(2),
                t4: stamp(3),
                ..exchange(0, Nanos(0), 0, Nanos(0))
            };
            let change = clock.on_exchange(exchange.t4.user, &exchange).expect("a change");
            assert!(change.reading.line.rate >= Rate::STOPPED, "{exchange:?}");
            assert!(clock.track.as_ref().is_some_and(|track| track.bank.belief().is_finite()), "{exchange:?}");
        }
    }
}
