//! Entries for tests: arbitrary ones, and a run as a node on a quiet network would record it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::claim::{ClaimSource, HostClaim};
use super::entry::{Entry, Header, HostFacts, Note, RunConfig};
use crate::affine::Line;
use crate::clock::{Change, ClockEvent, ErrorBound, Reading};
use crate::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use crate::model::rng::{Purpose, Rng};
use crate::node::Record;
use crate::node::record::{Mark, Received, Sent, SystemSample};
use crate::probe::{Claim, Claims, Exchange, Point, Source, Stamp};
use crate::time::{Domain, Local, Nanos, Ppb, Rate, Time};
use crate::topology::Impairment;

/// A header.
pub fn header(node: u32, boot: u64) -> Header {
    let arc = Arc { from: NodeId(0), to: NodeId(1) };
    let impairment =
        Impairment { delay: Nanos(5), jitter: Nanos(6), loss: 0.25, mu: Nanos(7), distance: "3km".parse().ok() };
    let run = RunConfig {
        cluster: u64::MAX,
        seed: Some(7),
        nodes: 3,
        topology: "ring".into(),
        arcs: vec![(arc, impairment), (arc.reversed(), impairment)],
        tau: Nanos::from_millis(100),
        probe_pairs: None,
        measured: None,
        reference: NodeId(0),
        plausible: Nanos::from_seconds(1),
        git_commit: "unknown".into(),
    };
    let (node, boot, host) = (NodeId(node), BootId(boot), HostFacts::default());
    Header { node, boot, run, oscillator: None, kappa_ppb: Ppb(50_000), clocks: Algorithms::USUAL, host }
}

/// Numbers of every size, the extremes among them.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), -100..100_i64, any::<i64>()]
}

fn time<D: Domain>() -> impl Strategy<Value = Time<D>> {
    number().prop_map(Time::from_nanos)
}

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![0..3_u32, any::<u32>()].prop_map(NodeId)
}

fn sequence() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, any::<u64>()]
}

fn stamp() -> impl Strategy<Value = Option<Stamp>> {
    let stamp = (time(), number(), 0..3_u8);
    prop::option::of(stamp.prop_map(|(at, error, source)| Stamp {
        at,
        error: Nanos(error),
        source: Source::from_code(source).unwrap(),
    }))
}

fn claim() -> BoxedStrategy<Claim> {
    let claim = (time(), [number(), number(), number(), number()], any::<(u32, u8)>(), node(), node());
    claim
        .prop_map(|(reading, [rate, age, delay, dispersion], (counter, stratum), root, parent)| Claim {
            reading,
            rate: Rate(rate),
            counter,
            stratum,
            root,
            parent,
            root_age: Nanos(age),
            root_delay: Nanos(delay),
            root_dispersion: Nanos(dispersion),
        })
        .boxed()
}

fn claims() -> BoxedStrategy<Claims> {
    let of = |by: Algorithms| {
        prop::collection::vec(claim(), by.count()).prop_map(move |all| {
            let mut next = all.into_iter();
            Claims::made_by(by, |_| next.next().unwrap())
        })
    };
    let any = any::<u32>().prop_flat_map(move |bits| of(Algorithms::from_bits(bits & Algorithms::ALL.bits()).unwrap()));
    prop_oneof![Just(Claims::default()), of(Algorithms::USUAL), any].boxed()
}

fn point() -> BoxedStrategy<Point> {
    (time(), stamp()).prop_map(|(user, wire)| Point { user, wire }).boxed()
}

fn received() -> BoxedStrategy<Record> {
    (time(), node(), any::<u64>(), sequence(), time(), stamp(), number(), claims())
        .prop_map(|(at, from, boot, sequence, sent, arrived, credit, claims)| {
            let (boot, credit) = (BootId(boot), Nanos(credit));
            Record::Received(Received { at, from, boot, sequence, sent, arrived, credit, claims })
        })
        .boxed()
}

fn change() -> BoxedStrategy<Change> {
    let line = || (time(), time(), number()).prop_map(|(start, value, rate)| Line { start, value, rate: Rate(rate) });
    let bound = prop::option::of(number()).prop_map(|n| {
        n.map(|n| ErrorBound { initial: Nanos(n), growth: Rate(n ^ 1) }) //
    });
    let event =
        prop::option::of((0..4_u8, node()).prop_map(|(code, node)| (ClockEvent::from_code(code).unwrap(), node)));
    (line(), prop::option::of(line()), any::<bool>(), bound, event)
        .prop_map(|(line, then, stepped, bound, event)| Change {
            reading: Reading { line, then },
            stepped,
            bound,
            event,
        })
        .boxed()
}

/// Any record.
pub fn record() -> BoxedStrategy<Record> {
    let sent = (time(), node(), sequence(), prop::option::of(time()));
    let exchange = (node(), [point(), point(), point(), point()], claims())
        .prop_map(|(peer, [t1, t2, t3, t4], claims)| Exchange { peer, t1, t2, t3, t4, claims })
        .boxed();
    prop_oneof![
        (time(), 0..3_u8).prop_map(|(at, mark)| Record::Mark(at, Mark::from_code(mark).unwrap())),
        sent.prop_map(|(at, to, sequence, due)| Record::Sent(Sent { at, to, sequence, due })),
        received(),
        (time(), sequence(), exchange).prop_map(|(at, sequence, exchange)| Record::Exchanged(at, sequence, exchange)),
        (0..Algorithm::ALL.len() as u8, change())
            .prop_map(|(code, change)| Record::Changed(Algorithm::from_code(code).unwrap(), change)),
        (time(), time()).prop_map(|(at, l)| Record::Ahead(at, l)),
        (time(), time(), number()).prop_map(|(at, reading, error)| {
            Record::System(SystemSample { at, reading, error: Nanos(error) }) //
        }),
        (time(), time(), number()).prop_map(|(at, reading, error)| {
            Record::Boottime(SystemSample { at, reading, error: Nanos(error) }) //
        }),
    ]
    .boxed()
}

/// What a host may say of its clock.
fn host_claim() -> impl Strategy<Value = HostClaim> {
    let source = (0..ClaimSource::ALL.len()).prop_map(|index| ClaimSource::ALL[index]);
    let sizes = (number(), prop::option::of(number()), prop::option::of(number()));
    (number(), source, any::<bool>(), sizes).prop_map(|(at_ns, source, synchronised, (error, offset, estimated))| {
        let (error_bound, offset, estimated_error) = (Nanos(error), offset.map(Nanos), estimated.map(Nanos));
        HostClaim { at_ns, source, synchronised, error_bound, offset, estimated_error }
    })
}

/// Any entry.
pub fn entry() -> impl Strategy<Value = Entry> {
    let counters = (".*", any::<u64>()).prop_map(|(name, n)| Note::Counters(BTreeMap::from([(name, n)])));
    prop_oneof![
        12 => record().prop_map(Entry::Record),
        1 => counters.prop_map(Entry::Note),
        1 => ".*".prop_map(|why| Entry::Note(Note::NotOrdered(why))),
        1 => host_claim().prop_map(|claim| Entry::Note(Note::Claim(claim))),
        1 => any::<(u32, u64)>().prop_map(|(node, boot)| Entry::Note(Note::Header(Box::new(header(node, boot))))),
    ]
}

/// One peer in a made-up run.
struct Peer {
    id: NodeId,
    drift: Rate,
    offset: i64,
    numbers: (u64, u64),
    lamport: (i64, i64),
    ntp: Line<Local, crate::time::Synced>,
    updated: i64,
}

/// What a node with so many peers records in so many slots of its grid: stamps with the jitter of a quiet network,
/// clocks of the peers that drift, jump and slew.
pub fn run(peers: u32, slots: i64) -> Vec<Entry> {
    let mut run = Run { rng: Rng::stream(1, Purpose::Scenario, 0), out: Vec::new() };
    let mut all: Vec<Peer> = (1..=peers).map(|id| run.peer(id)).collect();
    let gap = 100_000_000 / i64::from(peers);
    for slot in 0..slots {
        for (place, peer) in all.iter_mut().enumerate() {
            run.slot(peer, slot * 100_000_000 + place as i64 * gap);
        }
    }
    run.out
}

struct Run {
    rng: Rng,
    out: Vec<Entry>,
}

impl Run {
    fn peer(&mut self, id: u32) -> Peer {
        let drift = Rate::from_ratio((self.rng.unit() - 0.5) * 1e-4);
        let (offset, numbers) = (self.spread(1_000_000_000), (0, 0));
        let (id, lamport, ntp) = (NodeId(id), (offset, 0), Line::IDENTITY);
        Peer { id, drift, offset, numbers, lamport, ntp, updated: 0 }
    }

    fn spread(&mut self, span: u64) -> i64 {
        self.rng.below(span) as i64
    }

    fn stamp(&mut self, at: i64) -> Option<Stamp> {
        Some(Stamp { at: Time::from_nanos(at), error: Nanos(30 + self.spread(25)), source: Source::Kernel })
    }

    fn slot(&mut self, peer: &mut Peer, due: i64) {
        let sent = due + 40 + self.spread(80);
        self.send(peer, sent, Some(due));
        let asked = self.transit() + sent;
        let reply_sent = asked + 20_000 + self.spread(30_000);
        let (arrived, reply, claims) = self.receive(peer, reply_sent);
        self.exchange(peer, (sent, asked, reply_sent, arrived, reply), claims);
        let request = due + 3_000_000 + self.spread(1_000_000);
        let (_, at, _) = self.receive(peer, request);
        let answered = at + 9_000 + self.spread(4_000);
        self.send(peer, answered, None);
    }

    fn transit(&mut self) -> i64 {
        18_000 + self.spread(4_000) + if self.spread(20) == 0 { self.spread(60_000) } else { 0 }
    }

    fn send(&mut self, peer: &mut Peer, at: i64, due: Option<i64>) {
        peer.numbers.0 += 1;
        let (at, due) = (Time::from_nanos(at), due.map(Time::from_nanos));
        self.out.push(Entry::Record(Record::Sent(Sent { at, to: peer.id, sequence: peer.numbers.0, due })));
    }

    fn receive(&mut self, peer: &mut Peer, sent_true: i64) -> (i64, i64, Claims) {
        let arrived = sent_true + self.transit();
        let at = arrived + 13_000 + self.spread(40_000);
        peer.numbers.1 += 1;
        let sent = Time::from_nanos(peer.local(sent_true));
        let claims = self.claims(peer, sent);
        let stamp = self.stamp(arrived);
        let wait = at - arrived - stamp.unwrap().error.0;
        let (boot, at) = (BootId(1_700_000_000_123_456_789), Time::from_nanos(at));
        let credit = Nanos(wait - wait / 20_000);
        let (from, sequence) = (peer.id, peer.numbers.1);
        self.out.push(Entry::Record(Record::Received(Received {
            at,
            from,
            boot,
            sequence,
            sent,
            arrived: stamp,
            credit,
            claims: claims.clone(),
        })));
        (arrived, at.as_nanos(), claims)
    }

    fn claims(&mut self, peer: &mut Peer, sent: Time<Local>) -> Claims {
        if self.spread(4) == 0 {
            // Somebody faster pushed the peer's clock forward.
            peer.lamport.1 += self.spread(3_000);
        }
        if self.spread(16) == 0 {
            let value = peer.ntp.at(sent) + Nanos(self.spread(400) - 200);
            let rate = peer.ntp.rate + Rate(self.spread(40_000) - 20_000);
            (peer.ntp, peer.updated) = (Line { start: sent, value, rate }, sent.as_nanos());
        }
        let ntp = Claim { reading: peer.ntp.at(sent), rate: peer.ntp.rate, ..Claim::default() };
        let age = Nanos(sent.as_nanos() - peer.updated);
        let root_dispersion = Nanos(5_000) + Rate::from_ppb(Ppb(15_000)).over(age);
        let root_delay = Nanos(80_000 + peer.updated % 5_000);
        Claims::from_fn(|algorithm| match algorithm {
            Algorithm::Lamport => {
                Claim { reading: Time::from_nanos(sent.as_nanos() + peer.lamport.1), ..Claim::default() }
            }
            Algorithm::Ntp => Claim { stratum: 2, root_age: age, root_delay, root_dispersion, ..ntp },
            _ => Claim { reading: ntp.reading, ..Claim::default() },
        })
    }

    fn exchange(&mut self, peer: &mut Peer, (t1, t2, t3, arrived, t4): (i64, i64, i64, i64, i64), claims: Claims) {
        let Some(Entry::Record(Record::Received(reply))) = self.out.last().cloned() else { return };
        let mut point = |user: i64, wire: i64| Point { user: Time::from_nanos(user), wire: self.stamp(wire) };
        let wait = arrived % 40_000;
        let exchange = Exchange {
            peer: peer.id,
            t1: point(t1, t1 + 2_000 + t1 % 1_000),
            t2: point(peer.local(t2 + 13_000 + wait), peer.local(t2)),
            t3: Point { user: reply.sent, ..point(0, peer.local(t3) + 2_000 + t3 % 1_000) },
            t4: Point { user: reply.at, wire: reply.arrived },
            claims,
        };
        let at = Time::from_nanos(t4);
        self.out.push(Entry::Record(Record::Exchanged(at, reply.sequence, exchange)));
        if self.spread(4) == 0 {
            let line = Line { start: at, value: Time::from_nanos(t4 + self.spread(3_000)), rate: Rate::ZERO };
            let change = Change { reading: Reading { line, then: None }, stepped: true, bound: None, event: None };
            self.out.push(Entry::Record(Record::Changed(Algorithm::Lamport, change)));
        }
    }
}

impl Peer {
    fn local(&self, true_ns: i64) -> i64 {
        true_ns + self.offset + self.drift.over(Nanos(true_ns)).0
    }
}
