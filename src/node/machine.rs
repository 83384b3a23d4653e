//! The node itself: one input in, outputs out.

use std::collections::VecDeque;

use super::clocks::{Clocks, Trust};
use super::peer::Peer;
use super::requests::{Departures, Reply};
use super::window::Arrival;
use super::{Config, Counter, Counters, Input, Mark, Output, Received, Record, Sent, Sink};
use crate::clock::{self, Reading};
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::probe::{Answer, Exchange, Kind, Point, Probe, Rejection, Source, Stamp};
use crate::time::{Local, Nanos, Ppb, Time};

/// A node of the mesh.
pub struct Node {
    config: Config,
    peers: Vec<Peer>,
    /// When the next request to each peer is due. Apart from the peers: all of them are looked through at every slot.
    slots: Vec<Time<Local>>,
    /// The numbers of the peers, by their ids.
    by_id: Vec<(NodeId, u32)>,
    /// The peer whose slot is next.
    next: usize,
    /// The peer that is due the second request of a pair, and when. It comes before any slot.
    second: Option<(usize, Time<Local>)>,
    clocks: Clocks,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node born at local time `at`; its first request is due one phase later.
    pub fn new(config: Config, at: Time<Local>) -> Self {
        let count = config.peers.len().max(1) as i64;
        let slot = |index: i64| at + config.phase + Nanos(config.tau.0 / count * index);
        let peers: Vec<Peer> = config.peers.iter().map(|(id, base_mu)| Peer::new(*id, *base_mu)).collect();
        let slots = (0..).map(slot).take(peers.len()).collect();
        let mut by_id: Vec<(NodeId, u32)> = peers.iter().map(|peer| peer.id).zip(0..).collect();
        by_id.sort_unstable();
        let Config { node, nodes, reference, tau: poll, pair_gap, kappa, clocks, .. } = config;
        let peer_count = config.peers.len() as u32;
        let settings = clock::Settings { node, reference, poll, pair_gap, kappa, peers: peer_count, nodes };
        let clocks = Clocks::new(clocks, &settings, config.plausible);
        let began = Output::Record(Record::Mark(at, Mark::ProbingBegan));
        let mut node = Self {
            config,
            peers,
            slots,
            by_id,
            next: 0,
            second: None,
            clocks,
            counters: Counters::default(),
            outputs: VecDeque::from([began]),
        };
        node.find_next();
        node
    }

    /// The local time at which the node wants a [`Input::Timer`] next.
    pub fn wake(&self) -> Time<Local> {
        let slot = || self.slots.get(self.next).copied().unwrap_or(Time::MAX);
        self.second.map_or_else(slot, |(_, due)| due)
    }

    /// Whom that timer is for: the peer's place in the configuration.
    pub const fn turn(&self) -> usize {
        match self.second {
            Some((index, _)) => index,
            None => self.next,
        }
    }

    /// The next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What was counted so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The present reading of a physical clock.
    pub fn reading(&self, algorithm: Algorithm) -> &Reading {
        self.clocks.reading(algorithm)
    }

    /// What `algorithm`'s clock shows at local time `at`.
    pub fn shows(&self, algorithm: Algorithm, at: Time<Local>) -> crate::time::Time<crate::time::Synced> {
        self.clocks.shows(algorithm, at)
    }

    /// Reads a word of every cache line of its own that an input will need, so that memory answers for several nodes at once
    /// where a driver has many. The number says nothing.
    #[inline]
    pub fn touch(&self) -> i64 {
        let counted = self.counters.count(Counter::Implausible) ^ self.counters.count(Counter::UserStamped);
        let peers = self.wake().as_nanos() ^ self.by_id.first().map_or(0, |(_, index)| i64::from(*index));
        self.config.tau.0 ^ counted as i64 ^ peers ^ self.clocks.touch()
    }

    /// The same of what a message from a peer, or its slot, will need beyond that; `peer` is its place in the configuration.
    #[inline]
    pub fn touch_beyond(&self, peer: usize) -> i64 {
        let Some(peer) = self.peers.get(peer) else { return 0 };
        // An exchange that is complete with this message goes to the clocks; another message they only hear.
        let clocks = if peer.requests.is_answered() { self.clocks.touch_exchange(peer.id) } else { 0 };
        peer.touch() ^ clocks ^ self.clocks.touch_message(peer.id)
    }

    /// Takes one input. What comes of it waits in [`Node::poll`].
    pub fn handle(&mut self, input: Input<'_>) {
        let mut outputs = std::mem::take(&mut self.outputs);
        self.handle_into(input, &mut outputs);
        self.outputs = outputs;
    }

    /// Takes one input and gives what comes of it to `sink`, in the order in which [`Node::poll`] would give it.
    pub fn handle_into(&mut self, input: Input<'_>, sink: &mut impl Sink) {
        match input {
            Input::Timer { at } => self.on_timer(at, sink),
            Input::Received { at, arrived, probe } => self.on_probe(at, arrived, probe, sink),
            Input::Rejected(rejection) => self.counters.add(counter_of(rejection)),
            Input::Departed { to, sequence, stamp } => {
                self.index_of(to).into_iter().for_each(|peer| self.departed(peer, sequence, stamp));
            }
            Input::Mark { at, mark } => sink.note(|| Record::Mark(at, mark)),
        }
    }

    /// Serves the peer that is due, if one is: with the second request of a pair, else in its slot.
    fn on_timer(&mut self, at: Time<Local>, sink: &mut impl Sink) {
        if self.wake() > at || self.peers.is_empty() {
            return;
        }
        match self.second.take() {
            Some((index, due)) => self.request(index, at, due, sink),
            None => self.serve_slot(at, sink),
        }
    }

    /// Serves the peer whose slot is due. A slot that the next one has overtaken is skipped and counted.
    fn serve_slot(&mut self, at: Time<Local>, sink: &mut impl Sink) {
        let (index, due) = (self.next, self.slots[self.next]);
        let missed = (at - due).0 / self.config.tau.0.max(1);
        self.counters.add_many(Counter::MissedSlots, missed.unsigned_abs());
        let due = due + self.config.tau.times(missed);
        self.slots[index] = due + self.config.tau;
        self.find_next();
        self.request(index, at, due, sink);
        self.second = self.config.pair_gap.map(|gap| (index, at + gap));
    }

    /// Asks a peer.
    fn request(&mut self, index: usize, at: Time<Local>, due: Time<Local>, sink: &mut impl Sink) {
        self.clocks.on_slot(at, |record| sink.derived(record));
        self.close_requests(index, at, sink);
        let sequence = self.send(index, at, Some(due), Kind::Request, Algorithms::ALL, sink);
        if self.peers[index].requests.ask(sequence, at, self.config.tau) {
            self.counters.add(Counter::Overflow);
        }
    }

    /// Finds the peer whose slot is next; of several the first.
    fn find_next(&mut self) {
        self.next = (0..self.slots.len()).min_by_key(|index| self.slots[*index]).unwrap_or(0);
    }

    fn on_probe(&mut self, at: Time<Local>, arrived: Option<Stamp>, probe: &Probe, sink: &mut impl Sink) {
        if probe.to != self.config.node {
            return self.counters.add(Counter::NotForMe);
        }
        let Some(index) = self.index_of(probe.from) else { return self.counters.add(Counter::UnknownPeer) };
        let peer = &mut self.peers[index];
        match peer.window.accept(probe.boot, probe.sequence) {
            Err(counter) => return self.counters.add(counter),
            Ok(Arrival::Reordered) => self.counters.add(Counter::Reordered),
            Ok(Arrival::InOrder) => {}
        }
        let credit = peer.base_mu + waited(at, arrived, self.config.kappa);
        let Probe { from, boot, sequence, sent, ref claims, .. } = *probe;
        sink.note(|| {
            Record::Received(Received { at, from, boot, sequence, sent, arrived, credit, claims: claims.clone() })
        });
        let record = |record| sink.derived(record);
        let trust = self.clocks.on_message(from, at, credit, claims, &mut self.counters, record);
        if let Some((sequence, stamp)) = probe.departed {
            peer.requests.reply_departed(sequence, stamp);
        }
        match probe.kind {
            Kind::Request => {
                let answer = Answer { boot, sequence, received: at, arrived };
                // A claim that the asker has no clock for would only make the reply larger than the request.
                self.send(index, at, None, Kind::Reply(answer), probe.claims.by(), sink);
            }
            Kind::Reply(answer) => self.on_answer(index, at, arrived, probe, answer, trust),
        }
        self.close_requests(index, at, sink);
    }

    fn on_answer(
        &mut self,
        index: usize,
        at: Time<Local>,
        arrived: Option<Stamp>,
        probe: &Probe,
        answer: Answer,
        trust: Trust,
    ) {
        let (sequence, trusted) = (probe.sequence, trust == Trust::Full);
        let reply = Reply { sequence, departure_follows: probe.stamps_departures, trusted };
        let t2 = Point { user: answer.received, wire: answer.arrived };
        let (t3, t4) = (Point { user: probe.sent, wire: None }, Point { user: at, wire: arrived });
        let mine = answer.boot == self.config.boot;
        let Peer { id, requests, .. } = &mut self.peers[index];
        if !mine || !requests.answer(*id, answer.sequence, reply, [t2, t3, t4], &probe.claims, self.config.tau) {
            self.counters.add(Counter::Unasked);
        }
    }

    /// The kernel said when a message to a peer really left; `peer` is its place in the configuration. Nothing comes of it at
    /// once.
    pub fn departed(&mut self, peer: usize, sequence: u64, stamp: Stamp) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.departed(sequence, stamp);
        }
    }

    /// Hands every exchange that is complete, or whose time is up, to the clocks.
    fn close_requests(&mut self, index: usize, at: Time<Local>, sink: &mut impl Sink) {
        let departures = if self.config.stamps_departures { Departures::Stamped } else { Departures::Unknown };
        let Self { peers, clocks, counters, .. } = self;
        let requests = &mut peers[index].requests;
        while let Some(place) = requests.over(at, departures) {
            match requests.exchange(place) {
                Some((exchange, reply)) => on_exchange(clocks, counters, at, exchange, reply, sink),
                None => counters.add(Counter::Unanswered),
            }
            requests.close(place);
        }
    }

    /// Sends a message with the claims of `wanted` to a peer and returns its number.
    fn send(
        &mut self,
        index: usize,
        at: Time<Local>,
        due: Option<Time<Local>>,
        message: Kind,
        wanted: Algorithms,
        sink: &mut impl Sink,
    ) -> u64 {
        let Self { config, clocks, .. } = self;
        let peer = &mut self.peers[index];
        let (number, id) = (peer.next_sequence(), peer.id);
        sink.send(|probe| {
            let Probe { from, to, boot, sequence, sent, kind, departed, stamps_departures, claims } = probe;
            (*from, *to, *boot, *sequence, *sent) = (config.node, id, config.boot, number, at);
            (*kind, *departed, *stamps_departures) = (message, peer.departed, config.stamps_departures);
            clocks.claim(at, wanted, claims);
        });
        sink.note(|| Record::Sent(Sent { at, to: id, sequence: number, due }));
        number
    }

    fn index_of(&self, peer: NodeId) -> Option<usize> {
        let place = self.by_id.partition_point(|(known, _)| *known < peer);
        self.by_id.get(place).filter(|(known, _)| *known == peer).map(|(_, index)| *index as usize)
    }
}

/// An exchange was completed, or its time is up.
fn on_exchange(
    clocks: &mut Clocks,
    counters: &mut Counters,
    at: Time<Local>,
    exchange: &Exchange,
    reply: &Reply,
    sink: &mut impl Sink,
) {
    if exchange.source() == Source::User {
        counters.add(Counter::UserStamped);
    }
    if exchange.delay() < Nanos::ZERO {
        counters.add(Counter::NegativeDelay);
    }
    sink.note(|| Record::Exchanged(at, reply.sequence, exchange.clone()));
    if reply.trusted {
        clocks.on_exchange(at, exchange, counters, |record| sink.derived(record));
    }
}

/// The part of a message's delay that the receiver knows to have passed: the wait between the kernel's arrival stamp and
/// the receipt, less the stamp's error, in true time at the least: (1 − kappa) times it.
fn waited(at: Time<Local>, arrived: Option<Stamp>, kappa: Ppb) -> Nanos {
    let wait = arrived.map_or(Nanos::ZERO, |stamp| at - stamp.at - stamp.error);
    if wait <= Nanos::ZERO {
        return Nanos::ZERO;
    }
    let least = i128::from(wait.0) * i128::from((Ppb::ONE.0 - kappa.abs().0).max(0)) / i128::from(Ppb::ONE.0);
    Nanos(least as i64)
}

const fn counter_of(rejection: Rejection) -> Counter {
    match rejection {
        Rejection::Length => Counter::BadLength,
        Rejection::Magic => Counter::BadMagic,
        Rejection::Version => Counter::BadVersion,
        Rejection::Cluster => Counter::ForeignCluster,
        Rejection::Mac => Counter::BadMac,
        Rejection::Field => Counter::BadField,
    }
}
