//! Online, simulated and replayed are the same: fresh clocks fed with what a journal says was received change as the journal
//! says, bit for bit.

use std::collections::{BTreeMap, VecDeque};

use skewbench::analysis::AgentRun;
use skewbench::clock::{self, Change, Clock, Message};
use skewbench::ids::Algorithm;
use skewbench::model::Oscillator;
use skewbench::node::replay::{self, difference};
use skewbench::node::{Record, Replay};
use skewbench::sim;
use skewbench::sim::swarm::replayed;
use skewbench::time::{Nanos, Time};

use crate::simulated::runs;

/// A world that loses, doubles and reorders.
pub const HARSH: &str = "duration = \"10s\"\ntau = \"50ms\"\nclocks = [\"all\"]\n[topology]\nshape = \"ring\"\nnodes = 5\n\
    [oscillators]\noffset_within = \"20ms\"\ndrift_within_ppm = 80\nwander_ppb_per_sqrt_s = 50.0\nwander_limit_ppm = 5\n\
    [links]\ndelay = \"2ms\"\njitter = { kind = \"pareto\", scale = \"5ms\", alpha = 1.5 }\nloss_share = 0.2\n\
    duplicate_share = 0.2\nmu = \"1.9ms\"\n[stamps]\nnoise = \"1us\"\nwait_within = \"200us\"\n";

/// The clocks of one node, started afresh.
struct Fresh {
    clocks: Vec<Box<dyn Clock>>,
    changes: BTreeMap<Algorithm, Vec<Change>>,
}

impl Fresh {
    fn new(run: &AgentRun) -> Self {
        let header = &run.header;
        let settings = header.clock_settings();
        let clocks = header.clocks.iter().filter_map(|algorithm| clock::new(algorithm, &settings)).collect();
        Self { clocks, changes: BTreeMap::new() }
    }

    fn each(&mut self, act: impl Fn(&mut dyn Clock) -> Option<Change>) {
        for clock in &mut self.clocks {
            let changed = act(clock.as_mut());
            self.changes.entry(clock.algorithm()).or_default().extend(changed);
        }
    }

    fn feed(&mut self, record: &Record) {
        match record {
            Record::Received(heard) => self.each(|clock| {
                let claim = heard.claims.of(clock.algorithm())?;
                clock.on_message(&Message { from: heard.from, at: heard.at, credit: heard.credit, claim })
            }),
            Record::Exchanged(at, _, exchange) => self.each(|clock| clock.on_exchange(*at, exchange)),
            _ => {}
        }
    }
}

/// Slots of the probe grid, in order: the clocks hear of one before whatever else happens at it.
fn slots(run: &AgentRun) -> VecDeque<Time<skewbench::time::Local>> {
    let slot = |record: &Record| match record {
        Record::Sent(sent) => sent.due.map(|_| sent.at),
        _ => None,
    };
    run.records().filter_map(slot).collect()
}

#[test]
fn online_and_replay_are_equal_bit_for_bit() {
    let mut changes = 0;
    for seed in 0..5 {
        for run in runs(HARSH, seed) {
            let (mut fresh, mut slots) = (Fresh::new(&run), slots(&run));
            let mut online: BTreeMap<Algorithm, Vec<Change>> = BTreeMap::new();
            for record in run.records() {
                let of_slot = !matches!(record, Record::Received(_));
                while slots.front().is_some_and(|slot| *slot < record.at() || of_slot && *slot == record.at()) {
                    let at = slots.pop_front().expect("a slot");
                    fresh.each(|clock| clock.on_slot(at));
                }
                fresh.feed(record);
                if let Record::Changed(algorithm, change) = record {
                    online.entry(*algorithm).or_default().push(*change);
                }
            }
            for algorithm in fresh.clocks.iter().map(|clock| clock.algorithm()) {
                let (there, here) = (online.entry(algorithm).or_default(), &fresh.changes[&algorithm]);
                assert_eq!(there, here, "seed {seed}, node {}, {algorithm}", run.header.node);
                changes += there.len();
            }
            let readings = online[&Algorithm::Lamport].iter().map(|change| change.reading.line);
            let pairs = readings.clone().zip(readings.skip(1));
            pairs.for_each(|(one, next)| assert!(next.value > one.at(next.start), "a Lamport clock never goes back"));
        }
    }
    assert!(changes > 500, "{changes}: the clocks do something");
}

/// The hybrid clock too, and what every message claims: a node's own clocks, fed with its journal.
#[test]
fn hybrid_stamps_and_all_claims_are_replayed_bit_for_bit() {
    let (mut stamps, mut ahead) = (0, 0);
    for seed in 0..5 {
        let runs = runs(HARSH, seed);
        let replays: Vec<Replay> = runs.iter().map(|run| replayed(run).2).collect();
        let mut claimed = BTreeMap::new();
        for (run, replay) in runs.iter().zip(&replays) {
            assert!(!replay.is_ambiguous && difference(replay, run.records()).is_none(), "seed {seed}");
            ahead += replay.derived.iter().filter(|record| matches!(record, Record::Ahead(..))).count();
            for event in &replay.events {
                if let replay::Message::Sent(sent, claims) = &event.message {
                    claimed.insert((run.header.node, sent.to, sent.sequence), claims.clone());
                }
            }
        }
        for run in &runs {
            for record in run.records() {
                let Record::Received(heard) = record else { continue };
                assert_eq!(claimed.get(&(heard.from, run.header.node, heard.sequence)), Some(&heard.claims));
                stamps += 1;
            }
        }
    }
    assert!(stamps > 5_000 && ahead > 100, "{stamps} stamps, {ahead} ahead of their clocks");
}

/// A record that is changed makes a difference.
#[test]
fn a_journal_that_is_not_the_clocks_own_is_told_apart() {
    let run = runs(HARSH, 1).swap_remove(2);
    let replay = replayed(&run).2;
    let mut records: Vec<Record> = run.records().cloned().collect();
    assert_eq!(difference(&replay, records.iter()), None);
    let ahead = records.iter_mut().find_map(|record| if let Record::Ahead(_, l) = record { Some(l) } else { None });
    let l = ahead.expect("a stamp ahead of its clock");
    *l += Nanos(1);
    assert!(difference(&replay, records.iter()).is_some());
    records.retain(|record| !matches!(record, Record::Changed(..)));
    assert!(difference(&replay, records.iter()).is_some());
}

/// The law of all exchanges: with clocks that do not drift, the offset errs by no more than half the delay.
#[test]
fn the_error_of_an_offset_is_at_most_half_its_delay() {
    let steady = HARSH.replace("drift_within_ppm = 80\nwander_ppb_per_sqrt_s = 50.0\nwander_limit_ppm = 5", "");
    let steady = steady.replace("noise = \"1us\"", "noise = \"0s\"");
    let (mut seen, mut seen_of_reference) = (0, 0_u64);
    for run in runs(&steady, 1) {
        for record in run.records() {
            let Record::Exchanged(_, _, exchange) = record else { continue };
            let offset = |node: u32| {
                let draw = sim::scenario::Oscillators { offset_within: Nanos::from_millis(20), ..Default::default() };
                draw.draw(1, node).0
            };
            let truth = offset(exchange.peer.0) - offset(run.header.node.0);
            // The NTP-style clock of the reference is its local clock.
            let claimed = exchange.sample_of(Algorithm::Ntp).filter(|_| exchange.peer == run.header.run.reference);
            seen_of_reference += u64::from(claimed.is_some());
            for sample in [exchange.sample()].into_iter().chain(claimed) {
                assert!((sample.offset - truth).abs() <= sample.delay.over(2) + Nanos(1), "{exchange:?}");
            }
            seen += 1;
        }
        let clock = Oscillator::new(run.header.oscillator.clone().expect("simulated"), run.header.node);
        assert_eq!(clock.declared().kappa().0, 0);
    }
    assert!(seen > 500 && seen_of_reference > 100, "{seen}, {seen_of_reference} of them of the reference");
}
