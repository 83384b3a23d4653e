//! What is known of an execution without any common clock: whose clocks, which messages with the local stamps of their
//! send and receipt, and what is assumed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::scale::Scale;
use crate::ids::{Arc, NodeId};
use crate::time::{Local, Nanos, Ppb, Time};

/// What is assumed of the delay of every message on an arc, in real time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delay {
    /// No message takes less. Zero assumes nothing but that messages do not arrive before they are sent.
    pub least: Nanos,
    /// No message takes more, if that is known.
    pub most: Option<Nanos>,
}

/// A message that arrived.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Message {
    /// The sender's clock, read before the send.
    pub sent: Time<Local>,
    /// The receiver's clock, read after the receipt.
    pub received: Time<Local>,
    /// The message's number on its arc.
    pub sequence: u64,
}

/// The messages of one arc.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traffic {
    /// The arc.
    pub arc: Arc,
    /// What is assumed of every message.
    pub delay: Delay,
    /// The messages, by the instant of their send.
    pub messages: Vec<Message>,
    /// Index of the sender among the nodes.
    pub from: usize,
    /// Index of the receiver among the nodes.
    pub to: usize,
}

/// An execution as it was observed.
#[derive(Clone, Debug)]
pub struct Observation {
    nodes: Vec<(NodeId, Scale)>,
    traffic: Vec<Traffic>,
    tick: Nanos,
}

impl Observation {
    /// An execution of nodes with their limits on |rate − 1|, whose clocks show multiples of `tick` (the last one passed).
    /// Messages of nodes that are not among them are left out; arcs without an assumption get the weakest. Cost:
    /// O(messages · log).
    pub fn new(
        kappas: &BTreeMap<NodeId, Ppb>,
        delays: &BTreeMap<Arc, Delay>,
        messages: impl IntoIterator<Item = (Arc, Message)>,
        tick: Nanos,
    ) -> Self {
        let places: BTreeMap<NodeId, usize> = kappas.keys().copied().zip(0..).collect();
        let mut by_arc: BTreeMap<Arc, Vec<Message>> = BTreeMap::new();
        for (arc, message) in messages {
            by_arc.entry(arc).or_default().push(message);
        }
        let of_arc = |(arc, mut messages): (Arc, Vec<Message>)| {
            messages.sort_unstable();
            let delay = delays.get(&arc).copied().unwrap_or_default();
            let (from, to) = (*places.get(&arc.from)?, *places.get(&arc.to)?);
            (from != to).then_some(Traffic { arc, delay, messages, from, to })
        };
        let traffic: Vec<Traffic> = by_arc.into_iter().filter_map(of_arc).collect();
        let mut origins = vec![Time::MAX; places.len()];
        for Traffic { messages, from, to, .. } in &traffic {
            for message in messages {
                origins[*from] = origins[*from].min(message.sent);
                origins[*to] = origins[*to].min(message.received);
            }
        }
        let origin = |origin: Time<Local>| if origin == Time::MAX { Time::ZERO } else { origin };
        let nodes = kappas.iter().zip(origins);
        let nodes = nodes.map(|((node, kappa), first)| (*node, Scale::new(origin(first), *kappa))).collect();
        Self { nodes, traffic, tick: tick.max(Nanos::ZERO) }
    }

    /// The nodes in order, with their clocks.
    pub fn nodes(&self) -> &[(NodeId, Scale)] {
        &self.nodes
    }

    /// The index of a node.
    pub fn index_of(&self, node: NodeId) -> Option<usize> {
        self.nodes.binary_search_by_key(&node, |(id, _)| *id).ok()
    }

    /// The messages by arc.
    pub fn traffic(&self) -> &[Traffic] {
        &self.traffic
    }

    /// The step of every clock.
    pub fn tick(&self) -> Nanos {
        self.tick
    }

    /// Everything that was observed, as a window.
    pub fn whole(&self) -> Window {
        Window(vec![Time::MIN..=Time::MAX; self.nodes.len()])
    }

    /// The same execution without one node and its messages: the nodes keep their indices.
    pub fn without(&self, node: NodeId) -> Self {
        let mut rest = self.clone();
        rest.traffic.retain(|traffic| traffic.arc.from != node && traffic.arc.to != node);
        rest
    }
}

/// A part of an execution: for each node a span of its own clock. A message is inside if its send and its receipt are.
/// Any window gives sound intervals; a window inside another gives none that is narrower.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window(pub Vec<RangeInclusive<Time<Local>>>);

impl Window {
    /// The messages of an arc that are inside.
    pub fn messages<'a>(&self, traffic: &'a Traffic) -> impl Iterator<Item = &'a Message> {
        let span = |index: usize| self.0.get(index).cloned().unwrap_or(Time::MAX..=Time::MIN);
        let (sends, receipts) = (span(traffic.from), span(traffic.to));
        let first = traffic.messages.partition_point(|message| message.sent < *sends.start());
        let inside = traffic.messages[first..].iter().take_while(move |message| message.sent <= *sends.end());
        inside.filter(move |message| receipts.contains(&message.received))
    }
}
