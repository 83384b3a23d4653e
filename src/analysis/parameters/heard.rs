//! What journals alone say of messages: stamps of the program, credits, and how long each took at most where it belongs to an
//! exchange. Never a kernel stamp: T_m and the jump belong to the program's readings.

use std::collections::BTreeMap;

use super::real::{longest, round_trip};
use crate::analysis::certificate::stated_kappa;
use crate::analysis::horizon::LocalSpan;
use crate::analysis::run::{Span, sender};
use crate::analysis::timely::Timed;
use crate::ids::{Arc, NodeId};
use crate::node::{Received, Record};
use crate::probe::Exchange;
use crate::time::{Local, Nanos, Ppb, Time};

/// A message that arrived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Heard {
    /// The sender's clock at the send.
    pub sent: Time<Local>,
    /// The receiver's clock when the message was in force.
    pub at: Time<Local>,
    /// What it was credited with.
    pub credit: Nanos,
    /// The round trip it belongs to, in real time: its delay at most.
    pub most: Option<Nanos>,
    /// And its unpredictable delay at most: the round trip less its credit, and less the other leg's or what light takes.
    pub unpredictable: Option<Nanos>,
}

/// One arc's messages that were sent in the part of the run in which it is judged.
#[derive(Clone, PartialEq, Debug)]
pub struct Course {
    /// That part, on the sender's clock.
    pub judged: LocalSpan,
    /// The sender's limit on |rate − 1|.
    pub kappa: Ppb,
    /// No message takes less: what light takes, or nothing where no distance is configured.
    pub light: Nanos,
    /// The messages, in order of their sends.
    pub heard: Vec<Heard>,
}

impl Course {
    /// The messages as the theorem sees them: those that are known to take no longer than a bound, in real time since the
    /// beginning, at the latest that it can be.
    pub fn timed(&self) -> Vec<Timed> {
        let timed =
            |message: &Heard| Some(Timed { send: self.since(message.sent), unpredictable: message.unpredictable? });
        self.heard.iter().filter_map(timed).collect()
    }

    /// All messages, however late.
    pub fn received(&self) -> Vec<Timed> {
        let timed = |message: &Heard| Timed { send: self.since(message.sent), unpredictable: Nanos::ZERO };
        self.heard.iter().map(timed).collect()
    }

    /// How long the judged part is in real time at most.
    pub fn length(&self) -> Nanos {
        self.since(*self.judged.end())
    }

    fn since(&self, at: Time<Local>) -> Nanos {
        longest(at - *self.judged.start(), self.kappa)
    }

    fn find(&mut self, sent: Time<Local>, at: Time<Local>) -> Option<&mut Heard> {
        let index = self.heard.partition_point(|message| (message.sent, message.at) < (sent, at));
        self.heard.get_mut(index).filter(|message| (message.sent, message.at) == (sent, at))
    }
}

/// The courses of all configured arcs whose sender left a journal, and the largest credit of any message (mu).
pub struct Traffic {
    /// By arc.
    pub courses: BTreeMap<Arc, Course>,
    /// Of all messages that were sent or received in the run.
    pub mu: Nanos,
}

/// Reads every message and every exchange; `arcs` have the least that light takes. Cost: O(M log M) for M messages.
pub fn read(
    spans: &BTreeMap<NodeId, Span<'_>>,
    arcs: impl IntoIterator<Item = (Arc, Nanos)>,
    judged: impl Fn(Arc, &Span<'_>) -> LocalSpan,
) -> Traffic {
    let course = |(arc, light): (Arc, Nanos)| {
        let span = spans.get(&arc.from)?;
        Some((arc, Course { judged: judged(arc, span), kappa: stated_kappa(span), light, heard: Vec::new() }))
    };
    let mut traffic = Traffic { courses: arcs.into_iter().filter_map(course).collect(), mu: Nanos::ZERO };
    for (node, span) in spans {
        for record in span.run.records() {
            if let Record::Received(received) = record {
                traffic.add(spans, *node, span, received);
            }
        }
    }
    traffic.courses.values_mut().for_each(|course| course.heard.sort_unstable());
    for (node, span) in spans {
        for record in span.run.records() {
            if let Record::Exchanged(_, _, exchange) = record {
                traffic.bound(spans, *node, exchange);
            }
        }
    }
    traffic
}

impl Traffic {
    fn add(&mut self, spans: &BTreeMap<NodeId, Span<'_>>, node: NodeId, span: &Span<'_>, received: &Received) {
        let arc = Arc { from: received.from, to: node };
        let Some(sender) = sender(spans, received) else { return };
        let Some(course) = self.courses.get_mut(&arc) else { return };
        let Received { sent, at, credit, .. } = *received;
        if (sender.began..=sender.ended).contains(&sent) || (span.began..=span.ended).contains(&at) {
            self.mu = self.mu.max(credit);
        }
        if course.judged.contains(&sent) {
            course.heard.push(Heard { sent, at, credit, most: None, unpredictable: None });
        }
    }

    /// An exchange bounds both of its messages: neither leg took less than nothing, nor less than its credit, nor less
    /// than light does.
    fn bound(&mut self, spans: &BTreeMap<NodeId, Span<'_>>, asker: NodeId, exchange: &Exchange) {
        let there = Arc { from: asker, to: exchange.peer };
        let [t1, t2, t3, t4] = [exchange.t1, exchange.t2, exchange.t3, exchange.t4].map(|point| point.user);
        let (Some(own), Some(peer)) = (spans.get(&asker), spans.get(&exchange.peer)) else { return };
        if t4 < t1 || t3 < t2 {
            return;
        }
        let most = round_trip((t4 - t1, stated_kappa(own)), (t3 - t2, stated_kappa(peer)));
        let legs = [(there, t1, t2), (there.reversed(), t3, t4)];
        let light = legs.map(|(arc, ..)| self.courses.get(&arc).map_or(Nanos::ZERO, |course| course.light));
        let credits = legs.map(|(arc, sent, at)| {
            let found = self.courses.get_mut(&arc).and_then(|course| course.find(sent, at));
            found.map_or(Nanos::ZERO, |message| message.credit.max(Nanos::ZERO))
        });
        for (leg, other) in [(0, 1), (1, 0)] {
            let (arc, sent, at) = legs[leg];
            let Some(message) = self.courses.get_mut(&arc).and_then(|course| course.find(sent, at)) else { continue };
            let unpredictable = most - credits[leg] - credits[other].max(light[other]);
            message.most = Some(message.most.map_or(most, |known| known.min(most)));
            let known = message.unpredictable;
            message.unpredictable = Some(known.map_or(unpredictable, |known| known.min(unpredictable)));
        }
    }
}
