//! What a node sends in a phase: its commands, its null heartbeats, and that it is done.

use std::num::NonZeroU32;
use std::rc::Rc;
use std::task::Context;

use super::engine::{Engine, OWN, Stage};
use super::{DRAIN, FLUSH, HEARTBEAT, Now, PROMPT_HEARTBEAT, WINDOW};
use crate::order::Stamp;
use crate::order::message::{Message, decode, put_batch, put_done, put_heartbeat, put_receipt};
use crate::time::{Nanos, Raw, Time};

/// Most batches issued in one turn, so that reading is never far behind.
const BATCHES_A_TURN: usize = 8;

impl Engine<'_> {
    /// Issues what is due and what there is room for: how many batches.
    pub(super) fn issue(&mut self, cx: &mut Context<'_>, now: &Now) -> usize {
        if self.stage != Stage::Issuing {
            return 0;
        }
        let mut batches = 0;
        while batches < BATCHES_A_TURN && self.has_room() {
            let Some(count) = self.wanted_batch(now) else { break };
            self.issue_batch(cx, count);
            batches += 1;
        }
        if self.has_issued_all(now.raw) {
            self.finish(cx, now);
            batches += 1;
        }
        batches
    }

    /// Whether one more batch may be issued: every connection took the last one, or has room to keep it while it is mended, and
    /// the window is open.
    fn has_room(&self) -> bool {
        let undelivered = self.issued - self.tally.delivered_of(OWN);
        undelivered as usize + self.phase.batch as usize <= WINDOW && self.mesh.peers.iter().all(|peer| peer.has_room())
    }

    /// How many commands the next batch has, if it is time for one.
    fn wanted_batch(&self, now: &Now) -> Option<NonZeroU32> {
        let batch = self.phase.batch;
        let Some(schedule) = &self.schedule else {
            return NonZeroU32::new(batch).filter(|_| now.raw < self.end());
        };
        let due = (schedule.due(now.raw) - self.issued).min(u64::from(batch)) as u32;
        NonZeroU32::new(due).filter(|count| count.get() == batch || now.raw >= self.issued_at + FLUSH)
    }

    /// Stamps a batch with one reading and one update of the clock, sends it to all and queues it.
    fn issue_batch(&mut self, cx: &mut Context<'_>, count: NonZeroU32) {
        let now = self.clocks.now(self.algorithm);
        let Self { mesh, stamper, phase, issued, .. } = self;
        let reserved = stamper.tick_many(now.physical, count);
        let commands = reserved.stamps().enumerate().map(|(nth, stamp)| (stamp, now.raw + Nanos(nth as i64)));
        let payload_bytes = phase.payload_bytes as usize;
        let message = mesh.parcels.pack(|bytes| put_batch(bytes, phase.index, *issued, payload_bytes, commands));
        self.send_to_all(cx, &message, reserved.last(), now.raw);
        self.issued += u64::from(count.get());
        self.batches += 1;
        self.issued_at = now.raw;
        self.latency.issued(self.issued, now.raw);
        self.admit_own(&message);
    }

    fn admit_own(&mut self, message: &[u8]) {
        if let Ok(Some(frame)) = decode(message, self.mesh.me)
            && let Message::Batch(batch) = frame.message
        {
            let before = self.tally.delivered_of(OWN);
            self.admit(OWN, &batch).expect("own stamps increase");
            self.note_own(before);
        }
    }

    fn send_to_all(&mut self, cx: &mut Context<'_>, batch: &Rc<Vec<u8>>, last: Stamp, at: Time<Raw>) {
        for (peer, progress) in self.mesh.peers.iter_mut().zip(&mut self.progress) {
            peer.send_receipt(cx, batch, progress.received);
            (progress.sent, progress.sent_at, progress.told) = (last, at, progress.received);
        }
    }

    /// Whether no command is left to issue: the time is over and an open loop has caught up, or never will.
    fn has_issued_all(&self, now: Time<Raw>) -> bool {
        let caught_up = self.schedule.is_none_or(|schedule| self.issued == schedule.total());
        now >= self.end() && (caught_up || self.lost_a_peer() || now >= self.end() + DRAIN)
    }

    fn finish(&mut self, cx: &mut Context<'_>, now: &Now) {
        self.message.clear();
        put_done(&mut self.message, self.phase.index, self.issued);
        for peer in 0..self.progress.len() {
            self.send_to(cx, peer);
            (self.progress[peer].sent, self.progress[peer].sent_at) = (Stamp::END, now.raw);
        }
        self.order.see(OWN, Stamp::END).expect("the end is after all");
        self.stage = Stage::Draining(now.raw + DRAIN);
    }

    /// When the next command is due, if nothing but time keeps it back.
    pub(super) fn issue_due(&self) -> Option<Time<Raw>> {
        let schedule = self.schedule.filter(|schedule| self.issued < schedule.total())?;
        let due = schedule.intended(self.issued).max(self.issued_at + FLUSH);
        (self.stage == Stage::Issuing && self.has_room()).then_some(due)
    }

    /// Tells every peer that needs it where the own clock is.
    pub(super) fn heartbeats(&mut self, cx: &mut Context<'_>, now: &Now) {
        for peer in 0..self.progress.len() {
            if self.heartbeat_due(peer, now).is_some_and(|due| due <= now.raw) {
                self.heartbeat(cx, peer, now);
            }
        }
    }

    fn heartbeat(&mut self, cx: &mut Context<'_>, peer: usize, now: &Now) {
        let promise = self.stamper.promise(now.physical);
        let progress = &mut self.progress[peer];
        progress.sent_at = now.raw;
        self.message.clear();
        if promise > progress.sent {
            progress.sent = promise;
            put_heartbeat(&mut self.message, self.phase.index, promise);
        } else if progress.received > progress.told {
            put_receipt(&mut self.message, self.phase.index);
        } else {
            return;
        }
        self.send_to(cx, peer);
    }

    /// Sends the message, which has no commands, to one peer, with what came from it.
    fn send_to(&mut self, cx: &mut Context<'_>, peer: usize) {
        let progress = &mut self.progress[peer];
        progress.told = progress.received;
        self.mesh.peers[peer].send_header(cx, &self.message, progress.received);
    }

    /// After its last message a node still says that it has received all commands of a peer.
    pub(super) fn receipts(&mut self, cx: &mut Context<'_>) {
        if self.stage == Stage::Issuing {
            return;
        }
        for peer in 0..self.progress.len() {
            let progress = self.progress[peer];
            if progress.done.is_some() && progress.told < progress.received {
                self.message.clear();
                put_receipt(&mut self.message, self.phase.index);
                self.send_to(cx, peer);
            }
        }
    }

    /// When a peer must hear where the own clock is: after a silence, or sooner if commands wait for it. None to a
    /// connection that has not taken what was sent before.
    pub(super) fn heartbeat_due(&self, peer: usize, now: &Now) -> Option<Time<Raw>> {
        let (connection, progress) = (&self.mesh.peers[peer], &self.progress[peer]);
        if self.stage != Stage::Issuing || !self.is_ordered() || !connection.is_up() || !connection.is_flushed() {
            return None;
        }
        let silence = progress.sent_at + HEARTBEAT;
        if progress.sent >= self.wanted {
            return Some(silence);
        }
        let passes = now.raw + self.stamper.lag(now.physical, self.wanted);
        Some(passes.max(progress.sent_at + PROMPT_HEARTBEAT).min(silence))
    }
}
