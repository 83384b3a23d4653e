//! One exchange of each coded pair, for clocks that take their samples for independent.
//!
//! Two looks at a network some microseconds apart are nearly one, and a clock that counts them as two may find itself surer
//! than it is. So clocks see the first exchange of each pair alone, as if requests were single, and all messages: the first
//! that is known of it, and no other within half a probe period. A second request that left too late to tell of queues
//! (on a busy host) is a second one nevertheless: it finds warm caches, takes less long than the first, and a clock that
//! saw both would take the difference for a change. Exceptions are the clock that pairs are for, Lamport's, which has no use for exchanges, and the NTP-style clock, whose filter takes
//! the best of eight anyway.

use std::collections::BTreeMap;

use super::{Change, Clock, Message, Reading};
use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Time};

/// A clock that is given no second exchanges.
pub struct Unpaired {
    clock: Box<dyn Clock>,
    /// Requests that are less apart are of one pair.
    apart: Nanos,
    /// When each peer was last asked with what came of it handed on.
    asked: BTreeMap<NodeId, Time<Local>>,
}

impl Unpaired {
    /// `clock`, where a pair is sent each `poll`.
    pub fn new(clock: Box<dyn Clock>, poll: Nanos) -> Self {
        Self { clock, apart: poll.over(2), asked: BTreeMap::new() }
    }
}

impl Clock for Unpaired {
    fn algorithm(&self) -> Algorithm {
        self.clock.algorithm()
    }

    fn reading(&self) -> &Reading {
        self.clock.reading()
    }

    fn deviation(&self, at: Time<Local>) -> Option<Nanos> {
        self.clock.deviation(at)
    }

    fn claim(&self, at: Time<Local>) -> Claim {
        self.clock.claim(at)
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.clock.on_message(message)
    }

    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let sent = exchange.t1.user;
        if self.asked.get(&exchange.peer).is_some_and(|first| (sent - *first).abs() < self.apart) {
            return None;
        }
        self.asked.insert(exchange.peer, sent);
        self.clock.on_exchange(at, exchange)
    }

    fn on_slot(&mut self, at: Time<Local>) -> Option<Change> {
        self.clock.on_slot(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Regression;
    use crate::probe::{Claims, Point};

    #[test]
    fn the_first_exchange_of_a_pair_is_handed_on_alone() {
        let peer = NodeId(0);
        let mut clock = Unpaired::new(Box::new(Regression::new(peer)), Nanos::from_seconds(1));
        let mut heard = |us: i64| {
            let point = |us: i64| Point { user: Time::ZERO + Nanos::from_micros(us), wire: None };
            let [t1, t2, t3, t4] = [us, us + 50, us + 51, us + 100].map(point);
            clock.on_exchange(t4.user, &Exchange { peer, t1, t2, t3, t4, claims: Claims::default() }).is_some()
        };
        let asked = [0, 20, 1_000_000, 1_000_500, 2_000_020, 3_000_020, 3_000_000, 4_900_000, 5_000_000];
        let handed_on = [true, false, true, false, true, true, false, true, false];
        assert_eq!(asked.map(&mut heard), handed_on, "one was late, one lost, one known after its second");
    }
}
