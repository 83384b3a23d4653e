//! What happened during a run, told apart by what each kind leaves behind:
//!
//! | kind | what it leaves |
//! |---|---|
//! | [`Kind::SystemStep`] | the system clock (REALTIME) moves against the raw clock by more than slewing explains |
//! | [`Kind::Suspend`] | CLOCK_BOOTTIME, which counts sleep, gains on the raw clock, which does not |
//! | [`Kind::RawJump`] | offsets to all peers jump at once, delays do not, and the host did not sleep: a migrated machine |
//! | [`Kind::RawRate`] | offsets to all peers change their slope at once by more than declared |
//! | [`Kind::Route`] | the round trip changes and stays so, and the offset moves by half of it: one direction alone |
//! | [`Kind::Stall`] | a node's own requests pause on its own clock, which went on: the program did not run |
//!
//! Pure, and without truth: only stamps are used, so that real hosts and simulated ones are judged alike. Offsets and
//! delays are those of exchanges (RFC 5905, section 8): a clock that jumps by J moves the offset by J and the delay by
//! nothing; an arc that becomes longer by r moves the delay by r and the offset by r/2.
//!
//! Assumed: a clock's rate changes slowly between events; the lower half of the delays is not longer than usual for most
//! of two seconds on end unless the route changed. Two events of one pair within two seconds count as one. With two nodes
//! only, nobody can tell whose clock jumped.

mod blame;
mod levels;
mod own;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::run::Span;
use crate::ids::{Arc, NodeId};
use crate::time::{Local, Nanos, Ppb, Time};

/// More events than this are not told one by one: the earliest are.
pub const MOST_EVENTS: usize = 1_000;

/// Events that begin within this many seconds of each other are taken for one that several saw.
const TOGETHER_S: f64 = 1.0;

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// The system clock was set.
    SystemStep,
    /// The host slept.
    Suspend,
    /// The raw clock jumped while the host was awake.
    RawJump,
    /// The raw clock changed its rate by more than the nodes declare.
    RawRate,
    /// The minimum delay of an arc changed.
    Route,
    /// The agent did not run.
    Stall,
}

impl Kind {
    /// The kind's word in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SystemStep => "system-step",
            Self::Suspend => "suspend",
            Self::RawJump => "raw-jump",
            Self::RawRate => "raw-rate",
            Self::Route => "route",
            Self::Stall => "stall",
        }
    }
}

/// Whom it happened to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A node.
    Node(NodeId),
    /// One direction of a link; of a clock's event: one of the two nodes, nobody can tell which, and the size is that of
    /// `to` against `from`.
    Arc(Arc),
}

/// An event.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// To whom.
    pub subject: Subject,
    /// When it was last not so, in s since the run's start; without truth on the nodes' own clocks, since the first began.
    pub at_s: f64,
    /// Until it was first seen to be so, or how long it lasted, in s.
    pub duration_s: f64,
    /// How far the clock moved or the arc's delay grew; of a suspend how long the host slept, of a stall how long nothing
    /// was sent.
    pub size: Option<Nanos>,
    /// By how much a rate changed.
    pub rate: Option<Ppb>,
    /// The nodes whose exchanges or queued packets show it, beside the subject.
    pub seen_by: Vec<NodeId>,
}

/// The run's nodes, and when their readings were.
pub struct Watched<'a, 'b> {
    /// Whose records are read, each in its measured span.
    pub spans: &'b BTreeMap<NodeId, Span<'a>>,
    /// The probe period.
    pub tau: Nanos,
    /// Seconds since the run's start at a node's local reading.
    pub since: &'b dyn Fn(NodeId, Time<Local>) -> Option<f64>,
}

/// All events in order of time, and how many there were beyond [`MOST_EVENTS`].
pub fn detect(watched: &Watched<'_, '_>) -> (Vec<Event>, usize) {
    let shifts = streams::shifts(watched);
    let mut events = blame::clocks(&shifts);
    for (node, span) in watched.spans {
        own::suspends(*node, span, watched).into_iter().for_each(|suspend| absorb_jumps(suspend, &mut events));
        own::steps(*node, span, watched).into_iter().for_each(|step| add_step(step, &mut events));
        own::stalls(*node, span, watched).into_iter().for_each(|stall| add_stall(stall, &mut events));
    }
    events.extend(blame::routes(&shifts));
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s).then_with(|| (a.kind, a.subject).cmp(&(b.kind, b.subject))));
    let more = events.len().saturating_sub(MOST_EVENTS);
    events.truncate(MOST_EVENTS);
    (events, more)
}

impl Event {
    fn concerns(&self, node: NodeId) -> bool {
        match self.subject {
            Subject::Node(subject) => subject == node,
            Subject::Arc(arc) => arc.from == node || arc.to == node,
        }
    }

    /// Whether the two overlap, give or take what several observers differ by.
    fn meets(&self, other: &Self) -> bool {
        self.at_s <= other.at_s + other.duration_s + TOGETHER_S
            && other.at_s <= self.at_s + self.duration_s + TOGETHER_S
    }

    fn node(&self) -> Option<NodeId> {
        if let Subject::Node(node) = self.subject { Some(node) } else { None }
    }
}

/// A clock that stood still while its host slept falls behind all others: that is no jump of its own.
fn absorb_jumps(mut suspend: Event, events: &mut Vec<Event>) {
    let slept = suspend.size.unwrap_or(Nanos::ZERO);
    let Some(node) = suspend.node() else { return };
    let is_same = |event: &Event| {
        let size = event.size.map_or(Nanos::ZERO, Nanos::abs);
        event.kind == Kind::RawJump
            && event.concerns(node)
            && event.meets(&suspend)
            && (size - slept).abs() <= slept.over(10) + Nanos::from_millis(1)
    };
    let (same, rest): (Vec<Event>, Vec<Event>) = std::mem::take(events).into_iter().partition(is_same);
    for jump in same {
        let ends = if let Subject::Arc(arc) = jump.subject { vec![arc.from, arc.to] } else { Vec::new() };
        suspend.seen_by.extend(jump.seen_by.into_iter().chain(ends).filter(|seen| *seen != node));
    }
    suspend.seen_by.sort_unstable();
    suspend.seen_by.dedup();
    *events = rest;
    events.push(suspend);
}

/// A system clock goes on while its host sleeps: to have gained that much is no step. A real-time clock counts seconds.
fn add_step(step: Event, events: &mut Vec<Event>) {
    let slept = |event: &Event| {
        let apart = step.size.zip(event.size).map_or(Nanos::MAX, |(step, slept)| (step - slept).abs());
        event.kind == Kind::Suspend
            && event.subject == step.subject
            && event.meets(&step)
            && apart <= Nanos::from_seconds(2)
    };
    if !events.iter().any(slept) {
        events.push(step);
    }
}

/// A clock that jumps ahead makes a pause where there was none.
fn add_stall(stall: Event, events: &mut Vec<Event>) {
    let Some(node) = stall.node() else { return };
    let half = stall.size.map_or(Nanos::ZERO, |size| size.over(2));
    let jumped = |event: &Event| {
        event.kind == Kind::RawJump
            && event.concerns(node)
            && event.meets(&stall)
            && event.size.is_some_and(|size| size.abs() >= half)
    };
    if !events.iter().any(jumped) {
        events.push(stall);
    }
}
