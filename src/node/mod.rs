//! The node: probing, answering and clock keeping as a state machine without input or output. Pure.
//!
//! The contract. A driver (the agent on real sockets, the simulator in virtual time, a test) hands the node one
//! [`Input`] at a time and then drains [`Node::poll`] until it is empty: what to send and what to write down. Then it
//! waits until [`Node::wake`] or the next datagram, whichever is first. The node has exactly one pending wake, which is
//! replaced, never added. Time comes in with each input, read by the driver as late as it can before the call: the
//! reading with a `Timer` is the one that a request carries, the reading with a `Received` is the one from which a jump
//! is in force. No input makes a node fail: a bad one increments a [`Counter`] with a name.

mod clocks;
mod machine;
mod peer;
pub mod record;
pub mod replay;
mod requests;
mod sink;
mod window;

use crate::ids::{Algorithms, BootId, NodeId};
use crate::probe::{Probe, Rejection, Stamp};
use crate::time::{Local, Nanos, Ppb, Time};

pub use machine::Node;
pub use record::{Counter, Counters, Mark, Received, Record, Sent};
pub use replay::Replay;
pub use sink::Sink;
pub use window::{Arrival, Seen};

/// What a node is told at its birth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The node itself.
    pub node: NodeId,
    /// How many nodes the mesh has, itself among them, as far as it was told.
    pub nodes: u32,
    /// This start of it.
    pub boot: BootId,
    /// The nodes it is linked to, each with the known minimum delay from there to here that every message is credited
    /// with (the base of mu_m). An over-estimate makes clocks run away.
    pub peers: Vec<(NodeId, Nanos)>,
    /// The probe period: one request a period to each peer.
    pub tau: Nanos,
    /// How long after a request a second one follows on the same arc (a coded pair); `None` sends single requests.
    pub pair_gap: Option<Nanos>,
    /// Where in the period the grid lies, from the birth on; peers are spread evenly over the period.
    pub phase: Nanos,
    /// The node that the NTP-style clocks follow.
    pub reference: NodeId,
    /// Limit on |rate − 1| of this node's local clock.
    pub kappa: Ppb,
    /// The clocks that the node runs beside its undisciplined one.
    pub clocks: Algorithms,
    /// Claims further than this from the own clock are refused.
    pub plausible: Nanos,
    /// Whether the driver will report kernel transmit stamps.
    pub stamps_departures: bool,
}

/// What happens to a node.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The local clock has reached the pending wake.
    Timer {
        /// The local clock.
        at: Time<Local>,
    },
    /// An authentic probe was received.
    Received {
        /// The local clock, read after the receipt.
        at: Time<Local>,
        /// Kernel or hardware stamp of the arrival.
        arrived: Option<Stamp>,
        /// The probe.
        probe: &'a Probe,
    },
    /// A datagram was received that is no authentic probe.
    Rejected(Rejection),
    /// The kernel said when a message really left.
    Departed {
        /// The receiver of the message.
        to: NodeId,
        /// The message's number on its arc.
        sequence: u64,
        /// When it left.
        stamp: Stamp,
    },
    /// A boundary to be written down.
    Mark {
        /// The local clock.
        at: Time<Local>,
        /// The boundary.
        mark: Mark,
    },
}

/// What a node wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Send this message at once.
    Send(Probe),
    /// Write this down.
    Record(Record),
}
