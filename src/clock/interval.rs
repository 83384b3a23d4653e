//! The interval clock: instead of a best guess, an interval [earliest, latest] that is certain to hold the truth.
//!
//! A mesh without UTC has no other truth than one of its own clocks: here that of the reference node, undisciplined. Every
//! other node holds an interval for (reference's clock − local clock). An exchange with a peer that holds one gives the
//! peer's interval, moved by the offset and widened by half the delay, the stamps' errors and the drift meanwhile: wherever
//! in the round trip the delay lay, the truth is inside. Of one peer the intersection of all it ever said is kept, each aged
//! by how fast two clocks can run apart, 2 kappa. The reference is right by definition; of the other peers at most f may be
//! wrong, so that the hull of what all but f of their intervals cover contains the truth ([`super::overlap::hull`]), and so
//! does what it has in common with the reference's. What is derived from derived intervals still contains the truth: there
//! is no loop to avoid.
//!
//! Reading: the middle of the interval, followed by a slewing overlay ([`super::overlay`]) at 500 ppm; the first one is stepped
//! to, and nothing ever goes back after. The [`super::ErrorBound`] is half the width plus what the overlay lags behind, in
//! ns, growing at 2 kappa. A message claims the interval itself: its middle as the reading, half its width as the
//! dispersion, and in the counter the largest kappa heard of, in ppb, since the reference's drift is everybody's.
//!
//! Assumed: no clock drifts more than it says (at most 1 %), stamps are no further off than they say, at most f peers lie,
//! and the reference lies to nobody: what it says is the truth. A node that is not linked to it knows nothing until more
//! than f of its peers do. The latest interval is kept as long as it is narrower than
//! what is heard, so that after a time with more than f liars it takes its width over 2 kappa to heal. Cost: an exchange
//! two sorts of as many numbers as there are peers. Source: K. Marzullo (1984) with the hull for his sweep; TrueTime's
//! earliest and latest (J. Corbett and others, OSDI 2012), whose masters' UTC the reference stands in for.

use std::collections::BTreeMap;

use super::kappa::Kappa;
use super::overlap::{Held, Interval, hull};
use super::overlay::Slewed;
use super::{Change, Clock, ErrorBound, GRAIN, Message, Reading, Settings};
use crate::affine::{Line, shifted};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Ppb, Rate, Time};

/// The overlay gains at most this on the middle of the interval: NTP's limit.
const FASTEST: Ppb = Ppb(500_000);
/// An interval clock.
#[derive(Clone, Debug)]
pub struct IntervalClock {
    settings: Settings,
    kappa: Kappa,
    /// What each peer said of the truth.
    peers: BTreeMap<NodeId, Held>,
    own: Option<Held>,
    shown: Slewed,
}

impl IntervalClock {
    /// A clock that knows nothing yet, unless it is the reference's.
    pub fn new(settings: &Settings) -> Self {
        let shown = Slewed::new(Reading::LOCAL, FASTEST);
        let kappa = Kappa::own(settings.kappa);
        Self { settings: *settings, kappa, peers: BTreeMap::new(), own: None, shown }
    }

    fn is_reference(&self) -> bool {
        self.settings.node == self.settings.reference
    }

    /// The interval for truth − local clock that the node holds at `now`.
    pub fn holds(&self, now: Time<Local>) -> Option<Interval> {
        if self.is_reference() {
            return Some(Interval { low: Nanos::ZERO, high: Nanos::ZERO });
        }
        self.own.map(|own| own.aged(now, self.kappa.apart()))
    }

    /// What an exchange says of the truth; nothing if it contradicts its own stamps.
    fn told(&self, exchange: &Exchange) -> Option<Held> {
        let claim = exchange.claims.of(Algorithm::Interval).filter(|claim| claim.stratum > 0)?;
        let timing = exchange.timing();
        let ([t1, t2, t3, at], sample) = (timing.stamps, timing.sample_of(claim));
        let error = exchange.stamp_errors() + GRAIN;
        let spans = (at - t1).abs() + (t3 - t2).abs() + (t3 - exchange.t3.user).abs();
        let half = Nanos(sample.delay.0 / 2) + error + self.kappa.apart().over(spans);
        let radius = claim.root_dispersion + half;
        let ahead = Interval { low: sample.offset, high: sample.offset }.widened(radius);
        (half >= Nanos::ZERO && claim.root_dispersion >= Nanos::ZERO).then_some(Held { at, ahead })
    }

    /// Keeps what a peer said, as far as it is consistent with what it said before.
    fn keep(&mut self, peer: NodeId, told: Held) {
        let held = self.peers.get(&peer).map_or(told, |held| held.updated(&told, self.kappa.apart()));
        self.peers.insert(peer, held);
    }

    /// The interval that all peers together allow at `now`, if it says more than the present one, or other.
    fn better(&self, now: Time<Local>) -> Option<Interval> {
        let growth = self.kappa.apart();
        let aged = |held: &Held| held.aged(now, growth);
        let from_reference = self.peers.get(&self.settings.reference).map(aged);
        let others = self.peers.iter().filter(|(peer, _)| **peer != self.settings.reference);
        let others: Vec<Interval> = others.map(|(_, held)| aged(held)).collect();
        let found = match (from_reference, hull(&others, self.settings.faults())) {
            (Some(sure), Some(told)) => Some(sure.and(&told)).filter(|both| !both.is_empty()).unwrap_or(sure),
            (sure, told) => sure.or(told)?,
        };
        let is_news = |own: &Held| {
            let own = own.aged(now, growth);
            found.radius() < own.radius() || own.and(&found).is_empty()
        };
        self.own.as_ref().is_none_or(is_news).then_some(found)
    }

    /// Takes on a new interval.
    fn take(&mut self, now: Time<Local>, ahead: Interval) -> Change {
        let line = Line { start: now, value: shifted(now, ahead.middle()), rate: Rate::ZERO };
        let stepped = self.own.is_none();
        let lag = if stepped {
            self.shown.jump(now, &line);
            Nanos::ZERO
        } else {
            self.shown.follow(now, &Reading { line, then: None })
        };
        self.own = Some(Held { at: now, ahead });
        let bound = ErrorBound { initial: ahead.radius() + lag.abs() + GRAIN, growth: self.kappa.apart() };
        Change { reading: *self.shown.reading(), stepped, bound: Some(bound), event: None }
    }
}

impl Clock for IntervalClock {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Interval
    }

    fn reading(&self) -> &Reading {
        self.shown.reading()
    }

    fn claim(&self, at: Time<Local>) -> Claim {
        let counter = self.kappa.claimed();
        let root = self.settings.reference;
        let Some(ahead) = self.holds(at) else {
            return Claim { reading: self.reading().at(at), counter, ..Claim::default() };
        };
        Claim {
            reading: shifted(at, ahead.middle()),
            counter,
            stratum: if self.is_reference() { 1 } else { 2 },
            root,
            parent: root,
            root_dispersion: ahead.radius(),
            ..Claim::default()
        }
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.kappa.hear(message.claim.counter);
        None
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        if self.is_reference() {
            return None;
        }
        self.kappa.hear(exchange.claims.of(Algorithm::Interval)?.counter);
        let told = self.told(exchange)?;
        self.keep(exchange.peer, told);
        let ahead = self.better(at)?;
        Some(self.take(at, ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::ids::Algorithms;
    use crate::probe::{Claims, Point};

    /// An exchange with `peer`, whose clock is ahead by `ahead` and claims an interval of radius `radius` around
    /// itself; the delays in ns each way, begun at local time `t1`.
    fn exchange(peer: u32, t1: i64, ahead: i64, (forth, back): (i64, i64), radius: i64) -> Exchange {
        let point = |ns: i64| Point { user: Time::from_nanos(ns), wire: None };
        let (t2, t4) = (t1 + forth + ahead, t1 + forth + back);
        let claim =
            Claim { reading: Time::from_nanos(t2), stratum: 1, root_dispersion: Nanos(radius), ..Claim::default() };
        let claims = Claims::made_by(Algorithms::NONE.with(Algorithm::Interval), |_| claim);
        Exchange { peer: NodeId(peer), t1: point(t1), t2: point(t2), t3: point(t2), t4: point(t4), claims }
    }

    fn holds(clock: &IntervalClock, at: i64) -> (i64, i64) {
        let held = clock.holds(Time::from_nanos(at)).expect("an interval");
        (held.low.0, held.high.0)
    }

    #[test]
    fn the_truth_is_inside_wherever_in_the_round_trip_the_delay_lay() {
        for (forth, back) in [(0, 1_000_000), (1_000_000, 0), (500_000, 500_000)] {
            let mut clock = IntervalClock::new(&settings(1, 1));
            let change =
                clock.on_exchange(Time::from_nanos(1_000_000), &exchange(0, 0, 7_000, (forth, back), 0)).unwrap();
            let (low, high) = holds(&clock, 1_000_000);
            assert!((low..=high).contains(&7_000), "{low}..{high}");
            assert!((1_000_000..1_000_400).contains(&(high - low)), "as wide as the delay: {low}..{high}");
            assert!(change.stepped && change.bound.is_some_and(|bound| (500_000..500_200).contains(&bound.initial.0)));
        }
    }

    #[test]
    fn it_widens_at_twice_kappa_and_a_message_claims_all_of_it() {
        let mut clock = IntervalClock::new(&settings(1, 1));
        clock.on_exchange(Time::from_nanos(1_000), &exchange(0, 0, 0, (500, 500), 0));
        let wide = |at: i64| holds(&clock, at).1 - holds(&clock, at).0;
        assert_eq!((wide(1_000_001_000) - wide(1_000)) / 100, 2_000, "100 us a second at 50 ppm, on either side");
        let claim = clock.claim(Time::from_nanos(1_000_001_000));
        assert_eq!((claim.stratum, claim.counter, claim.root_dispersion.0 / 100), (2, 50_000, 1_005));
    }

    #[test]
    fn one_liar_of_three_peers_does_not_push_the_truth_out() {
        // With the reference among the peers, and without.
        for known in [0, 4] {
            let mut clock = IntervalClock::new(&settings(1, 3));
            let told = [(known, 0, 100), (2, 40, 100), (3, 9_000_000, 1)];
            for (peer, ahead, radius) in told {
                clock.on_exchange(Time::from_nanos(2_000), &exchange(peer, 0, ahead, (1_000, 1_000), radius));
            }
            let (low, high) = holds(&clock, 2_000);
            assert!(low <= 0 && high >= 0 && (known == 4 || high < 10_000), "{low}..{high}");
        }
    }

    #[test]
    fn as_many_peers_as_may_lie_say_nothing() {
        let mut clock = IntervalClock::new(&settings(1, 3));
        // The one that does is not the reference.
        assert_eq!(clock.on_exchange(Time::from_nanos(9), &exchange(3, 0, 5, (2, 2), 0)), None);
        assert!(clock.holds(Time::from_nanos(9)).is_none());
    }

    #[test]
    fn the_largest_kappa_of_the_mesh_travels_with_the_claims() {
        let mut clock = IntervalClock::new(&settings(1, 1));
        let hear = |clock: &mut IntervalClock, counter: u32| {
            let claim = Claim { counter, ..Claim::default() };
            let (at, credit) = (Time::ZERO, Nanos::ZERO);
            clock.on_message(&Message { from: NodeId(2), at, credit, claim: &claim });
            clock.claim(Time::ZERO).counter
        };
        assert_eq!([hear(&mut clock, 1), hear(&mut clock, 90_000), hear(&mut clock, 7)], [50_000, 90_000, 90_000]);
        assert_eq!(
            hear(&mut clock, u32::MAX),
            10_000_000,
            "a liar can widen intervals, within reason, and narrow none"
        );
    }
}
