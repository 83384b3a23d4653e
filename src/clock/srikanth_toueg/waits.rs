//! How long it takes until everybody has heard what one clock says: D, as it was met with.
//!
//! What a peer says right after one message stands on its next. So it is heard within the time from one receipt to the next
//! and the delay of the first, which is no longer than a round trip: D is the longest time between two receipts of a
//! peer, and the longest round trip. Of the ways between others a node knows what they tell: each message tells the longest D
//! that its sender met with itself, and what its local clock may drift in a round.
//!
//! D is that of the present round and the one before, so that a storm is forgotten after a round. A peer that was not
//! heard for longer than what is believed is silent: it counts as faulty, and not here. A liar can tell a long D, up to twice the
//! longest silence, and so widen the claim; it cannot shorten it. Assumed beyond what the theorem assumes: no message
//! takes longer in a round than any did in that round and the one before. Cost: a lookup a message.

use std::collections::BTreeMap;

use crate::clock::Settings;
use crate::clock::kappa::Kappa;
use crate::ids::NodeId;
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Ppb, Time};

/// What was met with in a round and in the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Longest([Option<Nanos>; 2]);

impl Longest {
    fn add(&mut self, span: Nanos) {
        self.0[0] = self.0[0].max(Some(span));
    }

    fn begin_round(&mut self) {
        self.0 = [None, self.0[0]];
    }

    fn get(&self) -> Option<Nanos> {
        self.0[0].max(self.0[1])
    }
}

/// The waits that a node met with and was told of.
#[derive(Clone, Debug)]
pub struct Waits {
    peers: usize,
    period: Nanos,
    silence: Nanos,
    drift: Nanos,
    kappa: Kappa,
    heard: BTreeMap<NodeId, Time<Local>>,
    between: Longest,
    delay: Longest,
    told: Longest,
}

impl Waits {
    /// Of a node that has heard nobody, with rounds of so long, that takes a peer for silent after so long.
    pub fn new(settings: &Settings, period: Nanos, silence: Nanos) -> Self {
        let (between, delay, told) = Default::default();
        let (peers, kappa) = (settings.peers as usize, Kappa::own(settings.kappa));
        let drift = kappa.drift().over(period) + Nanos(1);
        Self { peers, period, silence, drift, kappa, heard: BTreeMap::new(), between, delay, told }
    }

    /// A message was received at `at`.
    pub fn hear(&mut self, from: NodeId, at: Time<Local>, claim: &Claim) {
        let last = self.heard.insert(from, at);
        let wait = last.map(|last| at - last).filter(|wait| *wait <= self.silence);
        wait.into_iter().for_each(|wait| self.between.add(wait));
        self.told.add(claim.root_delay.min(self.silence.times(2)));
        // Drift in ns a round, as ppb of the round, rounded up.
        let drift = i128::from(claim.root_dispersion.0.max(0)) * i128::from(Ppb::ONE.0);
        let ppb = (drift + i128::from(self.period.0) - 1) / i128::from(self.period.0);
        self.kappa.hear(u32::try_from(ppb).unwrap_or(u32::MAX));
    }

    /// An exchange was completed: its round trip, by the programs' own stamps, since it is from saying to being in force.
    pub fn measure(&mut self, exchange: &Exchange) {
        let residence = exchange.t3.user - exchange.t2.user;
        self.delay.add((exchange.t4.user - exchange.t1.user) - residence);
    }

    /// A round was accepted.
    pub fn begin_round(&mut self) {
        [&mut self.between, &mut self.delay, &mut self.told].into_iter().for_each(Longest::begin_round);
    }

    /// How many peers are silent at `at`, those that were never heard among them.
    pub fn silent(&self, at: Time<Local>) -> usize {
        let heard = self.heard.values().filter(|last| at - **last <= self.silence).count();
        self.peers.saturating_sub(heard)
    }

    /// The own D. `None` until there was an exchange and a second message of somebody.
    fn own(&self) -> Option<Nanos> {
        Some(self.between.get()? + self.delay.get()?.max(Nanos::ZERO))
    }

    /// D: the longest of the own and of what was told.
    pub fn heard(&self) -> Option<Nanos> {
        self.own().map(|own| own.max(self.told.get().unwrap_or_default()))
    }

    /// The largest kappa that was heard of.
    pub fn kappa(&self) -> Ppb {
        self.kappa.limit()
    }

    /// What to tell: the own D, and what the own local clock may drift in a round.
    pub fn told(&self) -> (Nanos, Nanos) {
        (self.own().unwrap_or_default(), self.drift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;

    fn at(ms: i64) -> Time<Local> {
        Time::ZERO + Nanos::from_millis(ms)
    }

    fn waits() -> Waits {
        Waits::new(&settings(0, 2), Nanos::from_seconds(64), Nanos::from_seconds(4))
    }

    fn delayed(ms: i64) -> Exchange {
        let point = |ms: i64| crate::probe::Point { user: at(ms), wire: None };
        let claims = crate::probe::Claims::none();
        Exchange { peer: NodeId(1), t1: point(0), t2: point(500), t3: point(520), t4: point(20 + ms), claims }
    }

    #[test]
    fn d_is_the_longest_wait_and_round_trip_of_two_rounds_and_what_was_told() {
        let (mut waits, quiet) = (waits(), Claim::default());
        [0, 900, 2_000].into_iter().for_each(|ms| waits.hear(NodeId(1), at(ms), &quiet));
        assert_eq!(waits.heard(), None, "no round trip is known");
        waits.measure(&delayed(30));
        assert_eq!(waits.heard(), Some(Nanos::from_millis(1_130)));
        waits.hear(NodeId(2), at(2_100), &Claim { root_delay: Nanos::from_millis(1_500), ..quiet });
        assert_eq!(waits.heard(), Some(Nanos::from_millis(1_500)));
        waits.hear(NodeId(2), at(2_200), &Claim { root_delay: Nanos::MAX, ..quiet });
        assert_eq!(waits.heard(), Some(Nanos::from_seconds(8)), "a liar tells no more than that");
        waits.begin_round();
        waits.hear(NodeId(1), at(2_500), &quiet);
        assert_eq!(waits.told().0, Nanos::from_millis(1_130), "the round before counts");
        waits.begin_round();
        waits.measure(&delayed(10));
        assert_eq!(waits.heard(), Some(Nanos::from_millis(510)), "the one before that does not");
    }

    #[test]
    fn a_peer_that_is_silent_is_counted_and_lengthens_nothing() {
        let (mut waits, quiet) = (waits(), Claim::default());
        waits.measure(&delayed(10));
        assert_eq!(waits.silent(at(0)), 2, "nobody was heard yet");
        [0, 1_000, 9_000, 9_700].into_iter().for_each(|ms| waits.hear(NodeId(1), at(ms), &quiet));
        assert_eq!(waits.heard(), Some(Nanos::from_millis(1_010)));
        assert_eq!([9_700, 13_700, 13_701].map(|ms| waits.silent(at(ms))), [1, 1, 2]);
    }

    #[test]
    fn the_drift_of_every_clock_comes_back_from_what_is_told_of_it() {
        let mut waits = waits();
        assert_eq!(waits.kappa(), Ppb(50_000));
        for (ppb, expected) in [(13_000, 50_000), (77_777, 77_777)] {
            let other = Waits::new(&Settings { kappa: Ppb(ppb), ..settings(1, 2) }, waits.period, waits.silence);
            let (root_delay, root_dispersion) = other.told();
            waits.hear(NodeId(1), at(0), &Claim { root_delay, root_dispersion, ..Claim::default() });
            assert!((expected..=expected + 1).contains(&waits.kappa().0), "{:?}", waits.kappa());
        }
    }
}
