//! Which span of the run is judged.

use std::collections::BTreeMap;

use super::run::{End, Span, sender};
use super::truth::Truth;
use crate::ids::{Arc, NodeId};
use crate::node::{Mark, Record};
use crate::time::{Local, Nanos, Time, True};

/// A span on one node's local clock, both ends included.
pub type LocalSpan = std::ops::RangeInclusive<Time<Local>>;

/// The run's limits in true time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Horizon {
    /// The last node began to probe.
    pub start: Time<True>,
    /// The first node's measured span, or journal, ended.
    pub end: Time<True>,
    /// The last instant that every journal covers; later than `end` where an ordering phase follows.
    pub covered: Time<True>,
}

impl Horizon {
    /// The limits that the spans set; `None` without spans.
    pub fn of(spans: &BTreeMap<NodeId, Span<'_>>, truth: &Truth) -> Option<Self> {
        let times = |pick: fn(&Span<'_>) -> Time<Local>| {
            spans.iter().filter_map(move |(node, span)| truth.at(*node, pick(span)))
        };
        let covered = times(|span| span.run.covers_until).min()?;
        let start = times(|span| span.began).max()?;
        let end = times(|span| span.ended).min()?.min(covered);
        Some(Self { start, end, covered })
    }

    /// How long the run was; zero if the nodes never ran all together.
    pub fn length(&self) -> Nanos {
        (self.end - self.start).max(Nanos::ZERO)
    }

    /// The run on each node's local clock.
    pub fn on_clocks(&self, spans: &BTreeMap<NodeId, Span<'_>>, truth: &Truth) -> BTreeMap<NodeId, LocalSpan> {
        let local = |node: NodeId| Some(truth.local(node, self.start)?..=truth.local(node, self.end)?);
        spans.keys().filter_map(|node| Some((*node, local(*node)?))).collect()
    }

    /// Seconds from the start of the run to `at`.
    pub fn seconds_to(&self, at: Time<True>) -> f64 {
        (at - self.start).as_seconds()
    }
}

/// Where no truth is known each node is judged by its own span.
pub fn own_spans(spans: &BTreeMap<NodeId, Span<'_>>) -> BTreeMap<NodeId, LocalSpan> {
    spans.iter().map(|(node, span)| (*node, span.began..=span.ended)).collect()
}

/// Where no truth is known: when the sender of each arc knew, on its own clock, that the receiver was there. What was sent
/// before the receiver began, or after it ended as it should, is no loss. From a receiver that fell silent everything
/// after is; arcs whose sender never heard of the receiver are not among these.
pub fn alive(spans: &BTreeMap<NodeId, Span<'_>>) -> BTreeMap<Arc, LocalSpan> {
    let mut alive: BTreeMap<Arc, LocalSpan> = BTreeMap::new();
    for (node, span) in spans {
        for record in span.run.records() {
            let Record::Received(received) = record else { continue };
            let Some(peer) = sender(spans, received) else { continue };
            let last = if peer.end == End::Silence { span.ended.max(received.at) } else { received.at };
            let known = alive.entry(Arc { from: *node, to: received.from }).or_insert(received.at..=last);
            *known = *known.start()..=last.max(*known.end());
        }
    }
    alive
}

/// Says by name which nodes cut the run short.
pub fn cuts(spans: &BTreeMap<NodeId, Span<'_>>, truth: Option<(&Truth, &Horizon)>) -> Vec<String> {
    let (mut notes, mut silent_later) = (Vec::new(), Vec::new());
    for (node, span) in spans {
        if span.run.marked(Mark::ProbingBegan).is_none() {
            notes.push(format!("node {node} never began to probe"));
        }
        let planned = span.run.header.run.measured;
        let what = match span.end {
            End::Measured if span.run.marked(Mark::Stopped).is_some() => continue,
            End::Measured => {
                silent_later.push(node.to_string());
                continue;
            }
            End::Stopped if planned.is_none() => continue,
            End::Stopped => "was stopped",
            End::Silence => "fell silent (its journal ends)",
        };
        let at = truth.and_then(|(truth, horizon)| Some(horizon.seconds_to(truth.at(*node, span.ended)?)));
        let at = at.map_or_else(String::new, |at| format!(" at {at:.3} s"));
        notes.push(format!("node {node} {what}{at}, before its measured span was over: the window ends no later"));
    }
    // Where no node said that it stopped, their lab ended them all at once.
    if !silent_later.is_empty() && silent_later.len() < spans.len() {
        notes.push(format!(
            "fell silent after the measured span, without having stopped: node {}",
            silent_later.join(", ")
        ));
    }
    notes
}
