//! The frame: a header of fixed length, a checksum, and compressed columns. A frame can be read without any other.
//!
//! | bytes | what (little-endian) |
//! |---|---|
//! | 0–5 | magic `SKJF` and version: the [`Layout`] of the columns |
//! | 5–17 | node, boot |
//! | 17–25 | number of the frame in its boot, from zero |
//! | 25–29 | how many entries it holds |
//! | 29–37 | local instant up to which the agent's doings are in frames up to this one |
//! | 37–45 | length of the payload, raw and compressed |
//! | 45–49 | CRC-32 of all other bytes |
//! | 49– | payload: [`super::columns`], compressed by zstd |

use super::columns::{self, Layout, Malformed};
use super::entry::Entry;
use crate::ids::{BootId, NodeId};
use crate::time::{Local, Time};

/// The bytes a frame begins with.
pub const MAGIC: [u8; 4] = *b"SKJF";
/// Length of a frame's header.
pub const HEADER_BYTES: usize = 49;
/// Most bytes of a compressed payload.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Most bytes of a payload before compression.
pub const MAX_RAW_BYTES: usize = 16 << 20;
/// Most entries of one frame.
pub const MAX_ENTRIES: usize = 1 << 16;
/// Most bytes of a whole frame.
pub const MAX_FRAME_BYTES: usize = HEADER_BYTES + MAX_PAYLOAD_BYTES;

/// So many entries a frame may hold whatever its size; beyond, each takes two bytes of the payload at least. Real ones
/// take six and more (`results/`). Without this a megabyte could swell to tens of gigabytes in memory.
const FREE_ENTRIES: usize = 64;
/// So many raw bytes a payload may inflate to whatever its size, and beyond so many times its size. Real ones inflate
/// to the threefold.
const FREE_RAW_BYTES: usize = 4_096;
const MAX_INFLATION: usize = 256;

const CRC_AT: usize = 45;
/// Level 3 saved 1 to 2 % for 5 to 10 % more time, level 6 as much for 30 % more, in frames of 8,192 entries; change it
/// and `cargo bench --bench journal` shows both again.
const ZSTD_LEVEL: i32 = 1;

/// Why bytes are no frame, or why entries do not fit one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FrameError {
    /// The bytes end before the frame does.
    Truncated,
    /// Not the magic of a frame.
    Magic,
    /// Another version of the layout.
    Version,
    /// More bytes or entries than a frame may have.
    Oversize,
    /// The checksum is wrong.
    Checksum,
    /// The payload is not what zstd makes, or not of the declared length.
    Compression,
    /// The columns hold no entries.
    Columns(Malformed),
}

/// What a frame says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// How its columns are laid out.
    pub layout: Layout,
    /// The node that wrote it.
    pub node: NodeId,
    /// The start of the agent that wrote it.
    pub boot: BootId,
    /// Its number in this boot, from zero.
    pub number: u64,
    /// How many entries it holds.
    pub entries: u32,
    /// Everything this agent did up to this local instant is in frames up to this one.
    pub covers_until: Time<Local>,
    /// Length of the payload before compression.
    pub raw_bytes: u32,
    /// Length of the payload.
    pub payload_bytes: u32,
}

impl FrameHeader {
    /// The header at the front of `bytes`. Its sizes are within bounds, its checksum is yet to be verified.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, FrameError> {
        let known = bytes.len().min(MAGIC.len());
        if bytes[..known] != MAGIC[..known] {
            return Err(FrameError::Magic);
        }
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(FrameError::Truncated)?;
        let header = Self {
            layout: Layout::from_code(bytes[4]).ok_or(FrameError::Version)?,
            node: NodeId(u32_at(bytes, 5)),
            boot: BootId(u64_at(bytes, 9)),
            number: u64_at(bytes, 17),
            entries: u32_at(bytes, 25),
            covers_until: Time::from_nanos(u64_at(bytes, 29) as i64),
            raw_bytes: u32_at(bytes, 37),
            payload_bytes: u32_at(bytes, 41),
        };
        if header.is_within_bounds() { Ok(header) } else { Err(FrameError::Oversize) }
    }

    fn is_within_bounds(&self) -> bool {
        let (payload, raw, entries) = (self.payload_bytes as usize, self.raw_bytes as usize, self.entries as usize);
        payload <= MAX_PAYLOAD_BYTES
            && raw <= MAX_RAW_BYTES.min(FREE_RAW_BYTES + payload * MAX_INFLATION)
            && entries <= MAX_ENTRIES.min(FREE_ENTRIES + payload / 2)
    }

    /// Length of the whole frame.
    pub fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes as usize
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.push(self.layout as u8);
        out.extend_from_slice(&self.node.0.to_le_bytes());
        out.extend_from_slice(&self.boot.0.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.entries.to_le_bytes());
        out.extend_from_slice(&self.covers_until.as_nanos().to_le_bytes());
        out.extend_from_slice(&self.raw_bytes.to_le_bytes());
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
    }
}

/// The whole frame at the front of `bytes`, its checksum verified, and what it says of itself.
///
/// # Errors
/// Says why there is none.
pub fn check(bytes: &[u8]) -> Result<(FrameHeader, &[u8]), FrameError> {
    let header = FrameHeader::parse(bytes)?;
    let frame = bytes.get(..header.frame_bytes()).ok_or(FrameError::Truncated)?;
    if checksum(frame) != u32_at(frame, CRC_AT) {
        return Err(FrameError::Checksum);
    }
    Ok((header, frame))
}

/// The entries of the frame at the front of `bytes`.
///
/// # Errors
/// Says why there are none.
pub fn open(bytes: &[u8]) -> Result<(FrameHeader, Vec<Entry>), FrameError> {
    let (header, frame) = check(bytes)?;
    let raw = zstd::bulk::decompress(&frame[HEADER_BYTES..], header.raw_bytes as usize)
        .map_err(|_| FrameError::Compression)?;
    if raw.len() != header.raw_bytes as usize {
        return Err(FrameError::Compression);
    }
    let entries = columns::decode(header.layout, &raw, header.entries as usize).map_err(FrameError::Columns)?;
    Ok((header, entries))
}

/// The frame that holds `entries`.
///
/// # Errors
/// [`FrameError::Oversize`] if they are too many for one, or so alike that they take up next to no space.
pub fn seal(
    (node, boot, number): (NodeId, BootId, u64),
    covers_until: Time<Local>,
    entries: &[Entry],
) -> Result<Vec<u8>, FrameError> {
    let layout = Layout::of(entries);
    let raw = columns::encode(layout, entries);
    if entries.len() > MAX_ENTRIES || raw.len() > MAX_RAW_BYTES {
        return Err(FrameError::Oversize);
    }
    let payload = zstd::bulk::compress(&raw, ZSTD_LEVEL).map_err(|_| FrameError::Compression)?;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(FrameError::Oversize);
    }
    let (count, raw_bytes, payload_bytes) = (entries.len() as u32, raw.len() as u32, payload.len() as u32);
    let header = FrameHeader { layout, node, boot, number, entries: count, covers_until, raw_bytes, payload_bytes };
    if !header.is_within_bounds() {
        return Err(FrameError::Oversize);
    }
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    header.write(&mut frame);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&payload);
    let crc = checksum(&frame);
    frame[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    Ok(frame)
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..CRC_AT]);
    hasher.update(&frame[HEADER_BYTES..]);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples;
    use crate::node::Record;
    use proptest::prelude::*;

    fn frame() -> Vec<u8> {
        seal((NodeId(1), BootId(2), 3), Time::from_nanos(-4), &samples::run(2, 20)).unwrap()
    }

    #[test]
    fn a_frame_comes_back_with_all_it_says() {
        let (header, entries) = open(&frame()).unwrap();
        assert_eq!((header.node, header.boot, header.number), (NodeId(1), BootId(2), 3));
        assert_eq!(header.covers_until, Time::from_nanos(-4));
        assert_eq!(entries, samples::run(2, 20));
        let empty = seal((NodeId(1), BootId(2), 3), Time::MAX, &[]).unwrap();
        assert_eq!(open(&empty).unwrap().1, []);
        assert!(empty.len() < 64, "{}", empty.len());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let frame = frame();
        for bit in 0..8 * frame.len() {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_shorter_frame_is_truncated() {
        let frame = frame();
        for length in 0..frame.len() {
            assert_eq!(check(&frame[..length]), Err(FrameError::Truncated));
        }
    }

    #[test]
    fn a_declared_size_beyond_the_bounds_is_refused_from_the_header_alone() {
        for at in [25, 37, 41] {
            let mut frame = frame();
            frame[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
            assert_eq!(FrameHeader::parse(&frame[..HEADER_BYTES]), Err(FrameError::Oversize));
        }
    }

    #[test]
    fn a_payload_that_inflates_beyond_its_declared_length_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 8 << 20], 1).unwrap();
        let mut frame = frame();
        frame.truncate(HEADER_BYTES);
        frame[25..29].copy_from_slice(&1_u32.to_le_bytes());
        frame[37..41].copy_from_slice(&1000_u32.to_le_bytes());
        frame[41..45].copy_from_slice(&(bomb.len() as u32).to_le_bytes());
        frame.extend_from_slice(&bomb);
        let crc = checksum(&frame);
        frame[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(open(&frame), Err(FrameError::Compression));
    }

    #[test]
    fn a_frame_that_swells_beyond_reason_is_refused_from_its_header_alone() {
        let declare = |raw: u32, entries: u32| {
            let mut frame = frame();
            frame.truncate(HEADER_BYTES);
            frame[25..29].copy_from_slice(&entries.to_le_bytes());
            frame[37..41].copy_from_slice(&raw.to_le_bytes());
            frame[41..45].copy_from_slice(&1_000_u32.to_le_bytes());
            FrameHeader::parse(&frame).map(|_| ())
        };
        assert_eq!(declare(4_096 + 256_000, 64 + 500), Ok(()));
        assert_eq!(declare(4_097 + 256_000, 0), Err(FrameError::Oversize));
        assert_eq!(declare(0, 65 + 500), Err(FrameError::Oversize));
    }

    #[test]
    fn entries_that_are_all_alike_are_spread_until_they_weigh_something() {
        let alike = vec![Entry::Record(Record::Mark(Time::ZERO, crate::node::Mark::Stopped)); 4_096];
        assert_eq!(seal((NodeId(1), BootId(2), 3), Time::ZERO, &alike), Err(FrameError::Oversize));
        let mut writer = crate::journal::Writer::new(samples::header(1, 2));
        let mut file = Vec::new();
        writer.extend(alike.iter().cloned());
        writer.cut(Time::ZERO, &mut file);
        let journals = crate::journal::Journals::read([&file[..]]);
        let read: Vec<Entry> = journals.iter().flat_map(|journal| journal.entries()).collect();
        let alike_bytes = alike.len();
        assert_eq!((read, writer.lost()), (alike, 0));
        assert!(file.len() > alike_bytes, "{} bytes", file.len());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_frame_or_a_reason(mut bytes: Vec<u8>) {
            let _ = open(&bytes);
            bytes.splice(0..0, MAGIC);
            prop_assert!(open(&bytes).is_err());
        }
    }
}
