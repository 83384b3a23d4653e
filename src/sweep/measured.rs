//! One run's numbers: what a sweep keeps of it.

use serde::{Deserialize, Serialize};

use crate::analysis::{AgentRun, Verdict, summarise};
use crate::ids::Algorithm;
use crate::journal::Journals;
use crate::sim::scenario::Refused;
use crate::sim::{self, Scenario};
use crate::theory::Premises;
use crate::time::Nanos;

/// How far apart one algorithm's clocks were in the window after the warm-up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Eps {
    /// At most this for 99 % of it.
    pub p99: Nanos,
    /// At most this.
    pub max: Nanos,
}

/// What a sweep keeps of one run. What is unknown is absent.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Nodes.
    pub nodes: u32,
    /// Directed diameter.
    pub diameter: Option<u32>,
    /// From the run's start to its end.
    pub duration: Nanos,
    /// Whether Lamport's clocks kept the safe bound.
    pub verdict: Verdict,
    /// The premises that the run fulfilled; absent if none begin to hold within it.
    pub premises: Option<Premises>,
    /// Eps of each algorithm of [`Algorithm::OWN`], in that order; absent without a window.
    pub eps: [Option<Eps>; 4],
}

impl Measured {
    /// Eps of an algorithm.
    pub fn of(&self, algorithm: Algorithm) -> Option<Eps> {
        Algorithm::OWN.into_iter().zip(self.eps).find(|(own, _)| *own == algorithm).and_then(|(_, eps)| eps)
    }

    /// Measured eps of Lamport's clocks over the tight bound.
    pub fn tightness(&self) -> Option<f64> {
        let tight = self.premises?.bounds().tight.0 as f64;
        let eps = self.of(Algorithm::Lamport)?.max.0 as f64;
        (tight > 0.0).then_some(eps / tight)
    }
}

/// Runs a scenario in virtual time and analyses its journals, as `skewbench sim` does.
///
/// # Errors
/// Names the key of the scenario, its value and the mend.
pub fn measure(scenario: &Scenario, seed: u64) -> Result<Measured, Refused> {
    let files = sim::run(scenario, seed, |_| ())?;
    let journals = Journals::read(files.iter().map(|(_, bytes)| bytes.as_slice()));
    let runs: Vec<AgentRun> = journals.iter().map(AgentRun::of).collect();
    let summary = summarise("sweep", &runs);
    let eps = |algorithm| {
        let skew = summary.row(algorithm)?.skew?;
        Some(Eps { p99: skew.p99, max: skew.max })
    };
    Ok(Measured {
        nodes: summary.facts.nodes,
        diameter: summary.facts.diameter,
        duration: summary.duration.unwrap_or(Nanos::ZERO),
        verdict: summary.verdict,
        premises: summary.promise.map(|promise| promise.premises),
        eps: Algorithm::OWN.map(eps),
    })
}
