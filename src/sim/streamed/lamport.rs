//! Lamport's clocks alone, at the speed that memory allows: the behaviour of [`crate::node::Node`] as far as it moves that
//! clock, event for event in the same order, with messages as plain values.

use std::hint::black_box;

use super::calendar::Calendar;
use super::compact::{Arc, World};
use super::skew::{Method, Skew};
use crate::node::Counter;
use crate::time::Nanos;

/// Windows in a period.
pub const WINDOWS: i64 = 8;
/// With fewer nodes windows are as long as a period.
pub const FEW: usize = 128;
/// Marks the arc of a reply.
const REPLY: u32 = 1 << 31;
/// What nodes set in the messages that they number, as their first boot: see `sim::network`.
const BOOT: u64 = 1 << 40;

/// What happens next. A wake has message number zero and a node in place of an arc.
#[derive(Clone, Copy, Debug)]
struct Event {
    claim: i64,
    arc: u32,
    number: u32,
}

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Messages sent.
    pub sent: u64,
    /// Different ones of them that were received.
    pub delivered: u64,
    /// Times that a message lifted a clock.
    pub lifts: u64,
    /// Copies that were refused since the message had been received.
    pub replayed: u64,
    /// Messages refused since they were too far behind to tell.
    pub too_old: u64,
    /// Claims that were refused as implausible.
    pub implausible: u64,
    /// Messages credited with more than their delay.
    pub over_credited: u64,
    /// Events: wakes and copies.
    pub events: u64,
}

/// What the run fulfilled, so far as it went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fulfilled {
    /// The longest interval on any arc between sends of messages that arrive, the start included.
    pub gap: i64,
    /// The arc of that interval.
    pub arc: u32,
    /// The largest delay less its credit.
    pub unpredictable: i64,
    /// The largest credit.
    pub mu: i64,
}

impl Fulfilled {
    /// A message sent now on arc number `index` arrives after `delay` and is credited with `mu`, all in ns. Gives how many
    /// messages were credited with more than their delay: none or one.
    #[inline]
    pub fn note(&mut self, now: i64, index: u32, arc: &mut Arc, delay: i64, mu: i64) -> u64 {
        let gap = now - arc.last;
        arc.last = now;
        if gap > self.gap {
            (self.gap, self.arc) = (gap, index);
        }
        self.unpredictable = self.unpredictable.max(delay - mu);
        self.mu = self.mu.max(mu);
        u64::from(mu > delay)
    }
}

/// A running network of Lamport's clocks.
#[derive(Debug)]
pub struct Lamport {
    /// Its nodes and arcs.
    pub world: World,
    /// Eps.
    pub skew: Skew,
    /// What was counted.
    pub counts: Counts,
    /// What was fulfilled.
    pub fulfilled: Fulfilled,
    calendar: Calendar<Event>,
    now: i64,
    window: i64,
}

impl Lamport {
    /// A network whose nodes all start at true time zero.
    pub fn new(world: World, method: Method) -> Self {
        let nodes = world.nodes.len();
        let skew = Skew::new(method, world.nodes.iter().map(|node| node.leg(0)));
        let windows = if nodes < FEW { 1 } else { WINDOWS };
        let mut network = Self {
            skew,
            counts: Counts::default(),
            fulfilled: Fulfilled::default(),
            calendar: Calendar::new(nodes, ahead(&world)),
            now: 0,
            window: (world.tau.0 / windows).max(1),
            world,
        };
        for id in 0..nodes {
            let node = &network.world.nodes[id];
            let at = node.when(node.slot, 0).max(0);
            network.calendar.push(at, Event { claim: 0, arc: id as u32, number: 0 });
        }
        network
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
            if let Some(coming) = self.calendar.turn() {
                touch(&self.world, coming);
            }
            let Some((now, event)) = self.calendar.pop_before(until) else { break };
            self.counts.events += 1;
            if event.number == 0 { self.wake(now, event.arc) } else { self.receive(now, event) }
        }
        self.now = until;
        self.skew.close(Nanos(until), self.world.nodes.iter().map(|node| node.leg(until)));
    }

    /// What each clock shows at the present, in ns.
    pub fn readings(&self) -> impl Iterator<Item = i64> {
        self.world.nodes.iter().map(|node| node.local(self.now) + node.shift)
    }

    /// What the calendar and eps take, in bytes.
    pub fn bytes(&self) -> usize {
        self.calendar.bytes() + self.skew.bytes()
    }

    /// A node sends the request that is due and waits for its next slot. Its peers have their turns one after another: a
    /// period's slots begin with the first peer's.
    fn wake(&mut self, now: i64, id: u32) {
        let tau = self.world.tau.0;
        let node = &mut self.world.nodes[id as usize];
        let (arc, claim) = (node.first + node.turn, node.local(now) + node.shift);
        let step = tau / i64::from(node.arcs);
        node.turn += 1;
        node.slot += step;
        if node.turn == node.arcs {
            node.turn = 0;
            node.slot += tau - step * i64::from(node.arcs);
        }
        let at = node.when(node.slot, now).max(now);
        self.send(now, arc, claim, 0);
        self.calendar.push(at, Event { claim: 0, arc: id, number: 0 });
    }

    /// A message arrives: it may lift the clock (IR2'), and a request is answered at once.
    fn receive(&mut self, now: i64, event: Event) {
        let index = event.arc & !REPLY;
        let arc = &mut self.world.arcs[index as usize];
        match arc.seen.accept(u64::from(event.number)) {
            Ok(_) => self.counts.delivered += 1,
            Err(Counter::TooOld) => return self.counts.too_old += 1,
            Err(_) => return self.counts.replayed += 1,
        }
        let (to, back) = (arc.to, arc.back);
        let mu = self.world.kinds[usize::from(arc.kind)].mu;
        let node = &mut self.world.nodes[to as usize];
        let local = node.local(now);
        let (own, heard) = (local + node.shift, event.claim + mu);
        if (event.claim - own).abs() > self.world.plausible.0 {
            self.counts.implausible += 1;
        } else if heard > own {
            let old = node.leg(now);
            node.shift = heard - local;
            self.counts.lifts += 1;
            self.skew.change(to, &old, node.leg(now));
        }
        if event.arc & REPLY == 0 {
            let claim = local + node.shift;
            self.send(now, back, claim, REPLY);
        }
    }

    /// Sends a message and looks at once what becomes of it.
    fn send(&mut self, now: i64, index: u32, claim: i64, kind: u32) {
        let arc = &mut self.world.arcs[index as usize];
        arc.sent += 1;
        self.counts.sent += 1;
        let (number, link) = (arc.sent, &self.world.kinds[usize::from(arc.kind)]);
        let fates = link.path.fates(arc.stream, BOOT ^ u64::from(number), Nanos(now));
        let mut first = i64::MAX;
        for delay in fates.into_iter().flatten() {
            first = first.min(delay.0);
            self.calendar.push(now + delay.0, Event { claim, arc: index | kind, number });
        }
        if first < self.world.duration.0 - now {
            self.counts.over_credited += self.fulfilled.note(now, index, arc, first, link.mu);
        }
    }
}

/// Reads a byte or two of what the coming events will need, so that memory answers for all of them at once. In large worlds
/// waiting for it one after another is most of the time.
fn touch(world: &World, coming: impl Iterator<Item = Event> + Clone) {
    let arc_of = |event: Event| match event.number {
        0 => world.nodes[event.arc as usize].first + world.nodes[event.arc as usize].turn,
        _ => event.arc & !REPLY,
    };
    let near = coming.clone().fold(0, |sum: u32, event| sum.wrapping_add(arc_of(event)));
    let far = coming.fold(0, |sum: u32, event| {
        let arc = &world.arcs[arc_of(event) as usize];
        let (node, back) = (&world.nodes[arc.to as usize], &world.arcs[arc.back as usize]);
        sum.wrapping_add(if event.number == 0 { arc.sent } else { node.first.wrapping_add(back.sent) })
    });
    black_box((near, far));
}

/// How far ahead most events are queued, in ns: until a node's next slot.
pub fn ahead(world: &World) -> i64 {
    let usual = (world.arcs.len() / world.nodes.len()).max(1) as i64;
    world.tau.0 / usual
}
