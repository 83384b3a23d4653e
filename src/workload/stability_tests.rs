//! Two more ways to know that nothing earlier can still come (F. Schneider, *Implementing fault-tolerant services using the
//! state machine approach*, ACM Computing Surveys 22(4), 1990, from memory), beside the test by later stamps that
//! [`super::state_machine`] uses.
//!
//! Real time: a request is stable once the local clock reads later than its stamp + Δ, Δ ≥ (1 + κ)ν_max + ε (+ κμ for jumping
//! clocks). One phase of messages, no heartbeats, no FIFO; a Δ too small executes in different orders.
//!
//! Replica-generated identifiers: on first sight each replica proposes cuid(i, r) = max(⌊SEEN⌋, ⌊ACCEPT⌋) + 1 + i/N; uid(r) is
//! the largest proposal. An accepted request is stable once no request that was seen and not accepted has a smaller proposal.
//! Two further phases of messages, and no clock at all.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// A request; the number names it in the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Request(pub u64);

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The process's user made a request.
    Issued(Request),
    /// The replica carried a request out.
    Applied(Request),
    /// A request came when the replica had already passed it.
    TooLate(Request),
}

/// A replica by the real-time test.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RealTime {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    delta: Nanos,
    waiting: BTreeMap<Stamp, Request>,
    passed: Stamp,
}

impl RealTime {
    /// Replica `me` of `nodes`, which waits `delta` after each stamp.
    pub const fn new(me: NodeId, nodes: u32, stamper: Stamper, delta: Nanos) -> Self {
        Self { me, nodes, stamper, delta, waiting: BTreeMap::new(), passed: Stamp::START }
    }

    fn due(&self, stamp: &Stamp) -> Time<Synced> {
        Time::from_nanos(stamp.time) + self.delta + Nanos(1)
    }
}

impl Process for RealTime {
    type Message = (Stamp, Request);
    type Command = Request;
    type Event = Event;

    fn handle(
        &mut self,
        at: Time<Synced>,
        input: Input<(Stamp, Request), Request>,
        act: &mut Actions<(Stamp, Request), Event>,
    ) {
        match input {
            Input::Timer => {}
            Input::Command(request) => {
                let stamp = self.stamper.tick(at);
                act.note(Event::Issued(request));
                act.send_to_others(self.me, self.nodes, &(stamp, request));
                self.waiting.insert(stamp, request);
            }
            Input::Received { message: (stamp, request), .. } if stamp < self.passed => {
                act.note(Event::TooLate(request))
            }
            Input::Received { message: (stamp, request), .. } => drop(self.waiting.insert(stamp, request)),
        }
        while let Some((stamp, request)) = self.waiting.first_key_value().map(|(stamp, request)| (*stamp, *request)) {
            if self.due(&stamp) > at {
                break;
            }
            self.waiting.remove(&stamp);
            self.passed = stamp;
            act.note(Event::Applied(request));
        }
    }

    fn wake(&self) -> Time<Synced> {
        self.waiting.first_key_value().map_or(Time::MAX, |(stamp, _)| self.due(stamp))
    }
}

/// An identifier in units of 1/N: number · N + replica. Its floor is the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identifier {
    /// The whole part.
    pub number: u64,
    /// Who proposed it: the fraction.
    pub replica: NodeId,
}

/// What replicas tell each other to agree on identifiers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// Propose an identifier for this request.
    Ask(Request),
    /// cuid.
    Propose(Request, Identifier),
    /// uid.
    Accept(Request, Identifier),
}

wire!(struct Request(number));
wire!(struct Identifier { number, replica });
wire!(enum Message { 0 = Ask(request); 1 = Propose(request, identifier); 2 = Accept(request, identifier); });
wire!(enum Event { 0 = Issued(request); 1 = Applied(request); 2 = TooLate(request); });

/// A replica that generates identifiers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Generating {
    me: NodeId,
    nodes: u32,
    /// ⌊SEEN⌋ and ⌊ACCEPT⌋, whichever is larger.
    largest: u64,
    proposed: BTreeMap<Request, Identifier>,
    accepted: BTreeMap<Identifier, Request>,
    /// One's own requests: who proposed, and the largest proposal.
    asked: BTreeMap<Request, (BTreeSet<NodeId>, Identifier)>,
}

impl Generating {
    /// Replica `me` of `nodes`.
    pub fn new(me: NodeId, nodes: u32) -> Self {
        let (proposed, accepted, asked) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { me, nodes, largest: 0, proposed, accepted, asked }
    }

    fn propose(&mut self, request: Request) -> Identifier {
        self.largest = self.largest.saturating_add(1);
        let identifier = Identifier { number: self.largest, replica: self.me };
        self.proposed.insert(request, identifier);
        identifier
    }

    fn count(&mut self, from: NodeId, request: Request, proposal: Identifier, act: &mut Actions<Message, Event>) {
        let Some((heard, largest)) = self.asked.get_mut(&request) else { return };
        heard.insert(from);
        *largest = (*largest).max(proposal);
        if heard.len() == self.nodes as usize {
            let uid = *largest;
            self.asked.remove(&request);
            act.send_to_others(self.me, self.nodes, &Message::Accept(request, uid));
            self.accept(request, uid);
        }
    }

    fn accept(&mut self, request: Request, uid: Identifier) {
        // A request that was never seen, or already accepted, is none of ours.
        if self.proposed.remove(&request).is_some() {
            self.largest = self.largest.max(uid.number);
            self.accepted.insert(uid, request);
        }
    }

    fn apply(&mut self, act: &mut Actions<Message, Event>) {
        let least = self.proposed.values().min().copied();
        while let Some((uid, request)) = self.accepted.first_key_value().map(|(uid, request)| (*uid, *request)) {
            if least.is_some_and(|least| least <= uid) {
                return;
            }
            self.accepted.remove(&uid);
            act.note(Event::Applied(request));
        }
    }
}

impl Process for Generating {
    type Message = Message;
    type Command = Request;
    type Event = Event;

    fn handle(&mut self, _: Time<Synced>, input: Input<Message, Request>, act: &mut Actions<Message, Event>) {
        match input {
            Input::Timer => {}
            Input::Command(request) => {
                act.note(Event::Issued(request));
                act.send_to_others(self.me, self.nodes, &Message::Ask(request));
                let own = self.propose(request);
                self.asked.insert(request, (BTreeSet::new(), own));
                self.count(self.me, request, own, act);
            }
            Input::Received { from, message: Message::Ask(request) } => {
                let proposal = self.propose(request);
                act.send(from, Message::Propose(request, proposal));
            }
            Input::Received { from, message: Message::Propose(request, proposal) } => {
                self.count(from, request, proposal, act);
            }
            Input::Received { message: Message::Accept(request, uid), .. } => self.accept(request, uid),
        }
        self.apply(act);
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Requests issued.
    pub issued: u64,
    /// Requests that every replica carried out.
    pub everywhere: u64,
    /// Places at which a replica's sequence differs from the first one's.
    pub disagreements: u64,
    /// Requests that came too late somewhere.
    pub too_late: u64,
    /// From each request to each replica's carrying it out.
    pub latencies: Vec<Nanos>,
}

/// Checks that all replicas carried out the same requests in the same order.
pub fn check(log: &Log<Event>) -> Findings {
    let mut found = Findings::default();
    let mut issued = BTreeMap::new();
    let mut sequences: Vec<Vec<Request>> = vec![Vec::new(); log.nodes as usize];
    for (entry, event, intended) in log.answers() {
        match event {
            Event::Issued(request) => drop(issued.insert(*request, intended)),
            Event::TooLate(_) => found.too_late += 1,
            Event::Applied(request) => {
                sequences[entry.node.0 as usize].push(*request);
                found.latencies.extend(issued.get(request).map(|at| entry.at - *at));
            }
        }
    }
    found.issued = issued.len() as u64;
    found.everywhere = sequences.iter().map(Vec::len).min().unwrap_or_default() as u64;
    let differ = |other: &Vec<Request>| sequences[0].iter().zip(other).filter(|(one, two)| one != two).count() as u64;
    found.disagreements = sequences.iter().skip(1).map(differ).sum();
    found
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, World, explore};
    use super::*;

    #[test]
    fn replica_generated_identifiers_order_alike_in_every_interleaving() {
        let replica =
            |me: u32| (Generating::new(NodeId(me), 3), if me < 2 { vec![Request(u64::from(me))] } else { vec![] });
        let observe = |applied: &mut Vec<Vec<Request>>, node: NodeId, event: &Event| {
            if let Event::Applied(request) = event {
                let place = applied[node.0 as usize].len();
                applied[node.0 as usize].push(*request);
                let others = applied.iter().filter_map(|other| other.get(place));
                if others.clone().any(|other| other != request) {
                    return Err(format!("{applied:?}"));
                }
            }
            Ok(())
        };
        let judge = |applied: &Vec<Vec<Request>>, _: &[NodeId]| {
            if applied.iter().all(|all| all.len() == 2) { Ok(()) } else { Err(format!("not everything: {applied:?}")) }
        };
        let world = World::new((0..3).map(replica).collect(), Channels::Unordered, vec![Vec::new(); 3]);
        let found = explore(world, observe, judge);
        assert_eq!(found.complaint, None);
        assert!(found.states > 100, "{found:?}");
    }
}
