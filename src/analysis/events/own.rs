//! What a node's own records show: its system clock set, its host asleep, its program not running.

use std::collections::BTreeSet;

use super::{Event, Kind, Subject, Watched};
use crate::analysis::run::Span;
use crate::analysis::system::moved;
use crate::ids::NodeId;
use crate::node::Record;
use crate::node::record::SystemSample;
use crate::time::{Local, Nanos, Time};

/// A pause in a node's requests counts from two periods and this on.
const PAUSE: Nanos = Nanos::from_millis(100);
/// A packet that waited longer than this share of the pause was queued during it.
const QUEUED_SHARE: i64 = 10;

/// Two samples between which a clock moved, and how far.
type Move = (SystemSample, SystemSample, Nanos);

fn moves(span: &Span<'_>, pick: fn(&Record) -> Option<SystemSample>) -> Vec<Move> {
    let inside = |sample: &SystemSample| (span.began..=span.ended).contains(&sample.at);
    let samples: Vec<SystemSample> = span.run.records().filter_map(pick).filter(inside).collect();
    samples.windows(2).filter_map(|pair| Some((pair[0], pair[1], moved(&pair[0], &pair[1])?))).collect()
}

fn event(
    kind: Kind,
    node: NodeId,
    (from, until): (Time<Local>, Time<Local>),
    watched: &Watched<'_, '_>,
) -> Option<Event> {
    let at_s = (watched.since)(node, from)?;
    let duration_s = (until - from).as_seconds().max(0.0);
    Some(Event { kind, subject: Subject::Node(node), at_s, duration_s, size: None, rate: None, seen_by: Vec::new() })
}

/// When the system clock was set.
pub fn steps(node: NodeId, span: &Span<'_>, watched: &Watched<'_, '_>) -> Vec<Event> {
    let system = |record: &Record| if let Record::System(sample) = record { Some(*sample) } else { None };
    let step = |(before, after, by): Move| {
        let event = event(Kind::SystemStep, node, (before.at, after.at), watched)?;
        Some(Event { size: Some(by), ..event })
    };
    moves(span, system).into_iter().filter_map(step).collect()
}

/// When the host slept: the clock that counts sleep gained on the one that does not.
pub fn suspends(node: NodeId, span: &Span<'_>, watched: &Watched<'_, '_>) -> Vec<Event> {
    let awake = |record: &Record| if let Record::Boottime(sample) = record { Some(*sample) } else { None };
    let sleep = |(before, after, by): Move| {
        let event = event(Kind::Suspend, node, (before.at, after.at), watched)?;
        Some(Event { size: Some(by), duration_s: by.as_seconds(), ..event })
    };
    moves(span, awake).into_iter().filter(|(.., by)| *by > Nanos::ZERO).filter_map(sleep).collect()
}

/// When no request was sent for longer than two periods and a bit, on a clock that went on.
pub fn stalls(node: NodeId, span: &Span<'_>, watched: &Watched<'_, '_>) -> Vec<Event> {
    let asked = |record: &Record| match record {
        Record::Sent(sent) if sent.due.is_some() => Some(sent.at),
        _ => None,
    };
    let asked: Vec<Time<Local>> =
        span.run.records().filter_map(asked).filter(|at| (span.began..=span.ended).contains(at)).collect();
    let limit = watched.tau.max(Nanos::ZERO).times(2) + PAUSE;
    let stall = |pair: &[Time<Local>]| {
        let pause = pair[1] - pair[0];
        let event = (pause > limit).then(|| event(Kind::Stall, node, (pair[0], pair[1]), watched)).flatten()?;
        let size = Some(pause - watched.tau);
        Some(Event { size, seen_by: queued(span, pair[0], pair[1]), ..event })
    };
    asked.windows(2).filter_map(stall).collect()
}

/// Whose packets had arrived during a pause and were taken only after it.
fn queued(span: &Span<'_>, from: Time<Local>, until: Time<Local>) -> Vec<NodeId> {
    let least = (until - from).over(QUEUED_SHARE);
    let waited = |record: &Record| match record {
        Record::Received(received) => {
            let arrived = received.arrived?.at;
            let is_queued = (from..=until).contains(&arrived) && received.at - arrived > least;
            is_queued.then_some(received.from)
        }
        _ => None,
    };
    span.run.records().filter_map(waited).collect::<BTreeSet<NodeId>>().into_iter().collect()
}
