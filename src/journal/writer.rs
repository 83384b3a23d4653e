//! Makes frames: it collects entries and closes them up when asked.

use super::entry::{Entry, Header, Note};
use super::frame::{self, FrameError};
use crate::ids::{BootId, NodeId};
use crate::time::{Local, Time};

/// How many entries make a frame full. Four times as many would save 4 %, and lose four times as much with a damaged
/// frame; an eighth would cost 9 % (`cargo bench --bench journal` prints the sizes).
const FULL: usize = 8_192;

/// The header is repeated once the frames since the last one have this many times its size, so that a journal whose
/// beginning is damaged can still be used, at a price of at most an eighth.
const HEADER_SHARE: usize = 8;

/// Collects the entries of one boot and makes frames of them.
#[derive(Debug)]
pub struct Writer {
    node: NodeId,
    boot: BootId,
    header: Entry,
    header_bytes: usize,
    since_header: usize,
    next: u64,
    pending: Vec<Entry>,
    covered: Time<Local>,
    lost: u64,
}

impl Writer {
    /// A writer whose first frame begins with `header`.
    pub fn new(header: Header) -> Self {
        let (node, boot) = (header.node, header.boot);
        let header = Entry::Note(Note::Header(Box::new(header)));
        let pending = vec![header.clone()];
        Self { node, boot, header, header_bytes: 0, since_header: 0, next: 0, pending, covered: Time::MIN, lost: 0 }
    }

    /// Takes entries, in their order.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.pending.extend(entries);
    }

    /// How many entries wait for a frame.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether it is time for a frame.
    pub fn is_full(&self) -> bool {
        self.pending.len() >= FULL
    }

    /// How many frames were made.
    pub fn frames(&self) -> u64 {
        self.next
    }

    /// How many entries were too large for any frame (a note of many megabytes).
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Appends to `out` frames with everything that waits, or an empty one that only says `covers_until`: everything
    /// that the agent did up to that instant has been handed over. Never less than the frame before said; and once an
    /// entry was lost it says no more, since that would be untrue.
    pub fn cut(&mut self, covers_until: Time<Local>, out: &mut Vec<u8>) {
        self.repeat_header();
        let (mut pending, before) = (std::mem::take(&mut self.pending), out.len());
        let mut rest = &pending[..];
        loop {
            let (chunk, after) = rest.split_at(rest.len().min(FULL));
            let last = after.is_empty().then_some(covers_until);
            self.append(chunk, last, out);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        pending.clear();
        self.pending = pending;
        self.since_header += out.len() - before;
        if self.header_bytes == 0 {
            self.header_bytes = std::mem::take(&mut self.since_header);
        }
    }

    /// Adds the header again, when it is due and there is something to go with it.
    fn repeat_header(&mut self) {
        if !self.pending.is_empty() && self.header_bytes > 0 && self.since_header >= HEADER_SHARE * self.header_bytes {
            self.pending.push(self.header.clone());
            self.since_header = 0;
        }
    }

    /// One frame with `entries`, or two with half of them each if they do not fit. Only the last frame of a cut covers
    /// more than the one before.
    fn append(&mut self, entries: &[Entry], covers_until: Option<Time<Local>>, out: &mut Vec<u8>) {
        let covered = match covers_until {
            Some(until) if self.lost == 0 => self.covered.max(until),
            _ => self.covered,
        };
        match frame::seal((self.node, self.boot, self.next), covered, entries) {
            Ok(frame) => {
                out.extend_from_slice(&frame);
                self.covered = covered;
                self.next += 1;
            }
            Err(FrameError::Oversize) if entries.len() > 1 => {
                let (first, second) = entries.split_at(entries.len() / 2);
                self.append(first, None, out);
                self.append(second, covers_until, out);
            }
            Err(_) => self.lost += entries.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::reader::Journals;
    use crate::journal::samples;
    use std::collections::BTreeMap;

    fn ten() -> Time<Local> {
        Time::from_nanos(10)
    }

    /// A note that does not compress.
    fn bulky(bytes: usize) -> Entry {
        let mut rng = crate::model::rng::Rng::stream(3, crate::model::rng::Purpose::Scenario, 0);
        let text = (0..bytes).map(|_| char::from(33 + rng.below(94) as u8)).collect();
        Entry::Note(Note::Counters(BTreeMap::from([(text, 1)])))
    }

    #[test]
    fn the_header_comes_first_and_frames_are_numbered_without_gaps() {
        let mut writer = Writer::new(samples::header(1, 2));
        let (mut out, run) = (Vec::new(), samples::run(3, 2_000));
        writer.extend(run.clone());
        writer.cut(ten(), &mut out);
        writer.cut(Time::MIN, &mut out);
        assert!(writer.frames() > 2);
        let journals = Journals::read([&out[..]]);
        let journal = journals.iter().next().unwrap();
        assert_eq!(journal.header, samples::header(1, 2));
        assert_eq!(journal.entries().collect::<Vec<_>>(), run);
        assert_eq!((journal.covers_until, journal.gaps.len()), (ten(), 0));
    }

    #[test]
    fn what_does_not_fit_one_frame_is_spread_over_several() {
        let mut writer = Writer::new(samples::header(1, 2));
        let mut out = Vec::new();
        writer.extend([bulky(600_000), bulky(600_000), bulky(600_000)]);
        writer.cut(ten(), &mut out);
        let journals = Journals::read([&out[..]]);
        let journal = journals.iter().next().unwrap();
        assert_eq!((journal.entries().count(), writer.lost(), journal.covers_until), (3, 0, ten()));
    }

    #[test]
    fn an_entry_too_large_for_any_frame_is_counted_and_nothing_is_covered_from_there_on() {
        let mut writer = Writer::new(samples::header(1, 2));
        let mut out = Vec::new();
        writer.cut(ten(), &mut out);
        writer.extend([bulky(3_000_000)]);
        writer.cut(Time::from_nanos(20), &mut out);
        writer.cut(Time::from_nanos(30), &mut out);
        let journals = Journals::read([&out[..]]);
        assert_eq!((writer.lost(), journals.iter().next().unwrap().covers_until), (1, ten()));
    }
}
