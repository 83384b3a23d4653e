//! One connection of the mesh.

use std::io;
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use super::inbox::{Delays, Inbox};
use super::outbox::Outbox;
use crate::host::clock::raw_now;
use crate::ids::NodeId;

/// Whether a connection still works. A broken one is not mended: its node cannot know what it missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Open,
    Closed,
}

/// What is left in an inbox when a phase has taken all that it can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// Nothing, or the beginning of a message.
    Partial,
    /// A message that cannot be taken yet.
    Waits,
    /// Something that no peer of good faith sends.
    Wrong,
}

/// A peer: what came from it and what goes to it. It outlives phases, so that a message is never cut in two.
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) inbox: Inbox,
    outbox: Outbox,
    stream: TcpStream,
    state: State,
}

impl Peer {
    pub(super) fn new(id: NodeId, stream: TcpStream, delays: Option<Delays>) -> Self {
        Self { id, inbox: Inbox::new(delays), outbox: Outbox::default(), stream, state: State::Open }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether everything sent was handed to the connection, or never can be.
    pub(super) fn is_flushed(&self) -> bool {
        self.outbox.is_empty()
    }

    /// Whether nothing more can come from it.
    pub(super) fn is_spent(&self) -> bool {
        !self.is_open() && self.inbox.is_empty()
    }

    /// Notes what is left of what it said. It is cut off if that is wrong, and a message that a broken connection cut in
    /// two is forgotten.
    pub(super) fn leave(&mut self, rest: Rest) {
        if rest == Rest::Wrong {
            self.close();
        }
        let cut = rest == Rest::Partial && !self.is_open() && self.inbox.next_release().is_none();
        if rest == Rest::Wrong || cut {
            self.inbox.clear();
        }
    }

    /// Closes the connection because it broke. What came before still counts.
    fn close(&mut self) {
        self.state = State::Closed;
        self.outbox.clear();
    }

    /// Reads once if there is room: whether anything came.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_open() || !self.inbox.has_room() {
            return Poll::Pending;
        }
        match std::task::ready!(self.inbox.poll_read(cx, &mut self.stream)) {
            Ok(1..) => self.inbox.admit(raw_now()),
            Ok(0) | Err(_) => self.close(),
        }
        Poll::Ready(())
    }

    /// Sends a message, at once or when the connection takes it.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, message: &[u8]) {
        if self.is_open() {
            let sent = self.outbox.send(cx, &mut self.stream, message);
            self.close_on(sent);
        }
    }

    /// Writes what waits.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        if !self.is_flushed()
            && let Poll::Ready(flushed) = self.outbox.poll_flush(cx, &mut self.stream)
        {
            self.close_on(flushed);
        }
    }

    fn close_on(&mut self, outcome: io::Result<()>) {
        if outcome.is_err() {
            self.close();
        }
    }
}
