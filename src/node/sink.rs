//! Where a node's outputs go: a queue that keeps them all, or a driver that needs few of them and never has the others made.

use std::collections::VecDeque;

use super::{Output, Record};
use crate::probe::Probe;

/// Takes what a node wants done, in order.
pub trait Sink {
    /// Send a message at once: `write` sets every part of it, so that a driver may have it written where it is needed.
    fn send(&mut self, write: impl FnOnce(&mut Probe));

    /// Something happened to the node: a mark, a message, an exchange.
    fn note(&mut self, record: impl FnOnce() -> Record);

    /// A clock did something: [`Record::Changed`] or [`Record::Ahead`].
    fn derived(&mut self, record: Record);
}

impl Sink for VecDeque<Output> {
    fn send(&mut self, write: impl FnOnce(&mut Probe)) {
        let mut probe = Probe::blank();
        write(&mut probe);
        self.push_back(Output::Send(probe));
    }

    fn note(&mut self, record: impl FnOnce() -> Record) {
        self.push_back(Output::Record(record()));
    }

    fn derived(&mut self, record: Record) {
        self.push_back(Output::Record(record));
    }
}
