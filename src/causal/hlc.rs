//! Hybrid logical clocks (Kulkarni, Demirbas, Madappa, Avva & Leone, OPODIS 2014).
//!
//! A stamp is a pair (l, c): l is the largest physical reading the event has heard of, in ns of the physical clock
//! beneath; c counts events with the same l. Stamps are ordered lexicographically, and if event a happened before event
//! b then stamp(a) < stamp(b). Departure from the paper: a message whose l is further ahead of the physical clock than a
//! stated limit is refused (as CockroachDB does), since one bad clock would otherwise drag every l with it; and c
//! saturates into l instead of overflowing.

use std::num::NonZeroU32;

use crate::time::{Nanos, Synced, Time};

/// How far a message's `l` may be ahead as long as nothing else is said: CockroachDB's default of max_offset.
pub const MAX_AHEAD: Nanos = Nanos::from_millis(500);

/// A hybrid stamp.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct HlcStamp {
    /// Largest physical reading heard of.
    pub l: Time<Synced>,
    /// Count of events with the same `l`.
    pub c: u32,
}

impl HlcStamp {
    /// The `nth` stamp after this one in lexicographic order; a full counter carries into `l`.
    #[inline]
    pub fn after(self, nth: u32) -> Self {
        let counts = u64::from(self.c) + u64::from(nth);
        Self { l: self.l + Nanos((counts >> u32::BITS) as i64), c: counts as u32 }
    }
}

/// Why a message was refused: its `l` is too far ahead of the physical clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFarAhead(pub Nanos);

/// A hybrid logical clock. The physical reading is an argument of every call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hlc {
    last: HlcStamp,
    max_ahead: Nanos,
}

impl Hlc {
    /// A clock that refuses messages more than `max_ahead` ahead of its physical clock.
    pub const fn new(max_ahead: Nanos) -> Self {
        Self { last: HlcStamp { l: Time::MIN, c: 0 }, max_ahead }
    }

    /// The stamp last given.
    pub const fn last(&self) -> HlcStamp {
        self.last
    }

    /// What the clock shows when its physical clock shows `physical`: never less than either.
    pub fn reading(&self, physical: Time<Synced>) -> Time<Synced> {
        self.last.l.max(physical)
    }

    /// The stamp of a local event or a send.
    #[inline]
    pub fn tick(&mut self, physical: Time<Synced>) -> HlcStamp {
        self.tick_many(physical, NonZeroU32::MIN)
    }

    /// Reserves the stamps of the next `count` local events or sends by one update: they are what as many ticks at this reading
    /// would give, and the `nth` of them, from zero, is [`HlcStamp::after`] the first one, which is returned. l stays and c
    /// runs, unless it is full. Cost: O(1).
    #[inline]
    pub fn tick_many(&mut self, physical: Time<Synced>, count: NonZeroU32) -> HlcStamp {
        let first = if physical > self.last.l { HlcStamp { l: physical, c: 0 } } else { self.last.after(1) };
        self.last = first.after(count.get() - 1);
        first
    }

    /// The stamp of the receipt of a message stamped `heard`.
    ///
    /// # Errors
    /// Refuses a message too far ahead; the clock is then unchanged.
    #[inline]
    pub fn merge(&mut self, physical: Time<Synced>, heard: HlcStamp) -> Result<HlcStamp, TooFarAhead> {
        let ahead = heard.l - physical;
        if ahead > self.max_ahead {
            return Err(TooFarAhead(ahead));
        }
        let newest = self.last.max(heard);
        self.last = if physical > newest.l { HlcStamp { l: physical, c: 0 } } else { newest.after(1) };
        Ok(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ns: i64) -> Time<Synced> {
        Time::from_nanos(ns)
    }

    fn stamp(l: i64, c: u32) -> HlcStamp {
        HlcStamp { l: at(l), c }
    }

    fn clock() -> Hlc {
        Hlc::new(Nanos(1_000))
    }

    #[test]
    fn the_four_cases_of_a_receipt() {
        let mut hlc = clock();
        hlc.tick(at(10));
        assert_eq!(hlc.merge(at(10), stamp(10, 4)), Ok(stamp(10, 5)), "all equal: the larger counter plus one");
        assert_eq!(hlc.merge(at(9), stamp(8, 9)), Ok(stamp(10, 6)), "own l is largest");
        assert_eq!(hlc.merge(at(9), stamp(12, 2)), Ok(stamp(12, 3)), "the message's l is largest");
        assert_eq!(hlc.merge(at(20), stamp(12, 9)), Ok(stamp(20, 0)), "the physical clock is largest");
    }

    #[test]
    fn a_message_from_the_future_is_refused_and_changes_nothing() {
        let mut hlc = clock();
        let before = hlc.tick(at(10));
        assert_eq!(hlc.merge(at(10), stamp(2_000, 0)), Err(TooFarAhead(Nanos(1_990))));
        assert_eq!(hlc.last(), before);
        assert!(hlc.merge(at(10), stamp(1_010, 0)).is_ok(), "the limit itself is allowed");
    }

    #[test]
    fn a_run_of_stamps_keeps_l_and_begins_where_the_clock_is() {
        let mut hlc = clock();
        let three = NonZeroU32::new(3).unwrap();
        assert_eq!((hlc.tick_many(at(10), three), hlc.last()), (stamp(10, 0), stamp(10, 2)));
        assert_eq!(
            (hlc.tick_many(at(9), three), hlc.last()),
            (stamp(10, 3), stamp(10, 5)),
            "the physical clock is behind"
        );
        assert_eq!(hlc.tick_many(at(11), three), stamp(11, 0));
    }

    #[test]
    fn a_full_counter_carries_into_l() {
        let mut hlc = clock();
        let heard = stamp(500, u32::MAX);
        let given = hlc.merge(at(10), heard).unwrap();
        assert!(given > heard);
        assert_eq!(given, stamp(501, 0));
    }

    proptest! {
        /// The law of reserved stamps, on a clock that is ahead of its physical one or behind it, near the counter's end or not.
        #[test]
        fn reserved_stamps_are_those_of_as_many_ticks(
            last in (0..40_i64, prop_oneof![0..9_u32, u32::MAX - 9..=u32::MAX]),
            batches in prop::collection::vec((0..60_i64, 1..20_u32), 1..20),
        ) {
            let mut many = Hlc { last: stamp(last.0, last.1), max_ahead: Nanos(1_000) };
            let mut one_by_one = many;
            for (physical, count) in batches {
                let first = many.tick_many(at(physical), NonZeroU32::new(count).unwrap());
                for nth in 0..count {
                    prop_assert_eq!(first.after(nth), one_by_one.tick(at(physical)));
                }
                prop_assert_eq!(many, one_by_one);
            }
        }

        /// Theorems (1)–(4) on random executions of three nodes: happened-before is respected; l >= pt; l is a
        /// physical reading heard of; l - pt is at most the clock skew.
        #[test]
        fn theorems_hold_in_random_executions(steps in prop::collection::vec((0..3_usize, 0..4_usize, 0..3_i64), 1..300),
                                              skews in prop::array::uniform3(0..50_i64)) {
            let eps = skews.iter().max().unwrap() - skews.iter().min().unwrap();
            let mut hlcs = [clock(), clock(), clock()];
            let mut heard = [at(i64::MIN); 3];
            let mut flying: Vec<(HlcStamp, Time<Synced>)> = Vec::new();
            let mut now = 0;
            for (node, action, dt) in steps {
                now += dt;
                let physical = at(now + skews[node]);
                let before = hlcs[node].last();
                heard[node] = heard[node].max(physical);
                let given = match (action, flying.len()) {
                    (0, 1..) => {
                        let (message, told) = flying.swap_remove(dt as usize % flying.len());
                        heard[node] = heard[node].max(told);
                        let given = hlcs[node].merge(physical, message).unwrap();
                        prop_assert!(given > message);
                        given
                    }
                    _ => hlcs[node].tick(physical),
                };
                if action == 1 {
                    flying.push((given, heard[node]));
                }
                prop_assert!(given > before);
                prop_assert!(given.l >= physical);
                prop_assert_eq!(given.l, heard[node]);
                prop_assert!(given.l - physical <= Nanos(eps));
            }
        }
    }
}
