//! The swarm: whole random scenarios, each run twice, analysed, and held against everything that must be true of it.
//!
//! A seed is a scenario (`draw`), and a [`Trial`] says what was found wrong with it and which features it exercised
//! ([`coverage`]). What is checked is in `laws`, and for hybrid clocks in `causality`.

mod causality;
pub mod coverage;
mod draw;
mod laws;

use std::collections::BTreeSet;

use super::scenario::{Refused, Scenario};
use super::{Network, World};
use crate::analysis::{AgentRun, Summary, summarise};
use crate::ids::Algorithm;
use crate::time::{Nanos, Time, True};

pub use causality::{Life, broken_theorems};
pub use draw::draw;
pub use laws::replayed;

/// What one scenario came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Trial {
    /// The scenario as a file that `skewbench sim` runs.
    pub text: String,
    /// What is wrong, in words; nothing if all is well.
    pub failures: Vec<String>,
    /// The features that it exercised, by name.
    pub features: BTreeSet<&'static str>,
}

/// Draws the scenario of `seed`, runs it and holds it against everything that must be true of it.
pub fn trial(seed: u64) -> Trial {
    let drawn = draw(seed);
    let text = text(&drawn);
    let judged = judge(&drawn, &text, seed);
    let (failures, features) =
        judged.unwrap_or_else(|refused| (vec![format!("the scenario is refused: {refused}")], BTreeSet::new()));
    Trial { text, failures, features }
}

/// The scenario as a file.
pub fn text(scenario: &Scenario) -> String {
    toml::to_string(scenario).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

fn judge(drawn: &Scenario, text: &str, seed: u64) -> Result<(Vec<String>, BTreeSet<&'static str>), Refused> {
    let scenario = Scenario::parse(text)?;
    let journals = super::run(&scenario, seed, |_| ())?;
    let watched = Watched::run(World::new(&scenario, seed)?);
    let runs = AgentRun::read(journals.iter().map(|(_, bytes)| &bytes[..]));
    let summary = summarise("swarm", &runs);
    let lives: Vec<Life> = runs.iter().map(laws::replayed).collect();
    let seen = Seen { scenario: &scenario, runs: &runs, lives: &lives, summary: &summary, watched: &watched };
    let mut failures = laws::broken(&seen);
    if scenario != *drawn {
        failures.push("the scenario does not come back from its file".to_owned());
    }
    if watched.journals != journals {
        failures.push("a second run of the same scenario and seed gave other bytes".to_owned());
    }
    Ok((failures, coverage::of(&seen)))
}

/// Everything that is known of a trial.
pub(super) struct Seen<'a> {
    pub scenario: &'a Scenario,
    pub runs: &'a [AgentRun],
    /// The replay of each of them.
    pub lives: &'a [Life],
    pub summary: &'a Summary,
    pub watched: &'a Watched,
}

/// How far apart the clocks of an algorithm were at an instant.
pub(super) struct Sample {
    pub algorithm: Algorithm,
    pub at: Time<True>,
    pub spread: Nanos,
}

/// A run whose clocks were looked at on both sides of every event: independent of how the analysis rebuilds them.
pub(super) struct Watched {
    pub journals: Vec<(String, Vec<u8>)>,
    pub samples: Vec<Sample>,
}

impl Watched {
    fn run(world: World) -> Self {
        let end = Time::ZERO + world.duration;
        let mut network = Network::new(world);
        let mut samples = Vec::new();
        while network.next_at() < end {
            let at = network.next_at();
            look(&mut network, at, &mut samples);
            network.step();
            look(&mut network, at, &mut samples);
        }
        network.run_until(end);
        Self { journals: network.finish(), samples }
    }
}

fn look(network: &mut Network, at: Time<True>, samples: &mut Vec<Sample>) {
    for algorithm in Algorithm::OWN {
        samples.push(Sample { algorithm, at, spread: network.spread(algorithm, at) });
    }
}
