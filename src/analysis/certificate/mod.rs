//! What can be certified of a run without any common clock, from its journals alone: for every pair of nodes an interval
//! that the other clock was in, at instants of a grid; for every algorithm how far its clocks were apart at least and at
//! most; and where an assumption cannot be true, the proof.

mod courses;
mod grid;
mod schedule;
mod stamps;
mod table;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

pub use courses::Courses;
pub use grid::Grid;
pub use schedule::Schedule;
pub use table::{Certified, Instant, PairCell, PairCertified};

use super::parameters::real::shortest;
use super::run::{AgentRun, Span, choose};
use super::shared;
use crate::certify::suspects::suspects;
use crate::certify::{
    Contradiction, Delay, Feasible, Graph, Interval, Observation, Queries, Reach, Sight, Window, feasible, proof,
};
use crate::ids::{Algorithm, Arc, NodeId};
use crate::length::Length;
use crate::time::{Local, Nanos, Ppb, Time};
use crate::trial::{Bearings, Sight as Sighted};
use table::Table;

/// The step of every local clock.
const TICK: Nanos = Nanos(1);
/// So many contradictions are told; all are counted.
const MOST_CONTRADICTIONS: usize = 8;
/// So many intervals are kept for a heat map.
const MOST_INTERVALS: usize = 4_000_000;

/// What is assumed, and where to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// The limit on |rate − 1| of each node's local clock. A node that is not among them is left out.
    pub kappa: BTreeMap<NodeId, Ppb>,
    /// What is assumed of the delays of each arc, in real time; nothing but that they are not negative where it is not
    /// among them.
    pub delays: BTreeMap<Arc, Delay>,
    /// From one instant at which intervals are found to the next.
    pub grid: Nanos,
    /// How much of the run is looked at for one of them, half before and half after it: twice the grid at the least.
    pub window: Nanos,
    /// What of the run's beginning does not count for eps.
    pub warm_up: Nanos,
}

impl Parameters {
    /// What the journals themselves state: each node's kappa, and no minimum delay. Grid 1 s, window 2 s.
    pub fn stated(runs: &[AgentRun]) -> Self {
        let (spans, _) = choose(runs);
        let kappa = spans.iter().map(|(node, span)| (*node, stated_kappa(span))).collect();
        let (grid, window) = (Nanos::from_seconds(1), Nanos::from_seconds(2));
        Self { kappa, delays: BTreeMap::new(), grid, window, warm_up: Nanos::ZERO }
    }

    /// So many cells of the grid, from its first instant on, do not count for eps.
    pub fn skipped(&self) -> usize {
        let (warm_up, grid) = (self.warm_up.0.max(0), self.grid.0.max(1));
        let part = i64::from(warm_up % grid != 0);
        usize::try_from(warm_up / grid + part).unwrap_or(usize::MAX)
    }

    /// The same with the configured mu of each arc as its minimum delay, or what light takes over its distance if
    /// that is more. Mu is in units of the
    /// receiver's clock, which may run fast: what is certain in real time is mu / (1 + kappa).
    pub fn with_configured_delays(mut self, runs: &[AgentRun]) -> Self {
        let (spans, _) = choose(runs);
        for (arc, impairment) in shared::config(&spans).map(|config| config.arcs).unwrap_or_default() {
            let kappa = self.kappa.get(&arc.to).copied().unwrap_or_default();
            let light = impairment.distance.map_or(Nanos::ZERO, Length::in_vacuum);
            self = self.assume(arc, shortest(impairment.mu.max(Nanos::ZERO), kappa).max(light));
        }
        self
    }

    /// The same where no message on `arc` takes less than this, nor less than was assumed before.
    pub fn assume(mut self, arc: Arc, least: Nanos) -> Self {
        let known = self.delays.entry(arc).or_default();
        known.least = known.least.max(least);
        self
    }
}

impl Parameters {
    fn window(&self) -> Nanos {
        self.window.max(self.grid.times(2))
    }
}

/// What a certificate stands on.
struct Ground<'a> {
    spans: BTreeMap<NodeId, Span<'a>>,
    grid: Grid,
    kappas: BTreeMap<NodeId, Ppb>,
    observation: Observation,
    notes: Vec<String>,
}

impl<'a> Ground<'a> {
    /// While all nodes measured.
    fn of(runs: &'a [AgentRun], parameters: &Parameters) -> Self {
        Self::on(choose(runs), parameters)
    }

    /// For as long as all journals reach: probes go on when measuring is over.
    fn to_the_end(runs: &'a [AgentRun], parameters: &Parameters) -> Self {
        let (mut spans, notes) = choose(runs);
        spans.values_mut().for_each(|span| span.ended = span.ended.max(span.run.covers_until));
        Self::on((spans, notes), parameters)
    }

    fn on((mut spans, mut notes): (BTreeMap<NodeId, Span<'a>>, Vec<String>), parameters: &Parameters) -> Self {
        stamps::retain_usable(&mut spans, parameters, &mut notes);
        let grid = Grid::new(&mut spans, parameters.grid, &mut notes);
        let kappas: BTreeMap<NodeId, Ppb> = spans.keys().map(|node| (*node, parameters.kappa[node])).collect();
        let observation = Observation::new(&kappas, &parameters.delays, stamps::messages(&spans), TICK);
        Self { spans, grid, kappas, observation, notes }
    }
}

/// The certificate of one pair at an instant of the grid as text that `crate::checker` checks, or if the assumptions are
/// contradicted there, the contradiction. `None` without such an instant or pair, or if an end of the interval is open.
pub fn statement(
    runs: &[AgentRun],
    parameters: &Parameters,
    instant: usize,
    own: NodeId,
    other: NodeId,
) -> Option<String> {
    let Ground { spans, grid, observation, .. } = Ground::of(runs, parameters);
    let index = |node: NodeId| spans.keys().position(|known| *known == node);
    let (own, other) = (index(own)?, index(other)?);
    if instant >= grid.instants() {
        return None;
    }
    let window = grid.window(instant, parameters.window());
    let graph = Graph::complete(&observation, &window).ok()?;
    let evidence = proof::evidence(&observation, &window);
    if let Feasible::Cycle(cycle) = feasible(&graph) {
        return Some(evidence + &proof::cycle(&graph, &cycle));
    }
    let (queries, mut reach) = (Queries::new(&graph), Reach::default());
    queries.reach(own, grid.at(instant)[own], &mut reach);
    Some(evidence + &proof::claim(&queries, &reach, other)?)
}

/// A declared oscillator loses up to a nanosecond of its reading where its rate changes, once a second.
const DECLARED_LOSS: Ppb = Ppb(2);

/// The kappa that a journal's header states, with what rounding adds to it.
pub fn stated_kappa(span: &Span<'_>) -> Ppb {
    let header = &span.run.header;
    let loss = if header.oscillator.is_some() { DECLARED_LOSS } else { Ppb(0) };
    Ppb(header.kappa_ppb.0.max(0).saturating_add(loss.0))
}

/// An interval of the clock `other` at an instant of the grid, seen from `own`: own < other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairInterval {
    /// Which instant of the grid.
    pub instant: usize,
    /// Whose clock the instant is of.
    pub own: NodeId,
    /// Whose clock is read.
    pub other: NodeId,
    /// The offset H_other − H_own was in here, in ns; open ends are the smallest and the largest number.
    pub offset: (Nanos, Nanos),
}

/// What was certified.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Certificate {
    /// The nodes, in order.
    pub nodes: Vec<NodeId>,
    /// The instants, and what each clock showed at them.
    pub grid: Grid,
    /// Each pair's interval at each instant, if they are not too many to keep.
    pub intervals: Vec<PairInterval>,
    /// What follows for each algorithm, in the order of [`Algorithm::ALL`]; those that every node has.
    pub algorithms: Vec<Certified>,
    /// The first contradictions; print them.
    pub contradictions: Vec<Contradiction>,
    /// The first instant whose window contradicts the assumptions.
    pub contradictory_instant: Option<usize>,
    /// How many windows contradict the assumptions.
    pub contradictory_windows: usize,
    /// What was left out and why.
    pub notes: Vec<String>,
}

impl Certificate {
    /// What is certified of an algorithm.
    pub fn of(&self, algorithm: Algorithm) -> Option<&Certified> {
        self.algorithms.iter().find(|certified| certified.algorithm == algorithm)
    }
}

/// Certifies a run. `progress` hears now and then how much is done, as a share. Cost: for each instant of the grid one
/// pass over the window's messages and two searches a node; for each pair and instant the changes of its clocks.
pub fn certificate(runs: &[AgentRun], parameters: &Parameters, mut progress: impl FnMut(f64)) -> Certificate {
    let Ground { spans, grid, kappas, observation, notes } = Ground::of(runs, parameters);
    let nodes = spans.keys().copied().collect();
    let mut certificate = Certificate { nodes, notes, ..Certificate::default() };
    let courses = Courses::new(&spans);
    let mut table = Table::new(&courses, &certificate.nodes, &kappas, parameters);
    let window = parameters.window();
    let mut before: Option<Vec<Sight>> = None;
    for instant in 0..grid.instants() {
        let at = grid.at(instant);
        let sights = certificate.look(&observation, &grid.window(instant, window), instant, at);
        if let Some(before) = &before {
            table.add(instant - 1, before, &sights);
        }
        before = Some(sights);
        progress((instant + 1) as f64 / grid.instants() as f64);
    }
    certificate.algorithms = table.finish();
    certificate.grid = grid;
    certificate
}

/// What is certified of every pair of clocks around `scenes`, spans of the local clocks of nodes, measured or not. Nothing if
/// the assumptions are contradicted at any instant of them: then nobody knows what else is wrong. Cost: as [`certificate`], for
/// the instants that the scenes are around.
pub fn bearings(
    runs: &[AgentRun],
    parameters: &Parameters,
    scenes: &[(NodeId, RangeInclusive<Time<Local>>)],
) -> Bearings {
    let Ground { spans, grid, kappas, observation, .. } = Ground::to_the_end(runs, parameters);
    let nodes: Vec<NodeId> = spans.keys().copied().collect();
    let mut certificate = Certificate { nodes, ..Certificate::default() };
    let step = parameters.grid;
    let near = |row: &[Time<Local>]| {
        let shown: BTreeMap<NodeId, Time<Local>> = spans.keys().copied().zip(row.iter().copied()).collect();
        let around = |scene: &RangeInclusive<Time<Local>>| *scene.start() - step..=*scene.end() + step;
        scenes.iter().any(|(node, scene)| shown.get(node).is_some_and(|at| around(scene).contains(at)))
    };
    let mut found = Vec::new();
    for instant in 0..grid.instants() {
        let at = grid.at(instant);
        if near(at) {
            let seen = certificate.look(&observation, &grid.window(instant, parameters.window()), instant, at);
            let sight = |sight: Sight| Sighted { own: sight.at, low: sight.other.low, high: sight.other.high };
            found.extend(pairs(&certificate.nodes).zip(seen).map(|((own, other), seen)| (own, other, sight(seen))));
        }
    }
    if certificate.contradictory_windows > 0 {
        return Bearings::default();
    }
    Bearings::new(kappas, found)
}

/// Every pair, by the lower and then the higher node.
fn pairs(nodes: &[NodeId]) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
    nodes.iter().enumerate().flat_map(|(place, own)| nodes[place + 1..].iter().map(|other| (*own, *other)))
}

impl Certificate {
    /// Every pair's interval at one instant, by the lower and then the higher node; unknown where the window contradicts
    /// the assumptions.
    fn look(&mut self, observation: &Observation, window: &Window, instant: usize, at: &[Time<Local>]) -> Vec<Sight> {
        let mut sights = Vec::new();
        let graph = self.consistent(observation, window, instant);
        let queries = graph.as_ref().map(Queries::new);
        let mut reach = Reach::default();
        for (own, at) in at.iter().copied().enumerate() {
            if let Some(queries) = &queries {
                queries.reach(own, at, &mut reach);
            }
            for other in own + 1..self.nodes.len() {
                let found = queries.as_ref().map_or(Interval::UNKNOWN, |queries| queries.interval(&reach, other));
                sights.push(Sight { at, other: found });
                if self.intervals.len() < MOST_INTERVALS {
                    let offset = (found.low - at, found.high - at);
                    let (own, other) = (self.nodes[own], self.nodes[other]);
                    self.intervals.push(PairInterval { instant, own, other, offset });
                }
            }
        }
        sights
    }

    fn consistent<'a>(&mut self, observation: &'a Observation, window: &Window, instant: usize) -> Option<Graph<'a>> {
        let graph = match Graph::new(observation, window) {
            Ok(graph) => graph,
            Err(too_long) => {
                if !self.notes.contains(&too_long.to_string()) {
                    self.notes.push(too_long.to_string());
                }
                return None;
            }
        };
        let Feasible::Cycle(cycle) = feasible(&graph) else { return Some(graph) };
        self.contradictory_windows += 1;
        self.contradictory_instant.get_or_insert(instant);
        let mut found = Contradiction::new(&graph, &cycle);
        let blamed = |known: &Contradiction| known.clocks() == found.clocks();
        if self.contradictions.len() < MOST_CONTRADICTIONS && !self.contradictions.iter().any(blamed) {
            found.suspects = suspects(observation, window, &found).unwrap_or_default();
            self.contradictions.push(found);
        }
        None
    }
}
