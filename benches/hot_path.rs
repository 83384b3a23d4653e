//! The hot path: what each probe and each stamp costs, beside a raw clock read of the same run.

use std::hint::black_box;
use std::num::NonZeroU32;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use skewbench::affine::Line;
use skewbench::causal::{Hlc, HlcStamp, Logical};
use skewbench::clock::{self, Clock, Free, Lamport, Message, Ntp, ntp};
use skewbench::host::clock::raw_now;
use skewbench::host::published::Published;
use skewbench::ids::{Algorithm, Algorithms, BootId, NodeId};
use skewbench::node::{Config, Input, Node};
use skewbench::order::report::StampSource;
use skewbench::order::{Stamper, stamp};
use skewbench::probe::key::{KEY_BYTES, Key};
use skewbench::probe::{Claim, Claims, Codec, Exchange, Kind, Point, Probe, Source, Stamp};
use skewbench::time::{Local, Nanos, Ppb, Rate, Synced, Time};

fn at(ns: i64) -> Time<Local> {
    Time::from_nanos(ns)
}

fn kernel(ns: i64) -> Stamp {
    Stamp { at: at(ns), error: Nanos(30), source: Source::Kernel }
}

fn request(sequence: u64, sent: i64) -> Probe {
    Probe {
        from: NodeId(1),
        to: NodeId(0),
        boot: BootId(1),
        sequence,
        sent: at(sent),
        kind: Kind::Request,
        departed: Some((sequence, kernel(sent))),
        stamps_departures: true,
        claims: Claims::from_fn(|_| Claim { reading: Time::from_nanos(sent), ..Claim::default() }),
    }
}

fn clock_read(c: &mut Criterion) {
    c.bench_function("clock_read", |b| b.iter(raw_now));
}

fn wire(c: &mut Criterion) {
    let codec = Codec::new(7, &Key::new([1; KEY_BYTES]));
    let probe = request(1, 1_000);
    let bytes = codec.encode(&probe);
    c.bench_function("probe_encode", |b| b.iter(|| codec.encode(black_box(&probe))));
    c.bench_function("probe_decode", |b| b.iter(|| codec.decode(black_box(&bytes))));
}

fn node() -> Node {
    let config = Config {
        node: NodeId(0),
        nodes: 3,
        boot: BootId(1),
        peers: vec![(NodeId(1), Nanos::ZERO), (NodeId(2), Nanos::ZERO)],
        tau: Nanos::from_millis(100),
        pair_gap: None,
        phase: Nanos::ZERO,
        reference: NodeId(0),
        kappa: Ppb(51_000),
        clocks: Algorithms::USUAL,
        plausible: Nanos::from_seconds(1_000),
        stamps_departures: true,
    };
    Node::new(config, at(0))
}

fn node_step(c: &mut Criterion) {
    let mut sequence = 0;
    let mut answering = node();
    c.bench_function("node_answers_request", |b| {
        b.iter(|| {
            sequence += 1;
            let now = 1_000 * sequence as i64;
            let probe = request(sequence, now - 900);
            answering.handle(Input::Received { at: at(now), arrived: Some(kernel(now - 500)), probe: &probe });
            while let Some(output) = answering.poll() {
                black_box(output);
            }
        });
    });
    c.bench_function("node_sends_request", |b| {
        b.iter_batched_ref(
            node,
            |node| {
                node.handle(Input::Timer { at: node.wake() });
                while let Some(output) = node.poll() {
                    black_box(output);
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn clocks(c: &mut Criterion) {
    let exchange = |n: i64| {
        let point = |ns: i64| Point { user: at(ns), wire: Some(kernel(ns)) };
        let claims =
            Claims::from_fn(|_| Claim { reading: Time::from_nanos(n + 30_000), stratum: 1, ..Claim::default() });
        Exchange {
            peer: NodeId(0),
            t1: point(n),
            t2: point(n + 20_000),
            t3: point(n + 30_000),
            t4: point(n + 50_000),
            claims,
        }
    };
    let mesh = clock::Settings {
        node: NodeId(1),
        reference: NodeId(0),
        poll: Nanos::from_millis(100),
        pair_gap: None,
        kappa: Ppb(51_000),
        peers: 2,
        nodes: 3,
    };
    let settings = ntp::Settings { node: NodeId(1), reference: NodeId(0), poll: Nanos::from_millis(100) };
    let clocks: [Box<dyn Clock>; 3] = [Box::new(Free), Box::new(Lamport::new(&mesh)), Box::new(Ntp::new(settings))];
    for mut clock in clocks {
        let name = clock.algorithm();
        let mut now = 0;
        c.bench_function(&format!("{name}_message"), |b| {
            b.iter(|| {
                now += 100_000_000;
                let claim = Claim { reading: Time::from_nanos(now + 5), stratum: 1, ..Claim::default() };
                clock.on_message(&Message { from: NodeId(0), at: at(now), credit: Nanos(3), claim: &claim })
            });
        });
        c.bench_function(&format!("{name}_exchange"), |b| {
            b.iter(|| {
                now += 100_000_000;
                clock.on_exchange(at(now + 50_000), &exchange(now))
            });
        });
        c.bench_function(&format!("{name}_read"), |b| b.iter(|| clock.reading().at(black_box(at(now)))));
    }
}

/// A hybrid clock stamps events on the published NTP-style clock: each operation includes its clock read.
fn stamps(c: &mut Criterion) {
    let line = Line { start: at(0), value: Time::<Synced>::from_nanos(5), rate: Rate::from_ppb(Ppb(-20_000)) };
    let reading = skewbench::clock::Reading { line, then: None };
    let published = Published::default();
    published.publish(Algorithm::Ntp, &reading);
    let physical = |reading: &skewbench::clock::Reading| reading.at(at(raw_now().as_nanos()));
    let mut hlc = Hlc::new(Nanos::MAX);
    c.bench_function("hlc_tick", |b| b.iter(|| hlc.tick(physical(black_box(&reading)))));
    c.bench_function("hlc_tick_published", |b| b.iter(|| hlc.tick(physical(&published.reading(Algorithm::Ntp)))));
    c.bench_function("hlc_merge", |b| {
        b.iter(|| {
            let now = physical(black_box(&reading));
            hlc.merge(now, HlcStamp { l: now, c: 3 })
        });
    });
    let mut logical = Logical::default();
    c.bench_function("logical_tick", |b| b.iter(|| logical.tick()));
}

/// A command's stamp as the ordering workload makes it: a reading and an update of the clock a batch, and each command's own
/// stamp. An operation is one batch: `stamping_hlc_64` is 64 commands.
fn stamping(c: &mut Criterion) {
    let line = Line { start: at(0), value: Time::<Synced>::from_nanos(5), rate: Rate::from_ppb(Ppb(-20_000)) };
    let published = Published::default();
    for algorithm in [Algorithm::Lamport, Algorithm::Ntp] {
        published.publish(algorithm, &skewbench::clock::Reading { line, then: None });
    }
    for source in StampSource::ORDERING {
        for batch in [1, 64].map(|batch| NonZeroU32::new(batch).expect("a batch")) {
            let mut stamper = Stamper::new(source, NodeId(1), Nanos::MAX);
            let clock = stamp::algorithm(source);
            c.bench_function(&format!("stamping_{}_{batch}", source.name()), |b| {
                b.iter(|| {
                    let now = at(raw_now().as_nanos());
                    let physical = clock.map_or(Time::ZERO, |clock| published.reading(clock).at(now));
                    for stamp in stamper.tick_many(physical, batch).stamps() {
                        black_box(stamp);
                    }
                });
            });
        }
    }
}

criterion_group!(benches, clock_read, wire, node_step, clocks, stamps, stamping);
criterion_main!(benches);
