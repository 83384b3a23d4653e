//! The clocks that tolerate faults, in virtual time: agreement in spite of a two-faced clock, and intervals that hold the
//! truth whatever the network does.

use std::collections::BTreeSet;

use skewbench::analysis::{Summary, summarise};
use skewbench::clock::convergence::precision;
use skewbench::clock::overlay::Slewed;
use skewbench::clock::{Reading, srikanth_toueg};
use skewbench::ids::Algorithm;
use skewbench::node::Record;
use skewbench::sim::{Network, Scenario, World};
use skewbench::theory::Premises;
use skewbench::time::{Nanos, Ppb, Time};

use crate::simulated::journals;

/// The mesh of the library's scenario: delays, drifts and rounds.
const KAPPA: Ppb = Ppb(50_000);
const LONGEST_DELAY: Nanos = Nanos::from_micros(140);
const ROUND: Nanos = Nanos::from_millis(800);

fn scenario(text: &str) -> Scenario {
    Scenario::parse(text).expect("a scenario")
}

/// Node 0 of four, the reference, tells nodes 1 and 3 readings that are off by `lie`, either way.
fn two_faced(lie: Nanos) -> Scenario {
    let text = include_str!("../../scripts/scenarios/byzantine.toml");
    scenario(&text.replace("\"5ms\"", &format!("\"{}ns\"", lie.0)).replace("\"-5ms\"", &format!("\"{}ns\"", -lie.0)))
}

/// The largest distance between the three honest clocks of each algorithm, from the sixth second on.
fn honest_skew<const N: usize>(scenario: &Scenario, seed: u64, algorithms: [Algorithm; N]) -> [Nanos; N] {
    let mut network = Network::new(World::new(scenario, seed).expect("a world"));
    let mut largest = [Nanos::ZERO; N];
    for step in 1..=2_000 {
        let at = Time::ZERO + Nanos::from_millis(10 * step);
        network.run_until(at);
        if step < 600 {
            continue;
        }
        for (algorithm, largest) in algorithms.into_iter().zip(&mut largest) {
            let shown = network.shown(algorithm, at);
            let honest = &shown[1..];
            *largest = (*largest).max(*honest.iter().max().unwrap() - *honest.iter().min().unwrap());
        }
    }
    largest
}

/// eps of the theory: half the longest delay, and what two clocks drift apart while a reading waits for the round's end.
fn reading_error() -> Nanos {
    LONGEST_DELAY + drift().times(2)
}

/// rho P.
fn drift() -> Nanos {
    Nanos(ROUND.0 / 1_000_000 * KAPPA.0 / 1_000)
}

/// docs/theory.md §6: n = 3f + 1 = 4. Small lies pull, large ones would drag; the honest clocks stay within their bounds.
#[test]
fn one_two_faced_clock_of_four_does_not_part_clocks_that_tolerate_it() {
    let midpoint = (reading_error() + drift()).times(4);
    let mean = precision(4, 1, reading_error(), drift());
    for (seed, lie) in [100, 300, 700, 1_500, 5_000, 1_000_000].into_iter().map(Nanos::from_micros).enumerate() {
        let clocks = [Algorithm::WelchLynch, Algorithm::Convergence];
        let found = honest_skew(&two_faced(lie), seed as u64, clocks);
        assert!(found[0] <= midpoint && found[1] <= mean, "lie {lie}: {found:?} against {midpoint} and {mean}");
    }
}

/// docs/theory.md §6: a liar of four neither parts clocks that agree on rounds, nor makes a round. A minute has nine.
#[test]
fn rounds_by_agreement_survive_a_two_faced_clock() {
    let tau = Nanos::from_millis(100);
    let bound = srikanth_toueg::precision(tau, LONGEST_DELAY + Nanos::from_millis(1), KAPPA);
    for (seed, lie) in [1_500, 1_000_000, 20_000_000].into_iter().map(Nanos::from_micros).enumerate() {
        let found = honest_skew(&two_faced(lie), seed as u64, [Algorithm::SrikanthToueg]);
        assert!(found[0] <= bound, "lie {lie}: {found:?} against {bound}");
        assert!(found[0] > Nanos::from_millis(2), "no round was accepted: {found:?}");
    }
}

/// Whatever a clock does, an overlay shows it without going back: fed with the changes that every clock of a run wrote down.
#[test]
fn an_overlay_follows_every_clock_without_going_back() {
    let mut went_back = BTreeSet::new();
    for run in journals(&two_faced(Nanos::from_millis(5)), 2) {
        for algorithm in run.header.clocks.iter() {
            let changes = run.records().filter_map(|record| match record {
                Record::Changed(changed, change) if *changed == algorithm => Some(change.reading),
                _ => None,
            });
            // Of changes at one instant the last one counts.
            let mut changes: Vec<Reading> = changes.collect();
            changes.reverse();
            changes.dedup_by_key(|reading| reading.line.start);
            changes.reverse();
            let (mut overlay, mut course) = (Slewed::new(Reading::LOCAL, Ppb(500_000)), Reading::LOCAL);
            let mut last = None;
            let mut look = |overlay: &Slewed, at| {
                let shown = overlay.reading().at(at);
                assert!(last.is_none_or(|last| shown >= last), "{algorithm} at {at:?}");
                last = Some(shown);
            };
            for reading in changes {
                let at = reading.line.start;
                // The line that was to come may have begun before this change.
                if let Some(begun) = course.then.map(|then| then.start).filter(|start| *start < at) {
                    look(&overlay, begun);
                    overlay.follow(begun, &course);
                }
                look(&overlay, at);
                if reading.at(at) < course.at(at) {
                    went_back.insert(algorithm);
                }
                let lag = overlay.follow(at, &reading);
                course = reading;
                look(&overlay, at + Nanos(1));
                let later = at + Nanos::from_millis(1);
                let left = (course.line.at(later) - overlay.reading().at(later)).abs();
                assert!(left <= lag.abs().max(Nanos(2)), "{algorithm}: {left} after {lag}");
            }
        }
    }
    let stepping = [Algorithm::WelchLynch, Algorithm::Convergence];
    assert!(stepping.iter().all(|algorithm| went_back.contains(algorithm)), "{went_back:?}");
}

/// The same liar parts Lamport's clocks, of which one is dragged along before the others hear of it, and the NTP-style ones,
/// which follow it.
#[test]
fn the_same_liar_parts_the_clocks_that_follow_somebody() {
    let premises =
        Premises { kappa: KAPPA, diameter: 1, tau: Nanos::from_millis(101), mu: Nanos::ZERO, xi: LONGEST_DELAY };
    let bound = premises.bounds().safe;
    let algorithms = [Algorithm::Lamport, Algorithm::Ntp, Algorithm::WelchLynch, Algorithm::Convergence];
    let honest = two_faced(Nanos(1));
    let lied_to = two_faced(Nanos::from_millis(5));
    for seed in 0..3 {
        let quiet = honest_skew(&honest, seed, algorithms);
        assert!(quiet[0] <= bound && quiet[1] <= Nanos::from_micros(500), "without a lie: {quiet:?}");
        let found = honest_skew(&lied_to, seed, algorithms);
        assert!(found[0] > bound.times(4), "seed {seed}: lamport {} against {bound}", found[0]);
        assert!(found[1] > Nanos::from_millis(5), "seed {seed}: ntp {}", found[1]);
        assert!(found[2].max(found[3]) < Nanos::from_micros(1_200), "seed {seed}: {found:?}");
    }
}

fn summary(scenario: &Scenario, seed: u64) -> Summary {
    summarise("run", &journals(scenario, seed))
}

const ROUGH: &str = r#"
duration = "20s"
tau = "100ms"
clocks = ["lamport", "interval"]
topology = { shape = "SHAPE", nodes = 5 }
oscillators = { offset_within = "20ms", drift_within_ppm = 80, wander_ppb_per_sqrt_s = 300, wander_limit_ppm = 5 }
stamps = { by = "STAMPS", noise = "2us", wait_within = "90us" }

[links]
delay = "300us"
asymmetry = "700us"
jitter = { kind = "exponential", mean = "200us" }
loss_share = 0.2
duplicate_share = 0.05
"#;

/// docs/theory.md §6: the interval contains the reference's clock at every instant, whatever is lost, late, doubled, one-sided, or
/// drifts; over links in a row as well, where what it is derived from is itself derived.
#[test]
fn intervals_hold_the_truth_at_every_instant_of_every_run() {
    let (mut widest, mut stated) = (Nanos::ZERO, 0);
    for seed in 0..16 {
        let shape = ["full", "ring", "line", "star"][seed as usize % 4];
        let stamps = if seed < 8 { "kernel" } else { "user" };
        let found = summary(&scenario(&ROUGH.replace("SHAPE", shape).replace("STAMPS", stamps)), seed);
        let row = found.row(Algorithm::Interval).expect("a row");
        assert_eq!(row.coverage, Some(1.0), "seed {seed}, {shape}: {:?}", found.notes);
        widest = widest.max(row.skew.expect("truth is known").max);
        stated += 1;
    }
    assert_eq!(stated, 16);
    assert!(widest < Nanos::from_millis(5), "an interval that says nothing is no feat: {widest}");
}

/// A peer with two faces is one of at most f = 1 that lie: the intervals of the others still hold the truth.
#[test]
fn a_two_faced_peer_pushes_no_truth_out_of_an_interval() {
    let text = include_str!("../../scripts/scenarios/byzantine.toml").replace("node = 0", "node = 2");
    for (seed, lie) in [60, 400, 5_000].into_iter().enumerate() {
        let text = text.replace("\"5ms\"", &format!("\"{lie}us\"")).replace("\"-5ms\"", &format!("\"-{lie}us\""));
        let found = summary(&scenario(&text), seed as u64);
        assert_eq!(found.row(Algorithm::Interval).expect("a row").coverage, Some(1.0), "lie {lie} us");
    }
}

/// Every clock of the list is run, written down, read back and judged, and no other is named.
#[test]
fn the_rows_are_the_clocks_that_ran() {
    let all = summary(&two_faced(Nanos(1)), 1);
    let expected = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::System);
    assert!(all.rows.iter().map(|row| row.algorithm).eq(expected));
    assert!(all.rows.iter().all(|row| row.skew.is_some()), "{:?}", all.rows);
    let text = ROUGH.replace("SHAPE", "full").replace("STAMPS", "kernel");
    let some = summary(&scenario(&text.replace("\"lamport\", ", "\"welch-lynch\", ")), 1);
    let rows: Vec<&str> = some.rows.iter().map(|row| row.algorithm.name()).collect();
    assert_eq!(rows, ["free", "interval", "welch-lynch"]);
    assert!(some.notes.iter().any(|note| note.starts_with("no verdict: not every node ran the lamport clock")));
    assert!(!some.notes.iter().any(|note| note.contains("ntp")), "{:?}", some.notes);
}
