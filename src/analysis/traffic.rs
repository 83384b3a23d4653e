//! What went over each arc during the run.

use std::collections::BTreeMap;

use super::horizon::LocalSpan;
use super::run::{Span, sender};
use super::timely::Timed;
use super::truth::Truth;
use crate::affine::offset;
use crate::ids::{Arc, NodeId};
use crate::node::{Received, Record, Sent};
use crate::probe::Exchange;
use crate::time::{Local, Nanos, Time, True};

/// A message that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its number on its arc.
    pub sequence: u64,
    /// What it was credited with.
    pub credit: Nanos,
    /// Receipt less send, as the two clocks showed them.
    pub shown: Nanos,
    /// True send, since the run's start, and true delay (nu_m); none where truth is unknown.
    pub truth: Option<(Nanos, Nanos)>,
}

impl Message {
    /// The message as the theorem sees it.
    pub fn timed(&self) -> Option<Timed> {
        self.truth.map(|(send, delay)| Timed { send, unpredictable: delay - self.credit })
    }
}

/// One arc's traffic. A message belongs to the run if it was sent in it.
#[derive(Clone, Debug, Default)]
pub struct Traffic<'a> {
    /// Messages that the sender sent.
    pub sent: u64,
    /// How late each request was sent, in ns.
    pub lateness: Vec<i64>,
    /// When each request was due on the sender's clock.
    pub due: Vec<Time<Local>>,
    /// Messages that the receiver received, in the order of receipt.
    pub received: Vec<Message>,
    /// Credit of messages that were under way when the run began: they may lift a clock in it.
    pub landing: Vec<Nanos>,
    /// Exchanges that the arc's sender asked for.
    pub exchanges: Vec<&'a Exchange>,
}

impl Traffic<'_> {
    /// The largest credit on the arc (mu).
    pub fn mu(&self) -> Nanos {
        let credits = self.received.iter().map(|message| message.credit).chain(self.landing.iter().copied());
        credits.fold(Nanos::ZERO, Nanos::max)
    }

    /// The messages as the theorem sees them, in order of their sends.
    pub fn timed(&self) -> Vec<Timed> {
        let mut timed: Vec<Timed> = self.received.iter().filter_map(Message::timed).collect();
        timed.sort_unstable();
        timed
    }
}

/// Collects traffic arc by arc.
#[derive(Debug)]
pub struct Collector<'a, 'b> {
    /// Whose records are read.
    pub spans: &'b BTreeMap<NodeId, Span<'a>>,
    /// The run on each node's clock.
    pub within: &'b BTreeMap<NodeId, LocalSpan>,
    /// On the sender's clock, the part of the run in which an arc is judged, where that is less than the whole.
    pub alive: &'b BTreeMap<Arc, LocalSpan>,
    /// True time and the run's start, where known.
    pub truth: Option<(&'b Truth, Time<True>)>,
}

impl<'a> Collector<'a, '_> {
    /// The traffic of each of `arcs`; records of other arcs are left out.
    pub fn collect(&self, arcs: impl IntoIterator<Item = Arc>) -> BTreeMap<Arc, Traffic<'a>> {
        let mut traffic: BTreeMap<Arc, Traffic<'a>> = arcs.into_iter().map(|arc| (arc, Traffic::default())).collect();
        for (node, span) in self.spans {
            for record in span.run.records() {
                self.add(*node, record, &mut traffic);
            }
        }
        traffic
    }

    fn add(&self, node: NodeId, record: &'a Record, traffic: &mut BTreeMap<Arc, Traffic<'a>>) {
        match record {
            Record::Sent(sent) => {
                let arc = Arc { from: node, to: sent.to };
                let found = traffic.get_mut(&arc).filter(|_| self.judges(arc, sent.at));
                found.into_iter().for_each(|found| add_sent(found, sent));
            }
            Record::Received(received) => {
                let arc = Arc { from: received.from, to: node };
                traffic.get_mut(&arc).into_iter().for_each(|found| self.add_received(arc, received, found));
            }
            Record::Exchanged(at, _, exchange) if self.holds(node, *at) => {
                let arc = Arc { from: node, to: exchange.peer };
                traffic.get_mut(&arc).into_iter().for_each(|found| found.exchanges.push(exchange));
            }
            _ => {}
        }
    }

    fn add_received(&self, arc: Arc, received: &Received, traffic: &mut Traffic<'a>) {
        if sender(self.spans, received).is_none() {
            return;
        }
        if self.judges(arc, received.sent) {
            traffic.received.push(self.message(arc, received));
        } else if self.within.get(&arc.from).is_some_and(|span| received.sent < *span.start())
            && self.holds(arc.to, received.at)
        {
            traffic.landing.push(received.credit);
        }
    }

    fn message(&self, arc: Arc, received: &Received) -> Message {
        let truth = self.truth.and_then(|(truth, start)| {
            let send = truth.at(arc.from, received.sent)?;
            Some((send - start, truth.at(arc.to, received.at)? - send))
        });
        let shown = offset(received.at, received.sent);
        Message { sequence: received.sequence, credit: received.credit, shown, truth }
    }

    /// Whether what was sent over `arc` at `at` counts.
    fn judges(&self, arc: Arc, at: Time<Local>) -> bool {
        self.holds(arc.from, at) && self.alive.get(&arc).is_none_or(|span| span.contains(&at))
    }

    fn holds(&self, node: NodeId, at: Time<Local>) -> bool {
        self.within.get(&node).is_some_and(|span| span.contains(&at))
    }
}

fn add_sent(traffic: &mut Traffic<'_>, sent: &Sent) {
    traffic.sent += 1;
    if let Some(due) = sent.due {
        traffic.lateness.push((sent.at - due).0);
        traffic.due.push(due);
    }
}
