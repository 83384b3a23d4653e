//! Finds the frames in bytes that may be damaged anywhere.

use super::frame::{self, FrameError, FrameHeader, MAGIC, MAX_FRAME_BYTES};

/// What could not be read, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unreadable {
    /// Bytes that belong to no readable frame, the tail not counted.
    pub skipped_bytes: u64,
    /// Frames that begin as frames do, yet are damaged.
    pub bad_frames: u64,
    /// Bytes of a last frame that was cut off: what a killed agent or a full disk leaves behind.
    pub truncated_tail_bytes: u64,
    /// Frames with a right checksum whose entries cannot be decoded.
    pub undecodable_frames: u64,
    /// Frames of boots whose first frame, and with it the configuration, is missing.
    pub headless_frames: u64,
    /// Boots whose first frame is missing.
    pub headless_boots: u64,
    /// Frames that differ from another one of the same node, boot and number.
    pub conflicting_frames: u64,
}

impl Unreadable {
    /// Whether everything was read.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        self.skipped_bytes += other.skipped_bytes;
        self.bad_frames += other.bad_frames;
        self.truncated_tail_bytes += other.truncated_tail_bytes;
        self.undecodable_frames += other.undecodable_frames;
        self.headless_frames += other.headless_frames;
        self.headless_boots += other.headless_boots;
        self.conflicting_frames += other.conflicting_frames;
    }
}

/// A frame as it lies in the bytes it was found in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RawFrame<'a> {
    /// What the frame says of itself.
    pub header: FrameHeader,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// The frames in a file's bytes, and what else there was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scan<'a> {
    /// Every frame with a right checksum, in order of appearance.
    pub frames: Vec<RawFrame<'a>>,
    /// How many bytes there are up to the end of the last of them.
    pub end: usize,
    /// What was not readable.
    pub unreadable: Unreadable,
}

/// Checksums may be taken over so many bytes for each byte of a file, and so many more. What only looks like a frame
/// costs up to a megabyte of checksum; a file full of that would cost hours. Real damage comes nowhere near.
const WORK_PER_BYTE: usize = 4;
const FREE_WORK_BYTES: usize = 64 * MAX_FRAME_BYTES;

/// Finds every frame with a right checksum. After damage it goes on at the next magic that begins such a frame, unless
/// there is more damage than any accident does: then the rest is passed over.
pub fn scan(bytes: &[u8]) -> Scan<'_> {
    let mut scan = Scan::default();
    let mut at = 0;
    let mut first_damage = None;
    let mut work = bytes.len().saturating_mul(WORK_PER_BYTE).saturating_add(FREE_WORK_BYTES);
    while at < bytes.len() {
        match frame::check(&bytes[at..]) {
            Ok((header, frame)) => {
                scan.unreadable.skipped_bytes += (at - scan.end) as u64;
                at += frame.len();
                (scan.end, first_damage) = (at, None);
                scan.frames.push(RawFrame { header, bytes: frame });
            }
            Err(error) => {
                first_damage.get_or_insert(error);
                let Some(rest) = work.checked_sub(work_of(error, &bytes[at..])) else { break };
                work = rest;
                scan.unreadable.bad_frames += u64::from(matches!(error, FrameError::Checksum | FrameError::Oversize));
                at = next_magic(bytes, at + 1);
            }
        }
    }
    let tail = (bytes.len() - scan.end) as u64;
    match first_damage {
        Some(FrameError::Truncated) => scan.unreadable.truncated_tail_bytes = tail,
        _ => scan.unreadable.skipped_bytes += tail,
    }
    scan
}

/// How many bytes a checksum was taken over in vain.
fn work_of(error: FrameError, bytes: &[u8]) -> usize {
    let length = || FrameHeader::parse(bytes).map_or(0, |header| header.frame_bytes());
    if error == FrameError::Checksum { length() } else { 0 }
}

/// Where the next magic begins, or the end.
fn next_magic(bytes: &[u8], from: usize) -> usize {
    let first = |at: usize| bytes[at..].iter().position(|byte| *byte == MAGIC[0]).map(|offset| at + offset);
    let mut at = from;
    while let Some(candidate) = first(at) {
        let rest = &bytes[candidate..];
        if rest.starts_with(&MAGIC) || MAGIC.starts_with(rest) {
            return candidate;
        }
        at = candidate + 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BootId, NodeId};
    use crate::journal::samples;
    use crate::time::Time;
    use proptest::prelude::*;

    fn frames(count: u64) -> Vec<Vec<u8>> {
        let seal = |number| frame::seal((NodeId(1), BootId(2), number), Time::ZERO, &samples::run(1, 8));
        (0..count).map(|number| seal(number).unwrap()).collect()
    }

    fn numbers(scan: &Scan<'_>) -> Vec<u64> {
        scan.frames.iter().map(|frame| frame.header.number).collect()
    }

    #[test]
    fn a_damaged_frame_in_the_middle_costs_only_itself() {
        let frames = frames(3);
        let mut bytes = frames.concat();
        bytes[frames[0].len() + 60] ^= 1;
        let scan = scan(&bytes);
        assert_eq!(numbers(&scan), [0, 2]);
        assert_eq!((scan.unreadable.bad_frames, scan.unreadable.skipped_bytes), (1, frames[1].len() as u64));
    }

    #[test]
    fn a_damaged_length_does_not_swallow_what_follows() {
        let frames = frames(3);
        let mut bytes = frames.concat();
        bytes[frames[0].len() + 43] ^= 4;
        assert_eq!(numbers(&scan(&bytes)), [0, 2]);
    }

    #[test]
    fn a_file_of_nothing_but_false_beginnings_takes_no_longer_than_its_size_allows() {
        let mut false_beginning = [0; 49];
        false_beginning[..5].copy_from_slice(b"SKJF\x01");
        false_beginning[41..45].copy_from_slice(&(1_u32 << 20).to_le_bytes());
        let mut bytes = false_beginning.repeat(60_000);
        bytes.extend_from_slice(&[0; 1 << 20]);
        let found = scan(&bytes);
        assert_eq!((found.frames.len(), found.unreadable.skipped_bytes), (0, bytes.len() as u64));
        assert!(found.unreadable.bad_frames < 100, "{} checksums", found.unreadable.bad_frames);
    }

    #[test]
    fn a_frame_that_was_cut_off_is_a_tail() {
        let bytes = frames(2).concat();
        let length = bytes.len() / 2;
        for cut in length + 1..bytes.len() {
            let scan = scan(&bytes[..cut]);
            assert_eq!((numbers(&scan), scan.end), (vec![0], length));
            let tail = Unreadable { truncated_tail_bytes: (cut - length) as u64, ..Unreadable::default() };
            assert_eq!(scan.unreadable, tail);
        }
    }

    proptest! {
        #[test]
        fn every_frame_between_junk_is_found_and_every_byte_is_accounted_for(
            junk in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 4)
        ) {
            let (mut bytes, frames) = (Vec::new(), frames(3));
            for (junk, frame) in junk.iter().zip(frames.iter().chain([&Vec::new()])) {
                bytes.extend(junk);
                bytes.extend(frame);
            }
            let scan = scan(&bytes);
            prop_assert_eq!(numbers(&scan), [0, 1, 2]);
            let unread = scan.unreadable.skipped_bytes + scan.unreadable.truncated_tail_bytes;
            prop_assert_eq!(unread, junk.concat().len() as u64);
        }
    }
}
