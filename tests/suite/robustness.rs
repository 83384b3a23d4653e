//! The robustness table: who survives what, as committed and as the program finds it.

use std::collections::BTreeMap;
use std::path::Path;

use skewbench::analysis::AgentRun;
use skewbench::ids::{Algorithm, Algorithms};
use skewbench::robustness::lives::Lives;
use skewbench::robustness::{self, Disturbance, measure, table as told};
use skewbench::sim;

use crate::lab::table;

type Row = BTreeMap<String, String>;

/// The committed rows by disturbance and clock.
fn committed() -> BTreeMap<(String, String), Row> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/robustness/robustness.csv");
    let key = |row: Row| ((row["disturbance"].clone(), row["algorithm"].clone()), row);
    table(&file).into_iter().map(key).collect()
}

fn row(rows: &BTreeMap<(String, String), Row>, disturbance: Disturbance, clock: Algorithm) -> Row {
    let key = (disturbance.to_string(), clock.to_string());
    rows.get(&key).unwrap_or_else(|| panic!("no row of {key:?}: run scripts/robustness")).clone()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// eps at worst, in microseconds.
fn worst_us(rows: &BTreeMap<(String, String), Row>, disturbance: Disturbance, clock: Algorithm) -> f64 {
    number(&row(rows, disturbance, clock), "eps_worst_ns") / 1e3
}

const LIE_US: f64 = 5_000.0;

#[test]
fn every_clock_has_a_row_for_every_disturbance() {
    let rows = committed();
    for disturbance in Disturbance::ALL {
        robustness::clocks().for_each(|clock| assert_eq!(row(&rows, disturbance, clock)["seeds"], "3"));
    }
    assert_eq!(rows.len(), Disturbance::ALL.len() * robustness::clocks().count());
}

/// docs/theory.md §6: n > 3f, and not n = 3f. Lamport's rule bears no liar at all.
#[test]
fn two_faced_clocks_are_borne_by_those_that_can_where_there_are_enough() {
    let rows = committed();
    for clock in [Algorithm::WelchLynch, Algorithm::Convergence] {
        assert!(worst_us(&rows, Disturbance::TwoFaced, clock) < 0.6 * LIE_US, "{clock}");
        assert!(worst_us(&rows, Disturbance::TwoFacedReference, clock) < 0.8 * LIE_US, "{clock}: nobody is special");
        assert!(worst_us(&rows, Disturbance::TwoFacedOfThree, clock) > LIE_US, "{clock}: the control fails");
    }
    for disturbance in [Disturbance::TwoFaced, Disturbance::TwoFacedReference, Disturbance::Falsetickers] {
        assert!(worst_us(&rows, disturbance, Algorithm::Lamport) > 1.5 * LIE_US, "{disturbance}: f = 0");
    }
}

/// Selection rejects those who lie about the reference; nobody rejects the reference.
#[test]
fn selection_rejects_falsetickers_and_who_follows_the_reference_falls_with_it() {
    let rows = committed();
    let followers = [Algorithm::Ntp, Algorithm::Regression, Algorithm::Corridor, Algorithm::Interval];
    for clock in followers {
        for disturbance in [Disturbance::Falsetickers, Disturbance::FalsetickersHalf, Disturbance::TwoFaced] {
            let found = row(&rows, disturbance, clock);
            assert!(number(&found, "eps_worst_ns") < 0.1 * LIE_US * 1e3, "{found:?}");
            assert_eq!(number(&found, "coverage"), 1.0, "{found:?}");
        }
        let found = row(&rows, Disturbance::TwoFacedReference, clock);
        assert!(number(&found, "eps_worst_ns") > LIE_US * 1e3 && number(&found, "coverage") < 0.9, "{found:?}");
    }
}

/// Whatever else happens, these come back within the run in every seed.
#[test]
fn clocks_come_back() {
    let rows = committed();
    let recovers = |disturbance, clock| {
        let found = row(&rows, disturbance, clock);
        assert_eq!(found["seeds_recovered"], found["seeds"], "{found:?}");
        number(&found, "recovered_s")
    };
    for disturbance in [Disturbance::Loss, Disturbance::Route, Disturbance::Partition, Disturbance::Restart] {
        for clock in [Algorithm::Lamport, Algorithm::Corridor, Algorithm::Interval, Algorithm::WelchLynch] {
            assert!(recovers(disturbance, clock) < 120.0, "{disturbance} {clock}");
        }
    }
    for clock in [Algorithm::Lamport, Algorithm::Ntp, Algorithm::Corridor, Algorithm::Interval, Algorithm::WelchLynch] {
        assert_eq!(recovers(Disturbance::Calm, clock), 0.0, "{clock}: the control");
    }
}

/// chrony's own bound fails in 3 % of its update intervals where frequencies step at 64 s polls.
#[test]
fn no_claim_fails_more_often_than_that_of_chrony_where_frequencies_step() {
    let rows = committed();
    let claims = rows.values().filter(|row| row["disturbance"] == Disturbance::FrequencySteps.name());
    let claim = |row: &BTreeMap<String, String>| Some((row["algorithm"].clone(), row["coverage"].parse::<f64>().ok()?));
    let claims: Vec<(String, f64)> = claims.filter_map(claim).collect();
    assert!(claims.len() >= 10, "{claims:?}");
    assert!(claims.iter().all(|(_, coverage)| *coverage > 0.97), "{claims:?}");
}

/// An interval is certain wherever the reference is honest and of the others at most a third lie.
#[test]
fn an_interval_holds_the_truth_wherever_its_assumptions_hold() {
    let broken = [Disturbance::TwoFacedReference, Disturbance::TwoFacedOfThree, Disturbance::FalsetickersHalf];
    for disturbance in Disturbance::ALL.into_iter().filter(|disturbance| !broken.contains(disturbance)) {
        assert_eq!(number(&row(&committed(), disturbance, Algorithm::Interval), "coverage"), 1.0, "{disturbance}");
    }
    for disturbance in [Disturbance::Wander, Disturbance::RouteOneWay, Disturbance::Restart, Disturbance::Partition] {
        let mut scenario = disturbance.scenario(23).expect("a world");
        scenario.clocks = Algorithms::NONE.with(Algorithm::Interval);
        let files = sim::run(&scenario, 23, |_| ()).expect("a run");
        let lives = Lives::of(&AgentRun::read(files.iter().map(|(_, bytes)| &bytes[..])), &scenario).expect("truth");
        let found = measure::of(Algorithm::Interval, &lives, disturbance).expect("clocks");
        assert!(found.stated > 0.0 && found.covered == found.stated, "{disturbance}: {found:?}");
    }
}

/// Clocks that follow nobody speak of all others: 100 % where fewer than a third lie and none starts again, and where more do
/// not.
#[test]
fn what_agreeing_clocks_state_is_true_where_their_assumptions_hold_and_false_elsewhere() {
    let rows = committed();
    let coverage = |disturbance, clock| number(&row(&rows, disturbance, clock), "coverage");
    let lied_to = |disturbance: Disturbance| !disturbance.liars().is_empty();
    for disturbance in Disturbance::ALL.into_iter().filter(|disturbance| *disturbance != Disturbance::Restart) {
        let held = coverage(disturbance, Algorithm::Lamport);
        assert_eq!(held == 1.0, !lied_to(disturbance), "{disturbance}: f = 0, {held}");
        let too_many = [Disturbance::TwoFacedOfThree, Disturbance::FalsetickersHalf].contains(&disturbance);
        for clock in [Algorithm::WelchLynch, Algorithm::Convergence, Algorithm::SrikanthToueg] {
            assert!(too_many || coverage(disturbance, clock) == 1.0, "{disturbance} {clock}");
        }
    }
    for clock in [Algorithm::Lamport, Algorithm::WelchLynch, Algorithm::SrikanthToueg] {
        assert!(coverage(Disturbance::Restart, clock) < 1.0, "{clock}: a clock that was just born agrees with nobody");
    }
    for clock in [Algorithm::WelchLynch, Algorithm::Convergence] {
        assert!(coverage(Disturbance::TwoFacedOfThree, clock) < 1.0, "{clock}: n = 3f");
    }
}

/// What a clock states is no more than so many times what its clocks are apart at worst where nothing happens.
#[test]
fn what_agreeing_clocks_state_is_worth_stating() {
    let rows = committed();
    for (clock, times) in [
        (Algorithm::Lamport, 2.5),
        (Algorithm::WelchLynch, 4.0),
        (Algorithm::Convergence, 7.0),
        (Algorithm::SrikanthToueg, 4.0),
    ] {
        let calm = row(&rows, Disturbance::Calm, clock);
        let (claim, worst) = (number(&calm, "claim_ns_p50"), number(&calm, "eps_worst_ns"));
        assert!((1.0..times).contains(&(claim / worst)), "{clock}: {claim} for {worst}");
    }
}

/// The same seeds give the same rows, digit for digit: those that are committed.
#[test]
fn the_committed_rows_are_what_the_program_measures() {
    let disturbance = Disturbance::TwoFacedOfThree;
    let seeds: Vec<u64> = robustness::SEEDS.collect();
    let found = told::csv(&robustness::run(disturbance, &seeds, |_| ()).expect("a world"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/robustness/robustness.csv");
    let text = std::fs::read_to_string(file).expect("committed");
    let committed = text.lines().filter(|line| line.starts_with(disturbance.name()));
    assert_eq!(found.lines().skip(1).collect::<Vec<_>>(), committed.collect::<Vec<_>>(), "run scripts/robustness");
}
