//! The certificate of a whole graph, from journals, once: 100 nodes of degree 10, 10 probes a second for 60 s, a grid of
//! 1 s and windows of 2 s; and how its cost grows with nodes, arcs and time. Prints CSV.
//!
//!     cargo bench --bench whole_graph                    the table of results/certify/
//!     cargo bench --bench whole_graph -- 100 10 60 1000 100   nodes, degree, seconds, grid in ms, jitter in us
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its own memory")]

use std::time::Instant;

use skewbench::affine::Line;
use skewbench::analysis::certificate::{Parameters, certificate};
use skewbench::analysis::{AgentRun, Unreadable};
use skewbench::clock::{Change, Reading};
use skewbench::ids::{Algorithm, Algorithms, BootId, NodeId};
use skewbench::journal::{Entry, Header, HostFacts, RunConfig};
use skewbench::node::{Mark, Received, Record};
use skewbench::probe::Claims;
use skewbench::time::{Local, Nanos, Rate, Synced, Time};

#[path = "certify_world.rs"]
mod world;

use world::{KAPPA, World};

/// Journals of what the nodes received, and of Lamport clocks that each twentieth message lifts by 100 ns.
fn journals(world: &World) -> Vec<AgentRun> {
    let mut received = vec![Vec::new(); world.nodes as usize];
    for (arc, message) in world.messages() {
        received[arc.to.0 as usize].push((message.received, arc.from, message.sequence, message.sent));
    }
    let journal = |(node, mut received): (u32, Vec<_>)| {
        received.sort_unstable();
        let mut entries = vec![Entry::Record(Record::Mark(world.local(node, 0), Mark::ProbingBegan))];
        for (index, (at, from, sequence, sent)) in (0_i64..).zip(received) {
            let claims = Claims::default();
            let heard = Received { at, from, boot: BootId(1), sequence, sent, arrived: None, credit: Nanos(0), claims };
            entries.push(Entry::Record(Record::Received(heard)));
            if index % 20 == 0 {
                let ahead = index / 20 * 100 - i64::from(node) * 1_000_000_000;
                entries.push(Entry::Record(Record::Changed(Algorithm::Lamport, lift(at, ahead))));
            }
        }
        let end = world.reading(node, world.seconds);
        entries.push(Entry::Record(Record::Mark(end, Mark::MeasuringEnded)));
        AgentRun { header: header(world, node), entries, covers_until: end, unreadable: Unreadable::default() }
    };
    (0..world.nodes).zip(received).map(journal).collect()
}

fn lift(start: Time<Local>, ahead: i64) -> Change {
    let value = Time::<Synced>::from_nanos(start.as_nanos() + ahead);
    let line = Line { start, value, rate: Rate::ZERO };
    Change { reading: Reading { line, then: None }, stepped: true, bound: None, event: None }
}

fn header(world: &World, node: u32) -> Header {
    Header {
        node: NodeId(node),
        boot: BootId(1),
        run: RunConfig {
            cluster: 1,
            seed: Some(1),
            nodes: world.nodes,
            topology: "circulant".to_owned(),
            arcs: Vec::new(),
            tau: Nanos::from_millis(100),
            probe_pairs: None,
            measured: None,
            reference: NodeId(0),
            plausible: Nanos::from_seconds(1),
            git_commit: "bench".to_owned(),
        },
        oscillator: None,
        kappa_ppb: KAPPA,
        clocks: Algorithms::USUAL,
        host: HostFacts::default(),
    }
}

/// The most memory that the process had so far, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1_024)
}

fn measure(world: World, grid: Nanos) {
    let runs = journals(&world);
    let messages: usize =
        runs.iter().map(|run| run.records().filter(|r| matches!(r, Record::Received(_))).count()).sum();
    let given = Parameters { grid, window: Nanos::from_seconds(2), ..Parameters::stated(&runs) };
    let journals_mib = peak_mib();
    let began = Instant::now();
    let found = certificate(&runs, &given, |_| ());
    let seconds = began.elapsed().as_secs_f64();
    let width =
        found.intervals.iter().map(|i| (i.offset.1 - i.offset.0).0).sum::<i64>() / found.intervals.len().max(1) as i64;
    let lamport = found.of(Algorithm::Lamport).expect("a row");
    println!(
        "{},{},{},{},{},{messages},{},{},{seconds:.2},{},{journals_mib},{width},{},{},{}",
        world.nodes,
        world.nodes * world.degree,
        world.seconds,
        grid.0 / 1_000_000,
        world.jitter_ns / 1_000,
        found.grid.instants(),
        found.intervals.len(),
        peak_mib(),
        lamport.eps_low.0,
        lamport.eps_high.map_or(String::new(), |high| high.0.to_string()),
        lamport.eps_grid.0,
    );
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    println!(
        "nodes,arcs,seconds,grid_ms,jitter_us,messages,instants,pair_intervals,certify_s,peak_mib,journals_mib,\
         mean_width_ns,lamport_eps_low_ns,lamport_eps_high_ns,lamport_eps_grid_ns"
    );
    let world = |nodes, degree, seconds, jitter_us| World { nodes, degree, seconds, jitter_ns: jitter_us * 1_000 };
    let second = Nanos::from_seconds(1);
    if let [nodes, degree, seconds, grid_ms, jitter_us] = numbers[..] {
        let grid = Nanos::from_millis(grid_ms as i64);
        return measure(world(nodes as u32, degree as u32, seconds as i64, jitter_us), grid);
    }
    if std::env::args().any(|word| word == "--test") {
        return measure(world(6, 2, 3, 100), second);
    }
    for nodes in [25, 50, 100] {
        measure(world(nodes, 10, 15, 100), second);
    }
    for degree in [4, 20] {
        measure(world(100, degree, 15, 100), second);
    }
    for (seconds, jitter_us) in [(30, 100), (60, 100), (60, 0)] {
        measure(world(100, 10, seconds, jitter_us), second);
    }
}
