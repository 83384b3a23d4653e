//! What each clock costs: ns a message, an exchange and a read in a mesh of four, and the bytes it keeps, in all and a
//! peer.
//!
//! Every clock is first led through two hundred exchanges with each peer, so that its windows are full. Bytes are counted,
//! not guessed: the allocator of this program counts what it holds, and a clock is what is held more after it was made and led
//! than before. They are printed as CSV on standard error before anything is timed; with `-- bytes` nothing is timed.
//!
//! With `-- cost` bytes and ns go to standard output together, as `results/bench/clocks.csv` has them. There ns are of
//! processor time, which other programs on the machine do not lengthen but for what they take of its caches.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock of its own processor time")]

use std::alloc::System;
use std::cell::RefCell;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group};
use nix::time::{ClockId, clock_gettime};
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
        pair_gap: None,
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

const BYTES: &str = "clock,peers,state_bytes,state_bytes_a_peer_more";

/// The bytes of a clock, as a row of CSV. The hybrid clock keeps nothing outside itself.
fn bytes(algorithm: Algorithm) -> String {
    let (few, many) = match algorithm {
        Algorithm::Hlc => (size_of::<Hlc>(), size_of::<Hlc>()),
        other => (held(other, PEERS), held(other, MORE_PEERS)),
    };
    let a_peer = (many as f64 - few as f64) / f64::from(MORE_PEERS - PEERS);
    format!("{algorithm},{PEERS},{few},{a_peer:.0}")
}

/// So many samples are taken of each cost, each of so many calls, whose inputs are made beforehand.
const SAMPLES: usize = 101;
const CALLS: usize = 256;

/// Processor time of this thread, in ns.
fn spent() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    now.tv_sec() * 1_000_000_000 + now.tv_nsec()
}

/// Median, tenth and ninetieth percentile over all samples of what a call takes, in ns, less what timing takes: three cells.
fn cost<T>(mut inputs: impl FnMut() -> Vec<T>, mut call: impl FnMut(&T)) -> String {
    let mut timed = |inputs: &[T]| {
        let began = spent();
        inputs.iter().for_each(&mut call);
        (spent() - began) as f64
    };
    let sample = |_| {
        let (inputs, nothing) = (inputs(), timed(&[]));
        (timed(&inputs) - nothing).max(0.0) / CALLS as f64
    };
    let mut samples: Vec<f64> = (0..SAMPLES).map(sample).collect();
    samples.sort_by(f64::total_cmp);
    let [median, low, high] = [50, 10, 90].map(|percent| samples[(SAMPLES - 1) * percent / 100]);
    format!("{median:.1},{low:.1},{high:.1}")
}

/// The ns of a clock in the mesh of four, as cells of CSV; an exchange comes with the slot of the probe grid that it began with.
fn processor_time(algorithm: Algorithm) -> String {
    let led = RefCell::new(Led::new(algorithm, PEERS).expect("a clock that a node runs"));
    let exchanges = || (0..CALLS).map(|_| led.borrow_mut().next()).collect::<Vec<_>>();
    let message = cost(exchanges, |exchange| led.borrow_mut().message(exchange));
    let exchange = cost(exchanges, |exchange| {
        let mut led = led.borrow_mut();
        led.clock.on_slot(exchange.t1.user);
        led.exchange(exchange);
    });
    let led = led.borrow();
    let instants = || (0..CALLS as i64).map(|n| Time::from_nanos(led.turn * POLL + n)).collect::<Vec<Time<Local>>>();
    let read = cost(instants, |now| _ = black_box(led.clock.reading().at(black_box(*now))));
    format!("{message},{exchange},{read}")
}

/// The same of the hybrid clock, which learns nothing from exchanges and is read beside the physical clock beneath it.
fn processor_time_of_hybrid() -> String {
    let (hlc, mut now) = (RefCell::new(Hlc::new(Nanos::MAX)), 0);
    let mut instants = || -> Vec<Time<Synced>> {
        let stamp = |_| {
            now += POLL;
            Time::from_nanos(now)
        };
        (0..CALLS).map(stamp).collect()
    };
    let merge = |at: &Time<Synced>| _ = black_box(hlc.borrow_mut().merge(*at, HlcStamp { l: *at + Nanos(7), c: 3 }));
    let message = cost(&mut instants, merge);
    let read = cost(&mut instants, |at| _ = black_box(hlc.borrow().reading(black_box(*at))));
    format!("{message},,,,{read}")
}

/// Everything that a clock costs, as CSV.
fn costs() {
    let columns = ["message", "exchange_and_slot", "read"];
    let columns = columns.map(|of| format!("ns_per_{of},ns_per_{of}_p10,ns_per_{of}_p90"));
    println!("{BYTES},{}", columns.join(","));
    for algorithm in Algorithms::ALL.iter() {
        let ns = match algorithm {
            Algorithm::Hlc => processor_time_of_hybrid(),
            other => processor_time(other),
        };
        println!("{},{ns}", bytes(algorithm));
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
    let asked = |word: &str| std::env::args().any(|argument| argument == word);
    if asked("cost") {
        return costs();
    }
    eprintln!("{BYTES}");
    Algorithms::ALL.iter().for_each(|algorithm| eprintln!("{}", bytes(algorithm)));
    if !asked("bytes") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
}
