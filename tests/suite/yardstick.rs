//! The yardstick: what is committed meets what is asked of our clocks, and the clocks meet it on a reduced scale.

use std::collections::BTreeMap;
use std::path::Path;

use skewbench::clock::{Clock, Corridor, Regression};
use skewbench::time::Nanos;
use skewbench::yardstick::condition::{CLIENTS, cells, strange};
use skewbench::yardstick::drive::{Trace, drive};
use skewbench::yardstick::{Condition, Contender, Figures, SERVER, measure, published, run};

use crate::lab::table;

const CHRONY: &str = "chrony 4.8+52";
const NTPSEC: &str = "NTPsec 1.2.2";

type Row = BTreeMap<String, String>;

/// The committed rows of each condition, by clock.
fn committed() -> Vec<BTreeMap<String, Row>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/yardstick/yardstick.csv");
    let mut conditions: BTreeMap<(String, String), BTreeMap<String, Row>> = BTreeMap::new();
    for row in table(&file) {
        let key = (row["condition"].clone(), row["poll_s"].clone());
        conditions.entry(key).or_default().insert(row["clock"].clone(), row);
    }
    assert_eq!(conditions.len(), 6);
    conditions.into_values().collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// Seconds to 100 us, where never is later than any.
fn time(row: &Row) -> f64 {
    row["time_to_100us_s"].parse().unwrap_or(f64::INFINITY)
}

#[test]
fn the_committed_figures_meet_what_is_asked() {
    let mut twice = 0;
    for clocks in committed() {
        let rms = |clock: &str| number(&clocks[clock], "rms_us");
        let name = &clocks[CHRONY];
        assert!(rms("ntp") <= 1.3 * rms(NTPSEC), "{name:?}");
        assert!(rms("regression") <= 1.2 * rms(CHRONY), "{name:?}");
        assert!(rms("corridor") < rms(CHRONY), "{name:?}");
        assert!(rms("corridor") < 1.6 * rms("published limit"), "{name:?}");
        assert!(rms("radclock") < 1.1 * rms(CHRONY), "{name:?}");
        for clock in ["corridor", "regression", "radclock"] {
            // Within a tenth where jitter is ten times the 100 us that are to be reached (wan at 64 s).
            let most = if clock == "radclock" { 1.1 } else { 1.0 } * time(&clocks[CHRONY]);
            assert!(time(&clocks[clock]) <= most, "{clock}: {name:?}");
            assert_eq!(number(&clocks[clock], "bound_coverage"), 1.0, "{clock}: {name:?}");
        }
        twice += usize::from(2.0 * rms("corridor") <= rms(CHRONY));
    }
    assert!(twice >= 3, "by two in {twice} of six");
}

#[test]
fn readme_has_the_committed_figures() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("a README");
    for clocks in committed() {
        let columns = [CHRONY, NTPSEC, "ntp", "regression", "radclock", "corridor", "published limit"];
        let rms = columns.map(|clock| clocks[clock]["rms_us"].as_str()).join(" | ");
        let line = format!("| {}, {} s | {rms} |", clocks["ntp"]["condition"], clocks["ntp"]["poll_s"]);
        assert!(readme.contains(&line), "README must say: {line}");
    }
}

#[test]
fn the_committed_figures_are_what_the_program_measures() {
    let cell = cells().remove(2);
    let found = run(Contender::Corridor, &cell, 1..=5);
    let conditions = committed();
    let row = &conditions[2]["corridor"];
    assert_eq!((row["condition"].as_str(), row["poll_s"].as_str()), ("lan", "64"));
    assert!((found.rms * 1e6 / number(row, "rms_us") - 1.0).abs() < 0.002, "{found:?} {row:?}");
    assert!((found.p99 * 1e6 / number(row, "p99_us") - 1.0).abs() < 0.005, "{found:?} {row:?}");
}

/// One seed, and a run of `polls` polls.
fn reduced(contender: Contender, condition: &Condition, polls: i64) -> Figures {
    let duration = condition.duration.min(condition.poll.times(polls));
    run(contender, &Condition { duration, ..condition.clone() }, 11..=11)
}

#[test]
fn each_clock_keeps_its_place_on_a_reduced_scale() {
    for cell in cells() {
        let published = published::of(&cell).expect("of the six");
        let rms = |contender| reduced(contender, &cell, 300).rms * 1e6;
        let name = format!("{} {}", cell.name, cell.poll);
        let (corridor, regression, ntp) = (rms(Contender::Corridor), rms(Contender::Regression), rms(Contender::Ntp));
        let radclock = rms(Contender::Radclock);
        assert!(radclock < 1.8 * published.chrony.rms, "{name}: radclock {radclock}");
        assert!(corridor < 0.9 * published.chrony.rms, "{name}: corridor {corridor}");
        assert!(regression < 1.8 * published.chrony.rms, "{name}: regression {regression}");
        assert!(ntp < 1.8 * published.ntpsec.rms, "{name}: ntp {ntp}");
    }
}

#[test]
fn the_filter_that_knows_the_model_finds_the_published_limit() {
    let cell = Condition { duration: Nanos::from_seconds(8_000), ..cells().remove(2) };
    let found = run(Contender::Limit, &cell, 1..=1).rms * 1e6;
    assert!((2.5..5.5).contains(&found), "{found} us; published: 4.0 us");
}

/// The corridor and the regression in a condition outside the model, one seed and 300 polls around what happens in it.
fn outside(name: &str) -> [Figures; 2] {
    let condition = strange().into_iter().find(|condition| condition.name == name).expect("a condition");
    let earlier = Nanos::from_seconds(12_000);
    let condition = Condition {
        duration: Nanos::from_seconds(4_800),
        route: condition.route.map(|(at, least)| (at - earlier, least)),
        frequency_step: condition.frequency_step.map(|(at, by)| (at - earlier, by)),
        ..condition
    };
    [Contender::Corridor, Contender::Regression].map(|contender| reduced(contender, &condition, 300))
}

#[test]
fn the_corridor_is_never_much_worse_than_the_regression_where_its_model_does_not_hold() {
    for name in ["constant", "uniform", "gamma-3", "lognormal", "pareto-1.5", "bursts", "loss-33%", "wander-x10"] {
        let [corridor, regression] = outside(name);
        assert!(corridor.rms < 1.6 * regression.rms + 50e-9, "{name}: {corridor:?} {regression:?}");
        assert!(corridor.coverage > 0.99, "{name}: {corridor:?}");
    }
}

#[test]
fn after_a_step_of_frequency_or_a_new_route_the_corridor_comes_back() {
    for name in ["step-5ppm", "longer-route", "shorter-route"] {
        let [corridor, regression] = outside(name);
        // A known weakness: a longer route can lead it astray by the route's change for an exchange or two (max, and
        // so rms, are then far above the regression's). What is held is that it comes back and that its bound says so.
        assert!(corridor.p99 < 4.0 * regression.p99, "{name}: {corridor:?} {regression:?}");
        assert!(corridor.coverage > 0.99, "{name}: {corridor:?}");
    }
}

#[test]
fn one_sided_jitter_biases_the_corridor_by_less_than_a_microsecond() {
    for name in ["one-sided", "lopsided"] {
        let [corridor, regression] = outside(name);
        assert!(corridor.mean.abs() < 1e-6, "{name}: {corridor:?}");
        assert!(corridor.rms < regression.rms, "{name}: {corridor:?} {regression:?}");
    }
}

#[test]
fn an_asymmetry_is_half_an_error_that_nobody_sees_and_the_bound_covers_it() {
    let [corridor, regression] = outside("asymmetric-200us");
    for clock in [corridor, regression] {
        assert!((clock.mean.abs() - 100e-6).abs() < 5e-6, "{clock:?}");
        assert_eq!(clock.coverage, 1.0);
    }
}

/// One client's clock over an hour on the lan.
fn hour(clock: &mut dyn Clock, client: usize) -> Trace {
    let cell = Condition { duration: Nanos::from_seconds(3_600), ..cells().remove(1) };
    drive(&cell, client, 5, clock)
}

#[test]
fn a_clock_is_a_function_of_its_exchanges_and_never_jumps() {
    for client in 0..CLIENTS.len() {
        assert_eq!(hour(&mut Corridor::new(SERVER), client), hour(&mut Corridor::new(SERVER), client));
        for clock in [&mut Corridor::new(SERVER) as &mut dyn Clock, &mut Regression::new(SERVER)] {
            let steps = hour(clock, client).windows(2).map(|pair| (pair[1].offset - pair[0].offset).abs()).max();
            // The slew's limit for a second, and the crystal's error.
            assert!(steps.is_some_and(|most| most < Nanos::from_micros(83_333 + 100)), "{steps:?}");
        }
    }
    assert_eq!(measure::figures(&[]).rms, 0.0);
}
