//! What goes in: one journal a boot of an agent, and the choice of one span of life for each node.

use std::collections::BTreeMap;

use crate::ids::NodeId;
use crate::journal::{Entry, Header, Journal, Journals, Note};
use crate::node::{Mark, Received, Record};
use crate::time::{Local, Time};
use crate::topology::MAX_NODES;

/// What could not be read of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unreadable {
    /// Bytes that belong to no valid frame.
    pub bytes: u64,
    /// Frames that were recognised, but not valid.
    pub frames: u64,
    /// Places at which frames are missing.
    pub gaps: u64,
}

/// The journal of one (node, boot).
#[derive(Clone, PartialEq, Debug)]
pub struct AgentRun {
    /// Who wrote it.
    pub header: Header,
    /// What it says, in order.
    pub entries: Vec<Entry>,
    /// Everything that the node did before this instant is in `entries`.
    pub covers_until: Time<Local>,
    /// What it would say beside.
    pub unreadable: Unreadable,
}

impl AgentRun {
    /// The journal with all that it says.
    pub fn of(journal: &Journal<'_>) -> Self {
        Self {
            header: journal.header.clone(),
            entries: journal.entries().collect(),
            covers_until: journal.covers_until,
            unreadable: Unreadable { gaps: journal.gaps.len() as u64, ..Unreadable::default() },
        }
    }

    /// Every journal in the bytes of any number of files, by node and boot.
    pub fn read<'a>(blobs: impl IntoIterator<Item = &'a [u8]>) -> Vec<Self> {
        Journals::read(blobs).iter().map(Self::of).collect()
    }

    /// The node's records, in order.
    pub fn records(&self) -> impl Iterator<Item = &Record> + Clone {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Record(record) => Some(record),
            Entry::Note(_) => None,
        })
    }

    /// The notes, in order.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Note(note) => Some(note),
            Entry::Record(_) => None,
        })
    }

    /// When the node first passed `mark`.
    pub fn marked(&self, mark: Mark) -> Option<Time<Local>> {
        self.records().find_map(|record| match record {
            Record::Mark(at, found) if *found == mark => Some(*at),
            _ => None,
        })
    }

    /// The last counters that it noted, by name.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        let noted = |note: &Note| if let Note::Counters(counters) = note { Some(counters.clone()) } else { None };
        self.notes().filter_map(noted).last().unwrap_or_default()
    }
}

/// Why a span of measuring ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The node marked the end of the measured span.
    Measured,
    /// The node was told to stop before that.
    Stopped,
    /// The journal says no more.
    Silence,
}

/// The part of a node's life that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The journal it comes from.
    pub run: &'a AgentRun,
    /// When the node began to probe.
    pub began: Time<Local>,
    /// When its measured span ended.
    pub ended: Time<Local>,
    /// Why it ended.
    pub end: End,
}

impl<'a> Span<'a> {
    fn new(run: &'a AgentRun) -> Self {
        let began = run.marked(Mark::ProbingBegan).unwrap_or(run.covers_until);
        let measured = run.marked(Mark::MeasuringEnded).map(|at| (at, End::Measured));
        let stopped = || run.marked(Mark::Stopped).map(|at| (at, End::Stopped));
        let (ended, end) = measured
            .or_else(stopped)
            .filter(|(at, _)| *at <= run.covers_until)
            .unwrap_or((run.covers_until, End::Silence));
        Self { run, began, ended, end }
    }
}

/// The chosen span of who sent a message: `None` if another boot of that node sent it, or a node that has none.
pub fn sender<'s, 'a>(spans: &'s BTreeMap<NodeId, Span<'a>>, received: &Received) -> Option<&'s Span<'a>> {
    spans.get(&received.from).filter(|sender| sender.run.header.boot == received.boot)
}

/// One span for each node, and notes on what was left out. A node that restarted has several boots; its longest span is
/// used, the earlier one of equals, and messages of its other boots are left out with them.
pub fn choose(runs: &[AgentRun]) -> (BTreeMap<NodeId, Span<'_>>, Vec<String>) {
    let mut runs: Vec<&AgentRun> = runs.iter().collect();
    runs.sort_by_key(|run| (run.header.node, run.header.boot));
    let mut boots: BTreeMap<NodeId, Vec<Span<'_>>> = BTreeMap::new();
    for run in &runs {
        boots.entry(run.header.node).or_default().push(Span::new(run));
    }
    let mut notes = Vec::new();
    let mut chosen = BTreeMap::new();
    if boots.len() > MAX_NODES as usize {
        notes.push(format!("{} nodes left journals: those of the first {MAX_NODES} are used", boots.len()));
    }
    for (node, mut spans) in boots.into_iter().take(MAX_NODES as usize) {
        spans.sort_by_key(|span| (-(span.run.covers_until - span.began), span.run.header.boot));
        if spans.len() > 1 {
            notes.push(format!("node {node} has {} journals (restarted?): its longest span is used", spans.len()));
        }
        chosen.insert(node, spans[0]);
    }
    notes.extend(runs.iter().filter(|run| run.unreadable != Unreadable::default()).map(|run| unreadable(run)));
    (chosen, notes)
}

fn unreadable(run: &AgentRun) -> String {
    let Unreadable { bytes, frames, gaps } = run.unreadable;
    format!("node {}: journal damaged: {bytes} bytes and {frames} frames unreadable, {gaps} gaps", run.header.node)
}
