//! Between what the clocks of a mesh are that only follow the largest: what a node can claim of Lamport's rule.
//!
//! Such clocks never go back and run no faster than (1 + kappa), unless they take over what a message carries, so that the
//! largest of all clocks and of all credits in flight, M, grows by no more than that either (docs/theory.md §1.1). An
//! exchange with a peer says two things of its clock C. At t4 it shows at least what its reply carries, T, since that was read
//! before; and at t1 it shows at most T less the peer's residence, since what it was read for came later. From all peers'
//! lower limits, aged, follows that no clock is below the lowest; from all peers' upper limits, each taken back to the
//! earliest of their t1, follows M there, but for kappa mu of credits in flight, and so a limit to all clocks since, whoever
//! heard of whom meanwhile.
//!
//! Inputs: exchanges (user stamps, local ns) and the own shift, clock − local clock in ns. Output: an interval for (any clock
//! of the mesh − local clock), in ns. Assumed: the node exchanges probes with every other (else it does not know who the
//! others follow, and nothing is said), no clock is faulty (f = 0), kappa limits every local clock, no message is credited
//! with more than its delay nor with more than the longest round trip seen here. A peer that is silent costs 2 kappa of the
//! time since; one that was set back (it started again) contradicts the interval, which is then made anew. Cost: a lookup
//! an exchange, and once a poll a pass over the peers. Source: the two envelopes of the proof of Lamport's theorem, with
//! measured clocks in the place of its a-priori tau and xi.

use std::collections::BTreeMap;

use super::kappa::Kappa;
use super::overlap::{Held, Interval};
use super::{ErrorBound, GRAIN, Settings};
use crate::affine::offset;
use crate::ids::NodeId;
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Time};

/// What a node knows of the clocks of its mesh.
#[derive(Clone, Debug)]
pub struct Bracket {
    /// How many peers there are to be heard; `None` if there are others beside.
    peers: Option<usize>,
    poll: Nanos,
    kappa: Kappa,
    seen: BTreeMap<NodeId, Seen>,
    held: Option<Held>,
    /// When the interval is to be made again.
    due: Time<Local>,
}

/// A peer's clock − local clock, as the newest exchange showed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    asked: Time<Local>,
    /// At most this, then.
    most: Nanos,
    heard: Time<Local>,
    /// At least this, then.
    least: Nanos,
}

impl Seen {
    fn of(exchange: &Exchange, claim: &Claim) -> Self {
        let (asked, heard) = (exchange.t1.user, exchange.t4.user);
        let residence = (exchange.t3.user - exchange.t2.user).max(Nanos::ZERO);
        let most = offset(claim.reading, asked) - residence;
        Self { asked, most, heard, least: offset(claim.reading, heard) }
    }
}

impl Bracket {
    /// Of a node that has heard nobody yet.
    pub fn new(settings: &Settings) -> Self {
        let peers = settings.is_linked_to_all().then_some(settings.peers as usize).filter(|peers| *peers > 0);
        let (poll, kappa) = (settings.poll, Kappa::own(settings.kappa));
        Self { peers, poll, kappa, seen: BTreeMap::new(), held: None, due: Time::MIN }
    }

    /// The largest kappa that was heard of.
    pub const fn kappa(&self) -> Kappa {
        self.kappa
    }

    /// Hears of a peer's kappa.
    pub fn hear(&mut self, claim: &Claim) {
        self.kappa.hear(claim.counter);
    }

    /// Takes note of an exchange in which the peer's clock made `claim`; the own clock is now `own` ahead of the local one.
    pub fn add(&mut self, exchange: &Exchange, claim: &Claim, own: Nanos) {
        let Some(peers) = self.peers else { return };
        let seen = Seen::of(exchange, claim);
        self.seen.insert(exchange.peer, seen);
        let is_contradicted = self.contradicts(&seen);
        if is_contradicted || seen.heard >= self.due && self.seen.len() >= peers {
            let before = self.held.filter(|_| !is_contradicted);
            self.held = Some(self.made(seen.heard, own, before)).filter(|_| self.seen.len() >= peers);
            self.due = seen.heard + self.poll;
        }
    }

    /// Whether the clock was where none could be: lower than all at t1, or higher at t4.
    fn contradicts(&self, seen: &Seen) -> bool {
        let at = |at| self.held.map(|held| held.aged(at, self.kappa.apart()));
        at(seen.asked).is_some_and(|then| seen.most < then.low)
            || at(seen.heard).is_some_and(|now| seen.least > now.high)
    }

    /// The interval for every clock − local clock at `now`.
    fn made(&self, now: Time<Local>, own: Nanos, before: Option<Held>) -> Held {
        let (drift, apart) = (self.kappa.drift(), self.kappa.apart());
        let since = self.seen.values().map(|seen| seen.asked).min().unwrap_or(now);
        let aged = |seen: &Seen| seen.least - apart.over(now - seen.heard);
        let low = self.seen.values().map(aged).fold(own, Nanos::min);
        let then = |seen: &Seen| seen.most + apart.over(seen.asked - since);
        let longest = self.seen.values().map(|seen| seen.heard - seen.asked).fold(Nanos::ZERO, Nanos::max);
        let high = self.seen.values().map(then).fold(own, Nanos::max) + drift.over(longest) + apart.over(now - since);
        let found = Held { at: now, ahead: Interval { low, high }.widened(GRAIN) };
        before.map_or(found, |held| held.updated(&found, apart))
    }

    /// How far any clock of the mesh can be from the own one at `now`, which is `own` ahead of the local clock. `None`
    /// until every peer was heard.
    #[inline]
    pub fn bound(&self, now: Time<Local>, own: Nanos) -> Option<ErrorBound> {
        let growth = self.kappa.apart();
        let ahead = self.held?.aged(now, growth);
        let initial = (ahead.high - own).max(own - ahead.low).max(Nanos::ZERO) + GRAIN;
        Some(ErrorBound { initial, growth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::probe::{Claims, Point};

    /// An exchange with `peer` from t1 to t4, whose clock reads `shown` when it answers, `residence` after it was asked.
    fn add(mesh: &mut Bracket, peer: u32, [t1, t4]: [i64; 2], shown: i64, residence: i64) {
        let point = |ns: i64| Point { user: Time::from_nanos(ns), wire: None };
        let claim = Claim { reading: Time::from_nanos(shown), ..Claim::default() };
        let (t2, t3) = (point(7_000), point(7_000 + residence));
        let exchange = Exchange { peer: NodeId(peer), t1: point(t1), t2, t3, t4: point(t4), claims: Claims::none() };
        mesh.add(&exchange, &claim, Nanos::ZERO);
    }

    fn bound(mesh: &Bracket, at: i64) -> Option<i64> {
        mesh.bound(Time::from_nanos(at), Nanos::ZERO).map(|bound| bound.initial.0)
    }

    #[test]
    fn between_what_all_peers_can_show_lies_every_clock() {
        let mut mesh = Bracket::new(&settings(0, 2));
        add(&mut mesh, 1, [0, 100], 1_000, 10);
        assert_eq!(bound(&mesh, 100), None, "the other was not heard");
        add(&mut mesh, 2, [20, 80], -500, 0);
        // At t1 the first showed no more than 1000 - 10, at t4 the second no less than -500 - 80; each 17 of roundings.
        assert_eq!(bound(&mesh, 80), Some(990 + 17));
        let own_is_ahead = mesh.bound(Time::from_nanos(80), Nanos(3_000)).map(|bound| bound.initial.0);
        assert_eq!(own_is_ahead, Some(3_000 + 580 + 17));
        let later = bound(&mesh, 1_000_000_080).expect("still");
        assert!((990 + 17 + 100_000..990 + 17 + 100_100).contains(&later), "2 kappa, 100 us a second: {later}");
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_at_once() {
        let mut mesh = Bracket::new(&settings(0, 1));
        add(&mut mesh, 1, [0, 100], 1_000_000, 0);
        assert!(bound(&mesh, 100).is_some_and(|bound| (1_000_000..1_000_100).contains(&bound)));
        add(&mut mesh, 1, [200, 300], -5_000_000, 0);
        assert!(bound(&mesh, 300).is_some_and(|bound| (5_000_000..5_001_000).contains(&bound)));
    }

    #[test]
    fn who_is_not_linked_to_all_says_nothing() {
        let mut mesh = Bracket::new(&Settings { nodes: 3, ..settings(0, 1) });
        add(&mut mesh, 1, [0, 100], 1_000, 10);
        assert_eq!((bound(&mesh, 100), mesh.seen.len()), (None, 0));
    }
}
