//! One scene of a trial at one agent: turns of reading, handling and writing, as the ordering engine does it for
//! commands.
//!
//! The process is the very one that plays in virtual time. Its clock is the one that the probes keep; its messages and the
//! nudges beside them go over the mesh's connections; what it does is written to a trace as it does it, so that a killed
//! agent's trace tells what it did until then.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::poll_fn;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};

use super::outbox::MAX_RECORD_BYTES;
use super::peer::Rest;
use super::{Clocks, Mesh, RawClock};
use crate::host::clock::raw_now;
use crate::ids::{Algorithm, NodeId};
use crate::model::{Jitter, Purpose, Rng};
use crate::order::message;
use crate::time::{Nanos, Raw, Synced, Time, True};
use crate::trial::{Nudge, Planned};
use crate::workload::trace::Record;
use crate::workload::wire::{Frame, Kind, Wire, decode};
use crate::workload::{Actions, Entry, Input, Output, Process, What};

/// Most commands given, and most timers answered, in one turn, so that reading is never far behind.
const MOST_A_TURN: usize = 64;
/// A trace grows no longer than this, in bytes: then users want nothing more. At twice that the scene is over.
const MOST_TRACE: usize = 64 << 20;
/// Most commands that wait for their time.
const MOST_DUE: usize = 1 << 20;
/// The clock is looked at again after so long even if it should not have reached the wake: it may have jumped.
const LOOK_AGAIN: Nanos = Nanos::from_millis(10);

/// How far an agent is in a scene.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Count {
    /// Which scene.
    pub scene: u16,
    /// Whether no command is left, and the process waits for nothing.
    pub settled: bool,
    /// Messages and nudges sent, by the receiver's name.
    pub sent: Vec<u64>,
    /// Messages and nudges received, by the sender's name.
    pub received: Vec<u64>,
    /// Whether the trace was full, so that users stopped wanting anything.
    pub full: bool,
}

/// When and by which clock a scene is played, and where its trace goes.
pub struct Setting<'a> {
    /// Number of the scene among all on this mesh.
    pub scene: u16,
    /// The clock that the process reads.
    pub algorithm: Algorithm,
    /// When it begins.
    pub began: Time<Raw>,
    /// When it is over whatever happens.
    pub end: Time<Raw>,
    /// Most messages in one write.
    pub batch: usize,
    /// Whether messages of a connection overtake each other, which they do not by themselves.
    pub overtaking: Option<Overtaking>,
    /// Where the trace goes.
    pub trace: File,
    /// Where it says how far it is.
    pub count: &'a Mutex<Count>,
}

/// Messages are heard late, each by a time of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overtaking {
    /// Of every draw.
    pub seed: u64,
    /// Most by which one is late, evenly.
    pub limit: Nanos,
}

impl Overtaking {
    /// When message `number` is heard that came at `now`.
    fn heard(&self, now: Time<Raw>, number: u64) -> Time<Raw> {
        now + Jitter::Uniform { limit: self.limit }.draw(&mut Rng::stream(self.seed, Purpose::Stream, number))
    }
}

struct Outgoing {
    bytes: Vec<u8>,
    messages: usize,
}

/// One process of a scene on the connections of its agent.
pub struct Player<'a, P: Process> {
    mesh: &'a mut Mesh,
    clocks: &'a mut Clocks,
    setting: Setting<'a>,
    process: P,
    nudge: Option<Nudge<'a, P>>,
    due: BTreeMap<(Time<Raw>, u64), P::Command>,
    planned: u64,
    late: BTreeMap<(Time<Raw>, u64), (usize, Said<P>)>,
    reading: Time<Synced>,
    outgoing: Vec<Outgoing>,
    act: Actions<P::Message, P::Event>,
    records: Vec<u8>,
    written: usize,
    count: Count,
    sent: u64,
}

enum Step {
    Moved,
    Over,
}

impl<'a, P: Process> Player<'a, P> {
    /// A player of `process`, whose users want what is planned for it.
    pub fn new(
        mesh: &'a mut Mesh,
        clocks: &'a mut Clocks,
        setting: Setting<'a>,
        process: P,
        plan: Vec<Planned<P::Command>>,
        nudge: Option<Nudge<'a, P>>,
    ) -> Self {
        mesh.begin(setting.began);
        let nodes = mesh.peers.iter().map(|peer| peer.id.0 + 1).chain([mesh.me.0 + 1]).max().unwrap_or(1) as usize;
        let count = Count { scene: setting.scene, sent: vec![0; nodes], received: vec![0; nodes], ..Count::default() };
        let outgoing = mesh.peers.iter().map(|_| Outgoing { bytes: Vec::new(), messages: 0 }).collect();
        let mut player = Self {
            mesh,
            clocks,
            setting,
            process,
            nudge,
            due: BTreeMap::new(),
            planned: 0,
            late: BTreeMap::new(),
            reading: Time::MIN,
            outgoing,
            act: Actions::default(),
            records: Vec::new(),
            written: 0,
            count,
            sent: 0,
        };
        for Planned { at, command, .. } in plan {
            player.want(player.setting.began + (at - Time::ZERO), command);
        }
        player
    }

    /// Plays until the end, or until the future is dropped; what was done is in the trace by then.
    ///
    /// # Errors
    /// The trace cannot be written.
    pub async fn play(mut self) -> std::io::Result<()> {
        loop {
            match poll_fn(|cx| self.turn(cx)).await? {
                Step::Over => return Ok(()),
                Step::Moved => tokio::task::yield_now().await,
            }
        }
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<Step>> {
        let now = self.clocks.now(None).raw;
        if now >= self.setting.end || self.written > 2 * MOST_TRACE {
            return Poll::Ready(Ok(Step::Over));
        }
        if now < self.setting.began {
            return self.mesh.timer.poll_until(cx, now, self.setting.began).map(|()| Ok(Step::Moved));
        }
        self.mesh.tend(cx, now);
        let moves = self.receive(cx) + self.command() + self.wake();
        self.send(cx);
        self.mesh.peers.iter_mut().for_each(|peer| peer.flush(cx));
        self.write_down()?;
        if moves > 0 {
            return Poll::Ready(Ok(Step::Moved));
        }
        let now = self.clocks.now(Some(self.setting.algorithm));
        let deadline = self.deadline(now.raw, now.physical);
        self.mesh.timer.poll_until(cx, now.raw, deadline).map(|()| Ok(Step::Moved))
    }

    /// The instant, and what the process's clock shows: never less than before, whatever became of the clock.
    fn now(&mut self) -> (Time<Raw>, Time<Synced>) {
        let now = self.clocks.now(Some(self.setting.algorithm));
        self.reading = self.reading.max(now.physical);
        (now.raw, self.reading)
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> usize {
        let mut moves = 0;
        for peer in 0..self.mesh.peers.len() {
            moves += usize::from(self.mesh.peers[peer].poll_read(cx).is_ready());
            for (number, said) in self.take(peer) {
                moves += 1;
                match self.setting.overtaking.filter(|_| self.late.len() < MOST_DUE) {
                    None => self.hear(peer, number, said),
                    Some(overtaking) => {
                        let heard = overtaking.heard(self.clocks.now(None).raw, number);
                        self.late.insert((heard, number), (peer, said));
                    }
                }
            }
        }
        moves + self.hear_late()
    }

    fn hear_late(&mut self) -> usize {
        let mut heard = 0;
        while let Some(entry) = self.late.first_entry() {
            if entry.key().0 > self.clocks.now(None).raw {
                break;
            }
            let ((_, number), (peer, said)) = entry.remove_entry();
            self.hear(peer, number, said);
            heard += 1;
        }
        heard
    }

    /// What came from a peer for this scene; what is of an earlier one is forgotten, of a later one it waits.
    fn take(&mut self, peer: usize) -> Vec<(u64, Said<P>)> {
        let now = self.clocks.now(None).raw;
        let mut inbox = std::mem::take(&mut self.mesh.peers[peer].inbox);
        let mut found = Vec::new();
        let rest = loop {
            let record = inbox.record(now);
            if record.is_empty() {
                break Rest::Partial;
            }
            match Frame::decode(record) {
                Ok(Some(frame)) if frame.scene > self.setting.scene => break Rest::Waits,
                Ok(Some(frame)) => {
                    if frame.scene == self.setting.scene {
                        let Some(said) = Said::of(&frame) else { break Rest::Wrong };
                        found.push((frame.number, said));
                    }
                    let bytes = frame.bytes();
                    inbox.take(bytes);
                }
                // A record has whole messages. Those of a phase that ended early may still come.
                Ok(None) | Err(_) => match message::decode(record, self.mesh.peers[peer].id) {
                    Ok(Some(frame)) => {
                        let bytes = frame.bytes;
                        inbox.take(bytes);
                    }
                    _ => break Rest::Wrong,
                },
            }
        };
        self.mesh.peers[peer].inbox = inbox;
        self.mesh.peers[peer].leave(rest, now);
        found
    }

    fn hear(&mut self, peer: usize, number: u64, said: Said<P>) {
        let from = self.mesh.peers[peer].id;
        self.count.received[from.0 as usize] += 1;
        match said {
            Said::Message(message) => {
                let what = What::Received { from, message: number };
                self.tell(Input::Received { from, message }, Some(what));
            }
            Said::Nudge(command) => self.want(self.due(number), command),
        }
    }

    /// When a nudge is due, by its number on the wire.
    fn due(&self, number: u64) -> Time<Raw> {
        let nanos = i64::try_from(number).unwrap_or(i64::MAX);
        match self.mesh.raw_clock() {
            RawClock::Shared => Time::from_nanos(nanos),
            RawClock::Separate => raw_now() + Nanos(nanos),
        }
    }

    fn want(&mut self, at: Time<Raw>, command: P::Command) {
        if self.due.len() < MOST_DUE {
            self.due.insert((at, self.planned), command);
            self.planned += 1;
        }
    }

    /// Gives the commands that are due. While a connection does not take what was sent, users wait, and count it.
    fn command(&mut self) -> usize {
        let mut given = 0;
        if self.written > MOST_TRACE {
            self.count.full = true;
            self.due.clear();
        }
        while given < MOST_A_TURN && self.mesh.peers.iter().all(|peer| peer.has_room()) {
            let (now, _) = self.now();
            let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) else { break };
            let ((at, _), command) = entry.remove_entry();
            let intended = self.true_time(at);
            self.tell(Input::Command(command), Some(What::Commanded { intended }));
            given += 1;
        }
        given
    }

    fn wake(&mut self) -> usize {
        let mut woken = 0;
        while woken < MOST_A_TURN {
            let (_, reading) = self.now();
            if self.process.wake() > reading {
                break;
            }
            self.tell(Input::Timer, None);
            woken += 1;
        }
        woken
    }

    fn tell(&mut self, input: Input<P::Message, P::Command>, what: Option<What<P::Event>>) {
        let (raw, reading) = self.now();
        let at = self.true_time(raw);
        let mut act = std::mem::take(&mut self.act);
        self.process.handle(reading, input, &mut act);
        if let Some(what) = what {
            self.note(Record { at, reading, what });
        }
        for output in act.drain() {
            match output {
                Output::Send { to, message } => self.post(at, reading, to, &message),
                Output::Event(event) => {
                    self.side_channel(at, reading, &event);
                    self.note(Record { at, reading, what: What::Event(event) });
                }
            }
        }
        self.act = act;
    }

    fn note(&mut self, record: Record<P::Event>) {
        record.put(&mut self.records);
    }

    /// All agents of a lab share one kernel, whose raw clock is true time there: here, counted from the scene's beginning.
    fn true_time(&self, raw: Time<Raw>) -> Time<True> {
        Time::ZERO + (raw - self.setting.began)
    }

    fn post(&mut self, at: Time<True>, reading: Time<Synced>, to: NodeId, message: &P::Message) {
        let nodes = self.count.sent.len() as u64;
        let number = self.sent * nodes + u64::from(self.mesh.me.0);
        self.sent += 1;
        self.note(Record { at, reading, what: What::Sent { to, message: number } });
        self.queue(to, Kind::Message, number, message);
    }

    fn side_channel(&mut self, at: Time<True>, reading: Time<Synced>, event: &P::Event) {
        let Some(nudge) = self.nudge else { return };
        let what = What::Event(event.clone());
        let entry = Entry { at, reading, node: self.mesh.me, vector: Box::default(), what };
        let asked = at;
        let Some(Planned { at, node, command }) = nudge(&entry) else { return };
        let due = self.setting.began + (at - Time::ZERO);
        if node == self.mesh.me {
            self.want(due, command);
        } else {
            // Between hosts of their own an instant says nothing: there the receiver waits for what is left.
            let number = match self.mesh.raw_clock() {
                RawClock::Shared => due.as_nanos(),
                RawClock::Separate => (at - asked).0,
            };
            self.queue(node, Kind::Nudge, number.max(0).unsigned_abs(), &command);
        }
    }

    fn queue(&mut self, to: NodeId, kind: Kind, number: u64, body: &impl Wire) {
        let Some(peer) = self.mesh.peers.iter().position(|peer| peer.id == to) else { return };
        self.count.sent[to.0 as usize] += 1;
        let outgoing = &mut self.outgoing[peer];
        Frame::put(&mut outgoing.bytes, kind, self.setting.scene, number, body);
        outgoing.messages += 1;
    }

    /// Writes what the turn has to say, so many messages at a time.
    fn send(&mut self, cx: &mut Context<'_>) {
        for (peer, outgoing) in self.mesh.peers.iter_mut().zip(&mut self.outgoing) {
            send_in_parts(outgoing, self.setting.batch, |part| peer.send(cx, part));
            outgoing.bytes.clear();
            outgoing.messages = 0;
        }
    }

    /// Appends to the trace what was done, and says how far the process is.
    fn write_down(&mut self) -> std::io::Result<()> {
        if !self.records.is_empty() {
            self.setting.trace.write_all(&self.records)?;
            self.written += self.records.len();
            self.records.clear();
        }
        self.count.settled = self.due.is_empty() && self.process.is_settled();
        self.setting.count.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.count);
        Ok(())
    }

    /// When the next turn is due if nothing comes before.
    fn deadline(&self, now: Time<Raw>, reading: Time<Synced>) -> Time<Raw> {
        let wake = self.process.wake();
        let waken = (wake < Time::MAX).then(|| now + (wake - reading).clamp(Nanos::from_micros(1), LOOK_AGAIN));
        // What a connection does not take is waited for by the connection itself.
        let taken = self.mesh.peers.iter().all(|peer| peer.has_room());
        let due = self.due.first_key_value().map(|((at, _), _)| *at).filter(|_| taken);
        let releases = self.mesh.peers.iter().filter_map(|peer| peer.inbox.next_release());
        let late = self.late.first_key_value().map(|((at, _), _)| *at);
        let tending = self.mesh.next_tending(now);
        releases.chain(waken).chain(due).chain(late).chain(tending).fold(self.setting.end, Time::min)
    }
}

/// What a frame says.
enum Said<P: Process> {
    Message(P::Message),
    Nudge(P::Command),
}

impl<P: Process> Said<P> {
    fn of(frame: &Frame<'_>) -> Option<Self> {
        match frame.kind {
            Kind::Message => decode(frame.body).map(Self::Message),
            Kind::Nudge => decode(frame.body).map(Self::Nudge),
            // One was heard before the scene began here, and there is no other.
            Kind::Beginning => None,
        }
    }
}

/// Whole messages, so many at a time, and no more than a record holds.
fn send_in_parts(outgoing: &Outgoing, batch: usize, mut send: impl FnMut(&[u8])) {
    let bytes = &outgoing.bytes;
    if outgoing.messages <= batch && bytes.len() <= MAX_RECORD_BYTES {
        if !bytes.is_empty() {
            send(bytes);
        }
        return;
    }
    let (mut start, mut end, mut messages) = (0, 0, 0);
    while let Ok(Some(frame)) = Frame::decode(&bytes[end..]) {
        if messages == batch || end - start + frame.bytes() > MAX_RECORD_BYTES {
            send(&bytes[start..end]);
            (start, messages) = (end, 0);
        }
        end += frame.bytes();
        messages += 1;
    }
    if start < end {
        send(&bytes[start..end]);
    }
}
