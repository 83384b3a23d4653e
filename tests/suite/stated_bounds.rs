//! What the clocks that follow nobody state of themselves: true of every clock of the mesh where what they assume holds, at
//! every instant; not vacuous; and false where it does not hold.

use skewbench::analysis::coverage::{Band, of_clock};
use skewbench::analysis::envelope::sweep;
use skewbench::analysis::quantile::{PerMille, weighted};
use skewbench::clock::Subject;
use skewbench::ids::{Algorithm, Algorithms};
use skewbench::node::Record;
use skewbench::robustness::lives::{Lived, Lives};
use skewbench::sim::Scenario;
use skewbench::time::Nanos;

use crate::simulated::journals;

const AGREEING: [Algorithm; 4] =
    [Algorithm::Lamport, Algorithm::WelchLynch, Algorithm::Convergence, Algorithm::SrikanthToueg];

/// Everything that the claims allow for: jitter without a limit, one-sided delays, wander, noise of stamps, waits.
const WORLD: &str = r#"
duration = "30s"
tau = "100ms"
clocks = ["lamport", "welch-lynch", "convergence", "srikanth-toueg"]
topology = { shape = "SHAPE", nodes = NODES }
oscillators = { offset_within = "20ms", drift_within_ppm = 80, wander_ppb_per_sqrt_s = 300, wander_limit_ppm = 5 }
stamps = { by = "STAMPS", noise = "2us", wait_within = "90us" }

[links]
delay = "300us"
asymmetry = "300us"
jitter = { kind = "exponential", mean = "100us" }
duplicate_share = 0.05
"#;

fn world(shape: &str, nodes: u32, seed: u64) -> Scenario {
    let stamps = ["kernel", "user"][seed as usize % 2];
    let text = WORLD.replace("SHAPE", shape).replace("NODES", &nodes.to_string()).replace("STAMPS", stamps);
    Scenario::parse(&text).expect("a scenario")
}

/// What one algorithm's clocks stated in a run.
#[derive(Debug)]
struct Found {
    /// Share of the stated node-time in which it was true of every honest clock.
    coverage: f64,
    /// Share of all node-time in which something was stated.
    stated: f64,
    /// Largest eps of the second half over the median claim at the half.
    tightness: f64,
}

fn lives(scenario: &Scenario, seed: u64) -> Lives {
    Lives::of(&journals(scenario, seed), scenario).expect("truth")
}

/// Holds what the clocks of honest nodes state from the first second on, when they are far from each other, against each
/// other.
fn found(lives: &Lives, scenario: &Scenario, algorithm: Algorithm, liars: &[u32]) -> Found {
    let (from, until) = (1e9, scenario.duration.0 as f64 - 1e9);
    let honest: Vec<Lived<'_>> =
        lives.living(algorithm, (from, until)).filter(|lived| !liars.contains(&lived.node.0)).collect();
    let tracks: Vec<_> = honest.iter().map(|lived| lived.track.clone()).collect();
    let band = Band::of_all(&tracks, from, until);
    let scores = honest.iter().map(|lived| of_clock(lived.track, &band, lived.claims, (from, until)));
    let (covered, stated) = scores.fold((0.0, 0.0), |sum, one| (sum.0 + one.covered, sum.1 + one.stated));
    let half = (from + until) / 2.0;
    let last = |lived: &Lived<'_>| lived.claims.iter().rfind(|(at, _)| *at <= half).and_then(|(_, claim)| *claim);
    let mut claims: Vec<f64> = honest.iter().filter_map(last).map(|claim| claim.at(half)).collect();
    claims.sort_by(f64::total_cmp);
    let eps = weighted(&sweep(&tracks, half, until), PerMille::P50).unwrap_or(Nanos::ZERO).0 as f64;
    Found {
        coverage: covered / stated,
        stated: stated / ((until - from) * honest.len() as f64),
        tightness: claims.get(claims.len() / 2).map_or(0.0, |claim| eps / claim),
    }
}

/// Every clock, whatever happens that the claims allow for: 100 %, with and without clocks that may lie and do not.
#[test]
fn what_is_stated_is_true_of_every_clock_of_the_mesh() {
    for (seed, nodes) in [2, 3, 4, 4, 5, 7].into_iter().enumerate() {
        let seed = seed as u64;
        let scenario = world("full", nodes, seed);
        let lives = lives(&scenario, seed);
        for algorithm in AGREEING {
            assert_eq!(Subject::of(algorithm), Subject::Mesh);
            let found = found(&lives, &scenario, algorithm, &[]);
            assert!(found.coverage > 1.0 - 1e-9, "{algorithm} of {nodes}, seed {seed}: {found:?}");
            let least = if algorithm == Algorithm::SrikanthToueg { 0.3 } else { 0.9 };
            assert!(found.stated > least, "{algorithm} of {nodes}, seed {seed}: {found:?}");
            let least = if algorithm == Algorithm::Lamport { 0.2 } else { 0.02 };
            assert!(found.tightness > least, "a claim that is never approached says little: {algorithm}: {found:?}");
        }
    }
}

/// One of four lies, to everybody otherwise: n > 3f is enough for all but Lamport's rule, whose f is none.
#[test]
fn one_liar_of_four_makes_no_claim_false_but_lamports() {
    for (seed, lie) in [200, 1_500, 20_000].into_iter().enumerate() {
        let text = include_str!("../../scripts/scenarios/byzantine.toml");
        let text = text.replace("\"5ms\"", &format!("\"{lie}us\"")).replace("\"-5ms\"", &format!("\"-{lie}us\""));
        let mut scenario = Scenario::parse(&text).expect("a scenario");
        scenario.clocks = Algorithms::of(&AGREEING);
        let lives = lives(&scenario, seed as u64);
        for algorithm in AGREEING {
            let found = found(&lives, &scenario, algorithm, &[0]);
            let must_hold = algorithm != Algorithm::Lamport;
            assert!(
                found.stated > 0.2 && (!must_hold || found.coverage > 1.0 - 1e-9),
                "{algorithm}, {lie} us: {found:?}"
            );
            assert!(must_hold || lie < 1_000 || found.coverage < 0.999_9, "{algorithm}, {lie} us: {found:?}");
        }
    }
}

/// A node that is not linked to all others does not know whom they follow, and says nothing.
#[test]
fn nothing_is_stated_on_a_mesh_that_is_not_complete() {
    for run in journals(&world("ring", 5, 0), 3) {
        let mut changes = 0;
        for record in run.records() {
            if let Record::Changed(algorithm, change) = record {
                assert!(AGREEING.contains(algorithm) && change.bound.is_none(), "{change:?}");
                changes += 1;
            }
        }
        assert!(changes > 10);
    }
}
