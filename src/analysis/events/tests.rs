//! A node's own records by hand, and streams that are made up.

use std::collections::BTreeMap;

use super::levels::{Point, WINDOW, What, shifts};
use super::*;
use crate::analysis::run::{AgentRun, choose};
use crate::analysis::testing::{MS, add, end, journal, local};
use crate::model::{Purpose, Rng};
use crate::node::record::SystemSample;
use crate::node::{Record, Sent};

fn detected(run: AgentRun) -> Vec<Event> {
    let runs = [run];
    let (spans, _) = choose(&runs);
    let since = |_, at: Time<Local>| Some((at - Time::ZERO).as_seconds());
    detect(&Watched { spans: &spans, tau: Nanos(100 * MS), since: &since }).0
}

/// A journal whose requests leave every 100 ms but for those in `pause`, in ms, and whose clocks read 10 times a second.
fn sampled(reading: impl Fn(i64) -> (i64, i64), pause: std::ops::Range<i64>) -> AgentRun {
    let mut run = journal(0, 2, 0);
    for ms in (0..10_000).step_by(100) {
        let at = local(0, ms * MS);
        let (system, boottime) = reading(ms);
        let sample = |extra: i64| SystemSample { at, reading: Time::from_nanos((ms + extra) * MS), error: Nanos(30) };
        add(&mut run, Record::System(sample(system)));
        add(&mut run, Record::Boottime(sample(boottime)));
        if !pause.contains(&ms) {
            add(&mut run, Record::Sent(Sent { at, to: NodeId(1), sequence: ms as u64, due: Some(at) }));
        }
    }
    end(&mut run, 10_000 * MS);
    run
}

#[test]
fn a_step_a_sleep_and_a_pause_are_told_apart() {
    let kinds = |run: AgentRun| {
        let found = detected(run);
        found.iter().map(|event| (event.kind, event.size.unwrap().0 / MS)).collect::<Vec<_>>()
    };
    assert_eq!(kinds(sampled(|_| (7, 9), 0..0)), []);
    let later = |ms: i64, by: i64| if ms >= 5_000 { by } else { 0 };
    assert_eq!(kinds(sampled(|ms| (later(ms, -40), 9), 0..0)), [(Kind::SystemStep, -40)]);
    // The system clock goes on while the host sleeps, and was set by what a real-time clock in seconds leaves open.
    assert_eq!(kinds(sampled(|ms| (later(ms, 60_500), later(ms, 60_000)), 0..0)), [(Kind::Suspend, 60_000)]);
    assert_eq!(kinds(sampled(|_| (0, 0), 4_000..5_000)), [(Kind::Stall, 1_000)]);
    assert_eq!(kinds(sampled(|_| (0, 0), 4_000..4_200)), [], "two missed slots are lateness");
}

/// A hundred points 100 ms apart with delays of 100 us and noise, an offset by `offset`, and `extra` delay one way.
fn stream(seed: u64, offset: impl Fn(f64) -> f64, extra: impl Fn(usize) -> f64) -> Vec<Point> {
    let mut rng = Rng::stream(seed, Purpose::Scenario, 0);
    let point = |index: usize| {
        let at = index as f64 * 1e8;
        let (forth, back) = (rng.unit() * 2e4 + extra(index), rng.unit() * 2e4);
        Point { at, offset: offset(at) + (forth - back) / 2.0, delay: 1e5 + forth + back }
    };
    (0..100).map(point).collect()
}

#[test]
fn a_change_is_found_where_it_is_and_named_for_what_it_is() {
    for seed in 0..50 {
        let jump = |at: f64| if at >= 5e9 { at * 30e-6 - 4e5 } else { at * 30e-6 };
        let found = shifts(&stream(seed, jump, |_| 0.0), 1e-4);
        assert_eq!((found.len(), found[0].what), (1, What::Offset), "{seed}: {found:?}");
        assert!(found[0].index.abs_diff(50) <= 3 && (found[0].offset + 4e5).abs() < 3e4, "{seed}: {found:?}");
        let longer = shifts(&stream(seed, |at| at * 30e-6, |index| if index >= 50 { 3e5 } else { 0.0 }), 1e-4);
        assert_eq!((longer.len(), longer[0].what), (1, What::Delay), "{seed}: {longer:?}");
        assert!((longer[0].offset - 1.5e5).abs() < 3e4, "half of it: {longer:?}");
        let bent = |at: f64| if at >= 5e9 { (at - 5e9) * 1e-3 } else { 0.0 };
        let found = shifts(&stream(seed, bent, |_| 0.0), 1e-4);
        assert_eq!((found.len(), found[0].what), (1, What::Slope), "{seed}: {found:?}");
        assert_eq!(shifts(&stream(seed, |at| at * 30e-6, |_| 0.0), 1e-4), [], "{seed}");
    }
    assert_eq!(shifts(&stream(0, |_| 0.0, |_| 0.0)[..2 * WINDOW - 1], 0.0), []);
}

#[test]
fn hostile_numbers_make_no_trouble() {
    let wild = [f64::MAX, f64::MIN, 0.0, 9e18, -9e18];
    let points: Vec<Point> =
        (0..200).map(|n| Point { at: wild[n % 5], offset: wild[n % 3], delay: wild[n % 4] }).collect();
    let _ = shifts(&points, f64::MAX);
    let spans = BTreeMap::new();
    assert_eq!(detect(&Watched { spans: &spans, tau: Nanos(i64::MIN), since: &|_, _| None }), (vec![], 0));
}
