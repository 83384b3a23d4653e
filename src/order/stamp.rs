//! Stamps that put all commands of all nodes in one order, and what makes them (Lamport, CACM 21(7), 1978: a total
//! order from a clock and the nodes' names).
//!
//! One reading of the clock may serve a batch, whose stamps are reserved by one update ([`Stamper::tick_many`]): a physical clock
//! stamps the nth command as if it had been read n ns later, less than making the command takes, a hybrid clock counts, and a
//! logical clock counts anyway.

use std::num::NonZeroU32;

use super::report::StampSource;
use crate::causal::{Hlc, HlcStamp, Logical};
use crate::ids::{Algorithm, NodeId};
use crate::time::{Nanos, Synced, Time};

/// The latest time that a command or a heartbeat may carry, in ns or ticks: a hostile stamp cannot push a counter to
/// its end, where stamps would no longer increase.
pub const LATEST: i64 = i64::MAX / 2;

/// No counter is lifted beyond this, so that it can go on for ever without reaching [`LATEST`].
const MOST_HEARD: i64 = LATEST / 2;

/// A stamp: totally ordered by time, then counter, then node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp {
    /// The clock's reading in ns, or the count of a logical clock.
    pub time: i64,
    /// Order among stamps of one time: the counter of a hybrid clock, otherwise zero.
    pub counter: u32,
    /// Who stamped it.
    pub node: NodeId,
}

impl Stamp {
    /// Before every stamp.
    pub const START: Self = Self { time: i64::MIN, counter: 0, node: NodeId(0) };
    /// After every stamp: what a node that is done promises.
    pub const END: Self = Self { time: i64::MAX, counter: u32::MAX, node: NodeId(u32::MAX) };
}

/// Stamps reserved by one update, each of them later than the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserved {
    first: Stamp,
    count: NonZeroU32,
    step: Step,
}

/// What grows from one reserved stamp to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// The time.
    Time,
    /// The counter of a hybrid clock.
    Counter,
}

impl Reserved {
    /// The stamps in their order.
    #[inline]
    pub fn stamps(self) -> impl ExactSizeIterator<Item = Stamp> {
        (0..self.count.get()).map(move |nth| self.nth(nth))
    }

    /// The last of them.
    #[inline]
    pub fn last(self) -> Stamp {
        self.nth(self.count.get() - 1)
    }

    #[inline]
    fn nth(self, nth: u32) -> Stamp {
        let Stamp { time, counter, node } = self.first;
        match self.step {
            Step::Time => at(time.saturating_add(i64::from(nth)), counter, node),
            Step::Counter => hybrid(HlcStamp { l: Time::from_nanos(time), c: counter }.after(nth), node),
        }
    }
}

/// One node's clock of one phase. Its stamps strictly increase.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamper {
    node: NodeId,
    clock: StampClock,
    forced: u64,
    refused: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum StampClock {
    /// Numbers, for a phase that does not order.
    Count(Logical),
    Logical(Logical),
    Physical {
        last: i64,
    },
    Hybrid(Hlc),
}

impl Stamper {
    /// A clock of `source` for `node`. A hybrid clock refuses stamps more than `max_ahead` ahead of its physical clock.
    pub fn new(source: StampSource, node: NodeId, max_ahead: Nanos) -> Self {
        let clock = match source {
            StampSource::Floor => StampClock::Count(Logical::default()),
            StampSource::LamportLogical => StampClock::Logical(Logical::default()),
            StampSource::Lamport | StampSource::Ntp | StampSource::Physical(_) => {
                StampClock::Physical { last: i64::MIN }
            }
            StampSource::Hlc => StampClock::Hybrid(Hlc::new(max_ahead)),
        };
        Self { node, clock, forced: 0, refused: 0 }
    }

    /// The stamp of one command.
    #[inline]
    pub fn tick(&mut self, physical: Time<Synced>) -> Stamp {
        self.tick_many(physical, NonZeroU32::MIN).first
    }

    /// Reserves the stamps of a batch of `count` commands that share one reading, `physical`, by one update of the clock: those
    /// that as many ticks at this reading would give. Cost: O(1), and O(1) a stamp.
    #[inline]
    pub fn tick_many(&mut self, physical: Time<Synced>, count: NonZeroU32) -> Reserved {
        let (first, step) = match &mut self.clock {
            StampClock::Count(counter) | StampClock::Logical(counter) => {
                (at(counter.tick_many(count), 0, self.node), Step::Time)
            }
            StampClock::Physical { last } => {
                let (reading, least) = (physical.as_nanos(), last.saturating_add(1));
                let first = reading.max(least);
                self.forced += u64::from(least > reading) * u64::from(count.get());
                *last = first.saturating_add(i64::from(count.get() - 1));
                (at(first, 0, self.node), Step::Time)
            }
            StampClock::Hybrid(hlc) => (hybrid(hlc.tick_many(physical, count), self.node), Step::Counter),
        };
        Reserved { first, count, step }
    }

    /// A stamp that is earlier than every one this clock will still give, and as late as that allows: what a null
    /// heartbeat says.
    #[inline]
    pub fn promise(&mut self, physical: Time<Synced>) -> Stamp {
        match &mut self.clock {
            StampClock::Count(counter) | StampClock::Logical(counter) => at(counter.last(), 0, self.node),
            StampClock::Physical { last } => {
                *last = physical.as_nanos().max(*last);
                at(*last, 0, self.node)
            }
            StampClock::Hybrid(hlc) if physical > hlc.last().l => hybrid(hlc.tick(physical), self.node),
            StampClock::Hybrid(hlc) => hybrid(hlc.last(), self.node),
        }
    }

    /// A message stamped `heard` arrived. It lifts logical and hybrid clocks above it; physical ones belong to the
    /// probes and stay.
    #[inline]
    pub fn merge(&mut self, physical: Time<Synced>, heard: Stamp) {
        match &mut self.clock {
            StampClock::Count(_) | StampClock::Physical { .. } => {}
            StampClock::Logical(_) if heard.time > MOST_HEARD => self.refused += 1,
            StampClock::Logical(counter) => {
                counter.merge(heard.time);
            }
            StampClock::Hybrid(hlc) => {
                let heard = HlcStamp { l: Time::from_nanos(heard.time), c: heard.counter };
                self.refused += u64::from(hlc.merge(physical, heard).is_err());
            }
        }
    }

    /// How much later than `physical` the clock must read before it can promise more than `wanted`; zero if hearing of
    /// a stamp already lifts the clock.
    pub fn lag(&self, physical: Time<Synced>, wanted: Stamp) -> Nanos {
        match self.clock {
            StampClock::Physical { .. } => (Time::from_nanos(wanted.time) - physical + Nanos(1)).max(Nanos::ZERO),
            _ => Nanos::ZERO,
        }
    }

    /// Stamps that had to be forced up to stay increasing, beyond what sharing a reading does.
    pub const fn forced(&self) -> u64 {
        self.forced
    }

    /// Messages that did not lift the clock: too far ahead of a hybrid clock's physical clock, or beyond what a counter
    /// can reach by counting.
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

/// The synchronised clock that `source` reads, if it reads one.
pub const fn algorithm(source: StampSource) -> Option<Algorithm> {
    match source {
        StampSource::Floor | StampSource::LamportLogical => None,
        StampSource::Lamport => Some(Algorithm::Lamport),
        StampSource::Ntp | StampSource::Hlc => Some(Algorithm::Ntp),
        StampSource::Physical(algorithm) => Some(algorithm),
    }
}

#[inline]
const fn at(time: i64, counter: u32, node: NodeId) -> Stamp {
    Stamp { time, counter, node }
}

#[inline]
const fn hybrid(stamp: HlcStamp, node: NodeId) -> Stamp {
    at(stamp.l.as_nanos(), stamp.c, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamper(source: StampSource) -> Stamper {
        Stamper::new(source, NodeId(1), Nanos(1_000))
    }

    fn ns(ns: i64) -> Time<Synced> {
        Time::from_nanos(ns)
    }

    #[test]
    fn a_physical_stamp_is_the_reading_unless_that_would_not_increase() {
        let mut ntp = stamper(StampSource::Ntp);
        let given: Vec<i64> = [100, 101, 90, 90, 200].into_iter().map(|now| ntp.tick(ns(now)).time).collect();
        assert_eq!((given, ntp.forced()), (vec![100, 101, 102, 103, 200], 2));
        let six = NonZeroU32::new(6).unwrap();
        assert_eq!((ntp.tick_many(ns(300), six).last().time, ntp.forced()), (305, 2), "the sixth of a batch");
        assert_eq!((ntp.tick_many(ns(303), six).last().time, ntp.forced()), (311, 8), "all of them are forced up");
    }

    #[test]
    fn a_message_lifts_logical_and_hybrid_clocks_only() {
        let heard = at(500, 3, NodeId(2));
        let after = |source| {
            let mut clock = stamper(source);
            clock.merge(ns(100), heard);
            clock.tick(ns(100))
        };
        assert_eq!(after(StampSource::LamportLogical).time, 502);
        assert_eq!((after(StampSource::Hlc).time, after(StampSource::Hlc).counter), (500, 5));
        assert_eq!(after(StampSource::Ntp).time, 100);
        assert_eq!(after(StampSource::Lamport).time, 100);
    }

    #[test]
    fn a_stamp_too_far_ahead_is_refused_and_counted() {
        let mut hlc = stamper(StampSource::Hlc);
        hlc.merge(ns(0), at(1_001, 0, NodeId(2)));
        assert_eq!((hlc.refused(), hlc.tick(ns(0)).time), (1, 0));
        let mut counter = stamper(StampSource::LamportLogical);
        counter.merge(ns(0), at(LATEST, 0, NodeId(2)));
        assert_eq!((counter.refused(), counter.tick(ns(0)).time), (1, 1));
    }

    #[test]
    fn the_lag_is_how_long_the_clock_needs_to_pass_a_stamp() {
        let mut ntp = stamper(StampSource::Ntp);
        let wanted = at(150, 0, NodeId(2));
        assert_eq!(ntp.lag(ns(100), wanted), Nanos(51));
        assert!(ntp.promise(ns(151)) > wanted);
        assert_eq!(stamper(StampSource::Hlc).lag(ns(100), wanted), Nanos::ZERO);
    }

    proptest! {
        #[test]
        fn reserved_stamps_are_those_of_as_many_ticks_by_every_source(
            batches in prop::collection::vec((-20..60_i64, 1..20_u32, 0..900_i64), 1..40),
            which in 0..4_usize,
        ) {
            let mut many = stamper(StampSource::ORDERING[which]);
            let mut one_by_one = many.clone();
            let mut now = 0;
            for (step, count, heard) in batches {
                now += step;
                let heard = at(now + heard, 7, NodeId(2));
                many.merge(ns(now), heard);
                one_by_one.merge(ns(now), heard);
                let reserved = many.tick_many(ns(now), NonZeroU32::new(count).unwrap());
                let ticks: Vec<Stamp> = (0..count).map(|_| one_by_one.tick(ns(now))).collect();
                prop_assert_eq!(Some(&reserved.last()), ticks.last());
                prop_assert_eq!(reserved.stamps().collect::<Vec<_>>(), ticks);
                prop_assert_eq!(&many.clock, &one_by_one.clock);
            }
        }

        #[test]
        fn stamps_strictly_increase_and_pass_every_promise(
            steps in prop::collection::vec((0..4_u8, -50..50_i64, 0..900_i64), 1..200),
            which in 0..4_usize,
        ) {
            let mut clock = stamper(StampSource::ORDERING[which]);
            let (mut now, mut floor) = (0, Stamp::START);
            for (action, step, heard) in steps {
                now += step;
                match action {
                    0 => clock.merge(ns(now), at(now + heard, 7, NodeId(2))),
                    1 => {
                        let promise = clock.promise(ns(now));
                        prop_assert!(promise >= floor);
                        floor = promise;
                    }
                    _ => {
                        let given = clock.tick(ns(now));
                        prop_assert!(given > floor);
                        floor = given;
                    }
                }
            }
        }
    }
}
