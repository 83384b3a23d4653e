//! Messages that are kept until everybody has confirmed them: each once, however many it goes to. Their memory is used again,
//! the latest first, so that as little as is under way is touched.

use std::collections::VecDeque;
use std::rc::Rc;

/// Most messages whose memory is kept though nobody needs them.
const MOST_FREE: usize = 512;

/// The messages that are under way, in the order in which they were made, and memory for others.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    made: VecDeque<Rc<Vec<u8>>>,
    free: Vec<Vec<u8>>,
}

impl Parcels {
    /// A message with what `fill` appends to nothing. What is kept of it is bounded by those who keep it.
    pub(super) fn pack(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Rc<Vec<u8>> {
        while self.made.front().is_some_and(|oldest| Rc::strong_count(oldest) == 1) {
            let oldest = self.made.pop_front().and_then(Rc::into_inner);
            self.free.extend(oldest.filter(|_| self.free.len() < MOST_FREE));
        }
        let mut bytes = self.free.pop().unwrap_or_default();
        bytes.clear();
        fill(&mut bytes);
        let parcel = Rc::new(bytes);
        self.made.push_back(Rc::clone(&parcel));
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
        assert!(parcels.made.len() + parcels.free.len() <= 7, "{parcels:?}");
        assert!(kept.iter().zip(995_u32..).all(|(parcel, n)| **parcel == n.to_le_bytes()));
    }
}
