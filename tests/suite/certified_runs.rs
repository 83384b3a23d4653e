//! Certificates of whole runs, from journals alone, against the truth that these journals declare.

use skewbench::analysis::certificate::{Certificate, Parameters, certificate};
use skewbench::analysis::clocks::Clocks;
use skewbench::analysis::envelope::{Stretch, sweep};
use skewbench::analysis::horizon::Horizon;
use skewbench::analysis::run::{AgentRun, choose};
use skewbench::analysis::track::gap;
use skewbench::analysis::truth::Truth;
use skewbench::ids::NodeId;
use skewbench::journal::Entry;
use skewbench::node::Record;
use skewbench::time::{Nanos, Ppb};

use crate::simulated::runs;

fn mesh(nodes: u32, seed: u64, seconds: i64) -> Vec<AgentRun> {
    let text = format!(
        "duration = \"{seconds}s\"\ntau = \"100ms\"\ntopology = {{ shape = \"full\", nodes = {nodes} }}\n\
         [links]\ndelay = \"200us\"\njitter = {{ kind = \"uniform\", limit = \"300us\" }}\nloss_share = 0.02\n\
         [oscillators]\ndrift_within_ppm = 50.0\nwander_limit_ppm = 1.0\n[stamps]\nwait_within = \"90us\"\n"
    );
    runs(&text, seed)
}

/// Asserts that truth is inside every interval and between every eps_low and eps_high; gives how many were looked at.
fn assert_true(runs: &[AgentRun], found: &Certificate) -> usize {
    let (spans, _) = choose(runs);
    let truth = Truth::rebuild(&spans).expect("declared oscillators");
    let horizon = Horizon::of(&spans, &truth).expect("spans");
    let clocks = Clocks::new(&spans, &truth, &horizon);
    let index = |node: NodeId| found.nodes.iter().position(|known| *known == node).expect("a node");
    for interval in &found.intervals {
        let at = found.grid.at(interval.instant)[index(interval.own)];
        let when = truth.at(interval.own, at).expect("a map");
        let offset = Nanos(truth.local(interval.other, when).expect("a map").as_nanos() - at.as_nanos());
        // The clock turned to its reading within the nanosecond before the first whole one at which it shows it.
        let inside = interval.offset.0 <= offset && offset <= interval.offset.1 + Nanos(1);
        assert!(inside, "{interval:?} without {offset:?}");
    }
    for certified in &found.algorithms {
        let tracks = clocks.of(certified.algorithm);
        for pair in &certified.pairs {
            let (own, other) = (index(pair.own), index(pair.other));
            let when = |instant: usize| {
                let at = truth.at(pair.own, found.grid.at(instant)[own]).expect("a map");
                gap(at, horizon.start)
            };
            let both = [tracks[own].clone(), tracks[other].clone()];
            let stretches = sweep(&both, when(0), when(found.grid.instants() - 1));
            let largest = stretches.iter().map(Stretch::largest).fold(0.0, f64::max);
            let high = pair.high.expect("bounded").0 as f64;
            let case = (certified.algorithm, pair);
            assert!(pair.low.0 as f64 <= largest && largest <= high, "{case:?} without {largest}");
            assert!(pair.grid >= Nanos::ZERO, "{case:?}");
        }
        assert!(certified.eps_high.is_some_and(|high| high >= certified.eps_low));
        assert!(certified.over_time.iter().all(|cell| cell.high.is_some_and(|high| high >= cell.low)));
    }
    found.intervals.len()
}

#[test]
fn truth_is_inside_the_certificate_of_every_run() {
    let mut looked_at = 0;
    for seed in 0..6 {
        let runs = mesh(2 + seed as u32 % 3, seed, 5);
        for grid in [Nanos::from_millis(500), Nanos::from_seconds(1)] {
            let given = Parameters { grid, ..Parameters::stated(&runs) };
            let found = certificate(&runs, &given, |_| ());
            assert!(found.contradictions.is_empty() && found.notes.is_empty(), "{:?}", found.notes);
            looked_at += assert_true(&runs, &found);
        }
    }
    assert!(looked_at > 100, "{looked_at}");
}

#[test]
fn without_any_truth_the_certificate_is_the_same_and_tight() {
    let mut runs = mesh(3, 1, 6);
    let given = Parameters::stated(&runs);
    let with = certificate(&runs, &given, |_| ());
    for run in &mut runs {
        run.header.oscillator = None;
    }
    assert!(certificate(&runs, &given, |_| ()) == with);
    let least_round_trip = Nanos::from_micros(400);
    for interval in &with.intervals {
        let width = interval.offset.1 - interval.offset.0;
        assert!(width >= least_round_trip && width < least_round_trip.times(2), "{interval:?}");
    }
    for certified in &with.algorithms {
        let high = certified.eps_high.expect("bounded");
        assert!(high > least_round_trip.over(2), "{certified:?}");
        assert!(certified.eps_grid < Nanos::from_micros(150), "{certified:?}");
    }
    assert!(with.algorithms.iter().any(|certified| certified.eps_grid > Nanos::ZERO), "some peak is between instants");
}

#[test]
fn known_minimum_delays_narrow_what_is_certified() {
    let runs = mesh(3, 1, 6);
    let mut given = Parameters::stated(&runs);
    let wide = certificate(&runs, &given, |_| ());
    for (arc, impairment) in runs[0].header.run.arcs.clone() {
        let least = Nanos(impairment.delay.0 / 10 * 9);
        given.delays.insert(arc, skewbench::certify::Delay { least, most: None });
    }
    let narrow = certificate(&runs, &given, |_| ());
    assert_true(&runs, &narrow);
    for (wide, narrow) in wide.intervals.iter().zip(&narrow.intervals) {
        let width = |interval: &skewbench::analysis::certificate::PairInterval| interval.offset.1 - interval.offset.0;
        assert!(width(narrow) + Nanos::from_micros(300) < width(wide), "{wide:?} {narrow:?}");
    }
}

const FAULTY: &str = "duration = \"12s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 4 }\n\
                      [links]\ndelay = \"200us\"\njitter = { kind = \"uniform\", limit = \"100us\" }\n\
                      [oscillators]\ndrift_within_ppm = 20.0\n";

/// The contradictions of a scenario with faults, all clocks being held to 50 ppm.
fn contradictions(faults: &str) -> Certificate {
    let runs = runs(&format!("{FAULTY}{faults}"), 3);
    let mut given = Parameters::stated(&runs);
    given.kappa.values_mut().for_each(|kappa| *kappa = Ppb(50_000));
    certificate(&runs, &given, |_| ())
}

fn assert_blames(found: &Certificate, node: u32) {
    assert!(!found.contradictions.is_empty(), "there is a contradiction");
    for contradiction in &found.contradictions {
        assert_eq!(contradiction.suspects, [NodeId(node)], "{contradiction}");
        let said = contradiction.to_string();
        assert!(said.contains(&format!("Without node {node} the rest is consistent")), "{said}");
        assert!(said.contains('#') && said.contains("->"), "{said}");
    }
    assert!(found.contradictory_windows < found.grid.instants(), "the rest of the run is certified");
    assert!(found.algorithms.iter().all(|certified| certified.eps_high.is_none()));
}

#[test]
fn a_sound_run_has_no_contradiction() {
    assert_eq!(contradictions("").contradictory_windows, 0);
}

#[test]
fn a_stepped_clock_is_named() {
    let found = contradictions("[[event]]\nkind = \"clock-step\"\nnode = 2\nat = \"6s\"\nby = \"5ms\"\n");
    assert_blames(&found, 2);
}

#[test]
fn a_migrated_clock_is_named() {
    let found = contradictions("[[event]]\nkind = \"clock-step\"\nnode = 1\nat = \"6s\"\nby = \"300s\"\n");
    assert_blames(&found, 1);
}

#[test]
fn a_suspended_clock_is_named() {
    let found = contradictions("[[event]]\nkind = \"suspend\"\nnode = 3\nat = \"6s\"\nuntil = \"6.5s\"\n");
    assert_blames(&found, 3);
}

#[test]
fn an_over_stated_minimum_delay_is_told_with_what_is_possible() {
    let runs = runs(FAULTY, 3);
    let mut given = Parameters::stated(&runs);
    for (arc, _) in runs[0].header.run.arcs.clone() {
        given.delays.insert(arc, skewbench::certify::Delay { least: Nanos::from_micros(350), most: None });
    }
    let found = certificate(&runs, &given, |_| ());
    let first = found.contradictions.first().expect("350 us is above the least delays");
    let possible = first.least_delay_possible().expect("a smaller one would do");
    assert!(possible < Nanos::from_micros(350) && possible >= Nanos::from_micros(190), "{possible} in {first}");
    assert!(first.to_string().contains("take at least 350us"), "{first}");
}

/// A node that tells half of its peers another time than the others.
#[test]
fn a_lying_node_is_named() {
    let mut runs = runs(&FAULTY.replace("nodes = 4", "nodes = 5"), 3);
    let lie = |received: &mut skewbench::node::Received| {
        if received.from == NodeId(2) {
            received.sent += Nanos::from_millis(10);
        }
    };
    for run in runs.iter_mut().filter(|run| run.header.node.0 >= 3) {
        for entry in &mut run.entries {
            if let Entry::Record(Record::Received(received)) = entry {
                lie(received);
            }
        }
    }
    let found = certificate(&runs, &Parameters::stated(&runs), |_| ());
    let blamed: Vec<_> = found.contradictions.iter().map(|contradiction| contradiction.suspects.clone()).collect();
    assert!(!blamed.is_empty() && blamed.iter().all(|suspects| *suspects == [NodeId(2)]), "{:?}", found.contradictions);
}
