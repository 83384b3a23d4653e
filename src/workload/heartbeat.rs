//! Saying at a steady pace where one's own clock is, so that an idle process holds nobody back for long.

use crate::time::{Nanos, Synced, Time};

/// When a process next says where its clock is, on that clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Heartbeat {
    next: Time<Synced>,
    period: Nanos,
}

impl Heartbeat {
    /// Beats every `period` from `first` on; never if that is [`Time::MAX`].
    pub fn new(first: Time<Synced>, period: Nanos) -> Self {
        Self { next: first, period: period.max(Nanos(1)) }
    }

    /// Whether a beat is due at `at`. Those that were missed are skipped.
    pub fn is_due(&mut self, at: Time<Synced>) -> bool {
        let due = self.next <= at;
        if due {
            let missed = (at - self.next).0 / self.period.0;
            self.next += self.period.times(missed + 1);
        }
        due
    }

    /// The reading at which the next beat is due.
    pub const fn wake(&self) -> Time<Synced> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_stay_on_their_grid_and_missed_ones_are_skipped() {
        let mut heartbeat = Heartbeat::new(Time::from_nanos(10), Nanos(5));
        let mut due = |ns| heartbeat.is_due(Time::from_nanos(ns));
        assert_eq!([due(9), due(10), due(11), due(27), due(29), due(30)], [false, true, false, true, false, true]);
        assert_eq!(heartbeat.wake(), Time::from_nanos(35));
        assert!(!Heartbeat::new(Time::MAX, Nanos(5)).is_due(Time::from_nanos(i64::MAX - 1)));
    }
}
