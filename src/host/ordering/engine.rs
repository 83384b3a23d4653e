//! One phase: turns of reading, ordering, issuing and writing.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::task::{Context, Poll};

use anyhow::ensure;

use super::latency::Latency;
use super::peer::Peer;
use super::{Clocks, DRAIN, Mesh, Now, RawClock, TENDING, WINDOW, stamping};
use crate::host::clock::{raw_now, thread_cpu};
use crate::ids::{Algorithm, NodeId};
use crate::order::message::{batch_bytes, command_bytes, issued, payload};
use crate::order::report::{Holding, Phase, PhaseReport, StampSource, Stamping};
use crate::order::{Payloads, Schedule, Stamp, Stamper, Tally, TotalOrder, stamp};
use crate::time::{Local, Nanos, Raw, Time};

/// The node itself is the first source; peer number `n` is source `n + 1`.
pub(super) const OWN: usize = 0;
/// Commands of each source that may wait here, stable or not.
const QUEUE: usize = 2 * WINDOW;

/// How far a phase is with one peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// The latest stamp sent to it.
    pub(super) sent: Stamp,
    /// When that was.
    pub(super) sent_at: Time<Raw>,
    /// How many commands came from it.
    pub(super) received: u64,
    /// How many of them it was told of.
    pub(super) told: u64,
    /// How many of one's own commands it has, as it said.
    pub(super) receipts: u64,
    /// How many it issued in all, once it has said so.
    pub(super) done: Option<u64>,
}

/// What the node is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It issues commands.
    Issuing,
    /// It waits for the others, until the deadline.
    Draining(Time<Raw>),
}

/// The end of the time in which deliveries count.
#[derive(Clone, Copy, Debug)]
struct Ended {
    at: Time<Local>,
    delivered: u64,
}

enum Step {
    Moved,
    Over,
}

/// One phase of one node.
pub(super) struct Engine<'a> {
    pub(super) mesh: &'a mut Mesh,
    pub(super) clocks: &'a mut Clocks,
    pub(super) phase: Phase,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) began: Now,
    ended: Option<Ended>,
    pub(super) stage: Stage,
    pub(super) stamper: Stamper,
    pub(super) order: TotalOrder<()>,
    pub(super) commands: Vec<Payloads>,
    pub(super) tally: Tally,
    pub(super) latency: Latency,
    pub(super) schedule: Option<Schedule>,
    pub(super) progress: Vec<Progress>,
    /// The latest command heard of: what one's own clock should pass, so that it does not hold others back.
    pub(super) wanted: Stamp,
    pub(super) issued: u64,
    /// In so many batches.
    pub(super) batches: u64,
    pub(super) issued_at: Time<Raw>,
    /// A message without commands, before it is sent.
    pub(super) message: Vec<u8>,
    /// When connections are looked after at the latest.
    tending: Time<Raw>,
    cpu: Nanos,
}

impl<'a> Engine<'a> {
    pub(super) fn new(mesh: &'a mut Mesh, phase: Phase, clocks: &'a mut Clocks) -> anyhow::Result<Self> {
        let (batch, payload) = (phase.batch as usize, phase.payload_bytes as usize);
        ensure!(
            batch <= WINDOW && batch_bytes(batch, payload).is_some(),
            "batches of {batch} commands of {payload} bytes cannot be sent: choose 1 to 1024 commands of 8 to 64 bytes"
        );
        let algorithm = stamp::algorithm(phase.source);
        let began = clocks.now(algorithm);
        mesh.begin(began.raw);
        let schedule = Schedule::of(&phase, began.raw);
        let nodes: Vec<NodeId> = std::iter::once(mesh.me).chain(mesh.peers.iter().map(|peer| peer.id)).collect();
        let (sent, sent_at) = (Stamp::START, began.raw);
        let progress = Progress { sent, sent_at, received: 0, told: 0, receipts: 0, done: None };
        Ok(Self {
            phase,
            algorithm,
            began,
            ended: None,
            stage: Stage::Issuing,
            stamper: Stamper::new(phase.source, mesh.me, mesh.plausible),
            order: TotalOrder::new(nodes.len(), QUEUE),
            commands: vec![Payloads::default(); nodes.len()],
            tally: Tally::new(&nodes),
            latency: Latency::new(schedule),
            schedule,
            progress: vec![progress; mesh.peers.len()],
            wanted: Stamp::START,
            issued: 0,
            batches: 0,
            issued_at: began.raw,
            message: Vec::new(),
            tending: began.raw,
            cpu: thread_cpu(),
            mesh,
            clocks,
        })
    }

    /// Turns until the phase is over. After a turn that moved something the runtime looks for news at once; after one
    /// that did not, the thread sleeps until there is some.
    pub(super) async fn run(mut self) -> anyhow::Result<PhaseReport> {
        while let Step::Moved = poll_fn(|cx| self.turn(cx)).await {
            tokio::task::yield_now().await;
        }
        Ok(self.report())
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let now = self.clocks.now(self.algorithm);
        self.note_end(&now);
        let mut moves = self.receive(cx, &now);
        moves += self.deliver(&now);
        moves += self.issue(cx, &now);
        self.heartbeats(cx, &now);
        self.receipts(cx);
        self.mesh.peers.iter_mut().for_each(|peer| peer.flush(cx));
        if moves == 0 || now.raw >= self.tending {
            moves += usize::from(self.mesh.tend(cx, now.raw));
            self.tending = now.raw + TENDING;
        }
        if self.is_over(now.raw) {
            return Poll::Ready(Step::Over);
        }
        if moves > 0 {
            return Poll::Ready(Step::Moved);
        }
        let deadline = self.deadline(&now);
        self.mesh.timer.poll_until(cx, now.raw, deadline).map(|()| Step::Moved)
    }

    pub(super) fn end(&self) -> Time<Raw> {
        self.began.raw + Nanos(self.phase.duration_ns)
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.phase.source != StampSource::Floor
    }

    fn note_end(&mut self, now: &Now) {
        if self.ended.is_none() && now.raw >= self.end() {
            self.ended = Some(Ended { at: now.local, delivered: self.tally.delivered() });
        }
    }

    /// Delivers what is stable: how many commands.
    fn deliver(&mut self, now: &Now) -> usize {
        let before = (self.tally.delivered(), self.tally.delivered_of(OWN));
        if self.stage == Stage::Issuing {
            let promise = self.stamper.promise(now.physical);
            self.order.see(OWN, promise).expect("a clock keeps its promises");
        }
        let (commands, tally) = (&mut self.commands, &mut self.tally);
        let length = command_bytes(self.phase.payload_bytes as usize);
        self.order.deliver(|source, _, ()| tally.deliver(source, issued(payload(commands[source].pop(length)))));
        self.note_own(before.1);
        (self.tally.delivered() - before.0) as usize
    }

    /// Notes the latency of own commands delivered since there were `before` of them.
    pub(super) fn note_own(&mut self, before: u64) {
        let own = self.tally.delivered_of(OWN);
        if own > before {
            self.latency.delivered(own, raw_now());
        }
    }

    /// Whether a peer is gone that had not said all.
    pub(super) fn lost_a_peer(&self) -> bool {
        self.mesh.peers.iter().zip(&self.progress).any(|(peer, progress)| peer.is_spent() && progress.done.is_none())
    }

    /// How many of one's own commands are delivered here and received by every other agent, as each of them said.
    fn acknowledged(&self) -> u64 {
        self.progress.iter().fold(self.tally.delivered_of(OWN), |least, progress| least.min(progress.receipts))
    }

    fn is_drained(&self) -> bool {
        let all = self.progress.iter().try_fold(self.issued, |sum, progress| progress.done.map(|done| sum + done));
        self.stage != Stage::Issuing && all == Some(self.tally.delivered())
    }

    fn is_over(&self, now: Time<Raw>) -> bool {
        match self.stage {
            Stage::Issuing => false,
            Stage::Draining(deadline) if now >= deadline => true,
            Stage::Draining(_) => {
                let flushed = self.mesh.peers.iter().all(|peer| !peer.is_up() || peer.is_flushed());
                flushed && (self.is_complete() || self.is_hopeless())
            }
        }
    }

    /// Whether all is delivered here and received everywhere.
    fn is_complete(&self) -> bool {
        self.is_drained() && self.acknowledged() == self.issued
    }

    /// Whether somebody is lost who was needed, and nothing more can come from anybody who is not.
    fn is_hopeless(&self) -> bool {
        let silent = |(peer, progress): (&Peer, &Progress)| {
            peer.is_spent() && (progress.done.is_none() || progress.receipts < self.issued)
        };
        let lost = self.mesh.peers.iter().zip(&self.progress).any(silent);
        lost && self.mesh.peers.iter().all(|peer| peer.cut().is_none())
    }

    /// When the next turn is due if nothing happens before.
    fn deadline(&self, now: &Now) -> Time<Raw> {
        let stage = match self.stage {
            Stage::Issuing if now.raw < self.end() => self.end(),
            Stage::Issuing => self.end() + DRAIN,
            Stage::Draining(deadline) => deadline,
        };
        let releases = self.mesh.peers.iter().filter_map(|peer| peer.inbox.next_release());
        let heartbeats = (0..self.progress.len()).filter_map(|peer| self.heartbeat_due(peer, now));
        let tending = self.mesh.next_tending(now.raw);
        let next = releases.chain(heartbeats).chain(self.issue_due()).chain(tending).min();
        next.map_or(stage, |next| next.min(stage))
    }

    fn holdings(&self) -> Vec<Holding> {
        let own = Holding { source: self.mesh.me, received: self.issued, delivered: self.tally.delivered_of(OWN) };
        let others = self.mesh.peers.iter().zip(&self.progress).zip(OWN + 1..);
        let other = |((peer, progress), source): ((&Peer, &Progress), usize)| Holding {
            source: peer.id,
            received: progress.received,
            delivered: self.tally.delivered_of(source),
        };
        std::iter::once(own).chain(others.map(other)).collect()
    }

    /// What stamping alone costs this thread, in batches as large as those that were issued on average.
    fn stamping(&mut self) -> Stamping {
        let mean = self.issued.checked_div(self.batches).and_then(|mean| u32::try_from(mean).ok());
        let batch = mean.and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
        let stamper = Stamper::new(self.phase.source, self.mesh.me, self.mesh.plausible);
        stamping::measure(self.clocks, self.algorithm, stamper, batch)
    }

    fn report(mut self) -> PhaseReport {
        let cpu_ns = (thread_cpu() - self.cpu).0.max(0) as u64;
        let stamping = self.is_ordered().then(|| self.stamping());
        let drained = self.is_drained();
        let ended = self.ended.unwrap_or(Ended { at: self.began.local, delivered: 0 });
        PhaseReport {
            phase: self.phase,
            began_ns: self.began.local.as_nanos(),
            ended_ns: ended.at.as_nanos(),
            issued: self.issued,
            delivered_in_time: ended.delivered,
            delivered: self.tally.delivered(),
            drained,
            cpu_ns,
            forced: self.stamper.forced(),
            neighbours: self.tally.neighbours(),
            inversions: (self.mesh.raw_clock == RawClock::Shared).then(|| self.tally.inversions()),
            acknowledged: Some(self.acknowledged()),
            holdings: self.holdings(),
            links: self.mesh.links(),
            stamping,
            latency: self.latency.into_counts(),
            checkpoints: self.tally.into_checkpoints(),
        }
    }
}
