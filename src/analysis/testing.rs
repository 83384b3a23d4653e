//! Hand-made journals.

use super::run::{AgentRun, Unreadable};
use crate::affine::Line;
use crate::clock::{Change, Reading};
use crate::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use crate::journal::{Entry, Header, HostFacts, Note, RunConfig};
use crate::model::oscillator::Declaration;
use crate::node::{Mark, Received, Record, Sent};
use crate::probe::{Claim, Claims, Exchange, Point, Source, Stamp};
use crate::time::{Local, Nanos, Ppb, Rate, Time};
use crate::topology::{Impairment, Topology};

/// Nanoseconds in a millisecond.
pub const MS: i64 = 1_000_000;

/// A journal of `node` among `nodes` whose oscillator is the identity but for `offset`, which measures from 0 to 10 s.
pub fn journal(node: u32, nodes: u32, offset: i64) -> AgentRun {
    let declared = Declaration {
        offset: Nanos(offset),
        drift_ppb: Ppb(0),
        wander_ppb: Ppb(0),
        epoch_ns: 0,
        seed: 1,
        ..Declaration::default()
    };
    let header = Header {
        node: NodeId(node),
        boot: BootId(1),
        run: config(nodes),
        oscillator: Some(declared),
        kappa_ppb: Ppb(50_000),
        clocks: Algorithms::USUAL,
        host: HostFacts { cores: 2, kernel_boot_id: "b".into(), ..HostFacts::default() },
    };
    let mut run = AgentRun {
        header,
        entries: Vec::new(),
        covers_until: local(offset, 10_500 * MS),
        unreadable: Unreadable::default(),
    };
    add(&mut run, Record::Mark(local(offset, 0), Mark::ProbingBegan));
    run
}

fn config(nodes: u32) -> RunConfig {
    RunConfig {
        cluster: 1,
        seed: Some(7),
        nodes,
        topology: "full".into(),
        arcs: Topology::full(nodes, Impairment::default()).arcs().collect(),
        tau: Nanos::from_millis(100),
        probe_pairs: None,
        measured: Some(Nanos::from_seconds(10)),
        reference: NodeId(0),
        plausible: Nanos::from_seconds(60),
        git_commit: "abc".into(),
    }
}

/// The local reading at true time `at` of a clock that is ahead by `offset`.
pub fn local(offset: i64, at: i64) -> Time<Local> {
    Time::from_nanos(offset + at)
}

/// Adds a record.
pub fn add(run: &mut AgentRun, record: Record) {
    run.entries.push(Entry::Record(record));
}

/// Adds the mark that ends the measured span at true time `at`.
pub fn end(run: &mut AgentRun, at: i64) {
    let offset = offset(run);
    add(run, Record::Mark(local(offset, at), Mark::MeasuringEnded));
}

/// An exchange that `asker` began at true time `at`: the true one-way delays of its packets in user space and, if given,
/// on the wire; the peer's residence is 10 us either way.
pub fn exchange(asker: &mut AgentRun, peer: (u32, i64), at: i64, user: (i64, i64), wire: Option<(i64, i64)>) {
    let (mine, (id, theirs)) = (offset(asker), peer);
    let times = |(forth, back): (i64, i64)| {
        [
            local(mine, at),
            local(theirs, at + forth),
            local(theirs, at + forth + 10_000),
            local(mine, at + forth + back + 10_000),
        ]
    };
    let stamp = |index: usize| {
        let at = wire.map(|wire| times(wire)[index]);
        at.map(|at| Stamp { at, error: Nanos::ZERO, source: Source::Kernel })
    };
    let point = |index: usize| Point { user: times(user)[index], wire: stamp(index) };
    let exchange = Exchange {
        peer: NodeId(id),
        t1: point(0),
        t2: point(1),
        t3: point(2),
        t4: point(3),
        claims: Claims::default(),
    };
    add(asker, Record::Exchanged(point(3).user, 1, exchange));
}

/// Adds counters.
pub fn count(run: &mut AgentRun, name: &str, count: u64) {
    run.entries.push(Entry::Note(Note::Counters([(name.to_owned(), count)].into())));
}

fn offset(run: &AgentRun) -> i64 {
    run.header.oscillator.as_ref().map_or(0, |declared| declared.offset.0)
}

/// A change of `run`'s clock at true time `at`: from then on it is ahead of true time by `ahead` and gains `ppm`.
pub fn set(run: &mut AgentRun, algorithm: Algorithm, at: i64, ahead: i64, ppm: i64) {
    let start = local(offset(run), at);
    let line = Line { start, value: Time::from_nanos(at + ahead), rate: Rate::from_ppb(Ppb(ppm * 1_000)) };
    let change = Change { reading: Reading { line, then: None }, stepped: true, bound: None, event: None };
    add(run, Record::Changed(algorithm, change));
}

/// A message from one journal to another, sent at true time `at`, received `delay` later, credited `credit`. Its
/// claims lift nobody.
pub fn message(runs: &mut [AgentRun], arc: (usize, usize), sequence: u64, at: i64, delay: i64, credit: i64) {
    let (from, to) = arc;
    let (sent, received) = (local(offset(&runs[from]), at), local(offset(&runs[to]), at + delay));
    let due = Some(sent - Nanos(70));
    add(&mut runs[from], Record::Sent(Sent { at: sent, to: NodeId(to as u32), sequence, due }));
    let received = Received {
        at: received,
        from: NodeId(from as u32),
        boot: BootId(1),
        sequence,
        sent,
        arrived: None,
        credit: Nanos(credit),
        claims: Claims::from_fn(|_| Claim { reading: Time::MIN, ..Claim::default() }),
    };
    add(&mut runs[to], Record::Received(received));
}

/// `nodes` journals with messages over every arc each 100 ms, with a delay of 200 us of which 50 us are credited.
pub fn mesh(offsets: &[i64]) -> Vec<AgentRun> {
    let nodes = offsets.len() as u32;
    let mut runs: Vec<AgentRun> = (0..nodes).map(|node| journal(node, nodes, offsets[node as usize])).collect();
    for slot in 0..100 {
        for (Arc { from, to }, _) in config(nodes).arcs {
            message(
                &mut runs,
                (from.0 as usize, to.0 as usize),
                slot + 1,
                slot as i64 * 100 * MS + MS,
                200_000,
                50_000,
            );
        }
    }
    runs
}
