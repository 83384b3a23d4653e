//! A small swarm in every test run; `skewbench sim --swarm 10000` is a large one.

use std::collections::BTreeSet;
use std::process::Command;

use skewbench::sim::Scenario;
use skewbench::sim::swarm::{draw, text, trial};

#[test]
fn thirty_random_scenarios_keep_every_law() {
    let mut exercised = BTreeSet::new();
    for seed in 1..=30 {
        let trial = trial(seed);
        assert!(trial.failures.is_empty(), "seed {seed}: {:#?}\n{}", trial.failures, trial.text);
        exercised.extend(trial.features);
    }
    for feature in ["verdict WITHIN", "verdict VIOLATED", "replay held against the run", "event crash", "jitter pareto"]
    {
        assert!(exercised.contains(feature), "{feature}: {exercised:?}");
    }
    assert!(exercised.len() > 50, "{}", exercised.len());
}

#[test]
fn every_scenario_comes_back_from_its_file() {
    for seed in 0..500 {
        let drawn = draw(seed);
        assert_eq!(Scenario::parse(&text(&drawn)).as_ref(), Ok(&drawn), "seed {seed}");
    }
}

#[test]
fn the_swarm_tells_what_it_exercised_and_is_the_same_each_time() {
    let swarm = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_skewbench")).args(["sim", "--swarm"]).args(args).output();
        let output = output.expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = swarm(&["4", "--seed", "7"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("topology islands                                 1\n"), "{said}");
    assert!(said.contains("4 scenarios, seeds 7 to 10: 0 failed; never exercised, of which so few"), "{said}");
    assert_eq!(swarm(&["4", "--seed", "7"]), (code, said));
    for bad in [&["0"][..], &["x"], &["3", "--adversary", "ring"], &["3", "x.toml"], &["3", "--out", "dir"]] {
        assert_eq!(swarm(bad).0, Some(2), "{bad:?}");
    }
}
