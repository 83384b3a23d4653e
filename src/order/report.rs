//! What one agent measured of one phase of the ordering workload: histograms, counters and digests, not commands.

use serde::{Deserialize, Serialize};

use super::link::LinkReport;
use crate::ids::{Algorithm, NodeId};

/// Payload of each command, unless something else is asked for.
pub const PAYLOAD_BYTES: u32 = 64;
/// Most commands in one write, unless something else is asked for.
pub const BATCH: u32 = 64;
/// What connects agents that order.
pub const TRANSPORT: &str = "tcp";

/// Where the stamps come from that order the commands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StampSource {
    /// No order at all: every command is delivered as it arrives. The floor that ordering is measured against.
    Floor,
    /// A plain counter, Lamport's logical clock.
    LamportLogical,
    /// Lamport's physical clock, as the probes keep it.
    Lamport,
    /// The NTP-style clock, as the probes keep it.
    Ntp,
    /// A hybrid clock of the phase's own on the NTP-style clock.
    Hlc,
    /// Another physical clock, as the probes keep it.
    Physical(Algorithm),
}

impl StampSource {
    /// The sources that order, in the order of report rows.
    pub const ORDERING: [Self; 4] = [Self::LamportLogical, Self::Lamport, Self::Ntp, Self::Hlc];

    /// The source's name in every file and flag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::LamportLogical => "lamport-logical",
            Self::Lamport => "lamport",
            Self::Ntp => "ntp",
            Self::Hlc => "hlc",
            Self::Physical(algorithm) => algorithm.name(),
        }
    }
}

/// How commands are offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// As many as the system takes.
    Saturated,
    /// On a fixed schedule, whatever the system takes: so many commands a second at each agent.
    Open {
        /// Commands a second that each agent issues.
        commands_per_s: u64,
    },
}

impl Load {
    /// The load's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Saturated => "saturated",
            Self::Open { .. } => "half",
        }
    }
}

/// One phase as all agents are told to run it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// Number of the phase in its run, from zero.
    pub index: u16,
    /// Where stamps come from.
    pub source: StampSource,
    /// How commands are offered.
    pub load: Load,
    /// Bytes of each command.
    pub payload_bytes: u32,
    /// Most commands in one write.
    pub batch: u32,
    /// How long commands are issued and counted, in ns.
    pub duration_ns: i64,
}

/// A digest of the first `commands` delivered commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// How many commands it covers.
    pub commands: u64,
    /// Digest of their ids in order of delivery.
    pub digest: u64,
}

/// What an agent has of one agent's commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Holding {
    /// Whose commands.
    pub source: NodeId,
    /// How many it received: those with lower numbers. Of its own, how many it issued.
    pub received: u64,
    /// How many of them it delivered.
    pub delivered: u64,
}

/// What stamping commands cost an agent when it did nothing else: a reading of the clock a batch, an update of the stamps' clock,
/// and each command's stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamping {
    /// Commands that were stamped.
    pub commands: u64,
    /// How many shared a reading and an update: as many as in the phase on average, rounded down.
    pub batch: u32,
    /// CPU time of the thread, in ns.
    pub cpu_ns: u64,
}

/// What one agent measured of one phase.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PhaseReport {
    /// The phase.
    pub phase: Phase,
    /// Local time at which this agent began to issue, in ns.
    pub began_ns: i64,
    /// Local time at which it stopped issuing, in ns.
    pub ended_ns: i64,
    /// Commands that this agent issued.
    pub issued: u64,
    /// Commands of all agents that it delivered between `began` and `ended`.
    pub delivered_in_time: u64,
    /// Commands that it delivered until the drain was over.
    pub delivered: u64,
    /// Whether every connected peer said that it was done and everything was delivered.
    pub drained: bool,
    /// CPU time of the thread that orders and transports, over the whole phase, in ns.
    pub cpu_ns: u64,
    /// Stamps that had to be forced up to stay increasing.
    pub forced: u64,
    /// Neighbouring deliveries from different agents.
    pub neighbours: u64,
    /// Those of them that reverse the order in which they were really issued, where one raw clock can tell.
    pub inversions: Option<u64>,
    /// Latency from intended issue to own delivery, as (value in ns, count) of a histogram with three digits.
    pub latency: Vec<(u64, u64)>,
    /// Digests of the delivered sequence at regular counts, the last one at the end.
    pub checkpoints: Vec<Checkpoint>,
    /// How many of its own commands, those with lower numbers, are acknowledged: delivered here, and received by every
    /// other agent, as each of them said. None in journals that were written before this was counted.
    #[serde(default)]
    pub acknowledged: Option<u64>,
    /// What it has of each agent's commands, its own first.
    #[serde(default)]
    pub holdings: Vec<Holding>,
    /// What became of its connections.
    #[serde(default)]
    pub links: Vec<LinkReport>,
    /// What stamping alone costs, measured on the same thread right after the phase. None where nothing was ordered, and in
    /// journals that were written before this was measured.
    #[serde(default)]
    pub stamping: Option<Stamping>,
}
