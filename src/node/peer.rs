//! What a node keeps of one peer: the grid slot, numbers, the replay window, and requests that are still open.

use std::collections::VecDeque;

use super::window::ReplayWindow;
use crate::ids::{Algorithm, NodeId};
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
    /// Number of the last message sent to it.
    pub sequence: u64,
    /// What was received from it.
    pub window: ReplayWindow,
    /// Transmit stamp of the newest reply whose stamp is known.
    pub departed: Option<(u64, Stamp)>,
    /// Requests whose exchange is not complete, oldest first.
    open: VecDeque<Open>,
    /// No open request is over before this instant, unless something was heard of it since the last look.
    quiet_until: Time<Local>,
    /// How many open requests have a reply.
    answered: usize,
    /// Number of the last request.
    asked: u64,
}

/// A request on its way to becoming an exchange.
#[derive(Clone, Debug)]
struct Open {
    sequence: u64,
    deadline: Time<Local>,
    story: Story,
}

/// What became of a request so far.
#[derive(Clone, Debug)]
enum Story {
    /// It is under way, and this was its departure.
    Asked(Point),
    /// There is a reply.
    Answered(Exchange, Reply),
}

/// The reply to an open request.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The reply's number on its arc.
    pub sequence: u64,
    /// Whether the peer will tell when the reply really left.
    pub departure_follows: bool,
    /// Whether every claim was plausible.
    pub trusted: bool,
}

impl Peer {
    /// A peer that was neither asked nor heard yet.
    pub fn new(id: NodeId, base_mu: Nanos) -> Self {
        Self {
            id,
            base_mu,
            sequence: 0,
            window: ReplayWindow::default(),
            departed: None,
            open: VecDeque::new(),
            quiet_until: Time::MAX,
            answered: 0,
            asked: 0,
        }
    }

    /// See [`super::Node::touch`].
    #[inline]
    pub fn touch(&self) -> i64 {
        let own = self.asked as i64 ^ self.departed.map_or(0, |(sequence, _)| sequence as i64) ^ self.window.touch();
        self.open.front().map_or(own, |open| own ^ open.touch())
    }

    /// Whether an open request has a reply.
    #[inline]
    pub const fn is_answered(&self) -> bool {
        self.answered > 0
    }

    /// The number of the next message to this peer.
    pub const fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Opens the request `sequence` sent at `at`. Returns whether another had to be given up for it.
    pub fn ask(&mut self, sequence: u64, at: Time<Local>, tau: Nanos) -> bool {
        let deadline = at + ANSWER_DEADLINE.max(tau.times(2));
        self.open.push_back(Open { sequence, deadline, story: Story::Asked(Point { user: at, wire: None }) });
        self.quiet_until = self.quiet_until.min(deadline);
        self.asked = sequence;
        let full = self.open.len() > MAX_OPEN;
        if full {
            let given_up = self.open.pop_front();
            self.answered -= usize::from(given_up.is_some_and(|open| open.is_answered()));
        }
        full
    }

    /// A reply to request `sequence` came in: the request's arrival at the peer, the reply's departure from there and its
    /// arrival here, and what the peer's clocks read at `t3.user`. Returns false if no such request is open.
    pub fn answer(&mut self, sequence: u64, reply: Reply, rest: [Point; 3], claims: &Claims, tau: Nanos) -> bool {
        let Ok(index) = self.open.binary_search_by_key(&sequence, |open| open.sequence) else { return false };
        let open = &mut self.open[index];
        let Story::Asked(t1) = open.story else { return false };
        let [t2, t3, t4] = rest;
        open.deadline = t4.user + tau.times(2) + STAMP_DEADLINE;
        open.story = Story::Answered(Exchange { peer: self.id, t1, t2, t3, t4, claims: claims.clone() }, reply);
        self.answered += 1;
        self.quiet_until = Time::MIN;
        true
    }

    /// The kernel said when message `sequence` to this peer left: a request's `t1`, or what the next message tells the
    /// peer of a reply.
    pub fn departed(&mut self, sequence: u64, stamp: Stamp) {
        let place = if sequence > self.asked {
            Err(0)
        } else {
            self.open.binary_search_by_key(&sequence, |open| open.sequence)
        };
        match place {
            Ok(index) => {
                match &mut self.open[index].story {
                    Story::Asked(t1) | Story::Answered(Exchange { t1, .. }, _) => t1.wire = Some(stamp),
                }
                self.quiet_until = Time::MIN;
            }
            Err(_) if self.departed.is_none_or(|(newest, _)| newest < sequence) => {
                self.departed = Some((sequence, stamp));
            }
            Err(_) => {}
        }
    }

    /// The peer said when its reply `sequence` left.
    pub fn reply_departed(&mut self, sequence: u64, stamp: Stamp) {
        if self.answered == 0 {
            return;
        }
        let answered = self.open.iter_mut().find_map(|open| match &mut open.story {
            Story::Answered(exchange, reply) if reply.sequence == sequence => Some(exchange),
            _ => None,
        });
        if let Some(exchange) = answered {
            exchange.t3.wire = Some(stamp);
            self.quiet_until = Time::MIN;
        }
    }

    /// The place of a request that is complete, or whose time is up at `now`. `departures` says whether this node's own
    /// transmit stamps can be waited for. Cost: O(1) where nothing can be over, else O(open requests).
    #[inline]
    pub fn over(&mut self, now: Time<Local>, departures: Departures) -> Option<usize> {
        if now < self.quiet_until {
            return None;
        }
        self.first_over(now, departures)
    }

    fn first_over(&mut self, now: Time<Local>, departures: Departures) -> Option<usize> {
        let over = |open: &Open| open.deadline <= now || open.is_complete(departures);
        let place = (0..self.open.len()).find(|place| over(&self.open[*place]));
        if place.is_none() {
            self.quiet_until = self.open.iter().map(|open| open.deadline).min().unwrap_or(Time::MAX);
        }
        place
    }

    /// The exchange of the open request in this place, if there is a reply.
    #[inline]
    pub fn exchange(&self, place: usize) -> Option<(&Exchange, &Reply)> {
        match &self.open.get(place)?.story {
            Story::Answered(exchange, reply) => Some((exchange, reply)),
            Story::Asked(_) => None,
        }
    }

    /// The story of the request in this place is told.
    pub fn close(&mut self, place: usize) {
        let answered = self.open.get(place).is_some_and(Open::is_answered);
        self.answered -= usize::from(answered);
        match place {
            // The next request takes the same place, which the cache still has.
            0 if self.open.len() == 1 => {
                self.open.clear();
                self.quiet_until = Time::MAX;
            }
            0 => drop(self.open.pop_front()),
            _ => drop(self.open.remove(place)),
        }
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
    /// See [`super::Node::touch`].
    #[inline]
    fn touch(&self) -> i64 {
        let own = self.sequence as i64 ^ self.deadline.as_nanos();
        let Story::Answered(Exchange { t1, t2, t3, t4, claims, .. }, _) = &self.story else { return own };
        let stamps = [t1, t2, t3, t4].iter().fold(own, |sum, point| sum ^ point.user.as_nanos());
        let claimed = |algorithm| claims.of(algorithm).map_or(0, |claim| claim.reading.as_nanos());
        stamps ^ claimed(Algorithm::Lamport) ^ claimed(Algorithm::Ntp)
    }

    const fn is_answered(&self) -> bool {
        matches!(self.story, Story::Answered(..))
    }

    fn is_complete(&self, departures: Departures) -> bool {
        let Story::Answered(exchange, reply) = &self.story else { return false };
        let sent = departures == Departures::Unknown || exchange.t1.wire.is_some();
        sent && (!reply.departure_follows || exchange.t3.wire.is_some())
    }
}
