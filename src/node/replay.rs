//! A node's clocks again, from what the node wrote down: online and replayed are equal bit for bit.
//!
//! The records suffice but for one thing: a slot of the probe grid leaves no record of its own. It is known from the
//! request that it ends with, and its instant; where a message was received at the very same local nanosecond, as happens
//! to a clock that is stuck, nobody can tell which came first, and the replay says so.

use std::collections::BTreeSet;

use super::clocks::{Clocks, Trust};
use super::{Counters, Received, Record, Sent};
use crate::causal::HlcStamp;
use crate::clock;
use crate::ids::{Algorithm, Algorithms};
use crate::probe::Claims;
use crate::time::{Local, Nanos, Synced, Time};

/// What a message was, seen from the node whose clocks are replayed.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// The node sent it, with these claims.
    Sent(Sent, Claims),
    /// The node received it.
    Received(Received),
}

/// An event of the node: a message with what the hybrid clock made of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The message.
    pub message: Message,
    /// What the hybrid clock's physical clock showed at it.
    pub physical: Time<Synced>,
    /// The hybrid clock's stamp of it; `None` if a received stamp was refused.
    pub stamp: Option<HlcStamp>,
}

/// A replayed life.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Replay {
    /// What the clocks did, as the node would have written it down: changes, and stamps ahead of their clock.
    pub derived: Vec<Record>,
    /// Every message, in order.
    pub events: Vec<Event>,
    /// Whether a slot and a receipt share an instant, so that their order is unknown.
    pub is_ambiguous: bool,
}

impl Replay {
    /// Replays the records of one boot, in order, all of them: the clocks that ran, `settings` and `plausible` are those of
    /// the node. Of every message it makes all claims, although a reply may have carried fewer. Cost: what the node's own
    /// clocks cost, and memory for each message.
    pub fn of<'a>(
        running: Algorithms,
        settings: &clock::Settings,
        plausible: Nanos,
        records: impl Iterator<Item = &'a Record> + Clone,
    ) -> Self {
        let mut replay = Self { is_ambiguous: is_ambiguous(records.clone()), ..Self::default() };
        let mut slots = records.clone().filter_map(slot).peekable();
        let (mut clocks, mut counters) = (Clocks::new(running, settings, plausible), Counters::default());
        let mut untrusted = BTreeSet::new();
        for record in records {
            let due = |slot: &Time<Local>| *slot < record.at() || *slot == record.at() && !is_receipt(record);
            while let Some(at) = slots.next_if(due) {
                clocks.on_slot(at, |record| replay.derived.push(record));
            }
            match record {
                Record::Sent(sent) => replay.send(&mut clocks, *sent),
                Record::Received(received) => {
                    let trust = replay.receive(&mut clocks, received.clone(), &mut counters);
                    // A peer that started again numbers from one again: its last message of a number is the one meant.
                    let number = (received.from, received.sequence);
                    let _ = if trust == Trust::Partial { untrusted.insert(number) } else { untrusted.remove(&number) };
                }
                Record::Exchanged(at, reply, exchange) if !untrusted.contains(&(exchange.peer, *reply)) => {
                    clocks.on_exchange(*at, exchange, &mut counters, |record| replay.derived.push(record));
                }
                _ => {}
            }
        }
        replay
    }

    fn send(&mut self, clocks: &mut Clocks, sent: Sent) {
        let claims = clocks.claims(sent.at, Algorithms::ALL);
        let physical = clocks.shows(Algorithm::Ntp, sent.at);
        self.events.push(Event { message: Message::Sent(sent, claims), physical, stamp: Some(clocks.stamp()) });
    }

    fn receive(&mut self, clocks: &mut Clocks, heard: Received, counters: &mut Counters) -> Trust {
        let (before, derived) = (clocks.stamp(), &mut self.derived);
        let physical = clocks.shows(Algorithm::Ntp, heard.at);
        let trust = clocks
            .on_message(heard.from, heard.at, heard.credit, &heard.claims, counters, |record| derived.push(record));
        let stamp = Some(clocks.stamp()).filter(|stamp| *stamp != before);
        self.events.push(Event { message: Message::Received(heard), physical, stamp });
        trust
    }
}

/// The slot of the probe grid that a request ends.
fn slot(record: &Record) -> Option<Time<Local>> {
    if let Record::Sent(sent) = record { sent.due.map(|_| sent.at) } else { None }
}

const fn is_receipt(record: &Record) -> bool {
    matches!(record, Record::Received(_))
}

fn is_ambiguous<'a>(records: impl Iterator<Item = &'a Record> + Clone) -> bool {
    let receipts: BTreeSet<Time<Local>> = records.clone().filter(|record| is_receipt(record)).map(Record::at).collect();
    records.filter_map(slot).any(|slot| receipts.contains(&slot))
}

/// Whether what the clocks did online, as `records` have it, is what they did in the replay. The first difference, in words.
pub fn difference<'a>(replay: &Replay, records: impl Iterator<Item = &'a Record>) -> Option<String> {
    let derived = |record: &&Record| matches!(record, Record::Changed(..) | Record::Ahead(..));
    let online: Vec<&Record> = records.filter(derived).collect();
    let first = online.iter().zip(&replay.derived).find(|(online, replayed)| **online != *replayed);
    match first {
        Some((online, replayed)) => Some(format!("online {online:?}, replayed {replayed:?}")),
        None if online.len() != replay.derived.len() => {
            Some(format!("{} changes online, {} replayed", online.len(), replay.derived.len()))
        }
        None => None,
    }
}
