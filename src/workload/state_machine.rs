//! A replicated state machine on total order by stability (Lamport, CACM 21(7), 1978): every replica carries out the same
//! commands in the same order, whatever the interleaving.
//!
//! A command goes to all with its stamp and is carried out once it is stable (see [`crate::order::total_order`]): once a
//! later stamp was seen from everybody. Each process says every `heartbeat` on its own clock where that clock is, so that an
//! idle one holds nobody back for long. Channels must be first in, first out, and lose nothing; a crash stops everybody.
//! Messages: n−1 a command and n(n−1) a heartbeat period.
//!
//! A command is acknowledged to its user once it was carried out at its issuer and every other replica has said, by the number of
//! commands received that each message carries, that it has it: a later stamp alone does not prove that. What was acknowledged
//! is then held by everybody who lives; nothing is promised of disks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::airline::{Airline, Answer, Reserve};
use super::heartbeat::Heartbeat;
use super::wire::wire;
use super::{Actions, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper, TotalOrder};
use crate::time::{Nanos, Synced, Time};

/// What replicas tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// A command; and how many commands of the receiver the sender has.
    Command(Stamp, Reserve, u64),
    /// Whatever the sender still sends is stamped later; and how many commands of the receiver it has.
    Heartbeat(Stamp, u64),
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
    /// The replica has received a command of another.
    Held(Stamp),
    /// The process's own command was carried out here and every other replica has it.
    Acknowledged(Stamp),
}

wire!(enum Message { 0 = Command(stamp, command, received); 1 = Heartbeat(stamp, received); });
wire!(enum Event { 0 = Issued(stamp); 1 = Applied(stamp, answer); 2 = Refused(from); 3 = Held(stamp); 4 = Acknowledged(stamp); });

type Act = Actions<Message, Event>;

/// One replica with its user.
#[derive(Clone, PartialEq, Hash, Debug)]
pub struct Replica {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    order: TotalOrder<Reserve>,
    machine: Airline,
    heartbeat: Heartbeat,
    /// Readings that its own clock must reach before commands that came are stable here.
    ahead: BTreeSet<Time<Synced>>,
    /// Commands received from each process.
    received: Vec<u64>,
    /// One's own commands that each process has received.
    receipts: Vec<u64>,
    /// One's own commands that are not acknowledged, in order, after so many that are.
    open: VecDeque<Stamp>,
    acknowledged: u64,
    /// One's own commands carried out here.
    carried_out: u64,
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
        Self {
            me,
            nodes,
            stamper,
            order,
            machine,
            heartbeat: Heartbeat::new(first, heartbeat),
            ahead: BTreeSet::new(),
            received: vec![0; nodes as usize],
            receipts: vec![0; nodes as usize],
            open: VecDeque::new(),
            acknowledged: 0,
            carried_out: 0,
        }
    }

    fn issue(&mut self, at: Time<Synced>, command: Reserve, act: &mut Act) {
        let stamp = self.stamper.tick(at);
        act.note(Event::Issued(stamp));
        self.open.push_back(stamp);
        self.take(at, self.me, Message::Command(stamp, command, 0), act);
        self.tell_others(act, |received| Message::Command(stamp, command, received));
    }

    fn tell_others(&self, act: &mut Act, message: impl Fn(u64) -> Message) {
        for (to, received) in (0..).map(NodeId).zip(&self.received).filter(|(to, _)| *to != self.me) {
            act.send(to, message(*received));
        }
    }

    fn take(&mut self, at: Time<Synced>, from: NodeId, message: Message, act: &mut Act) {
        let source = from.0 as usize;
        if from.0 >= self.nodes {
            return;
        }
        let (Message::Command(.., receipts) | Message::Heartbeat(_, receipts)) = message;
        self.receipts[source] = self.receipts[source].max(receipts);
        let taken = match message {
            Message::Command(stamp, command, _) => {
                self.ahead.insert(at + self.stamper.lag(at, stamp));
                self.stamper.merge(at, stamp);
                let taken = self.order.push(source, stamp, command);
                if taken.is_ok() && from != self.me {
                    self.received[source] += 1;
                    act.note(Event::Held(stamp));
                }
                taken
            }
            Message::Heartbeat(stamp, _) => {
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
            self.tell_others(act, |received| Message::Heartbeat(promise, received));
        }
    }

    fn apply(&mut self, at: Time<Synced>, act: &mut Act) {
        let promise = self.stamper.promise(at);
        // One's own stamps come in order.
        let _ = self.order.see(self.me.0 as usize, promise);
        let (machine, me, carried_out) = (&mut self.machine, self.me, &mut self.carried_out);
        self.order.deliver(|_, stamp, command| {
            *carried_out += u64::from(stamp.node == me);
            act.note(Event::Applied(stamp, machine.apply(command)));
        });
        self.ahead = self.ahead.split_off(&(at + Nanos(1)));
        self.acknowledge(act);
    }

    fn acknowledge(&mut self, act: &mut Act) {
        let others = self.receipts.iter().zip(0..).filter(|(_, node)| NodeId(*node) != self.me);
        let everywhere = others.map(|(receipts, _)| *receipts).fold(self.carried_out, u64::min);
        while self.acknowledged < everywhere
            && let Some(stamp) = self.open.pop_front()
        {
            self.acknowledged += 1;
            act.note(Event::Acknowledged(stamp));
        }
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
        self.open.is_empty() && (0..self.nodes as usize).all(|source| self.order.waiting(source) == 0)
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
    /// Commands acknowledged to their users.
    pub acknowledged: u64,
    /// Acknowledged commands that another replica did not have by then: must be none.
    pub lost: u64,
    /// Commands that a replica carried out after the same one or a later one: must be none.
    pub repeated: u64,
    /// From each command's issue to its acknowledgement.
    pub acknowledgements: Vec<Nanos>,
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
    let mut issued = BTreeMap::new();
    let mut held: Vec<BTreeSet<Stamp>> = vec![BTreeSet::new(); log.nodes as usize];
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
                let sequence = &mut sequences[entry.node.0 as usize];
                found.repeated += u64::from(sequence.last().is_some_and(|(last, _)| last >= stamp));
                sequence.push((*stamp, *answer));
                found.latencies.extend(issued.get(stamp).map(|at| entry.at - *at));
            }
            Event::Refused(_) => found.refused += 1,
            Event::Held(stamp) => drop(held[entry.node.0 as usize].insert(*stamp)),
            Event::Acknowledged(stamp) => {
                found.acknowledged += 1;
                found.acknowledgements.extend(issued.get(stamp).map(|at| entry.at - *at));
                let has = |(node, held): (u32, &BTreeSet<Stamp>)| NodeId(node) == stamp.node || held.contains(stamp);
                found.lost += u64::from(!(0..).zip(&held).all(has));
            }
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

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, Explored, Pace, World, explore};
    use super::*;
    use crate::order::report::StampSource;
    use crate::workload::{Entry, What};

    /// What each replica carried out, and what it has received.
    type Memory = Vec<(Vec<(Stamp, Answer)>, Vec<Stamp>)>;

    fn observe(memory: &mut Memory, node: NodeId, event: &Event) -> Result<(), String> {
        match event {
            Event::Issued(_) | Event::Refused(_) => {}
            Event::Held(stamp) => memory[node.0 as usize].1.push(*stamp),
            Event::Applied(stamp, answer) => {
                let place = memory[node.0 as usize].0.len();
                memory[node.0 as usize].0.push((*stamp, *answer));
                if memory.iter().filter_map(|(applied, _)| applied.get(place)).any(|other| *other != (*stamp, *answer))
                {
                    return Err(format!("replicas differ: {memory:?}"));
                }
            }
            Event::Acknowledged(stamp) => {
                let has = |(other, (_, held)): (u32, &(_, Vec<Stamp>))| NodeId(other) == node || held.contains(stamp);
                if !(0..).zip(memory.iter()).all(has) {
                    return Err(format!("{stamp:?} is acknowledged: {memory:?}"));
                }
            }
        }
        Ok(())
    }

    /// Replicas that issue so many commands each for one seat, and beat `beats` times.
    fn explored(commands: &[usize], beats: i64, source: StampSource, channels: Channels) -> Explored {
        let nodes = commands.len() as u32;
        let replica = |(commands, me): (&usize, u32)| {
            let stamper = Stamper::new(source, NodeId(me), Nanos::MAX);
            let first = Time::from_nanos(1);
            let replica = Replica::new(NodeId(me), nodes, stamper, Airline::new(1), first, Nanos(1));
            (replica, vec![Reserve(u64::from(me)); *commands])
        };
        let replicas = commands.iter().zip(0..).map(replica).collect();
        let world = World::new(replicas, channels, vec![Default::default(); commands.len()]);
        explore(World { pace: Pace::Any { until: Time::from_nanos(beats) }, ..world }, observe, |_, _| Ok(()))
    }

    #[test]
    fn every_interleaving_gives_every_replica_the_same_commands_and_answers_in_the_same_order() {
        let cases = [
            (StampSource::LamportLogical, &[2, 1][..], 2),
            (StampSource::Hlc, &[2, 1], 2),
            (StampSource::Ntp, &[1, 1, 0], 1),
        ];
        for (source, commands, beats) in cases {
            let found = explored(commands, beats, source, Channels::Fifo);
            assert_eq!(found.complaint, None, "{source:?}: {:?}", found.path);
            assert!(found.ends && found.states > 10_000, "{source:?}: {}", found.states);
            let complaint = explored(commands, beats, source, Channels::Unordered).complaint;
            assert!(complaint.is_some_and(|complaint| complaint.contains("replicas differ")), "{source:?}");
        }
    }

    fn log(events: &[(u32, Event)]) -> Log<Event> {
        let entry = |(at, (node, event)): (i64, &(u32, Event))| Entry {
            at: Time::from_nanos(at),
            reading: Time::from_nanos(at),
            node: NodeId(*node),
            vector: Box::default(),
            what: What::Event(*event),
        };
        Log { nodes: 2, entries: (0..).zip(events).map(entry).collect() }
    }

    #[test]
    fn what_was_acknowledged_and_is_not_everywhere_is_lost_and_what_comes_twice_is_counted() {
        let stamp = Stamp { time: 5, counter: 0, node: NodeId(0) };
        let applied = Event::Applied(stamp, Answer::Full);
        let (issued, held, acknowledged) = (Event::Issued(stamp), Event::Held(stamp), Event::Acknowledged(stamp));
        let good = check(&log(&[(0, issued), (1, held), (0, applied), (0, acknowledged), (1, applied)]));
        assert_eq!((good.acknowledged, good.lost, good.repeated, good.acknowledgements), (1, 0, 0, vec![Nanos(3)]));
        let late = check(&log(&[(0, issued), (0, applied), (0, acknowledged), (1, held)]));
        assert_eq!((late.acknowledged, late.lost), (1, 1));
        assert_eq!(check(&log(&[(1, applied), (1, applied)])).repeated, 1);
    }

    #[test]
    fn a_later_stamp_alone_acknowledges_nothing() {
        let stamper = Stamper::new(StampSource::LamportLogical, NodeId(0), Nanos::MAX);
        let mut replica = Replica::new(NodeId(0), 2, stamper, Airline::new(9), Time::MAX, Nanos(1));
        let mut after = |input| {
            let mut act = Actions::default();
            replica.handle(Time::ZERO, input, &mut act);
            let events = act.drain().filter_map(|output| match output {
                super::super::Output::Event(event) => Some(event),
                super::super::Output::Send { .. } => None,
            });
            events.collect::<Vec<_>>()
        };
        let heartbeat = |time, received| Input::Received {
            from: NodeId(1),
            message: Message::Heartbeat(Stamp { time, counter: 0, node: NodeId(1) }, received),
        };
        let acknowledged = |events: &[Event]| events.iter().any(|event| matches!(event, Event::Acknowledged(_)));
        assert!(!acknowledged(&after(Input::Command(Reserve(1)))));
        let later = after(heartbeat(50, 0));
        assert!(matches!(later[..], [Event::Applied(..)]), "{later:?}");
        assert!(acknowledged(&after(heartbeat(51, 1))));
        assert!(!acknowledged(&after(heartbeat(52, 9))), "nothing is left to acknowledge");
    }
}
