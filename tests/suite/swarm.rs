//! A small swarm in every test run; `scripts/night` runs a large one.

use std::collections::BTreeSet;
use std::process::Command;

use skewbench::sim::Scenario;
use skewbench::sim::swarm::{coverage, draw, text, trial};

/// How many seeds from 1 on are tried.
const FIRST: u64 = 80;
/// What else is tried: seeds that exercise what the first do not. `skewbench sim --swarm 300` says which seed was the first to
/// exercise what.
const BESIDE: &[u64] = &[293];

#[test]
fn random_scenarios_keep_every_law_and_exercise_every_feature() {
    let mut exercised = BTreeSet::new();
    for seed in (1..=FIRST).chain(BESIDE.iter().copied()) {
        let trial = trial(seed);
        assert!(trial.failures.is_empty(), "seed {seed}: {:#?}\n{}", trial.failures, trial.text);
        exercised.extend(trial.features);
    }
    let missing: Vec<_> = coverage::names().filter(|name| !exercised.contains(name)).collect();
    assert!(missing.is_empty(), "never exercised: {missing:?}");
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
    assert!(said.contains("topology islands                                 1           7\n"), "{said}");
    assert!(said.contains("4 scenarios, seeds 7 to 10: 0 failed; never exercised, of which so few"), "{said}");
    assert_eq!(swarm(&["4", "--seed", "7"]), (code, said));
    for bad in [&["0"][..], &["x"], &["3", "--adversary", "ring"], &["3", "x.toml"], &["3", "--out", "dir"]] {
        assert_eq!(swarm(bad).0, Some(2), "{bad:?}");
    }
}
