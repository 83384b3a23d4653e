//! The synchronisation graph of a window (Patt-Shamir & Rajsbaum, STOC 1994; docs/theory.md §10): a vertex for every reading at
//! which a message that matters was sent or received, an edge u -> v of weight w for "t_v − t_u is at most w".
//!
//! A reading stands for the instant at which the clock turned to it. The event itself lies up to a tick later: that is
//! added to the weights of messages, where it does not accumulate, and never to a timeline.

use super::observation::{Message, Observation, Traffic, Window};
use super::prune::{Bound, survivors};
use super::scale::{Scale, ceil_div, units};
use crate::ids::NodeId;
use crate::time::{Local, Ppb, Time};

/// No window spans more of a clock than this, in ns (2.4 hours): sums over it fit 64 bits in units of 2^-16 ns.
pub const LONGEST_WINDOW: i128 = 1 << 43;
/// No weight of a message is larger in size than this many units.
const LARGEST_WEIGHT: i128 = 1 << 60;

/// One node's vertices: those from `first` to before `end`, in order of their readings.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Whose they are.
    pub node: NodeId,
    /// Its clock.
    pub scale: Scale,
    /// The first of them.
    pub first: usize,
    /// The one after the last.
    pub end: usize,
    /// The marks of the first reading, from which those of all others are counted.
    pub base: (i128, i128),
}

/// A constraint that a message makes.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// Where it leads from.
    pub tail: usize,
    /// Where it leads to.
    pub head: usize,
    /// In units of real time.
    pub weight: i64,
    /// Which of the two constraints.
    pub bound: Bound,
    /// The arc that the message went over.
    pub traffic: &'a Traffic,
    /// The message.
    pub message: &'a Message,
}

/// The graph.
#[derive(Clone, Debug)]
pub struct Graph<'a> {
    /// Each node's vertices, by the node's index.
    pub timelines: Vec<Timeline>,
    /// The readings.
    pub readings: Vec<Time<Local>>,
    /// [`Scale::longest`] of each reading, from the timeline's first.
    pub longest: Vec<i64>,
    /// [`Scale::shortest`] of each reading, from the timeline's first.
    pub shortest: Vec<i64>,
    /// What messages say.
    pub edges: Vec<Edge<'a>>,
}

/// A window that spans too much of some node's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLong {
    /// Whose clock.
    pub node: NodeId,
}

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = LONGEST_WINDOW / 1_000_000_000;
        write!(f, "the window spans more than {most} s of the clock of node {}: choose a shorter one", self.node)
    }
}

impl std::error::Error for TooLong {}

impl<'a> Graph<'a> {
    /// The graph of the messages inside a window, without those that another one implies. Cost: O(n log n).
    ///
    /// # Errors
    /// If the window holds messages more than [`LONGEST_WINDOW`] apart on one clock.
    pub fn new(observation: &'a Observation, window: &Window) -> Result<Self, TooLong> {
        let nodes = observation.nodes();
        Self::of(observation, |traffic, bound| {
            survivors(window.messages(traffic), (&nodes[traffic.from].1, &nodes[traffic.to].1), bound)
        })
    }

    /// The graph of all messages inside a window, for a proof that names every one. It gives the same intervals.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn complete(observation: &'a Observation, window: &Window) -> Result<Self, TooLong> {
        Self::of(observation, |traffic, _| window.messages(traffic).collect())
    }

    fn of(
        observation: &'a Observation,
        messages: impl Fn(&'a Traffic, Bound) -> Vec<&'a Message>,
    ) -> Result<Self, TooLong> {
        let nodes = observation.nodes();
        let mut kept = Vec::new();
        for traffic in observation.traffic() {
            kept.extend(messages(traffic, Bound::Least).into_iter().map(|message| (Bound::Least, traffic, message)));
            if traffic.delay.most.is_some() {
                kept.extend(messages(traffic, Bound::Most).into_iter().map(|message| (Bound::Most, traffic, message)));
            }
        }
        let mut readings = vec![Vec::new(); nodes.len()];
        for (_, traffic, message) in &kept {
            readings[traffic.from].push(message.sent);
            readings[traffic.to].push(message.received);
        }
        let mut graph = Self {
            timelines: Vec::with_capacity(nodes.len()),
            readings: Vec::new(),
            longest: Vec::new(),
            shortest: Vec::new(),
            edges: Vec::with_capacity(kept.len()),
        };
        for ((node, scale), readings) in nodes.iter().zip(readings) {
            graph.lay(*node, *scale, readings)?;
        }
        for (bound, traffic, message) in kept {
            graph.join(observation, bound, traffic, message);
        }
        Ok(graph)
    }

    /// Adds a node's vertices.
    fn lay(&mut self, node: NodeId, scale: Scale, mut readings: Vec<Time<Local>>) -> Result<(), TooLong> {
        readings.sort_unstable();
        readings.dedup();
        let first = readings.first().copied().unwrap_or_default();
        let last = readings.last().copied().unwrap_or_default();
        if i128::from(last.as_nanos()) - i128::from(first.as_nanos()) > LONGEST_WINDOW {
            return Err(TooLong { node });
        }
        let base = (scale.longest(first), scale.shortest(first));
        self.longest.extend(readings.iter().map(|at| (scale.longest(*at) - base.0) as i64));
        self.shortest.extend(readings.iter().map(|at| (scale.shortest(*at) - base.1) as i64));
        let start = self.readings.len();
        self.timelines.push(Timeline { node, scale, first: start, end: start + readings.len(), base });
        self.readings.extend(readings);
        Ok(())
    }

    /// Adds what a message says.
    fn join(&mut self, observation: &Observation, bound: Bound, traffic: &'a Traffic, message: &'a Message) {
        let sent = self.vertex(traffic.from, message.sent);
        let received = self.vertex(traffic.to, message.received);
        let (tail, head, span, late) = match bound {
            Bound::Least => (received, sent, -units(traffic.delay.least), traffic.to),
            Bound::Most => (sent, received, units(traffic.delay.most.unwrap_or_default()), traffic.from),
        };
        let scale = |index: usize| &self.timelines[index].scale;
        let tick = tick_units(observation, scale(late));
        let slack = i128::from(scale(traffic.from).slack().max(scale(traffic.to).slack()));
        let weight = (span + tick + slack).clamp(-LARGEST_WEIGHT, LARGEST_WEIGHT) as i64;
        self.edges.push(Edge { tail, head, weight, bound, traffic, message });
    }

    fn vertex(&self, node: usize, at: Time<Local>) -> usize {
        let Timeline { first, end, .. } = self.timelines[node];
        first + self.readings[first..end].partition_point(|reading| *reading < at)
    }

    /// The index of the node that a vertex belongs to.
    pub fn owner(&self, vertex: usize) -> usize {
        self.timelines.partition_point(|timeline| timeline.end <= vertex)
    }
}

/// How long after the instant at which a clock turned to a reading an event with that reading can be: a tick, g/(1 − kappa).
fn tick_units(observation: &Observation, scale: &Scale) -> i128 {
    ceil_div(units(observation.tick()) * i128::from(Ppb::ONE.0), i128::from(Ppb::ONE.0 - scale.kappa().0))
}
