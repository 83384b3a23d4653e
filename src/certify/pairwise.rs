//! The special case of two nodes: every interval in one walk over the messages, without a graph.
//!
//! With two nodes no relay can help, so that one message gives each end of an interval (docs/theory.md §10). Which one changes
//! with the instant; running extremes of what messages say before and after it find it. Exact: all numbers are integers
//! over the common denominator of the two rates.

use super::observation::{Delay, Message};
use super::query::Interval;
use super::scale::MOST_KAPPA;
use crate::time::{Local, Nanos, Ppb, Time};

const ONE: i128 = Ppb::ONE.0 as i128;

/// Two nodes: the own one, whose instants are asked about, and the other one, whose clock is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The own clock's limit on |rate − 1|.
    pub own_kappa: Ppb,
    /// The other clock's.
    pub other_kappa: Ppb,
    /// What is assumed of messages to the other node. Only the least delay is used.
    pub there: Delay,
    /// And of those from it.
    pub back: Delay,
    /// The step of both clocks.
    pub tick: Nanos,
}

/// One message as a pair of readings, own and other.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    own: i128,
    other: i128,
}

impl Pair {
    /// The interval of the other clock at each of `instants` of the own one, which ascend. `there` and `back` are in the
    /// order of the own clock's stamps. Cost: linear, but for messages sent within the least delay of an instant.
    pub fn intervals(&self, there: &[Message], back: &[Message], instants: &[Time<Local>]) -> Vec<Interval> {
        let number = |at: Time<Local>| i128::from(at.as_nanos());
        let highs = there.iter().map(|message| Meeting { own: number(message.sent), other: number(message.received) });
        // Seen in a mirror, what bounds the clock from below bounds it from above: turn the order of time round.
        let lows = back.iter().rev();
        let lows = lows.map(|message| Meeting { own: -number(message.received), other: -number(message.sent) });
        let asked: Vec<i128> = instants.iter().map(|at| number(*at)).collect();
        let mirrored: Vec<i128> = asked.iter().rev().map(|at| -at).collect();
        let highs = Self::highs(&highs.collect::<Vec<_>>(), &asked, self.ruler(self.there, self.other_kappa));
        let lows = Self::highs(&lows.collect::<Vec<_>>(), &mirrored, self.ruler(self.back, self.own_kappa));
        let most = |value: i128| value.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let end = |value: Option<i128>, open: Time<Local>| value.map_or(open, |value| Time::from_nanos(most(value)));
        let both = highs.into_iter().zip(lows.into_iter().rev());
        both.map(|(high, low)| Interval { low: end(low.map(|low| -low), Time::MIN), high: end(high, Time::MAX) })
            .collect()
    }

    /// The least delay of an arc whose receiver's events lie up to a tick after their stamps, in parts of 1/(1 − kappa) ns.
    fn ruler(&self, delay: Delay, receiver: Ppb) -> Ruler {
        let kappa = |kappa: Ppb| i128::from(kappa.0.clamp(0, MOST_KAPPA.0));
        let late = ONE - kappa(receiver);
        Ruler {
            own: kappa(self.own_kappa),
            other: kappa(self.other_kappa),
            // The delay less the tick, over `late`.
            least: (i128::from(delay.least.0.max(0)) * late - i128::from(self.tick.0.max(0)) * ONE, late),
        }
    }

    /// The upper end at each instant; `meetings` ascend by the own clock. A meeting says: when the own clock turned to `own`, the other one was a delay short
    /// of `other`. Aged by real time D since then its reading is at most other + G(D − delay).
    fn highs(meetings: &[Meeting], instants: &[i128], ruler: Ruler) -> Vec<Option<i128>> {
        let after = ruler.best_of_later(meetings);
        let (mut passed, mut ripe, mut best) = (0, 0, None::<i128>);
        let mut highs = Vec::with_capacity(instants.len());
        for at in instants {
            while meetings.get(passed).is_some_and(|meeting| meeting.own <= *at) {
                passed += 1;
            }
            // Those whose least delay is over age at one rate for ever: the best of them stays the best.
            while ripe < passed && ruler.is_over(&meetings[ripe], *at) {
                let key = ruler.key(&meetings[ripe]);
                best = Some(best.map_or(key, |best| best.min(key)));
                ripe += 1;
            }
            let old = best.map(|key| ruler.aged(key, *at));
            let young = meetings[ripe..passed].iter().map(|meeting| ruler.young(meeting, *at)).min();
            let later = after[passed].map(|key| ruler.later(key, *at));
            highs.push([old, young, later].into_iter().flatten().min());
        }
        highs
    }
}

#[derive(Clone, Copy, Debug)]
struct Ruler {
    own: i128,
    other: i128,
    least: (i128, i128),
}

impl Ruler {
    /// Whether (at − own)/(1 − own kappa) >= the least delay.
    fn is_over(&self, meeting: &Meeting, at: i128) -> bool {
        (at - meeting.own) * ONE * self.least.1 >= self.least.0 * (ONE - self.own)
    }

    /// other − own (1 + other)/(1 − own), times 1 − own: the part of the aged reading that does not depend on the instant.
    fn key(&self, meeting: &Meeting) -> i128 {
        meeting.other * (ONE - self.own) - meeting.own * (ONE + self.other)
    }

    /// (key + at (1 + other))/(1 − own) − (1 + other) delay, rounded up.
    fn aged(&self, key: i128, at: i128) -> i128 {
        let reading = key + at * (ONE + self.other);
        self.rounded(reading, ONE - self.own, ONE + self.other)
    }

    /// Within the least delay the other clock runs on at its slowest: other − (1 − other)(delay − (at − own)/(1 − own)).
    fn young(&self, meeting: &Meeting, at: i128) -> i128 {
        let reading = meeting.other * (ONE - self.own) + (at - meeting.own) * (ONE - self.other);
        self.rounded(reading, ONE - self.own, ONE - self.other)
    }

    /// The same key for meetings still to come: their reading goes back at (1 − other)/(1 + own).
    fn later_key(&self, meeting: &Meeting) -> i128 {
        meeting.other * (ONE + self.own) - meeting.own * (ONE - self.other)
    }

    fn later(&self, key: i128, at: i128) -> i128 {
        let reading = key + at * (ONE - self.other);
        // A delay that a tick makes negative may yet lie between the instant and the meeting.
        let fastest = if self.least.0 < 0 { ONE + self.other } else { ONE - self.other };
        self.rounded(reading, ONE + self.own, fastest)
    }

    /// reading/own − other · delay, exact and rounded up once.
    fn rounded(&self, reading: i128, own: i128, other: i128) -> i128 {
        let (whole, rest) = (reading.div_euclid(own), reading.rem_euclid(own));
        let (delay, unit) = (other * self.least.0, ONE * self.least.1);
        let (delay_whole, delay_rest) = (delay.div_euclid(unit), delay.rem_euclid(unit));
        whole - delay_whole + i128::from(rest * unit > delay_rest * own)
    }

    /// The best key of all meetings from each one on.
    fn best_of_later(&self, meetings: &[Meeting]) -> Vec<Option<i128>> {
        let mut best = vec![None; meetings.len() + 1];
        for (index, meeting) in meetings.iter().enumerate().rev() {
            let key = self.later_key(meeting);
            best[index] = Some(best[index + 1].map_or(key, |next: i128| next.min(key)));
        }
        best
    }
}
