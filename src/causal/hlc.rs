//! Hybrid logical clocks (Kulkarni, Demirbas, Madappa, Avva & Leone, OPODIS 2014).
//!
//! A stamp is a pair (l, c): l is the largest physical reading the event has heard of, in ns of the physical clock
//! beneath; c counts events with the same l. Stamps are ordered lexicographically, and if event a happened before event
//! b then stamp(a) < stamp(b). Departure from the paper: a message whose l is further ahead of the physical clock than a
//! stated limit is refused (as CockroachDB does), since one bad clock would otherwise drag every l with it; and c
//! saturates into l instead of overflowing.

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
        self.last = if physical > self.last.l { HlcStamp { l: physical, c: 0 } } else { successor(self.last) };
        self.last
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
        self.last = if physical > newest.l { HlcStamp { l: physical, c: 0 } } else { successor(newest) };
        Ok(self.last)
    }
}

/// The next stamp in lexicographic order.
fn successor(stamp: HlcStamp) -> HlcStamp {
    match stamp.c.checked_add(1) {
        Some(c) => HlcStamp { l: stamp.l, c },
        None => HlcStamp { l: stamp.l + Nanos(1), c: 0 },
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
    fn a_full_counter_carries_into_l() {
        let mut hlc = clock();
        let heard = stamp(500, u32::MAX);
        let given = hlc.merge(at(10), heard).unwrap();
        assert!(given > heard);
        assert_eq!(given, stamp(501, 0));
    }

    proptest! {
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
