//! What intervals of local clocks say of two synchronised clocks between two instants of a grid.
//!
//! At the instants of the grid an interval is the tightest there is. Between two of them it is aged along the pair's own
//! limits on rates, from both sides, and every change of either clock is applied to the aged interval: so the supremum is
//! over all instants, not over a sample (docs/theory.md §10).

use super::course::Course;
use super::query::Interval;
use crate::time::{Local, Nanos, Ppb, Rate, Synced, Time};

/// What integer readings of two clocks leave open.
const GRAIN: i64 = 2;
/// How far off the reading is at which an aged end of an interval passes a given one.
const NEAR: Nanos = Nanos(2);

/// An interval of the other clock when the own clock turned to a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sight {
    /// The own clock.
    pub at: Time<Local>,
    /// The other clock.
    pub other: Interval,
}

/// How fast one clock can gain on another at most, and lose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aging {
    fast: Rate,
    slow: Rate,
}

impl Aging {
    /// Of another clock on the own one, from the limits on both: (1 + other)/(1 − own) − 1 and (1 − other)/(1 + own) − 1.
    pub fn new(own: Ppb, other: Ppb) -> Self {
        let (own, other) = (own.0.clamp(0, Ppb::ONE.0 / 2), other.0.clamp(0, Ppb::ONE.0 / 2));
        let one = Ppb::ONE.0;
        let ratio = |gain: i64, of: i64| (i128::from(gain) << 40).div_euclid(i128::from(of)) as i64;
        Self { fast: Rate(ratio(own + other, one - own) + 1), slow: Rate(ratio(-(own + other), one + own)) }
    }

    fn most(&self, span: Nanos) -> Nanos {
        span + self.fast.over(span) + Nanos(1)
    }

    fn least(&self, span: Nanos) -> Nanos {
        span + self.slow.over(span)
    }
}

/// How far apart two clocks were, other minus own, in ns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Apart {
    /// The difference was never less.
    pub least: Nanos,
    /// And never more.
    pub largest: Nanos,
    /// It was at least this far from zero at some instant.
    pub certain: Nanos,
    /// At the instants of the grid it was at most this far from zero.
    pub on_grid: Nanos,
}

impl Apart {
    /// The difference was never further from zero.
    pub fn possible(&self) -> Nanos {
        self.largest.abs().max(self.least.abs())
    }
}

/// A pair of clocks between two instants of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The clock whose node's own clock the instants are of.
    pub own: &'a Course,
    /// The other one.
    pub other: &'a Course,
    /// How the interval ages.
    pub aging: Aging,
    /// The first instant.
    pub from: Sight,
    /// The last.
    pub to: Sight,
}

impl Cell<'_> {
    /// How far apart the clocks were; `None` if an end of an interval is open, or if no course of the other clock leads from
    /// the first interval to the last. Cost: O(log) for each change of a clock in
    /// the cell.
    pub fn apart(&self) -> Option<Apart> {
        if !self.from.other.is_bounded() || !self.to.other.is_bounded() || self.to.at < self.from.at {
            return None;
        }
        let mut found = Found { least: i64::MAX, largest: i64::MIN, certain: 0, is_empty: false };
        self.look(self.from.at, &mut found);
        self.look(self.to.at, &mut found);
        let on_grid = found.largest.saturating_abs().max(found.least.saturating_abs());
        let kinks = [self.high_kink(), self.low_kink()].into_iter().flatten();
        for at in kinks.flat_map(|at| [at, (at + Nanos(1)).min(self.to.at)]) {
            self.look(at, &mut found);
        }
        self.own.turns(self.from.at, self.to.at).for_each(|at| self.look(at, &mut found));
        self.turns_of_other(&mut found);
        (!found.is_empty).then(|| Apart {
            least: Nanos(found.least.saturating_sub(GRAIN)),
            largest: Nanos(found.largest.saturating_add(GRAIN)),
            certain: Nanos((found.certain - GRAIN).max(0)),
            on_grid: Nanos(on_grid.saturating_add(GRAIN)),
        })
    }

    /// The largest reading of the other local clock when the own one shows `at`.
    fn high(&self, at: Time<Local>) -> Time<Local> {
        let aged = self.from.other.high + self.aging.most(at - self.from.at);
        aged.min(self.to.other.high - self.aging.least(self.to.at - at))
    }

    fn low(&self, at: Time<Local>) -> Time<Local> {
        let aged = self.from.other.low + self.aging.least(at - self.from.at);
        aged.max(self.to.other.low - self.aging.most(self.to.at - at))
    }

    /// Looks at an instant, on both sides of what the own clock does there.
    fn look(&self, at: Time<Local>, found: &mut Found) {
        let (low, high) = (self.low(at), self.high(at));
        found.is_empty |= high < low;
        let (least, largest) = self.other.bounds(low, high.max(low));
        let after = self.own.at(at);
        let (own_least, own_largest) = self.own.bounds(at - Nanos(1), at);
        found.include((least - own_largest).0, (largest - own_least).0);
        found.certain = found.certain.max((least - after).0).max((after - largest).0);
    }

    /// An end of the interval passes a change of the other clock.
    fn turns_of_other(&self, found: &mut Found) {
        for turn in self.other.turns(self.high(self.from.at), self.high(self.to.at)) {
            let (_, largest) = self.other.bounds(turn - Nanos(1), turn);
            let (own, _) = self.own_near(self.when_high(turn));
            found.include(i64::MAX, (largest - own).0);
        }
        for turn in self.other.turns(self.low(self.from.at), self.low(self.to.at)) {
            let (least, _) = self.other.bounds(turn - Nanos(1), turn);
            let (_, own) = self.own_near(self.when_low(turn));
            found.include((least - own).0, i64::MIN);
        }
    }

    fn own_near(&self, at: Time<Local>) -> (Time<Synced>, Time<Synced>) {
        let at = at.clamp(self.from.at, self.to.at);
        self.own.bounds((at - NEAR).max(self.from.at), (at + NEAR).min(self.to.at))
    }

    /// When the high end passes a reading, to [`NEAR`].
    fn when_high(&self, reading: Time<Local>) -> Time<Local> {
        let (fast, slow) = (1.0 + self.aging.fast.as_ratio(), 1.0 + self.aging.slow.as_ratio());
        let aged = self.from.at + over(reading - self.from.other.high, fast);
        aged.max(self.to.at - over(self.to.other.high - reading, slow))
    }

    fn when_low(&self, reading: Time<Local>) -> Time<Local> {
        let (fast, slow) = (1.0 + self.aging.fast.as_ratio(), 1.0 + self.aging.slow.as_ratio());
        let aged = self.from.at + over(reading - self.from.other.low, slow);
        aged.min(self.to.at - over(self.to.other.low - reading, fast))
    }

    /// Where the high end stops to follow the first interval and begins to follow the last one.
    fn high_kink(&self) -> Option<Time<Local>> {
        let room = (self.to.other.high - self.from.other.high) - self.aging.least(self.to.at - self.from.at);
        self.kink(room)
    }

    fn low_kink(&self) -> Option<Time<Local>> {
        let room = self.aging.most(self.to.at - self.from.at) - (self.to.other.low - self.from.other.low);
        self.kink(room)
    }

    /// How far both limits on an end are apart at the first instant is used up at the difference of both rates.
    fn kink(&self, room: Nanos) -> Option<Time<Local>> {
        let rate = (self.aging.fast - self.aging.slow).as_ratio();
        let at = self.from.at + over(room, rate);
        (at > self.from.at && at < self.to.at).then_some(at)
    }
}

struct Found {
    least: i64,
    largest: i64,
    certain: i64,
    is_empty: bool,
}

impl Found {
    fn include(&mut self, least: i64, largest: i64) {
        (self.least, self.largest) = (self.least.min(least), self.largest.max(largest));
    }
}

/// A span divided by a rate.
fn over(span: Nanos, rate: f64) -> Nanos {
    Nanos((span.0 as f64 / rate).floor() as i64)
}
