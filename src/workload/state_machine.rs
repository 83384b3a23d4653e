//! A replicated state machine on total order by stability (Lamport, CACM 21(7), 1978): every replica carries out the same
//! commands in the same order, whatever the interleaving.
//!
//! A command goes to all with its stamp and is carried out once it is stable (see [`crate::order::total_order`]): once a
//! later stamp was seen from everybody. Each process says every `heartbeat` on its own clock where that clock is, so that an
//! idle one holds nobody back for long. Channels must be first in, first out, and lose nothing; a crash stops everybody.
//! Messages: n−1 a command and n(n−1) a heartbeat period.

use std::collections::BTreeSet;

use super::airline::{Airline, Answer, Reserve};
use super::heartbeat::Heartbeat;
use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper, TotalOrder};
use crate::time::{Nanos, Synced, Time};

/// What replicas tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Message {
    /// A command.
    Command(Stamp, Reserve),
    /// Whatever the sender still sends is stamped later.
    Heartbeat(Stamp),
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The process stamped its user's command.
    Issued(Stamp),
    /// The replica carried out a command.
    Applied(Stamp, Answer),
    /// A message came out of the order of its source and was refused.
    Refused(NodeId),
}

wire!(enum Message { 0 = Command(stamp, command); 1 = Heartbeat(stamp); });
wire!(enum Event { 0 = Issued(stamp); 1 = Applied(stamp, answer); 2 = Refused(from); });

type Act = Actions<Message, Event>;

/// One replica with its user.
#[derive(Clone, Debug)]
pub struct Replica {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    order: TotalOrder<Reserve>,
    machine: Airline,
    heartbeat: Heartbeat,
    /// Readings that its own clock must reach before commands that came are stable here.
    ahead: BTreeSet<Time<Synced>>,
}

impl Replica {
    /// Replica `me` of `nodes` with its copy of the machine. Its first heartbeat is at `first`.
    pub fn new(
        me: NodeId,
        nodes: u32,
        stamper: Stamper,
        machine: Airline,
        first: Time<Synced>,
        heartbeat: Nanos,
    ) -> Self {
        let order = TotalOrder::new(nodes as usize, 16);
        Self { me, nodes, stamper, order, machine, heartbeat: Heartbeat::new(first, heartbeat), ahead: BTreeSet::new() }
    }

    fn issue(&mut self, at: Time<Synced>, command: Reserve, act: &mut Act) {
        let stamp = self.stamper.tick(at, 0);
        act.note(Event::Issued(stamp));
        self.take(at, self.me, Message::Command(stamp, command), act);
        act.send_to_others(self.me, self.nodes, &Message::Command(stamp, command));
    }

    fn take(&mut self, at: Time<Synced>, from: NodeId, message: Message, act: &mut Act) {
        let source = from.0 as usize;
        if from.0 >= self.nodes {
            return;
        }
        let taken = match message {
            Message::Command(stamp, command) => {
                self.ahead.insert(at + self.stamper.lag(at, stamp));
                self.stamper.merge(at, stamp);
                self.order.push(source, stamp, command)
            }
            Message::Heartbeat(stamp) => {
                self.stamper.merge(at, stamp);
                self.order.see(source, stamp)
            }
        };
        if taken.is_err() {
            act.note(Event::Refused(from));
        }
    }

    fn beat(&mut self, at: Time<Synced>, act: &mut Act) {
        if self.heartbeat.is_due(at) {
            let promise = self.stamper.promise(at);
            act.send_to_others(self.me, self.nodes, &Message::Heartbeat(promise));
        }
    }

    fn apply(&mut self, at: Time<Synced>, act: &mut Act) {
        let promise = self.stamper.promise(at);
        // One's own stamps come in order.
        let _ = self.order.see(self.me.0 as usize, promise);
        let machine = &mut self.machine;
        self.order.deliver(|_, stamp, command| act.note(Event::Applied(stamp, machine.apply(command))));
        self.ahead = self.ahead.split_off(&(at + Nanos(1)));
    }
}

impl Process for Replica {
    type Message = Message;
    type Command = Reserve;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Reserve>, act: &mut Act) {
        match input {
            Input::Timer => {}
            Input::Command(command) => self.issue(at, command, act),
            Input::Received { from, message } => self.take(at, from, message, act),
        }
        self.beat(at, act);
        self.apply(at, act);
    }

    fn wake(&self) -> Time<Synced> {
        let beat = self.heartbeat.wake();
        self.ahead.first().map_or(beat, |due| beat.min(*due))
    }

    fn is_settled(&self) -> bool {
        (0..self.nodes as usize).all(|source| self.order.waiting(source) == 0)
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Commands issued.
    pub issued: u64,
    /// Commands that every replica carried out.
    pub everywhere: u64,
    /// Places at which a replica's sequence, or what its machine answered, differs from the first replica's.
    pub disagreements: u64,
    /// Messages refused as out of order.
    pub refused: u64,
    /// Commands issued one after the other by different processes.
    pub neighbours: u64,
    /// Those of them whose stamps reverse the real order.
    pub inversions: u64,
    /// From each command's issue to each replica's carrying it out.
    pub latencies: Vec<Nanos>,
}

/// Checks that all replicas carried out the same commands in the same order with the same answers, and counts inversions.
pub fn check(log: &Log<Event>) -> Findings {
    let mut found = Findings::default();
    let mut issued = std::collections::BTreeMap::new();
    let mut sequences: Vec<Vec<(Stamp, Answer)>> = vec![Vec::new(); log.nodes as usize];
    let mut previous: Option<Stamp> = None;
    for (entry, event, intended) in log.answers() {
        match event {
            Event::Issued(stamp) => {
                found.issued += 1;
                issued.insert(*stamp, intended);
                if let Some(before) = previous.replace(*stamp).filter(|before| before.node != stamp.node) {
                    found.neighbours += 1;
                    found.inversions += u64::from(*stamp < before);
                }
            }
            Event::Applied(stamp, answer) => {
                sequences[entry.node.0 as usize].push((*stamp, *answer));
                found.latencies.extend(issued.get(stamp).map(|at| entry.at - *at));
            }
            Event::Refused(_) => found.refused += 1,
        }
    }
    found.everywhere = sequences.iter().map(Vec::len).min().unwrap_or_default() as u64;
    let differ = |other: &Vec<_>| sequences[0].iter().zip(other).filter(|(one, two)| one != two).count() as u64;
    found.disagreements = sequences.iter().skip(1).map(differ).sum();
    found
}

/// The latency at replica i of a command that k issues (theory: total order by stability), with clocks that hearing does not
/// lift: max(ν_ki, max over j ≠ i, k of [(C_k − C_j) + wait_j + ν_ji], C_k − C_i). `others` has for each j the skew
/// C_k − C_j, the wait from the instant at which C_j passes the stamp to j's next message, and that message's delay.
pub fn latency(delay: Nanos, skew: Nanos, others: impl IntoIterator<Item = (Nanos, Nanos, Nanos)>) -> Nanos {
    let others = others.into_iter().map(|(skew, wait, delay)| skew + wait + delay);
    others.fold(delay.max(skew), Nanos::max)
}
