//! What a journal holds: a header once, then the node's records and, rarely, notes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::claim::HostClaim;
use crate::clock;
use crate::ids::{Algorithms, Arc, BootId, NodeId};
use crate::model::oscillator::Declaration;
use crate::node::Record;
use crate::order::report::PhaseReport;
use crate::time::{Nanos, Ppb};
use crate::topology::Impairment;
use crate::trial::{Part, Played};

/// The first entry of a journal: who wrote it and under which configuration. It says everything that the results
/// depend on beside the records, and no secret.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Header {
    /// The node that wrote the journal.
    pub node: NodeId,
    /// The start of the agent that wrote it.
    pub boot: BootId,
    /// What all nodes of the run have in common.
    pub run: RunConfig,
    /// The node's oscillator, where truth is known.
    pub oscillator: Option<Declaration>,
    /// The node's own limit on |rate − 1| of its local clock.
    pub kappa_ppb: Ppb,
    /// The clocks that the node ran; journals of before there was a choice have the usual ones.
    #[serde(default)]
    pub clocks: Algorithms,
    /// Facts about the host.
    pub host: HostFacts,
}

impl Header {
    /// What the node told its clocks at their birth.
    pub fn clock_settings(&self) -> clock::Settings {
        let RunConfig { nodes, reference, tau, probe_pairs, arcs, .. } = &self.run;
        let peers = arcs.iter().filter(|(arc, _)| arc.to == self.node).count() as u32;
        clock::Settings {
            node: self.node,
            reference: *reference,
            poll: *tau,
            pair_gap: *probe_pairs,
            kappa: self.kappa_ppb,
            peers,
            nodes: *nodes,
        }
    }
}

/// The part of a configuration that all nodes of a run share.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RunConfig {
    /// The cluster's id.
    pub cluster: u64,
    /// The run's seed, if it has one.
    pub seed: Option<u64>,
    /// How many nodes take part; their ids are `0..nodes`.
    pub nodes: u32,
    /// What the topology is called.
    pub topology: String,
    /// Every arc with what is configured for it.
    pub arcs: Vec<(Arc, Impairment)>,
    /// The probe period.
    pub tau: Nanos,
    /// How long after each request a second one follows on its arc; journals of single requests do not have the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_pairs: Option<Nanos>,
    /// The span over which clocks are measured, if it was set beforehand.
    pub measured: Option<Nanos>,
    /// The node that the NTP-style clocks follow.
    pub reference: NodeId,
    /// Claims further than this from the own clock are refused.
    pub plausible: Nanos,
    /// Commit of the program that ran, `unknown` if it was built outside a repository.
    pub git_commit: String,
}

/// Facts about a host and what was obtained of what was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// Cores this process may use.
    pub cores: u32,
    /// Kernel name and release.
    pub kernel: String,
    /// The kernel's clock source.
    pub clock_source: String,
    /// The kernel's boot id: hosts that share it share one clock.
    pub kernel_boot_id: String,
    /// Timer slack that was obtained, in ns.
    pub timer_slack_ns: i64,
    /// Whether kernel receive and transmit stamps were obtained.
    pub kernel_stamps: bool,
}

/// A note: an entry too rare for columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Note {
    /// The journal's first entry.
    Header(Box<Header>),
    /// Counts so far; the last one stands.
    Counters(BTreeMap<String, u64>),
    /// What the host said of its own clock.
    Claim(HostClaim),
    /// What the agent measured of one ordering phase.
    Phase(Box<PhaseReport>),
    /// What a workload came to that was played on the run's clocks.
    Played(Box<Played>),
    /// What a process of a workload did at this agent.
    Part(Box<Part>),
    /// Why nothing, or nothing more, was ordered.
    NotOrdered(String),
}

/// One entry of a journal, in the order in which it was written.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// The node's own record.
    Record(Record),
    /// Anything else.
    Note(Note),
}
