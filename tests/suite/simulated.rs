//! Runs in virtual time, from the text of a scenario.

use skewbench::analysis::AgentRun;
use skewbench::sim::{self, Network, Scenario, World};

/// The journals that the scenario leaves.
pub fn runs(text: &str, seed: u64) -> Vec<AgentRun> {
    journals(&Scenario::parse(text).expect("a scenario"), seed)
}

/// The journals that the scenario leaves.
pub fn journals(scenario: &Scenario, seed: u64) -> Vec<AgentRun> {
    read(&sim::run(scenario, seed, |_| ()).expect("a world"))
}

/// Journals as the analysis takes them.
pub fn read(files: &[(String, Vec<u8>)]) -> Vec<AgentRun> {
    AgentRun::read(files.iter().map(|(_, bytes)| &bytes[..]))
}

/// The scenario's network at its start.
pub fn network(text: &str, seed: u64) -> Network {
    let scenario = Scenario::parse(text).expect("a scenario");
    Network::new(World::new(&scenario, seed).expect("a world"))
}
