//! What mutual exclusion must do, by whatever algorithm, and what came of a run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::fairness::Turns;
use super::wire::{Wire, wire};
use super::{Entry, Log, What};
use crate::ids::NodeId;
use crate::order::Stamp;
use crate::time::{Nanos, Synced, Time, True};

/// The one thing a user wants: to hold the resource once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Demand;

/// What the log of mutual exclusion holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The process asked for the resource.
    Requested(Stamp),
    /// It holds the resource, by this request.
    Granted(Stamp),
    /// It holds it no more.
    Released,
}

impl Wire for Demand {
    fn put(&self, _: &mut Vec<u8>) {}

    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(Self)
    }
}

wire!(enum Event { 0 = Requested(stamp); 1 = Granted(stamp); 2 = Released; });

/// Requests that wait for an answer, each until the clock reads so much.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Owed(BTreeSet<(Time<Synced>, Stamp)>);

impl Owed {
    /// None.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// A request that can be answered from the reading `due` on.
    pub fn insert(&mut self, due: Time<Synced>, request: Stamp) {
        self.0.insert((due, request));
    }

    /// Takes the next request that can be answered at `at`.
    pub fn pop_due(&mut self, at: Time<Synced>) -> Option<Stamp> {
        self.0.first().filter(|(due, _)| *due <= at)?;
        self.0.pop_first().map(|(_, request)| request)
    }

    /// The reading from which the next request can be answered; [`Time::MAX`] if there is none.
    pub fn wake(&self) -> Time<Synced> {
        self.0.first().map_or(Time::MAX, |(due, _)| *due)
    }
}

/// What came of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// Requests made.
    pub requested: u64,
    /// Grants while another process held the resource: must be none.
    pub shared: u64,
    /// Grants of an earlier stamp than one granted before: must be none.
    pub out_of_order: u64,
    /// Neighbouring grants of different processes.
    pub neighbours: u64,
    /// Those of them whose requests were really made the other way round.
    pub inverted: u64,
    /// The largest real time by which the later request of an inverted pair was made before the earlier one.
    pub largest_inversion: Nanos,
    /// Neighbouring grants of which the second one's request happened before the first one's.
    pub against_causality: u64,
    /// From each request to its grant.
    pub waits: Vec<Nanos>,
    /// From each instant at which a user wanted the resource to the grant: who waits in line at a process waits, too.
    pub latencies: Vec<Nanos>,
    /// Grants of each process while everybody wanted the resource.
    pub shares: Vec<u64>,
    /// The most grants of others between a request, made as its process released the resource, and its grant, if it has come.
    pub bypasses: Option<u64>,
    /// The shortest time for which one held the resource.
    pub shortest_hold: Option<Nanos>,
}

impl Findings {
    /// Requests that were never granted.
    pub const fn ungranted(&self) -> u64 {
        self.requested.saturating_sub(self.waits.len() as u64)
    }
}

/// What the users of one process wait for.
#[derive(Clone, Default)]
struct Users<'a> {
    /// The request under way.
    request: Option<&'a Entry<Event>>,
    /// When each grant was wanted that has not come.
    demands: VecDeque<Time<True>>,
}

/// Checks the invariants: never two holders, grants in the order of stamps; and counts where that is not the real order.
pub fn check(log: &Log<Event>) -> Findings {
    let mut found = Findings::default();
    let mut users = vec![Users::default(); log.nodes as usize];
    let mut holders: BTreeMap<NodeId, Time<True>> = BTreeMap::new();
    let mut turns = Turns::new(log.nodes);
    let (mut latest, mut previous) = (Stamp::START, None::<&Entry<Event>>);
    for entry in &log.entries {
        let Users { request, demands } = &mut users[entry.node.0 as usize];
        let event = match &entry.what {
            What::Commanded { intended } => {
                demands.push_back(*intended);
                turns.want(entry.node);
                continue;
            }
            What::Event(event) => event,
            What::Sent { .. } | What::Received { .. } => continue,
        };
        match event {
            Event::Requested(_) => {
                found.requested += 1;
                *request = Some(entry);
                turns.request(entry.node);
            }
            Event::Released => {
                found.held(holders.remove(&entry.node).map(|since| entry.at - since));
                turns.release(entry.node);
            }
            Event::Granted(stamp) => {
                found.shared += u64::from(!holders.is_empty());
                holders.insert(entry.node, entry.at);
                turns.grant(entry.node);
                found.out_of_order += u64::from(*stamp < latest);
                latest = latest.max(*stamp);
                found.latencies.extend(demands.pop_front().map(|intended| entry.at - intended));
                if let Some(request) = request.take() {
                    found.waits.push(entry.at - request.at);
                    if let Some(before) = previous.replace(request).filter(|before| before.node != request.node) {
                        found.compare(before, request);
                    }
                }
            }
        }
    }
    Findings { shares: turns.shares(), bypasses: turns.bypasses(), ..found }
}

impl Findings {
    /// One held the resource for so long, if it is known since when.
    fn held(&mut self, span: Option<Nanos>) {
        self.shortest_hold = [self.shortest_hold, span].into_iter().flatten().min();
    }

    /// Two neighbouring grants' requests, in the order of the grants.
    fn compare(&mut self, first: &Entry<Event>, second: &Entry<Event>) {
        self.neighbours += 1;
        let early = first.at - second.at;
        self.inverted += u64::from(early > Nanos::ZERO);
        self.largest_inversion = self.largest_inversion.max(early);
        self.against_causality += u64::from(second.is_before(first));
    }
}
