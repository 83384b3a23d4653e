//! The streamed simulator against the one that keeps everything: the same clocks, the same eps, the same premises.

use skewbench::analysis::AgentRun;
use skewbench::analysis::clocks::Clocks;
use skewbench::analysis::envelope::{Stretch, sweep};
use skewbench::analysis::horizon::Horizon;
use skewbench::analysis::quantile::{PerMille, largest};
use skewbench::analysis::run::choose;
use skewbench::analysis::truth::Truth;
use skewbench::ids::{Algorithm, Arc};
use skewbench::model::Oscillator;
use skewbench::node::Record;
use skewbench::sim::scenario::{Scale, Scenario};
use skewbench::sim::streamed::rows::{Row, Rows};
use skewbench::sim::streamed::{Findings, Lamport, Mesh, Method, World};
use skewbench::sim::{self, Network};
use skewbench::time::{Nanos, Time};

use crate::folder::Folder;

/// Worlds that are small enough for a look at every event, each with something of its own.
const WORLDS: &[(&str, &str)] = &[
    ("quiet", r#"topology = { shape = "full", nodes = 4 }"#),
    (
        "lossy",
        r#"topology = { shape = "random-regular", nodes = 12, degree = 3 }
        [links]
        delay = "200us"
        jitter = { kind = "exponential", mean = "300us" }
        loss_share = 0.2
        mu = "150us""#,
    ),
    (
        "doubled and reordered",
        r#"topology = { shape = "ring", nodes = 7 }
        [links]
        delay = "1ms"
        asymmetry = "300us"
        jitter = { kind = "uniform", limit = "60ms" }
        duplicate_share = 0.5
        loss_share = 0.05"#,
    ),
    (
        "crowded",
        r#"topology = { shape = "star", nodes = 9 }
        stamps = { by = "user" }
        [links]
        delay = "500us"
        jitter = { kind = "pareto", scale = "100us", alpha = 1.5 }
        bursts = { every = "700ms", lasting = "100ms", extra = "5ms" }
        mu = "500us""#,
    ),
    (
        "islands",
        r#"topology = { shape = "islands", islands = 3, size = 3 }
        [[oscillator]]
        node = 4
        drift_ppm = 200.0
        offset = "-3ms"
        [wan]
        delay = "20ms"
        jitter = { kind = "gamma", mean = "1ms", shape = 2.0 }
        mu = "19ms"
        [[link]]
        from = 0
        to = 1
        delay = "2ms"
        mu = "2ms""#,
    ),
    (
        "implausible",
        r#"plausible = "9ms"
        topology = { shape = "grid", rows = 2, columns = 3 }"#,
    ),
    (
        "hardly any probes",
        r#"topology = { shape = "tree", nodes = 10, branches = 3 }
        [links]
        delay = "3s"
        mu = "2999ms"
        jitter = { kind = "log-normal", median = "1ms", sigma = 1.0 }"#,
    ),
];

/// Worlds in which the clocks that are not Lamport's do something of their own.
const MORE_WORLDS: &[(&str, &str)] = &[
    (
        "noisy stamps",
        r#"topology = { shape = "random-regular", nodes = 10, degree = 4 }
        reference = 3
        stamps = { by = "kernel", noise = "20us" }
        [links]
        delay = "200us"
        jitter = { kind = "exponential", mean = "100us" }
        duplicate_share = 0.1
        loss_share = 0.1"#,
    ),
    (
        "windows of an eighth of a period",
        r#"topology = { shape = "random-regular", nodes = 130, degree = 4 }
        [links]
        delay = "100us"
        jitter = { kind = "uniform", limit = "20us" }
        mu = "99us""#,
    ),
    (
        "hybrid clocks ahead",
        r#"topology = { shape = "line", nodes = 5 }
        [links]
        delay = "1us"
        asymmetry = "4ms"
        jitter = { kind = "uniform", limit = "2ms" }"#,
    ),
];

const CLOCKS: [Algorithm; 3] = [Algorithm::Lamport, Algorithm::Ntp, Algorithm::Hlc];

fn scenario(body: &str) -> Scenario {
    scenario_of(body, 4)
}

fn scenario_of(body: &str, seconds: u32) -> Scenario {
    // Keys come before tables.
    let (keys, tables) = body.find("\n        [").map_or((body, ""), |at| body.split_at(at));
    let common = format!("duration = \"{seconds}s\"\ntau = \"100ms\"\n");
    let clocks = "\n[oscillators]\noffset_within = \"10ms\"\ndrift_within_ppm = 80\n";
    Scenario::parse_for(&format!("{common}{keys}{clocks}{tables}"), Scale::Streamed).expect("a scenario")
}

fn streamed(scenario: &Scenario, seed: u64, method: Method) -> Lamport {
    let mut network = Lamport::new(World::new(scenario, seed).expect("a world"), method);
    while !network.is_over() {
        network.run_window();
    }
    network
}

/// The largest spread in each row, seen before and after every event.
fn looked_at(scenario: &Scenario, seed: u64, rows: &[Row]) -> (Vec<Nanos>, Vec<i64>) {
    let mut network = Network::new(sim::World::new(scenario, seed).expect("a world"));
    let mut found = Vec::new();
    for row in rows {
        let end = Time::ZERO + row.end;
        let mut most = network.spread(Algorithm::Lamport, Time::ZERO + row.start);
        while network.next_at() < end {
            most = most.max(network.spread(Algorithm::Lamport, network.next_at()));
            network.step();
            most = most.max(network.spread(Algorithm::Lamport, network.now()));
        }
        found.push(most.max(network.spread(Algorithm::Lamport, end)));
    }
    let end = Time::ZERO + scenario.duration;
    let readings = network.shown(Algorithm::Lamport, end).iter().map(|reading| reading.as_nanos()).collect();
    (found, readings)
}

#[test]
fn clocks_and_eps_are_those_of_the_journaled_run() {
    for (name, body) in WORLDS {
        for seed in 1..=3 {
            let scenario = scenario(body);
            let network = streamed(&scenario, seed, Method::Exact);
            let rows = network.skew.rows.all();
            let (looked_at, readings) = looked_at(&scenario, seed, rows);
            assert_eq!(network.readings().collect::<Vec<_>>(), readings, "{name}, seed {seed}");
            for (row, seen) in rows.iter().zip(looked_at) {
                assert!((row.max - seen).abs() <= Nanos(3), "{name}, seed {seed}: {seen} seen in {row:?}");
            }
            assert!(network.counts.lifts > 0 && rows.len() >= 40, "{name}");
        }
    }
}

fn mesh(scenario: &Scenario, seed: u64, method: Method) -> Mesh {
    let mut mesh = Mesh::new(World::new(scenario, seed).expect("a world"), method).expect("few nodes");
    while !mesh.is_over() {
        mesh.run_window();
    }
    mesh
}

fn rows(mesh: &Mesh, algorithm: Algorithm) -> &[Row] {
    let watched = &mesh.watched;
    let courses = match algorithm {
        Algorithm::Ntp => &watched.ntp,
        Algorithm::Hlc => &watched.hlc,
        _ => &watched.lamport,
    };
    courses.skew.rows.all()
}

#[test]
fn all_three_clocks_show_what_they_show_in_the_journaled_run() {
    for (name, body) in WORLDS.iter().chain(MORE_WORLDS) {
        let scenario = scenario_of(body, 7);
        for seed in if scenario.topology.nodes() > 100 { 1..=1 } else { 1..=2 } {
            let mut journaled = Network::new(sim::World::new(&scenario, seed).expect("a world"));
            let mut mesh = Mesh::new(World::new(&scenario, seed).expect("a world"), Method::Exact).expect("few nodes");
            while !mesh.is_over() {
                mesh.run_window();
                let now = Time::ZERO + mesh.now();
                journaled.run_until(now);
                for algorithm in CLOCKS {
                    let shown: Vec<_> = mesh.readings(algorithm).collect();
                    assert_eq!(shown, journaled.shown(algorithm, now), "{algorithm}, {name}, seed {seed}, {now:?}");
                }
            }
            let alone = streamed(&scenario, seed, Method::Exact);
            assert_eq!(mesh.counts(), alone.counts, "{name}, seed {seed}");
            assert_eq!(mesh.fulfilled, alone.fulfilled, "{name}, seed {seed}");
        }
    }
}

/// The eps of each row, by the analysis of the journals: exact, from every breakpoint that they hold.
fn analysed(runs: &[AgentRun], algorithm: Algorithm, rows: &[Row]) -> Vec<Option<Nanos>> {
    let (spans, _) = choose(runs);
    let truth = Truth::rebuild(&spans).expect("declared oscillators");
    let horizon = Horizon::of(&spans, &truth).expect("spans");
    let (clocks, start) = (Clocks::new(&spans, &truth, &horizon), horizon.start - Time::ZERO);
    let end = horizon.length().0 as f64;
    let stretches = sweep(clocks.of(algorithm), 0.0, end);
    let largest_in = |row: &Row| {
        let (from, to) = (((row.start - start).0 as f64).max(0.0), ((row.end - start).0 as f64).min(end));
        let within = &stretches[stretches.partition_point(|s| s.end <= from)..];
        let cut: Vec<Stretch> = within
            .iter()
            .take_while(|s| s.start < to)
            .map(|s| Stretch {
                start: s.start.max(from),
                end: s.end.min(to),
                first: s.eps(s.start.max(from)),
                last: s.eps(s.end.min(to)),
                ..*s
            })
            .collect();
        largest(&cut)
    };
    rows.iter().map(largest_in).collect()
}

#[test]
fn eps_of_all_three_clocks_is_that_of_the_analysed_journals() {
    for (name, body) in WORLDS.iter().chain(MORE_WORLDS) {
        let scenario = scenario_of(body, 7);
        let journals = sim::run(&scenario, 3, |_| {}).expect("a run");
        let runs = AgentRun::read(journals.iter().map(|(_, bytes)| bytes.as_slice()));
        let [exact, outward] = [Method::Exact, Method::Outward].map(|method| mesh(&scenario, 3, method));
        for algorithm in CLOCKS {
            let (rows, outward) = (rows(&exact, algorithm), rows(&outward, algorithm));
            assert!(rows.len() >= 70, "{name}");
            for ((row, outward), analysed) in rows.iter().zip(outward).zip(analysed(&runs, algorithm, rows)) {
                let seen = analysed.expect("a row that the journals cover");
                assert!((row.max - seen).abs() <= Nanos(4), "{algorithm}, {name}: {seen} in journals, {row:?}");
                assert!(outward.max >= row.max, "{algorithm}, {name}: {outward:?} {row:?}");
            }
        }
    }
}

#[test]
fn an_outward_eps_is_never_too_small_and_not_far_off() {
    for (name, body) in WORLDS {
        let scenario = scenario(body);
        let [exact, outward] = [Method::Exact, Method::Outward].map(|method| streamed(&scenario, 5, method));
        for (exact, outward) in exact.skew.rows.all().iter().zip(outward.skew.rows.all()) {
            // In a window of a period no clock gains more on another than 2 kappa tau, nor is lifted by more than eps.
            assert!(outward.max >= exact.max, "{name}: {outward:?} {exact:?}");
            assert!(outward.max <= exact.max.times(2) + Nanos(60_000), "{name}: {outward:?} {exact:?}");
        }
    }
}

#[test]
fn quantiles_are_shares_of_time() {
    let scenario = scenario(WORLDS[1].1);
    let network = streamed(&scenario, 1, Method::Exact);
    let rows = network.skew.rows.since(Nanos::from_seconds(1));
    let mut journaled = Network::new(sim::World::new(&scenario, 1).expect("a world"));
    let instants = (1_000..4_000).map(|ms| Time::ZERO + Nanos::from_millis(ms) + Nanos(77));
    let seen: Vec<Nanos> = instants
        .map(|at| {
            journaled.run_until(at);
            journaled.spread(Algorithm::Lamport, at)
        })
        .collect();
    for (quantile, share) in [(PerMille::P50, 0.5), (PerMille(900), 0.9), (PerMille::P99, 0.99)] {
        let value = Rows::quantile(rows, quantile).expect("time");
        let within = seen.iter().filter(|eps| **eps <= value).count() as f64 / seen.len() as f64;
        assert!((within - share).abs() < 0.015, "{within} for {share}");
    }
}

/// Every message that the journals say arrived: its arc, when it was sent and how long it took, in true time.
fn arrived(scenario: &Scenario, seed: u64) -> Vec<(Arc, Nanos, Nanos)> {
    let journals = sim::run(scenario, seed, |_| {}).expect("a run");
    let runs = AgentRun::read(journals.iter().map(|(_, bytes)| bytes.as_slice()));
    let clock = |run: &AgentRun| Oscillator::new(run.header.oscillator.clone().expect("declared"), run.header.node);
    let mut clocks: Vec<Oscillator> = runs.iter().map(clock).collect();
    let mut found = Vec::new();
    for run in &runs {
        let to = run.header.node;
        for record in run.records() {
            let Record::Received(received) = record else { continue };
            let sent = clocks[received.from.0 as usize].true_time(received.sent) - Time::ZERO;
            let at = clocks[to.0 as usize].true_time(received.at) - Time::ZERO;
            found.push((Arc { from: received.from, to }, sent, at - sent));
        }
    }
    found
}

#[test]
fn premises_are_what_the_journals_show() {
    for (name, body) in WORLDS {
        let scenario = scenario(body);
        let network = streamed(&scenario, 2, Method::Exact);
        let found = Findings::of(&network, Method::Exact);
        let mut messages = arrived(&scenario, 2);
        assert_eq!(network.counts.delivered, messages.len() as u64, "{name}");
        messages.sort();
        let mut slowest = Nanos::ZERO;
        for arc in messages.chunk_by(|a, b| a.0 == b.0) {
            let sends: Vec<Nanos> = [Nanos::ZERO]
                .into_iter()
                .chain(arc.iter().map(|(_, sent, _)| *sent))
                .chain([scenario.duration])
                .collect();
            slowest = sends.windows(2).map(|pair| pair[1] - pair[0]).fold(slowest, Nanos::max);
        }
        let arcs: std::collections::BTreeSet<Arc> = messages.iter().map(|(arc, ..)| *arc).collect();
        let slowest = if arcs.len() == found.arcs { slowest } else { scenario.duration };
        assert!((found.premises.tau - slowest).abs() <= Nanos(2), "{name}: {slowest} for {:?}", found.premises);
        let world = sim::World::new(&scenario, 2).expect("a world");
        let mu = |arc: &Arc| world.run.arcs.iter().find(|(known, _)| known == arc).expect("an arc").1.mu;
        let xi = messages.iter().map(|(arc, _, delay)| *delay - mu(arc)).max().unwrap_or_default();
        assert!((found.premises.xi - xi).abs() <= Nanos(3), "{name}: {xi} for {:?}", found.premises);
        assert_eq!(found.failed.is_empty(), *name != "implausible", "{name}: {:?}", found.failed);
    }
}

#[test]
fn the_same_scenario_and_seed_give_the_same_bytes() {
    let scenario = scenario(WORLDS[1].1);
    let csv = |seed| Findings::of(&streamed(&scenario, seed, Method::Exact), Method::Exact).csv();
    assert_eq!(csv(4), csv(4));
    assert_ne!(csv(4), csv(5));
}

#[test]
fn what_a_streamed_run_cannot_do_is_refused_by_name() {
    for (body, key) in [
        (
            "topology = { shape = \"ring\", nodes = 3 }\n        [[event]]\nkind = \"crash\"\nnode = 1\nat = \"1s\"",
            "event[0].kind = crash: a streamed run",
        ),
        ("topology = { shape = \"ring\", nodes = 3 }\n        [stamps]\nwait_within = \"5us\"", "stamps.wait_within"),
        ("topology = { shape = \"ring\", nodes = 3 }\n        [links]\ndelay = \"1ms\"\nmu = \"2ms\"", "mu"),
        ("topology = { shape = \"edges\", nodes = 3, edges = [[0, 1]] }", "topology"),
    ] {
        let refused = World::new(&scenario(body), 1).expect_err(key).to_string();
        assert!(refused.starts_with(key), "{refused}");
    }
    for (body, key) in [("full\", nodes = 100000", "topology: links"), ("ring\", nodes = 1000001", "topology: nodes")] {
        let text = format!("duration = \"1s\"\ntau = \"100ms\"\ntopology = {{ shape = \"{body} }}");
        let refused = Scenario::parse_for(&text, Scale::Streamed).expect_err(key).to_string();
        assert!(refused.starts_with(key), "{refused}");
    }
}

#[test]
fn a_person_gets_numbers_a_verdict_and_a_file() {
    let folder = Folder::new("streamed");
    let dir = folder.path();
    let run = |more: &[&str]| {
        let scenario = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scenarios/random.toml");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_skewbench"));
        command.args(["sim", scenario.to_str().expect("a path"), "--streamed"]).args(more).output().expect("it runs")
    };
    let output = run(&["--out", dir.to_str().expect("a path")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for told in ["20 nodes, 80 arcs", "tau_eff", "exact", "bytes a node", "verdict  WITHIN"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let csv = std::fs::read_to_string(dir.join("stream.csv")).expect("a file");
    assert_eq!(csv.lines().count(), 1 + 100, "a row a period");
    assert_eq!(String::from_utf8_lossy(&run(&["--quiet"]).stdout), "verdict  WITHIN\n");
    let all = run(&["--clocks", "all", "--out", dir.to_str().expect("a path"), "--force"]);
    let text = String::from_utf8_lossy(&all.stdout).into_owned();
    assert_eq!(all.status.code(), Some(0), "{text}");
    assert!(text.contains("ntp: max") && text.contains("hlc: max"), "{text}");
    let csv = std::fs::read_to_string(dir.join("stream.csv")).expect("a file");
    assert_eq!(csv.lines().filter(|line| line.starts_with("hlc,")).count(), 100, "a row a period and algorithm");
    let refused = run(&["--json"]);
    assert_eq!(refused.status.code(), Some(2), "no JSON of a streamed run");
}
