//! Poll control (RFC 5905, section 11.3, the end of `local_clock`): how many polls the loop lets pass between two updates.
//!
//! Input: the residual of each update and the jitter, in nanoseconds. Output: an exponent p: the loop is updated once in
//! 2^p polls, with the time constant of a poll interval 2^p times as long. A residual within four jitters adds one to a
//! counter, another one takes two away; at +30 the exponent grows by one, at −30 it shrinks by one. Departure: in the RFC
//! the exponent is that of the interval between packets; a mesh sends its probes at its own pace, so that here it only
//! chooses which of them the loop uses. The clock filter sees them all. Steps of ±1 and −2 are those of the RFC's code;
//! ntpd's own grow with the exponent, which would be zero here at first.

use crate::time::Nanos;

/// PGATE: a residual within so many jitters is no news.
const GATE: i64 = 4;
/// LIMIT: the counter at which the exponent changes.
const LIMIT: i64 = 30;
/// No exponent is larger: MAXPOLL, at a poll of a second.
const MAX_EXPONENT: u8 = 17;

/// The hysteresis of one loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PollControl {
    exponent: u8,
    most: u8,
    counter: i64,
}

impl PollControl {
    /// A control that begins with every poll and lets at most 2^`most` pass; 0 fixes it.
    pub fn up_to(most: u8) -> Self {
        Self { most: most.min(MAX_EXPONENT), ..Self::default() }
    }

    /// The interval between updates, at polls of this one.
    pub fn interval(&self, poll: Nanos) -> Nanos {
        poll.times(1 << self.exponent)
    }

    /// Whether every poll may update the loop.
    pub const fn is_every_poll(&self) -> bool {
        self.exponent == 0
    }

    /// Takes note of an update.
    pub fn note(&mut self, residual: Nanos, jitter: Nanos) {
        self.counter += if residual.abs() < jitter.times(GATE) { 1 } else { -2 };
        if self.counter >= LIMIT {
            (self.exponent, self.counter) = ((self.exponent + 1).min(self.most), 0);
        } else if self.counter <= -LIMIT {
            (self.exponent, self.counter) = (self.exponent.saturating_sub(1), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JITTER: Nanos = Nanos(100);
    const POLL: Nanos = Nanos(1_000);

    fn noted(control: &mut PollControl, residual: i64, times: usize) -> i64 {
        (0..times).for_each(|_| control.note(Nanos(residual), JITTER));
        control.interval(POLL).0 / POLL.0
    }

    #[test]
    fn thirty_quiet_updates_double_the_interval_and_fifteen_loud_ones_halve_it() {
        let mut control = PollControl::up_to(4);
        assert_eq!(noted(&mut control, 399, 29), 1);
        assert_eq!(noted(&mut control, -399, 1), 2, "within four jitters, either way");
        assert_eq!(noted(&mut control, 399, 30), 4);
        assert_eq!(noted(&mut control, 400, 14), 4);
        assert_eq!(noted(&mut control, -400, 1), 2);
    }

    #[test]
    fn one_loud_update_in_three_keeps_it_where_it_is() {
        let mut control = PollControl::up_to(4);
        (0..1_000).for_each(|k| control.note(Nanos(if k % 3 == 0 { 900 } else { 0 }), JITTER));
        assert_eq!(control.interval(POLL), POLL);
    }

    #[test]
    fn it_stays_between_every_poll_and_the_most() {
        let mut control = PollControl::up_to(3);
        assert_eq!(noted(&mut control, 0, 10_000), 8);
        assert_eq!(noted(&mut control, 500, 10_000), 1);
        assert!(control.is_every_poll());
        let mut fixed = PollControl::up_to(0);
        assert_eq!((noted(&mut fixed, 0, 10_000), fixed.is_every_poll()), (1, true));
        assert_eq!(noted(&mut PollControl::up_to(255), 0, 10_000), 1 << MAX_EXPONENT);
    }
}
