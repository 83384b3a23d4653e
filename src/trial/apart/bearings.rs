//! What is certified of the clocks of hosts of their own: what one showed, at least and at most, when another one showed
//! something. It says which of two events on different hosts was before the other, where anything does.

use std::collections::BTreeMap;

use crate::ids::NodeId;
use crate::time::{Local, Nanos, Ppb, Time};

/// A clock's reading is the last nanosecond that it has passed, of both clocks.
const TICKS: i128 = 2;
/// No clock runs that fast; one that is said to is left out.
const MOST_KAPPA: Ppb = Ppb(100_000_000);

/// What is certified of a pair of nodes at an instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sight {
    /// What the clock of the lower node showed.
    pub own: Time<Local>,
    /// What that of the higher one showed at least.
    pub low: Time<Local>,
    /// And at most.
    pub high: Time<Local>,
}

/// What is certified of all pairs, and the limit on each clock's |rate - 1|. The empty one knows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bearings {
    kappas: BTreeMap<NodeId, Ppb>,
    pairs: BTreeMap<(NodeId, NodeId), Vec<Sight>>,
}

impl Bearings {
    /// From sights of pairs, each with the lower and the higher node. What is open at an end is left out.
    pub fn new(kappas: BTreeMap<NodeId, Ppb>, sights: impl IntoIterator<Item = (NodeId, NodeId, Sight)>) -> Self {
        let mut pairs: BTreeMap<(NodeId, NodeId), Vec<Sight>> = BTreeMap::new();
        for (own, other, sight) in sights {
            if own < other && sight.low > Time::MIN && sight.high < Time::MAX && sight.low <= sight.high {
                pairs.entry((own, other)).or_default().push(sight);
            }
        }
        pairs.values_mut().for_each(|sights| sights.sort_unstable());
        let kappas = kappas.into_iter().filter(|(_, kappa)| (Ppb(0)..=MOST_KAPPA).contains(kappa)).collect();
        Self { kappas, pairs }
    }

    /// Whether anything is known of any pair.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The limit on a clock's |rate - 1|.
    pub fn kappa(&self, node: NodeId) -> Option<Ppb> {
        self.kappas.get(&node).copied()
    }

    /// What the clock of `of` showed, at least and at most, when that of `node` showed `at`. From the sights before and after
    /// it is carried on by the limits of both clocks. None if nothing is known, or if what is known contradicts itself.
    pub fn reading(&self, of: NodeId, (node, at): (NodeId, Time<Local>)) -> Option<(Time<Local>, Time<Local>)> {
        if of == node {
            return Some((at, at));
        }
        let sights = self.pairs.get(&(node.min(of), node.max(of)))?;
        let (from, to) = (self.kappa(node)?, self.kappa(of)?);
        let up = node < of;
        let passed = |sight: &Sight| if up { sight.own <= at } else { sight.low <= at };
        let after = sights.partition_point(passed);
        let near = [after.checked_sub(1), Some(after)];
        let carried = near.into_iter().flatten().filter_map(|place| sights.get(place)).map(|sight| {
            let (known, shown) = if up {
                ((sight.own, sight.own), (sight.low, sight.high))
            } else {
                ((sight.low, sight.high), (sight.own, sight.own))
            };
            let gone = |since: Time<Local>| i128::from(at.as_nanos()) - i128::from(since.as_nanos());
            let low = i128::from(shown.0.as_nanos()) + least(gone(known.1), from, to) - TICKS;
            let high = i128::from(shown.1.as_nanos()) + most(gone(known.0), from, to) + TICKS;
            (low, high)
        });
        let (low, high) = carried.reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))?;
        let time = |nanos: i128| i64::try_from(nanos).ok().map(Time::from_nanos);
        Some((time(low)?, time(high)?)).filter(|(low, high)| low <= high)
    }

    /// How much later `second` was than `first`, at least and at most, in real time; negative if it was earlier.
    pub fn gap(&self, first: (NodeId, Time<Local>), second: (NodeId, Time<Local>)) -> Option<(Nanos, Nanos)> {
        let (low, high) = self.reading(second.0, first)?;
        let kappa = self.kappa(second.0)?;
        let span = |since: Time<Local>| i128::from(second.1.as_nanos()) - i128::from(since.as_nanos());
        // A span of a clock in real time: that of a clock without fault, on which it may have gained or lost.
        let real = |nanos: i128| i64::try_from(nanos).ok().map(Nanos);
        Some((real(least(span(high), kappa, Ppb(0)))?, real(most(span(low), kappa, Ppb(0)))?))
    }
}

/// How far a clock of kappa `to` has gone at least while one of kappa `from` went on by `gone`, rounded down.
fn least(gone: i128, from: Ppb, to: Ppb) -> i128 {
    let (from, to, one) = (i128::from(from.0), i128::from(to.0), i128::from(Ppb::ONE.0));
    let (times, over) = if gone >= 0 { (one - to, one + from) } else { (one + to, one - from) };
    (gone * times).div_euclid(over)
}

/// How far it has gone at most, rounded up.
fn most(gone: i128, from: Ppb, to: Ppb) -> i128 {
    -least(-gone, from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(0);
    const TWO: NodeId = NodeId(1);

    fn time(nanos: i64) -> Time<Local> {
        Time::from_nanos(nanos)
    }

    fn bearings(kappa: i64, sights: &[(i64, i64, i64)]) -> Bearings {
        let sight = |(own, low, high): &(i64, i64, i64)| {
            (ONE, TWO, Sight { own: time(*own), low: time(*low), high: time(*high) })
        };
        Bearings::new([(ONE, Ppb(kappa)), (TWO, Ppb(kappa))].into(), sights.iter().map(sight))
    }

    #[test]
    fn a_sight_is_carried_on_by_the_limits_of_both_clocks() {
        // 100 ppm each: in a second one clock gains up to 200 us and a little on the other.
        let known = bearings(100_000, &[(0, 1_000, 2_000)]);
        let second = 1_000_000_000;
        let (low, high) = known.reading(TWO, (ONE, time(second))).unwrap();
        assert_eq!((low.as_nanos() - second, high.as_nanos() - second), (1_000 - 199_981 - 2, 2_000 + 200_021 + 2));
        let (low, high) = known.reading(TWO, (ONE, time(-second))).unwrap();
        assert_eq!((low.as_nanos() + second, high.as_nanos() + second), (1_000 - 200_021 - 2, 2_000 + 199_981 + 2));
        // The other way round: the same with the sign turned.
        let (low, high) = known.reading(ONE, (TWO, time(1_500))).unwrap();
        assert_eq!((low.as_nanos(), high.as_nanos()), (-501 - 2, 501 + 2));
    }

    #[test]
    fn what_two_sights_say_is_what_both_allow_and_nothing_if_they_contradict_each_other() {
        let known = bearings(0, &[(0, 10, 30), (100, 120, 150)]);
        let (low, high) = known.reading(TWO, (ONE, time(50))).unwrap();
        assert_eq!((low.as_nanos(), high.as_nanos()), (70 - 2, 80 + 2));
        assert_eq!(bearings(0, &[(0, 10, 30), (100, 240, 250)]).reading(TWO, (ONE, time(50))), None);
        assert_eq!(Bearings::default().reading(TWO, (ONE, time(50))), None);
    }

    #[test]
    fn a_gap_holds_the_true_one_whatever_the_clocks_did_within_their_limits() {
        // Clock 1 runs at 1 + a, clock 2 at 1 + b and is 5 ms ahead at true time zero, where both were seen to within 1 us.
        let (start, kappa) = (5_000_000, 50_000);
        for (a, b) in [(0, 0), (50_000, -50_000), (-50_000, 50_000), (30_000, 50_000), (-50_000, -50_000)] {
            let one = |at: i64| time(at + at / 1_000 * a / 1_000_000);
            let two = |at: i64| time(start + at + at / 1_000 * b / 1_000_000);
            let known = bearings(kappa, &[(0, start - 1_000, start + 1_000)]);
            for (first, second) in [(-700_000_000, 900_000_000), (3_000, 2_000), (800_000_000, 800_300_000)] {
                let (low, high) = known.gap((ONE, one(first)), (TWO, two(second))).unwrap();
                let gap = Nanos(second - first);
                assert!(low <= gap && gap <= high, "{low} {gap} {high}");
                let (low, high) = known.gap((TWO, two(first)), (ONE, one(second))).unwrap();
                assert!(low <= gap && gap <= high, "{low} {gap} {high}");
                assert!(high - low < Nanos(400_000), "and is not far from it");
            }
        }
    }
}
