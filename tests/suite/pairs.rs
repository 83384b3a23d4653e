//! Coded pairs of probes: what they are worth on busy links, and that everything else copes with them.

use std::collections::BTreeMap;

use skewbench::analysis::{AgentRun, Summary, Verdict, summarise};
use skewbench::ids::{Algorithm, NodeId};
use skewbench::journal::Header;
use skewbench::node::{Record, Replay, replay};
use skewbench::sim::scenario::Scale;
use skewbench::sim::{Scenario, World, streamed};
use skewbench::time::{Local, Nanos, Time};

use crate::simulated::{network, runs};

/// Four nodes whose links are crowded for 20 s of each 50 s, in each direction at its own time: trains of 100 us then
/// take nine tenths of it, and the mean wait is some hundred microseconds.
const BUSY: &str = r#"queue = { every = "50s", lasting = "20s", load_share = 0.9, train = "100us" }"#;
const QUIET: &str = "";

fn mesh(rhythm: &str, clocks: &str, queue: &str) -> String {
    format!(
        r#"
        duration = "150s"
        {rhythm}
        clocks = ["{clocks}"]
        topology = {{ shape = "full", nodes = 4 }}
        [oscillators]
        offset_within = "1ms"
        drift_within_ppm = 20
        [links]
        delay = "50us"
        jitter = {{ kind = "exponential", mean = "200ns" }}
        {queue}
        [stamps]
        noise = "100ns"
        "#
    )
}

const PAIRS: &str = "tau = \"1s\"\nprobe_pairs = \"20us\"";
const AS_MANY_SINGLES: &str = "tau = \"500ms\"";

/// Root mean square of the Huygens clocks' offsets from the reference's, in us, every 100 ms from the 50th second on.
fn rms_us(rhythm: &str, queue: &str, seed: u64) -> f64 {
    let mut network = network(&mesh(rhythm, "huygens", queue), seed);
    let (mut squares, mut count) = (0.0, 0.0);
    for step in 500..1_500 {
        let at = Time::ZERO + Nanos::from_millis(100 * step);
        network.run_until(at);
        let shown = network.shown(Algorithm::Huygens, at);
        for other in &shown[1..] {
            squares += ((*other - shown[0]).0 as f64 / 1e3).powi(2);
            count += 1.0;
        }
    }
    (squares / count).sqrt()
}

fn both(queue: &str) -> [f64; 2] {
    [PAIRS, AS_MANY_SINGLES].map(|rhythm| {
        let found = [1, 2].map(|seed| rms_us(rhythm, queue, seed).powi(2));
        (found.iter().sum::<f64>() / 2.0).sqrt()
    })
}

#[test]
fn on_links_with_busy_spans_pairs_serve_huygens_far_better_than_as_many_single_probes() {
    let [pairs, singles] = both(BUSY);
    assert!(pairs < 0.5 && singles > 10.0 * pairs, "rms {pairs:.3} us with pairs, {singles:.3} us with single probes");
}

#[test]
fn on_quiet_links_pairs_cost_nothing() {
    let [pairs, singles] = both(QUIET);
    assert!(pairs < 1.1 * singles, "rms {pairs:.3} us with pairs, {singles:.3} us with single probes");
}

/// Every request of a node in order: when it was sent, when it was due, to whom.
fn requests(run: &AgentRun) -> Vec<(Time<Local>, Time<Local>, NodeId)> {
    let asked = |record: &Record| match record {
        Record::Sent(sent) => sent.due.map(|due| (sent.at, due, sent.to)),
        _ => None,
    };
    run.records().filter_map(asked).collect()
}

#[test]
fn each_request_is_followed_by_one_on_the_same_arc_after_the_gap() {
    for run in runs(&mesh(PAIRS, "huygens", BUSY), 3) {
        assert_eq!(run.header.run.probe_pairs, Some(Nanos::from_micros(20)));
        let requests = requests(&run);
        assert!(requests.len() > 800, "{}", requests.len());
        for pair in requests.chunks_exact(2) {
            let [(first, _, to), (second, due, also)] = [pair[0], pair[1]];
            assert_eq!((to, first + Nanos::from_micros(20)), (also, due));
            assert!((Nanos::ZERO..=Nanos(2)).contains(&(second - due)), "sent {} after it was due", second - due);
        }
    }
}

/// The share of time in which what a clock says of its own error holds, by clock.
fn coverage(summary: &Summary) -> BTreeMap<Algorithm, f64> {
    summary.rows.iter().filter_map(|row| Some((row.algorithm, row.coverage?))).collect()
}

/// All clocks, with pairs: they are replayed bit for bit, the theorem holds with a bound that is not weaker than with single
/// requests, and what clocks prove of their own error is as true; what they estimate, nearly so.
#[test]
fn every_clock_copes_with_pairs() {
    let short = |rhythm: &str| mesh(rhythm, "all", BUSY).replace("150s", "40s");
    let paired = runs(&short(PAIRS), 5);
    for run in &paired {
        let Header { clocks, run: config, .. } = &run.header;
        let replayed = Replay::of(*clocks, &run.header.clock_settings(), config.plausible, run.records());
        assert!(!replayed.is_ambiguous);
        assert_eq!(replay::difference(&replayed, run.records()), None);
    }
    let (pairs, singles) = (summarise("pairs", &paired), summarise("singles", &runs(&short("tau = \"1s\""), 5)));
    assert_eq!(pairs.verdict, Verdict::Within);
    let promised =
        |summary: &Summary| summary.promise.as_ref().map(|promise| (promise.premises.mu, promise.bounds.safe));
    let [(mu, bound), (single_mu, single_bound)] =
        [&pairs, &singles].map(|summary| promised(summary).expect("premises"));
    assert_eq!(mu, single_mu);
    assert!(bound <= single_bound + Nanos::from_micros(1), "{bound} {single_bound}");
    let (held, before) = (coverage(&pairs), coverage(&singles));
    assert!(held.len() >= 5, "{held:?}");
    // What these three say of their error is an estimate from the delays that they saw; the others prove theirs.
    let estimates = [Algorithm::Regression, Algorithm::Corridor, Algorithm::Radclock];
    for (algorithm, share) in &before {
        let slack = if estimates.contains(algorithm) { 0.05 } else { 0.0 };
        assert!(held[algorithm] >= share - slack, "{algorithm}: {} with pairs, {share} without", held[algorithm]);
    }
}

#[test]
fn a_gap_that_does_not_fit_is_refused_with_its_mend() {
    let refused = |rhythm: &str| {
        let text = mesh(rhythm, "huygens", QUIET).replace("\"150s\"", "\"10s\"");
        let scenario = Scenario::parse(&text).expect("a scenario");
        World::new(&scenario, 1).expect_err("refused").to_string()
    };
    let long = refused("tau = \"100ms\"\nprobe_pairs = \"2ms\"");
    assert_eq!(long, "probe_pairs = 2ms: choose from 1us to 1ms, or 0s for single requests");
    let crowded = refused("tau = \"1ms\"\nprobe_pairs = \"200us\"");
    assert!(crowded.contains("a quarter of tau for 3 peers"), "{crowded}");
    let scenario = Scenario::parse_for(&mesh(PAIRS, "lamport", QUIET), Scale::Streamed).expect("a scenario");
    let streamed = streamed::World::new(&scenario, 1).map(drop).expect_err("refused").to_string();
    assert!(streamed.contains("probe_pairs = 20us: a streamed run has no such thing"), "{streamed}");
}
