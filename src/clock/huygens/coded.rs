//! The exchanges that a line is fitted to: the latest, and of coded pairs those before them that met no queue (Geng and
//! others, NSDI 2018, §3).

use std::collections::VecDeque;

use super::{Seen, WINDOW};
use crate::affine::offset;
use crate::probe::pair;
use crate::time::{Local, Nanos, Time};

/// Gaps that change by more than this share of the gap do not agree. A probe that waits behind the same burst as the one
/// before it catches up by the whole gap, unless the queue is shorter than that: a quarter is far from it. The noise of
/// stamps is to be far below a quarter, or the gap is too short for them.
const AGREE_SHARE: i64 = 4;

/// What one exchange says, or the two of a pair.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// When the request left, and peer − local at its arrival: too large by its delay.
    above: (Time<Local>, Nanos),
    /// When the reply came, and peer − local at its departure: too small by its delay.
    below: (Time<Local>, Nanos),
    pairing: Pairing,
}

/// What is known of a sample's other exchange.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pairing {
    /// Nothing, or there is none.
    Alone,
    /// The gaps agree: neither exchange met a queue, or both the same.
    Agreed,
    /// They do not.
    Refused,
}

/// The latest samples of one peer, and the pairs before them that met no queue.
#[derive(Clone, Debug, Default)]
pub struct Window {
    recent: VecDeque<Sample>,
    kept: VecDeque<Sample>,
    /// The latest exchange's stamps.
    last: Option<[Time<Local>; 4]>,
}

impl Window {
    /// Takes in an exchange. With a gap it may be the second of a pair, and then adds to what the first said.
    pub fn learn(&mut self, stamps: [Time<Local>; 4], gap: Option<Nanos>) {
        let [t1, t2, t3, t4] = stamps;
        let sample = Sample { above: (t1, offset(t2, t1)), below: (t4, offset(t3, t4)), pairing: Pairing::Alone };
        let last = self.last.replace(stamps);
        let mate = gap.zip(last).filter(|(gap, last)| pair::belong_together(last[0], t1, *gap));
        if let Some((gap, first)) = mate
            && let Some(back) = self.recent.back_mut().filter(|back| back.pairing == Pairing::Alone)
        {
            let agrees = pair::disagreement(&first, &stamps) <= gap.over(AGREE_SHARE);
            return back.join(&sample, if agrees { Pairing::Agreed } else { Pairing::Refused });
        }
        if self.recent.len() >= WINDOW {
            let oldest = self.recent.pop_front().filter(|oldest| oldest.pairing == Pairing::Agreed);
            self.kept.extend(oldest);
        }
        self.recent.push_back(sample);
    }

    /// Forgets pairs from before `since`, and those that are not among the latest [`WINDOW`] that agree: while no queue
    /// is met, the window reaches back no farther than without pairs.
    pub fn forget(&mut self, since: Time<Local>) {
        let agreed = self.recent.iter().filter(|sample| sample.pairing == Pairing::Agreed).count();
        let old = self.kept.iter().take_while(|sample| sample.above.0 < since).count();
        self.kept.drain(..old.max((self.kept.len() + agreed).saturating_sub(WINDOW).min(self.kept.len())));
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.kept.len() + self.recent.len()
    }

    /// Forgets the older half of all samples.
    pub fn halve(&mut self) {
        let (half, kept) = (self.len().div_ceil(2), self.kept.len());
        self.kept.drain(..half.min(kept));
        self.recent.drain(..half.saturating_sub(kept));
    }

    /// Both clouds, from above and below, in ns since `at` and beyond `base`.
    pub fn clouds(&self, at: Time<Local>, base: Nanos) -> [Vec<Seen>; 2] {
        let point = |(here, ahead): (Time<Local>, Nanos)| ((here - at).0 as f64, (ahead - base).0 as f64);
        let all = || self.kept.iter().chain(&self.recent);
        [all().map(|sample| point(sample.above)).collect(), all().map(|sample| point(sample.below)).collect()]
    }
}

impl Sample {
    /// Of two exchanges of a pair the nearer walls count.
    fn join(&mut self, other: &Self, pairing: Pairing) {
        if other.above.1 < self.above.1 {
            self.above = other.above;
        }
        if other.below.1 > self.below.1 {
            self.below = other.below;
        }
        self.pairing = pairing;
    }
}
