//! Messages that one connection has not taken yet, with their bounds, so that a write never has more than one message.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Messages waiting for the connection. Whoever fills it asks [`Outbox::is_empty`] first, which bounds it.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    head: usize,
    ends: VecDeque<usize>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Writes a message at once if nothing waits before it; what the connection does not take, waits.
    pub(super) fn send(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
        message: &[u8],
    ) -> io::Result<()> {
        let written = match self.is_empty() {
            true => write_once(cx, stream, message)?,
            false => 0,
        };
        if written < message.len() {
            self.bytes.extend_from_slice(&message[written..]);
            self.ends.push_back(self.bytes.len());
        }
        Ok(())
    }

    /// Writes what waits, message by message: ready when nothing is left.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(&end) = self.ends.front() {
            self.head += ready!(Pin::new(&mut *stream).poll_write(cx, &self.bytes[self.head..end]))?;
            if self.head == end {
                self.ends.pop_front();
            }
        }
        self.head = 0;
        self.bytes.clear();
        Poll::Ready(Ok(()))
    }

    /// Forgets everything: the connection is gone.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// Bytes of `message` that the connection takes now.
fn write_once(cx: &mut Context<'_>, stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<usize> {
    match Pin::new(stream).poll_write(cx, message) {
        Poll::Ready(written) => written,
        Poll::Pending => Ok(0),
    }
}
