//! What each clock costs: ns a message, an exchange and a read in a mesh of four, and the bytes it keeps, in all and a
//! peer.
//!
//! Every clock is first led through two hundred exchanges with each peer, so that its windows are full. Bytes are counted,
//! not guessed: the allocator of this program counts what it holds, and a clock is what is held more after it was made and led
//! than before. They are printed as CSV on standard error before anything is timed; with `-- bytes` nothing is timed.

use std::alloc::System;
use std::cell::RefCell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group};
use skewbench::causal::{Hlc, HlcStamp};
use skewbench::clock::{self, Clock, Message, Settings};
use skewbench::ids::{Algorithm, Algorithms, NodeId};
use skewbench::model::{Purpose, Rng};
use skewbench::probe::{Claim, Claims, Exchange, Point, Source, Stamp};
use skewbench::time::{Local, Nanos, Ppb, Synced, Time};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const POLL: i64 = 100_000_000;
/// So many exchanges with each peer fill every window.
const SETTLED: i64 = 200;
/// Peers in the timed mesh, and in the larger one of which bytes a peer are taken: many, since maps grow by several places at
/// once.
const PEERS: u32 = 3;
const MORE_PEERS: u32 = 103;

fn settings(peers: u32) -> Settings {
    Settings {
        node: NodeId(peers),
        reference: NodeId(0),
        poll: Nanos(POLL),
        kappa: Ppb(50_000),
        peers,
        nodes: peers + 1,
    }
}

/// Exchange number `turn` with `peer`: delays of 100 us and exponential-like jitter, a clock that gains 20 ppm.
fn exchange(peer: u32, turn: i64, rng: &mut Rng) -> Exchange {
    let t1 = turn * POLL + i64::from(peer) * 1_000_000;
    let mut delay = || 100_000 + (rng.unit() * rng.unit() * 80_000.0) as i64;
    let (t2, t4) = (t1 + delay() + t1 / 50_000, t1 + delay() + 100_000);
    let point = |ns: i64| {
        let at: Time<Local> = Time::from_nanos(ns);
        Point { user: at, wire: Some(Stamp { at, error: Nanos(30), source: Source::Kernel }) }
    };
    let claim = Claim {
        reading: Time::from_nanos(t2),
        stratum: if peer == 0 { 1 } else { 2 },
        root_dispersion: Nanos(if peer == 0 { 0 } else { 150_000 }),
        ..Claim::default()
    };
    let claims = Claims::made_by(Algorithms::ALL, |_| claim);
    Exchange { peer: NodeId(peer), t1: point(t1), t2: point(t2), t3: point(t2), t4: point(t4), claims }
}

/// A clock and what it is fed with.
struct Led {
    clock: Box<dyn Clock>,
    peers: u32,
    turn: i64,
    rng: Rng,
}

impl Led {
    fn new(algorithm: Algorithm, peers: u32) -> Option<Self> {
        let clock = clock::new(algorithm, &settings(peers))?;
        let mut led = Self { clock, peers, turn: 0, rng: Rng::stream(1, Purpose::Scenario, 0) };
        while led.turn < SETTLED * i64::from(peers) {
            let exchange = led.next();
            led.message(&exchange);
            led.exchange(&exchange);
            led.clock.on_slot(exchange.t4.user);
        }
        Some(led)
    }

    /// The next exchange, with each peer in turn.
    fn next(&mut self) -> Exchange {
        let peers = i64::from(self.peers);
        let (round, peer) = (self.turn / peers, self.turn % peers);
        self.turn += 1;
        exchange(peer as u32, round, &mut self.rng)
    }

    fn message(&mut self, exchange: &Exchange) {
        if let Some(claim) = exchange.claims.of(self.clock.algorithm()) {
            let message = Message { from: exchange.peer, at: exchange.t4.user, credit: Nanos(3), claim };
            black_box(self.clock.on_message(&message));
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        black_box(self.clock.on_exchange(exchange.t4.user, exchange));
    }
}

/// Bytes that a clock of so many peers holds once its windows are full.
fn held(algorithm: Algorithm, peers: u32) -> usize {
    let since = Region::new(ALLOCATOR);
    let led = Led::new(algorithm, peers);
    let changed = since.change();
    drop(black_box(led));
    changed.bytes_allocated - changed.bytes_deallocated
}

/// The bytes of every clock, as CSV. The hybrid clock keeps nothing outside itself.
fn bytes() {
    eprintln!("clock,peers,state_bytes,state_bytes_a_peer_more");
    for algorithm in Algorithms::ALL.iter() {
        let (few, many) = match algorithm {
            Algorithm::Hlc => (size_of::<Hlc>(), size_of::<Hlc>()),
            other => (held(other, PEERS), held(other, MORE_PEERS)),
        };
        let a_peer = (many as f64 - few as f64) / f64::from(MORE_PEERS - PEERS);
        eprintln!("{algorithm},{PEERS},{few},{a_peer:.0}");
    }
}

fn clocks(c: &mut Criterion) {
    for algorithm in Algorithms::ALL.iter() {
        let Some(led) = Led::new(algorithm, PEERS).map(RefCell::new) else { continue };
        let mut group = c.benchmark_group(format!("clock_{algorithm}"));
        // What a clock is fed with is made outside of what is timed.
        let next = || led.borrow_mut().next();
        group.bench_function("message", |b| {
            b.iter_batched_ref(next, |exchange| led.borrow_mut().message(exchange), BatchSize::SmallInput);
        });
        group.bench_function("exchange", |b| {
            b.iter_batched_ref(next, |exchange| led.borrow_mut().exchange(exchange), BatchSize::SmallInput);
        });
        let led = led.borrow();
        let now: Time<Local> = Time::from_nanos(led.turn * POLL);
        group.bench_function("read", |b| b.iter(|| led.clock.reading().at(black_box(now))));
        group.finish();
    }
}

/// The hybrid clock learns from messages alone, and is read beside the physical clock beneath it.
fn hybrid(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("clock_{}", Algorithm::Hlc));
    let (mut hlc, mut now) = (Hlc::new(Nanos::MAX), 0);
    group.bench_function("message", |b| {
        b.iter(|| {
            now += POLL;
            let at: Time<Synced> = Time::from_nanos(now);
            hlc.merge(at, black_box(HlcStamp { l: at + Nanos(7), c: 3 }))
        });
    });
    group.bench_function("read", |b| b.iter(|| hlc.reading(black_box(Time::from_nanos(now)))));
    group.finish();
}

criterion_group!(benches, clocks, hybrid);

fn main() {
    bytes();
    if !std::env::args().any(|argument| argument == "bytes") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
