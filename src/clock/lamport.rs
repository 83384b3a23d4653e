//! Lamport's physical clock ("Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978,
//! rules IR1' and IR2').
//!
//! It estimates no offset: each clock follows the fastest clock that it hears of. IR1': without a message it runs with
//! the local clock. IR2': a message carries the sender's reading `T_m`; on receipt the clock becomes
//! `max(C, T_m + mu_m)`, where `mu_m` is the part of the delay known to have passed. The jump is instantaneous and never
//! backward.
//!
//! Input: messages with `T_m` in ns and `mu_m` >= 0 in ns. Output: a reading in ns, local clock plus a shift that only
//! grows. Assumptions: every clock's rate is within kappa of one; `mu_m` is never more than the true delay (an
//! over-estimate makes all clocks run away). Tolerates no faulty clock. Cost: one comparison a message.

use super::{Change, Clock, Message, Reading};
use crate::affine::Line;
use crate::ids::Algorithm;
use crate::time::Rate;

/// Lamport's physical clock.
#[derive(Clone, Copy, Debug)]
pub struct Lamport {
    reading: Reading,
}

impl Default for Lamport {
    fn default() -> Self {
        Self { reading: Reading::LOCAL }
    }
}

impl Clock for Lamport {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Lamport
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn on_message(&mut self, message: &Message<'_>) -> Option<Change> {
        let heard = message.claim.reading + message.credit;
        if heard <= self.reading.at(message.at) {
            return None;
        }
        let line = Line { start: message.at, value: heard, rate: Rate::ZERO };
        self.reading = Reading { line, then: None };
        Some(Change { reading: self.reading, stepped: true, bound: None, event: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::probe::Claim;
    use crate::time::{Nanos, Time};

    fn hear(clock: &mut Lamport, at: i64, reading: i64, credit: i64) -> Option<Change> {
        let claim = Claim { reading: Time::from_nanos(reading), ..Claim::default() };
        clock.on_message(&Message { from: NodeId(1), at: Time::from_nanos(at), credit: Nanos(credit), claim: &claim })
    }

    #[test]
    fn it_becomes_the_larger_of_its_own_reading_and_the_message() {
        let mut clock = Lamport::default();
        assert_eq!(hear(&mut clock, 100, 90, 5), None, "the message is behind");
        assert_eq!(hear(&mut clock, 100, 95, 5), None, "equal is no jump");
        let change = hear(&mut clock, 100, 120, 7).expect("the message is ahead");
        assert!(change.stepped);
        assert_eq!(clock.reading().at(Time::from_nanos(100)).as_nanos(), 127);
        assert_eq!(clock.reading().at(Time::from_nanos(150)).as_nanos(), 177, "then it runs with the local clock");
    }

    #[test]
    fn hearing_a_message_twice_or_late_changes_nothing() {
        let mut clock = Lamport::default();
        hear(&mut clock, 100, 500, 0);
        let before = *clock.reading();
        assert_eq!(hear(&mut clock, 101, 500, 0), None);
        assert_eq!(hear(&mut clock, 200, 300, 0), None);
        assert_eq!(*clock.reading(), before);
    }
}
