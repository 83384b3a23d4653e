//! The replay window: each message of a boot is taken once (after RFC 4303, section 3.4.3).

use super::Counter;
use crate::ids::BootId;

/// How far behind the newest message an older one is still told apart.
const WIDTH: u64 = 128;

/// What was seen of the newest boot of one peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayWindow {
    boot: BootId,
    seen: Seen,
}

/// What was seen of one boot.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    newest: u64,
    seen: u128,
}

/// How a new message stands to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It is the newest.
    InOrder,
    /// A later one arrived before.
    Reordered,
}

impl ReplayWindow {
    /// See [`super::Node::touch`].
    #[inline]
    pub const fn touch(&self) -> i64 {
        self.seen.newest as i64
    }

    /// Takes note of a message.
    ///
    /// # Errors
    /// Names the counter of the reason why it must not be used. A later boot starts anew; an older one is refused.
    pub fn accept(&mut self, boot: BootId, sequence: u64) -> Result<Arrival, Counter> {
        if boot < self.boot {
            return Err(Counter::OldBoot);
        }
        if boot > self.boot {
            *self = Self { boot, seen: Seen::default() };
        }
        self.seen.accept(sequence)
    }
}

impl Seen {
    /// Takes note of a message.
    ///
    /// # Errors
    /// Names the counter of the reason why it must not be used.
    #[inline]
    pub fn accept(&mut self, sequence: u64) -> Result<Arrival, Counter> {
        if sequence > self.newest {
            let ahead = sequence - self.newest;
            self.seen = if ahead < WIDTH { self.seen << ahead } else { 0 } | 1;
            self.newest = sequence;
            return Ok(Arrival::InOrder);
        }
        let behind = self.newest - sequence;
        if behind >= WIDTH {
            return Err(Counter::TooOld);
        }
        let bit = 1 << behind;
        if self.seen & bit != 0 || sequence == 0 {
            return Err(Counter::Replayed);
        }
        self.seen |= bit;
        Ok(Arrival::Reordered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_later_boot_starts_anew_and_an_older_one_is_refused() {
        let mut window = ReplayWindow::default();
        assert_eq!(window.accept(BootId(5), 9), Ok(Arrival::InOrder));
        assert_eq!(window.accept(BootId(5), 9), Err(Counter::Replayed));
        assert_eq!(window.accept(BootId(6), 1), Ok(Arrival::InOrder));
        assert_eq!(window.accept(BootId(5), 10), Err(Counter::OldBoot));
        assert_eq!(window.accept(BootId(6), 0), Err(Counter::Replayed), "numbers start at one");
    }

    proptest! {
        #[test]
        fn no_message_is_taken_twice(sequences in prop::collection::vec(1..400_u64, 0..500)) {
            let mut window = ReplayWindow::default();
            let mut taken = BTreeSet::new();
            for sequence in sequences {
                let newest = taken.last().copied().unwrap_or(0);
                match window.accept(BootId(1), sequence) {
                    Ok(arrival) => {
                        prop_assert!(taken.insert(sequence));
                        prop_assert_eq!(arrival == Arrival::InOrder, sequence > newest);
                    }
                    Err(Counter::Replayed) => prop_assert!(taken.contains(&sequence)),
                    Err(reason) => prop_assert!(reason == Counter::TooOld && newest - sequence >= WIDTH),
                }
            }
        }
    }
}
