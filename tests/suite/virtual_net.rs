//! A driver of nodes in virtual time over a seeded network: the agent's loop without an operating system.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use skewbench::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use skewbench::model::link::{Fate, fate};
use skewbench::model::{Oscillator, Purpose, Rng, oscillator};
use skewbench::node::{Config, Input, Node, Output, Record};
use skewbench::probe::{Probe, Source, Stamp};
use skewbench::time::{Nanos, Ppb, Time, True};
use skewbench::topology::{Impairment, Topology};

/// What a virtual run is made of.
pub struct World {
    pub topology: Topology,
    pub seed: u64,
    pub tau: Nanos,
    pub drift: Ppb,
    pub wander: Ppb,
    pub offset: Nanos,
    /// The longest wait between a datagram's arrival and its receipt by the program.
    pub longest_wait: Nanos,
    /// Credited to every message: must not exceed the smallest delay.
    pub base_mu: Nanos,
    /// Share of messages that arrive twice.
    pub duplication: f64,
    pub reference: NodeId,
    /// When each node falls silent for ever, if it does.
    pub deaths: BTreeMap<NodeId, Time<True>>,
}

impl World {
    /// A world with common defaults.
    pub fn new(topology: Topology, seed: u64) -> Self {
        Self {
            topology,
            seed,
            tau: Nanos::from_millis(100),
            drift: Ppb(50_000),
            wander: Ppb(1_000),
            offset: Nanos::from_millis(10),
            longest_wait: Nanos::from_micros(90),
            base_mu: Nanos::ZERO,
            duplication: 0.0,
            reference: NodeId(0),
            deaths: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Wake,
    Receipt { arrived: Time<True>, probe: Probe },
}

/// A running network of nodes. True time is the driver's; nodes see only their local clocks.
pub struct Net {
    pub world: World,
    pub nodes: Vec<Node>,
    pub clocks: Vec<Oscillator>,
    pub records: Vec<Vec<Record>>,
    pub now: Time<True>,
    impairments: BTreeMap<Arc, Impairment>,
    queue: BinaryHeap<Reverse<(Time<True>, u64, usize)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    rng: Rng,
}

impl Net {
    pub fn new(world: World) -> Self {
        let count = world.topology.nodes();
        let dealt = oscillator::deal(count, world.offset, world.drift, world.wander, 0, world.seed);
        let mut clocks: Vec<_> = dealt.into_iter().zip(0..).map(|(d, id)| Oscillator::new(d, NodeId(id))).collect();
        let start = Time::ZERO + Nanos::from_seconds(1);
        let node = |(id, clock): (u32, &mut Oscillator)| {
            let mut rng = Rng::stream(world.seed, Purpose::Phase, u64::from(id));
            let config = Config {
                node: NodeId(id),
                boot: BootId(1),
                peers: world.topology.peers(NodeId(id)).map(|peer| (peer, world.base_mu)).collect(),
                tau: world.tau,
                phase: Nanos(rng.below(world.tau.0 as u64) as i64),
                reference: world.reference,
                kappa: clock.declared().kappa(),
                clocks: Algorithms::USUAL,
                plausible: Nanos::from_seconds(1_000),
                stamps_departures: true,
            };
            Node::new(config, clock.local(start))
        };
        let nodes: Vec<_> = (0..).zip(&mut clocks).map(node).collect();
        let mut net = Self {
            impairments: world.topology.arcs().collect(),
            rng: Rng::stream(world.seed, Purpose::Scenario, 1),
            records: vec![Vec::new(); nodes.len()],
            world,
            nodes,
            clocks,
            now: start,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
        };
        for index in 0..net.nodes.len() {
            net.drain(index);
            net.schedule_wake(index);
        }
        net
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Time<True> {
        self.queue.peek().map_or(Time::MAX, |Reverse((at, ..))| *at)
    }

    /// Runs one event.
    pub fn step(&mut self) {
        let Reverse((at, id, index)) = self.queue.pop().expect("nodes always have a wake");
        self.now = at;
        let event = self.events.remove(&id).expect("an event is queued once");
        let dead = self.world.deaths.get(&NodeId(index as u32)).is_some_and(|death| *death <= at);
        if !dead {
            self.happen(index, event);
        }
    }

    pub fn run_until(&mut self, until: Time<True>) {
        while self.next_at() < until {
            self.step();
        }
        self.now = until;
    }

    /// Error of a node's clock against the reference node's, now.
    pub fn error(&mut self, algorithm: Algorithm, node: usize) -> Nanos {
        let at = self.now;
        let mut shows = |index: usize| self.nodes[index].shows(algorithm, self.clocks[index].local(at));
        shows(node) - shows(self.world.reference.0 as usize)
    }

    fn happen(&mut self, index: usize, event: Event) {
        let at = self.clocks[index].local(self.now);
        match event {
            Event::Wake => {
                self.nodes[index].handle(Input::Timer { at });
                self.drain(index);
                self.schedule_wake(index);
            }
            Event::Receipt { arrived, probe } => {
                let stamp = self.stamp(index, arrived);
                self.nodes[index].handle(Input::Received { at, arrived: Some(stamp), probe: &probe });
                self.drain(index);
            }
        }
    }

    fn drain(&mut self, index: usize) {
        while let Some(output) = self.nodes[index].poll() {
            match output {
                Output::Send(probe) => self.send(index, probe),
                Output::Record(record) => self.records[index].push(record),
            }
        }
    }

    fn send(&mut self, index: usize, probe: Probe) {
        let stamp = self.stamp(index, self.now);
        self.nodes[index].handle(Input::Departed { to: probe.to, sequence: probe.sequence, stamp });
        let arc = Arc { from: probe.from, to: probe.to };
        let copies = if self.rng.unit() < self.world.duplication { 2 } else { 1 };
        for copy in 0..copies {
            let sequence = probe.sequence + copy * (1 << 40);
            if let Fate::Delivered(delay) = fate(self.world.seed, Purpose::Link, arc, sequence, &self.impairments[&arc])
            {
                let arrived = self.now + delay;
                let wait = Nanos(self.rng.below(self.world.longest_wait.0 as u64 + 1) as i64);
                self.schedule(arrived + wait, probe.to.0 as usize, Event::Receipt { arrived, probe: probe.clone() });
            }
        }
    }

    fn stamp(&mut self, index: usize, at: Time<True>) -> Stamp {
        Stamp { at: self.clocks[index].local(at), error: Nanos::ZERO, source: Source::Kernel }
    }

    fn schedule_wake(&mut self, index: usize) {
        let wake = self.nodes[index].wake();
        let at = self.clocks[index].true_time(wake).max(self.now);
        self.schedule(at, index, Event::Wake);
    }

    fn schedule(&mut self, at: Time<True>, index: usize, event: Event) {
        self.queue.push(Reverse((at, self.next, index)));
        self.events.insert(self.next, event);
        self.next += 1;
    }
}

/// An evenly impaired world.
pub fn delays(delay: Nanos, jitter: Nanos, loss: f64) -> Impairment {
    Impairment { delay, jitter, loss, mu: Nanos::ZERO }
}
