use super::*;
use crate::analysis::run::{AgentRun, choose};
use crate::analysis::shared;
use crate::analysis::testing::{MS, add, end, exchange, journal, message};
use crate::journal::Entry;
use crate::node::Record;

/// Two nodes, the second one ahead by 30 us: a request and its reply each 100 ms, with these delays; the peer answers after
/// 10 us. Each message is credited `credit`.
fn pair(delays: impl Fn(i64) -> (i64, i64), credit: i64) -> Vec<AgentRun> {
    let mut runs = vec![journal(0, 2, 0), journal(1, 2, 30_000)];
    for slot in 0..100 {
        let ((forth, back), at) = (delays(slot), slot * 100 * MS + MS);
        message(&mut runs, (0, 1), slot as u64 + 1, at, forth, credit);
        message(&mut runs, (1, 0), slot as u64 + 1, at + forth + 10_000, back, credit);
        exchange(&mut runs[0], (1, 30_000), at, (forth, back), None);
    }
    runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
    runs
}

fn measured(runs: &[AgentRun]) -> Measured {
    let (spans, _) = choose(runs);
    measure(&shared::config(&spans).unwrap(), &spans)
}

fn found(measured: &Measured, symbol: Symbol, of: Of, label: Label, window: Window) -> Parameter {
    let is = |row: &&Parameter| (row.symbol, row.of, row.label, row.window) == (symbol, of, label, window);
    *measured.parameters.iter().find(is).unwrap_or_else(|| panic!("{symbol:?} of {of}, {label:?}, {window:?}"))
}

const FORTH: Of = Of::Arc(Arc { from: NodeId(0), to: NodeId(1) });

#[test]
fn a_run_by_hand_without_truth() {
    let mut runs = pair(|slot| if slot == 60 { (500_000, 120_000) } else { (200_000, 100_000) }, 50_000);
    runs.iter_mut().for_each(|run| run.header.oscillator = None);
    let measured = measured(&runs);
    let whole = |symbol| found(&measured, symbol, FORTH, Label::Certified, Window::Whole);
    // 310 us and 2 ns over 1 − 50 ppm, less 9.998 us over 1 + 50 ppm; the late one takes 320 us longer.
    assert_eq!(found(&measured, Symbol::Mu, FORTH, Label::Estimated, Window::Calibration).value, Some(150_010));
    assert_eq!(whole(Symbol::Nu).high, Some(620_037));
    assert_eq!(whole(Symbol::Xi).high, Some(520_037));
    let bound = measured.certified.unwrap();
    assert_eq!((bound.premises.xi, bound.premises.mu, bound.premises.diameter), (Nanos(200_022), Nanos(50_000), 1));
    assert_eq!(whole(Symbol::TauEff).value, Some(200_010_004), "the late message counts as lost");
    assert_eq!(whole(Symbol::TauReceived).value, Some(100_005_004));
    assert_eq!(found(&measured, Symbol::Xi, FORTH, Label::Estimated, Window::Test).high, Some(300_000));
    assert_eq!(found(&measured, Symbol::Diameter, Of::Run, Label::Certified, Window::Test).value, Some(1));
}

#[test]
fn truth_is_never_used() {
    let with = pair(|slot| (200_000 + slot * 10, 100_000), 50_000);
    let mut without = with.clone();
    without.iter_mut().for_each(|run| run.header.oscillator = None);
    let (with, without) = (measured(&with), measured(&without));
    // A declared oscillator rounds: its kappa is 2 ppb larger. Nothing else may differ.
    assert_eq!(with.parameters.len(), without.parameters.len());
    for (one, other) in with.parameters.iter().zip(&without.parameters) {
        let near = |a: Option<i64>, b: Option<i64>| a.zip(b).map_or(a == b, |(a, b)| (a - b).abs() <= 8);
        assert!(
            near(one.value, other.value) && near(one.low, other.low) && near(one.high, other.high),
            "{one:?} {other:?}"
        );
    }
}

#[test]
fn a_message_outside_any_exchange_is_not_timely() {
    let mut runs = pair(|_| (200_000, 100_000), 0);
    runs[0].entries.retain(|entry| !matches!(entry, Entry::Record(Record::Exchanged(..))));
    let measured = measured(&runs);
    assert!(measured.certified.is_none());
    assert!(measured.parameters.iter().any(|row| row.symbol == Symbol::TauReceived && row.value == Some(100_005_004)));
}

#[test]
fn an_arc_of_a_node_without_a_journal_leaves_no_bound() {
    let runs = pair(|_| (200_000, 100_000), 0);
    assert!(measured(&runs).certified.is_some());
    assert!(measured(&runs[..1]).certified.is_none());
    assert!(measured(&runs[1..]).certified.is_none());
}

#[test]
fn what_changes_in_the_test_window_changes_no_calibration() {
    let calm = measured(&pair(|_| (200_000, 100_000), 0));
    let late = measured(&pair(|slot| if slot > 40 { (900_000, 30_000) } else { (200_000, 100_000) }, 0));
    let calibrated = |measured: &Measured| -> Vec<Parameter> {
        measured.parameters.iter().filter(|row| row.window == Window::Calibration).copied().collect()
    };
    assert!(calibrated(&calm).len() > 6 && calibrated(&calm) == calibrated(&late));
    let test = |measured: &Measured| found(measured, Symbol::Xi, FORTH, Label::Estimated, Window::Test).high;
    assert_eq!((test(&calm), test(&late)), (Some(0), Some(700_000)));
}

#[test]
fn a_clock_that_was_set_is_told_and_not_averaged() {
    let mut runs = pair(|_| (200_000, 100_000), 0);
    // The peer's clock jumps by 5 ms at 8 s, and back at 9 s.
    let moved = |at: crate::time::Time<crate::time::Local>| {
        let jumped = (8_000 * MS..9_000 * MS).contains(&at.as_nanos());
        if jumped { at + Nanos(5 * MS) } else { at }
    };
    for entry in &mut runs[1].entries {
        if let Entry::Record(Record::Received(received)) = entry {
            received.at = moved(received.at);
        }
    }
    for entry in &mut runs[0].entries {
        if let Entry::Record(Record::Received(received)) = entry {
            received.sent = moved(received.sent);
        }
    }
    let measured = measured(&runs);
    let pair = Of::Pair(NodeId(0), NodeId(1));
    let test = found(&measured, Symbol::RelativeRate, pair, Label::Certified, Window::Test);
    assert_eq!((test.low, test.high, test.how), (None, None, rate::NO_LINE));
    assert!(found(&measured, Symbol::RelativeRate, pair, Label::Certified, Window::Calibration).low.is_some());
    assert!(measured.notes.iter().any(|note| note.contains("no constant relative rate fits the stamps of 0-1")));
}

#[test]
fn one_direction_alone_gives_an_estimated_rate() {
    let mut runs = vec![journal(0, 2, 0), journal(1, 2, 0)];
    // 100 ppm: each message seems to take 10 us longer than the one before, 100 ms ago.
    (0..100).for_each(|slot| message(&mut runs, (0, 1), slot as u64 + 1, slot * 100 * MS, 200_000 + slot * 10_000, 0));
    runs.iter_mut().for_each(|run| end(run, 10_000 * MS));
    let rate = found(&measured(&runs), Symbol::RelativeRate, FORTH, Label::Estimated, Window::Calibration);
    assert_eq!(rate.value, Some(100_000));
}

#[test]
fn clocks_that_differ_by_more_than_twice_kappa_refute_it() {
    let mut runs = pair(|slot| (2_000_000 + slot * 40_000, 100_000), 0);
    for run in &mut runs {
        run.header.kappa_ppb = Ppb(1_000);
    }
    // 400 ppm forth; the way back shows the same clocks.
    for entry in &mut runs[0].entries {
        if let Entry::Record(Record::Received(received)) = entry {
            received.sent += Nanos(received.sent.as_nanos() / 100_000_000 * 40_000);
        }
    }
    let measured = measured(&runs);
    let least = found(&measured, Symbol::Kappa, Of::Run, Label::Certified, Window::Whole).low.unwrap();
    assert!((1_000..200_000).contains(&least), "{least}");
    assert!(measured.notes.iter().any(|note| note.starts_with("premise failed: two clocks differ")));
}

#[test]
fn hostile_journals_make_no_trouble() {
    let mut runs = pair(|_| (200_000, 100_000), i64::MAX);
    let times = [i64::MIN, -1, 0, i64::MAX].map(crate::time::Time::from_nanos);
    let copies: Vec<_> = runs[0].entries.iter().chain(&runs[1].entries).take(40).cloned().collect();
    for (entry, (sent, at)) in copies.into_iter().zip(times.into_iter().flat_map(|a| times.map(|b| (a, b))).cycle()) {
        if let Entry::Record(Record::Received(mut received)) = entry {
            (received.sent, received.at) = (sent, at);
            (0..2).for_each(|node| add(&mut runs[node], Record::Received(received.clone())));
        }
    }
    runs[0].header.kappa_ppb = Ppb(i64::MAX);
    runs[1].header.kappa_ppb = Ppb(i64::MIN);
    runs[0].covers_until = crate::time::Time::MAX;
    let _ = measured(&runs);
}
