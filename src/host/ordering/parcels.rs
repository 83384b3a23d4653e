//! Messages that are kept until everybody has confirmed them: each once, however many it goes to, and no allocation once
//! there are as many as are under way at a time.

use std::collections::VecDeque;
use std::rc::Rc;

/// Most messages whose memory is kept for others, under way or not.
const MOST: usize = 32_768;

/// The memory of messages, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    made: VecDeque<Rc<Vec<u8>>>,
}

impl Parcels {
    /// A message with what `fill` appends to nothing.
    pub(super) fn pack(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Rc<Vec<u8>> {
        let is_free = self.made.front().is_some_and(|oldest| Rc::strong_count(oldest) == 1);
        let oldest = if is_free { self.made.pop_front() } else { None };
        let mut parcel = oldest.unwrap_or_default();
        let bytes = Rc::get_mut(&mut parcel).expect("nobody else has it");
        bytes.clear();
        fill(bytes);
        if self.made.len() < MOST {
            self.made.push_back(Rc::clone(&parcel));
        }
        parcel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_keeps_the_message() {
        let mut parcels = Parcels::default();
        let mut kept = VecDeque::new();
        for n in 0..1_000_u32 {
            kept.push_back(parcels.pack(|bytes| bytes.extend(n.to_le_bytes())));
            if kept.len() > 5 {
                kept.pop_front();
            }
        }
        assert_eq!(parcels.made.len(), 6);
        assert!(kept.iter().zip(995_u32..).all(|(parcel, n)| **parcel == n.to_le_bytes()));
    }
}
