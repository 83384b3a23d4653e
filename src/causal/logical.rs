//! Lamport's logical clock (CACM 21(7), 1978, rules IR1 and IR2): a counter.

/// A logical clock. If event a happened before event b then `stamp(a) < stamp(b)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Logical {
    last: i64,
}

impl Logical {
    /// IR1: the stamp of a local event or a send.
    pub const fn tick(&mut self) -> i64 {
        self.last = self.last.saturating_add(1);
        self.last
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
}
