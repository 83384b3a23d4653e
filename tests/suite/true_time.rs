//! Workloads on hosts of their own that are judged by true time: traces in the journals of a simulated run, whose truth is known
//! here and to nobody else.

use std::collections::BTreeMap;

use skewbench::analysis::certificate::{Parameters, bearings};
use skewbench::analysis::run::{AgentRun, choose};
use skewbench::analysis::summarise;
use skewbench::analysis::truth::Truth;
use skewbench::ids::{Algorithm, NodeId};
use skewbench::journal::{Entry, Note};
use skewbench::order::Stamp;
use skewbench::order::report::StampSource;
use skewbench::time::{Nanos, Time, True};
use skewbench::trial::{Clock, Part, Premise, Terms, Workload};
use skewbench::workload::What;
use skewbench::workload::commit_wait::{Committed, Write};
use skewbench::workload::trace::Record;
use skewbench::workload::wire::Wire;

use crate::simulated::runs;

const MESH: &str = "duration = \"6s\"\ntau = \"100ms\"\ntopology = { shape = \"full\", nodes = 3 }\n\
                    [links]\ndelay = \"200us\"\njitter = { kind = \"uniform\", limit = \"300us\" }\n\
                    [oscillators]\ndrift_within_ppm = 50.0\noffset_within = \"10s\"\n";

fn at(ms: i64) -> Time<True> {
    Time::ZERO + Nanos::from_millis(ms)
}

#[test]
fn true_gaps_are_within_what_is_certified_of_them() {
    for seed in 0..3 {
        let runs = runs(MESH, seed);
        let (spans, _) = choose(&runs);
        let truth = Truth::rebuild(&spans).expect("declared oscillators");
        let local = |node: u32, ms: i64| (NodeId(node), truth.local(NodeId(node), at(ms)).expect("a map"));
        let scene = local(0, 2_500).1..=local(0, 4_500).1;
        let known = bearings(&runs, &Parameters::stated(&runs), &[(NodeId(0), scene)]);
        let mut looked_at = 0;
        for (one, other) in [(0, 1), (1, 0), (2, 1), (1, 2), (0, 2)] {
            for (first, second) in [(2_600, 3_000), (3_000, 3_000), (4_100, 3_700), (3_333, 3_334)] {
                let (low, high) = known.gap(local(one, first), local(other, second)).expect("bearings");
                let gap = Nanos::from_millis(second - first);
                // A clock's reading is up to a nanosecond old.
                assert!(low <= gap + Nanos(2) && gap <= high + Nanos(2), "{one} {other}: {low} {gap} {high}");
                assert!(high - low < Nanos::from_millis(2), "{one} {other}: {low} {high}");
                looked_at += 1;
            }
        }
        assert_eq!(looked_at, 20);
    }
}

const TERMS: Terms = Terms {
    nodes: 3,
    eps: Nanos::from_millis(1),
    declared: Nanos::from_millis(1),
    delay: Nanos::ZERO,
    jitter: Nanos::ZERO,
    slack: Nanos::from_millis(200),
    rate: 1.0,
    span: Nanos::from_seconds(1),
    seed: 1,
    stamps: StampSource::Ntp,
    premise: Premise::Kept,
};

/// Journals of hosts of their own in which node 0 commits a write at 3 s, stamped 50, and node 1 begins one so many us later,
/// stamped so.
fn journals(mesh: &str, later_us: i64, stamped: i64) -> Vec<AgentRun> {
    let mut runs = runs(mesh, 1);
    let traces: BTreeMap<NodeId, Note> = {
        let (spans, _) = choose(&runs);
        let truth = Truth::rebuild(&spans).expect("declared oscillators");
        let trace = |node: u32| {
            let commit = |number: u64, stamp: i64| {
                What::Event(Committed(Write(number), Stamp { time: stamp, counter: 0, node: NodeId(node) }))
            };
            let did: Vec<(i64, What<Committed>)> = match node {
                0 => vec![(-1_000, What::Commanded { intended: Time::ZERO }), (0, commit(0, 50))],
                1 => {
                    vec![(later_us, What::Commanded { intended: Time::ZERO }), (later_us + 10_000, commit(2, stamped))]
                }
                _ => Vec::new(),
            };
            let local = |us: i64| truth.local(NodeId(node), at(3_000) + Nanos::from_micros(us)).expect("a map");
            let began = local(-500_000);
            let mut bytes = Vec::new();
            for (us, what) in did {
                let at = Time::ZERO + (local(us) - began);
                Record { at, reading: Time::from_nanos(local(us).as_nanos()), what }.put(&mut bytes);
            }
            let whole = Part {
                scene: 0,
                place: 0,
                began_ns: Some(began.as_nanos()),
                workload: Workload::CommitWait,
                clock: Clock::Physical(Algorithm::Ntp),
                terms: TERMS,
                batch: 1,
                cpu: Nanos(1),
                part: 0,
                of: 1,
                records: String::new(),
            };
            let part = Part::of(&whole, &bytes).remove(0);
            (NodeId(node), Note::Part(Box::new(part)))
        };
        (0..3).map(trace).collect()
    };
    for run in &mut runs {
        run.header.oscillator = None;
        run.entries.push(Entry::Note(traces[&run.header.node].clone()));
    }
    runs
}

/// What was proved to have broken, and what could not be told.
fn judged(later_us: i64, stamped: i64) -> (u64, f64) {
    let runs = journals(MESH, later_us, stamped);
    let mut summary = summarise("run", &runs);
    summary.certify(&runs);
    assert_eq!(summary.played.len(), 1, "{:?}", summary.notes);
    let row = &summary.played[0].row;
    (row.broken(), row.check("commits of which it could not be told").expect("a row of its own").measured)
}

#[test]
fn a_later_write_with_an_earlier_stamp_counts_where_stamps_prove_that_it_was_later() {
    assert_eq!(judged(5_000, 40), (1, 0.0), "5 ms later, where clocks are known to within half a ms");
    assert_eq!(judged(5_000, 60), (0, 0.0));
    assert_eq!(judged(-5_000, 40), (0, 0.0), "it began before");
    assert_eq!(judged(1, 40), (0, 1.0), "nobody can tell");
}

#[test]
fn with_assumptions_that_are_contradicted_nothing_is_proved() {
    let mut runs = journals(&MESH.replace("50.0", "1000.0"), 5_000, 40);
    runs.iter_mut().for_each(|run| run.header.kappa_ppb = skewbench::time::Ppb(0));
    let mut summary = summarise("run", &runs);
    summary.certify(&runs);
    let row = &summary.played[0].row;
    assert_eq!(row.broken(), 0, "clocks that drift by up to 1000 ppm have no kappa of zero");
    assert_eq!(row.check("commits of which it could not be told").map(|check| check.measured), Some(1.0));
}
