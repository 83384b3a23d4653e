//! The requests to one peer whose exchange is not complete yet.

use std::collections::VecDeque;

use crate::ids::{Algorithm, NodeId};
use crate::probe::{Claims, Exchange, Point, Stamp};
use crate::time::{Local, Nanos, Time};

/// Most requests to one peer that are open at once. At a period of 1 ms it covers round trips of 4 s.
const MAX_OPEN: usize = 4096;
/// How long a reply may take, at least.
const ANSWER_DEADLINE: Nanos = Nanos::from_seconds(2);
/// How long an answered request waits for transmit stamps beyond two periods.
const STAMP_DEADLINE: Nanos = Nanos::from_millis(10);

/// Open requests, each in a place: from the oldest on.
#[derive(Clone, Debug)]
pub struct Requests {
    /// The last request, open or not. Most often no other is open: it is at hand, without an allocation.
    latest: Request,
    /// Those before it that are still open, oldest first.
    older: VecDeque<Request>,
    /// No open request is over before this instant, unless something was heard of it since the last look.
    quiet_until: Time<Local>,
    /// How many open requests have a reply.
    answered: usize,
}

/// A request on its way to becoming an exchange.
#[derive(Clone, Debug)]
struct Request {
    sequence: u64,
    deadline: Time<Local>,
    story: Story,
}

/// What became of a request so far.
#[derive(Clone, Debug)]
enum Story {
    /// It is open no more, or never was.
    Told,
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

/// Whether the driver reports kernel transmit stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departures {
    /// It does: an exchange waits for them.
    Stamped,
    /// It does not.
    Unknown,
}

impl Default for Requests {
    fn default() -> Self {
        let latest = Request { sequence: 0, deadline: Time::MAX, story: Story::Told };
        Self { latest, older: VecDeque::new(), quiet_until: Time::MAX, answered: 0 }
    }
}

impl Requests {
    /// See [`super::Node::touch_beyond`].
    #[inline]
    pub fn touch(&self) -> i64 {
        self.quiet_until.as_nanos() ^ self.latest.touch()
    }

    /// Whether one of them has a reply.
    #[inline]
    pub const fn is_answered(&self) -> bool {
        self.answered > 0
    }

    /// Opens the request `sequence` sent at `at`. Returns whether another had to be given up for it.
    #[inline]
    pub fn ask(&mut self, sequence: u64, at: Time<Local>, tau: Nanos) -> bool {
        if self.latest.is_open() {
            let story = std::mem::replace(&mut self.latest.story, Story::Told);
            self.older.push_back(Request { story, ..self.latest });
        }
        let deadline = at + ANSWER_DEADLINE.max(tau.times(2));
        self.latest = Request { sequence, deadline, story: Story::Asked(Point { user: at, wire: None }) };
        self.quiet_until = self.quiet_until.min(deadline);
        let full = self.older.len() >= MAX_OPEN;
        if full {
            let given_up = self.older.pop_front();
            self.answered -= usize::from(given_up.is_some_and(|request| request.is_answered()));
        }
        full
    }

    /// A reply of `peer` to request `sequence` came in: the request's arrival at the peer, the reply's departure from there
    /// and its arrival here, and what the peer's clocks read at `t3.user`. Returns false if no such request is open.
    #[inline]
    pub fn answer(
        &mut self,
        peer: NodeId,
        sequence: u64,
        reply: Reply,
        rest: [Point; 3],
        claims: &Claims,
        tau: Nanos,
    ) -> bool {
        let Some(request) = self.find(sequence) else { return false };
        let Story::Asked(t1) = request.story else { return false };
        let [t2, t3, t4] = rest;
        request.deadline = t4.user + tau.times(2) + STAMP_DEADLINE;
        request.story = Story::Answered(Exchange { peer, t1, t2, t3, t4, claims: Claims::none() }, reply);
        // Copied where they stay, and not twice.
        if let Story::Answered(exchange, _) = &mut request.story {
            exchange.claims.clone_from(claims);
        }
        self.answered += 1;
        self.quiet_until = Time::MIN;
        true
    }

    /// The kernel said when request `sequence` left. Returns false if no such request is open.
    #[inline]
    pub fn departed(&mut self, sequence: u64, stamp: Stamp) -> bool {
        match self.find(sequence).map(|request| &mut request.story) {
            Some(Story::Asked(t1) | Story::Answered(Exchange { t1, .. }, _)) => t1.wire = Some(stamp),
            Some(Story::Told) | None => return false,
        }
        self.quiet_until = Time::MIN;
        true
    }

    /// The peer said when its reply `sequence` left.
    pub fn reply_departed(&mut self, sequence: u64, stamp: Stamp) {
        if self.answered == 0 {
            return;
        }
        let mut all = self.older.iter_mut().chain([&mut self.latest]);
        let answered = all.find_map(|request| match &mut request.story {
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
        let over = |request: &Request| request.deadline <= now || request.is_complete(departures);
        let latest = || (self.latest.is_open() && over(&self.latest)).then_some(self.older.len());
        let place = if self.older.is_empty() { latest() } else { self.older.iter().position(over).or_else(latest) };
        if place.is_none() {
            self.quiet_until = self.open().map(|request| request.deadline).min().unwrap_or(Time::MAX);
        }
        place
    }

    /// The exchange of the open request in this place, if there is a reply.
    #[inline]
    pub fn exchange(&self, place: usize) -> Option<(&Exchange, &Reply)> {
        match &self.older.get(place).unwrap_or(&self.latest).story {
            Story::Answered(exchange, reply) => Some((exchange, reply)),
            Story::Asked(_) | Story::Told => None,
        }
    }

    /// The story of the request in this place is told.
    pub fn close(&mut self, place: usize) {
        self.answered -= usize::from(self.exchange(place).is_some());
        if place < self.older.len() {
            self.older.remove(place);
        } else {
            self.latest.story = Story::Told;
        }
        if self.older.is_empty() && !self.latest.is_open() {
            self.quiet_until = Time::MAX;
        }
    }

    /// The open requests, oldest first.
    fn open(&self) -> impl Iterator<Item = &Request> {
        self.older.iter().chain(self.latest.is_open().then_some(&self.latest))
    }

    /// The request of this number, if it is open or the latest.
    fn find(&mut self, sequence: u64) -> Option<&mut Request> {
        if sequence >= self.latest.sequence {
            return (sequence == self.latest.sequence).then_some(&mut self.latest);
        }
        let place = self.older.binary_search_by_key(&sequence, |request| request.sequence).ok()?;
        self.older.get_mut(place)
    }
}

impl Request {
    /// See [`super::Node::touch_beyond`].
    #[inline]
    fn touch(&self) -> i64 {
        let own = self.sequence as i64 ^ self.deadline.as_nanos();
        let Story::Answered(Exchange { t1, t2, t3, t4, claims, .. }, _) = &self.story else { return own };
        let stamps = [t1, t2, t3, t4].iter().fold(own, |sum, point| sum ^ point.user.as_nanos());
        let claimed = |algorithm| claims.of(algorithm).map_or(0, |claim| claim.reading.as_nanos());
        stamps ^ claimed(Algorithm::Lamport) ^ claimed(Algorithm::Ntp)
    }

    const fn is_open(&self) -> bool {
        !matches!(self.story, Story::Told)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Source;
    use proptest::prelude::*;

    const TAU: Nanos = Nanos::from_millis(100);

    fn at(ms: u64) -> Time<Local> {
        Time::ZERO + Nanos::from_millis(ms as i64)
    }

    /// A reply to request `number` comes in at once.
    fn answer(requests: &mut Requests, number: u64) -> bool {
        let reply = Reply { sequence: 1_000 + number, departure_follows: true, trusted: true };
        let point = Point { user: at(number), wire: None };
        requests.answer(NodeId(7), number, reply, [point; 3], &Claims::none(), TAU)
    }

    fn stamp(number: u64) -> Stamp {
        Stamp { at: at(number), error: Nanos::ZERO, source: Source::Kernel }
    }

    proptest! {
        /// Wherever a request is kept, it is what a plain list of all of them says.
        #[test]
        fn they_are_one_list_from_the_oldest_on(steps in prop::collection::vec((0..4_u8, 0..12_u64), 0..60)) {
            let (mut requests, mut list, mut asked) = (Requests::default(), Vec::<(u64, bool, bool)>::new(), 0);
            for (step, back) in steps {
                let number = asked - back.min(asked);
                let known = list.iter().position(|(known, ..)| *known == number);
                match step {
                    0 => {
                        asked += 1;
                        prop_assert!(!requests.ask(asked, at(asked), TAU));
                        list.push((asked, false, false));
                    }
                    1 => {
                        let open = known.filter(|place| !list[*place].1);
                        prop_assert_eq!(answer(&mut requests, number), open.is_some());
                        open.into_iter().for_each(|place| list[place].1 = true);
                    }
                    2 => prop_assert_eq!(requests.departed(number, stamp(number)), known.is_some()),
                    _ => {
                        requests.reply_departed(1_000 + number, stamp(number));
                        known.into_iter().for_each(|place| list[place].2 |= list[place].1);
                    }
                }
                let over = list.iter().position(|(_, answered, departed)| *answered && *departed);
                let place = requests.over(at(0), Departures::Unknown);
                prop_assert_eq!(place, over);
                prop_assert_eq!(requests.is_answered(), list.iter().any(|(_, answered, _)| *answered));
                if let Some(place) = place {
                    let (number, ..) = list.remove(place);
                    let exchange = requests.exchange(place).map(|(exchange, reply)| (exchange.t1.user, reply.sequence));
                    prop_assert_eq!(exchange, Some((at(number), 1_000 + number)));
                    requests.close(place);
                }
            }
            let left = std::iter::from_fn(|| {
                let place = requests.over(Time::MAX, Departures::Stamped)?;
                requests.close(place);
                Some(place)
            });
            prop_assert!(left.eq(list.iter().map(|_| 0)), "whose time is up is closed, the oldest first");
        }
    }

    #[test]
    fn the_oldest_is_given_up_when_too_many_are_open() {
        let mut requests = Requests::default();
        let full = (1..=MAX_OPEN as u64 + 1).filter(|number| requests.ask(*number, at(*number), TAU)).count();
        assert_eq!((full, requests.open().count()), (1, MAX_OPEN));
        assert!(!answer(&mut requests, 1) && answer(&mut requests, 2));
    }
}
