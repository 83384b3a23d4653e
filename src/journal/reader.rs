//! Reads journals: from any number of files, in any order, whole or damaged, to one journal for each boot of each node.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};

use super::entry::{Entry, Header, Note};
use super::frame::{self, FrameHeader};
use super::scan::{RawFrame, Unreadable, scan};
use crate::hex;
use crate::ids::{BootId, NodeId};
use crate::time::{Local, Time};

/// What one agent wrote between its start and its end. It borrows the bytes it was read from and decodes its entries
/// when they are asked for, a frame at a time, so that a long run needs little memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Journal<'a> {
    /// Who wrote it, and under which configuration.
    pub header: Header,
    /// Everything the agent did up to this local instant is here: what the last frame before the first gap says.
    pub covers_until: Time<Local>,
    /// Numbers of frames that are missing between others. Entries after the first of them are later than
    /// `covers_until`, and something is missing before them.
    pub gaps: Vec<RangeInclusive<u64>>,
    frames: Vec<RawFrame<'a>>,
}

impl<'a> Journal<'a> {
    /// What the frames say of themselves, in order.
    pub fn frames(&self) -> impl Iterator<Item = &FrameHeader> {
        self.frames.iter().map(|frame| &frame.header)
    }

    /// Every entry but the header, in the order in which it was written.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + use<'a, '_> {
        // Frames that do not decode were sorted out when the journal was read.
        self.frames
            .iter()
            .flat_map(|frame| frame::open(frame.bytes).map_or_else(|_| Vec::new(), |(_, entries)| entries))
            .filter(|entry| !matches!(entry, Entry::Note(Note::Header(_))))
    }

    /// The journal of these frames, which all decode; `None` if none of them has the header, which writers repeat.
    fn new(frames: Vec<RawFrame<'a>>) -> Option<Self> {
        let who = frames.first().map(|frame| (frame.header.node, frame.header.boot))?;
        let header = frames.iter().find_map(header_in).filter(|header| (header.node, header.boot) == who)?;
        let (gaps, covers_until) = (gaps(&frames), covers_until(&frames));
        Some(Self { header, covers_until, gaps, frames })
    }
}

fn header_in(frame: &RawFrame<'_>) -> Option<Header> {
    let (_, entries) = frame::open(frame.bytes).ok()?;
    entries.into_iter().find_map(|entry| match entry {
        Entry::Note(Note::Header(header)) => Some(*header),
        _ => None,
    })
}

fn gaps(frames: &[RawFrame<'_>]) -> Vec<RangeInclusive<u64>> {
    let pairs = frames.windows(2).map(|pair| (pair[0].header.number, pair[1].header.number));
    pairs.filter(|(one, next)| one + 1 < *next).map(|(one, next)| one + 1..=next - 1).collect()
}

fn covers_until(frames: &[RawFrame<'_>]) -> Time<Local> {
    let unbroken = frames.iter().zip(0_u64..).take_while(|(frame, number)| frame.header.number == *number);
    unbroken.map(|(frame, _)| frame.header.covers_until).max().unwrap_or(Time::MIN)
}

/// The journals of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Journals<'a> {
    journals: BTreeMap<(NodeId, BootId), Journal<'a>>,
    run_id: String,
    unreadable: Unreadable,
}

impl<'a> Journals<'a> {
    /// The journals in `blobs`: each of them the bytes of a file, with frames of one boot or of many. What is in several
    /// of them counts once.
    pub fn read(blobs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut union = Union::default();
        for blob in blobs {
            union.add(blob);
        }
        let run_id = union.run_id();
        let mut journals = Self { run_id, unreadable: union.unreadable, ..Self::default() };
        for (boot, frames) in union.by_boot() {
            journals.add(boot, frames);
        }
        journals
    }

    fn add(&mut self, boot: (NodeId, BootId), mut frames: Vec<RawFrame<'a>>) {
        let all = frames.len();
        frames.retain(|frame| frame::open(frame.bytes).is_ok());
        self.unreadable.undecodable_frames += (all - frames.len()) as u64;
        let count = frames.len() as u64;
        match Journal::new(frames) {
            Some(journal) => drop(self.journals.insert(boot, journal)),
            None => {
                self.unreadable.headless_boots += 1;
                self.unreadable.headless_frames += count;
            }
        }
    }

    /// Every journal, by node and then by boot.
    pub fn iter(&self) -> btree_map::Values<'_, (NodeId, BootId), Journal<'a>> {
        self.journals.values()
    }

    /// What could not be read.
    pub fn unreadable(&self) -> &Unreadable {
        &self.unreadable
    }
}

impl<'a, 'j> IntoIterator for &'j Journals<'a> {
    type Item = &'j Journal<'a>;
    type IntoIter = btree_map::Values<'j, (NodeId, BootId), Journal<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The run's name: the first 16 bytes, in hexadecimal, of the SHA-256 of all frames by node, boot and number. The
/// configuration is in the frames. Times, file names and the way by which the frames came are not.
pub fn run_id(journals: &Journals<'_>) -> String {
    journals.run_id.clone()
}

/// Frames of many files, each of them once.
#[derive(Default)]
struct Union<'a> {
    frames: BTreeMap<(NodeId, BootId, u64), RawFrame<'a>>,
    unreadable: Unreadable,
}

impl<'a> Union<'a> {
    fn add(&mut self, blob: &'a [u8]) {
        let scan = scan(blob);
        self.unreadable.add(&scan.unreadable);
        for frame in scan.frames {
            let FrameHeader { node, boot, number, .. } = frame.header;
            let known = self.frames.entry((node, boot, number)).or_insert(frame);
            if known.bytes != frame.bytes {
                self.unreadable.conflicting_frames += 1;
                // Of two that cannot both be true the smaller one stays, so that the order of files is of no account.
                *known = if known.bytes < frame.bytes { *known } else { frame };
            }
        }
    }

    fn run_id(&self) -> String {
        let mut hash = Sha256::new();
        for frame in self.frames.values() {
            hash.update(frame.bytes);
        }
        hex::text(&hash.finalize()[..16])
    }

    fn by_boot(self) -> BTreeMap<(NodeId, BootId), Vec<RawFrame<'a>>> {
        let mut boots: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((node, boot, _), frame) in self.frames {
            boots.entry((node, boot)).or_default().push(frame);
        }
        boots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Writer, samples};
    use proptest::prelude::*;

    /// The frames of one boot, each with what one slot of the grid brings.
    fn boot(node: u32, boot: u64, frames: usize) -> Vec<Vec<u8>> {
        let mut writer = Writer::new(samples::header(node, boot));
        let cut = |number: usize| {
            let mut frame = Vec::new();
            writer.extend(samples::run(1, 1));
            writer.cut(Time::from_nanos(number as i64), &mut frame);
            frame
        };
        (0..frames).map(cut).collect()
    }

    #[test]
    fn files_of_several_boots_give_one_journal_each() {
        let (one, two, other) = (boot(1, 5, 2).concat(), boot(1, 6, 3).concat(), boot(0, 9, 1).concat());
        let mixed = [two.clone(), one.clone(), other].concat();
        let journals = Journals::read([&mixed[..], &one[..]]);
        let found: Vec<_> = journals.iter().map(|j| (j.header.node.0, j.header.boot.0, j.frames().count())).collect();
        assert_eq!(found, [(0, 9, 1), (1, 5, 2), (1, 6, 3)]);
        assert!(journals.unreadable().is_nothing());
    }

    #[test]
    fn a_missing_frame_is_a_gap_and_ends_what_is_covered() {
        let mut frames = boot(1, 5, 6);
        frames.drain(2..4);
        let bytes = frames.concat();
        let journals = Journals::read([&bytes[..]]);
        let journal = journals.iter().next().unwrap();
        assert_eq!((&journal.gaps[..], journal.covers_until), (&[2..=3][..], Time::from_nanos(1)));
        assert_eq!(journal.entries().count(), 4 * samples::run(1, 1).len(), "also those after the gap");
    }

    #[test]
    fn a_boot_without_its_header_is_counted_and_not_used() {
        let bytes = boot(1, 5, 3)[1..].concat();
        let journals = Journals::read([&bytes[..]]);
        assert_eq!(journals.iter().count(), 0);
        assert_eq!((journals.unreadable().headless_boots, journals.unreadable().headless_frames), (1, 2));
    }

    #[test]
    fn of_two_frames_that_cannot_both_be_true_the_same_one_stays_in_any_order() {
        let (one, mut two) = (boot(1, 5, 1).concat(), Vec::new());
        let mut writer = Writer::new(samples::header(1, 5));
        writer.cut(Time::MAX, &mut two);
        let journals = Journals::read([&one[..], &two[..]]);
        assert_eq!(journals.unreadable().conflicting_frames, 1);
        assert_eq!(journals, Journals::read([&two[..], &one[..]]));
    }

    proptest! {
        /// The run's name and its journals do not depend on how frames are spread over files.
        #[test]
        fn any_deal_of_the_frames_gives_the_same_journals(deal in prop::collection::vec(0..4_usize, 12)) {
            let frames = [boot(0, 1, 6), boot(1, 1, 6)].concat();
            let mut files = vec![Vec::new(); 4];
            for (file, frame) in deal.iter().zip(&frames).rev() {
                files[*file].extend_from_slice(frame);
                files[3].extend_from_slice(frame);
            }
            let whole = frames.concat();
            let (dealt, whole) = (Journals::read(files.iter().map(Vec::as_slice)), Journals::read([&whole[..]]));
            prop_assert_eq!(run_id(&dealt), run_id(&whole));
            prop_assert_eq!(dealt, whole);
        }
    }
}
