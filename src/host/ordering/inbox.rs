//! What has come of a peer's stream and not been taken yet. Bounded; a lab's delay holds each chunk back. It outlives the
//! connections that it comes by.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::outbox::{FRONT_BYTES, Front, Impossible, MAX_RECORD_BYTES};
use crate::ids;
use crate::model::Purpose;
use crate::model::link::{Fate, fate};
use crate::order::message::MAX_MESSAGE_BYTES;
use crate::time::{Raw, Time};
use crate::topology::Impairment;

/// Bytes that an inbox holds: a few of the longest messages.
const CAPACITY: usize = 8 * MAX_MESSAGE_BYTES;

/// Most bytes taken in by one read.
const READ_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// How a lab delays what arrives: each chunk by its own draw, never overtaking the one before. Loss does not apply, since
/// the connection is reliable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    pub(super) seed: u64,
    pub(super) arc: ids::Arc,
    pub(super) impairment: Impairment,
}

/// Bytes `head..filled` of the buffer are held; those before `released` may be taken. The default one has no buffer.
#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    head: usize,
    released: usize,
    filled: usize,
    /// How much of the record at `head` is left after its front.
    rest: usize,
    /// Where the first front is that was not looked at; beyond `filled` if it has not come.
    scanned: usize,
    delays: Option<Delays>,
    held: VecDeque<(usize, Time<Raw>)>,
    chunks: u64,
}

impl Inbox {
    pub(super) fn new(delays: Option<Delays>) -> Self {
        let delays = delays.filter(|delays| !delays.impairment.is_none());
        let bytes = vec![0; CAPACITY];
        Self { bytes, delays, ..Self::default() }
    }

    /// Whether it takes in more bytes.
    pub(super) fn has_room(&self) -> bool {
        self.filled - self.head <= CAPACITY - READ_BYTES
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.head == self.filled
    }

    /// Forgets what is held: nothing will come behind it.
    pub(super) fn clear(&mut self) {
        (self.head, self.released, self.filled, self.rest, self.scanned) = (0, 0, 0, 0, 0);
        self.held.clear();
    }

    /// Reads once: the number of bytes that came, zero at the end of the stream. What came must be admitted.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Poll<io::Result<usize>> {
        self.compact();
        let mut space = ReadBuf::new(&mut self.bytes[self.filled..self.filled + READ_BYTES]);
        std::task::ready!(Pin::new(stream).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.filled += count;
        Poll::Ready(Ok(count))
    }

    /// Looks at the fronts that came: the latest confirmation of one's own stream, if any.
    ///
    /// # Errors
    /// A record is longer than any.
    pub(super) fn scan(&mut self) -> Result<Option<u64>, Impossible> {
        let mut confirmed = None;
        while let Some(front) = self.bytes.get(self.scanned..self.filled).and_then(Front::of) {
            if front.length > MAX_RECORD_BYTES {
                return Err(Impossible);
            }
            self.scanned += FRONT_BYTES + front.length;
            confirmed = Some(front.confirmed);
        }
        Ok(confirmed)
    }

    /// What is left of the first record that is complete and may be taken at `now`; nothing if there is none.
    pub(super) fn record(&mut self, now: Time<Raw>) -> &[u8] {
        while let Some((end, _)) = self.held.front().filter(|(_, release)| *release <= now) {
            self.released = *end;
            self.held.pop_front();
        }
        while self.rest == 0
            && let Some(front) = Front::of(&self.bytes[self.head..self.released])
            && self.released - self.head >= FRONT_BYTES + front.length
        {
            self.head += FRONT_BYTES;
            self.rest = front.length;
        }
        &self.bytes[self.head..self.head + self.rest]
    }

    /// Takes the first `count` bytes of the record.
    pub(super) fn take(&mut self, count: usize) {
        let taken = count.min(self.rest);
        (self.head, self.rest) = (self.head + taken, self.rest - taken);
    }

    /// When further bytes become ready without a read.
    pub(super) fn next_release(&self) -> Option<Time<Raw>> {
        self.held.front().map(|(_, release)| *release)
    }

    /// Makes what was read ready, at once or, in a lab, after its delay from `now` on: an instant after the read.
    pub(super) fn admit(&mut self, now: Time<Raw>) {
        let Some(delays) = &self.delays else {
            self.released = self.filled;
            return;
        };
        let impairment = Impairment { loss: 0.0, ..delays.impairment };
        let drawn = fate(delays.seed, Purpose::Stream, delays.arc, self.chunks, &impairment);
        let Fate::Delivered(delay) = drawn else { unreachable!("nothing is lost without loss") };
        self.chunks += 1;
        let before = self.held.back().map_or(Time::MIN, |(_, release)| *release);
        self.held.push_back((self.filled, (now + delay).max(before)));
    }

    /// Moves what is held to the front when there is no space for a read behind it.
    fn compact(&mut self) {
        if self.is_empty() {
            // Nothing of a record is left either: the next front is the next byte to come.
            self.clear();
        } else if self.filled + READ_BYTES > CAPACITY {
            self.bytes.copy_within(self.head..self.filled, 0);
            self.held.iter_mut().for_each(|(end, _)| *end -= self.head);
            (self.released, self.filled) = (self.released - self.head, self.filled - self.head);
            self.scanned -= self.head;
            self.head = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::time::Nanos;

    fn read(inbox: &mut Inbox, bytes: &[u8], ns: i64) {
        let mut stream = bytes;
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let read = inbox.poll_read(&mut cx, &mut stream);
        assert!(matches!(read, Poll::Ready(Ok(count)) if count == bytes.len()));
        inbox.admit(Time::from_nanos(ns));
        inbox.scan().unwrap();
    }

    fn record(message: &[u8]) -> Vec<u8> {
        let length = (message.len() as u32).to_le_bytes();
        [&length[..], &9_u64.to_le_bytes(), message].concat()
    }

    #[test]
    fn a_chunk_is_released_after_its_delay_and_never_before_an_earlier_one() {
        let arc = ids::Arc { from: NodeId(0), to: NodeId(1) };
        let impairment = Impairment { delay: Nanos(1_000), jitter: Nanos(10_000), loss: 0.5, ..Impairment::default() };
        let mut inbox = Inbox::new(Some(Delays { seed: 1, arc, impairment }));
        (0..100).for_each(|n| read(&mut inbox, &record(&[n]), i64::from(n)));
        assert!(inbox.record(Time::from_nanos(999)).is_empty());
        let (mut now, mut taken) = (0, Vec::new());
        while let Some(release) = inbox.next_release() {
            assert!(release.as_nanos() >= now, "in order");
            now = release.as_nanos();
            while let [byte] = inbox.record(release) {
                taken.push(*byte);
                inbox.take(1);
            }
        }
        assert!((1_000..=11_099).contains(&now));
        assert_eq!(taken, (0..100).collect::<Vec<u8>>(), "nothing is lost");
    }

    #[test]
    fn a_full_inbox_says_so_and_goes_on_when_bytes_are_taken() {
        let mut inbox = Inbox::new(None);
        let chunk = record(&vec![7; READ_BYTES / 2 - FRONT_BYTES]).repeat(2);
        let mut reads = 0;
        while inbox.has_room() {
            read(&mut inbox, &chunk, 0);
            reads += 1;
        }
        assert_eq!(reads, CAPACITY / READ_BYTES);
        for _ in 0..3 {
            assert_eq!(inbox.record(Time::ZERO).len(), READ_BYTES / 2 - FRONT_BYTES);
            inbox.take(READ_BYTES / 2 - FRONT_BYTES);
        }
        assert!(inbox.has_room());
        read(&mut inbox, &chunk, 0);
        let mut records = 0;
        while let length @ 1.. = inbox.record(Time::ZERO).len() {
            inbox.take(length);
            records += 1;
        }
        assert_eq!(records, 2 * reads - 1);
    }

    #[test]
    fn a_record_in_pieces_is_one_and_confirmations_are_seen_before_it_is_complete() {
        let mut inbox = Inbox::new(None);
        let bytes = [record(b"ab"), record(b""), record(b"c")].concat();
        for (at, byte) in bytes.iter().enumerate() {
            assert_eq!(inbox.record(Time::ZERO), if at < 14 { &b""[..] } else { &b"ab"[..] }, "{at}");
            let mut stream = &[*byte][..];
            let _ = inbox.poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut stream);
            inbox.admit(Time::ZERO);
            assert_eq!(inbox.scan(), Ok([11, 25, 37].contains(&at).then_some(9)), "{at}");
        }
        inbox.take(1);
        assert_eq!(inbox.record(Time::ZERO), b"b");
        inbox.take(1);
        assert_eq!(inbox.record(Time::ZERO), b"c", "an empty record says nothing");
        let mut long = &u32::MAX.to_le_bytes().repeat(3)[..];
        let _ = inbox.poll_read(&mut Context::from_waker(std::task::Waker::noop()), &mut long);
        assert_eq!(inbox.scan(), Err(Impossible));
    }
}
