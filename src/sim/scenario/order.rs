//! What a scenario says of the workloads that are played in its world.

use serde::{Deserialize, Serialize};

use super::check::{Checks, Refused, refuse};
use crate::ids::Algorithms;
use crate::time::Nanos;
use crate::trial::{Clock, MOST_PROCESSES, Premise, Workload, listed};

/// Workloads in the scenario's world, on the clocks that its nodes run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Which: a name, a list of names, or `"all"`.
    #[serde(deserialize_with = "listed::deserialize")]
    pub workload: Vec<Workload>,
    /// By which clocks, likewise; those of the main run that the nodes run, if none is named.
    #[serde(default, deserialize_with = "listed::deserialize", skip_serializing_if = "Vec::is_empty")]
    pub clock: Vec<Clock>,
    /// Operations a second of all users together, at random instants.
    #[serde(default = "rate")]
    pub rate_per_s: f64,
    /// When they begin; half-way if it is not given.
    pub at: Option<Nanos>,
    /// How long users want something in the main scene; half of what is left if it is not given.
    pub duration: Option<Nanos>,
    /// How far apart the workloads believe the clocks to be.
    #[serde(default = "declared_eps")]
    pub declared_eps: Nanos,
    /// The longest that they believe a message to take; 50ms more than any link's minimum delay if it is not given.
    pub declared_delay: Option<Nanos>,
    /// Whether workloads keep what they stand on.
    #[serde(default = "kept")]
    pub premise: Premise,
}

const fn rate() -> f64 {
    50.0
}

const fn declared_eps() -> Nanos {
    Nanos::from_millis(1)
}

const fn kept() -> Premise {
    Premise::Kept
}

impl Order {
    /// When the workloads begin in a run that takes so long.
    pub fn begins(&self, run: Nanos) -> Nanos {
        self.at.unwrap_or(run.over(2))
    }

    /// How long users want something.
    pub fn lasts(&self, run: Nanos) -> Nanos {
        self.duration.unwrap_or((run - self.begins(run)).over(2))
    }

    /// The clocks that are named, or those of the main run that nodes with `clocks` run.
    pub fn clocks(&self, clocks: Algorithms) -> Vec<Clock> {
        if self.clock.is_empty() { Clock::usual_of(clocks) } else { self.clock.clone() }
    }

    /// Whether it can be played by so many nodes in a run that takes so long; the network is looked at later.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, run: Nanos, nodes: u32, clocks: Algorithms) -> Result<(), Refused> {
        let checks = Checks("order");
        if nodes > MOST_PROCESSES {
            let mend =
                format!("workloads are played by 2 to {MOST_PROCESSES} nodes: choose fewer, or leave [order] out");
            return Err(refuse("topology: nodes", nodes, &mend));
        }
        if let Some(clock) = self.clock.iter().find(|clock| !clock.is_run_by(clocks)) {
            let mend = format!("nodes do not run {}: name it in clocks", clock.algorithm());
            return Err(refuse("order.clock", clock, &mend));
        }
        if self.clocks(clocks).is_empty() {
            return Err(refuse("order.clock", "none", &format!("name one that nodes run: {clocks}")));
        }
        checks.number("rate_per_s", self.rate_per_s, 0.1, 10_000.0)?;
        checks.span("at", self.begins(run), Nanos::ZERO)?;
        checks.span("duration", self.lasts(run), Nanos::from_millis(10))?;
        if self.begins(run) + self.lasts(run) > run {
            let mend = format!("it begins at {} and the run takes {run}: choose less", self.begins(run));
            return Err(refuse("order.duration", self.lasts(run), &mend));
        }
        checks.within("declared_eps", self.declared_eps, Nanos::ZERO, MOST_DECLARED)?;
        self.declared_delay.map_or(Ok(()), |delay| checks.within("declared_delay", delay, Nanos(1), MOST_DECLARED))?;
        let least = |workload: &&Workload| workload.least_processes(self.premise) > nodes;
        self.workload.iter().find(least).map_or(Ok(()), |workload| {
            let mend = format!("{workload} is broken so by 3 nodes or more: choose more, or leave it out");
            Err(refuse("order.premise", "broken", &mend))
        })
    }
}

/// Nothing longer is declared of clocks or messages.
const MOST_DECLARED: Nanos = Nanos::from_seconds(10);
