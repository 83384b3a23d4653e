//! Reads that restart under uncertainty (CockroachDB: Taft et al., SIGMOD 2020): no write waits; a read that meets a value
//! which may have been written before it began starts again above that value.
//!
//! A read takes its stamp ts from the reader's hybrid clock and declares max_offset. At the owner of the key a value stamped
//! within (ts, ts + max_offset] is uncertain: the read restarts with that value's stamp, its limit unchanged. As long as
//! max_offset is at least the clocks' spread, no read misses a write that was done before it began; else reads go stale.
//! Values that can be uncertain when the read is carried out were written within latency + skew, so that the share of reads
//! that restart is about 1 − exp(−w · min(max_offset, latency + skew)) at w writes a second: max_offset is only the cap.

use std::collections::VecDeque;

use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// Versions of its key that an owner keeps.
const VERSIONS: usize = 4_096;

/// What a user wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Command {
    /// Write the process's own key.
    Write,
    /// Read the key of another process; the number names the read.
    Read(u64, NodeId),
}

/// What processes tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Message {
    /// What is the key's value as of `stamp`, nothing up to `limit` being certainly later?
    Read {
        /// Which read.
        read: u64,
        /// As of when.
        stamp: Stamp,
        /// Up to which time, in ns, a value may have been written before the read began.
        limit: i64,
    },
    /// The value: the stamp of its write, if there is one.
    Value(u64, Option<Stamp>),
    /// A value with this stamp is uncertain.
    Uncertain(u64, Stamp, i64),
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A write is done.
    Wrote(Stamp),
    /// A read of that process's key begins.
    Began(u64, NodeId),
    /// The read starts again.
    Restarted(u64),
    /// The read is done, with the stamp of what it found.
    Done(u64, Option<Stamp>),
}

wire!(enum Command { 0 = Write; 1 = Read(read, of); });
wire!(enum Message { 0 = Read { read, stamp, limit }; 1 = Value(read, value); 2 = Uncertain(read, stamp, limit); });
wire!(enum Event { 0 = Wrote(stamp); 1 = Began(read, of); 2 = Restarted(read); 3 = Done(read, value); });

/// A process: the owner of one key, and a reader of the others'.
#[derive(Clone, Debug)]
pub struct Database {
    stamper: Stamper,
    max_offset: Nanos,
    versions: VecDeque<Stamp>,
}

impl Database {
    /// A process whose clock is believed to be within `max_offset` of every other's.
    pub const fn new(stamper: Stamper, max_offset: Nanos) -> Self {
        Self { stamper, max_offset, versions: VecDeque::new() }
    }

    fn write(&mut self, at: Time<Synced>, act: &mut Actions<Message, Event>) {
        let stamp = self.stamper.tick(at);
        if self.versions.len() == VERSIONS {
            self.versions.pop_front();
        }
        self.versions.push_back(stamp);
        act.note(Event::Wrote(stamp));
    }

    fn serve(&mut self, at: Time<Synced>, read: u64, stamp: Stamp, limit: i64) -> Message {
        // Whatever is written from now on is later than what was read.
        self.stamper.merge(at, stamp);
        let newest_until = |time: i64| self.versions.iter().rev().find(|version| version.time <= time).copied();
        match newest_until(limit) {
            Some(version) if version > stamp => Message::Uncertain(read, version, limit),
            value => Message::Value(read, value),
        }
    }
}

impl Process for Database {
    type Message = Message;
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Command>, act: &mut Actions<Message, Event>) {
        match input {
            Input::Timer => {}
            Input::Command(Command::Write) => self.write(at, act),
            Input::Command(Command::Read(read, of)) => {
                let stamp = self.stamper.tick(at);
                act.note(Event::Began(read, of));
                act.send(of, Message::Read { read, stamp, limit: stamp.time.saturating_add(self.max_offset.0) });
            }
            Input::Received { from, message: Message::Read { read, stamp, limit } } => {
                let answer = self.serve(at, read, stamp, limit);
                act.send(from, answer);
            }
            Input::Received { message: Message::Value(read, value), .. } => act.note(Event::Done(read, value)),
            Input::Received { from, message: Message::Uncertain(read, stamp, limit) } => {
                act.note(Event::Restarted(read));
                act.send(from, Message::Read { read, stamp, limit });
            }
        }
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Reads done.
    pub reads: u64,
    /// Reads that restarted at least once.
    pub restarted: u64,
    /// Reads that missed a write that was done before they began.
    pub stale: u64,
    /// From the beginning of each read to its end.
    pub latencies: Vec<Nanos>,
}

/// Checks that no read missed a write that was done before it began.
pub fn check(log: &Log<Event>) -> Findings {
    let mut found = Findings::default();
    let mut newest: Vec<Option<Stamp>> = vec![None; log.nodes as usize];
    let mut reads = std::collections::BTreeMap::new();
    for (entry, event, intended) in log.answers() {
        match event {
            Event::Wrote(stamp) => newest[entry.node.0 as usize] = Some(*stamp),
            Event::Began(read, of) => {
                reads.insert(*read, (intended, newest.get(of.0 as usize).copied().flatten(), false));
            }
            Event::Restarted(read) => reads.get_mut(read).into_iter().for_each(|(.., restarted)| *restarted = true),
            Event::Done(read, value) => {
                let Some((began, due, restarted)) = reads.remove(read) else { continue };
                found.reads += 1;
                found.restarted += u64::from(restarted);
                found.stale += u64::from(*value < due);
                found.latencies.push(entry.at - began);
            }
        }
    }
    found
}

/// Share of reads that restart, with Poisson writes: 1 − exp(−w · min(max_offset, latency + skew)), where the skew is the
/// owner's clock minus the reader's and `latency` is one way.
pub fn restart_share(writes_per_s: f64, max_offset: Nanos, latency: Nanos, skew: Nanos) -> f64 {
    let window = (latency + skew).min(max_offset).max(Nanos::ZERO);
    -(-writes_per_s * window.as_seconds()).exp_m1()
}
