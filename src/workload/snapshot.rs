//! Global snapshots of a bank whose money is on accounts and under way: by markers (Chandy & Lamport, ACM TOCS 3(1), 1985),
//! and as the cut at an instant T of the stamps.
//!
//! Markers: on the start, or on the first marker, a process records its state and sends a marker on every channel before
//! anything else; what comes on another channel until that channel's marker is that channel's state. Channels must be first
//! in, first out. Cost: one marker an arc; done after about one longest delay.
//!
//! Cut at T: all events stamped at T or earlier. A message makes it inconsistent if C_j(receipt) ≤ T < C_i(send), so only if
//! it is faster than its sender's clock is ahead: λ·E[(θ − ν)⁺] messages a cut and arc, at λ messages a second. Clocks that
//! hearing lifts (logical, hybrid) make no such cut.

use std::collections::BTreeMap;

use super::wire::wire;
use super::{Actions, Entry, Input, Log, Process};
use crate::ids::NodeId;
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Synced, Time};

/// What a user wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Send money to another process, or as much of it as there is.
    Pay(NodeId, u64),
    /// Take a snapshot of this number.
    Snapshot(u32),
}

/// What processes tell each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Message {
    /// Money, with the stamp of its sending.
    Money(u64, Stamp),
    /// Here the snapshot of this number cuts the channel. It has a stamp as every message has: what is heard beside the stamps
    /// no clock can keep in order.
    Marker(u32, Stamp),
}

/// What the log holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Money left.
    Paid(u64, Stamp),
    /// Money came: the amount, the stamp of its sending and of its receipt.
    Got(u64, Stamp, Stamp),
    /// The process recorded its account for the snapshot of this number.
    Recorded(u32, u64),
    /// It recorded the money under way on the channel from another process.
    Channel(u32, NodeId, u64),
}

wire!(enum Command { 0 = Pay(to, amount); 1 = Snapshot(number); });
wire!(enum Message { 0 = Money(amount, stamp); 1 = Marker(number, stamp); });
wire!(enum Event { 0 = Paid(amount, stamp); 1 = Got(amount, sent, got); 2 = Recorded(number, amount); 3 = Channel(number, from, amount); });

/// A snapshot that is not complete here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Recording {
    number: u32,
    /// Money that came so far on channels whose marker has not come.
    open: BTreeMap<NodeId, u64>,
}

type Act = Actions<Message, Event>;

/// A branch of the bank.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Branch {
    me: NodeId,
    nodes: u32,
    stamper: Stamper,
    account: u64,
    recording: Option<Recording>,
    /// The latest snapshot that began here.
    latest: Option<u32>,
}

impl Branch {
    /// Branch `me` of `nodes`, with so much money.
    pub const fn new(me: NodeId, nodes: u32, stamper: Stamper, account: u64) -> Self {
        Self { me, nodes, stamper, account, recording: None, latest: None }
    }

    /// Records the account, unless this snapshot or a later one began here.
    fn record(&mut self, at: Time<Synced>, number: u32, act: &mut Act) {
        if self.latest.is_some_and(|latest| latest >= number) {
            return;
        }
        self.latest = Some(number);
        act.note(Event::Recorded(number, self.account));
        let stamp = self.stamper.tick(at);
        act.send_to_others(self.me, self.nodes, &Message::Marker(number, stamp));
        let open = (0..self.nodes).map(NodeId).filter(|node| *node != self.me).map(|node| (node, 0)).collect();
        self.recording = Some(Recording { number, open });
    }

    fn close(&mut self, from: NodeId, number: u32, act: &mut Act) {
        let Some(recording) = self.recording.as_mut().filter(|recording| recording.number == number) else { return };
        if let Some(amount) = recording.open.remove(&from) {
            act.note(Event::Channel(number, from, amount));
        }
    }

    fn pay(&mut self, at: Time<Synced>, to: NodeId, amount: u64, act: &mut Act) {
        let amount = amount.min(self.account);
        if to == self.me || to.0 >= self.nodes {
            return;
        }
        self.account -= amount;
        let stamp = self.stamper.tick(at);
        act.note(Event::Paid(amount, stamp));
        act.send(to, Message::Money(amount, stamp));
    }

    fn receive(&mut self, at: Time<Synced>, from: NodeId, amount: u64, sent: Stamp, act: &mut Act) {
        self.stamper.merge(at, sent);
        self.account = self.account.saturating_add(amount);
        if let Some(open) = self.recording.as_mut().and_then(|recording| recording.open.get_mut(&from)) {
            *open = open.saturating_add(amount);
        }
        act.note(Event::Got(amount, sent, self.stamper.tick(at)));
    }
}

impl Process for Branch {
    type Message = Message;
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, at: Time<Synced>, input: Input<Message, Command>, act: &mut Act) {
        match input {
            Input::Timer => {}
            Input::Command(Command::Pay(to, amount)) => self.pay(at, to, amount, act),
            Input::Command(Command::Snapshot(number)) => self.record(at, number, act),
            Input::Received { from, message: Message::Money(amount, sent) } => {
                self.receive(at, from, amount, sent, act)
            }
            Input::Received { from, message: Message::Marker(number, sent) } => {
                self.stamper.merge(at, sent);
                self.record(at, number, act);
                self.close(from, number, act);
            }
        }
    }
}

/// What came of the snapshots by markers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Snapshots that every process completed.
    pub complete: u64,
    /// Those of them in which accounts and channels do not hold all the money.
    pub unbalanced: u64,
    /// Those of them that are not closed under happened-before.
    pub open: u64,
    /// From the first recording to the last channel's marker.
    pub latencies: Vec<Nanos>,
}

struct Pieces<'a> {
    recorded: Vec<(&'a Entry<Event>, &'a Entry<Event>)>,
    channels: u64,
    money: u64,
    last: &'a Entry<Event>,
}

/// Checks every snapshot by markers against all the money that there is, and against the vector clocks: a cut is closed if
/// no process's latest event before its recording knows of anything that another did after recording.
pub fn check(log: &Log<Event>, money: u64) -> Findings {
    let mut snapshots: BTreeMap<u32, Pieces<'_>> = BTreeMap::new();
    let mut frontier: Vec<Option<&Entry<Event>>> = vec![None; log.nodes as usize];
    for (entry, event) in log.events() {
        let latest = &mut frontier[entry.node.0 as usize];
        match event {
            Event::Paid(..) | Event::Got(..) => *latest = Some(entry),
            Event::Recorded(number, amount) => {
                let new = || Pieces { recorded: Vec::new(), channels: 0, money: 0, last: entry };
                let pieces = snapshots.entry(*number).or_insert_with(new);
                pieces.recorded.extend(latest.map(|latest| (entry, latest)).or(Some((entry, entry))));
                pieces.money = pieces.money.saturating_add(*amount);
            }
            Event::Channel(number, _, amount) => {
                if let Some(pieces) = snapshots.get_mut(number) {
                    (pieces.channels, pieces.money, pieces.last) =
                        (pieces.channels + 1, pieces.money.saturating_add(*amount), entry);
                }
            }
        }
    }
    let arcs = u64::from(log.nodes) * u64::from(log.nodes.saturating_sub(1));
    let mut found = Findings::default();
    for pieces in snapshots.values().filter(|pieces| pieces.channels == arcs) {
        found.complete += 1;
        found.unbalanced += u64::from(pieces.money != money);
        found.open += u64::from(!is_closed(&pieces.recorded));
        found.latencies.push(pieces.last.at - pieces.recorded[0].0.at);
    }
    found
}

/// Whether no process's part of the cut knows of what another did after its part. Markers carry that knowledge too, so that
/// what counts is the latest event of the bank itself before each recording.
fn is_closed(recorded: &[(&Entry<Event>, &Entry<Event>)]) -> bool {
    let mine = |node: NodeId| recorded.iter().find(|(entry, _)| entry.node == node).map(|(entry, _)| entry.knows(node));
    recorded.iter().all(|(own, frontier)| {
        let idle = std::ptr::eq(*own, *frontier);
        idle || recorded.iter().all(|(other, _)| mine(other.node).is_none_or(|cut| frontier.knows(other.node) <= cut))
    })
}

/// What came of the cuts at instants of the stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cuts {
    /// Cuts looked at.
    pub cuts: u64,
    /// Messages received inside a cut and sent outside it.
    pub inconsistent: u64,
    /// Cuts with at least one of them.
    pub broken: u64,
    /// Cuts in which accounts and channels do not hold all the money.
    pub unbalanced: u64,
    /// Cuts that the vector clocks do not find closed under happened-before.
    pub open: u64,
}

/// Cuts a run at each of `instants`, in ns of the stamps. The bank began with `account` at each branch.
pub fn cut(log: &Log<Event>, account: u64, instants: impl IntoIterator<Item = i64>) -> Cuts {
    let mut found = Cuts::default();
    for instant in instants {
        let inside = |stamp: &Stamp| stamp.time <= instant;
        let mut money = i128::from(account) * i128::from(log.nodes);
        let (mut crossing, mut under_way) = (0, 0_i128);
        // For each process the entry up to which it is in the cut.
        let mut frontier: Vec<Option<&Entry<Event>>> = vec![None; log.nodes as usize];
        for (entry, event) in log.events() {
            let stamp = match event {
                Event::Paid(amount, stamp) => {
                    under_way += if inside(stamp) { i128::from(*amount) } else { 0 };
                    stamp
                }
                Event::Got(amount, sent, got) => {
                    crossing += u64::from(inside(got) && !inside(sent));
                    // A receipt takes money off its channel only if its sending put it there.
                    under_way -= if inside(got) && inside(sent) { i128::from(*amount) } else { 0 };
                    got
                }
                Event::Recorded(..) | Event::Channel(..) => continue,
            };
            if inside(stamp) {
                frontier[entry.node.0 as usize] = Some(entry);
                money += match event {
                    Event::Got(amount, ..) => i128::from(*amount),
                    Event::Paid(amount, _) => -i128::from(*amount),
                    _ => 0,
                };
            }
        }
        found.cuts += 1;
        found.inconsistent += crossing;
        found.broken += u64::from(crossing > 0);
        found.unbalanced += u64::from(money + under_way != i128::from(account) * i128::from(log.nodes));
        found.open += u64::from(!knows_only_itself(&frontier, log));
    }
    found
}

/// Whether no process's latest event in the cut knows of a sending outside it: the oracle's word on the cut.
fn knows_only_itself(frontier: &[Option<&Entry<Event>>], log: &Log<Event>) -> bool {
    // The first payment of each process after its part of the cut: from it on the process is outside.
    let mut outside: Vec<Option<u32>> = vec![None; frontier.len()];
    for (entry, event) in log.events() {
        let node = entry.node.0 as usize;
        let after = frontier[node].is_none_or(|latest| latest.knows(entry.node) < entry.knows(entry.node));
        if after && matches!(event, Event::Paid(..)) {
            outside[node].get_or_insert(entry.knows(entry.node));
        }
    }
    frontier.iter().flatten().all(|entry| {
        let hears =
            |(node, first): (usize, &Option<u32>)| first.is_some_and(|first| entry.knows(NodeId(node as u32)) >= first);
        !outside.iter().enumerate().any(hears)
    })
}

/// Messages of the bank itself, markers not counted.
pub fn payments(log: &Log<Event>) -> u64 {
    log.events().filter(|(_, event)| matches!(event, Event::Paid(..))).count() as u64
}

#[cfg(test)]
mod tests {
    use super::super::explore::{Channels, Counted, Explored, World, explore};
    use super::*;
    use crate::order::report::StampSource;

    /// Accounts and channels recorded, the money on them, and what each process knew when it recorded its own.
    #[derive(Clone, PartialEq, Hash, Debug)]
    struct Memory {
        pieces: u32,
        money: u64,
        cut: Vec<Option<Vec<u32>>>,
    }

    /// Three branches with 10 each, two payments and one snapshot, in every interleaving.
    fn explored(channels: Channels) -> Explored {
        let branch = |me: u32| {
            let stamper = Stamper::new(StampSource::LamportLogical, NodeId(me), Nanos::MAX);
            let commands = match me {
                0 => vec![Command::Snapshot(1), Command::Pay(NodeId(1), 3)],
                1 => vec![Command::Pay(NodeId(0), 4)],
                _ => Vec::new(),
            };
            (Counted::new(Branch::new(NodeId(me), 3, stamper, 10), NodeId(me), 3), commands)
        };
        let observe = |memory: &mut Memory, node: NodeId, (vector, event): &(Vec<u32>, Event)| {
            if let Event::Recorded(_, amount) | Event::Channel(_, _, amount) = event {
                (memory.pieces, memory.money) = (memory.pieces + 1, memory.money + amount);
            }
            if let Event::Recorded(..) = event {
                memory.cut[node.0 as usize] = Some(vector.clone());
            }
            let parts = || memory.cut.iter().enumerate().filter_map(|(node, part)| Some((node, part.as_ref()?)));
            let open = parts().any(|(one, cut)| parts().any(|(_, other)| other[one] > cut[one]));
            if open { Err(format!("the cut is open: {memory:?}")) } else { Ok(()) }
        };
        let judge = |memory: &Memory, _: &[NodeId]| {
            if (memory.pieces, memory.money) == (9, 30) { Ok(()) } else { Err(format!("{memory:?}")) }
        };
        let memory = Memory { pieces: 0, money: 0, cut: vec![None; 3] };
        explore(World::new((0..3).map(branch).collect(), channels, memory), observe, judge)
    }

    #[test]
    fn markers_find_all_the_money_on_a_closed_cut_in_every_interleaving_of_fifo_channels_only() {
        let found = explored(Channels::Fifo);
        assert_eq!(found.complaint, None);
        assert!(found.states > 500 && found.ends, "{found:?}");
        let complaint = explored(Channels::Unordered).complaint;
        assert!(complaint.is_some_and(|complaint| complaint.starts_with("the cut is open")));
    }
}
