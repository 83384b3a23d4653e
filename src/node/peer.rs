//! What a node keeps of one peer: the grid slot, numbers, the replay window, and requests that are still open.

use std::collections::VecDeque;

use super::window::ReplayWindow;
use crate::ids::NodeId;
use crate::probe::{Claims, Exchange, Point, Stamp};
use crate::time::{Local, Nanos, Time};

/// Most requests to one peer that are open at once. At a period of 1 ms it covers round trips of 4 s.
const MAX_OPEN: usize = 4096;
/// How long a reply may take, at least.
const ANSWER_DEADLINE: Nanos = Nanos::from_seconds(2);
/// How long an answered request waits for transmit stamps beyond two periods.
const STAMP_DEADLINE: Nanos = Nanos::from_millis(10);

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it is.
    pub id: NodeId,
    /// What every message from it is credited with.
    pub base_mu: Nanos,
    /// When the next request is due.
    pub slot: Time<Local>,
    /// Number of the last message sent to it.
    pub sequence: u64,
    /// What was received from it.
    pub window: ReplayWindow,
    /// Transmit stamp of the newest reply whose stamp is known.
    pub departed: Option<(u64, Stamp)>,
    /// Requests whose exchange is not complete, oldest first.
    open: VecDeque<Open>,
}

/// A request on its way to becoming an exchange.
#[derive(Clone, Debug)]
struct Open {
    sequence: u64,
    t1: Point,
    reply: Option<Reply>,
    deadline: Time<Local>,
}

/// The reply to an open request.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The reply's number on its arc.
    pub sequence: u64,
    /// The request's arrival at the peer.
    pub t2: Point,
    /// The reply's departure from the peer.
    pub t3: Point,
    /// The reply's arrival here.
    pub t4: Point,
    /// What the peer's clocks read at `t3.user`.
    pub claims: Claims,
    /// Whether the peer will tell when the reply really left.
    pub departure_follows: bool,
    /// Whether every claim was plausible.
    pub trusted: bool,
}

/// A request whose story is over.
#[derive(Clone, Debug)]
pub enum Closed {
    /// It became an exchange; with the reply's number and whether its claims may be used.
    Complete(Exchange, u64, bool),
    /// Nobody answered in time.
    Unanswered,
}

impl Peer {
    /// A peer whose first request is due at `slot`.
    pub fn new(id: NodeId, base_mu: Nanos, slot: Time<Local>) -> Self {
        Self { id, base_mu, slot, sequence: 0, window: ReplayWindow::default(), departed: None, open: VecDeque::new() }
    }

    /// The number of the next message to this peer.
    pub const fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Opens the request `sequence` sent at `at`. Returns whether another had to be given up for it.
    pub fn ask(&mut self, sequence: u64, at: Time<Local>, tau: Nanos) -> bool {
        let deadline = at + ANSWER_DEADLINE.max(tau.times(2));
        self.open.push_back(Open { sequence, t1: Point { user: at, wire: None }, reply: None, deadline });
        let full = self.open.len() > MAX_OPEN;
        if full {
            self.open.pop_front();
        }
        full
    }

    /// A reply to request `sequence` came in. Returns false if no such request is open.
    pub fn answer(&mut self, sequence: u64, reply: Reply, tau: Nanos) -> bool {
        let Ok(index) = self.open.binary_search_by_key(&sequence, |open| open.sequence) else { return false };
        let open = &mut self.open[index];
        if open.reply.is_some() {
            return false;
        }
        open.deadline = reply.t4.user + tau.times(2) + STAMP_DEADLINE;
        open.reply = Some(reply);
        true
    }

    /// The kernel said when message `sequence` to this peer left: a request's `t1`, or what the next message tells the
    /// peer of a reply.
    pub fn departed(&mut self, sequence: u64, stamp: Stamp) {
        match self.open.binary_search_by_key(&sequence, |open| open.sequence) {
            Ok(index) => self.open[index].t1.wire = Some(stamp),
            Err(_) if self.departed.is_none_or(|(newest, _)| newest < sequence) => {
                self.departed = Some((sequence, stamp));
            }
            Err(_) => {}
        }
    }

    /// The peer said when its reply `sequence` left.
    pub fn reply_departed(&mut self, sequence: u64, stamp: Stamp) {
        let mut replies = self.open.iter_mut().filter_map(|open| open.reply.as_mut());
        if let Some(reply) = replies.find(|reply| reply.sequence == sequence) {
            reply.t3.wire = Some(stamp);
        }
    }

    /// Takes out a request that is complete, or whose time is up at `now`. `departures` says whether this node's own
    /// transmit stamps can be waited for.
    pub fn close(&mut self, now: Time<Local>, departures: Departures) -> Option<Closed> {
        let over = |open: &Open| open.deadline <= now || open.is_complete(departures);
        let index = self.open.iter().position(over)?;
        let open = self.open.remove(index)?;
        Some(match open.reply {
            None => Closed::Unanswered,
            Some(reply) => {
                let Reply { t2, t3, t4, claims, sequence, trusted, .. } = reply;
                let exchange = Exchange { peer: self.id, t1: open.t1, t2, t3, t4, claims };
                Closed::Complete(exchange, sequence, trusted)
            }
        })
    }
}

/// Whether the driver reports kernel transmit stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departures {
    /// It does: an exchange waits for them.
    Stamped,
    /// It does not.
    Unknown,
}

impl Open {
    fn is_complete(&self, departures: Departures) -> bool {
        let sent = departures == Departures::Unknown || self.t1.wire.is_some();
        let told = |reply: &Reply| !reply.departure_follows || reply.t3.wire.is_some();
        sent && self.reply.as_ref().is_some_and(told)
    }
}
