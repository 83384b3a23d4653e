//! Detecting on a cut that processes wait for each other in a circle.
//!
//! Each process owns a resource and lends it to whoever asks, but not while it waits for another's itself. A circle of
//! waiting processes is stable. By [`Evidence::Counted`], i waits for j if in the cut i asked j more often than j granted. That
//! is right on every cut, closed or not: were a circle's process granted after all, take the first such grant. Who gave it was
//! not waiting then, though it had asked before its part of the cut ended; so it had been granted before: a contradiction.
//! By [`Evidence::States`] each process says itself whom it waits for. Grants under way are overlooked, and waits of
//! different times can close a circle that never was: a phantom deadlock.

use std::collections::{BTreeMap, BTreeSet};

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Synced, Time};

/// What a user wants: the resource of another process, once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ask(pub NodeId);

/// What processes tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Message {
    /// May I have your resource?
    Request(Stamp),
    /// You have had it.
    Grant(Stamp),
}

/// What the log holds, each with its stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The process began to wait for another.
    Asked(NodeId, Stamp),
    /// It granted its resource to another.
    Granted(NodeId, Stamp),
    /// It waits no more.
    Freed(Stamp),
}

wire!(struct Ask(of));
wire!(enum Message { 0 = Request(stamp); 1 = Grant(stamp); });
wire!(enum Event { 0 = Asked(to, stamp); 1 = Granted(to, stamp); 2 = Freed(stamp); });

/// One process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lender {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    waits: bool,
    queue: BTreeSet<NodeId>,
}

impl Lender {
    /// Process `me` of `nodes`.
    pub const fn new(me: NodeId, nodes: u32, stamper: Stamper) -> Self {
        Self { me, nodes, stamper, waits: false, queue: BTreeSet::new() }
    }
}

impl Process for Lender {
    type Message = Message;
    type Command = Ask;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Ask>, act: &mut Actions<Message, Event>) {
        match input {
            Input::Timer => {}
            Input::Command(Ask(to)) if self.waits || to == self.me || to.0 >= self.nodes => {}
            Input::Command(Ask(to)) => {
                let stamp = self.stamper.tick(at);
                self.waits = true;
                act.note(Event::Asked(to, stamp));
                act.send(to, Message::Request(stamp));
            }
            Input::Received { from, message: Message::Request(stamp) } => {
                self.stamper.merge(at, stamp);
                self.queue.insert(from);
            }
            Input::Received { message: Message::Grant(stamp), .. } => {
                self.stamper.merge(at, stamp);
                self.waits = false;
                act.note(Event::Freed(self.stamper.tick(at)));
            }
        }
        while let Some(to) = if self.waits { None } else { self.queue.pop_first() } {
            let stamp = self.stamper.tick(at);
            act.note(Event::Granted(to, stamp));
            act.send(to, Message::Grant(stamp));
        }
    }
}

/// What came of looking for deadlocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Cuts looked at.
    pub cuts: u64,
    /// Cuts in which a circle was found.
    pub detected: u64,
    /// Those of them in which a process of the circle was freed after all.
    pub phantoms: u64,
}

/// What says who waits for whom in a cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// What was asked and what was granted.
    Counted,
    /// The waiting processes' own states.
    States,
}

/// Looks for circles at each of `instants`, in ns of the stamps.
pub fn check(log: &Log<Event>, evidence: Evidence, instants: impl IntoIterator<Item = i64>) -> Findings {
    let mut found = Findings::default();
    for instant in instants {
        let circle = circle(match evidence {
            Evidence::Counted => counted(log, instant),
            Evidence::States => stated(log, instant),
        });
        let freed = |entry: NodeId, event: &Event| match event {
            Event::Freed(stamp) => stamp.time > instant && circle.contains(&entry),
            _ => false,
        };
        found.cuts += 1;
        found.detected += u64::from(!circle.is_empty());
        found.phantoms += u64::from(log.events().any(|(entry, event)| freed(entry.node, event)));
    }
    found
}

fn counted(log: &Log<Event>, instant: i64) -> BTreeMap<NodeId, NodeId> {
    let mut open: BTreeMap<(NodeId, NodeId), i64> = BTreeMap::new();
    for (entry, event) in log.events() {
        match event {
            Event::Asked(to, stamp) if stamp.time <= instant => *open.entry((entry.node, *to)).or_default() += 1,
            Event::Granted(to, stamp) if stamp.time <= instant => *open.entry((*to, entry.node)).or_default() -= 1,
            _ => {}
        }
    }
    open.into_iter().filter(|(_, count)| *count > 0).map(|(edge, _)| edge).collect()
}

fn stated(log: &Log<Event>, instant: i64) -> BTreeMap<NodeId, NodeId> {
    let mut waits = BTreeMap::new();
    for (entry, event) in log.events() {
        match event {
            Event::Asked(to, stamp) if stamp.time <= instant => {
                waits.insert(entry.node, *to);
            }
            Event::Freed(stamp) if stamp.time <= instant => {
                waits.remove(&entry.node);
            }
            _ => {}
        }
    }
    waits
}

/// The processes that wait for a circle: those that are left when whoever waits for nobody is taken away again and
/// again.
fn circle(mut waits: BTreeMap<NodeId, NodeId>) -> BTreeSet<NodeId> {
    loop {
        let free: Vec<NodeId> = waits.iter().filter(|(_, to)| !waits.contains_key(to)).map(|(from, _)| *from).collect();
        if free.is_empty() {
            return waits.into_keys().collect();
        }
        waits.retain(|from, _| !free.contains(from));
    }
}
