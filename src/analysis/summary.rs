//! What comes out: one value that holds every number of every file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arcs::ArcRow;
use super::audit::ClaimRow;
use super::events::Event;
use super::loops::Loops;
use super::optimum::Optimum;
use super::ordering::OrderRow;
use super::parameters::{CertifiedBound, Parameter};
use super::proved::Proved;
use super::series::Series;
use super::skew::Skew;
use super::stability::Stable;
use crate::ids::{Algorithm, NodeId};
use crate::theory::{Bounds, Premises, TauCeiling};
use crate::time::Nanos;
use crate::trial::Played;

/// Whether the clocks kept what theory promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Eps stayed within the safe bound.
    Within,
    /// Eps exceeded it.
    Violated,
    /// The run cannot tell.
    #[default]
    Unknown,
}

impl Verdict {
    /// The verdict's word in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Within => "WITHIN",
            Self::Violated => "VIOLATED",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code of a program that reached this verdict.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Within => 0,
            Self::Violated => 1,
            Self::Unknown => 4,
        }
    }
}

/// Facts about the run that are known before any measuring.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Name of the run.
    pub run_id: String,
    /// Commit of the program that ran.
    pub git_commit: String,
    /// The run's seed.
    pub seed: Option<u64>,
    /// Nodes that were configured.
    pub nodes: u32,
    /// Nodes that left a journal.
    pub agents: u32,
    /// What the topology is called.
    pub topology: String,
    /// Directed diameter; `None` if some node cannot reach another.
    pub diameter: Option<u32>,
    /// The configured probe period.
    pub tau: Nanos,
    /// How long after each request a second one follows, if requests are paired.
    pub probe_pairs: Option<Nanos>,
    /// The node that the NTP-style clocks follow.
    pub reference: NodeId,
    /// Different hosts.
    pub hosts: u32,
    /// The fewest cores that an agent could use.
    pub cores: u32,
    /// Hosts with more agents than cores.
    pub crowded_hosts: u32,
    /// The first host's kernel and clock source.
    pub kernel: String,
    /// Agents that obtained kernel stamps.
    pub kernel_stamped_agents: u32,
}

/// What theory promises of this run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Promise {
    /// The premises that the run fulfilled, with the xi that makes the safe bound smallest.
    pub premises: Premises,
    /// The bounds under them.
    pub bounds: Bounds,
    /// Measured eps over the tight bound.
    pub tightness: Option<f64>,
    /// The longest tau without an external anomaly, with the smallest observed delay as the shortest influence.
    pub tau_ceiling: Option<TauCeiling>,
    /// The smallest true delay of the run.
    pub smallest_delay: Option<Nanos>,
}

/// One algorithm's row.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What its clocks did in the window, where truth is known.
    pub skew: Option<Skew>,
    /// Discontinuities of the readings of all nodes in the window.
    pub steps: Option<u64>,
    /// Share of time in which what a clock states of its own error was true: of its distance to the configured reference
    /// node, also where another root took over, or to every other clock where it follows none; only time in which a clock
    /// states a bound counts.
    pub coverage: Option<f64>,
    /// Median over that time of what was stated.
    pub claim: Option<Nanos>,
    /// The mean distance over the mean of what was stated of it.
    pub tightness: Option<f64>,
    /// Of `lamport`, the share of time in which eps was within the theorem's safe bound.
    pub bound_coverage: Option<f64>,
}

impl Row {
    /// The row of an algorithm of which nothing is known.
    pub const fn unknown(algorithm: Algorithm) -> Self {
        Self { algorithm, skew: None, steps: None, coverage: None, claim: None, tightness: None, bound_coverage: None }
    }
}

/// Everything that is known of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
    /// The run itself.
    pub facts: Facts,
    /// From the run's start to its end.
    pub duration: Option<Nanos>,
    /// From the run's start to that of the window.
    pub warm_up: Option<Nanos>,
    /// What theory promises.
    pub promise: Option<Promise>,
    /// The theorem's parameters as stamps alone show them.
    pub parameters: Vec<Parameter>,
    /// What theory promises without any truth: never less than the promise.
    pub certified_bound: Option<CertifiedBound>,
    /// What it would promise of Lamport's rule on frequency-corrected clocks, which this run did not run.
    pub residual_bound: Option<CertifiedBound>,
    /// What is proved without a common clock, where it was asked for.
    pub proved: Option<Proved>,
    /// What loops of links reveal of the asymmetry of delays, where it was asked for.
    pub loops: Loops,
    /// What the best algorithm could have promised.
    pub optimum: Optimum,
    /// One row for each algorithm.
    pub rows: Vec<Row>,
    /// One row for each arc.
    pub arcs: Vec<ArcRow>,
    /// Eps over time.
    pub series: Series,
    /// How stable each clock was, where it was asked for.
    pub stability: Vec<Stable>,
    /// One row for each ordering phase.
    pub ordering: Vec<OrderRow>,
    /// What workloads came to that were played on the run's clocks.
    pub played: Vec<Played>,
    /// What hosts say of their own clocks, by node and source.
    pub claims: Vec<ClaimRow>,
    /// What happened, in order of time.
    pub events: Vec<Event>,
    /// Each node's counters, by name.
    pub counters: BTreeMap<NodeId, BTreeMap<String, u64>>,
    /// What a reader must know: what was cut, damaged, broken.
    pub notes: Vec<String>,
    /// Whether the Lamport clocks kept the safe bound: by true eps where that is known, else by what is proved.
    pub verdict: Verdict,
}

impl Summary {
    /// Whether true time is known, and with it eps.
    pub const fn knows_truth(&self) -> bool {
        self.warm_up.is_some()
    }

    /// What is proved, where the verdict stands on that.
    pub fn decided_by_proof(&self) -> Option<&Proved> {
        self.proved.as_ref().filter(|_| !self.knows_truth())
    }

    /// The bounds that the verdict stands on: under the premises that the run fulfilled, or where only stamps decide,
    /// under those that stamps prove.
    pub fn bounds(&self) -> Option<Bounds> {
        let certified = || Some(self.decided_by_proof().and(self.certified_bound.as_ref())?.bounds);
        self.promise.map(|promise| promise.bounds).or_else(certified)
    }

    /// The exit code of a run: of its verdict, or that an invariant of a workload broke.
    pub fn exit_code(&self) -> u8 {
        let broken = self.played.iter().any(|played| played.row.broken() > 0);
        if broken { Verdict::Violated.exit_code() } else { self.verdict.exit_code() }
    }

    /// The row of `algorithm`.
    pub fn row(&self, algorithm: Algorithm) -> Option<&Row> {
        self.rows.iter().find(|row| row.algorithm == algorithm)
    }

    /// The largest eps of `algorithm` in the window, where truth is known.
    pub fn eps(&self, algorithm: Algorithm) -> Option<Nanos> {
        self.row(algorithm)?.skew.map(|skew| skew.max)
    }

    /// Completed exchanges by where the worst of their stamps was taken: user space, kernel, hardware.
    pub fn exchanges(&self) -> [u64; 3] {
        let count = |source: usize| self.arcs.iter().map(|arc| arc.exchanges[source]).fold(0, u64::saturating_add);
        [count(0), count(1), count(2)]
    }
}
