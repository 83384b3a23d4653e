//! Commit wait (Corbett et al., *Spanner*, OSDI 2012): a transaction takes the latest instant that now can be as its stamp,
//! and is not done before now is certainly later.
//!
//! Here e is the half-width of the clock's interval: now lies in [reading − e, reading + e]. A write on a key waits for the
//! writes before it, is served for a while, takes the stamp reading + e and is committed when reading − e has passed it. So a
//! write takes at least 2e + service, and a key takes no more than 1/(2e + service) writes a second. If intervals contain
//! true time, whoever begins after a commit gets a later stamp (external consistency). Two clocks θ apart break that only if
//! θ ≥ 2e + (1 − κ)ν, with ν the time from the commit to the next beginning: the interval must be declared too small by half.

use std::collections::VecDeque;

use super::anomaly::Silence;
use super::wire::wire;
use super::{Actions, Input, Process};
use crate::ids::NodeId;
use crate::order::stamp::{LATEST, Stamp};
use crate::time::{Nanos, Synced, Time};

/// A write on the process's one key; the number names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Write(pub u64);

/// The write is committed, with its stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed(pub Write, pub Stamp);

wire!(struct Write(number));
wire!(struct Committed(write, stamp));

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Served { until: Time<Synced> },
    Stamped { stamp: Time<Synced> },
}

/// The owner of one key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CommitWait {
    me: NodeId,
    half_width: Nanos,
    service: Nanos,
    waiting: VecDeque<Write>,
    stage: Option<Stage>,
    last: Time<Synced>,
}

impl CommitWait {
    /// An owner whose clock promises to be within `half_width` of true time and which needs `service` for a write.
    pub const fn new(me: NodeId, half_width: Nanos, service: Nanos) -> Self {
        Self { me, half_width, service, waiting: VecDeque::new(), stage: None, last: Time::MIN }
    }

    /// One step of the write at the head; whether there was one.
    fn advance(&mut self, at: Time<Synced>, act: &mut Actions<Silence, Committed>) -> bool {
        match (self.stage, self.waiting.front()) {
            (None, Some(_)) => self.stage = Some(Stage::Served { until: at + self.service }),
            (Some(Stage::Served { until }), _) if until <= at => {
                self.last = (at + self.half_width).max(self.last + Nanos(1)).min(Time::from_nanos(LATEST));
                self.stage = Some(Stage::Stamped { stamp: self.last });
            }
            (Some(Stage::Stamped { stamp }), Some(write)) if at - self.half_width > stamp => {
                act.note(Committed(*write, Stamp { time: stamp.as_nanos(), counter: 0, node: self.me }));
                self.waiting.pop_front();
                self.stage = None;
            }
            _ => return false,
        }
        true
    }
}

impl Process for CommitWait {
    type Message = Silence;
    type Command = Write;
    type Event = Committed;

    fn handle(&mut self, at: Time<Synced>, input: Input<Silence, Write>, act: &mut Actions<Silence, Committed>) {
        if let Input::Command(write) = input {
            self.waiting.push_back(write);
        }
        while self.advance(at, act) {}
    }

    fn wake(&self) -> Time<Synced> {
        match self.stage {
            None => Time::MAX,
            Some(Stage::Served { until }) => until,
            Some(Stage::Stamped { stamp }) => stamp + self.half_width + Nanos(1),
        }
    }
}

/// The least that a write takes: 2e + service.
pub fn least_latency(half_width: Nanos, service: Nanos) -> Nanos {
    half_width.times(2) + service
}

/// Writes a second that one key takes at most.
pub fn most_writes_per_s(half_width: Nanos, service: Nanos) -> f64 {
    least_latency(half_width, service).as_seconds().recip()
}

/// Whether a later transaction on a clock that is `behind` the first one's can be stamped earlier, if it begins `nudge` after
/// the first one's commit and is served for `service`.
pub fn can_invert(behind: Nanos, half_width: Nanos, nudge: Nanos, service: Nanos) -> bool {
    behind > half_width.times(2) + nudge + service
}
