//! The node itself: one input in, outputs out.

use std::collections::VecDeque;

use super::clocks::{Clocks, Trust};
use super::peer::{Closed, Departures, Peer, Reply};
use super::window::Arrival;
use super::{Config, Counter, Counters, Input, Mark, Output, Received, Record, Sent};
use crate::clock::{self, Reading};
use crate::ids::{Algorithm, Algorithms, NodeId};
use crate::probe::{Answer, Kind, Point, Probe, Rejection, Source, Stamp};
use crate::time::{Local, Nanos, Ppb, Time};

/// A node of the mesh.
pub struct Node {
    config: Config,
    peers: Vec<Peer>,
    clocks: Clocks,
    counters: Counters,
    outputs: VecDeque<Output>,
}

impl Node {
    /// A node born at local time `at`; its first request is due one phase later.
    pub fn new(config: Config, at: Time<Local>) -> Self {
        let count = config.peers.len().max(1) as i64;
        let slot = |index: i64| at + config.phase + Nanos(config.tau.0 / count * index);
        let peer = |((id, base_mu), index): (&(NodeId, Nanos), i64)| Peer::new(*id, *base_mu, slot(index));
        let peers = config.peers.iter().zip(0..).map(peer).collect();
        let Config { node, reference, tau: poll, kappa, clocks, .. } = config;
        let settings = clock::Settings { node, reference, poll, kappa, peers: config.peers.len() as u32 };
        let clocks = Clocks::new(clocks, &settings, config.plausible);
        let began = Output::Record(Record::Mark(at, Mark::ProbingBegan));
        Self { config, peers, clocks, counters: Counters::default(), outputs: VecDeque::from([began]) }
    }

    /// The local time at which the node wants a [`Input::Timer`] next.
    pub fn wake(&self) -> Time<Local> {
        self.peers.iter().map(|peer| peer.slot).min().unwrap_or(Time::MAX)
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

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Timer { at } => self.on_timer(at),
            Input::Received { at, arrived, probe } => self.on_probe(at, arrived, probe),
            Input::Rejected(rejection) => self.counters.add(counter_of(rejection)),
            Input::Departed { to, sequence, stamp } => self.on_departed(to, sequence, stamp),
            Input::Mark { at, mark } => self.outputs.push_back(Output::Record(Record::Mark(at, mark))),
        }
    }

    /// Serves the peer whose slot is due, if one is. A slot that the next one has overtaken is skipped and counted.
    fn on_timer(&mut self, at: Time<Local>) {
        let Some(index) = (0..self.peers.len()).min_by_key(|index| self.peers[*index].slot) else { return };
        let due = self.peers[index].slot;
        if due > at {
            return;
        }
        let missed = (at - due).0 / self.config.tau.0.max(1);
        self.counters.add_many(Counter::MissedSlots, missed.unsigned_abs());
        let due = due + self.config.tau.times(missed);
        self.peers[index].slot = due + self.config.tau;
        self.clocks.on_slot(at, |record| self.outputs.push_back(Output::Record(record)));
        self.close_requests(index, at);
        let sequence = self.send(index, at, Some(due), Kind::Request, Algorithms::ALL);
        if self.peers[index].ask(sequence, at, self.config.tau) {
            self.counters.add(Counter::Overflow);
        }
    }

    fn on_probe(&mut self, at: Time<Local>, arrived: Option<Stamp>, probe: &Probe) {
        if probe.to != self.config.node {
            return self.counters.add(Counter::NotForMe);
        }
        let Some(index) = self.index_of(probe.from) else { return self.counters.add(Counter::UnknownPeer) };
        match self.peers[index].window.accept(probe.boot, probe.sequence) {
            Err(counter) => return self.counters.add(counter),
            Ok(Arrival::Reordered) => self.counters.add(Counter::Reordered),
            Ok(Arrival::InOrder) => {}
        }
        let credit = self.peers[index].base_mu + waited(at, arrived, self.config.kappa);
        let Probe { from, boot, sequence, sent, ref claims, .. } = *probe;
        let claims_kept = claims.clone();
        let received = Received { at, from, boot, sequence, sent, arrived, credit, claims: claims_kept };
        self.outputs.push_back(Output::Record(Record::Received(received)));
        let record = |record| self.outputs.push_back(Output::Record(record));
        let trust = self.clocks.on_message(from, at, credit, claims, &mut self.counters, record);
        if let Some((sequence, stamp)) = probe.departed {
            self.peers[index].reply_departed(sequence, stamp);
        }
        match probe.kind {
            Kind::Request => {
                let answer = Answer { boot, sequence, received: at, arrived };
                // A claim that the asker has no clock for would only make the reply larger than the request.
                self.send(index, at, None, Kind::Reply(answer), probe.claims.by());
            }
            Kind::Reply(answer) => self.on_answer(index, at, arrived, probe, answer, trust),
        }
        self.close_requests(index, at);
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
        let reply = Reply {
            sequence: probe.sequence,
            t2: Point { user: answer.received, wire: answer.arrived },
            t3: Point { user: probe.sent, wire: None },
            t4: Point { user: at, wire: arrived },
            claims: probe.claims.clone(),
            departure_follows: probe.stamps_departures,
            trusted: trust == Trust::Full,
        };
        let mine = answer.boot == self.config.boot;
        if !mine || !self.peers[index].answer(answer.sequence, reply, self.config.tau) {
            self.counters.add(Counter::Unasked);
        }
    }

    fn on_departed(&mut self, to: NodeId, sequence: u64, stamp: Stamp) {
        if let Some(index) = self.index_of(to) {
            self.peers[index].departed(sequence, stamp);
        }
    }

    /// Hands every exchange that is complete, or whose time is up, to the clocks.
    fn close_requests(&mut self, index: usize, at: Time<Local>) {
        let departures = if self.config.stamps_departures { Departures::Stamped } else { Departures::Unknown };
        while let Some(closed) = self.peers[index].close(at, departures) {
            let Closed::Complete(exchange, reply, trusted) = closed else {
                self.counters.add(Counter::Unanswered);
                continue;
            };
            if exchange.source() == Source::User {
                self.counters.add(Counter::UserStamped);
            }
            if exchange.sample().delay < Nanos::ZERO {
                self.counters.add(Counter::NegativeDelay);
            }
            self.outputs.push_back(Output::Record(Record::Exchanged(at, reply, exchange.clone())));
            if trusted {
                let record = |record| self.outputs.push_back(Output::Record(record));
                self.clocks.on_exchange(at, &exchange, &mut self.counters, record);
            }
        }
    }

    /// Sends a message with the claims of `wanted` to a peer and returns its number.
    fn send(&mut self, index: usize, at: Time<Local>, due: Option<Time<Local>>, kind: Kind, wanted: Algorithms) -> u64 {
        let claims = self.clocks.claims(at, wanted);
        let peer = &mut self.peers[index];
        let sequence = peer.next_sequence();
        let probe = Probe {
            from: self.config.node,
            to: peer.id,
            boot: self.config.boot,
            sequence,
            sent: at,
            kind,
            departed: peer.departed,
            stamps_departures: self.config.stamps_departures,
            claims,
        };
        let sent = Sent { at, to: probe.to, sequence, due };
        self.outputs.push_back(Output::Send(probe));
        self.outputs.push_back(Output::Record(Record::Sent(sent)));
        sequence
    }

    fn index_of(&self, peer: NodeId) -> Option<usize> {
        self.peers.iter().position(|known| known.id == peer)
    }
}

/// The part of a message's delay that the receiver knows to have passed: the wait between the kernel's arrival stamp and
/// the receipt, less the stamp's error, in true time at the least: (1 − kappa) times it.
fn waited(at: Time<Local>, arrived: Option<Stamp>, kappa: Ppb) -> Nanos {
    let wait = arrived.map_or(Nanos::ZERO, |stamp| at - stamp.at - stamp.error).max(Nanos::ZERO);
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
