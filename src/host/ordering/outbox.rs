//! What was said to a peer and is not confirmed: it waits for a connection to take it, and is kept until the peer has it.
//!
//! The stream to a peer outlives its connections. It consists of records: the length of what is said, how many bytes of
//! the peer's own stream have come, and what is said, one or more whole messages. A record has one write to itself, unless it
//! has to be said again.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::order::message::MAX_MESSAGE_BYTES;

/// Length of the front of a record, in bytes.
pub(super) const FRONT_BYTES: usize = 12;
/// No record says more, in bytes.
pub(super) const MAX_RECORD_BYTES: usize = MAX_MESSAGE_BYTES;
/// Whoever has so much that is not confirmed says nothing more for now, in bytes: more than all commands of a window.
const FULL_BYTES: usize = 2 << 20;

/// The front of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Front {
    /// Bytes of what is said after it.
    pub(super) length: usize,
    /// How many bytes of the other direction's stream have come.
    pub(super) confirmed: u64,
}

impl Front {
    fn to_bytes(self) -> [u8; FRONT_BYTES] {
        let mut bytes = [0; FRONT_BYTES];
        bytes[..4].copy_from_slice(&(self.length as u32).to_le_bytes());
        bytes[4..].copy_from_slice(&self.confirmed.to_le_bytes());
        bytes
    }

    /// The front at the beginning of `bytes`; `None` if it is not there yet. Its length is not checked.
    #[inline]
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        let confirmed = u64::from_le_bytes(*rest.first_chunk()?);
        Some(Self { length: u32::from_le_bytes(*length) as usize, confirmed })
    }
}

/// A position in a stream that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Impossible;

/// The end of a stream. Whoever fills it asks [`Outbox::is_full`] first, which bounds it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// From `head` on what is not confirmed, from `written` on what no connection has taken.
    bytes: Vec<u8>,
    head: usize,
    written: usize,
    /// Where the writes of what no connection has taken end.
    ends: VecDeque<usize>,
    /// The position of `head` in the stream.
    confirmed: u64,
}

impl Outbox {
    /// Whether a connection has taken everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.ends.is_empty()
    }

    /// Whether nothing was ever sent: a new peer misses nothing.
    pub(super) fn is_blank(&self) -> bool {
        self.confirmed == 0 && self.head == self.bytes.len()
    }

    /// Whether so much is not confirmed that nothing should be added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.head >= FULL_BYTES
    }

    /// Adds a record that says `message`.
    pub(super) fn push(&mut self, message: &[u8], confirmed: u64) {
        debug_assert!(message.len() <= MAX_RECORD_BYTES, "records are of bounded size");
        self.make_room(FRONT_BYTES + message.len());
        self.bytes.extend_from_slice(&Front { length: message.len(), confirmed }.to_bytes());
        self.bytes.extend_from_slice(message);
        self.ends.push_back(self.bytes.len());
    }

    /// Moves what is kept to the front instead of growing, where that is less than what was confirmed.
    fn make_room(&mut self, count: usize) {
        let (kept, head) = (self.bytes.len() - self.head, self.head);
        if kept == 0 {
            self.bytes.clear();
        } else if self.bytes.len() + count > self.bytes.capacity() && head >= kept {
            self.bytes.copy_within(head.., 0);
            self.bytes.truncate(kept);
        } else {
            return;
        }
        self.head = 0;
        self.written -= head;
        self.ends.iter_mut().for_each(|end| *end -= head);
    }

    /// Writes what waits, record by record: ready when nothing is left.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(&end) = self.ends.front() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.written..end]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            if self.written == end {
                self.ends.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The peer has the stream up to `position`, as it said at some time.
    ///
    /// # Errors
    /// Refuses a position that was never sent.
    pub(super) fn confirm(&mut self, position: u64) -> Result<(), Impossible> {
        let Some(new) = position.checked_sub(self.confirmed) else { return Ok(()) };
        if new > (self.written - self.head) as u64 {
            return Err(Impossible);
        }
        self.head += new as usize;
        self.confirmed = position;
        Ok(())
    }

    /// A new connection takes the stream from `position` on, which is where the peer's own count ends.
    ///
    /// # Errors
    /// Refuses a position that was never sent, or that is confirmed already: what comes before it is gone.
    pub(super) fn resume(&mut self, position: u64) -> Result<(), Impossible> {
        if position < self.confirmed {
            return Err(Impossible);
        }
        self.confirm(position)?;
        self.written = self.head;
        self.ends.clear();
        if self.written < self.bytes.len() {
            self.ends.push_back(self.bytes.len());
        }
        Ok(())
    }

    /// Forgets everything: nobody will ask for it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and no more.
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let count = bytes.len().min(self.1);
            self.1 -= count;
            self.0.extend_from_slice(&bytes[..count]);
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn flush(outbox: &mut Outbox, room: usize) -> Vec<u8> {
        let mut narrow = Narrow(Vec::new(), room);
        let _ = outbox.poll_flush(&mut Context::from_waker(std::task::Waker::noop()), &mut narrow);
        narrow.0
    }

    #[test]
    fn a_stream_goes_on_at_any_byte_and_nothing_that_was_not_sent_can_be_confirmed() {
        let mut outbox = Outbox::default();
        outbox.push(b"abcdef", 7);
        let first = flush(&mut outbox, 15);
        assert_eq!(Front::of(&first), Some(Front { length: 6, confirmed: 7 }));
        assert_eq!((first.len(), outbox.is_flushed()), (15, false));
        assert_eq!(outbox.confirm(16), Err(Impossible), "fifteen were written");
        outbox.push(b"gh", 7);
        for position in [13, 15] {
            outbox.resume(position).unwrap();
            let rest = flush(&mut outbox, 99);
            assert!(outbox.is_flushed() && rest.ends_with(b"gh"));
            assert_eq!(rest.len(), 32 - position as usize);
            assert_eq!(rest[..2], b"bcdefgh"[position as usize - 13..][..2]);
        }
        assert_eq!(outbox.resume(14), Err(Impossible), "it is gone");
        assert_eq!(outbox.confirm(3), Ok(()), "an old confirmation says nothing new");
        assert_eq!(outbox.confirm(32), Ok(()));
    }

    #[test]
    fn what_is_confirmed_makes_room_and_what_is_not_fills_it() {
        let mut outbox = Outbox::default();
        let (message, mut sent, mut confirmed) = ([3; 1_000], 0, 0);
        for round in 0..20_000 {
            outbox.push(&message, 0);
            sent += flush(&mut outbox, 9_999).len() as u64;
            if round % 7 == 0 {
                confirmed += (sent - confirmed) * 3 / 4;
                outbox.confirm(confirmed).unwrap();
            }
            assert!(!outbox.is_full());
        }
        assert!(outbox.bytes.capacity() < 64 << 10, "{}", outbox.bytes.capacity());
        while !outbox.is_full() {
            outbox.push(&message, 0);
        }
        assert!(outbox.bytes.capacity() <= 8 << 20);
    }
}
