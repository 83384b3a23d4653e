//! Lamport's logical clock (CACM 21(7), 1978, rules IR1 and IR2): a counter.

use std::num::NonZeroU32;

/// A logical clock. If event a happened before event b then `stamp(a) < stamp(b)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Logical {
    last: i64,
}

impl Logical {
    /// IR1: the stamp of a local event or a send.
    pub const fn tick(&mut self) -> i64 {
        self.tick_many(NonZeroU32::MIN)
    }

    /// Reserves the stamps of the next `count` local events or sends by one update: the one that is returned, and those that
    /// follow it, as as many ticks would give them. Cost: O(1).
    pub const fn tick_many(&mut self, count: NonZeroU32) -> i64 {
        let first = self.last.saturating_add(1);
        self.last = self.last.saturating_add(count.get() as i64);
        first
    }

    /// IR2: a message stamped `heard` arrived.
    pub const fn merge(&mut self, heard: i64) -> i64 {
        if heard > self.last {
            self.last = heard;
        }
        self.tick()
    }

    /// The stamp last given.
    pub const fn last(&self) -> i64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_later_than_the_send_and_than_all_before_it() {
        let (mut a, mut b) = (Logical::default(), Logical::default());
        for _ in 0..5 {
            a.tick();
        }
        let sent = a.tick();
        assert_eq!((b.tick(), b.merge(sent), b.merge(2)), (1, 7, 8));
    }

    #[test]
    fn reserved_stamps_are_those_of_as_many_ticks() {
        let (mut many, mut one_by_one) = (Logical::default(), Logical::default());
        for count in [1, 7, 64, 1_024] {
            let first = many.tick_many(NonZeroU32::new(count).unwrap());
            assert!((first..).take(count as usize).all(|stamp| stamp == one_by_one.tick()));
            assert_eq!(many, one_by_one);
        }
    }
}
