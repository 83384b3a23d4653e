//! What a node takes from its peers in a phase. Whoever breaks the rules of the protocol is cut off.

use std::task::Context;

use super::Now;
use super::engine::Engine;
use super::peer::Rest;
use crate::order::Stamp;
use crate::order::message::{Batch, Frame, Message, decode, issued};
use crate::order::total_order::OutOfOrder;
use crate::workload::wire;

impl Engine<'_> {
    /// Takes in what came: the number of reads and messages.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, now: &Now) -> usize {
        let mut moves = 0;
        for peer in 0..self.mesh.peers.len() {
            moves += usize::from(self.mesh.peers[peer].poll_read(cx).is_ready());
            moves += self.take_messages(peer, now);
        }
        moves
    }

    /// Takes the messages of a peer that are complete, of this phase, and for which there is room.
    fn take_messages(&mut self, peer: usize, now: &Now) -> usize {
        let id = self.mesh.peers[peer].id;
        let mut inbox = std::mem::take(&mut self.mesh.peers[peer].inbox);
        let mut messages = 0;
        let rest = loop {
            let record = inbox.record(now.raw);
            if record.is_empty() {
                break Rest::Partial;
            }
            match decode(record, id) {
                Ok(Some(frame)) if !self.takes(peer, &frame) => break Rest::Waits,
                Ok(Some(frame)) => {
                    messages += 1;
                    if self.take(peer, &frame, now).is_err() {
                        break Rest::Wrong;
                    }
                    let bytes = frame.bytes;
                    inbox.take(bytes);
                }
                // A record has whole messages. Those of a scene that ended early may still come.
                Ok(None) | Err(_) => match wire::Frame::decode(record) {
                    // Whoever is done with the phase speaks of a scene to come.
                    Ok(Some(_)) if self.progress[peer].done.is_some() => break Rest::Waits,
                    Ok(Some(frame)) => {
                        let bytes = frame.bytes();
                        inbox.take(bytes);
                    }
                    _ => break Rest::Wrong,
                },
            }
        };
        self.mesh.peers[peer].inbox = inbox;
        self.mesh.peers[peer].leave(rest, now.raw);
        messages
    }

    /// Whether a message may be taken now: not if it is of a later phase, or a batch without room.
    fn takes(&self, peer: usize, frame: &Frame<'_>) -> bool {
        match frame.message {
            _ if frame.phase != self.phase.index => frame.phase < self.phase.index,
            Message::Batch(batch) => self.order.room(peer + 1) >= batch.len(),
            Message::Heartbeat(_) | Message::Done { .. } | Message::Receipt => true,
        }
    }

    /// Takes one message; one of an earlier phase, which was cut short, is ignored.
    fn take(&mut self, peer: usize, frame: &Frame<'_>, now: &Now) -> Result<(), OutOfOrder> {
        if frame.phase < self.phase.index {
            return Ok(());
        }
        let source = peer + 1;
        let progress = &mut self.progress[peer];
        if !(progress.receipts..=self.issued).contains(&frame.received) {
            return Err(OutOfOrder);
        }
        progress.receipts = frame.received;
        match frame.message {
            Message::Batch(batch) => {
                if batch.first != progress.received || progress.done.is_some() {
                    return Err(OutOfOrder);
                }
                progress.received += batch.len() as u64;
                let last = self.admit(source, &batch)?;
                self.wanted = self.wanted.max(last);
                self.stamper.merge(now.physical, last);
                Ok(())
            }
            Message::Heartbeat(stamp) => {
                self.stamper.merge(now.physical, stamp);
                self.order.see(source, stamp)
            }
            Message::Done { issued } => {
                if progress.received != issued || progress.done.is_some() {
                    return Err(OutOfOrder);
                }
                progress.done = Some(issued);
                self.order.see(source, Stamp::END)
            }
            Message::Receipt => Ok(()),
        }
    }

    /// Queues a batch, or delivers it at once if nothing is ordered: its last stamp.
    pub(super) fn admit(&mut self, source: usize, batch: &Batch<'_>) -> Result<Stamp, OutOfOrder> {
        if batch.payload_bytes != self.phase.payload_bytes as usize {
            return Err(OutOfOrder);
        }
        let mut last = Stamp::START;
        if self.is_ordered() {
            for (stamp, _) in batch.commands() {
                self.order.push(source, stamp, ())?;
                last = stamp;
            }
            self.commands[source].push(batch.body());
        } else {
            batch.commands().for_each(|(_, payload)| self.tally.deliver(source, issued(payload)));
        }
        Ok(last)
    }
}
