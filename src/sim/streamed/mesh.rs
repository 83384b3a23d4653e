//! All three clocks of every node, without journals: the nodes are those of [`crate::node`], and so is everything that they
//! do; only what they would write down is never made. Events happen in the order of `sim::network`.

use std::hint::black_box;

use super::calendar::Calendar;
use super::compact::{self, World};
use super::courses::{Course, Courses};
use super::lamport::{Counts, FEW, Fulfilled, WINDOWS, ahead};
use super::skew::Method;
use crate::affine::offset;
use crate::clock::Change;
use crate::ids::{Algorithm, Algorithms, BootId, NodeId};
use crate::model::{Purpose, Rng};
use crate::node::{Config, Counter, Input, Node, Record, Sink};
use crate::probe::{Claims, Probe, Source, Stamp};
use crate::sim::scenario::{Refused, Stamping, Stamps};
use crate::time::{Local, Nanos, Synced, Time};

/// A node takes about ten kilobytes: no run takes more than a gigabyte or two.
pub const MOST_NODES: usize = 100_000;
/// So many nodes are read ahead in vain: a core gets them from its caches nearly as fast. A thousand run 1.08 times as fast
/// without, twice as many 0.9 times, twenty times as many 0.7 times.
const CACHED: usize = 1_024;
/// The only start of every node.
const BOOT: BootId = BootId(1);

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A node's pending wake.
    Wake(u32),
    /// The letter in this place arrives.
    Receipt(u32),
}

/// A message under way.
#[derive(Clone, Debug)]
struct Letter {
    probe: Probe,
    arc: u32,
    /// How far off the stamp of its arrival is.
    noise: Nanos,
}

impl Letter {
    fn blank() -> Self {
        Self { probe: Probe::blank(), arc: 0, noise: Nanos::ZERO }
    }
}

/// A running network of nodes with all their clocks.
pub struct Mesh {
    /// Its nodes' local clocks and its arcs.
    pub world: World,
    /// Eps of each algorithm.
    pub watched: Watched,
    /// What was fulfilled.
    pub fulfilled: Fulfilled,
    nodes: Vec<Node>,
    letters: Letters,
    calendar: Calendar<Event>,
    coming: Coming,
    counts: Counts,
    now: i64,
    window: i64,
}

impl Mesh {
    /// A network whose nodes all start at true time zero.
    ///
    /// # Errors
    /// Refuses more than a hundred thousand nodes.
    pub fn new(world: World, method: Method) -> Result<Self, Refused> {
        let count = world.nodes.len();
        if count > MOST_NODES {
            let mend = format!("choose {MOST_NODES} at most, or --clocks lamport");
            return Err(Refused(format!("topology: nodes = {count}: too many for all clocks: {mend}")));
        }
        let windows = if count < FEW { 1 } else { WINDOWS };
        let mut mesh = Self {
            watched: Watched::new(method, &world.nodes),
            fulfilled: Fulfilled::default(),
            nodes: (0..count as u32)
                .map(|id| Node::new(config(&world, id), local(&world.nodes[id as usize], 0)))
                .collect(),
            letters: Letters::new(),
            calendar: Calendar::new(count, ahead(&world)),
            coming: Coming::default(),
            counts: Counts::default(),
            now: 0,
            window: (world.tau.0 / windows).max(1),
            world,
        };
        (0..count as u32).for_each(|id| mesh.plan_wake(0, id));
        Ok(mesh)
    }

    /// The instant up to which everything has happened.
    pub const fn now(&self) -> Nanos {
        Nanos(self.now)
    }

    /// Whether the run is over.
    pub const fn is_over(&self) -> bool {
        self.now >= self.world.duration.0
    }

    /// Everything in the next window happens.
    pub fn run_window(&mut self) {
        let until = (self.now + self.window).min(self.world.duration.0);
        loop {
            if let Some(coming) = self.calendar.turn().filter(|_| self.nodes.len() > CACHED) {
                self.coming.find(&self.world, &self.nodes, &self.letters, coming);
                self.coming.touch(&self.world, &self.nodes, &self.watched);
            }
            let Some((now, event)) = self.calendar.pop_before(until) else { break };
            self.counts.events += 1;
            match event {
                Event::Wake(id) => self.wake(now, id),
                Event::Receipt(place) => self.receive(now, place),
            }
        }
        self.now = until;
        self.watched.all_mut().for_each(|courses| courses.close(Nanos(until)));
    }

    /// What each node's clock of this algorithm shows at the present.
    pub fn readings(&self, algorithm: Algorithm) -> impl Iterator<Item = Time<Synced>> {
        let nodes = self.nodes.iter().zip(&self.world.nodes);
        nodes.map(move |(node, clock)| node.shows(algorithm, local(clock, self.now)))
    }

    /// What was counted. Cost: O(nodes).
    pub fn counts(&self) -> Counts {
        let sum = |counter| self.nodes.iter().map(|node| node.counters().count(counter)).sum::<u64>();
        let (replayed, too_old) = (sum(Counter::Replayed), sum(Counter::TooOld));
        Counts { replayed, too_old, delivered: self.counts.delivered - replayed - too_old, ..self.counts }
    }

    /// What is kept beside the nodes, in bytes.
    pub fn bytes(&self) -> usize {
        let letters = self.letters.places.capacity() * size_of::<Letter>();
        self.calendar.bytes() + letters + self.watched.all().map(Courses::bytes).sum::<usize>()
    }

    fn plan_wake(&mut self, now: i64, id: u32) {
        let wake = self.nodes[id as usize].wake().as_nanos();
        let at = self.world.nodes[id as usize].when(wake, now).max(now);
        self.calendar.push(at, Event::Wake(id));
    }

    fn wake(&mut self, now: i64, id: u32) {
        let clock = &self.world.nodes[id as usize];
        let arc = due_arc(clock, &self.nodes[id as usize]);
        let letter = &mut self.letters.places[self.letters.spare as usize];
        let mut outbox = Outbox::new(id, clock, now, &mut self.watched, &mut letter.probe);
        self.nodes[id as usize].handle_into(Input::Timer { at: local(clock, now) }, &mut outbox);
        if outbox.sends {
            self.send(now, arc);
        }
        self.plan_wake(now, id);
    }

    fn receive(&mut self, now: i64, place: u32) {
        let [letter, answer] = self.letters.with_spare(place);
        let Letter { probe, arc, noise } = letter;
        let id = self.world.arcs[*arc as usize].to;
        let (clock, node) = (&self.world.nodes[id as usize], &mut self.nodes[id as usize]);
        let (at, back) = (local(clock, now), self.world.arcs[*arc as usize].back);
        let arrived = stamp(self.world.stamps, at + *noise);
        let refused = node.counters().count(Counter::Implausible);
        let mut outbox = Outbox::new(id, clock, now, &mut self.watched, &mut answer.probe);
        node.handle_into(Input::Received { at, arrived, probe }, &mut outbox);
        let Outbox { sends, lifts, .. } = outbox;
        self.counts.delivered += 1;
        self.counts.lifts += lifts;
        // A claim that is refused lifts nothing: the clock shows what it showed before.
        if lifts == 0 && node.counters().count(Counter::Implausible) != refused {
            let own = node.shows(Algorithm::Lamport, at);
            self.counts.implausible += u64::from(is_far(&probe.claims, own, self.world.plausible));
        }
        if sends {
            self.send(now, back);
        }
        self.letters.free.push(place);
    }

    /// Sends the message in the spare letter and looks at once what becomes of it. Draws are those of `sim::network`.
    fn send(&mut self, now: i64, index: u32) {
        let (stamps, arc) = (self.world.stamps, &mut self.world.arcs[index as usize]);
        self.counts.sent += 1;
        let place = self.letters.spare;
        let Probe { from, sequence, .. } = self.letters.places[place as usize].probe;
        let (id, link) = ((BOOT.0 << 40) ^ sequence, &self.world.kinds[usize::from(arc.kind)]);
        let mut noise = Noise::of(stamps, arc.stream, id);
        let departed = noise.draw();
        let clock = &self.world.nodes[from.0 as usize];
        if let Some(stamp) = stamp(stamps, local(clock, now) + departed) {
            self.nodes[from.0 as usize].departed((index - clock.first) as usize, sequence, stamp);
        }
        let mut first = i64::MAX;
        for delay in &link.path.fates(arc.stream, id, Nanos(now)) {
            let Some(delay) = delay else { continue };
            let place = if first == i64::MAX { self.letters.take() } else { self.letters.copy(place) };
            first = first.min(delay.0);
            // The draw of the wait for the program, which is zero here.
            noise.skip();
            let letter = &mut self.letters.places[place as usize];
            (letter.arc, letter.noise) = (index, noise.draw());
            self.calendar.push(now + delay.0, Event::Receipt(place));
        }
        if first < self.world.duration.0 - now {
            self.counts.over_credited += self.fulfilled.note(now, index, arc, first, link.mu);
        }
    }
}

/// Messages under way, in places that are used again.
#[derive(Debug)]
struct Letters {
    places: Vec<Letter>,
    free: Vec<u32>,
    /// The letter that is next to be taken.
    spare: u32,
}

impl Letters {
    fn new() -> Self {
        Self { places: vec![Letter::blank()], free: Vec::new(), spare: 0 }
    }

    /// Takes the spare letter.
    fn take(&mut self) -> u32 {
        let next = self.free.pop().unwrap_or_else(|| {
            self.places.push(Letter::blank());
            self.places.len() as u32 - 1
        });
        std::mem::replace(&mut self.spare, next)
    }

    /// Takes another letter that says the same.
    fn copy(&mut self, place: u32) -> u32 {
        let copy = self.take();
        self.places[copy as usize] = self.places[place as usize].clone();
        copy
    }

    /// A letter under way and the spare one.
    fn with_spare(&mut self, place: u32) -> [&mut Letter; 2] {
        let places = self.places.get_disjoint_mut([place as usize, self.spare as usize]);
        places.expect("a letter under way is not a spare one")
    }
}

/// What is seen of the clocks of each algorithm.
#[derive(Debug)]
pub struct Watched {
    /// Lamport's clocks.
    pub lamport: Courses,
    /// The NTP-style clocks.
    pub ntp: Courses,
    /// The hybrid clocks.
    pub hlc: Courses,
    /// The `l` at which each hybrid clock was last seen ahead, on the present course of its physical clock.
    held: Vec<Time<Synced>>,
}

impl Watched {
    fn new(method: Method, nodes: &[compact::Node]) -> Self {
        let courses = || Courses::new(method, nodes);
        Self { lamport: courses(), ntp: courses(), hlc: courses(), held: vec![Time::MIN; nodes.len()] }
    }

    fn touch(&self, node: usize) -> i64 {
        let courses = self.all().fold(0, |sum, courses| sum ^ courses.touch(node));
        courses as i64 ^ self.held[node].as_nanos()
    }

    fn all(&self) -> impl Iterator<Item = &Courses> {
        [&self.lamport, &self.ntp, &self.hlc].into_iter()
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Courses> {
        [&mut self.lamport, &mut self.ntp, &mut self.hlc].into_iter()
    }
}

/// What a node wants done while it takes one input.
struct Outbox<'a> {
    id: u32,
    clock: &'a compact::Node,
    now: i64,
    watched: &'a mut Watched,
    /// Where the message goes that it sends: one at most.
    probe: &'a mut Probe,
    sends: bool,
    lifts: u64,
}

impl<'a> Outbox<'a> {
    fn new(id: u32, clock: &'a compact::Node, now: i64, watched: &'a mut Watched, probe: &'a mut Probe) -> Self {
        Self { id, clock, now, watched, probe, sends: false, lifts: 0 }
    }

    fn change(&mut self, algorithm: Algorithm, change: &Change) {
        // A clock of Lamport's that states its bound anew shows what it showed.
        if algorithm == Algorithm::Lamport && !change.stepped {
            return;
        }
        let course = Course::of(&change.reading, self.clock, self.now);
        if algorithm == Algorithm::Lamport {
            self.lifts += 1;
            return self.watched.lamport.change(self.id, course);
        }
        self.watched.ntp.change(self.id, course);
        self.watched.hlc.change(self.id, course);
        self.watched.held[self.id as usize] = Time::MIN;
    }

    /// A hybrid clock is ahead of its physical clock. Most often that is no news.
    fn hold(&mut self, l: Time<Synced>) {
        let held = &mut self.watched.held[self.id as usize];
        if *held != l {
            *held = l;
            let now = self.now as f64;
            let course = self.watched.ntp.at(self.id, now).held_at(l, now);
            self.watched.hlc.change(self.id, course);
        }
    }
}

impl Sink for Outbox<'_> {
    #[inline]
    fn send(&mut self, write: impl FnOnce(&mut Probe)) {
        write(self.probe);
        self.sends = true;
    }

    #[inline]
    fn note(&mut self, _: impl FnOnce() -> Record) {}

    #[inline]
    fn derived(&mut self, record: Record) {
        match record {
            Record::Changed(algorithm, change) => self.change(algorithm, &change),
            Record::Ahead(_, l) => self.hold(l),
            _ => {}
        }
    }
}

/// Whom the next few events are about: the node of each, and its arc to the peer.
#[derive(Debug, Default)]
struct Coming(Vec<(u32, u32)>);

impl Coming {
    fn find(&mut self, world: &World, nodes: &[Node], letters: &Letters, events: impl Iterator<Item = Event>) {
        self.0.clear();
        self.0.extend(events.map(|event| match event {
            Event::Wake(id) => (id, due_arc(&world.nodes[id as usize], &nodes[id as usize])),
            Event::Receipt(place) => {
                let arc = &world.arcs[letters.places[place as usize].arc as usize];
                (arc.to, arc.back)
            }
        }));
    }

    /// Reads a word of what they will need, as [`super::lamport`] does: first what is found at once, then what that leads to.
    fn touch(&self, world: &World, nodes: &[Node], watched: &Watched) {
        let near = self.0.iter().fold(0, |sum, (id, arc)| {
            let arc = world.arcs.get(*arc as usize).map_or(0, |arc| arc.last);
            sum ^ arc ^ nodes[*id as usize].touch() ^ watched.touch(*id as usize)
        });
        let far = self.0.iter().fold(0, |sum, (id, arc)| {
            let peer = arc - world.nodes[*id as usize].first;
            sum ^ nodes[*id as usize].touch_beyond(peer as usize)
        });
        black_box((near, far));
    }
}

/// The arc of a node's next request: its peers are configured in the order of its arcs.
const fn due_arc(clock: &compact::Node, node: &Node) -> u32 {
    clock.first + node.turn() as u32
}

/// A node as its scenario has it. Of kappa only the credit of a wait for the program depends, and nothing waits here.
fn config(world: &World, id: u32) -> Config {
    let node = &world.nodes[id as usize];
    let arcs = &world.arcs[node.first as usize..(node.first + node.arcs) as usize];
    let mu = |back: u32| Nanos(world.kinds[usize::from(world.arcs[back as usize].kind)].mu);
    Config {
        node: NodeId(id),
        nodes: world.nodes.len() as u32,
        boot: BOOT,
        peers: arcs.iter().map(|arc| (NodeId(arc.to), mu(arc.back))).collect(),
        tau: world.tau,
        pair_gap: None,
        phase: Nanos(node.slot - node.offset),
        reference: NodeId(world.reference),
        kappa: world.kappa,
        plausible: world.plausible,
        stamps_departures: world.stamps.by == Stamping::Kernel,
        clocks: Algorithms::USUAL,
    }
}

const fn local(clock: &compact::Node, now: i64) -> Time<Local> {
    Time::from_nanos(clock.local(now))
}

fn stamp(stamps: Stamps, at: Time<Local>) -> Option<Stamp> {
    (stamps.by == Stamping::Kernel).then_some(Stamp { at, error: stamps.noise, source: Source::Kernel })
}

/// How far off a message's stamps are. Nothing is drawn where they are exact.
struct Noise {
    limit: i64,
    rng: Option<Rng>,
}

impl Noise {
    fn of(stamps: Stamps, stream: u64, id: u64) -> Self {
        let limit = stamps.noise.0.max(0);
        Self { limit, rng: (limit > 0).then(|| Rng::stream(stream, Purpose::Stamp, id)) }
    }

    fn draw(&mut self) -> Nanos {
        let drawn = |rng: &mut Rng| Nanos(rng.below(2 * self.limit as u64 + 1) as i64 - self.limit);
        self.rng.as_mut().map_or(Nanos::ZERO, drawn)
    }

    fn skip(&mut self) {
        self.rng.iter_mut().for_each(Rng::skip);
    }
}

fn is_far(claims: &Claims, own: Time<Synced>, plausible: Nanos) -> bool {
    claims.of(Algorithm::Lamport).is_some_and(|claim| offset(claim.reading, own).abs() > plausible)
}
