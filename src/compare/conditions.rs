//! What must be alike for two runs to be comparable.

use std::collections::BTreeSet;

use crate::analysis::Summary;
use crate::ids::Arc;
use crate::time::Nanos;

/// Durations may differ by one part in this many.
const DURATION_PARTS: i64 = 20;

/// Under what a run was made.
#[derive(Clone, PartialEq, Debug)]
pub enum Conditions {
    /// A run of clocks.
    Run(Box<RunConditions>),
    /// A file of benches, which says nothing but whether a clock read is among them.
    Bench {
        /// Whether it is.
        clock_read: ClockRead,
    },
}

/// Whether a bench file has the clock read from which the machine's speed cancels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockRead {
    /// It has.
    Known,
    /// It has not.
    Missing,
}

/// The conditions of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunConditions {
    /// The run's name: a repeat must be another run.
    pub run_id: String,
    /// Nodes that were configured.
    pub nodes: u32,
    /// Nodes that left a journal.
    pub agents: u32,
    /// Probe period.
    pub tau: Nanos,
    /// How far apart the requests of a pair are, if they are paired.
    pub probe_pairs: Option<Nanos>,
    /// What the topology is called, for people.
    pub topology: String,
    /// What it is.
    pub arcs: BTreeSet<Arc>,
    /// From the run's start to its end.
    pub duration: Option<Nanos>,
    /// The fewest cores that an agent could use.
    pub cores: u32,
    /// Where most exchanges had the worst of their stamps taken.
    pub stamps: &'static str,
}

impl RunConditions {
    /// Those of an analysed run.
    pub fn of(summary: &Summary) -> Self {
        let facts = &summary.facts;
        Self {
            run_id: facts.run_id.clone(),
            nodes: facts.nodes,
            agents: facts.agents,
            tau: facts.tau,
            probe_pairs: facts.probe_pairs,
            topology: facts.topology.clone(),
            arcs: summary.arcs.iter().map(|row| row.arc).collect(),
            duration: summary.duration,
            cores: facts.cores,
            stamps: stamps(summary.exchanges()),
        }
    }
}

fn stamps([user, kernel, hardware]: [u64; 3]) -> &'static str {
    match user.max(kernel).max(hardware) {
        0 => "none",
        most if most == user => "user space",
        most if most == kernel => "kernel",
        _ => "hardware",
    }
}

/// Why `other` cannot be compared with `base`; empty if it can.
pub fn differences(base: &Conditions, other: &Conditions) -> Vec<String> {
    match (base, other) {
        (Conditions::Run(base), Conditions::Run(other)) => of_runs(base, other),
        (Conditions::Bench { clock_read: base }, Conditions::Bench { clock_read: other }) => {
            let missing = [base, other].contains(&&ClockRead::Missing);
            let text = "a bench file has no clock_read, so that the machine's speed does not cancel";
            if missing { vec![text.to_owned()] } else { Vec::new() }
        }
        _ => vec!["a run and a bench file have no column in common".to_owned()],
    }
}

fn of_runs(base: &RunConditions, other: &RunConditions) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: &str, base: String, other: String| found.push(format!("{what}: {base} against {other}"));
    if base.nodes != other.nodes {
        differ("nodes", base.nodes.to_string(), other.nodes.to_string());
    }
    if base.agents != other.agents {
        differ("nodes with a journal", base.agents.to_string(), other.agents.to_string());
    }
    if base.tau != other.tau {
        differ("tau", base.tau.to_string(), other.tau.to_string());
    }
    if base.probe_pairs != other.probe_pairs {
        let text =
            |run: &RunConditions| run.probe_pairs.map_or_else(|| "none".to_owned(), |gap| format!("{gap} apart"));
        differ("pairs of probes", text(base), text(other));
    }
    if base.arcs != other.arcs {
        let text = |run: &RunConditions| format!("{} with {} arcs", run.topology, run.arcs.len());
        differ("topology", text(base), text(other));
    }
    if !alike(base.duration, other.duration) {
        let text = |span: Option<Nanos>| span.map_or_else(|| "unknown".to_owned(), |span| span.to_string());
        differ("duration", text(base.duration), text(other.duration));
    }
    if base.cores != other.cores {
        differ("cores", base.cores.to_string(), other.cores.to_string());
    }
    if base.stamps != other.stamps {
        differ("stamp source", base.stamps.to_owned(), other.stamps.to_owned());
    }
    found
}

fn alike(base: Option<Nanos>, other: Option<Nanos>) -> bool {
    match (base, other) {
        (Some(base), Some(other)) => (base - other).abs() <= base.max(other).over(DURATION_PARTS),
        (base, other) => base == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    fn base() -> RunConditions {
        RunConditions {
            run_id: "a".into(),
            nodes: 3,
            agents: 3,
            tau: Nanos::from_millis(100),
            probe_pairs: None,
            topology: "full".into(),
            arcs: BTreeSet::from([Arc { from: NodeId(0), to: NodeId(1) }]),
            duration: Some(Nanos::from_seconds(10)),
            cores: 2,
            stamps: "kernel",
        }
    }

    fn refused(change: impl Fn(&mut RunConditions)) -> Vec<String> {
        let mut other = base();
        change(&mut other);
        let run = |run| Conditions::Run(Box::new(run));
        differences(&run(base()), &run(other))
    }

    #[test]
    fn each_difference_is_named_with_both_values() {
        assert_eq!(refused(|run| run.nodes = 5), ["nodes: 3 against 5"]);
        assert_eq!(refused(|run| run.agents = 2), ["nodes with a journal: 3 against 2"]);
        assert_eq!(refused(|run| run.tau = Nanos::from_millis(10)), ["tau: 100ms against 10ms"]);
        let paired = refused(|run| run.probe_pairs = Some(Nanos::from_micros(20)));
        assert_eq!(paired, ["pairs of probes: none against 20us apart"]);
        assert_eq!(refused(|run| run.arcs.clear()), ["topology: full with 1 arcs against full with 0 arcs"]);
        assert_eq!(refused(|run| run.duration = Some(Nanos::from_seconds(11))), ["duration: 10s against 11s"]);
        assert_eq!(refused(|run| run.duration = None), ["duration: 10s against unknown"]);
        assert_eq!(refused(|run| run.cores = 4), ["cores: 2 against 4"]);
        assert_eq!(refused(|run| run.stamps = "user space"), ["stamp source: kernel against user space"]);
    }

    #[test]
    fn the_same_graph_and_almost_the_same_duration_will_do() {
        assert!(refused(|run| run.topology = "ring".into()).is_empty());
        assert!(refused(|run| run.duration = Some(Nanos::from_millis(10_300))).is_empty());
        assert!(refused(|run| run.run_id = "b".into()).is_empty());
    }

    #[test]
    fn benches_need_their_clock_read_and_are_no_runs() {
        let bench = |clock_read| Conditions::Bench { clock_read };
        assert!(differences(&bench(ClockRead::Known), &bench(ClockRead::Known)).is_empty());
        assert_eq!(differences(&bench(ClockRead::Known), &bench(ClockRead::Missing)).len(), 1);
        assert_eq!(differences(&Conditions::Run(Box::new(base())), &bench(ClockRead::Known)).len(), 1);
    }
}
