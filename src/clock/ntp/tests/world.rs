//! Nodes with declared oscillators that exchange probes over links with random delays.

use std::collections::{BTreeMap, BTreeSet};

use crate::affine::Map;
use crate::clock::ntp::{Ntp, Settings};
use crate::clock::{Change, Clock, ClockEvent, ErrorBound, Message};
use crate::ids::NodeId;
use crate::model::oscillator::{self, Oscillator};
use crate::model::{Purpose, Rng};
use crate::probe::{Claim, Claims, Exchange, Point};
use crate::time::{Local, Nanos, Ppb, Synced, Time, True};

pub const POLL: Nanos = Nanos::from_millis(100);

/// How long one message takes.
#[derive(Clone, Copy)]
pub enum Delays {
    /// 13 to 90 µs, one in fifty with a tail of up to 4 ms.
    Loopback,
    /// 5 ms and up to 1 ms of jitter.
    Jittery,
}

enum Event {
    Slot { node: usize, peer: usize },
    Request { from: usize, to: usize, t1: Time<Local>, claim: Claim },
    Reply { from: usize, to: usize, t1: Time<Local>, t2: Time<Local>, t3: Time<Local>, claim: Claim },
}

pub struct Node {
    pub clock: Ntp,
    oscillator: Oscillator,
    map: Map<Local, Synced>,
    pub steps: u32,
    pub bound: Option<(Time<Local>, ErrorBound)>,
    pub events: Vec<(Time<True>, ClockEvent, NodeId)>,
}

pub struct World {
    pub now: Time<True>,
    pub nodes: Vec<Node>,
    pub silent: BTreeSet<usize>,
    pub loss: f64,
    delays: Delays,
    rng: Rng,
    queue: BTreeMap<(Time<True>, u64), Event>,
    count: u64,
}

impl World {
    /// Nodes 0, 1, … with the reference `reference`, linked as `links` says.
    pub fn new(seed: u64, nodes: u32, reference: u32, links: &[(usize, usize)], delays: Delays) -> Self {
        let declared =
            oscillator::deal(nodes, Nanos::from_millis(10), Ppb(50_000), Ppb(1_000), 0, seed).into_iter().enumerate();
        let node = |(id, declared): (usize, _)| {
            let node = NodeId(id as u32);
            let clock = Ntp::new(Settings { node, reference: NodeId(reference), poll: POLL });
            let map = Map::new(clock.reading().line);
            let oscillator = Oscillator::new(declared, node);
            Node { clock, oscillator, map, steps: 0, bound: None, events: Vec::new() }
        };
        let mut world = Self {
            now: Time::ZERO + Nanos::from_seconds(10),
            nodes: declared.map(node).collect(),
            silent: BTreeSet::new(),
            loss: 0.0,
            delays,
            rng: Rng::stream(seed, Purpose::Scenario, 0),
            queue: BTreeMap::new(),
            count: 0,
        };
        for (a, b) in links {
            for (node, peer) in [(*a, *b), (*b, *a)] {
                let phase = Nanos(world.rng.below(POLL.0 as u64) as i64);
                world.schedule(phase, Event::Slot { node, peer });
            }
        }
        world
    }

    fn schedule(&mut self, after: Nanos, event: Event) {
        self.count += 1;
        self.queue.insert((self.now + after, self.count), event);
    }

    /// The next event; false if it lies after `until`.
    fn next(&mut self, until: Time<True>) -> Option<Event> {
        let entry = self.queue.first_entry().filter(|entry| entry.key().0 <= until)?;
        self.now = entry.key().0;
        Some(entry.remove())
    }

    pub fn run(&mut self, span: Nanos, mut check: impl FnMut(&World)) {
        let until = self.now + span;
        while let Some(event) = self.next(until) {
            self.handle(event);
            check(self);
        }
        self.now = until;
    }

    fn travel(&mut self) -> Option<Nanos> {
        if self.rng.unit() < self.loss {
            return None;
        }
        let unit = self.rng.unit();
        Some(match self.delays {
            Delays::Jittery => Nanos(5_000_000 + (unit * 1e6) as i64),
            Delays::Loopback if self.rng.below(50) == 0 => Nanos((90_000.0 + unit * 3.9e6) as i64),
            Delays::Loopback => Nanos((13_000.0 + unit * 77_000.0) as i64),
        })
    }

    fn send(&mut self, event: Event) {
        if let Some(delay) = self.travel() {
            self.schedule(delay, event);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Slot { node, peer } => {
                self.schedule(POLL, Event::Slot { node, peer });
                if !self.silent.contains(&node) {
                    let t1 = self.local(node);
                    let change = self.nodes[node].clock.on_slot(t1);
                    self.note(node, change);
                    let claim = self.nodes[node].clock.claim(t1);
                    self.send(Event::Request { from: node, to: peer, t1, claim });
                }
            }
            Event::Request { from, to, t1, claim } if !self.silent.contains(&to) => {
                let t2 = self.hear(from, to, &claim);
                let (t3, claim) = (t2, self.nodes[to].clock.claim(t2));
                self.send(Event::Reply { from: to, to: from, t1, t2, t3, claim });
            }
            Event::Reply { from, to, t1, t2, t3, claim } if !self.silent.contains(&to) => {
                let t4 = self.hear(from, to, &claim);
                let [t1, t2, t3, t4] = [t1, t2, t3, t4].map(|user| Point { user, wire: None });
                let exchange =
                    Exchange { peer: NodeId(from as u32), t1, t2, t3, t4, claims: Claims::from_fn(|_| claim) };
                let change = self.nodes[to].clock.on_exchange(t4.user, &exchange);
                self.note(to, change);
            }
            Event::Request { .. } | Event::Reply { .. } => {}
        }
    }

    fn hear(&mut self, from: usize, to: usize, claim: &Claim) -> Time<Local> {
        let at = self.local(to);
        let message = Message { from: NodeId(from as u32), at, credit: Nanos::ZERO, claim };
        let change = self.nodes[to].clock.on_message(&message);
        self.note(to, change);
        at
    }

    /// Keeps the history and checks the contract of a change: it is continuous but for declared steps, and it says what
    /// the clock now shows.
    fn note(&mut self, node: usize, change: Option<Change>) {
        let (now, at) = (self.now, self.local(node));
        let node = &mut self.nodes[node];
        let Some(change) = change else { return };
        assert_eq!(change.reading, *node.clock.reading());
        let start = change.reading.line.start;
        assert_eq!(start, at, "a change is in force from now on");
        if change.stepped {
            node.steps += 1;
        } else {
            let jump = change.reading.line.value - node.map.at(start);
            assert!(jump.abs() <= Nanos(1), "{jump:?} at {now:?}");
        }
        node.map.push(change.reading.line);
        change.reading.then.into_iter().for_each(|then| node.map.push(then));
        node.bound = change.bound.map(|bound| (start, bound));
        node.events.extend(change.event.map(|(event, id)| (now, event, id)));
    }

    pub fn local(&mut self, node: usize) -> Time<Local> {
        let now = self.now;
        self.nodes[node].oscillator.local(now)
    }

    pub fn reading(&mut self, node: usize) -> Time<Synced> {
        let local = self.local(node);
        self.nodes[node].map.at(local)
    }

    /// How far `node` is ahead of `reference`.
    pub fn error(&mut self, node: usize, reference: usize) -> Nanos {
        self.reading(node) - self.reading(reference)
    }

    /// The node's own bound now.
    pub fn bound(&mut self, node: usize) -> Nanos {
        let at = self.local(node);
        self.nodes[node].bound.map_or(Nanos::MAX, |(start, bound)| bound.initial + bound.growth.over(at - start))
    }

    /// The stratum that the node claims now.
    pub fn stratum(&mut self, node: usize) -> u8 {
        let at = self.local(node);
        self.nodes[node].clock.claim(at).stratum
    }

    /// The node's true rate against the reference's, from their oscillators and frequencies, in ppm.
    pub fn rate_error_ppm(&mut self, node: usize, reference: usize) -> f64 {
        let mut speed = |id: usize| {
            let now = self.now;
            let node = &mut self.nodes[id];
            let gain = node.oscillator.map_until(now).piece_at(now).rate.as_ratio();
            (1.0 + gain) * (1.0 + node.clock.reading().line.rate.as_ratio())
        };
        (speed(node) / speed(reference) - 1.0) * 1e6
    }

    pub fn events(&self, wanted: ClockEvent) -> Vec<(usize, NodeId, Time<True>)> {
        let of = |(id, node): (usize, &Node)| {
            let events = node.events.iter().filter(move |(_, event, _)| *event == wanted);
            events.map(move |(at, _, who)| (id, *who, *at)).collect::<Vec<_>>()
        };
        self.nodes.iter().enumerate().flat_map(of).collect()
    }
}

pub fn full(nodes: usize) -> Vec<(usize, usize)> {
    (0..nodes).flat_map(|a| (a + 1..nodes).map(move |b| (a, b))).collect()
}

pub fn line(order: &[usize]) -> Vec<(usize, usize)> {
    order.windows(2).map(|pair| (pair[0], pair[1])).collect()
}
