//! What a node keeps of one peer: numbers, the replay window, and requests that are still open.

use super::requests::Requests;
use super::window::ReplayWindow;
use crate::ids::NodeId;
use crate::probe::Stamp;
use crate::time::Nanos;

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it is.
    pub id: NodeId,
    /// What every message from it is credited with.
    pub base_mu: Nanos,
    /// Number of the last message sent to it.
    pub sequence: u64,
    /// What was received from it.
    pub window: ReplayWindow,
    /// Transmit stamp of the newest reply whose stamp is known.
    pub departed: Option<(u64, Stamp)>,
    /// Requests whose exchange is not complete.
    pub requests: Requests,
}

impl Peer {
    /// A peer that was neither asked nor heard yet.
    pub fn new(id: NodeId, base_mu: Nanos) -> Self {
        let (window, requests) = (ReplayWindow::default(), Requests::default());
        Self { id, base_mu, sequence: 0, window, departed: None, requests }
    }

    /// See [`super::Node::touch_beyond`].
    #[inline]
    pub fn touch(&self) -> i64 {
        let departed = self.departed.map_or(0, |(sequence, _)| sequence);
        self.sequence as i64 ^ departed as i64 ^ self.window.touch() ^ self.requests.touch()
    }

    /// The number of the next message to this peer.
    pub const fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// The kernel said when message `sequence` to this peer left: a request's `t1`, or what the next message tells the
    /// peer of a reply.
    #[inline]
    pub fn departed(&mut self, sequence: u64, stamp: Stamp) {
        if !self.requests.departed(sequence, stamp) && self.departed.is_none_or(|(newest, _)| newest < sequence) {
            self.departed = Some((sequence, stamp));
        }
    }
}
