//! What the averaging clocks have in common: rounds, what was measured of every peer's clock in the present one, and the
//! reading that is corrected when it ends.
//!
//! A round ends when the own clock passes a multiple of eight polls: clocks that nearly agree end it nearly together. Of
//! each peer the exchange with the least delay counts, since its reading error is at most half of that delay; what was
//! measured in an earlier round does not, since the peer has corrected its clock since. What a peer's clock reads says in
//! which round it is: on real hosts exchanges are known a poll late, and tell then of clocks that moved since, as those do that
//! are asked between the own move and theirs. Such readings serve until enough clocks were read in one round, all but f,
//! and nothing is stated then: clocks that begin rounds apart must meet somehow, and the theorems speak of clocks that
//! have met. Nor is anything stated of the round in which a clock begins and of the next, in which others may begin.

use std::collections::BTreeMap;

use super::agreement::{Agreement, Correction, Heard, Terms};
use super::kappa::Kappa;
use super::{Change, Reading, Settings};
use crate::affine::{Line, offset};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// So many polls make a round.
const POLLS: i64 = 8;
/// The first rounds, of which nothing is stated.
const SILENT_ROUNDS: u32 = 2;

/// A clock among others of its kind: what it shows, and the readings of one round.
#[derive(Clone, Debug)]
pub struct Ensemble {
    algorithm: Algorithm,
    reading: Reading,
    /// What is claimed of the distance to other clocks; nothing where the node does not read them all.
    agreement: Option<Agreement>,
    terms: Terms,
    own_kappa: Ppb,
    kappa: Kappa,
    round: Option<i64>,
    /// How many rounds have ended, as far as [`SILENT_ROUNDS`].
    ended: u32,
    seen: BTreeMap<NodeId, Seen>,
    /// Whether the clock states a bound at present.
    states: bool,
}

/// A peer's clock, as an exchange showed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    at: Time<Local>,
    /// Peer's clock − local clock, in ns.
    ahead: Nanos,
    /// Half the delay: the largest error of that, were the stamps perfect.
    error: Nanos,
    /// How far off the stamps may be.
    noise: Nanos,
    /// Whether the peer was in the present round and has corrected its clock for the one before.
    of_this_round: bool,
}

impl Seen {
    /// Whether it says more than what was seen before.
    fn is_better(&self, known: &Self) -> bool {
        (self.of_this_round, known.error) >= (known.of_this_round, self.error)
    }
}

/// What a round came to.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Closed {
    heard: Vec<Heard>,
    /// A limit to reading errors.
    error: Nanos,
    /// Whether all that was heard was read in this round.
    of_one_round: bool,
}

impl Ensemble {
    /// A clock that shows its local clock and has read no other clock of `algorithm` yet. It tolerates as many liars as
    /// its mesh can bear.
    pub fn new(algorithm: Algorithm, settings: &Settings) -> Self {
        let poll = settings.poll.max(Nanos(1));
        let (clocks, faults) = (settings.peers as usize + 1, settings.faults());
        // A round ends in the first slot after it is over.
        let terms = Terms { clocks, faults, period: poll.times(POLLS), oldest: poll.times(POLLS + 1) };
        Self {
            algorithm,
            reading: Reading::LOCAL,
            agreement: settings.is_linked_to_all().then(Agreement::default),
            terms,
            own_kappa: settings.kappa.abs(),
            kappa: Kappa::own(settings.kappa),
            round: None,
            ended: 0,
            seen: BTreeMap::new(),
            states: false,
        }
    }

    /// What the clock shows.
    pub const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// How many clocks there are, the own one among them.
    pub const fn clocks(&self) -> usize {
        self.terms.clocks
    }

    /// How many liars it tolerates.
    pub const fn faults(&self) -> usize {
        self.terms.faults
    }

    /// What a message says of the clock at `at`: beside its reading the largest kappa heard of, in ppb.
    pub fn claim(&self, at: Time<Local>) -> Claim {
        Claim { reading: self.reading.at(at), counter: self.kappa.claimed(), ..Claim::default() }
    }

    /// Hears what a peer claims.
    pub fn hear(&mut self, claim: &Claim) {
        self.kappa.hear(claim.counter);
    }

    /// Takes note of an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let Some(sample) = exchange.sample_of(self.algorithm) else { return };
        let (at, noise) = (exchange.t4.user, exchange.stamp_errors());
        let error = sample.delay.max(Nanos::ZERO).over(2);
        let of_this_round = exchange.claims.of(self.algorithm).is_some_and(|claim| self.is_in_round(claim.reading));
        let seen = Seen { at, ahead: sample.offset, error, noise, of_this_round };
        let known = self.seen.entry(exchange.peer).or_insert(seen);
        if seen.is_better(known) {
            *known = seen;
        }
    }

    /// Whether a clock that reads this is in the present round, and so far into it that it has had a slot to correct
    /// itself for the one before.
    fn is_in_round(&self, reading: Time<Synced>) -> bool {
        let period = self.terms.period;
        let of = |reading: Time<Synced>| reading.as_nanos().div_euclid(period.0);
        let corrected = reading - period.over(POLLS);
        self.round.is_some_and(|round| of(reading) == round && of(corrected) == round)
    }

    /// At the end of a round, moves the clock by what `correct` makes of the differences peer − own of the round, the
    /// own 0 first, and of a limit to reading errors. The next round begins.
    pub fn turn(
        &mut self,
        at: Time<Local>,
        correct: impl FnOnce(&Self, Vec<Nanos>, Nanos) -> Option<Correction>,
    ) -> Option<Change> {
        if !self.is_over(at) {
            return None;
        }
        let Closed { heard, error, of_one_round } = self.close(at);
        let differences = std::iter::once(Nanos::ZERO).chain(heard.iter().map(|one| one.ahead)).collect();
        let correction = correct(self, differences, error);
        let by = correction.map_or(Nanos::ZERO, |correction| correction.by);
        let claimed = correction.zip(self.agreement.as_mut());
        let (terms, kappa) = (&self.terms, self.kappa);
        // Of clocks that moved since, or that have begun in this very round, the theorems know as little as of silent ones.
        let known = if of_one_round && self.ended > 0 { heard.as_slice() } else { &[] };
        let bound = claimed.and_then(|(correction, claimed)| claimed.close(at, known, &correction, terms, kappa));
        let bound = bound.filter(|_| self.ended >= SILENT_ROUNDS);
        self.ended = SILENT_ROUNDS.min(self.ended + 1);
        let stated = std::mem::replace(&mut self.states, bound.is_some());
        if by == Nanos::ZERO && bound.is_none() && !stated {
            return None;
        }
        let line: Line<Local, Synced> = Line { start: at, value: self.reading.at(at) + by, rate: Rate::ZERO };
        self.reading = Reading { line, then: None };
        Some(Change { reading: self.reading, stepped: by != Nanos::ZERO, bound, event: None })
    }

    /// Whether the clock passes the end of a round at `at`.
    fn is_over(&mut self, at: Time<Local>) -> bool {
        let round = self.reading.at(at).as_nanos().div_euclid(self.terms.period.0);
        let is_later = self.round.is_some_and(|last| round > last);
        self.round = self.round.max(Some(round));
        is_later
    }

    /// What was read in the round that ends, of all but f clocks if they were read, and no reading error larger than this:
    /// the one with rank `faults` among the errors, so that no liar sets it, and what two clocks can drift apart in a round.
    fn close(&mut self, at: Time<Local>) -> Closed {
        let own = offset(self.reading.at(at), at);
        let mut seen = std::mem::take(&mut self.seen);
        let read_in_time = seen.values().filter(|seen| seen.of_this_round).count();
        let of_one_round = read_in_time + 1 + self.faults() >= self.clocks();
        seen.retain(|_, seen| seen.of_this_round || !of_one_round);
        let mut errors: Vec<Nanos> = seen.values().map(|seen| seen.error).collect();
        errors.sort_unstable_by(|one, other| other.cmp(one));
        let error = errors.get(self.faults()).copied().unwrap_or(Nanos::ZERO) + self.drift().times(2);
        let heard = |seen: &Seen| {
            let (error, age) = (seen.error + seen.noise, at - seen.at);
            Heard { ahead: seen.ahead - own, error, age }
        };
        Closed { heard: seen.values().map(heard).collect(), error, of_one_round }
    }

    /// How far a clock can drift in a round: rho R.
    pub fn drift(&self) -> Nanos {
        Rate::from_ppb(self.own_kappa).over(self.terms.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::ids::Algorithms;
    use crate::probe::{Claims, Point};

    fn exchange(peer: u32, ahead: i64, delay: i64) -> Exchange {
        let point = |ns: i64| Point { user: Time::from_nanos(ns), wire: None };
        let there = delay / 2 + ahead;
        let claim = Claim { reading: Time::from_nanos(there), ..Claim::default() };
        let claims = Claims::made_by(Algorithms::ALL, |_| claim);
        Exchange { peer: NodeId(peer), t1: point(0), t2: point(there), t3: point(there), t4: point(delay), claims }
    }

    #[test]
    fn of_each_peer_the_least_delayed_reading_of_the_round_counts() {
        let mut ensemble = Ensemble::new(Algorithm::WelchLynch, &settings(0, 2));
        for (peer, ahead, delay) in [(1, 500, 100), (1, 70, 20), (1, 900, 60), (2, -30, 1_000)] {
            ensemble.add(&exchange(peer, ahead, delay));
        }
        let Closed { heard, error, .. } = ensemble.close(Time::ZERO);
        assert_eq!(heard.iter().map(|one| one.ahead.0).collect::<Vec<_>>(), [70, -30]);
        let expected = 500..=800_500;
        assert!(
            error.0 > 800_480 && expected.contains(&error.0),
            "half of 1000 ns and 2 · 50 ppm of eight seconds: {error:?}"
        );
        assert_eq!(ensemble.close(Time::ZERO).heard, [], "a new round knows nobody");
    }

    /// An exchange whose peer's clock, which is `ahead`, read so many milliseconds when it answered.
    fn read_at(peer: u32, ms: i64, ahead: i64, delay: i64) -> Exchange {
        let point = |ns: i64| Point { user: Time::from_nanos(ns), wire: None };
        let shown = Time::ZERO + Nanos::from_millis(ms);
        let asked = (shown - Time::ZERO).0 - ahead - delay / 2;
        let claims = Claims::made_by(Algorithms::ALL, |_| Claim { reading: shown, ..Claim::default() });
        let answered = Point { user: Time::ZERO + Nanos::from_millis(ms), wire: None };
        Exchange { peer: NodeId(peer), t1: point(asked), t2: answered, t3: answered, t4: point(asked + delay), claims }
    }

    #[test]
    fn a_peer_that_was_read_before_it_moved_or_in_the_next_round_counts_only_where_nothing_else_was_read() {
        let mut ensemble = Ensemble::new(Algorithm::WelchLynch, &settings(0, 1));
        let over = |ensemble: &mut Ensemble, s: i64| ensemble.is_over(Time::ZERO + Nanos::from_seconds(s));
        assert_eq!([over(&mut ensemble, 7), over(&mut ensemble, 8)], [false, true]);
        for (ms, ahead, delay) in [(7_900, 5_000, 20), (8_300, 4_000, 20), (9_100, 70, 600), (16_001, 30, 20)] {
            ensemble.add(&read_at(1, ms, ahead, delay));
        }
        let closed = ensemble.close(Time::ZERO);
        assert_eq!((closed.heard[0].ahead, closed.of_one_round), (Nanos(70), true));
        ensemble.add(&read_at(1, 7_900, 5_000, 20));
        let closed = ensemble.close(Time::ZERO);
        assert_eq!((closed.heard[0].ahead, closed.of_one_round), (Nanos(5_000), false));
    }

    #[test]
    fn nothing_is_stated_before_a_whole_round_in_which_everybody_ran_has_ended() {
        let by_nothing = |_: &Ensemble, _: Vec<Nanos>, _: Nanos| {
            Some(Correction { by: Nanos::ZERO, pull: Nanos::ZERO, remains: (1, 2), within: Nanos::MAX })
        };
        let stated = |silent: i64| {
            let mut ensemble = Ensemble::new(Algorithm::WelchLynch, &settings(0, 2));
            let of_round = |round: i64| {
                let at = Time::ZERO + Nanos::from_seconds(8 * round);
                let heard =
                    (1..=2).filter(|_| round != silent).map(|peer| read_at(peer, 8_000 * round - 2_000, 100, 20));
                heard.for_each(|exchange| ensemble.add(&exchange));
                ensemble.turn(at, by_nothing).is_some_and(|change| change.bound.is_some())
            };
            (0..7).map(of_round).collect::<Vec<_>>()
        };
        assert_eq!(stated(9), [false, false, false, true, true, true, true]);
        assert_eq!(stated(5), [false, false, false, true, true, false, true]);
    }

    #[test]
    fn a_round_is_eight_polls_of_the_own_clock() {
        let mut ensemble = Ensemble::new(Algorithm::WelchLynch, &settings(0, 2));
        let over = |ensemble: &mut Ensemble, s: i64| ensemble.is_over(Time::ZERO + Nanos::from_seconds(s));
        assert_eq!(
            [3, 7, 8, 9, 16, 31, 15].map(|s| over(&mut ensemble, s)),
            [false, false, true, false, true, true, false]
        );
    }

    #[test]
    fn a_round_moves_the_clock_once_and_by_what_the_correction_says() {
        let mut ensemble = Ensemble::new(Algorithm::WelchLynch, &settings(0, 2));
        let at = |s: i64| Time::ZERO + Nanos::from_seconds(s);
        ensemble.add(&exchange(1, 500, 100));
        let by_the_first = |_: &Ensemble, differences: Vec<Nanos>, _: Nanos| {
            let by = *differences.get(1)?;
            Some(Correction { by, pull: Nanos::ZERO, remains: (1, 2), within: Nanos::MAX })
        };
        assert_eq!(ensemble.turn(at(7), by_the_first), None, "no round has ended");
        let change = ensemble.turn(at(9), by_the_first).expect("the end of a round");
        assert_eq!((change.reading.at(at(9)), change.stepped), (Time::from_nanos(9_000_000_500), true));
        assert_eq!(ensemble.turn(at(10), by_the_first), None);
        assert_eq!(ensemble.turn(at(17), by_the_first), None, "nobody was read in the second round");
        assert_eq!(*ensemble.reading(), change.reading);
    }
}
