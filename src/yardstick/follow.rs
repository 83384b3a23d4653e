//! A clock that asks one reference: what it is given of an exchange, and what it says of itself afterwards.
//!
//! The yardstick and the replay of foreign stamps lead their clocks through this, so that a figure of one means the same
//! as a figure of the other.

use super::SERVER;
use crate::affine::shifted;
use crate::clock::{Change, Clock, ErrorBound, Message};
use crate::ids::Algorithms;
use crate::probe::{Claim, Claims, Exchange, Point};
use crate::time::{Local, Nanos, Synced, Time};

/// A clock that asks [`SERVER`], and the bound that it stated last.
pub struct Follower<'a> {
    clock: &'a mut dyn Clock,
    bound: Option<(Time<Local>, ErrorBound)>,
}

impl<'a> Follower<'a> {
    /// A clock that has stated nothing yet.
    pub fn new(clock: &'a mut dyn Clock) -> Self {
        Self { clock, bound: None }
    }

    /// It sends a request at `at`.
    pub fn ask(&mut self, at: Time<Local>) {
        let change = self.clock.on_slot(at);
        self.note(change);
    }

    /// A change says what holds from its start on, be it that nothing is stated any more.
    fn note(&mut self, change: Option<Change>) {
        if let Some(change) = change {
            self.bound = change.bound.map(|bound| (change.reading.line.start, bound));
        }
    }

    /// The reply arrives: it is given as a message, in force from t4 on, and then as an exchange.
    pub fn hear(&mut self, exchange: &Exchange) {
        let at = exchange.t4.user;
        if let Some(claim) = exchange.claims.of(self.clock.algorithm()) {
            let change = self.clock.on_message(&Message { from: exchange.peer, at, credit: Nanos::ZERO, claim });
            self.note(change);
        }
        let change = self.clock.on_exchange(at, exchange);
        self.note(change);
    }

    /// What the clock shows.
    pub fn reading(&self, at: Time<Local>) -> Time<Synced> {
        self.clock.reading().at(at)
    }

    /// How far from the reference it says that it may be at most, if it does.
    pub fn bound(&self, at: Time<Local>) -> Option<Nanos> {
        self.bound.map(|(from, bound)| bound.initial + bound.growth.over(at - from))
    }

    /// Its own standard error, if it states one.
    pub fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        self.clock.deviation(at)
    }
}

/// The exchange of those stamps (t1, t2, t3, t4) with a reference that shows its local clock, is its own root, and says
/// so in its reply.
pub fn exchange(stamps: [Time<Local>; 4]) -> Exchange {
    let reading = shifted(stamps[2], Nanos::ZERO);
    let claim = Claim { reading, stratum: 1, root: SERVER, parent: SERVER, ..Claim::default() };
    let [t1, t2, t3, t4] = stamps.map(|user| Point { user, wire: None });
    Exchange { peer: SERVER, t1, t2, t3, t4, claims: Claims::made_by(Algorithms::ALL, |_| claim) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::clock::{Lamport, Regression};
    use crate::ids::Algorithm;

    fn hear(clock: &mut dyn Clock, stamps: [i64; 4]) -> (Nanos, Option<Nanos>) {
        let mut follower = Follower::new(clock);
        let exchange = exchange(stamps.map(Time::from_nanos));
        follower.ask(exchange.t1.user);
        follower.hear(&exchange);
        let at = exchange.t4.user;
        (crate::affine::offset(follower.reading(at), at), follower.bound(at))
    }

    #[test]
    fn a_reply_is_a_message_with_the_reading_of_the_reference() {
        let lamport = |stamps| hear(&mut Lamport::new(&settings(1, 1)), stamps);
        let (ahead, bound) = lamport([0, 1_010, 1_020, 50]);
        assert_eq!(ahead, Nanos(970), "T_m is t3, no credit");
        assert!(bound.is_some_and(|bound| (40..80).contains(&bound.0)), "the round trip, and roundings: {bound:?}");
        let (ahead, bound) = lamport([1_000, 10, 20, 1_050]);
        assert_eq!(ahead, Nanos(0), "it is never set back");
        assert!(bound.is_some_and(|bound| (1_030..1_070).contains(&bound.0)), "and knows how far it is off: {bound:?}");
        assert_eq!(exchange([0, 1, 2, 3].map(Time::from_nanos)).claims.of(Algorithm::Free), None);
        assert_eq!(hear(&mut Regression::new(SERVER), [0, 1_010, 1_020, 50]).1, None, "one sample has no bound");
    }
}
