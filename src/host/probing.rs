//! The probe thread: the one loop that joins a [`Node`] to a real socket and a real clock.
//!
//! It sleeps in `ppoll` until shortly before the next slot of the grid, then spins, receiving between; everything that
//! must be prompt happens here, on one thread, and nothing else does. Compare it with the simulator's loop: the node is
//! the same.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::clock::{LocalClock, boottime_now, raw_now};
use super::hold::Hold;
use super::metrics::Meter;
use super::pairing::{Paired, Pairing, pair};
use super::published::Published;
use super::socket::{Departure, ProbeSocket};
use super::spool::Sender;
use crate::affine::shifted;
use crate::ids::NodeId;
use crate::journal::{Entry, Note};
use crate::node::record::SystemSample;
use crate::node::{Config, Input, Mark, Node, Output, Record};
use crate::probe::{Codec, Probe, Source, Stamp};
use crate::time::{Nanos, Raw, Time};

/// How long before a slot the thread stops sleeping and spins.
const SPIN: Nanos = Nanos::from_micros(150);
/// The longest sleep, so that commands are seen and the journal moves on.
const LONGEST_SLEEP: Nanos = Nanos::from_millis(20);
/// Most datagrams taken between two looks at the grid.
const RECEIVE_BATCH: usize = 32;

/// The journal is handed this many entries at once, or what there is after a while.
const JOURNAL_BATCH: usize = 256;
const JOURNAL_EVERY: Nanos = Nanos::from_millis(50);
/// How long the end of the journal may take.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(5);

/// What the probe thread is told while it runs.
#[derive(Debug)]
pub enum Command {
    /// Write down this boundary, now.
    Mark(Mark),
    /// Write down this note.
    Note(Note),
    /// Stop probing and close the journal.
    Stop,
}

/// Everything the probe thread owns.
pub struct Probing {
    /// The socket.
    pub socket: ProbeSocket,
    /// Bytes and MAC.
    pub codec: Codec,
    /// The local clock.
    pub clock: LocalClock,
    /// The lab's network.
    pub hold: Hold,
    /// Where the peers are.
    pub addresses: BTreeMap<NodeId, SocketAddr>,
    /// Where records go.
    pub journal: Sender,
    /// Where readings are shown to the agent's other threads.
    pub published: Arc<Published>,
    /// Where what happens is counted for a scraper.
    pub meter: Arc<Meter>,
    /// Where commands come from.
    pub commands: Receiver<Command>,
}

/// What the thread itself counts, beside the node.
#[derive(Clone, Copy, Debug, Default)]
struct HostCounts {
    send_failed: u64,
    receive_unstamped: u64,
    receive_refused: u64,
    departures_refused: u64,
}

impl Probing {
    /// Runs a node from raw instant `start` on, until it is told to stop or nobody is left to tell it.
    pub fn run(mut self, config: Config, start: Time<Raw>) {
        // Without the finer slack the grid is met less well, which the lateness columns show.
        let _ = nix::sys::prctl::set_timerslack(1);
        while raw_now() < start - SPIN {
            self.sleep_until(start - SPIN);
        }
        while raw_now() < start {
            std::hint::spin_loop();
        }
        let node = Node::new(config, self.clock.now());
        let (pairing, counts) = (Pairing::now(), HostCounts::default());
        Loop { io: self, node, pairing, counts, entries: Vec::new(), offered: start }.run();
    }

    /// Sleeps until `until` or until a datagram comes, never longer than a command may wait.
    fn sleep_until(&self, until: Time<Raw>) {
        let span = (until - raw_now()).min(LONGEST_SLEEP);
        if span > Nanos::ZERO {
            let mut waiting = [PollFd::new(self.socket.descriptor(), PollFlags::POLLIN)];
            // Interrupted or not, the caller looks at the clock again.
            let _ = ppoll(&mut waiting, Some(TimeSpec::new(0, span.0)), None);
        }
    }
}

struct Loop {
    io: Probing,
    node: Node,
    pairing: Pairing,
    counts: HostCounts,
    entries: Vec<Entry>,
    offered: Time<Raw>,
}

impl Loop {
    fn run(mut self) {
        loop {
            match self.io.commands.try_recv() {
                Ok(Command::Mark(mark)) => {
                    let at = self.io.clock.now();
                    self.handle(Input::Mark { at, mark });
                }
                Ok(Command::Note(note)) => self.entries.push(Entry::Note(note)),
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return self.stop(),
                Err(TryRecvError::Empty) => {}
            }
            let slot = self.io.clock.raw(self.node.wake());
            self.wait(slot);
            self.receive(slot);
            self.release();
            self.probe(slot);
            self.journal();
        }
    }

    /// Hands the journal what has happened, when it is much or a while ago.
    fn journal(&mut self) {
        let now = raw_now();
        if self.entries.len() >= JOURNAL_BATCH || now - self.offered >= JOURNAL_EVERY {
            self.offered = now;
            let entries = std::mem::take(&mut self.entries);
            self.io.journal.offer(entries, self.io.clock.local(now));
            self.io.meter.count(self.node.counters(), self.counts.send_failed, self.io.journal.dropped());
        }
    }

    /// Sleeps until shortly before the slot, the next release, or a datagram. The clocks are compared first, so that a
    /// datagram that comes meanwhile is stamped between two comparisons.
    fn wait(&mut self, slot: Time<Raw>) {
        self.pairing = Pairing::now();
        let release = self.io.hold.due().unwrap_or(Time::MAX);
        self.io.sleep_until(release.min(slot - SPIN));
    }

    /// Receives what is there; when the slot is near, until it is reached.
    fn receive(&mut self, slot: Time<Raw>) {
        self.drain_departures();
        for _ in 0..RECEIVE_BATCH {
            if !self.receive_one() {
                break;
            }
        }
        while (Nanos::ZERO..=SPIN).contains(&(slot - raw_now())) {
            if !self.receive_one() {
                std::hint::spin_loop();
            }
        }
    }

    /// Sends what the grid asks for, if the slot is reached.
    fn probe(&mut self, slot: Time<Raw>) {
        if raw_now() < slot {
            return;
        }
        self.pairing = Pairing::now();
        let at = self.io.clock.now();
        self.handle(Input::Timer { at });
        self.sample_system();
    }

    /// Writes down what the host's system clock shows, once a slot, and the one that counts the time the host slept.
    /// Agents of a lab share them, so that they are no clocks of theirs.
    fn sample_system(&mut self) {
        if !self.io.clock.is_declared() {
            let (at, error) = (self.io.clock.local(self.pairing.raw()), self.pairing.error());
            let reading = shifted(self.pairing.wall(), Nanos::ZERO);
            self.entries.push(Entry::Record(Record::System(SystemSample { at, reading, error })));
            let before = raw_now();
            let reading = Time::ZERO + boottime_now();
            let width = raw_now() - before;
            let at = self.io.clock.local(before + width.over(2));
            self.entries.push(Entry::Record(Record::Boottime(SystemSample {
                at,
                reading,
                error: width.over(2) + Nanos(1),
            })));
        }
    }

    fn receive_one(&mut self) -> bool {
        let Some(datagram) = self.io.socket.receive() else { return false };
        let decoded = self.io.codec.decode(datagram.bytes);
        let stamp = datagram.stamp;
        let probe = match decoded {
            Ok(probe) => probe,
            Err(rejection) => {
                self.node.handle(Input::Rejected(rejection));
                return true;
            }
        };
        let after = Pairing::now();
        let arrived = stamp.and_then(|stamp| pair(stamp, &self.pairing, &after));
        self.counts.receive_unstamped += u64::from(stamp.is_none());
        self.counts.receive_refused += u64::from(stamp.is_some() && arrived.is_none());
        self.pairing = after;
        if let Some((probe, arrived)) = self.io.hold.take(probe, arrived, after.raw()) {
            self.deliver(&probe, arrived);
        }
        true
    }

    fn release(&mut self) {
        while let Some(held) = self.io.hold.release(raw_now()) {
            self.pairing = Pairing::now();
            self.deliver(&held.probe, held.arrived);
        }
    }

    fn deliver(&mut self, probe: &Probe, arrived: Option<Paired>) {
        let arrived = arrived.map(|stamp| self.stamp(stamp));
        let at = self.io.clock.now();
        self.handle(Input::Received { at, arrived, probe });
    }

    /// Hands the node an input and does what it asks for.
    fn handle(&mut self, input: Input<'_>) {
        self.node.handle(input);
        while let Some(output) = self.node.poll() {
            match output {
                Output::Send(probe) => self.send(&probe),
                Output::Record(record) => {
                    if let Record::Changed(algorithm, _) = record {
                        self.io.published.publish(algorithm, self.node.reading(algorithm));
                    }
                    self.io.meter.record(&record);
                    self.entries.push(Entry::Record(record));
                }
            }
        }
        self.drain_departures();
    }

    fn send(&mut self, probe: &Probe) {
        let Some(address) = self.io.addresses.get(&probe.to) else { return };
        let bytes = self.io.codec.encode(probe);
        let sent = self.io.socket.send(&bytes, *address, probe.to, probe.sequence, self.pairing);
        self.counts.send_failed += u64::from(sent.is_err());
    }

    fn drain_departures(&mut self) {
        while let Some(Departure { to, sequence, stamp, before }) = self.io.socket.departure() {
            match pair(stamp, &before, &Pairing::now()) {
                Some(paired) => {
                    let stamp = self.stamp(paired);
                    self.node.handle(Input::Departed { to, sequence, stamp });
                }
                None => self.counts.departures_refused += 1,
            }
        }
    }

    fn stamp(&mut self, paired: Paired) -> Stamp {
        Stamp { at: self.io.clock.local(paired.at), error: paired.error, source: Source::Kernel }
    }

    fn stop(mut self) {
        let at = self.io.clock.now();
        self.handle(Input::Mark { at, mark: Mark::Stopped });
        let counts = self.all_counts();
        self.entries.push(Entry::Note(Note::Counters(counts)));
        let covered = self.io.clock.now();
        self.io.journal.offer(self.entries, covered);
        self.io.journal.finish(JOURNAL_PATIENCE);
    }

    /// The node's counters and the thread's own, by name.
    fn all_counts(&self) -> BTreeMap<String, u64> {
        let hold = self.io.hold.counts();
        let mut counts = self.node.counters().named();
        let own = [
            ("lab_lost", hold.lost),
            ("lab_held_overflow", hold.overflow),
            ("late_releases", hold.late),
            ("journal_dropped_entries", self.io.journal.dropped()),
            ("send_failed", self.counts.send_failed),
            ("receive_unstamped", self.counts.receive_unstamped),
            ("receive_stamp_refused", self.counts.receive_refused),
            ("departure_stamp_refused", self.counts.departures_refused),
        ];
        counts.extend(own.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)));
        counts
    }
}
