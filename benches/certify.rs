//! What certificates cost: pairwise intervals in exchanges a second, eps of a pair in changes a second, and the window of
//! a grid in messages and queries a second. `cargo bench --bench certify`; the whole graph is `--bench whole_graph`.

use std::collections::BTreeMap;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use skewbench::affine::Line;
use skewbench::certify::pairwise::Pair;
use skewbench::certify::{
    Aging, Cell, Course, Delay, Graph, Interval, Message, Observation, Queries, Reach, Sight, Window, feasible,
};
use skewbench::ids::NodeId;
use skewbench::model::{Purpose, Rng};
use skewbench::time::{Local, Nanos, Ppb, Rate, Synced, Time};

#[path = "certify_world.rs"]
mod world;

use world::{KAPPA, World};

const EXCHANGES: i64 = 100_000;

/// Two clocks 60 ppm apart that exchange messages of 50 to 150 us each millisecond.
fn exchanges() -> (Vec<Message>, Vec<Message>, Vec<Time<Local>>) {
    let mut rng = Rng::stream(1, Purpose::Scenario, 1);
    let other = |at: i64| Time::from_nanos(at + at / 1_000_000 * 60 + 5_000_000);
    let mut delay = || 50_000 + rng.below(100_000) as i64;
    let (mut there, mut back, mut instants) = (Vec::new(), Vec::new(), Vec::new());
    for exchange in 0..EXCHANGES {
        let (sent, sequence) = (exchange * 1_000_000, exchange as u64);
        let (asked, answered) = (sent + delay(), delay());
        let received = Time::from_nanos(asked + answered);
        there.push(Message { sent: Time::from_nanos(sent), received: other(asked), sequence });
        back.push(Message { sent: other(asked), received, sequence });
        instants.push(received);
    }
    (there, back, instants)
}

fn pairwise(c: &mut Criterion) {
    let (there, back, instants) = exchanges();
    let mut group = c.benchmark_group("certify");
    group.sample_size(10);
    for (name, least) in [("pairwise", 0), ("pairwise_least_delay", 40_000)] {
        let delay = Delay { least: Nanos(least), most: None };
        let kappa = Ppb(50_000);
        let pair = Pair { own_kappa: kappa, other_kappa: kappa, there: delay, back: delay, tick: Nanos(1) };
        group.throughput(Throughput::Elements(EXCHANGES as u64));
        group.bench_function(name, |b| b.iter(|| pair.intervals(&there, &back, &instants)));
    }
    group.finish();
}

/// A clock that is lifted by a microsecond each ten milliseconds.
fn lifted(phase: i64, turns: i64) -> Course {
    let piece = |turn: i64| {
        let start: Time<Local> = Time::from_nanos(phase + turn * 10_000_000);
        (start, Line { start, value: Time::<Synced>::from_nanos(start.as_nanos() + turn * 1_000), rate: Rate::ZERO })
    };
    Course::new((0..turns).map(piece).collect())
}

fn eps(c: &mut Criterion) {
    let turns = 10_000;
    let (own, other) = (lifted(0, turns), lifted(3_333_333, turns));
    let kappa = Ppb(50_000);
    let sight = |at: i64| {
        let around = |by: i64| Time::from_nanos(at + by);
        Sight { at: Time::from_nanos(at), other: Interval { low: around(-100_000), high: around(100_000) } }
    };
    let cells: Vec<Cell<'_>> = (0..turns / 100)
        .map(|second| Cell {
            own: &own,
            other: &other,
            aging: Aging::new(kappa, kappa),
            from: sight(second * 1_000_000_000),
            to: sight((second + 1) * 1_000_000_000),
        })
        .collect();
    let mut group = c.benchmark_group("certify");
    group.sample_size(10).throughput(Throughput::Elements(2 * turns as u64));
    group.bench_function("eps_of_a_pair", |b| b.iter(|| cells.iter().filter_map(Cell::apart).count()));
    group.finish();
}

fn observation(world: &World) -> Observation {
    let kappas: BTreeMap<NodeId, Ppb> = (0..world.nodes).map(|node| (NodeId(node), KAPPA)).collect();
    Observation::new(&kappas, &BTreeMap::new(), world.messages(), Nanos(1))
}

/// What every node saw within a second of true time `second`.
fn window(world: &World, second: i64) -> Window {
    let about = |node| {
        let at = world.reading(node, second);
        at - Nanos::from_seconds(1)..=at + Nanos::from_seconds(1)
    };
    Window((0..world.nodes).map(about).collect())
}

fn windows(c: &mut Criterion) {
    let world = World { nodes: 20, degree: 6, seconds: 4, jitter_ns: 100_000 };
    let observation = observation(&world);
    let window = window(&world, 2);
    let messages: usize = observation.traffic().iter().map(|traffic| window.messages(traffic).count()).sum();
    let mut group = c.benchmark_group("certify");
    group.sample_size(10).throughput(Throughput::Elements(messages as u64));
    group.bench_function("window", |b| {
        b.iter_batched(|| (), |()| feasible(&Graph::new(&observation, &window).expect("short")), BatchSize::LargeInput)
    });
    let graph = Graph::new(&observation, &window).expect("short");
    let (queries, mut reach) = (Queries::new(&graph), Reach::default());
    group.throughput(Throughput::Elements(19));
    group.bench_function("query", |b| {
        b.iter(|| {
            queries.reach(0, world.reading(0, 2), &mut reach);
            (1..20).map(|of| queries.interval(&reach, of).width().0).max()
        })
    });
    group.finish();
}

criterion_group!(benches, pairwise, eps, windows);
criterion_main!(benches);
