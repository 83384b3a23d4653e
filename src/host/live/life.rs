//! The last part of one node's journal, as much as is shown, and what of the part before it still matters.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::analysis::{AgentRun, Unreadable};
use crate::ids::{Algorithm, BootId};
use crate::journal::frame;
use crate::journal::{Entry, FrameHeader, Header, Note};
use crate::node::{Mark, Record};
use crate::time::{Local, Nanos, Time};

/// After the measured span this much is kept, so that messages sent at its end are seen to arrive.
const AFTERMATH: Nanos = Nanos::from_seconds(1);

/// How much of each journal is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// So much time.
    pub span: Nanos,
    /// And no more entries than these.
    pub entries: usize,
}

struct Kept {
    covers_until: Time<Local>,
    entries: usize,
    bytes: Vec<u8>,
}

/// One boot of one node.
pub struct Life {
    /// The boot.
    pub boot: BootId,
    /// When its journal last grew.
    pub heard: Instant,
    header: Option<Header>,
    next: u64,
    has_gap: bool,
    kept: VecDeque<Kept>,
    kept_entries: usize,
    /// What is kept is complete from here on.
    from: Option<Time<Local>>,
    measured: Option<Time<Local>>,
    covers_until: Time<Local>,
    phases: Vec<Entry>,
    /// The last change of each clock before what is kept, and the last lead of the hybrid clock.
    changes: BTreeMap<Algorithm, Record>,
    ahead: Option<Record>,
}

impl Life {
    /// A boot that was just heard of.
    pub fn new(boot: BootId, now: Instant) -> Self {
        Self {
            boot,
            heard: now,
            header: None,
            next: 0,
            has_gap: false,
            kept: VecDeque::new(),
            kept_entries: 0,
            from: None,
            measured: None,
            covers_until: Time::MIN,
            phases: Vec::new(),
            changes: BTreeMap::new(),
            ahead: None,
        }
    }

    /// Takes the next frame; says whether there is anything new to show.
    pub fn add(&mut self, header: &FrameHeader, bytes: &[u8], now: Instant, limits: &Limits) -> bool {
        self.heard = now;
        let Ok((_, entries)) = frame::open(bytes) else { return false };
        if header.number < self.next {
            return false;
        }
        self.has_gap |= header.number > self.next;
        self.next = header.number.saturating_add(1);
        let over = self.measured.is_some_and(|at| self.covers_until > at + AFTERMATH);
        let (phases, count) = (self.phases.len(), entries.len());
        entries.into_iter().for_each(|entry| self.note(entry));
        if !over {
            self.covers_until = self.covers_until.max(header.covers_until);
            self.kept_entries += count;
            let kept = Kept { covers_until: header.covers_until, entries: count, bytes: bytes.to_vec() };
            self.kept.push_back(kept);
            self.forget(limits);
        }
        !over || self.phases.len() > phases
    }

    fn note(&mut self, entry: Entry) {
        match entry {
            Entry::Note(Note::Header(header)) => self.header = Some(*header),
            Entry::Note(Note::Phase(_)) => self.phases.push(entry),
            Entry::Record(Record::Mark(at, Mark::ProbingBegan)) => self.from = self.from.or(Some(at)),
            Entry::Record(Record::Mark(at, Mark::MeasuringEnded)) => self.measured = self.measured.or(Some(at)),
            Entry::Note(_) | Entry::Record(_) => {}
        }
    }

    /// Forgets frames that are too old or too many, but for what they say of the clocks' present state.
    pub fn forget(&mut self, limits: &Limits) {
        let oldest = self.measured.unwrap_or(self.covers_until) - limits.span;
        while self.kept.front().is_some_and(|kept| kept.covers_until < oldest || self.kept_entries > limits.entries) {
            let Some(kept) = self.kept.pop_front() else { return };
            self.kept_entries -= kept.entries;
            self.from = self.from.map(|from| from.max(kept.covers_until));
            let entries = frame::open(&kept.bytes).map_or_else(|_| Vec::new(), |(_, entries)| entries);
            entries.into_iter().for_each(|entry| self.carry(entry));
        }
    }

    fn carry(&mut self, entry: Entry) {
        match entry {
            Entry::Record(record @ Record::Changed(algorithm, _)) => drop(self.changes.insert(algorithm, record)),
            Entry::Record(record @ Record::Ahead(..)) => self.ahead = Some(record),
            Entry::Record(_) | Entry::Note(_) => {}
        }
    }

    /// What is kept as a journal of its own, which ends `grace` before what is covered, so that what was sent by then
    /// has arrived. `None` if there is nothing to analyse, or a hole in it.
    pub fn run(&self, grace: Nanos) -> Option<AgentRun> {
        let header = self.header.clone().filter(|_| !self.has_gap)?;
        let began = self.from?;
        let ended = self.measured.unwrap_or(self.covers_until - grace);
        let marks = [Record::Mark(began, Mark::ProbingBegan), Record::Mark(ended, Mark::MeasuringEnded)];
        let carried = self.changes.values().chain(&self.ahead).cloned();
        let mut entries: Vec<Entry> = marks.into_iter().chain(carried).map(Entry::Record).collect();
        for kept in &self.kept {
            let (_, found) = frame::open(&kept.bytes).ok()?;
            entries.extend(found.into_iter().filter(|entry| matches!(entry, Entry::Record(_))));
        }
        entries.extend(self.phases.iter().cloned());
        let run = AgentRun { header, entries, covers_until: self.covers_until, unreadable: Unreadable::default() };
        (ended > began).then_some(run)
    }

    /// The longest that a message may take on an arc to this node by its configuration.
    pub fn slowest_arc(&self) -> Nanos {
        let arcs = self.header.iter().flat_map(|header| &header.run.arcs);
        arcs.map(|(_, settings)| settings.delay + settings.jitter).fold(Nanos::ZERO, Nanos::max)
    }
}
