//! The grid of results/grid: every algorithm on every network, to the digit, and what the networks are there to show.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use skewbench::analysis::{Summary, summarise};
use skewbench::ids::{Algorithm, NodeId};
use skewbench::sim::Scenario;
use skewbench::time::Nanos;

use crate::simulated::journals;

const HEADER: &str = "network,algorithm,eps_true_ns_p50,eps_true_ns_p99,eps_true_ns_max,bias_ns,bound_safe_ns,verdict";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results/grid")
}

/// What every network of the grid comes to, by name.
fn summaries() -> BTreeMap<String, Summary> {
    let files = fs::read_dir(folder().join("networks")).expect("the networks");
    let summary = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let scenario = Scenario::parse(&fs::read_to_string(&path).expect("a file")).expect("a scenario");
        let seed = scenario.seed.unwrap_or_else(|| panic!("{name} states its seed"));
        (name, summarise("grid", &journals(&scenario, seed)))
    };
    files.map(|entry| summary(entry.expect("an entry").path())).collect()
}

fn rows(network: &str, summary: &Summary) -> Vec<String> {
    let row = |algorithm: Algorithm| {
        let skew = summary.row(algorithm)?.skew?;
        let bound = summary.promise.filter(|_| algorithm == Algorithm::Lamport);
        let (bound, verdict) =
            bound.map_or_else(Default::default, |promise| (promise.bounds.safe.0.to_string(), summary.verdict.name()));
        let (p50, p99, max, bias) = (skew.p50.0, skew.p99.0, skew.max.0, skew.bias.0);
        Some(format!("{network},{algorithm},{p50},{p99},{max},{bias},{bound},{verdict}"))
    };
    Algorithm::OWN.into_iter().filter_map(row).collect()
}

/// Largest eps in the window.
fn worst(summary: &Summary, algorithm: Algorithm) -> Nanos {
    summary.row(algorithm).and_then(|row| row.skew).expect("a window").max
}

#[test]
fn every_algorithm_does_on_every_network_what_the_grid_says() {
    let (file, summaries) = (folder().join("grid.csv"), summaries());
    let lines = summaries.iter().flat_map(|(network, summary)| rows(network, summary));
    let found: Vec<String> = [HEADER.to_owned()].into_iter().chain(lines).collect();
    if std::env::var_os("SKEWBENCH_BLESS").is_some() {
        fs::write(&file, found.join("\n") + "\n").expect("the grid can be written");
    }
    let kept = fs::read_to_string(&file).expect("the grid");
    let kept: Vec<&str> = kept.lines().collect();
    let other = |line: &&String| !kept.contains(&line.as_str());
    let changed: Vec<&String> = found.iter().filter(other).collect();
    assert!(changed.is_empty(), "results/grid/grid.csv differs; if that is meant, run scripts/grid. Now: {changed:#?}");
    assert_eq!(kept, found, "the same lines in the same order");
    shows_what_it_is_for(&summaries);
}

/// What theory says of some networks, beside the kept digits.
fn shows_what_it_is_for(summaries: &BTreeMap<String, Summary>) {
    assert!(summaries.len() >= 10, "{:?}", summaries.keys());
    for (network, summary) in summaries {
        let safe = summary.promise.expect("a bound").bounds.safe;
        let honest = network != "two-faced";
        assert_eq!(worst(summary, Algorithm::Lamport) <= safe, honest, "{network}");
        let (free, ntp) = (worst(summary, Algorithm::Free), worst(summary, Algorithm::Ntp));
        assert!(ntp < free || !honest, "{network}: {ntp:?} with, {free:?} without synchronising");
    }
    // Ways up are 400 us longer: half of it a hop is the error, and two hops are the worst pair.
    let skew = summaries["asymmetric"].row(Algorithm::Ntp).and_then(|row| row.skew).expect("a window");
    assert!((skew.bias.abs() - Nanos::from_micros(400)).abs() < Nanos::from_micros(40), "{skew:?}");
    assert_eq!(skew.worst_pair, (NodeId(0), NodeId(2)));
    // A lie of 50 ms is followed by everybody; a cut of ten seconds lets clocks drift apart.
    assert!(worst(&summaries["two-faced"], Algorithm::Lamport) > Nanos::from_millis(40));
    let cut = worst(&summaries["partition"], Algorithm::Lamport);
    assert!(cut > worst(&summaries["quiet-lan"], Algorithm::Lamport).times(3), "{cut:?}");
}
