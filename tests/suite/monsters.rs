//! Monstrous journals: valid in every frame, absurd in what they say. The analysis of a small file takes bounded time
//! and memory, whatever it claims.

use std::time::{Duration, Instant};

use skewbench::affine::Line;
use skewbench::analysis::{AgentRun, Summary, summarise};
use skewbench::clock::{Change, ErrorBound, Reading};
use skewbench::ids::{Algorithm, Algorithms, Arc, BootId, NodeId};
use skewbench::journal::{Entry, Header, HostFacts, Journals, Note, RunConfig, Writer, run_id};
use skewbench::model::oscillator::Declaration;
use skewbench::node::{Mark, Record, Sent};
use skewbench::order::report::{Load, Phase, PhaseReport, StampSource, Stamping};
use skewbench::report::{csv, terminal};
use skewbench::time::{Local, Nanos, Ppb, Rate, Time};
use skewbench::topology::Impairment;

/// Far more than any of these takes on a slow machine without optimisation, far less than an attack would.
const PATIENCE: Duration = Duration::from_secs(60);
const MEGABYTE: usize = 1 << 20;

fn header(node: u32, nodes: u32) -> Header {
    let arc = |from, to| (Arc { from: NodeId(from), to: NodeId(to) }, Impairment::default());
    Header {
        node: NodeId(node),
        boot: BootId(1),
        run: RunConfig {
            cluster: 1,
            seed: None,
            nodes,
            topology: "monstrous".into(),
            arcs: vec![arc(0, 1), arc(1, 0)],
            tau: Nanos::from_millis(100),
            probe_pairs: None,
            measured: None,
            reference: NodeId(0),
            plausible: Nanos::from_seconds(1),
            git_commit: "unknown".into(),
        },
        oscillator: Some(Declaration {
            offset: Nanos::ZERO,
            drift_ppb: Ppb(0),
            wander_ppb: Ppb(0),
            epoch_ns: 0,
            seed: 1,
            ..Declaration::default()
        }),
        kappa_ppb: Ppb(50_000),
        clocks: Algorithms::USUAL,
        host: HostFacts { kernel_boot_id: "boot".into(), ..HostFacts::default() },
    }
}

fn journal(header: Header, entries: impl IntoIterator<Item = Entry>, covers_until: Time<Local>) -> Vec<u8> {
    let (mut writer, mut file) = (Writer::new(header), Vec::new());
    writer.extend(entries);
    writer.cut(covers_until, &mut file);
    file
}

/// What a person would do with the file.
fn analyse(file: &[u8]) -> Summary {
    assert!(file.len() <= MEGABYTE, "{} bytes", file.len());
    let began = Instant::now();
    let journals = Journals::read([file]);
    let runs: Vec<AgentRun> = journals.iter().map(AgentRun::of).collect();
    let summary = summarise(&run_id(&journals), &runs);
    let files =
        [csv::limits_csv(&summary), csv::summary_csv(&summary), csv::arcs_csv(&summary), csv::epsilon_csv(&summary)];
    assert!(files.iter().all(|file| file.len() < 64 * MEGABYTE));
    let _ = (csv::ordering_csv(&summary), terminal::report(&summary));
    eprintln!("{} bytes in {:?}", file.len(), began.elapsed());
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    summary
}

fn mark(at: i64, mark: Mark) -> Entry {
    Entry::Record(Record::Mark(Time::from_nanos(at), mark))
}

fn change(algorithm: Algorithm, at: i64, ahead: i64) -> Entry {
    let line = Line { start: Time::from_nanos(at), value: Time::from_nanos(at + ahead), rate: Rate::ZERO };
    let bound = Some(ErrorBound { initial: Nanos(1), growth: Rate::ZERO });
    Entry::Record(Record::Changed(
        algorithm,
        Change { reading: Reading { line, then: None }, stepped: true, bound, event: None },
    ))
}

#[test]
fn a_graph_of_a_hundred_thousand_nodes_has_no_diameter() {
    let mut ring = header(0, 100_000);
    let link = |from: u32, to: u32| (Arc { from: NodeId(from), to: NodeId(to) }, Impairment::default());
    ring.run.arcs = (0..100_000).map(|node| link(node, (node + 1) % 100_000)).collect();
    let summary = analyse(&journal(ring, [mark(0, Mark::ProbingBegan)], Time::from_nanos(1_000_000_000)));
    assert_eq!((summary.facts.nodes, summary.facts.diameter), (100_000, None));
    let mut stray = header(0, 2);
    stray.run.arcs.push(link(1, 77));
    let summary = analyse(&journal(stray, [], Time::MAX));
    assert_eq!(summary.facts.diameter, None, "an arc to a node that is none");
}

#[test]
fn four_billion_nodes_that_left_no_journal_are_not_listed() {
    let summary = analyse(&journal(header(0, u32::MAX), [], Time::MAX));
    assert!(summary.notes.iter().all(|note| note.len() < 1_000), "{:?}", summary.notes);
}

#[test]
fn oscillators_that_wander_for_centuries_are_not_followed() {
    let file: Vec<u8> = (0..2_000)
        .flat_map(|node| {
            let mut header = header(node, 2_000);
            header.oscillator.as_mut().expect("declared").wander_ppb = Ppb(1_000);
            journal(header, [mark(0, Mark::ProbingBegan)], Time::MAX)
        })
        .collect();
    let summary = analyse(&file[..MEGABYTE.min(file.len())]);
    assert_eq!(summary.facts.agents, 1_024);
    assert!(summary.notes.iter().any(|note| note.contains("true time is unknown")), "{:?}", summary.notes);
}

#[test]
fn a_thousand_nodes_with_busy_clocks_are_analysed() {
    let second = 1_000_000_000;
    let busy = |node: u32| {
        let changes = (0..40_i64).flat_map(move |k| {
            let at = second * k / 4 + i64::from(node) * 1_013;
            [change(Algorithm::Lamport, at, k * 37), change(Algorithm::Ntp, at, k * 41)]
        });
        let marks = [mark(0, Mark::ProbingBegan), mark(10 * second, Mark::MeasuringEnded)];
        journal(header(node, 1_024), marks.into_iter().chain(changes), Time::from_nanos(11 * second))
    };
    let mut file = Vec::new();
    for journal in (0..1_024).map(busy) {
        if file.len() + journal.len() > MEGABYTE {
            break;
        }
        file.extend(journal);
    }
    let summary = analyse(&file);
    assert!(summary.facts.agents > 500 && summary.rows.iter().all(|row| row.skew.is_some()), "{:?}", summary.notes);
}

#[test]
fn a_busy_reference_of_a_thousand_nodes_costs_its_own_changes_once_a_node() {
    let second = 1_000_000_000;
    let quiet = |node: u32| {
        let entries =
            [mark(0, Mark::ProbingBegan), change(Algorithm::Ntp, 5, 7), mark(10 * second, Mark::MeasuringEnded)];
        journal(header(node, 1_024), entries, Time::from_nanos(11 * second))
    };
    let busy = (0..9_000).map(|k| change(Algorithm::Ntp, k * 1_000_003, k));
    let began = [mark(0, Mark::ProbingBegan)].into_iter().chain(busy);
    let mut file = journal(header(0, 1_024), began, Time::from_nanos(11 * second));
    file.extend((1..1_024).flat_map(quiet));
    let summary = analyse(&file);
    assert!(summary.row(Algorithm::Ntp).is_some_and(|row| row.coverage.is_some()), "{:?}", summary.notes);
}

#[test]
fn thousands_of_phases_are_not_swept_one_by_one() {
    let second = 1_000_000_000;
    let report = |index: u16| PhaseReport {
        phase: Phase {
            index,
            source: StampSource::Lamport,
            load: Load::Open { commands_per_s: u64::MAX },
            payload_bytes: u32::MAX,
            batch: u32::MAX,
            duration_ns: i64::from(index % 2) * i64::MIN,
        },
        began_ns: i64::MIN,
        ended_ns: i64::MAX,
        issued: u64::MAX,
        delivered_in_time: u64::MAX,
        delivered: u64::MAX,
        drained: true,
        cpu_ns: u64::MAX,
        forced: u64::MAX,
        neighbours: u64::MAX,
        inversions: Some(u64::MAX),
        latency: vec![(u64::MAX, u64::MAX), (0, u64::MAX)],
        checkpoints: vec![],
        acknowledged: None,
        holdings: vec![],
        links: vec![],
        stamping: Some(Stamping { commands: 1, batch: 0, cpu_ns: u64::MAX }),
    };
    let phases = (0..10_000).map(|index| Entry::Note(Note::Phase(Box::new(report(index)))));
    let steps = (0..5_000).map(|k| change(Algorithm::Lamport, k * 2_000_000, k));
    let marks = [mark(0, Mark::ProbingBegan), mark(10 * second, Mark::MeasuringEnded)];
    let entries = marks.into_iter().chain(steps).chain(phases);
    let one = journal(header(0, 2), entries, Time::from_nanos(11 * second));
    let other = journal(header(1, 2), [mark(0, Mark::ProbingBegan)], Time::from_nanos(11 * second));
    let summary = analyse(&[one, other].concat());
    assert!(!summary.ordering.is_empty() && summary.ordering.len() <= 64, "{}", summary.ordering.len());
}

#[test]
fn extremes_in_every_stamp_are_survived() {
    let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let sent = |at: &i64| {
        let at = Time::from_nanos(*at);
        Entry::Record(Record::Sent(Sent { at, to: NodeId(1), sequence: u64::MAX, due: Some(Time::MIN) }))
    };
    for began in ends {
        for ended in ends {
            let mut hostile = header(0, 1);
            hostile.kappa_ppb = Ppb(began);
            hostile.run.tau = Nanos(ended);
            hostile.run.measured = Some(Nanos(began));
            hostile.run.arcs.push((Arc { from: NodeId(0), to: NodeId(0) }, Impairment::default()));
            let declared = hostile.oscillator.as_mut().expect("declared");
            (declared.offset, declared.epoch_ns, declared.drift_ppb) = (Nanos(began), ended, Ppb(began));
            let marks = [mark(began, Mark::ProbingBegan), mark(ended, Mark::MeasuringEnded)];
            let entries = marks.into_iter().chain(ends.iter().map(sent));
            analyse(&journal(hostile, entries, Time::from_nanos(ended)));
        }
    }
}
