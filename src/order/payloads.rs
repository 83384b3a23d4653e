//! Payloads of one source's commands that wait for delivery, in order of their stamps: one buffer, no allocation once
//! it has grown.

/// A queue of bytes.
#[derive(Clone, Debug, Default)]
pub struct Payloads {
    bytes: Vec<u8>,
    head: usize,
}

impl Payloads {
    /// Appends one payload.
    #[inline]
    pub fn push(&mut self, payload: &[u8]) {
        if self.head == self.bytes.len() {
            self.head = 0;
            self.bytes.clear();
        } else if self.bytes.len() + payload.len() > self.bytes.capacity() && self.head > self.bytes.len() / 2 {
            self.bytes.copy_within(self.head.., 0);
            self.bytes.truncate(self.bytes.len() - self.head);
            self.head = 0;
        }
        self.bytes.extend_from_slice(payload);
    }

    /// Takes the first `length` bytes, or as many as there are.
    #[inline]
    pub fn pop(&mut self, length: usize) -> &[u8] {
        let from = self.head;
        self.head = (from + length).min(self.bytes.len());
        &self.bytes[from..self.head]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_out_as_they_went_in_and_the_buffer_stays_small() {
        let mut queue = Payloads::default();
        let (mut next, mut taken) = (0_u8, 0_u8);
        for round in 0..10_000 {
            for _ in 0..(round % 7) + 1 {
                queue.push(&[next; 3]);
                next = next.wrapping_add(1);
            }
            while taken != next.wrapping_sub((round % 5) as u8) {
                assert_eq!(queue.pop(3), [taken; 3]);
                taken = taken.wrapping_add(1);
            }
        }
        assert!(queue.bytes.capacity() < 256, "{}", queue.bytes.capacity());
    }
}
