//! The ordering workload on real connections: a full mesh of TCP, and on it phases of total-order delivery.
//!
//! One thread orders and transports: [`Mesh::run_phase`] is one future that reads, orders, issues and writes in turns
//! and sleeps when a turn moved nothing, on a tokio runtime of one thread, so that the thread's CPU time is what the
//! phase cost. Everything is bounded: commands of one's own that are not delivered ([`WINDOW`]), commands of each peer
//! that are not stable, bytes read and bytes that are not confirmed. A write has at most one batch.
//!
//! A connection that is cut is mended ([`Mesh::links`] says how often): the streams between two agents outlive the
//! connections that carry them, and go on at the very byte. If that takes longer than [`MENDING`], or if the process at the
//! other end is another one by then, the peer is lost for good.

mod beginning;
mod clocks;
mod connect;
mod engine;
mod handshake;
mod inbox;
mod issue;
mod latency;
mod mend;
mod outbox;
mod parcels;
mod peer;
pub mod player;
mod receive;
mod stamping;
mod timer;

#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;

use crate::ids::NodeId;
use crate::order::link::LinkChange;
use crate::order::report::{Phase, PhaseReport};
use crate::probe::Key;
use crate::time::Nanos;

use tokio::sync::mpsc;

pub use clocks::{Clocks, Now};
pub use connect::PeerAddress;

/// Most commands of one's own that are issued and not delivered.
pub const WINDOW: usize = 8_192;
/// A null heartbeat is sent to a peer that was sent nothing for so long.
pub const HEARTBEAT: Nanos = Nanos::from_millis(1);
/// A null heartbeat that may unblock a peer is sent no sooner than this after the last message to it.
pub const PROMPT_HEARTBEAT: Nanos = Nanos::from_micros(200);
/// An open loop's commands wait for others to share their batch, until so long after the batch before.
pub const FLUSH: Nanos = Nanos::from_micros(200);
/// How long a phase waits, after its last command, for everybody to be done.
pub const DRAIN: Nanos = Nanos::from_seconds(3);
/// How long agents try to mend a connection that was cut; shorter than [`DRAIN`].
pub const MENDING: Nanos = Nanos::from_seconds(2);
/// Connections are looked after at least so often, however busy a phase is.
const TENDING: Nanos = Nanos::from_millis(1);

/// Whether the agents' raw clocks are one clock, so that one can tell in which order commands were really issued.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RawClock {
    /// All agents run under one kernel.
    Shared,
    /// Each host has its own: inversions are not counted.
    Separate,
}

/// What a node needs to know to join the mesh.
#[derive(Clone, Debug)]
pub struct MeshConfig {
    /// The node itself.
    pub me: NodeId,
    /// All other nodes.
    pub peers: Vec<PeerAddress>,
    /// The cluster's id.
    pub cluster: u64,
    /// The cluster's key.
    pub key: Key,
    /// The seed of the declared delays.
    pub seed: u64,
    /// A hybrid clock refuses stamps further ahead of its physical clock than this.
    pub plausible: Nanos,
    /// Whether inversions can be told.
    pub raw_clock: RawClock,
    /// How long to try to reach everybody.
    pub patience: Nanos,
    /// How long to try to mend a connection that was cut, such as [`MENDING`].
    pub mending: Nanos,
    /// Who is told at once when a connection is cut, mended or lost; what there is no room for is not told.
    pub changes: Option<mpsc::Sender<LinkChange>>,
}

/// A node's connections to all others.
pub struct Mesh {
    me: NodeId,
    peers: Vec<peer::Peer>,
    links: mend::Links,
    parcels: parcels::Parcels,
    plausible: Nanos,
    raw_clock: RawClock,
    timer: timer::Timer,
}

impl std::fmt::Debug for Mesh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peers: Vec<NodeId> = self.peers.iter().map(|peer| peer.id).collect();
        f.debug_struct("Mesh").field("me", &self.me).field("peers", &peers).finish_non_exhaustive()
    }
}

impl Mesh {
    /// Runs one phase until everybody is done or the drain's deadline passes; a dead peer never makes it wait longer.
    /// Phases are run in order of their `index`, each once; what a peer sends of a later one waits in its connection.
    /// Dropping the future ends the phase early; the mesh can still run the next one.
    ///
    /// # Errors
    /// Refuses a phase whose batches would be empty or too long for a message.
    pub async fn run_phase(&mut self, phase: Phase, clocks: &mut Clocks) -> anyhow::Result<PhaseReport> {
        engine::Engine::new(self, phase, clocks)?.run().await
    }

    /// Whether all agents share one raw clock.
    pub const fn raw_clock(&self) -> RawClock {
        self.raw_clock
    }

    /// The node itself.
    pub const fn me(&self) -> NodeId {
        self.me
    }

    /// The peers that are not lost.
    pub fn connected(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.peers.iter().filter(|peer| !peer.is_lost()).map(|peer| peer.id)
    }
}
