//! Whole runs by hand.

use super::*;
use crate::analysis::testing::{MS, add, count, end, exchange, journal, local, mesh, message, set};
use crate::analysis::track::{self, gap};
use crate::clock::{Clock, Lamport, Message};
use crate::ids::BootId;
use crate::journal::Entry;
use crate::model::oscillator::deal;
use crate::model::{Oscillator, Purpose, Rng};
use crate::node::Received;
use crate::node::{Mark, Record};
use crate::order::report::{Checkpoint, Load, Phase, PhaseReport, StampSource};
use crate::probe::{Claim, Claims};
use crate::theory::Term;
use crate::time::{Local, Synced, Time};
use proptest::prelude::*;

const S: i64 = 1_000 * MS;

fn ended(mut runs: Vec<AgentRun>) -> Vec<AgentRun> {
    runs.iter_mut().for_each(|run| end(run, 10 * S));
    runs
}

#[test]
fn a_run_by_hand() {
    let mut runs = mesh(&[0, 10 * MS, -5 * MS]);
    // Lamport clocks: 0 and 2 jump to 10 ms ahead at 1.0012 and 1.0022 s; 2 falls 400 us behind from 4 to 5 s.
    set(&mut runs[0], Algorithm::Lamport, 1_001_200_000, 10 * MS, 0);
    set(&mut runs[2], Algorithm::Lamport, 1_002_200_000, 10 * MS, 0);
    set(&mut runs[2], Algorithm::Lamport, 4 * S, 10 * MS - 400_000, 0);
    set(&mut runs[2], Algorithm::Lamport, 5 * S, 10 * MS, 0);
    let summary = summarise("r", &ended(runs));
    assert_eq!((summary.duration, summary.warm_up), (Some(Nanos(10 * S)), Some(Nanos(3 * S))));
    let free = summary.row(Algorithm::Free).and_then(|row| row.skew).unwrap();
    assert_eq!((free.p50, free.max, free.worst_pair), (Nanos(15 * MS), Nanos(15 * MS), (NodeId(1), NodeId(2))));
    assert_eq!((free.bias, free.convergence_s), (Nanos(-15 * MS), 0.0), "node 2 is behind node 1");
    let row = summary.row(Algorithm::Lamport).unwrap();
    let skew = row.skew.unwrap();
    assert_eq!((skew.p50, skew.p99, skew.max), (Nanos(0), Nanos(400_000), Nanos(400_000)));
    assert_eq!((skew.worst_at_s, skew.convergence_s, row.steps), (4.0, 1.0022, Some(2)));
    assert_eq!(row.bound_coverage.map(|share| (share * 7.0).round()), Some(6.0));
    assert_eq!(row.coverage, None, "nothing is stated");
    assert_eq!(summary.notes, ["premise failed: node 2: its lamport clock was set back 1 times"]);
}

#[test]
fn the_bounds_of_a_run_by_hand() {
    let summary = summarise("r", &ended(mesh(&[0, MS])));
    let promise = summary.promise.unwrap();
    // Delay 200 us, credit 50 us: xi = 150.001 us. Sends at 1 ms + k 100 ms; the last gap is 99 ms.
    let expected =
        Premises { kappa: Ppb(50_000), diameter: 1, tau: Nanos(100 * MS), mu: Nanos(50_000), xi: Nanos(150_001) };
    assert_eq!(promise.premises, expected);
    // 2κ(τ+ν) = 1e-4 · 100.200001 ms = 10.0200001 us; κμ = 2.5 ns.
    assert_eq!(promise.bounds.seed, Nanos(160_022));
    assert_eq!(promise.bounds.safe, Nanos(160_024));
    assert_eq!(promise.premises.dominant(), Term::Jitter);
    assert_eq!(promise.smallest_delay, Some(Nanos(200_000)));
    assert_eq!(summary.verdict, Verdict::Violated, "the clocks never moved: eps is 1 ms");
    assert!(summary.notes.iter().any(|note| note.contains("no premise is known")), "{:?}", summary.notes);
}

#[test]
fn the_maxima_over_the_arcs_reproduce_the_bounds() {
    let mut runs = mesh(&[0, 3 * MS, -MS]);
    runs[1].header.kappa_ppb = Ppb(70_000);
    let odd = [(0, 1, 900, 77 * MS, 900_000, 80_000), (1, 2, 901, 5 * S, 450_000, 460_000), (2, 0, 902, 6 * S, 77, 0)];
    for (from, to, sequence, at, delay, credit) in odd {
        message(&mut runs, (from, to), sequence, at, delay, credit);
    }
    let summary = summarise("r", &ended(runs));
    let promise = summary.promise.unwrap();
    let rebuilt = Premises {
        kappa: summary.arcs.iter().map(|row| row.kappa).max().unwrap(),
        diameter: summary.facts.diameter.unwrap(),
        tau: summary.arcs.iter().filter_map(|row| row.tau_eff).max().unwrap(),
        mu: summary.arcs.iter().map(|row| row.mu).max().unwrap(),
        xi: summary.arcs.iter().filter_map(|row| row.xi).max().unwrap(),
    };
    assert_eq!(rebuilt, promise.premises);
    assert_eq!(rebuilt.bounds(), promise.bounds);
    assert_eq!(summary.arcs.iter().filter_map(|row| row.late).sum::<u64>(), 1, "the message of 900 us");
    assert!(summary.notes[0].contains("arc 1->2: 1 messages were credited more"), "{:?}", summary.notes);
}

#[test]
fn an_arc_counts_what_was_lost_doubled_and_late() {
    let mut runs = mesh(&[0, MS]);
    let copy = runs[1].entries[5].clone();
    runs[1].entries.push(copy);
    let received = |entry: &Entry| matches!(entry, Entry::Record(Record::Received(_)));
    let first = runs[0].entries.iter().position(received).unwrap();
    runs[0].entries.remove(first);
    count(&mut runs[0], "replayed", 2);
    let summary = summarise("r", &ended(runs));
    let [there, back] = &summary.arcs[..] else { panic!("two arcs") };
    assert_eq!((there.sent, there.received, there.duplicated, there.reordered), (100, 100, 1, 1));
    assert_eq!((back.sent, back.received, back.duplicated, back.reordered), (100, 99, 2, 0));
    assert_eq!(there.delay.unwrap().max, 200_000);
    assert_eq!((there.lateness.unwrap().p50, there.slots_missed), (70, 0));
    assert_eq!((there.negative_delays, back.negative_delays), (0, 99), "node 1 is 1 ms ahead");
}

#[test]
fn the_error_of_an_offset_is_half_the_difference_of_its_delays() {
    let mut runs = mesh(&[0, 7 * MS]);
    exchange(&mut runs[0], (1, 7 * MS), S, (100_000, 140_000), Some((30_000, 31_001)));
    exchange(&mut runs[0], (1, 7 * MS), 2 * S, (100_000, 90_000), None);
    exchange(&mut runs[0], (1, 7 * MS), 11 * S, (1, 9_000_000), None);
    let summary = summarise("r", &ended(runs));
    let arc = &summary.arcs[0];
    assert_eq!(arc.exchanges, [1, 1, 0], "what comes after the measured span does not count");
    assert_eq!(arc.twice_error_wire.map(|twice| (twice.p50, twice.max)), Some((1_001, 1_001)));
    assert_eq!(arc.twice_error_user.map(|twice| (twice.p50, twice.max)), Some((10_000, 40_000)));
    assert_eq!(summary.arcs[1].twice_error_user, None);
}

#[test]
fn a_message_that_lifts_nobody_breaks_a_premise() {
    let mut runs = mesh(&[0, MS]);
    let first = runs[0].entries.iter_mut().find_map(|entry| match entry {
        Entry::Record(Record::Received(received)) => Some(received),
        _ => None,
    });
    let reading = Time::from_nanos(60 * S);
    first.unwrap().claims = Claims::from_fn(|_| Claim { reading, ..Claim::default() });
    let notes = summarise("r", &ended(runs)).notes;
    assert!(notes[0].contains("arc 1->0: 1 messages told another reading"), "{notes:?}");
    assert_eq!(notes[1..], ["premise failed: node 0: 1 messages did not lift its lamport clock"]);
}

#[test]
fn an_ordering_phase_is_judged_by_its_own_span() {
    let mut runs = ended(mesh(&[0, MS]));
    // The lamport clocks agree but for 10.2 to 10.25 s, which is a quarter of the phase from 10.1 to 10.3 s.
    set(&mut runs[0], Algorithm::Lamport, 5 * S, MS, 0);
    set(&mut runs[1], Algorithm::Lamport, 10_200 * MS, 3 * MS, 0);
    set(&mut runs[1], Algorithm::Lamport, 10_250 * MS, MS, 0);
    for (run, offset) in runs.iter_mut().zip([0, MS]) {
        let phase = Phase {
            index: 0,
            source: StampSource::Lamport,
            load: Load::Saturated,
            payload_bytes: 64,
            batch: 64,
            duration_ns: 200 * MS,
        };
        let report = PhaseReport {
            phase,
            began_ns: 10_100 * MS + offset,
            ended_ns: 10_300 * MS + offset,
            issued: 50,
            delivered_in_time: 100,
            delivered: 100,
            drained: true,
            cpu_ns: 1_000,
            forced: 0,
            neighbours: 0,
            inversions: None,
            latency: vec![],
            checkpoints: vec![Checkpoint { commands: 100, digest: 255 }],
            acknowledged: None,
            holdings: vec![],
            links: vec![],
            stamping: None,
        };
        run.entries.push(Entry::Note(Note::Phase(Box::new(report))));
    }
    let summary = summarise("r", &runs);
    assert_eq!(summary.ordering[0].eps, Some((Nanos(0), Nanos(2 * MS))));
    assert_eq!(summary.row(Algorithm::Lamport).and_then(|row| row.skew).map(|skew| skew.max), Some(Nanos(MS)));
    let file = String::from_utf8(crate::report::csv::ordering_csv(&summary)).unwrap();
    assert_eq!(
        file.lines().nth(1),
        Some(
            "lamport,2,saturated,64,64,0.200000000,100,500.0,,,,10.0,,,,00000000000000ff,true,0,2000000,,100,,\
             delivered in one order a second by the slowest agent,2,tcp"
        )
    );
    let sentence = crate::report::terminal::sentence(&summary);
    assert!(sentence.ends_with("ordering by lamport carries 500 commands a second."), "{sentence}");
}

#[test]
fn a_dead_agent_is_named_and_the_rest_is_reported() {
    let mut runs = ended(mesh(&[0, MS, 2 * MS]));
    runs[2].entries.pop();
    runs[2].covers_until = local(2 * MS, 7 * S);
    let summary = summarise("r", &runs);
    assert_eq!(summary.duration, Some(Nanos(7 * S)));
    assert!(summary.notes[0].contains("node 2 fell silent (its journal ends) at 7.000 s"), "{:?}", summary.notes);
    assert!(summary.rows.iter().all(|row| row.skew.is_some()));
    runs[2].covers_until = local(2 * MS, 2 * S);
    let summary = summarise("r", &runs);
    assert_eq!((summary.verdict, summary.rows[0].skew), (Verdict::Unknown, None));
    assert!(summary.notes.iter().any(|note| note.starts_with("no window")), "{:?}", summary.notes);
}

#[test]
fn a_missing_journal_hides_success_but_not_failure() {
    let mut runs = ended(mesh(&[0, 0, 0]));
    assert_eq!(summarise("r", &runs).verdict, Verdict::Within);
    runs.pop();
    let summary = summarise("r", &runs);
    assert_eq!(summary.verdict, Verdict::Unknown);
    assert_eq!(summary.notes[0], "1 of 3 nodes left no journal: 2");
}

#[test]
fn of_several_boots_the_longest_is_used() {
    let mut runs = ended(mesh(&[0, MS]));
    let mut early = journal(1, 2, MS);
    early.header.boot = BootId(0);
    early.covers_until = local(MS, S);
    runs.push(early);
    let summary = summarise("r", &runs);
    assert_eq!(summary.duration, Some(Nanos(10 * S)));
    assert!(summary.notes[0].contains("node 1 has 2 journals"));
    runs.reverse();
    assert_eq!(summarise("r", &runs), summary, "the order of journals does not matter");
}

#[test]
fn without_oscillators_nothing_is_claimed() {
    let mut runs = ended(mesh(&[0, MS]));
    runs[1].header.oscillator = None;
    let summary = summarise("r", &runs);
    assert_eq!((summary.verdict, summary.promise, summary.duration), (Verdict::Unknown, None, Some(Nanos(10 * S))));
    assert!(summary.rows.iter().all(|row| row.skew.is_none()));
    assert!(
        summary.rows.iter().map(|row| row.algorithm).eq(Algorithm::OWN.into_iter().chain([Algorithm::System])),
        "also the system clock"
    );
    assert!(summary.notes.iter().any(|note| note.starts_with("these agents share one kernel clock: nodes 0, 1")));
    // The first message left before its sender had heard of the receiver.
    assert_eq!((summary.arcs[0].sent, summary.arcs[0].received), (99, 99));
    assert_eq!((summary.arcs[0].delay, summary.arcs[0].late), (None, None));
    assert_eq!(summarise("r", &[]).verdict, Verdict::Unknown);
}

#[test]
fn without_truth_what_a_receiver_could_not_hear_is_no_loss() {
    let both = |runs: &mut [AgentRun]| {
        for (slot, sequence) in (20..50).zip(1..) {
            message(runs, (1, 0), sequence, slot * 100 * MS, 200_000, 0);
        }
        for (slot, sequence) in (0..100).zip(1..) {
            let at = slot * 100 * MS + MS;
            if (20..50).contains(&slot) {
                message(runs, (0, 1), sequence, at, 200_000, 0);
            } else {
                let sent = crate::node::Sent { at: local(0, at), to: NodeId(1), sequence, due: None };
                add(&mut runs[0], Record::Sent(sent));
            }
        }
    };
    let mut runs = vec![journal(0, 2, 0), journal(1, 2, 0)];
    both(&mut runs);
    runs.iter_mut().for_each(|run| run.header.oscillator = None);
    let lost = |runs: &[AgentRun]| {
        let arc = summarise("r", runs).arcs[0].clone();
        (arc.sent, arc.received)
    };
    end(&mut runs[0], 10 * S);
    assert_eq!(lost(&runs), (80, 30), "node 1 fell silent: all since it was heard of first");
    add(&mut runs[1], Record::Mark(local(0, 5 * S), Mark::Stopped));
    assert_eq!(lost(&runs), (29, 29), "node 1 ended as it should");
}

#[test]
fn the_hybrid_clock_holds_until_its_physical_clock_overtakes() {
    let mut runs = mesh(&[0, 0]);
    // l is 10 ms ahead at 5 s; pt overtakes it at 5.010 s. So eps is 10 ms falling to zero.
    add(&mut runs[1], Record::Ahead(local(0, 5 * S), Time::from_nanos(5 * S + 10 * MS)));
    let summary = summarise("r", &ended(runs));
    let row = summary.row(Algorithm::Hlc).unwrap();
    let skew = row.skew.unwrap();
    assert_eq!((skew.max, skew.worst_at_s, row.steps), (Nanos(10 * MS), 5.0, Some(1)));
    // The mean over 7 s of a triangle of 10 ms by 10 ms.
    assert_eq!(skew.bias, Nanos(7_143));
    assert!(summary.notes.iter().any(|n| n.contains("hybrid l exceeded every physical clock 1 times, by up to 10ms")));
}

#[test]
fn a_physical_clock_that_was_set_back_breaks_no_theorem() {
    let mut runs = mesh(&[0, 10 * MS]);
    set(&mut runs[1], Algorithm::Ntp, 4 * S, 0, 0);
    add(&mut runs[1], Record::Ahead(local(10 * MS, 4 * S), Time::from_nanos(4 * S + 10 * MS)));
    add(&mut runs[0], Record::Ahead(local(0, 4 * S + MS), Time::from_nanos(4 * S + 10 * MS)));
    let summary = summarise("r", &ended(runs));
    assert!(!summary.notes.iter().any(|note| note.contains("theorem")), "{:?}", summary.notes);
    assert_eq!(summary.row(Algorithm::Ntp).and_then(|row| row.steps), Some(1));
    assert_eq!(summary.row(Algorithm::Hlc).and_then(|row| row.steps), Some(1), "only node 0 jumps, up to l");
}

/// The tracks against the maps themselves, with drifting, wandering oscillators: equal to the 2 ns of integers.
#[test]
fn tracks_follow_the_integer_maps() {
    let mut runs = mesh(&[0, 10 * MS]);
    for (run, drift) in runs.iter_mut().zip([50_000, -50_000]) {
        let declared = run.header.oscillator.as_mut().unwrap();
        (declared.drift_ppb, declared.wander_ppb) = (Ppb(drift), Ppb(1_000));
        for step in 1..50 {
            set(run, Algorithm::Ntp, step * 200 * MS, step * 1_000, step - 25);
        }
    }
    let runs = ended(runs);
    let (spans, _) = choose(&runs);
    let truth = Truth::rebuild(&spans).unwrap();
    let horizon = Horizon::of(&spans, &truth).unwrap();
    let clocks = Clocks::new(&spans, &truth, &horizon);
    for sample in 1..2_000 {
        let at = horizon.start + Nanos(sample * 4_999_999);
        for (index, node) in clocks.nodes().iter().enumerate() {
            let local = truth.local(*node, at).unwrap();
            let mut pieces = track::Pieces::default();
            for record in spans[node].run.records() {
                if let Record::Changed(Algorithm::Ntp, change) = record {
                    pieces.change(change);
                }
            }
            let exact = gap(pieces.at(local), at);
            let found = clocks.of(Algorithm::Ntp)[index].at(gap(at, horizon.start));
            assert!((found - exact).abs() <= 2.0, "node {node} at {at:?}: {found} for {exact}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// No journal content makes it panic.
    #[test]
    fn hostile_numbers_are_survived(numbers in prop::collection::vec(prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..S], 24)) {
        let mut runs = ended(mesh(&[0, MS]));
        let mut next = numbers.iter().copied();
        let mut time = || Time::from_nanos(next.next().unwrap_or(0));
        for run in &mut runs {
            let line = crate::affine::Line { start: time(), value: Time::from_nanos(time().as_nanos()), rate: crate::time::Rate(time().as_nanos()) };
            let then = Some(crate::affine::Line { start: time(), ..line });
            let bound = Some(crate::clock::ErrorBound { initial: Nanos(time().as_nanos()), growth: crate::time::Rate(time().as_nanos()) });
            let change = crate::clock::Change { reading: crate::clock::Reading { line, then }, stepped: true, bound, event: None };
            add(run, Record::Changed(Algorithm::Ntp, change));
            add(run, Record::Changed(Algorithm::Lamport, change));
            add(run, Record::Ahead(time(), Time::from_nanos(time().as_nanos())));
            add(run, Record::Mark(time(), Mark::Stopped));
            run.header.kappa_ppb = Ppb(time().as_nanos());
            run.covers_until = time();
        }
        runs[0].header.run.tau = Nanos(time().as_nanos());
        runs[0].header.oscillator.as_mut().unwrap().epoch_ns = time().as_nanos();
        let summary = summarise("r", &runs);
        let _ = crate::report::terminal::report(&summary);
        let _ = (crate::report::csv::summary_csv(&summary), crate::report::csv::epsilon_csv(&summary));
    }
}

/// A message under way: when it arrives, where from and to, its number, its send and the reading that it carries.
type Flying = (i64, usize, usize, u64, Time<Local>, Time<Synced>);

/// A run of real Lamport clocks on drifting oscillators: each arc sends about every 50 ms for 3 s; delays are between
/// `floor` and `floor + jitter`, of which `credit` is known.
fn lamport_run(nodes: u32, drift_ppm: i64, floor: i64, jitter: u64, credit: i64, seed: u64) -> Vec<AgentRun> {
    let mut rng = Rng::stream(seed, Purpose::Scenario, 0);
    let mut runs: Vec<AgentRun> = (0..nodes).map(|node| journal(node, nodes, 0)).collect();
    let declared = deal(nodes, Nanos(5 * MS), Ppb(drift_ppm * 1_000), Ppb(1_000), 0, seed);
    let mut oscillators = Vec::new();
    for (node, (run, declared)) in runs.iter_mut().zip(declared).enumerate() {
        run.header.oscillator = Some(declared.clone());
        run.header.run.measured = Some(Nanos(3 * S));
        run.header.kappa_ppb = Ppb(drift_ppm * 1_000 + 1_000);
        oscillators.push(Oscillator::new(declared, NodeId(node as u32)));
        run.entries.clear();
        add(run, Record::Mark(oscillators[node].local(Time::ZERO), Mark::ProbingBegan));
        run.covers_until = oscillators[node].local(Time::from_nanos(4 * S));
    }
    let mut clocks = vec![Lamport::new(&crate::clock::testing::settings(0, nodes - 1)); nodes as usize];
    let mut sends: Vec<(i64, usize, usize)> = Vec::new();
    for (from, to) in (0..nodes as usize).flat_map(|a| (0..nodes as usize).map(move |b| (a, b))).filter(|(a, b)| a != b)
    {
        sends.extend((0..60).map(|slot| (slot * 50 * MS + rng.below(20_000_000) as i64, from, to)));
    }
    sends.sort_unstable();
    let mut flying: Vec<Flying> = Vec::new();
    for (sequence, (at, from, to)) in sends.into_iter().enumerate().chain([(0, (4 * S, 0, 0))]) {
        flying.sort_unstable();
        while flying.first().is_some_and(|message| message.0 < at) {
            let (landing, from, to, sequence, sent, reading) = flying.remove(0);
            let now = oscillators[to].local(Time::from_nanos(landing));
            let claim = Claim { reading, ..Claim::default() };
            let (from, credit) = (NodeId(from as u32), Nanos(credit));
            let claims = Claims::from_fn(|_| claim);
            let received = Received { at: now, from, boot: BootId(1), sequence, sent, arrived: None, credit, claims };
            add(&mut runs[to], Record::Received(received));
            if let Some(change) = clocks[to].on_message(&Message { from, at: now, credit, claim: &claim }) {
                add(&mut runs[to], Record::Changed(Algorithm::Lamport, change));
            }
        }
        let sent = oscillators[from].local(Time::from_nanos(at));
        let delay = floor + rng.below(jitter) as i64;
        flying.push((at + delay, from, to, sequence as u64, sent, clocks[from].reading().at(sent)));
    }
    for (run, oscillator) in runs.iter_mut().zip(&mut oscillators) {
        let end = oscillator.local(Time::from_nanos(3 * S));
        add(run, Record::Mark(end, Mark::MeasuringEnded));
    }
    runs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Lamport's theorem on random executions: eps stays within the safe bound of the premises that the run fulfilled.
    #[test]
    fn real_clocks_keep_the_bound(nodes in 2..5_u32, drift_ppm in 1..5_000_i64, floor in 1_000..1_000_000_i64,
                                  jitter in 1..3_000_000_u64, share in 0..100_i64, seed in any::<u64>()) {
        let credit = floor * share / 110;
        let summary = summarise("r", &lamport_run(nodes, drift_ppm, floor, jitter, credit, seed));
        let eps = summary.row(Algorithm::Lamport).and_then(|row| row.skew).map(|skew| skew.max);
        prop_assert_eq!(summary.verdict, Verdict::Within, "{:?} {:?} {:?}", eps, summary.promise, summary.notes);
        prop_assert!(!summary.notes.iter().any(|note| note.contains("premise")), "{:?}", summary.notes);
        prop_assert!(eps > Some(Nanos::ZERO));
    }
}
