//! The traces of one scene, and whether they tell the whole of it.

use std::collections::BTreeSet;

use super::super::Terms;
use super::Judged;
use crate::ids::NodeId;
use crate::time::{Local, Time, True};
use crate::workload::trace::{self, Record};
use crate::workload::wire::Wire;
use crate::workload::{Check, Entry, Log, Row, What};

/// What one process did in a scene, as its agent wrote it down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The records ([`crate::workload::trace`]).
    pub bytes: Vec<u8>,
    /// What the agent's local clock showed when the scene began there, if that was written down.
    pub began: Option<Time<Local>>,
}

/// All that was heard of a scene. The log is in an order that happened-before allows, not in that of true time.
pub(super) struct Heard<E> {
    /// What all processes did; each entry's instant is counted from the beginning of the scene on its own host.
    pub(super) log: Log<E>,
    began: Vec<Option<Time<Local>>>,
    /// Traces that are missing or damaged.
    missing: u64,
    /// Receipts of what no trace says was sent.
    unsent: u64,
}

/// The scene at this place of a trial.
pub(super) fn scene<E: Wire>(scenes: &[Vec<Option<Trace>>], place: usize, terms: &Terms) -> Heard<E> {
    Heard::of(scenes.get(place).map_or(&[], Vec::as_slice), terms)
}

impl<E: Wire> Heard<E> {
    /// What the traces of the processes say, by their names.
    pub(super) fn of(traces: &[Option<Trace>], terms: &Terms) -> Self {
        let whole = |node: usize| -> Option<Vec<Record<E>>> { trace::read_whole(&traces.get(node)?.as_ref()?.bytes) };
        let read: Vec<Option<Vec<Record<E>>>> = (0..terms.nodes as usize).map(whole).collect();
        let missing = read.iter().filter(|records| records.is_none()).count() as u64;
        let log = trace::gather(read.into_iter().map(Option::unwrap_or_default).collect());
        let began = |node: usize| traces.get(node)?.as_ref()?.began;
        let unsent = unsent(&log);
        Self { began: (0..terms.nodes as usize).map(began).collect(), log, missing, unsent }
    }
}

impl<E> Heard<E> {
    /// What the local clock of its host showed at an instant of the scene.
    pub(super) fn local(&self, node: NodeId, at: Time<True>) -> Option<(NodeId, Time<Local>)> {
        let began = (*self.began.get(node.0 as usize)?)?;
        Some((node, began + (at - Time::ZERO)))
    }

    /// What the local clock of its host showed at an entry.
    pub(super) fn instant(&self, entry: &Entry<E>) -> Option<(NodeId, Time<Local>)> {
        self.local(entry.node, entry.at)
    }

    /// What lacks of the evidence.
    pub(super) const fn lacks(&self) -> Lacks {
        Lacks { missing: self.missing, unsent: self.unsent }
    }

    /// What was judged, if everything was heard.
    pub(super) fn conclude(&self, row: Row) -> Judged {
        self.lacks().conclude(row)
    }
}

/// What lacks of the evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lacks {
    missing: u64,
    unsent: u64,
}

/// What lacks of several scenes' evidence. Without a scene every trace of one is missing.
pub(super) fn all(scenes: &[Lacks]) -> Lacks {
    let none = Lacks { missing: u64::from(scenes.is_empty()), unsent: 0 };
    scenes.iter().fold(none, |sum, one| Lacks {
        missing: sum.missing.max(one.missing),
        unsent: sum.unsent.saturating_add(one.unsent),
    })
}

impl Lacks {
    /// What was judged, if nothing lacks; else what is open is told, and no invariant is said to have broken.
    pub(super) fn conclude(self, mut row: Row) -> Judged {
        if (self.missing, self.unsent) != (0, 0) {
            row.violations.clear();
            row.excuse_unfinished();
            let (missing, unsent) = (self.missing as f64, self.unsent as f64);
            row.checks.push(Check::alone("agents whose trace is missing", missing));
            row.checks.push(Check::alone("receipts of messages that no trace says were sent", unsent));
        }
        Judged { row, premises: Vec::new() }
    }
}

/// Receipts of what was not sent before them in the log, or was received already.
fn unsent<E>(log: &Log<E>) -> u64 {
    let (mut under_way, mut count) = (BTreeSet::new(), 0);
    for entry in &log.entries {
        match entry.what {
            What::Sent { to, message } => drop(under_way.insert((entry.node, to, message))),
            What::Received { from, message } => count += u64::from(!under_way.remove(&(from, entry.node, message))),
            What::Commanded { .. } | What::Event(_) => {}
        }
    }
    count
}
