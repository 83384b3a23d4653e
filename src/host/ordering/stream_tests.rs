//! Two ends of a stream without sockets: cut at any byte, as often as one likes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::AsyncWrite;

use super::inbox::Inbox;
use super::outbox::Outbox;
use crate::time::Time;

/// What is under way in one direction; it takes so many bytes more.
#[derive(Default)]
pub(super) struct Way(pub(super) VecDeque<u8>, pub(super) usize);

impl AsyncWrite for Way {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.1);
        self.1 -= count;
        self.0.extend(&bytes[..count]);
        if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct End {
    outbox: Outbox,
    inbox: Inbox,
    received: u64,
    sent: Vec<Vec<u8>>,
    taken: Vec<Vec<u8>>,
}

impl End {
    fn new() -> Self {
        Self { outbox: Outbox::default(), inbox: Inbox::new(None), received: 0, sent: Vec::new(), taken: Vec::new() }
    }

    fn send(&mut self, length: usize) {
        if !self.outbox.is_full() {
            let message = vec![self.sent.len() as u8; length];
            let header = &message[..length.min(20)];
            self.outbox.push(self.received, header, &Rc::new(message.clone()), header.len());
            self.sent.extend(Some(message).filter(|message| !message.is_empty()));
        }
    }

    fn flush(&mut self, way: &mut Way, room: usize) {
        way.1 = room;
        let _ = self.outbox.poll_flush(&mut Context::from_waker(Waker::noop()), way);
    }

    /// Takes in up to so many of the bytes that are under way: whether any were.
    fn read(&mut self, way: &mut Way, most: usize) -> bool {
        let chunk: Vec<u8> = way.0.drain(..most.min(way.0.len())).collect();
        let mut stream = &chunk[..];
        while !stream.is_empty() && self.inbox.has_room() {
            let read = self.inbox.poll_read(&mut Context::from_waker(Waker::noop()), &mut stream);
            let Poll::Ready(Ok(count)) = read else { unreachable!("there are bytes") };
            self.received += count as u64;
            self.inbox.admit(Time::ZERO);
            let confirmed = self.inbox.scan().expect("records of good faith");
            confirmed.map_or(Ok(()), |at| self.outbox.confirm(at)).expect("what was sent");
            while let record @ [_, ..] = self.inbox.record(Time::ZERO) {
                let record = record.to_vec();
                self.inbox.take(record.len());
                self.taken.push(record);
            }
        }
        !chunk.is_empty()
    }
}

/// What is under way is gone, and both ends go on where the other one's count ends.
fn cut(ends: &mut [End; 2], ways: &mut [Way; 2]) {
    ways.iter_mut().for_each(|way| way.0.clear());
    let received = [ends[1].received, ends[0].received];
    for (end, received) in ends.iter_mut().zip(received) {
        end.outbox.resume(received).expect("a place in the stream");
    }
}

fn steps() -> impl Strategy<Value = Vec<(u8, usize)>> {
    prop::collection::vec((0..8_u8, prop_oneof![0..40_usize, 0..60_000_usize]), 1..150)
}

proptest! {
    #[test]
    fn cuts_at_any_byte_lose_nothing_repeat_nothing_and_change_no_order(steps in steps()) {
        let (mut ends, mut ways) = ([End::new(), End::new()], [Way::default(), Way::default()]);
        for (what, size) in steps {
            let side = usize::from(what % 2);
            match what {
                0 | 1 => ends[side].send(size),
                2 | 3 => ends[side].flush(&mut ways[side], size),
                4..=6 => _ = ends[1 - side].read(&mut ways[side], size),
                _ => cut(&mut ends, &mut ways),
            }
        }
        let mut moved = true;
        while moved {
            for side in 0..2 {
                ends[side].flush(&mut ways[side], usize::MAX);
            }
            moved = false;
            for side in 0..2 {
                moved |= ends[1 - side].read(&mut ways[side], 70_000);
            }
        }
        prop_assert!(ends[1].taken == ends[0].sent && ends[0].taken == ends[1].sent);
    }

    #[test]
    fn any_bytes_are_records_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..600), small in any::<bool>()) {
        if small {
            // Lengths are then mostly such as occur.
            bytes.iter_mut().for_each(|byte| *byte %= 2);
        }
        let (mut inbox, mut stream) = (Inbox::new(None), &bytes[..]);
        let mut taken = 0;
        while !stream.is_empty() {
            let _ = inbox.poll_read(&mut Context::from_waker(Waker::noop()), &mut stream);
            inbox.admit(Time::ZERO);
            if inbox.scan().is_err() {
                break;
            }
            while let length @ 1.. = inbox.record(Time::ZERO).len() {
                inbox.take(length.div_ceil(2));
                taken += length.div_ceil(2);
            }
        }
        prop_assert!(taken <= bytes.len());
    }
}
