//! A lab's network: datagrams are held back or dropped on their arrival, so that a person without root sees delays.
//!
//! A datagram is held for a drawn delay after its kernel receive stamp. Its receive stamp moves by exactly that much,
//! and the node gets it no earlier.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::pairing::Paired;
use crate::ids::{Arc, NodeId};
use crate::model::Purpose;
use crate::model::link::{Fate, fate};
use crate::probe::Probe;
use crate::time::{Nanos, Raw, Time};
use crate::topology::Impairment;

/// Most datagrams held at once.
const MAX_HELD: usize = 65_536;
/// A release later than this is counted.
const LATE: Nanos = Nanos::from_micros(100);

/// A datagram on its way through the lab's network.
#[derive(Clone, Debug)]
pub struct Held {
    /// The earliest instant at which the node may have it.
    pub release: Time<Raw>,
    /// Its arrival stamp as moved.
    pub arrived: Option<Paired>,
    /// What it says.
    pub probe: Probe,
}

/// What the lab's network did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HoldCounts {
    /// Datagrams dropped on purpose.
    pub lost: u64,
    /// Datagrams dropped because too many were held.
    pub overflow: u64,
    /// Datagrams released more than 100 µs late.
    pub late: u64,
}

/// The impaired arcs into one node, and what is held of them.
#[derive(Debug)]
pub struct Hold {
    seed: u64,
    node: NodeId,
    arcs: BTreeMap<NodeId, Impairment>,
    waiting: BinaryHeap<Reverse<(Time<Raw>, u64)>>,
    held: BTreeMap<u64, Held>,
    next: u64,
    counts: HoldCounts,
}

impl Hold {
    /// The impairments of the arcs into `node`.
    pub fn new(seed: u64, node: NodeId, arcs: &[(Arc, Impairment)]) -> Self {
        let into = arcs.iter().filter(|(arc, impairment)| arc.to == node && !impairment.is_none());
        let arcs = into.map(|(arc, impairment)| (arc.from, *impairment)).collect();
        Self {
            seed,
            node,
            arcs,
            waiting: BinaryHeap::new(),
            held: BTreeMap::new(),
            next: 0,
            counts: HoldCounts::default(),
        }
    }

    /// Takes a datagram that was `seen` now. Gives it back if its arc is not impaired.
    pub fn take(&mut self, probe: Probe, arrived: Option<Paired>, seen: Time<Raw>) -> Option<(Probe, Option<Paired>)> {
        let Some(impairment) = self.arcs.get(&probe.from) else { return Some((probe, arrived)) };
        let arc = Arc { from: probe.from, to: self.node };
        match fate(self.seed, Purpose::Link, arc, probe.sequence, impairment) {
            Fate::Lost => self.counts.lost += 1,
            Fate::Delivered(_) if self.held.len() == MAX_HELD => self.counts.overflow += 1,
            Fate::Delivered(delay) => {
                let release = arrived.map_or(seen, |stamp| stamp.at) + delay;
                let arrived = arrived.map(|stamp| Paired { at: stamp.at + delay, ..stamp });
                self.waiting.push(Reverse((release, self.next)));
                self.held.insert(self.next, Held { release, arrived, probe });
                self.next += 1;
            }
        }
        None
    }

    /// When the next datagram is due.
    pub fn due(&self) -> Option<Time<Raw>> {
        self.waiting.peek().map(|Reverse((release, _))| *release)
    }

    /// The next datagram whose time has come.
    pub fn release(&mut self, now: Time<Raw>) -> Option<Held> {
        let Reverse((release, id)) = *self.waiting.peek()?;
        if release > now {
            return None;
        }
        self.waiting.pop();
        self.counts.late += u64::from(now - release > LATE);
        self.held.remove(&id)
    }

    /// What was done so far.
    pub const fn counts(&self) -> HoldCounts {
        self.counts
    }
}
