//! What a run says of how far apart its clocks were, and what has to be assumed for that.

use std::collections::{BTreeMap, BTreeSet};

use super::Event;
use crate::analysis::certificate::{Certificate, Certified, PairInterval, Parameters, Schedule, certificate};
use crate::analysis::reading::Readings;
use crate::analysis::run::{AgentRun, Span, choose};
use crate::analysis::skew::Skew;
use crate::analysis::summary::Summary;
use crate::analysis::{shared, system};
use crate::ids::{Algorithm, Arc, NodeId};
use crate::journal::RunConfig;
use crate::length::Length;
use crate::time::{Nanos, Ppb};

/// Whether the truth that a lab or a simulation declares is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Source {
    /// Where it is known.
    #[default]
    Truth,
    /// Never: as between real hosts.
    MessagesAlone,
}

/// What a person assumes beside what the journals state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Assumed {
    /// The limit on |rate − 1| of every node's clock, instead of what their journals state.
    pub kappa: Option<Ppb>,
    /// No message takes less, in real time.
    pub least_delay: Nanos,
    /// How far two nodes are apart, the lower first: no message between them is faster than light. It replaces
    /// what the journals state of the two.
    pub distances: BTreeMap<(NodeId, NodeId), Length>,
    /// From one instant to the next, instead of what [`Schedule::of`] says.
    pub grid: Option<Nanos>,
    /// What of the run's beginning does not count, instead of the run's own warm-up, or 3 s or a third of a shorter run.
    pub warm_up: Option<Nanos>,
    /// Whether truth counts.
    pub source: Source,
}

/// The pair that was known least well at its best instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Narrowest {
    /// The pair, the lower node first.
    pub pair: (NodeId, NodeId),
    /// Half of its narrowest interval, rounded down: eps cannot have been certified below it. It is half of the shortest
    /// way there and back, and what clocks may drift between polls.
    pub half: Nanos,
}

/// What is known of one algorithm's clocks over the judged part of the run.
#[derive(Clone, PartialEq, Debug)]
pub struct Clock {
    /// Which.
    pub algorithm: Algorithm,
    /// The nodes that have no such clock.
    pub without: Vec<NodeId>,
    /// Eps reached at least this: certified.
    pub low: Nanos,
    /// And was never more; `None` where that is not known.
    pub high: Option<Nanos>,
    /// How much of `high` is due to what lies between the instants of the grid.
    pub grid: Nanos,
    /// Where `low` was reached.
    pub certain: Option<Event>,
    /// The first pair that was unbounded, and when, in seconds.
    pub unbounded: Option<((NodeId, NodeId), f64)>,
    /// Where true eps was largest, exact to the 2 ns that integer readings leave open.
    pub truth: Option<Event>,
}

impl Clock {
    /// Where the clocks are known to have been furthest apart.
    pub fn furthest(&self) -> Option<Event> {
        self.truth.or(self.certain)
    }
}

/// All that counts for a verdict.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Evidence {
    /// The nodes that are compared, in order.
    pub nodes: Vec<NodeId>,
    /// Nodes that are known of and not compared.
    pub missing: Vec<NodeId>,
    /// One for each algorithm that any node has a clock of, in the order of reports.
    pub clocks: Vec<Clock>,
    /// The part that is certified, in seconds since all nodes measured; `None` if the run is too short.
    pub judged: Option<(f64, f64)>,
    /// The part over which true eps is known, in seconds since the run's start.
    pub truth_s: Option<(f64, f64)>,
    /// From then to the last instant of the grid, in seconds.
    pub length_s: f64,
    /// What bounds all certificates of the run from below.
    pub narrowest: Option<Narrowest>,
    /// The first proof that an assumption is false, and how many windows hold one.
    pub contradiction: Option<(String, usize)>,
    /// What each node's clock is assumed to keep to.
    pub kappa: BTreeMap<NodeId, Ppb>,
    /// How far nodes are taken to be apart, the lower first: as configured, or as assumed by hand.
    pub distances: BTreeMap<(NodeId, NodeId), Length>,
    /// What was assumed by hand.
    pub assumed: Assumed,
    /// From one instant of the grid to the next.
    pub grid: Nanos,
    /// What each instant was certified from, before and after it together.
    pub window: Nanos,
    /// The configured probe period.
    pub tau: Nanos,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl Evidence {
    /// What the journals say. `summary` is what they were summarised to. `progress` hears how much is done, as a share.
    pub fn of(runs: &[AgentRun], summary: &Summary, assumed: Assumed, progress: impl FnMut(f64)) -> Self {
        let (spans, _) = choose(runs);
        let Some(config) = shared::config(&spans) else { return Self::default() };
        let truth = (assumed.source == Source::Truth).then_some(summary);
        let length = summary.duration.unwrap_or(Nanos::ZERO);
        let usual = Schedule::of(length, config.tau);
        let mut schedule = assumed.grid.map_or(usual, |grid| Schedule::on(grid, length, config.tau));
        schedule.warm_up = assumed.warm_up.or(truth.and_then(|truth| truth.warm_up)).unwrap_or(schedule.warm_up);
        let distances = distances(&config, &assumed);
        let given = assume(schedule.apply(Parameters::stated(runs)), &spans, &assumed, &distances);
        let found = certificate(runs, &given, progress);
        let mut evidence = Self::seen(&found, &given, &config, &spans, truth);
        evidence.distances = distances;
        evidence.notes.extend(strangers(&assumed, &spans));
        evidence.assumed = assumed;
        evidence
    }

    /// What a certificate says that was made under `given`, with truth beside it where `truth` has any.
    pub fn seen(
        found: &Certificate,
        given: &Parameters,
        config: &RunConfig,
        spans: &BTreeMap<NodeId, Span<'_>>,
        truth: Option<&Summary>,
    ) -> Self {
        let ends = config.arcs.iter().flat_map(|(arc, _)| [arc.from, arc.to]);
        let known: BTreeSet<NodeId> = ends.chain(spans.keys().copied()).collect();
        let mut evidence = Self {
            nodes: found.nodes.clone(),
            missing: known.into_iter().filter(|node| !found.nodes.contains(node)).collect(),
            contradiction: found.contradictions.first().map(|first| (first.to_string(), found.contradictory_windows)),
            grid: given.grid,
            window: given.window,
            tau: config.tau,
            notes: found.notes.clone(),
            ..Self::default()
        };
        evidence.kappa.extend(given.kappa.iter().filter(|(node, _)| found.nodes.contains(node)));
        let seen = Seen { found, warm: given.skipped() };
        evidence.judged = seen.judged();
        evidence.length_s = seen.seconds(found.grid.instants().saturating_sub(1));
        evidence.narrowest = seen.narrowest();
        evidence.clocks = found.algorithms.iter().map(|certified| seen.clock(certified, truth)).collect();
        evidence.clocks.extend(system_in_part(spans, &evidence.clocks));
        evidence.truth_s = truth.filter(|_| evidence.knows_truth()).and_then(judged_by_truth);
        if spans.values().any(|span| span.run.header.oscillator.is_none()) {
            evidence.notes.extend(shared::kernels(spans));
        }
        evidence.notes.extend(system::set(spans));
        evidence
    }

    /// What is known of an algorithm.
    pub fn clock(&self, algorithm: Algorithm) -> Option<&Clock> {
        self.clocks.iter().find(|clock| clock.algorithm == algorithm)
    }

    /// Whether true eps decides.
    pub fn knows_truth(&self) -> bool {
        self.clocks.iter().any(|clock| clock.truth.is_some())
    }
}

/// What a person says of clocks and delays.
fn assume(
    mut given: Parameters,
    spans: &BTreeMap<NodeId, Span<'_>>,
    assumed: &Assumed,
    distances: &BTreeMap<(NodeId, NodeId), Length>,
) -> Parameters {
    if let Some(kappa) = assumed.kappa {
        given.kappa.values_mut().for_each(|known| *known = kappa);
    }
    if assumed.least_delay > Nanos::ZERO {
        let arcs = spans.keys().flat_map(|from| spans.keys().map(|to| Arc { from: *from, to: *to }));
        given = arcs.filter(|arc| arc.from != arc.to).fold(given, |given, arc| given.assume(arc, assumed.least_delay));
    }
    let both = distances.iter().flat_map(|((from, to), length)| {
        let arc = Arc { from: *from, to: *to };
        [(arc, *length), (arc.reversed(), *length)]
    });
    both.fold(given, |given, (arc, length)| given.assume(arc, length.in_vacuum()))
}

/// How far nodes are apart, as configured or as a person says instead.
fn distances(config: &RunConfig, assumed: &Assumed) -> BTreeMap<(NodeId, NodeId), Length> {
    let mut known = BTreeMap::new();
    for (Arc { from, to }, link) in &config.arcs {
        if let Some(length) = link.distance {
            let shortest: &mut Length = known.entry((*from.min(to), *from.max(to))).or_insert(length);
            *shortest = length.min(*shortest);
        }
    }
    known.extend(assumed.distances.iter().map(|(pair, length)| (*pair, *length)));
    known
}

/// Names the nodes between which a distance was assumed and which left no journal.
fn strangers(assumed: &Assumed, spans: &BTreeMap<NodeId, Span<'_>>) -> Option<String> {
    let ends: BTreeSet<NodeId> = assumed.distances.keys().flat_map(|(one, other)| [*one, *other]).collect();
    let unknown: Vec<String> = ends.iter().filter(|node| !spans.contains_key(node)).map(NodeId::to_string).collect();
    let named = unknown.join(", ");
    (!unknown.is_empty()).then(|| format!("a distance was assumed of nodes {named}, which left no journal here"))
}

fn judged_by_truth(summary: &Summary) -> Option<(f64, f64)> {
    Some((summary.warm_up?.as_seconds(), summary.duration?.as_seconds()))
}

/// The system clock, where some nodes wrote it down and others did not.
fn system_in_part(spans: &BTreeMap<NodeId, Span<'_>>, clocks: &[Clock]) -> Option<Clock> {
    if clocks.iter().any(|clock| clock.algorithm == Algorithm::System) {
        return None;
    }
    let reads = |span: &Span<'_>| !Readings::of(span.run).system().is_empty();
    let (with, without): (Vec<NodeId>, Vec<NodeId>) = spans.keys().partition(|node| reads(&spans[node]));
    let (low, grid) = (Nanos::ZERO, Nanos::ZERO);
    let (algorithm, high, certain, unbounded, truth) = (Algorithm::System, None, None, None, None);
    (!with.is_empty()).then_some(Clock { algorithm, without, low, high, grid, certain, unbounded, truth })
}

/// A certificate, and how many cells at its beginning do not count.
struct Seen<'a> {
    found: &'a Certificate,
    warm: usize,
}

impl Seen<'_> {
    /// When an instant of the grid was, by the first node's clock.
    fn seconds(&self, instant: usize) -> f64 {
        let grid = &self.found.grid;
        if instant >= grid.instants() {
            return 0.0;
        }
        let first = |instant: usize| grid.at(instant).first().copied().unwrap_or_default();
        (first(instant) - first(0)).as_seconds()
    }

    fn judged(&self) -> Option<(f64, f64)> {
        let last = self.found.grid.instants().checked_sub(1)?;
        (self.warm < last).then(|| (self.seconds(self.warm), self.seconds(last)))
    }

    /// Unless some intervals were too many to keep.
    fn narrowest(&self) -> Option<Narrowest> {
        let nodes = self.found.nodes.len();
        let all = self.found.grid.instants().checked_mul(nodes * nodes.saturating_sub(1) / 2)?;
        if self.found.intervals.len() != all {
            return None;
        }
        let mut best: BTreeMap<(NodeId, NodeId), Nanos> = BTreeMap::new();
        for PairInterval { own, other, offset, .. } in &self.found.intervals {
            let width = offset.1 - offset.0;
            best.entry((*own, *other)).and_modify(|known| *known = width.min(*known)).or_insert(width);
        }
        let bounded = best.into_iter().filter(|(_, width)| *width < Nanos::MAX);
        let narrowest = bounded.max_by_key(|(pair, width)| (*width, std::cmp::Reverse(*pair)));
        narrowest.map(|(pair, width)| Narrowest { pair, half: width.over(2) })
    }

    fn clock(&self, certified: &Certified, truth: Option<&Summary>) -> Clock {
        let skew = truth.and_then(|summary| summary.row(certified.algorithm)?.skew);
        Clock {
            algorithm: certified.algorithm,
            without: Vec::new(),
            low: certified.eps_low,
            high: certified.eps_high,
            grid: certified.eps_grid,
            certain: self.certain(certified),
            unbounded: self.unbounded(certified),
            truth: skew.map(|skew: Skew| Event {
                pair: skew.worst_pair,
                at_s: skew.worst_at_s,
                low: skew.max,
                high: Some(skew.max),
            }),
        }
    }

    fn certain(&self, certified: &Certified) -> Option<Event> {
        let pair = certified.pairs.iter().find(|pair| pair.low == certified.eps_low)?;
        let cell = certified.over_time.get(pair.certain)?;
        let (high, at_s) = (cell.high, self.seconds(pair.certain));
        (pair.low > Nanos::ZERO).then_some(Event { pair: (pair.own, pair.other), at_s, low: pair.low, high })
    }

    fn unbounded(&self, certified: &Certified) -> Option<((NodeId, NodeId), f64)> {
        self.judged()?;
        let pair = certified.pairs.iter().find(|pair| pair.high.is_none())?;
        let cell = certified.over_time.iter().skip(self.warm).find(|cell| cell.high.is_none())?;
        Some(((pair.own, pair.other), self.seconds(cell.instant)))
    }
}
