//! Where intervals overlap (K. Marzullo, *Maintaining the Time in a Distributed System*, Stanford thesis, 1984).
//!
//! Each source says that a quantity lies in its closed interval; at most `f` of `n` are wrong. Then the truth is a point that
//! at least n − f intervals cover, so that the **hull** of all such points contains it. What the **most** intervals cover
//! carries no such guarantee: with f = 1 and truth 1, `[0,10]`, `[0,10]` and `[8,9]` overlap three times in `[8,9]`.

use crate::time::{Local, Nanos, Rate, Time};

/// A closed interval, in ns; empty if its ends are the wrong way round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// Its lower end.
    pub low: Nanos,
    /// Its upper end.
    pub high: Nanos,
}

impl Interval {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.low > self.high
    }

    /// What is in both.
    pub fn and(&self, other: &Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    /// The interval with both ends moved outwards.
    pub fn widened(&self, by: Nanos) -> Self {
        Self { low: self.low - by, high: self.high + by }
    }

    /// Midway between the ends, rounded down.
    pub const fn middle(&self) -> Nanos {
        self.low.mean(self.high)
    }

    /// The largest distance of any point from the middle.
    pub fn radius(&self) -> Nanos {
        (self.high - self.middle()).max(self.middle() - self.low)
    }
}

/// An interval for some clock − local clock, as it was at an instant of the local clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The instant.
    pub at: Time<Local>,
    /// The interval.
    pub ahead: Interval,
}

impl Held {
    /// The interval at `now`, earlier or later, if the two clocks run apart by at most `apart`.
    pub fn aged(&self, now: Time<Local>, apart: Rate) -> Interval {
        self.ahead.widened(apart.over((now - self.at).abs()) + Nanos(1))
    }

    /// What is held once `told` came too: what both allow, or `told` alone if they contradict each other.
    pub fn updated(&self, told: &Self, apart: Rate) -> Self {
        let both = self.aged(told.at, apart).and(&told.ahead);
        if both.is_empty() { *told } else { Self { at: told.at, ahead: both } }
    }
}

/// The smallest interval that holds every point covered by all but `wrong` of the intervals or more. `None` if no point is.
/// Cost: two sorts.
pub fn hull(intervals: &[Interval], wrong: usize) -> Option<Interval> {
    let needed = intervals.len().checked_sub(wrong).filter(|needed| *needed > 0)?;
    let low = first_covered(intervals.iter().map(|one| (one.low, one.high)), needed)?;
    let high = first_covered(intervals.iter().map(|one| (-one.high, -one.low)), needed)?;
    Some(Interval { low, high: -high })
}

/// The lowest point that `needed` of the intervals cover.
fn first_covered(intervals: impl Iterator<Item = (Nanos, Nanos)>, needed: usize) -> Option<Nanos> {
    let (mut lows, mut highs): (Vec<Nanos>, Vec<Nanos>) = intervals.filter(|(low, high)| low <= high).unzip();
    lows.sort_unstable();
    highs.sort_unstable();
    let mut ended = 0;
    lows.iter().enumerate().find_map(|(index, low)| {
        // Closed intervals: one that ends here still covers this point.
        while highs[ended] < *low {
            ended += 1;
        }
        (index + 1 - ended >= needed).then_some(*low)
    })
}

/// The first interval that the most sources cover, and how many do. `None` without any.
pub fn most_covered(intervals: &[Interval]) -> Option<(Interval, usize)> {
    let covering = |at: Nanos| intervals.iter().filter(|one| (one.low..=one.high).contains(&at)).count();
    let lows = intervals.iter().filter(|one| !one.is_empty()).map(|one| (one.low, covering(one.low)));
    let (low, count) = lows.max_by(|(a, some), (b, others)| some.cmp(others).then(b.cmp(a)))?;
    let ends = intervals.iter().filter(|one| (one.low..=one.high).contains(&low)).map(|one| one.high);
    Some((Interval { low, high: ends.min()? }, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purpose, Rng};

    fn of<const N: usize>(ends: [(i64, i64); N]) -> [Interval; N] {
        ends.map(|(low, high)| Interval { low: Nanos(low), high: Nanos(high) })
    }

    fn ends(interval: Interval) -> (i64, i64) {
        (interval.low.0, interval.high.0)
    }

    #[test]
    fn marzullos_sweep_gives_the_published_intervals() {
        for (intervals, expected, count) in [
            (of([(8, 12), (11, 13), (10, 12)]), (11, 12), 3),
            (of([(8, 12), (11, 13), (14, 15)]), (11, 12), 2),
            (of([(8, 9), (8, 12), (10, 12)]), (8, 9), 2),
        ] {
            assert_eq!(most_covered(&intervals).map(|(found, count)| (ends(found), count)), Some((expected, count)));
        }
        assert_eq!(most_covered(&[]), None);
    }

    /// docs/theory.md §6: f = 1 and truth 1.
    #[test]
    fn what_the_most_sources_cover_may_miss_the_truth_that_the_hull_contains() {
        let intervals = of([(0, 10), (0, 10), (8, 9)]);
        assert_eq!(most_covered(&intervals).map(|(found, count)| (ends(found), count)), Some(((8, 9), 3)));
        assert_eq!(hull(&intervals, 1).map(ends), Some((0, 10)));
        assert_eq!(hull(&intervals, 0).map(ends), Some((8, 9)));
    }

    #[test]
    fn no_point_is_covered_often_enough_where_too_many_are_wrong() {
        let apart = of([(0, 1), (2, 3), (4, 5)]);
        assert_eq!(hull(&apart, 1), None);
        assert_eq!(hull(&apart, 2).map(ends), Some((0, 5)));
        assert_eq!(hull(&apart, 3), None, "nothing is known where everybody may be wrong");
        assert_eq!(hull(&of([(5, 1)]), 0), None);
    }

    /// The definition itself: every point, counted.
    #[test]
    fn the_hull_is_that_of_its_definition_and_contains_the_truth_whoever_is_wrong() {
        let mut rng = Rng::stream(5, Purpose::Scenario, 0);
        for _ in 0..20_000 {
            let (n, wrong) = (1 + rng.below(7) as usize, rng.below(3) as usize);
            let mut draw = |around: i64| {
                let (below, above) = (rng.below(9) as i64, rng.below(9) as i64);
                Interval { low: Nanos(around - below), high: Nanos(around + above) }
            };
            let truth = 20;
            let liar = |index: usize| if index < wrong { 7 * index as i64 + 5 } else { truth };
            let intervals: Vec<Interval> = (0..n).map(|index| draw(liar(index))).collect();
            let covered = |at: &i64| {
                let covering = intervals.iter().filter(|one| (one.low.0..=one.high.0).contains(at)).count();
                covering > 0 && covering + wrong >= n
            };
            let points: Vec<i64> = (-20..60).filter(covered).collect();
            let expected = (n > wrong).then(|| Some((*points.first()?, *points.last()?))).flatten();
            assert_eq!(hull(&intervals, wrong).map(ends), expected, "{intervals:?} {wrong}");
            assert!(
                expected.is_none_or(|(low, high)| (low..=high).contains(&truth)) && (n <= wrong || expected.is_some())
            );
        }
    }
}
