//! How far a shipment is, for whoever looks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Written by the shipment alone.
#[derive(Debug, Default)]
pub struct ShipMeter {
    shipped: AtomicU64,
    acked: AtomicU64,
    connections: AtomicU64,
}

impl ShipMeter {
    /// Frames that were handed to a connection at least once, those that an earlier shipment brought included.
    pub fn shipped(&self) -> u64 {
        self.shipped.load(Relaxed).max(self.acked())
    }

    /// Frames that the collector said are on its disk.
    pub fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
    }

    /// Connections on which both sides proved who they are.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// The collector has everything below frame `next`.
    pub(super) fn welcomed(&self, next: u64) {
        self.connections.fetch_add(1, Relaxed);
        self.acked_up_to(next);
    }

    pub(super) fn shipped_up_to(&self, next: u64) {
        self.shipped.fetch_max(next, Relaxed);
    }

    pub(super) fn acked_up_to(&self, next: u64) {
        self.acked.fetch_max(next, Relaxed);
    }
}
