//! Whatever comes over a TCP connection: frames, ordering messages, and the greeting of the collector and of the agent.
#![no_main]

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use libfuzzer_sys::fuzz_target;
use skewbench::host::ship::hello::{self, Answer, Identity};
use skewbench::ids::{BootId, NodeId};
use skewbench::journal::{frame, scan};
use skewbench::order::message::{self, MAX_MESSAGE_BYTES, Message};
use skewbench::workload::{byzantine, causal, mutex, real_time, restart, snapshot, stability_tests, trace, wire};
use skewbench_fuzz::frames::{CLUSTER, KEY};
use skewbench_fuzz::{Bytes, seeds};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

fuzz_target!(init: seeds::write("wire"), |data: &[u8]| {
    let mut bytes = Bytes(data);
    match bytes.pick(5) {
        0 => frames(bytes.0),
        1 => messages(bytes.0),
        2 => greeting(bytes.0),
        3 => trials(bytes.0),
        _ => answers(bytes.0),
    }
});

fn frames(bytes: &[u8]) {
    if let Ok((header, frame)) = frame::check(bytes) {
        assert_eq!(header.frame_bytes(), frame.len());
        let _ = frame::open(bytes);
    }
    let found = scan(bytes);
    let read: usize = found.frames.iter().map(|frame| frame.bytes.len()).sum();
    let unread = found.unreadable.skipped_bytes + found.unreadable.truncated_tail_bytes;
    assert_eq!(read as u64 + unread, bytes.len() as u64, "every byte is accounted for");
}

fn messages(mut bytes: &[u8]) {
    while let Ok(Some(frame)) = message::decode(bytes, NodeId(1)) {
        assert!(frame.bytes <= MAX_MESSAGE_BYTES && frame.bytes > 0);
        if let Message::Batch(batch) = frame.message {
            assert!(batch.commands().count() == batch.len() && !batch.is_empty());
            batch.commands().for_each(|(_, payload)| _ = message::issued(payload));
        }
        let mut other = bytes[..frame.bytes].to_vec();
        message::set_received(&mut other, !frame.received);
        let again = message::decode(&other, NodeId(1)).ok().flatten().expect("a receipt makes no message malformed");
        assert!(again.received == !frame.received && (again.phase, again.bytes) == (frame.phase, frame.bytes));
        bytes = &bytes[frame.bytes..];
    }
}

/// What agents tell each other in a trial, and the traces that they leave.
fn trials(mut bytes: &[u8]) {
    let traces = [&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2..]].map(trace::read::<snapshot::Event>);
    let records: usize = traces.iter().map(Vec::len).sum();
    assert_eq!(trace::gather(Vec::from(traces)).entries.len(), records);
    while let Ok(Some(frame)) = wire::Frame::decode(bytes) {
        same::<mutex::Message>(frame.body);
        same::<restart::Message>(frame.body);
        same::<causal::Message>(frame.body);
        same::<byzantine::Told>(frame.body);
        same::<real_time::Signed>(frame.body);
        same::<stability_tests::Message>(frame.body);
        bytes = &bytes[frame.bytes()..];
    }
}

/// What decodes is written as the bytes that it was read from.
fn same<T: wire::Wire>(bytes: &[u8]) {
    if let Some(value) = wire::decode::<T>(bytes) {
        let mut again = Vec::new();
        value.put(&mut again);
        assert_eq!(again, bytes);
    }
}

fn greeting(bytes: &[u8]) {
    let who = Identity { node: NodeId(1), boot: BootId(1), cluster: CLUSTER };
    let known = at_once(hello::examine(&mut Scripted(bytes), &KEY, CLUSTER));
    assert!(!matches!(known, Some(Ok(_))), "nobody guesses a proof");
    let welcome = at_once(hello::introduce(&mut Scripted(bytes), &KEY, who));
    assert!(!matches!(welcome, Some(Ok(_))), "nobody guesses a proof");
}

fn answers(bytes: &[u8]) {
    for answer in bytes.as_chunks().0 {
        if let Some(found) = Answer::from_bytes(*answer) {
            assert_eq!(found.to_bytes(), *answer);
        }
    }
}

fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// A peer that says what it says and listens to nothing.
struct Scripted<'a>(&'a [u8]);

impl AsyncRead for Scripted<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, space: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (now, rest) = self.0.split_at(self.0.len().min(space.remaining()));
        space.put_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
