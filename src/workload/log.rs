//! What all processes of a run did, in real order, with vector clocks as the oracle of happened-before (Fidge 1988;
//! Mattern 1988): entry a happened before entry b if and only if b's vector has counted a.

use crate::ids::NodeId;
use crate::time::{Nanos, Synced, Time, True};

/// What an entry is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What<E> {
    /// A user's command reached the process.
    Commanded {
        /// When the user wanted it: latencies count from here, so that a process that is late hides nothing.
        intended: Time<True>,
    },
    /// It sent a message.
    Sent {
        /// To whom.
        to: NodeId,
        /// Number of the message in the run.
        message: u64,
    },
    /// It received a message.
    Received {
        /// From whom.
        from: NodeId,
        /// Number of the message in the run.
        message: u64,
    },
    /// It noted an event.
    Event(E),
}

/// One thing that one process did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<E> {
    /// When.
    pub at: Time<True>,
    /// What the process's clock showed.
    pub reading: Time<Synced>,
    /// Which process.
    pub node: NodeId,
    /// The process's vector clock, this entry counted.
    pub vector: Box<[u32]>,
    /// What it did.
    pub what: What<E>,
}

impl<E> Entry<E> {
    /// How many entries of `node` happened before this one, or are it.
    pub fn knows(&self, node: NodeId) -> u32 {
        self.vector.get(node.0 as usize).copied().unwrap_or_default()
    }

    /// Whether this entry happened before `other`.
    pub fn is_before(&self, other: &Self) -> bool {
        let itself = self.node == other.node && self.knows(self.node) == other.knows(self.node);
        !itself && self.knows(self.node) <= other.knows(self.node)
    }
}

/// All entries of a run, in real order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log<E> {
    /// How many processes there were.
    pub nodes: u32,
    /// What they did.
    pub entries: Vec<Entry<E>>,
}

impl<E> Log<E> {
    /// A log without entries.
    pub const fn new(nodes: u32) -> Self {
        Self { nodes, entries: Vec::new() }
    }

    /// The noted events, each with its entry.
    pub fn events(&self) -> impl Iterator<Item = (&Entry<E>, &E)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Event(event) => Some((entry, event)),
            _ => None,
        })
    }

    /// The noted events, each with its entry and the instant at which the latest command of its process was intended: what an
    /// event that answers a command at once counts from. Its own instant if there was no command.
    pub fn answers(&self) -> impl Iterator<Item = (&Entry<E>, &E, Time<True>)> {
        let mut intended = vec![None; self.nodes as usize];
        self.entries.iter().filter_map(move |entry| {
            let latest = intended.get_mut(entry.node.0 as usize)?;
            match &entry.what {
                What::Commanded { intended } => *latest = Some(*intended),
                What::Event(event) => return Some((entry, event, latest.unwrap_or(entry.at))),
                What::Sent { .. } | What::Received { .. } => {}
            }
            None
        })
    }

    /// The noted events of one process.
    pub fn events_of(&self, node: NodeId) -> impl Iterator<Item = (&Entry<E>, &E)> {
        self.events().filter(move |(entry, _)| entry.node == node)
    }

    /// Messages sent.
    pub fn messages(&self) -> u64 {
        self.entries.iter().filter(|entry| matches!(entry.what, What::Sent { .. })).count() as u64
    }

    /// How long the log is, from its first entry to its last.
    pub fn span(&self) -> Nanos {
        let ends = self.entries.first().zip(self.entries.last());
        ends.map_or(Nanos::ZERO, |(first, last)| last.at - first.at)
    }
}
