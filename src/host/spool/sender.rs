//! What the probe thread hands over to the spool's, which it never waits for.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use crate::journal::Entry;
use crate::time::{Local, Time};

/// What goes over to the spool's thread at once.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) covers_until: Time<Local>,
}

/// The probe thread's end of a spool.
#[derive(Debug)]
pub struct Sender {
    channel: SyncSender<Batch>,
    backlog: Vec<Entry>,
    covers_until: Time<Local>,
    bound: usize,
    dropped: u64,
}

impl Sender {
    /// Hands over by `channel`, and keeps at most `bound` entries while that is full.
    pub(super) fn new(channel: SyncSender<Batch>, bound: usize) -> Self {
        Self { channel, backlog: Vec::new(), covers_until: Time::MIN, bound, dropped: 0 }
    }

    /// Hands entries over, in their order, and says that everything the agent did up to `covers_until` is among those
    /// handed over so far. It never waits. Once entries were dropped, nothing later counts as covered, since that
    /// would be untrue.
    pub fn offer(&mut self, mut batch: Vec<Entry>, covers_until: Time<Local>) {
        if self.backlog.is_empty() {
            self.backlog = batch;
        } else if self.backlog.len() + batch.len() <= self.bound {
            self.backlog.append(&mut batch);
        } else {
            self.hand_over();
            self.keep(batch);
        }
        if self.dropped == 0 {
            self.covers_until = self.covers_until.max(covers_until);
        }
        self.hand_over();
    }

    /// Keeps a batch for which there was no room, if there is room by now.
    fn keep(&mut self, mut batch: Vec<Entry>) {
        if self.backlog.is_empty() || self.backlog.len() + batch.len() <= self.bound {
            self.backlog.append(&mut batch);
        } else {
            self.dropped += batch.len() as u64;
        }
    }

    fn hand_over(&mut self) {
        let entries = std::mem::take(&mut self.backlog);
        match self.channel.try_send(Batch { entries, covers_until: self.covers_until }) {
            Ok(()) => {}
            Err(TrySendError::Full(batch)) => self.backlog = batch.entries,
            Err(TrySendError::Disconnected(batch)) => self.dropped += batch.entries.len() as u64,
        }
    }

    /// How many entries were dropped since neither thread nor buffer could take them.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The end: waits until the thread has taken what is left, yet no longer than `patience`. Returns how many entries
    /// were dropped in all.
    pub fn finish(mut self, patience: Duration) -> u64 {
        let deadline = Instant::now() + patience;
        self.hand_over();
        while !self.backlog.is_empty() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
            self.hand_over();
        }
        self.dropped + self.backlog.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::journal::samples;

    #[test]
    fn a_full_channel_costs_no_time_and_no_entry_until_the_buffer_is_full_too() {
        let (channel, batches) = sync_channel(1);
        let mut sender = Sender::new(channel, 4);
        let entry = samples::run(1, 1).remove(0);
        for at in 1..=4 {
            sender.offer(vec![entry.clone(); 2], Time::from_nanos(at));
        }
        assert_eq!((sender.dropped(), sender.covers_until.as_nanos()), (2, 3));
        assert_eq!(batches.recv().unwrap().covers_until.as_nanos(), 1);
        sender.offer(Vec::new(), Time::from_nanos(5));
        let batch = batches.recv().unwrap();
        assert_eq!((batch.entries.len(), batch.covers_until.as_nanos()), (4, 3));
    }
}
