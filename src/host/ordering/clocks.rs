//! The clocks that a phase reads.

use std::sync::Arc;

use crate::host::clock::{LocalClock, raw_now};
use crate::host::published::Published;
use crate::ids::Algorithm;
use crate::time::{Local, Raw, Synced, Time};

/// The host's clock and the readings that the probe thread publishes.
#[derive(Clone, Debug)]
pub struct Clocks {
    /// The local clock.
    pub local: LocalClock,
    /// The synchronised clocks, as functions of the local clock.
    pub published: Arc<Published>,
}

/// One reading of everything at one instant.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The raw clock.
    pub raw: Time<Raw>,
    /// The local clock.
    pub local: Time<Local>,
    /// The synchronised clock that was asked for; the epoch if none was.
    pub physical: Time<Synced>,
}

impl Clocks {
    /// Reads the raw clock once and derives the rest from it.
    #[inline]
    pub fn now(&mut self, algorithm: Option<Algorithm>) -> Now {
        let raw = raw_now();
        let local = self.local.local(raw);
        let physical = algorithm.map_or(Time::ZERO, |algorithm| self.published.reading(algorithm).at(local));
        Now { raw, local, physical }
    }
}
