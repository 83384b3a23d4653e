//! Entries as columns: all numbers of one meaning lie together, each as its difference from what the past predicts.
//!
//! Most differences are zero or small, so they take a byte each, and zstd then finds that the bytes repeat. `fields`
//! describes every record once; the two implementations of `Pass` turn that description into an encoder and a decoder,
//! which therefore cannot disagree. A block of columns stands alone: nothing is predicted from another frame.
//!
//! | bytes | what |
//! |---|---|
//! | varint | only in [`Layout::Chosen`]: how many columns there are |
//! | varint each | length of every column |
//! | – | the columns, in the order of their numbers |

use super::entry::{Entry, Note};
use super::past::Past;
use super::varint;
use super::{claims, fields};
use crate::ids::{Algorithm, Algorithms};
use crate::node::Record;

/// Why bytes are no block of columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Malformed {
    /// A column ends too early.
    Truncated,
    /// A number has more than 64 bits.
    Number,
    /// An entry is of no known kind.
    Kind,
    /// A number has no meaning in its field.
    Field,
    /// A note is not the JSON of a note.
    Note,
    /// Bytes are left over.
    Surplus,
}

/// The number of a column.
#[derive(Clone, Copy)]
pub(super) struct Column(pub usize);

impl Column {
    /// The kind of every entry, in order: it keeps the order across kinds.
    pub const KIND: Self = Self(0);
    /// How many bytes a note has.
    pub const NOTE_LENGTH: Self = Self(1);
    /// The bytes of all notes.
    pub const NOTE_BYTES: Self = Self(2);
    /// The claims of the usual clocks.
    pub const CLAIMS: Self = Self(60);
    /// How many columns there are in [`Layout::Usual`].
    pub const USUAL_COUNT: usize = 96;
    /// Which clocks claim, in [`Layout::Chosen`].
    pub const CLAIMANTS: Self = Self(Self::USUAL_COUNT);
    /// Most columns that there are: clocks that came later have theirs after all others.
    pub const COUNT: usize =
        Self::CLAIMANTS.0 + 1 + (Algorithm::ALL.len() - 1 - Algorithm::System as usize) * claims::WIDTH;

    /// The first column of an algorithm's claims.
    pub const fn of_claims(algorithm: Algorithm) -> Self {
        const LAST_USUAL: usize = Algorithm::Hlc as usize;
        const FIRST_CHOSEN: usize = Algorithm::System as usize + 1;
        match algorithm as usize {
            usual @ 1..=LAST_USUAL => Self::CLAIMS.plus((usual - 1) * claims::WIDTH),
            chosen @ FIRST_CHOSEN.. => Self::CLAIMANTS.plus(1 + (chosen - FIRST_CHOSEN) * claims::WIDTH),
            // The free-running and the system clock claim nothing.
            _ => Self::CLAIMS,
        }
    }

    /// The column `offset` places further on, for fields that repeat as a group.
    pub const fn plus(self, offset: usize) -> Self {
        Self(self.0 + offset)
    }
}

/// How a block is laid out: a frame's version says so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Layout {
    /// Every message carries the claims of the usual clocks, as all did before there was a choice.
    Usual = 1,
    /// Every message says which clocks claim.
    Chosen = 2,
}

impl Layout {
    /// The layout that can hold `entries` and takes the least room.
    pub fn of(entries: &[Entry]) -> Self {
        let is_usual = |entry: &Entry| match entry {
            Entry::Record(Record::Received(received)) => received.claims.by() == Algorithms::USUAL,
            Entry::Record(Record::Exchanged(_, _, exchange)) => exchange.claims.by() == Algorithms::USUAL,
            _ => true,
        };
        if entries.iter().all(is_usual) { Self::Usual } else { Self::Chosen }
    }

    /// The layout with this number in a frame.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Usual),
            2 => Some(Self::Chosen),
            _ => None,
        }
    }

    /// How many columns this program writes.
    const fn columns(self) -> usize {
        match self {
            Self::Usual => Column::USUAL_COUNT,
            Self::Chosen => Column::COUNT,
        }
    }
}

/// One pass over the fields of an entry: writing them, or reading them.
pub(super) trait Pass {
    /// How the block is laid out.
    fn layout(&self) -> Layout;

    /// The field's value. Writing, that is `value`, stored as its difference from `base`; reading, `value` is ignored.
    fn number(&mut self, column: Column, base: i64, value: i64) -> Result<i64, Malformed>;

    /// A note's bytes, likewise.
    fn blob(&mut self, value: &[u8]) -> Result<Vec<u8>, Malformed>;
}

/// Writes columns.
struct Encoder {
    layout: Layout,
    columns: Vec<Vec<u8>>,
}

impl Pass for Encoder {
    fn layout(&self) -> Layout {
        self.layout
    }

    #[inline]
    fn number(&mut self, column: Column, base: i64, value: i64) -> Result<i64, Malformed> {
        varint::put(&mut self.columns[column.0], value.wrapping_sub(base));
        Ok(value)
    }

    fn blob(&mut self, value: &[u8]) -> Result<Vec<u8>, Malformed> {
        self.number(Column::NOTE_LENGTH, 0, value.len() as i64)?;
        self.columns[Column::NOTE_BYTES.0].extend_from_slice(value);
        Ok(Vec::new())
    }
}

/// Reads columns.
struct Decoder<'a> {
    layout: Layout,
    columns: Vec<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    fn new(layout: Layout, mut bytes: &'a [u8]) -> Result<Self, Malformed> {
        let count = match layout {
            Layout::Usual => Column::USUAL_COUNT,
            Layout::Chosen => usize::try_from(varint::take(&mut bytes)?).map_err(|_| Malformed::Field)?,
        };
        // Columns that the writer did not know yet are empty; those that this program does not know are no such block.
        if !(Column::USUAL_COUNT..=Column::COUNT).contains(&count) {
            return Err(Malformed::Field);
        }
        let lengths = (0..count).map(|_| varint::take(&mut bytes)).collect::<Result<Vec<_>, _>>()?;
        let mut columns = Vec::with_capacity(Column::COUNT);
        for length in lengths {
            let length = usize::try_from(length).map_err(|_| Malformed::Field)?;
            let (column, rest) = bytes.split_at_checked(length).ok_or(Malformed::Truncated)?;
            columns.push(column);
            bytes = rest;
        }
        columns.resize(Column::COUNT, &[][..]);
        if bytes.is_empty() { Ok(Self { layout, columns }) } else { Err(Malformed::Surplus) }
    }
}

impl Pass for Decoder<'_> {
    fn layout(&self) -> Layout {
        self.layout
    }

    #[inline]
    fn number(&mut self, column: Column, base: i64, _: i64) -> Result<i64, Malformed> {
        Ok(varint::take(&mut self.columns[column.0])?.wrapping_add(base))
    }

    fn blob(&mut self, _: &[u8]) -> Result<Vec<u8>, Malformed> {
        let length = usize::try_from(self.number(Column::NOTE_LENGTH, 0, 0)?).map_err(|_| Malformed::Field)?;
        let bytes = &mut self.columns[Column::NOTE_BYTES.0];
        let (blob, rest) = bytes.split_at_checked(length).ok_or(Malformed::Truncated)?;
        *bytes = rest;
        Ok(blob.to_vec())
    }
}

const KIND_NOTE: i64 = 0;

/// The block of columns that holds `entries`, laid out as [`Layout::of`] them says or more generously. No entries give no
/// bytes.
pub fn encode(layout: Layout, entries: &[Entry]) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut encoder = Encoder { layout, columns: vec![Vec::new(); layout.columns()] };
    let mut past = Past::default();
    for (index, entry) in entries.iter().enumerate() {
        encode_entry(&mut encoder, &past, &entries[..index], entry).expect("whatever is in memory can be written");
        past.learn(index, entry);
    }
    let mut out = Vec::with_capacity(2 * Column::COUNT + encoder.columns.iter().map(Vec::len).sum::<usize>());
    if layout == Layout::Chosen {
        varint::put(&mut out, encoder.columns.len() as i64);
    }
    for column in &encoder.columns {
        varint::put(&mut out, column.len() as i64);
    }
    for column in &encoder.columns {
        out.extend_from_slice(column);
    }
    out
}

fn encode_entry(pass: &mut Encoder, past: &Past, before: &[Entry], entry: &Entry) -> Result<(), Malformed> {
    match entry {
        Entry::Note(note) => {
            pass.number(Column::KIND, 0, KIND_NOTE)?;
            pass.blob(&serde_json::to_vec(note).expect("notes have no keys but text"))?;
        }
        Entry::Record(record) => {
            pass.number(Column::KIND, 0, fields::kind(record))?;
            fields::record(pass, past, before, record)?;
        }
    }
    Ok(())
}

/// The entries in a block of columns; `count` is how many there must be. It allocates for no more entries than the
/// bytes can hold.
///
/// # Errors
/// Says why the bytes are no such block.
pub fn decode(layout: Layout, bytes: &[u8], count: usize) -> Result<Vec<Entry>, Malformed> {
    if count == 0 {
        return if bytes.is_empty() { Ok(Vec::new()) } else { Err(Malformed::Surplus) };
    }
    let mut decoder = Decoder::new(layout, bytes)?;
    if decoder.columns[Column::KIND.0].len() < count {
        return Err(Malformed::Truncated);
    }
    let mut past = Past::default();
    let mut entries = Vec::with_capacity(count);
    for index in 0..count {
        let entry = decode_entry(&mut decoder, &past, &entries)?;
        past.learn(index, &entry);
        entries.push(entry);
    }
    if decoder.columns.iter().all(|column| column.is_empty()) { Ok(entries) } else { Err(Malformed::Surplus) }
}

fn decode_entry(pass: &mut Decoder<'_>, past: &Past, before: &[Entry]) -> Result<Entry, Malformed> {
    let kind = pass.number(Column::KIND, 0, 0)?;
    if kind == KIND_NOTE {
        let note: Note = serde_json::from_slice(&pass.blob(&[])?).map_err(|_| Malformed::Note)?;
        return Ok(Entry::Note(note));
    }
    let blank: Record = fields::blank(kind).ok_or(Malformed::Kind)?;
    fields::record(pass, past, before, &blank).map(Entry::Record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::samples;
    use proptest::prelude::*;

    #[test]
    fn a_realistic_run_comes_back_and_is_small() {
        let entries = samples::run(3, 2_000);
        let layout = Layout::of(&entries);
        let bytes = encode(layout, &entries);
        assert_eq!(layout, Layout::Usual);
        assert!(bytes.len() < 20 * entries.len(), "{} bytes for {} entries", bytes.len(), entries.len());
        assert_eq!(decode(layout, &bytes, entries.len()), Ok(entries));
    }

    #[test]
    fn no_two_algorithms_share_a_column() {
        let claiming = Algorithms::ALL.iter().map(|algorithm| Column::of_claims(algorithm).0);
        let mut taken: Vec<usize> = claiming.flat_map(|first| first..first + claims::WIDTH).collect();
        taken.push(Column::CLAIMANTS.0);
        taken.sort_unstable();
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]) && taken.last() < Some(&Column::COUNT), "{taken:?}");
    }

    #[test]
    fn a_block_of_a_program_that_knew_fewer_clocks_is_read() {
        let entries = samples::run(2, 10);
        let mut bytes = encode(Layout::Chosen, &entries);
        assert_eq!(decode(Layout::Chosen, &bytes, entries.len()).as_ref(), Ok(&entries));
        // Without the columns of the clocks that came last, which are empty.
        let fewer = Column::CLAIMANTS.0 + 1;
        let mut count = Vec::new();
        varint::put(&mut count, Column::COUNT as i64);
        let known = count.len();
        count.clear();
        varint::put(&mut count, fewer as i64);
        let mut lengths = &bytes[known..];
        (0..fewer).for_each(|_| assert!(varint::take(&mut lengths).is_ok()));
        let end = bytes.len() - lengths.len();
        bytes.drain(end..end + Column::COUNT - fewer);
        bytes.splice(0..known, count);
        assert_eq!(decode(Layout::Chosen, &bytes, entries.len()), Ok(entries));
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused_before_allocating() {
        for layout in [Layout::Usual, Layout::Chosen] {
            let bytes = encode(layout, &samples::run(2, 10));
            assert_eq!(decode(layout, &bytes, usize::MAX), Err(Malformed::Truncated));
            assert_eq!(decode(layout, &bytes, 3), Err(Malformed::Surplus));
            assert_eq!(decode(layout, &[], 1), Err(Malformed::Truncated));
            assert_eq!(decode(layout, &[0], 0), Err(Malformed::Surplus));
        }
        let mut many = Vec::new();
        varint::put(&mut many, i64::MAX);
        assert_eq!(decode(Layout::Chosen, &many, 1), Err(Malformed::Field));
    }

    proptest! {
        #[test]
        fn any_entries_come_back_exactly(entries in prop::collection::vec(samples::entry(), 0..40)) {
            for layout in [Layout::of(&entries), Layout::Chosen] {
                let bytes = encode(layout, &entries);
                let decoded = decode(layout, &bytes, entries.len());
                prop_assert_eq!(decoded.as_ref(), Ok(&entries));
            }
        }

        #[test]
        fn any_bytes_give_entries_or_an_error(bytes: Vec<u8>, count in 0..100_usize) {
            let _ = decode(Layout::Usual, &bytes, count);
            let _ = decode(Layout::Chosen, &bytes, count);
        }

        /// Bytes near to valid ones reach deeper into the decoder than random ones.
        #[test]
        fn changed_bytes_give_entries_or_an_error(entries in prop::collection::vec(samples::entry(), 1..20),
                                                  at: prop::sample::Index, value: u8) {
            let layout = Layout::of(&entries);
            let mut bytes = encode(layout, &entries);
            let at = at.index(bytes.len());
            bytes[at] = value;
            let _ = decode(layout, &bytes, entries.len());
        }
    }
}
