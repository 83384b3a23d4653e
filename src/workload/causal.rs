//! Causal+ visibility (Lloyd, Freedman, Kaminsky & Andersen, *COPS*, SOSP 2011): replicated keys whose writes become visible
//! after all that they depend on, and on which the last writer wins, by (stamp, node).
//!
//! By [`Visibility::Dependencies`] a write carries what its user saw since the user's last write, and becomes visible when
//! that is. By [`Visibility::Stable`] (in the style of GentleRain: Du, Iorgulescu, Roy & Zwaenepoel, SoCC 2014; a
//! reconstruction) it carries its stamp alone and becomes visible once every process was heard of up to that stamp: cheap
//! in bytes, but the slowest clock holds back everything, as in total order. [`Visibility::Eager`] waits for nothing and is
//! kept to show what breaks.

use std::collections::BTreeMap;

use super::heartbeat::Heartbeat;
use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// When a write of another process becomes visible.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Visibility {
    /// When all that it depends on is visible.
    Dependencies,
    /// When everybody was heard of up to its stamp. Channels must be first in, first out.
    Stable,
    /// At once.
    Eager,
}

/// What a user wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Write a key.
    Put(u32),
    /// Read a key; what is written later depends on what was found.
    Get(u32),
}

/// What processes tell each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// A write, with what it depends on: for each process the latest write of it that counts.
    Write {
        /// The key.
        key: u32,
        /// Its stamp.
        stamp: Stamp,
        /// Nearest dependencies.
        after: Vec<Stamp>,
    },
    /// Whatever the sender still writes is stamped later.
    Heartbeat(Stamp),
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The process wrote a key, with so many dependencies.
    Wrote(u32, Stamp, u32),
    /// A write of another process became visible.
    Visible(u32, Stamp),
    /// The process's user saw this write of the key.
    Saw(u32, Stamp),
}

wire!(enum Command { 0 = Put(key); 1 = Get(key); });
wire!(enum Message { 0 = Write { key, stamp, after }; 1 = Heartbeat(stamp); });
wire!(enum Event { 0 = Wrote(key, stamp, dependencies); 1 = Visible(key, stamp); 2 = Saw(key, stamp); });

type Act = Actions<Message, Event>;

/// One data centre with its user.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Centre {
    me: NodeId,
    stamper: Stamper,
    visibility: Visibility,
    heartbeat: Heartbeat,
    values: BTreeMap<u32, Stamp>,
    /// For each process the latest write of it that is visible here.
    visible: Vec<Stamp>,
    /// For each process the latest stamp that came from it.
    heard: Vec<Stamp>,
    context: BTreeMap<NodeId, Stamp>,
    pending: BTreeMap<Stamp, (u32, Vec<Stamp>)>,
}

impl Centre {
    /// Centre `me` of `nodes`. Its first heartbeat is at `first`; only stable visibility needs them.
    pub fn new(
        me: NodeId,
        nodes: u32,
        stamper: Stamper,
        visibility: Visibility,
        first: Time<Synced>,
        heartbeat: Nanos,
    ) -> Self {
        let first = if visibility == Visibility::Stable { first } else { Time::MAX };
        let none = vec![Stamp::START; nodes as usize];
        Self {
            me,
            stamper,
            visibility,
            heartbeat: Heartbeat::new(first, heartbeat),
            values: BTreeMap::new(),
            visible: none.clone(),
            heard: none,
            context: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    fn put(&mut self, at: Time<Synced>, key: u32, act: &mut Act) {
        let stamp = self.stamper.tick(at);
        let after: Vec<Stamp> = match self.visibility {
            Visibility::Dependencies => self.context.values().copied().collect(),
            Visibility::Stable | Visibility::Eager => Vec::new(),
        };
        act.note(Event::Wrote(key, stamp, after.len() as u32));
        self.show(key, stamp);
        // The next write depends on this one, and through it on everything before.
        self.context = BTreeMap::from([(self.me, stamp)]);
        act.send_to_others(self.me, self.heard.len() as u32, &Message::Write { key, stamp, after });
    }

    fn get(&mut self, key: u32, act: &mut Act) {
        if let Some(stamp) = self.values.get(&key).copied() {
            act.note(Event::Saw(key, stamp));
            let latest = self.context.entry(stamp.node).or_insert(stamp);
            *latest = (*latest).max(stamp);
        }
    }

    /// A write becomes visible; the last writer wins.
    fn show(&mut self, key: u32, stamp: Stamp) {
        let value = self.values.entry(key).or_insert(stamp);
        *value = (*value).max(stamp);
        if let Some(latest) = self.visible.get_mut(stamp.node.0 as usize) {
            *latest = (*latest).max(stamp);
        }
    }

    fn receive(&mut self, at: Time<Synced>, from: NodeId, message: Message) {
        let (Message::Write { stamp, .. } | Message::Heartbeat(stamp)) = message;
        let Some(heard) = self.heard.get_mut(from.0 as usize) else { return };
        *heard = (*heard).max(stamp);
        self.stamper.merge(at, stamp);
        if let Message::Write { key, after, .. } = message {
            self.pending.insert(stamp, (key, after));
        }
    }

    fn is_visible(&self, stamp: Stamp, after: &[Stamp]) -> bool {
        let has =
            |dependency: &Stamp| self.visible.get(dependency.node.0 as usize).is_some_and(|seen| seen >= dependency);
        match self.visibility {
            Visibility::Eager => true,
            Visibility::Dependencies => after.iter().all(has),
            Visibility::Stable => self.heard.iter().all(|heard| *heard >= stamp),
        }
    }

    /// Shows what has become visible, and what becomes so by that.
    fn reveal(&mut self, at: Time<Synced>, act: &mut Act) {
        self.heard[self.me.0 as usize] = self.stamper.promise(at);
        loop {
            let next = self.pending.iter().find(|(stamp, (_, after))| self.is_visible(**stamp, after));
            let Some((stamp, key)) = next.map(|(stamp, (key, _))| (*stamp, *key)) else { return };
            self.pending.remove(&stamp);
            self.show(key, stamp);
            act.note(Event::Visible(key, stamp));
        }
    }

    fn beat(&mut self, at: Time<Synced>, act: &mut Act) {
        if self.heartbeat.is_due(at) {
            let promise = self.stamper.promise(at);
            act.send_to_others(self.me, self.heard.len() as u32, &Message::Heartbeat(promise));
        }
    }
}

impl Process for Centre {
    type Message = Message;
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Command>, act: &mut Act) {
        match input {
            Input::Timer => {}
            Input::Command(Command::Put(key)) => self.put(at, key, act),
            Input::Command(Command::Get(key)) => self.get(key, act),
            Input::Received { from, message } => self.receive(at, from, message),
        }
        self.beat(at, act);
        self.reveal(at, act);
    }

    fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    fn wake(&self) -> Time<Synced> {
        // Its own clock may be what a write waits for.
        let own = self.heard[self.me.0 as usize];
        let held = self.pending.keys().find(|stamp| **stamp > own).filter(|_| self.visibility == Visibility::Stable);
        let beat = self.heartbeat.wake();
        held.map_or(beat, |stamp| beat.min(Time::from_nanos(stamp.time.max(own.time)) + Nanos(1)))
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Writes.
    pub writes: u64,
    /// Writes that became visible before something that happened before them: must be none.
    pub early: u64,
    /// Keys on which the processes differ at the end: must be none once everything is visible.
    pub diverged: u64,
    /// Writes of other processes that never became visible.
    pub hidden: u64,
    /// Dependencies carried, in all.
    pub dependencies: u64,
    /// Pairs of writes of one key, one after the other, by different processes.
    pub rivals: u64,
    /// Those of them that the earlier one wins.
    pub wrong_winners: u64,
    /// From each write to its being visible at each other process.
    pub latencies: Vec<Nanos>,
}

/// What the checker knows of one write.
struct Written {
    at: Time<crate::time::True>,
    number: u32,
    /// For each process how many of its writes happened before this one.
    past: Vec<u32>,
}

/// Checks causality against the whole past of every write, not only the dependencies that it carried: what its user had
/// written or seen before, and the past of all that.
pub fn check(log: &Log<Event>) -> Findings {
    let nodes = log.nodes as usize;
    let mut found = Findings::default();
    let mut writes: BTreeMap<Stamp, Written> = BTreeMap::new();
    let mut past = vec![vec![0_u32; nodes]; nodes];
    // At each process, of each other one: which of its writes are visible, and up to which all of them are.
    let mut shown = vec![vec![std::collections::BTreeSet::new(); nodes]; nodes];
    let mut upto = vec![vec![0_u32; nodes]; nodes];
    let mut values: Vec<BTreeMap<u32, Stamp>> = vec![BTreeMap::new(); nodes];
    let mut last: BTreeMap<u32, Stamp> = BTreeMap::new();
    for (entry, event, intended) in log.answers() {
        let node = entry.node.0 as usize;
        let (Event::Wrote(key, stamp, _) | Event::Visible(key, stamp) | Event::Saw(key, stamp)) = event;
        if stamp.node.0 >= log.nodes {
            // A trace that was tampered with: nobody of that name wrote anything.
            continue;
        }
        match event {
            Event::Wrote(_, _, dependencies) => {
                found.writes += 1;
                found.dependencies += u64::from(*dependencies);
                let before = past[node].clone();
                past[node][node] += 1;
                upto[node][node] += 1;
                writes.insert(*stamp, Written { at: intended, number: past[node][node], past: before });
                if let Some(rival) = last.insert(*key, *stamp).filter(|rival| rival.node != stamp.node) {
                    found.rivals += 1;
                    found.wrong_winners += u64::from(rival > *stamp);
                }
            }
            Event::Saw(..) => {
                if let Some(written) = writes.get(stamp) {
                    let origin = stamp.node.0 as usize;
                    past[node].iter_mut().zip(&written.past).for_each(|(own, other)| *own = (*own).max(*other));
                    past[node][origin] = past[node][origin].max(written.number);
                }
            }
            Event::Visible(..) => {
                let Some(written) = writes.get(stamp) else { continue };
                found.latencies.push(entry.at - written.at);
                let origin = stamp.node.0 as usize;
                found.early += u64::from(written.past.iter().zip(&upto[node]).any(|(past, upto)| past > upto));
                shown[node][origin].insert(written.number);
                while shown[node][origin].remove(&(upto[node][origin] + 1)) {
                    upto[node][origin] += 1;
                }
            }
        }
        if !matches!(event, Event::Saw(..)) {
            let value = values[node].entry(*key).or_insert(*stamp);
            *value = (*value).max(*stamp);
        }
    }
    found.hidden = (found.writes * (nodes as u64).saturating_sub(1)).saturating_sub(found.latencies.len() as u64);
    let differ = |key: &&u32| values.iter().any(|other| other.get(key) != values[0].get(key));
    found.diverged = last.keys().filter(differ).count() as u64;
    found
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, World, explore};
    use super::*;
    use crate::order::report::StampSource;

    /// The first user writes key 0; the second reads it and writes key 1; the third only looks on. Complains if key 1, written
    /// by one who had seen key 0, becomes visible before it.
    fn complaint(visibility: Visibility) -> Option<String> {
        let centre = |me: u32| {
            let stamper = Stamper::new(StampSource::LamportLogical, NodeId(me), Nanos::MAX);
            let commands = [vec![Command::Put(0)], vec![Command::Get(0), Command::Put(1)], Vec::new()];
            let centre = Centre::new(NodeId(me), 3, stamper, visibility, Time::MAX, Nanos(1));
            (centre, commands[me as usize].clone())
        };
        // Whether the second user had seen key 0 when it wrote, and whether the third one's copy shows key 0.
        let observe = |memory: &mut (bool, bool), node: NodeId, event: &Event| {
            match (node.0, event) {
                (1, Event::Saw(0, _)) => memory.0 = true,
                (2, Event::Visible(0, _)) => memory.1 = true,
                (2, Event::Visible(1, _)) if *memory == (true, false) => return Err("the answer is before".to_owned()),
                _ => {}
            }
            Ok(())
        };
        let processes = (0..3).map(centre).collect();
        explore(World::new(processes, Channels::Unordered, (false, false)), observe, |_, _| Ok(())).complaint
    }

    #[test]
    fn an_answer_is_never_visible_before_what_it_answers() {
        assert_eq!(complaint(Visibility::Dependencies), None);
        assert_eq!(complaint(Visibility::Eager), Some("the answer is before".to_owned()));
    }
}
