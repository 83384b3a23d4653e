//! One peer of the mesh: a stream each way, which outlive the connections that carry them.
//!
//! What was sent and is not confirmed is kept, what came is counted. So a connection that broke is mended by another one
//! that goes on at the very byte: nothing is lost, nothing comes twice, and no message is cut in two.

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::inbox::{Delays, Inbox};
use super::outbox::{Impossible, Outbox};
use crate::host::clock::raw_now;
use crate::ids::NodeId;
use crate::order::link::{LinkReport, LinkState, Loss};
use crate::order::message::{HEADER_BYTES, set_received};
use crate::time::{Nanos, Raw, Time};

/// Who received so much since it last said so says it now, in bytes, even if it has nothing else to say: far less than what
/// makes the other end wait.
const CONFIRM_BYTES: u64 = 256 << 10;

/// The first pause before another try to mend a connection; each is twice as long as the one before.
const PAUSE: Nanos = Nanos::from_millis(5);
/// The longest.
const LONGEST_PAUSE: Nanos = Nanos::from_millis(100);

/// A connection that is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Since when it has been, and since when it has been in this phase.
    broke: Time<Raw>,
    since: Time<Raw>,
    /// When patience ends.
    pub(super) until: Time<Raw>,
    /// When to try again.
    pub(super) retry: Time<Raw>,
    pause: Nanos,
}

impl Cut {
    /// One that begins at `now`, and is given up after so long.
    fn new(now: Time<Raw>, patience: Nanos) -> Self {
        Self { broke: now, since: now, until: now + patience, retry: now, pause: PAUSE }
    }

    /// For how long it has been, in a phase that may begin only soon.
    fn length(&self, now: Time<Raw>) -> Nanos {
        (now - self.since).max(Nanos::ZERO)
    }
}

/// How the connection is.
enum Link {
    Up(TcpStream),
    Cut(Cut),
    Lost(Loss),
}

/// What is left in an inbox when a phase has taken all that it can.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rest {
    /// Nothing, or the beginning of a record.
    Partial,
    /// A message that cannot be taken yet.
    Waits,
    /// Something that no peer of good faith sends.
    Wrong,
}

/// A peer: what came from it and what goes to it. It outlives phases, so that a message is never cut in two.
pub(super) struct Peer {
    pub(super) id: NodeId,
    pub(super) address: SocketAddr,
    /// Its process, once it has said so; else zero.
    pub(super) incarnation: u64,
    /// The number of the latest call, to it or from it.
    pub(super) call: u64,
    pub(super) inbox: Inbox,
    outbox: Outbox,
    /// What is said after a header that is all.
    nothing: Rc<Vec<u8>>,
    link: Link,
    /// How long a cut may last.
    patience: Nanos,
    /// How many bytes of its stream came.
    received: u64,
    /// How many of them it was told of.
    told: u64,
    /// How often the connection was mended in this phase.
    mended: u64,
    /// How long it was cut in this phase, up to when it was last mended or lost.
    cut: Nanos,
    /// How long the latest cut lasted that is over.
    lasted: Nanos,
    /// Until when a planned cut lasts.
    held: Time<Raw>,
}

impl Peer {
    /// A peer to which there is no connection yet, from `now` on.
    pub(super) fn new(
        id: NodeId,
        address: SocketAddr,
        delays: Option<Delays>,
        now: Time<Raw>,
        patience: Nanos,
    ) -> Self {
        Self {
            id,
            address,
            incarnation: 0,
            call: 0,
            inbox: Inbox::new(delays),
            outbox: Outbox::default(),
            nothing: Rc::default(),
            link: Link::Cut(Cut::new(now, patience)),
            patience,
            received: 0,
            told: 0,
            mended: 0,
            cut: Nanos::ZERO,
            lasted: Nanos::ZERO,
            held: Time::MIN,
        }
    }

    /// From now on a cut may last so long.
    pub(super) fn set_patience(&mut self, patience: Nanos) {
        self.patience = patience;
    }

    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Whether there never will be one again.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.link, Link::Lost(_))
    }

    /// The cut that is to be mended, if there is one.
    pub(super) fn cut(&self) -> Option<&Cut> {
        match &self.link {
            Link::Cut(cut) => Some(cut),
            Link::Up(_) | Link::Lost(_) => None,
        }
    }

    /// How the connection is.
    pub(super) fn state(&self) -> LinkState {
        match self.link {
            Link::Up(_) => LinkState::Up,
            Link::Cut(_) => LinkState::Mending,
            Link::Lost(why) => LinkState::Lost(why),
        }
    }

    /// Whether the connection took everything that was sent.
    pub(super) fn is_flushed(&self) -> bool {
        self.outbox.is_flushed()
    }

    /// Whether more may be sent: a connection that is up takes one message after the other, for one that is cut they are
    /// kept as far as there is room, and nobody misses them where it is lost.
    pub(super) fn has_room(&self) -> bool {
        self.is_lost() || (!self.outbox.is_full() && (!self.is_up() || self.is_flushed()))
    }

    /// Whether nothing more can come from it.
    pub(super) fn is_spent(&self) -> bool {
        self.is_lost() && self.inbox.is_empty()
    }

    /// Whether nothing came from it and nothing it was sent counts: then it is no matter which of its incarnations it is.
    pub(super) fn is_blank(&self) -> bool {
        self.received == 0 && self.outbox.is_blank()
    }

    /// How many bytes of its stream came.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Notes what is left of what it said. It is cut off if that is wrong, and a record that a lost connection cut in two
    /// is forgotten.
    pub(super) fn leave(&mut self, rest: Rest, now: Time<Raw>) {
        if rest == Rest::Wrong {
            self.lose(Loss::Misled, now);
        }
        let cut = rest == Rest::Partial && self.is_lost() && self.inbox.next_release().is_none();
        if rest == Rest::Wrong || cut {
            self.inbox.clear();
        }
    }

    /// The connection broke, or was taken away: it is to be mended.
    pub(super) fn interrupt(&mut self, now: Time<Raw>) {
        if let Link::Up(stream) = &self.link {
            // It may be gone already.
            let _ = SockRef::from(stream).shutdown(std::net::Shutdown::Both);
            self.link = Link::Cut(Cut::new(now, self.patience));
        }
    }

    /// A planned cut: the connection is shut down, and this end dials no other before the cut's end. Patience counts from its
    /// beginning.
    pub(super) fn hold(&mut self, now: Time<Raw>, until: Time<Raw>) {
        self.interrupt(now);
        self.held = self.held.max(until);
    }

    /// Whether a planned cut lasts.
    pub(super) fn is_held(&self, now: Time<Raw>) -> bool {
        now < self.held
    }

    /// When a planned cut ends.
    pub(super) const fn held(&self) -> Time<Raw> {
        self.held
    }

    /// The next try to mend it is due after a pause.
    pub(super) fn pause(&mut self, now: Time<Raw>) {
        if let Link::Cut(cut) = &mut self.link {
            cut.retry = now + cut.pause;
            cut.pause = cut.pause.times(2).min(LONGEST_PAUSE);
        }
    }

    /// What was sent goes on where the peer's count ends; the connection for it is still to come.
    ///
    /// # Errors
    /// The peer counts what was never sent, or has forgotten what it had confirmed.
    pub(super) fn resume(&mut self, received: u64) -> Result<(), Impossible> {
        self.outbox.resume(received)
    }

    /// There is a connection again.
    pub(super) fn mend(&mut self, stream: TcpStream, incarnation: u64, now: Time<Raw>) {
        if let Link::Cut(cut) = self.link {
            self.end(cut, now);
            self.mended += u64::from(self.incarnation != 0);
            self.incarnation = incarnation;
            self.link = Link::Up(stream);
        }
    }

    /// Nothing more is sent to it or taken from the connection. What came before still counts.
    pub(super) fn lose(&mut self, why: Loss, now: Time<Raw>) {
        match self.link {
            Link::Lost(_) => return,
            Link::Cut(cut) => self.end(cut, now),
            Link::Up(_) => self.lasted = Nanos::ZERO,
        }
        self.link = Link::Lost(why);
        self.outbox.clear();
    }

    fn end(&mut self, cut: Cut, now: Time<Raw>) {
        self.cut += cut.length(now);
        self.lasted = now - cut.broke;
    }

    /// How long the latest cut lasted that is over.
    pub(super) const fn lasted(&self) -> Nanos {
        self.lasted
    }

    /// Counts what becomes of the connection anew.
    pub(super) fn begin(&mut self, now: Time<Raw>) {
        (self.mended, self.cut) = (0, Nanos::ZERO);
        if let Link::Cut(cut) = &mut self.link {
            cut.since = now;
        }
    }

    /// What became of the connection since it was counted anew.
    pub(super) fn report(&self, now: Time<Raw>) -> LinkReport {
        let lasting = self.cut().map_or(Nanos::ZERO, |cut| cut.length(now));
        let cut_ns = (self.cut + lasting).0;
        LinkReport { peer: self.id, mended: self.mended, cut_ns, state: self.state() }
    }

    /// Reads once if there is room: whether anything came.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Link::Up(stream) = &mut self.link else { return Poll::Pending };
        if !self.inbox.has_room() {
            return Poll::Pending;
        }
        let read = std::task::ready!(self.inbox.poll_read(cx, stream));
        let now = raw_now();
        match read {
            Ok(count @ 1..) => {
                self.received += count as u64;
                self.inbox.admit(now);
                let confirmed = self.inbox.scan().and_then(|said| said.map_or(Ok(()), |at| self.outbox.confirm(at)));
                if confirmed.is_err() {
                    self.lose(Loss::Misled, now);
                }
            }
            Ok(0) | Err(_) => self.interrupt(now),
        }
        Poll::Ready(())
    }

    /// Sends whole messages at once, or when a connection takes them.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, messages: &[u8]) {
        self.say(cx, &[], &Rc::new(messages.to_vec()), 0);
    }

    /// Sends a message of a phase with how many of its commands were received.
    pub(super) fn send_receipt(&mut self, cx: &mut Context<'_>, message: &Rc<Vec<u8>>, received: u64) {
        if let Some(header) = message.first_chunk() {
            self.say(cx, &with_received(header, received), message, HEADER_BYTES);
        }
    }

    /// The same for a message that is nothing but a header.
    pub(super) fn send_header(&mut self, cx: &mut Context<'_>, message: &[u8], received: u64) {
        debug_assert_eq!(message.len(), HEADER_BYTES, "commands are kept once for all");
        if let Some(header) = message.first_chunk() {
            let nothing = Rc::clone(&self.nothing);
            self.say(cx, &with_received(header, received), &nothing, 0);
        }
    }

    fn say(&mut self, cx: &mut Context<'_>, header: &[u8], message: &Rc<Vec<u8>>, from: usize) {
        if !self.is_lost() {
            self.outbox.push(self.received, header, message, from);
            self.told = self.received;
            self.poll_flush(cx);
        }
    }

    /// Writes what waits, and says how much came if that was not said for long.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        if !self.is_flushed() {
            self.poll_flush(cx);
        } else if self.received - self.told >= CONFIRM_BYTES && self.is_up() {
            let nothing = Rc::clone(&self.nothing);
            self.say(cx, &[], &nothing, 0);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) {
        if let Link::Up(stream) = &mut self.link
            && let Poll::Ready(Err(_)) = self.outbox.poll_flush(cx, stream)
        {
            self.interrupt(raw_now());
        }
    }
}

fn with_received(header: &[u8; HEADER_BYTES], received: u64) -> [u8; HEADER_BYTES] {
    let mut header = *header;
    set_received(&mut header, received);
    header
}
