//! What the averaging clocks have in common: rounds, what was measured of every peer's clock in the present one, and the
//! reading that is corrected when it ends.
//!
//! A round ends when the own clock passes a multiple of eight polls: clocks that nearly agree end it nearly together. Of
//! each peer the exchange with the least delay counts, since its reading error is at most half of that delay; what was
//! measured in an earlier round does not, since the peer has corrected its clock since.

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
        let seen = Seen { at, ahead: sample.offset, error: sample.delay.max(Nanos::ZERO).over(2), noise };
        let known = self.seen.entry(exchange.peer).or_insert(seen);
        if seen.error <= known.error {
            *known = seen;
        }
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
        let (heard, error) = self.close(at);
        let differences = std::iter::once(Nanos::ZERO).chain(heard.iter().map(|one| one.ahead)).collect();
        let correction = correct(self, differences, error);
        let by = correction.map_or(Nanos::ZERO, |correction| correction.by);
        let claimed = correction.zip(self.agreement.as_mut());
        let (terms, kappa) = (&self.terms, self.kappa);
        let bound = claimed.and_then(|(correction, claimed)| claimed.close(at, &heard, &correction, terms, kappa));
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

    /// What was read in the round that ends, and no reading error larger than this: the one with rank `faults` among
    /// the errors, so that no liar sets it, and what two clocks can drift apart in a round.
    fn close(&mut self, at: Time<Local>) -> (Vec<Heard>, Nanos) {
        let own = offset(self.reading.at(at), at);
        let seen = std::mem::take(&mut self.seen);
        let mut errors: Vec<Nanos> = seen.values().map(|seen| seen.error).collect();
        errors.sort_unstable_by(|one, other| other.cmp(one));
        let error = errors.get(self.faults()).copied().unwrap_or(Nanos::ZERO) + self.drift().times(2);
        let heard = |seen: &Seen| {
            let (error, age) = (seen.error + seen.noise, at - seen.at);
            Heard { ahead: seen.ahead - own, error, age }
        };
        (seen.values().map(heard).collect(), error)
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
        let (found, error) = ensemble.close(Time::ZERO);
        assert_eq!(found.iter().map(|one| one.ahead.0).collect::<Vec<_>>(), [70, -30]);
        let expected = 500..=800_500;
        assert!(
            error.0 > 800_480 && expected.contains(&error.0),
            "half of 1000 ns and 2 · 50 ppm of eight seconds: {error:?}"
        );
        assert_eq!(ensemble.close(Time::ZERO).0, [], "a new round knows nobody");
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
