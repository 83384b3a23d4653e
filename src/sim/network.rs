//! Nodes in virtual time over declared paths: the agent's loop without an operating system. True time is the driver's;
//! nodes see only their local clocks.

use std::collections::BTreeMap;

use super::queue::Queue;
use super::recorder::Recorder;
use super::scenario::{About, Stamping, Stamps};
use super::workload::face::Face;
use super::world::{Host, Lie, World};
use crate::affine::shifted;
use crate::analysis::track::Pieces;
use crate::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use crate::journal::{Header, HostFacts, Note, RunConfig};
use crate::model::oscillator::{Declaration, Happening};
use crate::model::{Oscillator, Path, Purpose, Rng};
use crate::node::record::{Record, SystemSample};
use crate::node::{Config, Input, Mark, Node, Output};
use crate::probe::{Answer, Claim, Claims, Kind, Probe, Source, Stamp};
use crate::time::{Nanos, Synced, Time, True};

/// What can happen.
#[derive(Clone, Debug)]
enum Event {
    /// A node's pending wake, if it is still that boot's.
    Wake { host: usize, boot: BootId },
    /// A program receives a message that arrived before.
    Receipt { arrived: Time<True>, noise: Nanos, probe: Probe },
    /// A node dies.
    Crash { host: usize },
    /// A node starts.
    Start { host: usize },
}

/// A node and all that is its own.
struct Machine {
    id: NodeId,
    clock: Oscillator,
    plan: Host,
    paths: BTreeMap<NodeId, Path>,
    boot: BootId,
    alive: Option<(Node, Recorder)>,
    phase: Nanos,
    /// The readings of the boot that is watched, as functions of the local clock.
    readings: BTreeMap<Algorithm, Pieces>,
    watched: BootId,
}

/// Whose clocks are remembered: those of the boots that live at an instant.
#[derive(Clone, Copy)]
struct Watch {
    at: Time<True>,
    clocks: Algorithms,
}

/// A running network.
pub struct Network {
    run: RunConfig,
    stamps: Stamps,
    machines: Vec<Machine>,
    queue: Queue<Event>,
    now: Time<True>,
    written: Vec<(String, Vec<u8>)>,
    watch: Watch,
}

impl Network {
    /// A network whose nodes all start at true time zero.
    pub fn new(world: World) -> Self {
        Self::watched(world, Time::ZERO, Algorithms::NONE)
    }

    /// The same, which remembers what these clocks show of the nodes that live at `at` (see [`Self::faces`]).
    pub fn watched(world: World, at: Time<True>, clocks: Algorithms) -> Self {
        let World { run, seed, hosts, paths, stamps, .. } = world;
        let mut outgoing: BTreeMap<NodeId, BTreeMap<NodeId, Path>> = BTreeMap::new();
        for (Arc { from, to }, path) in paths {
            outgoing.entry(from).or_default().insert(to, path);
        }
        let machine = |(plan, id): (Host, u32)| Machine {
            id: NodeId(id),
            clock: Oscillator::new(plan.oscillator.clone(), NodeId(id)),
            plan,
            paths: outgoing.remove(&NodeId(id)).unwrap_or_default(),
            boot: BootId(0),
            alive: None,
            phase: Nanos(Rng::stream(seed, Purpose::Phase, u64::from(id)).below(run.tau.0.max(1) as u64) as i64),
            readings: BTreeMap::new(),
            watched: BootId(0),
        };
        let machines: Vec<Machine> = hosts.into_iter().zip(0..).map(machine).collect();
        let (queue, now, written, watch) = (Queue::default(), Time::ZERO, Vec::new(), Watch { at, clocks });
        let mut network = Self { run, stamps, machines, queue, now, written, watch };
        for host in 0..network.machines.len() {
            network.start(host);
            network.plan_crashes(host);
        }
        network
    }

    /// When the next event happens.
    pub fn next_at(&self) -> Time<True> {
        self.queue.next_at()
    }

    /// The instant up to which everything has happened.
    pub const fn now(&self) -> Time<True> {
        self.now
    }

    /// The next event happens.
    pub fn step(&mut self) {
        let Some((at, event)) = self.queue.pop() else { return };
        self.now = at;
        match event {
            Event::Wake { host, boot } => self.wake(host, boot),
            Event::Receipt { arrived, noise, probe } => self.receive(arrived, noise, &probe),
            Event::Crash { host } => self.crash(host),
            Event::Start { host } => self.start(host),
        }
    }

    /// Everything before `until` happens.
    pub fn run_until(&mut self, until: Time<True>) {
        while self.next_at() < until {
            self.step();
        }
        self.now = self.now.max(until);
    }

    /// Ends the measured span now, and gives every boot's journal with its file name, by node and boot.
    pub fn finish(mut self) -> Vec<(String, Vec<u8>)> {
        for host in 0..self.machines.len() {
            let at = self.machines[host].clock.local(self.now);
            for mark in [Mark::MeasuringEnded, Mark::Stopped] {
                self.tell(host, Input::Mark { at, mark });
            }
            self.close(host);
        }
        self.written.sort();
        self.written
    }

    /// What the clock of every node shows that was watched, for a driver that begins at `origin`, with oscillators that are
    /// known until `until`.
    pub fn faces(&mut self, algorithm: Algorithm, origin: Nanos, until: Time<True>) -> Vec<Face> {
        let face = |machine: &mut Machine| {
            let pieces = machine.readings.get(&algorithm).cloned().unwrap_or_default();
            Face::new(machine.clock.map_until(until).clone(), pieces.lines(), origin)
        };
        self.machines.iter_mut().map(face).collect()
    }

    /// Has a living node write down a note: whether there is one.
    pub fn note(&mut self, note: Note) -> bool {
        let recorder = self.machines.iter_mut().find_map(|machine| machine.alive.as_mut());
        recorder.map(|(_, recorder)| recorder.note(note)).is_some()
    }

    /// What the clocks of all living nodes show at `at`, between the last event and the next.
    pub fn shown(&mut self, algorithm: Algorithm, at: Time<True>) -> Vec<Time<Synced>> {
        let shown = self.machines.iter_mut().filter_map(|machine| {
            let local = machine.clock.local(at);
            machine.alive.as_ref().map(|(node, _)| node.shows(algorithm, local))
        });
        shown.collect()
    }

    /// Largest minus smallest reading of the living nodes at `at`, between the last event and the next.
    pub fn spread(&mut self, algorithm: Algorithm, at: Time<True>) -> Nanos {
        let shown = self.shown(algorithm, at);
        shown.iter().max().zip(shown.iter().min()).map_or(Nanos::ZERO, |(most, least)| *most - *least)
    }

    fn plan_crashes(&mut self, host: usize) {
        for (at, restart) in self.machines[host].plan.crashes.clone() {
            self.queue.push(Time::ZERO + at, Event::Crash { host });
            if let Some(restart) = restart {
                self.queue.push(Time::ZERO + restart, Event::Start { host });
            }
        }
    }

    /// A new boot of a node that is not alive.
    fn start(&mut self, host: usize) {
        let machine = &mut self.machines[host];
        if machine.alive.is_some() {
            return;
        }
        machine.boot = BootId(machine.boot.0 + 1);
        let (at, header) = (machine.clock.local(self.now), header(machine, &self.run, self.stamps));
        let node = Node::new(machine.config(&self.run, self.stamps), at);
        machine.alive = Some((node, Recorder::new(header)));
        if self.now <= self.watch.at {
            machine.watched = machine.boot;
            machine.readings.clear();
        }
        self.drain(host);
        self.plan_wake(host);
    }

    fn crash(&mut self, host: usize) {
        self.close(host);
    }

    /// Ends the present boot's journal.
    fn close(&mut self, host: usize) {
        let machine = &mut self.machines[host];
        if let Some((node, recorder)) = machine.alive.take() {
            self.written.push(recorder.finish(node.counters(), machine.clock.local(self.now)));
        }
    }

    fn wake(&mut self, host: usize, boot: BootId) {
        if self.machines[host].boot != boot {
            return;
        }
        self.note_sleep(host);
        let at = self.machines[host].clock.local(self.now);
        self.tell(host, Input::Timer { at });
        self.plan_wake(host);
    }

    /// Writes down the clock that counts sleep, as an agent does at every slot; of a host that never sleeps it says nothing.
    fn note_sleep(&mut self, host: usize) {
        let (now, machine) = (self.now, &mut self.machines[host]);
        let Some(slept) = slept(&machine.plan.oscillator, now) else { return };
        let at = machine.clock.local(now);
        let sample = SystemSample { at, reading: shifted(at, slept), error: Nanos(1) };
        machine.alive.iter_mut().for_each(|(_, recorder)| recorder.push(Record::Boottime(sample)));
    }

    fn plan_wake(&mut self, host: usize) {
        let machine = &mut self.machines[host];
        if let Some((node, _)) = &machine.alive {
            let at = machine.clock.true_time(node.wake()).max(self.now);
            self.queue.push(at, Event::Wake { host, boot: machine.boot });
        }
    }

    fn receive(&mut self, arrived: Time<True>, noise: Nanos, probe: &Probe) {
        let (host, stamps) = (probe.to.0 as usize, self.stamps);
        let Some(machine) = self.machines.get_mut(host).filter(|machine| machine.alive.is_some()) else { return };
        if machine.clock.is_stopped(self.now) {
            return;
        }
        let (at, arrived) = (machine.clock.local(self.now), stamp(machine, stamps, arrived, noise));
        self.tell(host, Input::Received { at, arrived, probe });
    }

    /// Hands a node one input and does what it wants done.
    fn tell(&mut self, host: usize, input: Input<'_>) {
        if let Some((node, _)) = &mut self.machines[host].alive {
            node.handle(input);
            self.drain(host);
        }
    }

    fn drain(&mut self, host: usize) {
        loop {
            let machine = &mut self.machines[host];
            let Some((node, recorder)) = &mut machine.alive else { return };
            match node.poll() {
                Some(Output::Send(probe)) => self.send(host, probe),
                Some(Output::Record(record)) => {
                    if let Record::Changed(algorithm, change) = &record
                        && self.watch.clocks.contains(*algorithm)
                        && machine.watched == machine.boot
                    {
                        machine.readings.entry(*algorithm).or_default().change(change);
                    }
                    recorder.push(record);
                }
                None => return,
            }
        }
    }

    fn send(&mut self, host: usize, mut probe: Probe) {
        let (now, stamps, machine) = (self.now, self.stamps, &mut self.machines[host]);
        let Some(path) = machine.paths.get(&probe.to) else { return };
        let id = (machine.boot.0 << 40) ^ probe.sequence;
        let mut rng = path.draws(Purpose::Stamp, id);
        let delays = path.deliveries(id, now - Time::ZERO);
        if let Some(stamp) = stamp(machine, stamps, now, noise(&mut rng, stamps)) {
            let departed = Input::Departed { to: probe.to, sequence: probe.sequence, stamp };
            machine.alive.iter_mut().for_each(|(node, _)| node.handle(departed));
        }
        lie(&machine.plan.lies, now - Time::ZERO, &mut probe);
        for delay in delays {
            let wait = Nanos(rng.below(stamps.wait_within.0.max(0) as u64 + 1) as i64);
            let (arrived, noise) = (now + delay, noise(&mut rng, stamps));
            self.queue.push(arrived + wait, Event::Receipt { arrived, noise, probe: probe.clone() });
        }
    }
}

impl Machine {
    fn config(&self, run: &RunConfig, stamps: Stamps) -> Config {
        let peers = run.arcs.iter().filter(|(arc, _)| arc.to == self.id).map(|(arc, given)| (arc.from, given.mu));
        Config {
            node: self.id,
            nodes: run.nodes,
            boot: self.boot,
            peers: peers.collect(),
            tau: run.tau,
            pair_gap: run.probe_pairs,
            phase: self.phase,
            reference: run.reference,
            kappa: self.plan.kappa,
            clocks: self.plan.clocks,
            plausible: run.plausible,
            stamps_departures: stamps.by == Stamping::Kernel,
        }
    }
}

fn header(machine: &Machine, run: &RunConfig, stamps: Stamps) -> Header {
    Header {
        node: machine.id,
        boot: machine.boot,
        run: run.clone(),
        oscillator: Some(machine.plan.oscillator.clone()),
        kappa_ppb: machine.plan.kappa,
        clocks: machine.plan.clocks,
        host: HostFacts { kernel_stamps: stamps.by == Stamping::Kernel, ..HostFacts::default() },
    }
}

/// How long a host has slept until `now`; `None` if it never does.
fn slept(declared: &Declaration, now: Time<True>) -> Option<Nanos> {
    let turns = &declared.turns;
    let naps = turns.iter().enumerate().filter(|(_, turn)| turn.what == Happening::Stop).map(|(index, nap)| {
        let wakes = turns[index..].iter().find(|turn| matches!(turn.what, Happening::Drift(_)));
        let until = wakes.map_or(Nanos::MAX, |turn| turn.after).min(now - Time::from_nanos(declared.epoch_ns));
        (until - nap.after).max(Nanos::ZERO)
    });
    naps.reduce(|sum, nap| sum + nap)
}

/// How far off a stamp is.
fn noise(rng: &mut Rng, stamps: Stamps) -> Nanos {
    let limit = stamps.noise.0.max(0);
    Nanos(rng.below(2 * limit as u64 + 1) as i64 - limit)
}

/// The kernel's stamp of what happens to a packet at `at`.
fn stamp(machine: &mut Machine, stamps: Stamps, at: Time<True>, noise: Nanos) -> Option<Stamp> {
    let at = machine.clock.local(at) + noise;
    (stamps.by == Stamping::Kernel).then_some(Stamp { at, error: stamps.noise, source: Source::Kernel })
}

/// Changes what a message says, if its sender lies to its receiver.
fn lie(lies: &[Lie], after: Nanos, probe: &mut Probe) {
    let to = probe.to.0;
    for lie in lies.iter().filter(|lie| (lie.from..lie.until).contains(&after) && lie.to.contains(&to)) {
        let told = &probe.claims;
        probe.claims = Claims::made_by(told.by(), |algorithm| {
            let claim = told.of(algorithm).copied().unwrap_or_default();
            Claim { reading: claim.reading + lie.by, ..claim }
        });
        if lie.about == About::Everything {
            lie_in_stamps(lie.by, probe);
        }
    }
}

/// Adds `by` to every stamp of the sender's local clock, as if that clock were another.
fn lie_in_stamps(by: Nanos, probe: &mut Probe) {
    let moved = |stamp: Stamp| Stamp { at: stamp.at + by, ..stamp };
    probe.sent += by;
    probe.departed = probe.departed.map(|(sequence, stamp)| (sequence, moved(stamp)));
    if let Kind::Reply(answer) = &mut probe.kind {
        *answer = Answer { received: answer.received + by, arrived: answer.arrived.map(moved), ..*answer };
    }
}
