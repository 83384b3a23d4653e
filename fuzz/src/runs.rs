//! Made-up journals: what any agent, also a hostile one, could have written.

use skewbench::affine::Line;
use skewbench::clock::{Change, ClockEvent, ErrorBound, Reading};
use skewbench::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use skewbench::journal::{ClaimSource, Entry, Header, HostClaim, HostFacts, Note, RunConfig};
use skewbench::model::oscillator::{Declaration, Happening, Turn};
use skewbench::node::record::SystemSample;
use skewbench::node::{Counter, Mark, Received, Record, Sent};
use skewbench::order::link::{LinkReport, LinkState, Loss};
use skewbench::order::report::{Checkpoint, Holding, Load, Phase, PhaseReport, StampSource, Stamping};
use skewbench::probe::{Claim, Claims, Exchange, Point, Source, Stamp};
use skewbench::time::{Local, Nanos, Ppb, Rate, Time};
use skewbench::topology::Impairment;

use crate::Bytes;

const SECOND: i64 = 1_000_000_000;

/// One journal: its header and what follows it, up to `limit` entries.
pub fn journal(bytes: &mut Bytes<'_>, node: u32, limit: usize) -> (Header, Vec<Entry>, Time<Local>) {
    let header = header(bytes, node);
    let covers_until = Time::from_nanos(bytes.likely(20 * SECOND));
    let count = usize::from(u16::from_le_bytes(bytes.array())) % (limit + 1);
    let mut made = Maker { bytes, now: 0 };
    let next = |_| (!made.bytes.is_empty()).then(|| made.entry());
    let entries = (0..count).map_while(next).collect();
    (header, entries, covers_until)
}

fn header(bytes: &mut Bytes<'_>, node: u32) -> Header {
    let host = HostFacts {
        cores: bytes.id(),
        kernel_boot_id: if bytes.pick(16) == 0 { "other" } else { "boot" }.into(),
        ..HostFacts::default()
    };
    let oscillator = (bytes.pick(8) > 0).then(|| Declaration {
        offset: Nanos(bytes.likely(0)),
        drift_ppb: Ppb(bytes.likely(0)),
        wander_ppb: Ppb(if bytes.coin() { 0 } else { bytes.likely(0) }),
        epoch_ns: bytes.likely(0),
        seed: bytes.whole() as u64,
        wander_ppb_per_sqrt_s: bytes.coin().then(|| bytes.likely(0) as f64),
        turns: (0..bytes.pick(3)).map(|_| turn(bytes)).collect(),
    });
    let kappa_ppb = Ppb(bytes.likely(50_000));
    let boot = BootId(u64::from(bytes.pick(2)));
    Header { node: NodeId(node), boot, run: run(bytes), oscillator, kappa_ppb, clocks: clocks(bytes), host }
}

fn turn(bytes: &mut Bytes<'_>) -> Turn {
    let what = match bytes.pick(3) {
        0 => Happening::Drift(Ppb(bytes.likely(0))),
        1 => Happening::Step(Nanos(bytes.likely(0))),
        _ => Happening::Stop,
    };
    Turn { after: Nanos(bytes.likely(1_000_000_000)), what }
}

fn run(bytes: &mut Bytes<'_>) -> RunConfig {
    let nodes = if bytes.pick(8) == 0 { u32::from_le_bytes(bytes.array()) } else { 3 };
    let arcs = match bytes.pick(4) {
        0 => (0..bytes.pick(16)).map(|_| (bytes.id(), bytes.id())).collect(),
        _ => vec![(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)],
    };
    let arc = |(from, to)| (Arc { from: NodeId(from), to: NodeId(to) }, Impairment::default());
    RunConfig {
        cluster: 7,
        seed: None,
        nodes,
        topology: "made up".into(),
        arcs: arcs.into_iter().map(arc).collect(),
        tau: Nanos(bytes.likely(SECOND / 10)),
        probe_pairs: None,
        measured: bytes.coin().then(|| bytes.span(10 * SECOND)),
        reference: NodeId(bytes.id()),
        plausible: bytes.span(SECOND),
        git_commit: "unknown".into(),
    }
}

struct Maker<'b, 'a> {
    bytes: &'b mut Bytes<'a>,
    now: i64,
}

impl Maker<'_, '_> {
    fn entry(&mut self) -> Entry {
        self.now = self.now.saturating_add(i64::from(self.bytes.byte()) * SECOND / 200);
        Entry::Record(match self.bytes.pick(21) {
            0 => return Entry::Note(self.counters()),
            2 => return Entry::Note(Note::Claim(self.claim_of_host())),
            1 => return Entry::Note(Note::Phase(Box::new(self.phase()))),
            3 => Record::Mark(self.time(), Mark::from_code(self.bytes.pick(3)).expect("one of three")),
            4..=7 => Record::Sent(Sent {
                at: self.time(),
                to: NodeId(self.bytes.id()),
                sequence: self.sequence(),
                due: self.bytes.coin().then(|| self.time()),
            }),
            8..=11 => Record::Received(self.received()),
            12..=13 => Record::Exchanged(self.time(), self.sequence(), self.exchange()),
            14..=17 => Record::Changed(self.algorithm(), self.change()),
            18 => Record::Ahead(self.time(), self.bytes.time(self.now)),
            kind => {
                let sample =
                    SystemSample { at: self.time(), reading: self.bytes.time(self.now), error: self.bytes.span(30) };
                if kind == 19 { Record::System(sample) } else { Record::Boottime(sample) }
            }
        })
    }

    fn claim_of_host(&mut self) -> HostClaim {
        let source = ClaimSource::ALL[usize::from(self.bytes.pick(4))];
        let (at_ns, error_bound) = (self.bytes.number(self.now), self.bytes.span(1_000));
        let offset = self.bytes.coin().then(|| self.bytes.span(0));
        let estimated_error = self.bytes.coin().then(|| self.bytes.span(1_000));
        HostClaim { at_ns, source, synchronised: self.bytes.coin(), error_bound, offset, estimated_error }
    }

    fn time(&mut self) -> Time<Local> {
        self.bytes.time(self.now)
    }

    fn sequence(&mut self) -> u64 {
        self.bytes.number(0) as u64
    }

    fn algorithm(&mut self) -> Algorithm {
        Algorithm::ALL[usize::from(self.bytes.byte()) % Algorithm::ALL.len()]
    }

    fn counters(&mut self) -> Note {
        let counter = Counter::ALL[usize::from(self.bytes.byte()) % Counter::ALL.len()];
        Note::Counters([(counter.name().to_owned(), self.bytes.whole() as u64)].into())
    }

    fn received(&mut self) -> Received {
        Received {
            at: self.time(),
            from: NodeId(self.bytes.id()),
            boot: BootId(u64::from(self.bytes.pick(2))),
            sequence: self.sequence(),
            sent: self.time(),
            arrived: self.stamp(),
            credit: self.bytes.span(0),
            claims: self.claims(),
        }
    }

    fn stamp(&mut self) -> Option<Stamp> {
        let source = Source::from_code(self.bytes.pick(4))?;
        Some(Stamp { at: self.time(), error: self.bytes.span(0), source })
    }

    fn claims(&mut self) -> Claims {
        let by = clocks(self.bytes);
        Claims::made_by(by, |_| self.claim())
    }

    fn claim(&mut self) -> Claim {
        Claim { reading: self.bytes.time(self.now), rate: Rate(self.bytes.number(0)), ..Claim::default() }
    }

    fn exchange(&mut self) -> Exchange {
        let [t1, t2, t3, t4] = [(); 4].map(|()| Point { user: self.time(), wire: self.stamp() });
        Exchange { peer: NodeId(self.bytes.id()), t1, t2, t3, t4, claims: self.claims() }
    }

    fn change(&mut self) -> Change {
        let (line, then) = (self.line(), self.bytes.coin().then(|| self.line()));
        let bound = self
            .bytes
            .coin()
            .then(|| ErrorBound { initial: self.bytes.span(1_000), growth: Rate(self.bytes.number(16_000_000)) });
        let event = ClockEvent::from_code(self.bytes.pick(8)).map(|event| (event, NodeId(self.bytes.id())));
        Change { reading: Reading { line, then }, stepped: self.bytes.coin(), bound, event }
    }

    fn line(&mut self) -> Line<Local, skewbench::time::Synced> {
        Line { start: self.time(), value: self.bytes.time(self.now), rate: Rate(self.bytes.number(0)) }
    }

    fn phase(&mut self) -> PhaseReport {
        let sources = [StampSource::Floor].into_iter().chain(StampSource::ORDERING).collect::<Vec<_>>();
        let source = sources[usize::from(self.bytes.pick(5))];
        let load = match self.bytes.coin() {
            true => Load::Open { commands_per_s: self.bytes.whole() as u64 },
            false => Load::Saturated,
        };
        let (index, duration_ns) = (u16::from(self.bytes.pick(3)), self.bytes.number(SECOND));
        let phase = Phase { index, source, load, payload_bytes: self.bytes.id(), batch: self.bytes.id(), duration_ns };
        let pairs = |bytes: &mut Bytes<'_>| {
            let count = bytes.pick(4);
            (0..count).map(|_| (bytes.number(0) as u64, bytes.number(0) as u64)).collect::<Vec<_>>()
        };
        let checkpoint = |(commands, digest)| Checkpoint { commands, digest };
        PhaseReport {
            phase,
            began_ns: self.bytes.number(self.now),
            ended_ns: self.bytes.number(self.now),
            issued: self.sequence(),
            delivered_in_time: self.sequence(),
            delivered: self.sequence(),
            drained: self.bytes.coin(),
            cpu_ns: self.sequence(),
            forced: self.sequence(),
            neighbours: self.sequence(),
            inversions: self.bytes.coin().then(|| self.sequence()),
            latency: pairs(self.bytes),
            checkpoints: pairs(self.bytes).into_iter().map(checkpoint).collect(),
            acknowledged: self.bytes.coin().then(|| self.sequence()),
            holdings: (0..self.bytes.pick(4)).map(|_| self.holding()).collect(),
            links: (0..self.bytes.pick(4)).map(|_| self.link()).collect(),
            stamping: self.bytes.coin().then(|| self.stamping()),
        }
    }

    fn stamping(&mut self) -> Stamping {
        Stamping { commands: self.sequence(), batch: self.bytes.id(), cpu_ns: self.sequence() }
    }

    fn holding(&mut self) -> Holding {
        let source = NodeId(self.bytes.id());
        Holding { source, received: self.sequence(), delivered: self.sequence() }
    }

    fn link(&mut self) -> LinkReport {
        let states = [LinkState::Up, LinkState::Mending, LinkState::Lost(Loss::Restarted)];
        LinkReport {
            peer: NodeId(self.bytes.id()),
            mended: self.sequence(),
            cut_ns: self.bytes.number(self.now),
            state: states[usize::from(self.bytes.pick(3))],
        }
    }
}

/// The usual clocks, or any.
fn clocks(bytes: &mut Bytes<'_>) -> Algorithms {
    let bits = if bytes.coin() { Algorithms::USUAL.bits() } else { bytes.whole() as u32 & Algorithms::ALL.bits() };
    // A header whose clocks no node can run is refused.
    Algorithms::from_bits(bits).and_then(|set| set.check().ok()).unwrap_or_default()
}
