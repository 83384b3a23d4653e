//! What encoder and decoder remember of the entries before, so that the next one can be predicted from them.

use std::collections::BTreeMap;

use super::entry::Entry;
use crate::clock::Change;
use crate::ids::{Algorithm, NodeId};
use crate::node::Record;
use crate::node::record::{Received, Sent, SystemSample};
use crate::time::{Local, Time};

/// How many messages of a peer are remembered: an exchange is recorded a few messages after its reply.
const REMEMBERED: usize = 16;

/// The past of one block of columns.
#[derive(Default)]
pub struct Past {
    /// When the last record happened.
    pub at: Time<Local>,
    /// The last two instants at which the probe grid asked for a request, the last one first.
    pub due: [Time<Local>; 2],
    /// The last reading of the system clock.
    pub system: Option<SystemSample>,
    /// The last reading of the clock that counts sleep.
    pub boottime: Option<SystemSample>,
    changes: [Option<Change>; Algorithm::ALL.len()],
    peers: BTreeMap<NodeId, Peer>,
}

/// What is remembered of one peer. Messages that it sent are remembered by their place among the entries.
#[derive(Default)]
pub struct Peer {
    last: Option<u32>,
    received: [Option<u32>; REMEMBERED],
    /// The number of the last message to the peer.
    pub sent_sequence: u64,
    sent: [Time<Local>; REMEMBERED],
    sent_count: usize,
}

impl Past {
    /// Remembers the entry at place `index`.
    pub fn learn(&mut self, index: usize, entry: &Entry) {
        let Entry::Record(record) = entry else { return };
        self.at = record.at();
        match record {
            Record::Sent(sent) => self.learn_sent(sent),
            Record::Received(received) => self.peers.entry(received.from).or_default().learn(index, received),
            Record::Changed(algorithm, change) => self.changes[*algorithm as usize] = Some(*change),
            Record::System(sample) => self.system = Some(*sample),
            Record::Boottime(sample) => self.boottime = Some(*sample),
            Record::Mark(..) | Record::Exchanged(..) | Record::Ahead(..) => {}
        }
    }

    fn learn_sent(&mut self, sent: &Sent) {
        if let Some(due) = sent.due {
            self.due = [due, self.due[0]];
        }
        let peer = self.peers.entry(sent.to).or_default();
        peer.sent_sequence = sent.sequence;
        peer.sent[peer.sent_count % REMEMBERED] = sent.at;
        peer.sent_count += 1;
    }

    /// What is known of a peer.
    pub fn peer(&self, node: NodeId) -> Option<&Peer> {
        self.peers.get(&node)
    }

    /// The last change of a clock.
    pub fn change(&self, algorithm: Algorithm) -> Option<&Change> {
        self.changes[algorithm as usize].as_ref()
    }
}

impl Peer {
    fn learn(&mut self, index: usize, received: &Received) {
        let index = u32::try_from(index).ok();
        self.last = index;
        self.received[slot(received.sequence)] = index;
    }

    /// The last message from the peer.
    pub fn last<'a>(&self, before: &'a [Entry]) -> Option<&'a Received> {
        received(before, self.last)
    }

    /// The peer's message with this number, if it is remembered.
    pub fn received<'a>(&self, before: &'a [Entry], sequence: u64) -> Option<&'a Received> {
        received(before, self.received[slot(sequence)]).filter(|received| received.sequence == sequence)
    }

    /// How many messages to the peer ago one was sent at `at`, counting from one; zero if none is remembered.
    pub fn steps_back_to(&self, at: Time<Local>) -> usize {
        (1..=REMEMBERED).find(|steps| self.sent_back(*steps) == Some(at)).unwrap_or(0)
    }

    /// When the message so many messages ago was sent.
    pub fn sent_back(&self, steps: usize) -> Option<Time<Local>> {
        let known = 1..=self.sent_count.min(REMEMBERED);
        known.contains(&steps).then(|| self.sent[(self.sent_count - steps) % REMEMBERED])
    }
}

fn slot(sequence: u64) -> usize {
    (sequence % REMEMBERED as u64) as usize
}

fn received(before: &[Entry], index: Option<u32>) -> Option<&Received> {
    match before.get(index? as usize) {
        Some(Entry::Record(Record::Received(received))) => Some(received),
        _ => None,
    }
}
