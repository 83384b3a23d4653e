//! One boot's journal, in memory.

use crate::journal::{Entry, Header, Note, Writer, file_name};
use crate::node::{Counters, Record};
use crate::time::{Local, Nanos, Time};

/// Collects what a node records and packs it into frames.
#[derive(Debug)]
pub struct Recorder {
    name: String,
    writer: Writer,
    bytes: Vec<u8>,
}

impl Recorder {
    /// The journal that begins with `header`.
    pub fn new(header: Header) -> Self {
        let name = file_name(header.node, header.boot);
        Self { name, writer: Writer::new(header), bytes: Vec::new() }
    }

    /// Takes a record. A frame that is full covers what happened before the record that filled it.
    pub fn push(&mut self, record: Record) {
        let at = record.at();
        self.writer.extend([Entry::Record(record)]);
        if self.writer.is_full() {
            self.writer.cut(at - Nanos(1), &mut self.bytes);
        }
    }

    /// Takes a note.
    pub fn note(&mut self, note: Note) {
        self.writer.extend([Entry::Note(note)]);
    }

    /// Ends the journal at local time `at`; its file name and its bytes.
    pub fn finish(mut self, counters: &Counters, at: Time<Local>) -> (String, Vec<u8>) {
        self.writer.extend([Entry::Note(Note::Counters(counters.named()))]);
        self.writer.cut(at, &mut self.bytes);
        (self.name, self.bytes)
    }
}
