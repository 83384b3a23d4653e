//! Workloads in the world of a scenario, played once its clocks are known: on the clocks that its nodes ran, over its links.

use std::collections::BTreeMap;

use super::network::Network;
use super::scenario::{Event, Order, Refused, Scenario};
use super::workload::{Inside, Surroundings};
use super::world::World;
use crate::ids::{Algorithms, Arc, NodeId};
use crate::model::Path;
use crate::time::{Nanos, Time, True};
use crate::trial::{BEATS_PER_S, Clock, MOST_MESSAGES, Played, Stage, Terms, Workload};

/// What hosts may add to a message's delay, unless the scenario says how long messages take.
const SLACK: Nanos = Nanos::from_millis(50);
/// Clocks are known so long after the run's end as they would have gone on; after that they go on straight.
const BEYOND: Nanos = Nanos::from_seconds(60);

/// What a scenario wants ordered.
#[derive(Clone, Debug)]
pub struct Ordering {
    order: Order,
    clocks: Vec<Clock>,
    terms: Terms,
    paths: BTreeMap<Arc, Path>,
    crashes: Vec<(NodeId, Nanos)>,
    held: Nanos,
    origin: Nanos,
    end: Nanos,
    reference: NodeId,
}

impl Ordering {
    /// What `scenario` wants ordered in `world`, if anything.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn new(scenario: &Scenario, world: &World) -> Result<Option<Self>, Refused> {
        let Some(order) = scenario.order.clone() else { return Ok(None) };
        let nodes = scenario.topology.nodes();
        is_complete(nodes, &world.paths)?;
        let origin = order.begins(scenario.duration);
        let terms = terms(&order, scenario, world)?;
        let crashes = world.hosts.iter().zip(0..).flat_map(|(host, node)| {
            // What starts again later is another boot, and knows nothing of the processes of the first.
            let lives = move |(_, restart): &&(Nanos, Option<Nanos>)| restart.is_none_or(|restart| restart > origin);
            host.crashes.iter().filter(lives).map(move |(at, _)| (NodeId(node), *at))
        });
        Ok(Some(Self {
            clocks: order.clocks(scenario.clocks),
            crashes: crashes.collect(),
            held: held(scenario, origin),
            paths: world.paths.clone(),
            end: scenario.duration,
            reference: NodeId(scenario.reference),
            order,
            terms,
            origin,
        }))
    }

    /// When its clocks are read first.
    pub fn begins(&self) -> Time<True> {
        Time::ZERO + self.origin
    }

    /// The clocks that it reads.
    pub fn reads(&self) -> Algorithms {
        self.clocks.iter().map(|clock| clock.algorithm()).collect()
    }

    /// Plays all of it on the clocks that the nodes of `network` ran. `progress` hears which share is over.
    pub fn play(&self, network: &mut Network, mut progress: impl FnMut(f64)) -> Vec<Played> {
        let by = |workload: Workload| workload.differing(&self.clocks).into_iter().map(move |clock| (workload, clock));
        let runs: Vec<(Workload, Clock)> = self.order.workload.iter().copied().flat_map(by).collect();
        let mut played = Vec::new();
        for (workload, clock) in &runs {
            let faces = network.faces(clock.algorithm(), self.origin, Time::ZERO + self.end + BEYOND);
            let mut stage = Inside::new(Surroundings {
                faces,
                paths: self.paths.clone(),
                crashes: self.crashes.clone(),
                held: self.held,
                origin: self.origin,
                reference: self.reference,
            });
            played.push(self.play_one(*workload, *clock, &mut stage));
            progress(played.len() as f64 / runs.len() as f64);
        }
        played
    }

    fn play_one(&self, workload: Workload, clock: Clock, stage: &mut Inside) -> Played {
        let terms = Terms { stamps: clock.stamps(), ..self.terms };
        let mut row = workload.play(stage, &terms);
        if stage.lost_somebody() {
            row.excuse_unfinished();
        }
        let seen = stage.world(&terms).terms;
        Played {
            workload,
            clock,
            terms,
            seen: Some(seen),
            transport: "virtual time".to_owned(),
            cores: None,
            batch: None,
            cpu: None,
            premises: terms.broken_by(&seen),
            row: row.owned(),
        }
    }
}

/// Every process tells every other one: what is not linked cannot.
fn is_complete(nodes: u32, paths: &BTreeMap<Arc, Path>) -> Result<(), Refused> {
    let all = (0..nodes).flat_map(|from| (0..nodes).map(move |to| Arc { from: NodeId(from), to: NodeId(to) }));
    let missing = all.filter(|arc| arc.from != arc.to).find(|arc| !paths.contains_key(arc));
    missing.map_or(Ok(()), |arc| {
        Err(Refused(format!(
            "order: {arc} is no arc of this topology, and in a workload every node tells every other one: choose shape = \
             \"full\", or leave [order] out"
        )))
    })
}

/// The terms on which workloads are played: of delays, what the scenario declares of its links.
fn terms(order: &Order, scenario: &Scenario, world: &World) -> Result<Terms, Refused> {
    let least = world.paths.values().map(Path::least).min().unwrap_or_default();
    let minima = world.paths.values().flat_map(|path| path.routes.iter().map(|(_, delay)| *delay).chain([path.delay]));
    let most = minima.fold(least, Nanos::max);
    let slack = match order.declared_delay {
        None => SLACK,
        Some(declared) if declared >= most => declared - most,
        Some(declared) => {
            let text = format!("order.declared_delay = {declared}: messages take {most} at least: choose more");
            return Err(Refused(text));
        }
    };
    let terms = Terms {
        nodes: scenario.topology.nodes(),
        eps: order.declared_eps,
        declared: order.declared_eps,
        delay: least,
        jitter: most - least,
        slack,
        rate: order.rate_per_s,
        span: order.lasts(scenario.duration),
        seed: world.seed,
        stamps: Clock::LamportLogical.stamps(),
        premise: order.premise,
    };
    let messages = terms.messages();
    if messages > MOST_MESSAGES {
        return Err(Refused(format!(
            "order.rate_per_s = {}: with it a workload may send {messages:.0} messages: choose less, or a shorter \
             order.duration, up to {MOST_MESSAGES} ((rate + {BEATS_PER_S}) x seconds x nodes^2)",
            terms.rate
        )));
    }
    Ok(terms)
}

/// How long messages may be held back in all from `origin` on, by partitions and by hosts that sleep.
fn held(scenario: &Scenario, origin: Nanos) -> Nanos {
    let span = |event: &Event| match event {
        Event::Partition { at, until, .. } | Event::Suspend { at, until, .. } => *until - (*at).max(origin),
        _ => Nanos::ZERO,
    };
    scenario.events.iter().map(span).filter(|held| *held > Nanos::ZERO).fold(Nanos::ZERO, |sum, held| sum + held)
}
