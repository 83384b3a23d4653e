//! What was said to a peer and is not confirmed: it waits for a connection to take it, and is kept until the peer has it.
//!
//! The stream to a peer outlives its connections. It consists of records: the length of what is said, how many bytes of
//! the peer's own stream have come, and what is said, one or more whole messages. A record has one write to itself. What is
//! said to many is kept once ([`super::parcels`]); of each record the outbox has but the beginning.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::order::message::{HEADER_BYTES, MAX_MESSAGE_BYTES};

/// Length of the front of a record, in bytes.
pub(super) const FRONT_BYTES: usize = 12;
/// No record says more, in bytes.
pub(super) const MAX_RECORD_BYTES: usize = MAX_MESSAGE_BYTES;
/// Whoever has so much that is not confirmed says nothing more for now, in bytes: more than all commands of a window.
const FULL_BYTES: usize = 2 << 20;
/// A record of up to so many bytes is put together for its write: that is cheaper than a write of two parts.
const SMALL_BYTES: usize = 512;

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

/// A record: the front and the peer's own header of the message, if it has one, and the rest of the message.
#[derive(Debug)]
struct Record {
    lead: [u8; FRONT_BYTES + HEADER_BYTES],
    leading: usize,
    message: Rc<Vec<u8>>,
    from: usize,
}

impl Record {
    fn length(&self) -> usize {
        self.leading + self.message.len() - self.from
    }

    /// What is left after the first `written` bytes, in two parts.
    fn rest(&self, written: usize) -> (&[u8], &[u8]) {
        let after = written.saturating_sub(self.leading);
        (&self.lead[written.min(self.leading)..self.leading], &self.message[self.from + after..])
    }

    fn poll_write(
        &self,
        written: usize,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<usize>> {
        let ((lead, rest), stream) = (self.rest(written), Pin::new(stream));
        if lead.is_empty() {
            return stream.poll_write(cx, rest);
        }
        let (mut small, length) = ([0; SMALL_BYTES], lead.len() + rest.len());
        let Some(whole) = small.get_mut(..length) else {
            return stream.poll_write_vectored(cx, &[IoSlice::new(lead), IoSlice::new(rest)]);
        };
        whole[..lead.len()].copy_from_slice(lead);
        whole[lead.len()..].copy_from_slice(rest);
        stream.poll_write(cx, whole)
    }
}

/// The end of a stream. Whoever fills it asks [`Outbox::is_full`] first, which bounds it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// What is not confirmed, and how many bytes that is.
    records: VecDeque<Record>,
    kept: usize,
    /// The first record that no connection has taken wholly, and how many bytes of it one has.
    next: usize,
    within: usize,
    /// How many bytes one has taken that are not confirmed.
    taken: usize,
    /// The position in the stream up to which it is confirmed, and how many bytes of the first record are before it.
    confirmed: u64,
    before: usize,
}

impl Outbox {
    /// Whether a connection has taken everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.next == self.records.len()
    }

    /// Whether nothing was ever sent: a new peer misses nothing.
    pub(super) fn is_blank(&self) -> bool {
        self.confirmed == 0 && self.records.is_empty()
    }

    /// Whether so much is not confirmed that nothing should be added.
    pub(super) fn is_full(&self) -> bool {
        self.kept >= FULL_BYTES
    }

    /// Adds a record that says `header` and then `message` from that byte `from` on.
    pub(super) fn push(&mut self, confirmed: u64, header: &[u8], message: &Rc<Vec<u8>>, from: usize) {
        let length = header.len() + message.len() - from;
        debug_assert!(length <= MAX_RECORD_BYTES, "records are of bounded size");
        let (mut lead, leading) = ([0; FRONT_BYTES + HEADER_BYTES], FRONT_BYTES + header.len());
        lead[..FRONT_BYTES].copy_from_slice(&Front { length, confirmed }.to_bytes());
        lead[FRONT_BYTES..leading].copy_from_slice(header);
        self.records.push_back(Record { lead, leading, message: Rc::clone(message), from });
        self.kept += FRONT_BYTES + length;
    }

    /// Writes what waits, record by record: ready when nothing is left.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(record) = self.records.get(self.next) {
            let written = ready!(record.poll_write(self.within, cx, stream))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.within += written;
            self.taken += written;
            if self.within == record.length() {
                (self.next, self.within) = (self.next + 1, 0);
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
        if new > self.taken as u64 {
            return Err(Impossible);
        }
        let new = new as usize;
        self.confirmed = position;
        (self.taken, self.kept, self.before) = (self.taken - new, self.kept - new, self.before + new);
        while let Some(length) = self.records.front().map(Record::length).filter(|length| *length <= self.before) {
            self.records.pop_front();
            (self.next, self.before) = (self.next - 1, self.before - length);
        }
        Ok(())
    }

    /// A new connection takes the stream from `position` on, which is where the peer's own count ends.
    ///
    /// # Errors
    /// The position was never sent, or is confirmed already: what comes before it is gone.
    pub(super) fn resume(&mut self, position: u64) -> Result<(), Impossible> {
        if position < self.confirmed {
            return Err(Impossible);
        }
        self.confirm(position)?;
        (self.next, self.within, self.taken) = (0, self.before, 0);
        Ok(())
    }

    /// Forgets everything: nobody will ask for it.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream_tests::Way;
    use super::*;

    fn flush(outbox: &mut Outbox, room: usize) -> Vec<u8> {
        let mut way = Way(VecDeque::new(), room);
        let _ = outbox.poll_flush(&mut Context::from_waker(std::task::Waker::noop()), &mut way);
        way.0.into()
    }

    fn say(outbox: &mut Outbox, header: &[u8], message: &[u8]) {
        outbox.push(7, header, &Rc::new(message.to_vec()), 0);
    }

    #[test]
    fn a_stream_goes_on_at_any_byte_and_nothing_that_was_not_sent_can_be_confirmed() {
        let mut outbox = Outbox::default();
        say(&mut outbox, b"ab", b"cdef");
        let first = flush(&mut outbox, 15);
        assert_eq!(Front::of(&first), Some(Front { length: 6, confirmed: 7 }));
        assert_eq!((first.len(), outbox.is_flushed()), (15, false));
        assert_eq!(outbox.confirm(16), Err(Impossible), "fifteen were written");
        say(&mut outbox, b"", b"gh");
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
        assert!(outbox.records.is_empty() && outbox.kept == 0);
    }

    #[test]
    fn long_records_are_written_in_two_parts_and_come_out_whole() {
        let mut outbox = Outbox::default();
        let long = vec![9; 3_000];
        outbox.push(0, b"header", &Rc::new(long.clone()), 1_000);
        let mut out = Vec::new();
        while !outbox.is_flushed() {
            out.extend(flush(&mut outbox, 700));
        }
        assert_eq!(out[FRONT_BYTES..], [&b"header"[..], &long[1_000..]].concat());
    }

    #[test]
    fn what_is_confirmed_makes_room_and_what_is_not_fills_it() {
        let mut outbox = Outbox::default();
        let (message, mut sent, mut confirmed) = (Rc::new(vec![3; 1_000]), 0, 0);
        for round in 0..20_000 {
            outbox.push(0, b"", &message, 0);
            sent += flush(&mut outbox, 9_999).len() as u64;
            if round % 7 == 0 {
                confirmed += (sent - confirmed) * 3 / 4;
                outbox.confirm(confirmed).unwrap();
            }
            assert!(!outbox.is_full() && outbox.records.len() < 20);
        }
        while !outbox.is_full() {
            outbox.push(0, b"", &message, 0);
        }
        assert!((FULL_BYTES / 1_012..=FULL_BYTES / 1_012 + 1).contains(&outbox.records.len()));
    }
}
