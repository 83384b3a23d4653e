//! Entries as columns: all numbers of one meaning lie together, each as its difference from what the past predicts.
//!
//! Most differences are zero or small, so they take a byte each, and zstd then finds that the bytes repeat. `fields`
//! describes every record once; the two implementations of `Pass` turn that description into an encoder and a decoder,
//! which therefore cannot disagree. A block of columns stands alone: nothing is predicted from another frame.
//!
//! | bytes | what |
//! |---|---|
//! | varint each | length of every column |
//! | – | the columns, in the order of their numbers |

use super::entry::{Entry, Note};
use super::fields;
use super::past::Past;
use super::varint;
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
    /// How many columns there are.
    pub const COUNT: usize = 96;

    /// The column `offset` places further on, for fields that repeat as a group.
    pub const fn plus(self, offset: usize) -> Self {
        Self(self.0 + offset)
    }
}

/// One pass over the fields of an entry: writing them, or reading them.
pub(super) trait Pass {
    /// The field's value. Writing, that is `value`, stored as its difference from `base`; reading, `value` is ignored.
    fn number(&mut self, column: Column, base: i64, value: i64) -> Result<i64, Malformed>;

    /// A note's bytes, likewise.
    fn blob(&mut self, value: &[u8]) -> Result<Vec<u8>, Malformed>;
}

/// Writes columns.
struct Encoder {
    columns: Vec<Vec<u8>>,
}

impl Pass for Encoder {
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
    columns: Vec<&'a [u8]>,
}

impl<'a> Decoder<'a> {
    fn new(mut bytes: &'a [u8]) -> Result<Self, Malformed> {
        let lengths = (0..Column::COUNT).map(|_| varint::take(&mut bytes)).collect::<Result<Vec<_>, _>>()?;
        let mut columns = Vec::with_capacity(Column::COUNT);
        for length in lengths {
            let length = usize::try_from(length).map_err(|_| Malformed::Field)?;
            let (column, rest) = bytes.split_at_checked(length).ok_or(Malformed::Truncated)?;
            columns.push(column);
            bytes = rest;
        }
        if bytes.is_empty() { Ok(Self { columns }) } else { Err(Malformed::Surplus) }
    }
}

impl Pass for Decoder<'_> {
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

/// The block of columns that holds `entries`. No entries give no bytes.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    if entries.is_empty() {
        return Vec::new();
    }
    let mut encoder = Encoder { columns: vec![Vec::new(); Column::COUNT] };
    let mut past = Past::default();
    for (index, entry) in entries.iter().enumerate() {
        encode_entry(&mut encoder, &past, &entries[..index], entry).expect("whatever is in memory can be written");
        past.learn(index, entry);
    }
    let mut out = Vec::with_capacity(2 * Column::COUNT + encoder.columns.iter().map(Vec::len).sum::<usize>());
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
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<Entry>, Malformed> {
    if count == 0 {
        return if bytes.is_empty() { Ok(Vec::new()) } else { Err(Malformed::Surplus) };
    }
    let mut decoder = Decoder::new(bytes)?;
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
        let bytes = encode(&entries);
        assert!(bytes.len() < 20 * entries.len(), "{} bytes for {} entries", bytes.len(), entries.len());
        assert_eq!(decode(&bytes, entries.len()), Ok(entries));
    }

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused_before_allocating() {
        let bytes = encode(&samples::run(2, 10));
        assert_eq!(decode(&bytes, usize::MAX), Err(Malformed::Truncated));
        assert_eq!(decode(&bytes, 3), Err(Malformed::Surplus));
        assert_eq!(decode(&[], 1), Err(Malformed::Truncated));
        assert_eq!(decode(&[0], 0), Err(Malformed::Surplus));
    }

    proptest! {
        #[test]
        fn any_entries_come_back_exactly(entries in prop::collection::vec(samples::entry(), 0..40)) {
            prop_assert_eq!(decode(&encode(&entries), entries.len()), Ok(entries));
        }

        #[test]
        fn any_bytes_give_entries_or_an_error(bytes: Vec<u8>, count in 0..100_usize) {
            let _ = decode(&bytes, count);
        }

        /// Bytes near to valid ones reach deeper into the decoder than random ones.
        #[test]
        fn changed_bytes_give_entries_or_an_error(entries in prop::collection::vec(samples::entry(), 1..20),
                                                  at: prop::sample::Index, value: u8) {
            let mut bytes = encode(&entries);
            let at = at.index(bytes.len());
            bytes[at] = value;
            let _ = decode(&bytes, entries.len());
        }
    }
}
