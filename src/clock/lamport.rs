//! Lamport's physical clock ("Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978,
//! rules IR1' and IR2').
//!
//! It estimates no offset: each clock follows the fastest clock that it hears of. IR1': without a message it runs with
//! the local clock. IR2': a message carries the sender's reading `T_m`; on receipt the clock becomes
//! `max(C, T_m + mu_m)`, where `mu_m` is the part of the delay known to have passed. The jump is instantaneous and never
//! backward.
//!
//! Input: messages with `T_m` in ns and `mu_m` >= 0 in ns; exchanges, for the bound alone. Output: a reading in ns, local
//! clock plus a shift that only grows, and an [`ErrorBound`] on its distance to every other clock of the mesh, ahead or behind:
//! what [`super::bracket`] proves of them from the node's own exchanges, growing at 2 kappa. It is stated with every jump,
//! and without one when it has become half of what was stated. A message claims the largest kappa heard of, in the counter, in ppb.
//! Assumptions: every clock's rate is within kappa of one; `mu_m` is never more than the true delay (an
//! over-estimate makes all clocks run away); for the bound, a complete graph: elsewhere none is stated. Tolerates no faulty
//! clock. Cost: one comparison a message.

use super::bracket::Bracket;
use super::{Change, Clock, ErrorBound, Message, Reading, Settings};
use crate::affine::{Line, offset};
use crate::ids::Algorithm;
use crate::probe::{Claim, Exchange};
use crate::time::{Local, Nanos, Rate, Synced, Time};

/// Lamport's physical clock.
#[derive(Clone, Debug)]
pub struct Lamport {
    reading: Reading,
    mesh: Bracket,
    /// The bound that was stated last, and when.
    stated: Option<(Time<Local>, ErrorBound)>,
}

impl Lamport {
    /// A clock that has heard nobody.
    pub fn new(settings: &Settings) -> Self {
        Self { reading: Reading::LOCAL, mesh: Bracket::new(settings), stated: None }
    }

    /// From `at` on the clock shows `value` and runs with the local clock.
    fn show(&mut self, at: Time<Local>, value: Time<Synced>, stepped: bool) -> Change {
        self.reading = Reading { line: Line { start: at, value, rate: Rate::ZERO }, then: None };
        let bound = self.mesh.bound(at, offset(value, at));
        self.stated = bound.map(|bound| (at, bound));
        Change { reading: self.reading, stepped, bound, event: None }
    }

    /// Whether the bound at `at` is news: there was none, or what was stated is false, or twice as much as need be.
    fn has_news(&self, at: Time<Local>, own: Nanos) -> bool {
        let Some(bound) = self.mesh.bound(at, own) else { return self.stated.is_some() };
        let stated = self.stated.map(|(from, stated)| stated.initial + stated.growth.over(at - from));
        stated.is_none_or(|stated| stated < bound.initial || stated >= bound.initial.times(2))
    }
}

impl Clock for Lamport {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Lamport
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    #[inline]
    fn claim(&self, at: Time<Local>) -> Claim {
        Claim { reading: self.reading.at(at), counter: self.mesh.kappa().claimed(), ..Claim::default() }
    }

    #[inline]
    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        self.mesh.hear(message.claim);
        let heard = message.claim.reading + message.credit;
        (heard > self.reading.at(message.at)).then(|| self.show(message.at, heard, true))
    }

    #[inline]
    fn on_exchange(&mut self, at: Time<Local>, exchange: &Exchange) -> Option<Change> {
        let claim = exchange.claims.of(Algorithm::Lamport)?;
        let value = self.reading.at(at);
        let own = offset(value, at);
        self.mesh.add(exchange, claim, own);
        self.has_news(at, own).then(|| self.show(at, value, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::testing::settings;
    use crate::ids::NodeId;
    use crate::probe::Claim;
    use crate::time::{Nanos, Time};

    fn hear(clock: &mut Lamport, at: i64, reading: i64, credit: i64) -> Option<Change> {
        let claim = Claim { reading: Time::from_nanos(reading), ..Claim::default() };
        clock.on_message(&Message { from: NodeId(1), at: Time::from_nanos(at), credit: Nanos(credit), claim: &claim })
    }

    #[test]
    fn it_becomes_the_larger_of_its_own_reading_and_the_message() {
        let mut clock = Lamport::new(&settings(0, 1));
        assert_eq!(hear(&mut clock, 100, 90, 5), None, "the message is behind");
        assert_eq!(hear(&mut clock, 100, 95, 5), None, "equal is no jump");
        let change = hear(&mut clock, 100, 120, 7).expect("the message is ahead");
        assert!(change.stepped);
        assert_eq!(clock.reading().at(Time::from_nanos(100)).as_nanos(), 127);
        assert_eq!(clock.reading().at(Time::from_nanos(150)).as_nanos(), 177, "then it runs with the local clock");
    }

    #[test]
    fn hearing_a_message_twice_or_late_changes_nothing() {
        let mut clock = Lamport::new(&settings(0, 1));
        hear(&mut clock, 100, 500, 0);
        let before = *clock.reading();
        assert_eq!(hear(&mut clock, 101, 500, 0), None);
        assert_eq!(hear(&mut clock, 200, 300, 0), None);
        assert_eq!(*clock.reading(), before);
    }
}
