//! A scenario and a seed, worked out: each node's local clock, each arc's path, and what happens to them.

use std::collections::BTreeMap;

use super::scenario::{About, Event, Link, Refused, Runaway, Scale, Scenario, Stamps};
use super::shapes::Reach;
use super::turns;
use crate::ids::{Algorithms, Arc, NodeId};
use crate::journal::RunConfig;
use crate::model::Path;
use crate::model::oscillator::Declaration;
use crate::probe::pair;
use crate::theory::cycles::{Weighted, negative_cycle};
use crate::time::{Nanos, Ppb};
use crate::topology::{self, Impairment};

/// What a journal says of the commit of a simulated run: its files shall not change with the program's history.
const SIMULATED: &str = "simulated";

/// A world that can be run.
#[derive(Clone, PartialEq, Debug)]
pub struct World {
    /// What all nodes have in common.
    pub run: RunConfig,
    /// The seed of all draws.
    pub seed: u64,
    /// The span over which clocks are measured.
    pub duration: Nanos,
    /// Each node, in order.
    pub hosts: Vec<Host>,
    /// Each arc.
    pub paths: BTreeMap<Arc, Path>,
    /// How programs stamp messages.
    pub stamps: Stamps,
}

/// One node of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Host {
    /// Its local clock, with whatever happens to it.
    pub oscillator: Declaration,
    /// The declared limit on |rate − 1| of its local clock.
    pub kappa: Ppb,
    /// The clocks that it runs.
    pub clocks: Algorithms,
    /// When it dies and, perhaps, starts again.
    pub crashes: Vec<(Nanos, Option<Nanos>)>,
    /// What it tells others beside the truth.
    pub lies: Vec<Lie>,
}

/// Readings told otherwise than they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lie {
    /// From when on.
    pub from: Nanos,
    /// Until when.
    pub until: Nanos,
    /// Whom.
    pub to: Vec<u32>,
    /// What is added.
    pub by: Nanos,
    /// To what it is added.
    pub about: About,
}

impl World {
    /// The world that the scenario and the seed declare.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self, Refused> {
        scenario.check(Scale::Journaled)?;
        let links = links(scenario, seed)?;
        let paths = paths(scenario, seed, &links)?;
        let nodes = scenario.topology.nodes();
        if topology::diameter((0..nodes).map(NodeId), paths.keys().copied()).is_none() {
            let text = format!("topology: some of the {nodes} nodes cannot reach each other: add links");
            return Err(Refused(text));
        }
        let probe_pairs = pairs(scenario, &paths)?;
        if scenario.runaway == Runaway::Refused {
            refuse_runaway(nodes, &paths, &links)?;
        }
        Ok(Self {
            run: RunConfig { probe_pairs, ..run_config(scenario, seed, &links) },
            seed,
            duration: scenario.duration,
            hosts: (0..nodes).map(|node| host(scenario, seed, node)).collect(),
            paths,
            stamps: scenario.stamps,
        })
    }
}

/// Each arc's link, with what is its own.
fn links(scenario: &Scenario, seed: u64) -> Result<BTreeMap<Arc, Link>, Refused> {
    let wan = scenario.wan.as_ref().unwrap_or(&scenario.links);
    let mut links = BTreeMap::new();
    for (low, high, reach) in scenario.topology.links(seed) {
        let link = if reach == Reach::Wide { wan } else { &scenario.links };
        let arc = Arc { from: NodeId(low), to: NodeId(high) };
        links.insert(arc, Link { delay: link.delay + link.asymmetry, asymmetry: Nanos::ZERO, ..link.clone() });
        links.insert(arc.reversed(), Link { asymmetry: Nanos::ZERO, ..link.clone() });
    }
    for (index, own) in scenario.own_links.iter().enumerate() {
        let arc = Arc { from: NodeId(own.from), to: NodeId(own.to) };
        let link = links.get_mut(&arc).ok_or_else(|| no_arc(&format!("link[{index}]"), arc))?;
        *link = own.over(link);
    }
    Ok(links)
}

fn no_arc(table: &str, arc: Arc) -> Refused {
    Refused(format!("{table}: {arc} is no arc of this topology: name two nodes that are linked"))
}

fn paths(scenario: &Scenario, seed: u64, links: &BTreeMap<Arc, Link>) -> Result<BTreeMap<Arc, Path>, Refused> {
    let path = |(arc, link): (&Arc, &Link)| {
        let path = Path {
            jitter: link.jitter,
            bursts: link.bursts,
            queue: link.queue,
            loss: link.loss_share,
            duplication: link.duplicate_share,
            ..Path::new(seed, *arc, link.delay)
        };
        (*arc, path)
    };
    let mut paths: BTreeMap<Arc, Path> = links.iter().map(path).collect();
    for (index, event) in scenario.events.iter().enumerate() {
        match event {
            Event::Partition { nodes, at, until } => {
                let inside = |node: NodeId| nodes.contains(&node.0);
                let across = paths.iter_mut().filter(|(arc, _)| inside(arc.from) != inside(arc.to));
                across.for_each(|(_, path)| path.cuts.push((*at, *until)));
            }
            Event::Route { from, to, at, delay } => {
                let arc = Arc { from: NodeId(*from), to: NodeId(*to) };
                let path = paths.get_mut(&arc).ok_or_else(|| no_arc(&format!("event[{index}]"), arc))?;
                path.routes.push((*at, *delay));
                path.routes.sort();
            }
            Event::Loss { at, until, share } => {
                paths.values_mut().for_each(|path| path.losses.push((*at, *until, *share)));
            }
            _ => {}
        }
    }
    Ok(paths)
}

/// The gap of coded pairs: the second request of one is sent before the next slot.
fn pairs(scenario: &Scenario, paths: &BTreeMap<Arc, Path>) -> Result<Option<Nanos>, Refused> {
    // Arcs are in the order of their senders.
    let senders: Vec<NodeId> = paths.keys().map(|arc| arc.from).collect();
    let most = senders.chunk_by(|a, b| a == b).map(<[NodeId]>::len).max().unwrap_or(0);
    let refused = |mend| Refused(format!("probe_pairs = {}: {mend}", scenario.probe_pairs.unwrap_or_default()));
    pair::checked(scenario.probe_pairs, scenario.tau, most).map_err(refused)
}

/// Credits that exceed the delays round some cycle make clocks run away, and every bound is void.
fn refuse_runaway(nodes: u32, paths: &BTreeMap<Arc, Path>, links: &BTreeMap<Arc, Link>) -> Result<(), Refused> {
    let weight = |(arc, path): (&Arc, &Path)| Weighted {
        from: arc.from.0 as usize,
        to: arc.to.0 as usize,
        weight: path.least() - links.get(arc).map_or(Nanos::ZERO, |link| link.mu),
    };
    let Some(cycle) = negative_cycle(nodes as usize, &paths.iter().map(weight).collect::<Vec<_>>()) else {
        return Ok(());
    };
    let names: Vec<String> = cycle.iter().chain(cycle.first()).take(20).map(usize::to_string).collect();
    Err(Refused(format!(
        "mu: the credits along {} exceed the least delays, so that clocks would run away: choose smaller ones, or set runaway = \"shown\" to see it",
        names.join(" -> ")
    )))
}

fn run_config(scenario: &Scenario, seed: u64, links: &BTreeMap<Arc, Link>) -> RunConfig {
    let told = |link: &Link| Impairment {
        delay: link.delay,
        loss: link.loss_share,
        mu: link.mu,
        distance: link.distance,
        jitter: Nanos::ZERO,
    };
    RunConfig {
        cluster: 0,
        seed: Some(seed),
        nodes: scenario.topology.nodes(),
        topology: scenario.topology.name().to_owned(),
        arcs: links.iter().map(|(arc, link)| (*arc, told(link))).collect(),
        tau: scenario.tau,
        probe_pairs: None,
        measured: Some(scenario.duration),
        reference: NodeId(scenario.reference),
        plausible: scenario.plausible,
        git_commit: SIMULATED.to_owned(),
    }
}

fn host(scenario: &Scenario, seed: u64, node: u32) -> Host {
    let (mut crashes, mut lies) = (Vec::new(), Vec::new());
    for event in &scenario.events {
        match event {
            Event::Crash { node: whose, at, restart } if *whose == node => crashes.push((*at, *restart)),
            Event::TwoFacedClock { node: whose, at, until, lie, to, about } if *whose == node => {
                let until = until.unwrap_or(Nanos::MAX);
                lies.push(Lie { from: *at, until, to: to.clone(), by: *lie, about: *about });
            }
            _ => {}
        }
    }
    crashes.sort();
    let (oscillator, kappa) = turns::declare(scenario, seed, node);
    Host { oscillator, kappa, clocks: scenario.clocks, crashes, lies }
}
