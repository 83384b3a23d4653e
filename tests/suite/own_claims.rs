//! What clocks state of their own errors, in a report: that it is held against truth, and that a clock that lies is found out.

use skewbench::analysis::{AgentRun, Summary, summarise};
use skewbench::clock::ErrorBound;
use skewbench::ids::Algorithm;
use skewbench::journal::Entry;
use skewbench::node::Record;
use skewbench::time::{Nanos, Rate};

use crate::simulated::runs;

const WORLD: &str = r#"
    duration = "60s"
    tau = "1s"
    clocks = ["lamport", "ntp", "hlc", "welch-lynch", "corridor"]
    topology = { shape = "full", nodes = 4 }
    [oscillators]
    offset_within = "1ms"
    drift_within_ppm = 20
    [links]
    delay = "100us"
    jitter = { kind = "exponential", mean = "20us" }
    "#;

/// Coverage, claim in us, tightness.
fn told(summary: &Summary, algorithm: Algorithm) -> Option<(f64, f64, f64)> {
    let row = summary.row(algorithm)?;
    Some((row.coverage?, row.claim?.0 as f64 / 1e3, row.tightness?))
}

/// The same run, had the clocks of `algorithm` stated something else.
fn restated(runs: &[AgentRun], algorithm: Algorithm, stated: impl Fn(ErrorBound) -> Option<ErrorBound>) -> Summary {
    let mut runs = runs.to_vec();
    for entry in runs.iter_mut().flat_map(|run| &mut run.entries) {
        if let Entry::Record(Record::Changed(by, change)) = entry
            && *by == algorithm
        {
            change.bound = change.bound.and_then(&stated);
        }
    }
    summarise("restated", &runs)
}

/// A hundredth of what is true.
fn lie(bound: ErrorBound) -> Option<ErrorBound> {
    Some(ErrorBound { initial: bound.initial.over(100), growth: Rate::ZERO })
}

#[test]
fn every_clock_that_states_its_error_is_held_to_it_and_one_that_lies_is_found_out() {
    let runs = runs(WORLD, 4);
    let honest = summarise("honest", &runs);
    assert_eq!(told(&honest, Algorithm::Free), None, "nobody's clock states nothing");
    let stating = [Algorithm::Lamport, Algorithm::Ntp, Algorithm::Hlc, Algorithm::WelchLynch, Algorithm::Corridor];
    for algorithm in stating {
        let (coverage, claim, tightness) = told(&honest, algorithm).expect("a claim");
        assert_eq!(coverage, 1.0, "{algorithm}");
        assert!(claim > 10.0 && tightness > 0.0 && tightness < 1.0, "{algorithm}: {claim} us, {tightness}");
        // The hybrid clock's claim is made of the one beneath it.
        let liar = if algorithm == Algorithm::Hlc { Algorithm::Ntp } else { algorithm };
        let (found, ..) = told(&restated(&runs, liar, lie), algorithm).expect("a claim");
        assert!(found < 0.9, "{algorithm}: {found}");
    }
    let lamport = honest.row(Algorithm::Lamport).expect("a row");
    assert_eq!(lamport.bound_coverage, Some(1.0), "eps is held against the bound as before");
    assert!(honest.rows.iter().filter(|row| row.bound_coverage.is_some()).count() == 1);
}

#[test]
fn a_hybrid_clock_claims_as_much_more_than_its_physical_clock_as_it_leads_it_and_without_a_claim_nothing() {
    let runs = runs(WORLD, 4);
    let both = summarise("both", &runs);
    let claim = |algorithm| both.row(algorithm).and_then(|row| row.claim).expect("a claim");
    let (beneath, hybrid) = (claim(Algorithm::Ntp), claim(Algorithm::Hlc));
    assert!((beneath..beneath.times(2)).contains(&hybrid), "{beneath} {hybrid}");
    let silent = restated(&runs, Algorithm::Ntp, |_| None);
    assert_eq!(told(&silent, Algorithm::Hlc), None);
    assert!(silent.row(Algorithm::Hlc).is_some_and(|row| row.skew.is_some_and(|skew| skew.max > Nanos::ZERO)));
}
