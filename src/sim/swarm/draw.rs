//! A whole random scenario. Shape and first event follow from the seed's place in a row, so that a few dozen seeds in a row
//! have them all; everything else is drawn.

use crate::ids::Algorithms;
use crate::model::jitter::{Bursts, Jitter};
use crate::model::{Purpose, Queue, Rng};
use crate::sim::scenario::{
    About, Event, Link, Oscillators, OwnLink, OwnOscillator, Runaway, Scenario, Stamping, Stamps, Temperature,
};
use crate::sim::shapes::Shape;
use crate::time::Nanos;

/// Kinds of events, and none.
const EVENTS: u64 = 11;
/// So many slots of all nodes' probe grids together, about: what a scenario costs.
const SLOTS: i64 = 1_500;

/// The scenario of a seed.
pub fn draw(seed: u64) -> Scenario {
    let mut draw = Draw(Rng::stream(seed, Purpose::Swarm, 0));
    let topology = draw.shape(seed);
    let nodes = topology.nodes();
    let links = draw.link(Nanos::from_micros(20), Nanos::from_millis(5));
    let arcs = 2 * topology.links(seed).len() as i64;
    let duration = draw.span(Nanos::from_seconds(4), Nanos::from_seconds(10));
    let densest = duration.times(arcs).over(SLOTS).max(Nanos::from_millis(20));
    let mut scenario = Scenario {
        duration,
        tau: draw.span(densest, Nanos::from_millis(250).max(densest)).min(duration.over(10)),
        seed: Some(seed),
        reference: draw.node(nodes),
        probe_pairs: None,
        clocks: if seed % 4 == 3 { Algorithms::ALL } else { Algorithms::USUAL },
        plausible: if draw.one_in(8) { Nanos::from_millis(30) } else { Nanos::from_seconds(1_000) },
        runaway: Runaway::Refused,
        wan: matches!(topology, Shape::Islands { .. })
            .then(|| draw.link(Nanos::from_millis(5), Nanos::from_millis(30))),
        oscillators: draw.oscillators(),
        own_oscillators: draw.some(4, |draw| draw.own_oscillator(nodes)),
        own_links: draw.some(4, |draw| draw.own_link(&topology, seed, &links)),
        stamps: draw.stamps(),
        events: Vec::new(),
        order: None,
        topology,
        links,
    };
    scenario.events = draw.events(seed, &scenario);
    if scenario.events.is_empty() && seed.is_multiple_of(2) {
        calm(&mut scenario.oscillators);
    }
    if draw.one_in(12) {
        scenario.runaway = Runaway::Shown;
        scenario.links.mu = scenario.links.delay.times(2);
    }
    draw_pairs(seed, &mut scenario);
    scenario
}

/// Keeps what every clock assumes of oscillators: there the NTP-style clocks' own bounds must hold.
fn calm(oscillators: &mut Oscillators) {
    oscillators.temperature = None;
    oscillators.drift_within_ppm = oscillators.drift_within_ppm.min(5.0);
    oscillators.wander_limit_ppm = oscillators.wander_limit_ppm.min(2.0);
}

/// Coded pairs and the queues they are for, in one scenario of four. They have a stream of their own, so that what else a
/// seed stands for does not depend on them.
fn draw_pairs(seed: u64, scenario: &mut Scenario) {
    let mut draw = Draw(Rng::stream(seed, Purpose::Swarm, 1));
    let gap = draw.span(Nanos::from_micros(5), Nanos::from_micros(200));
    let most = scenario.tau.over(4).over(i64::from(scenario.topology.nodes()));
    if draw.one_in(4) {
        scenario.probe_pairs = Some(gap.min(most));
        scenario.links.queue = draw.one_in(2).then(|| draw.queue());
    }
}

struct Draw(Rng);

impl Draw {
    fn one_in(&mut self, many: u64) -> bool {
        self.0.below(many) == 0
    }

    fn node(&mut self, nodes: u32) -> u32 {
        self.0.below(u64::from(nodes)) as u32
    }

    fn span(&mut self, least: Nanos, most: Nanos) -> Nanos {
        least + Nanos(self.0.below((most - least).0.max(0) as u64 + 1) as i64)
    }

    /// In hundredths, so that the text form of a scenario is short.
    fn share(&mut self, most: f64) -> f64 {
        (self.0.unit() * most * 100.0).round() / 100.0
    }

    fn some<T>(&mut self, many: u64, make: impl FnOnce(&mut Self) -> T) -> Vec<T> {
        if self.one_in(many) { vec![make(self)] } else { Vec::new() }
    }

    fn shape(&mut self, seed: u64) -> Shape {
        let nodes = 2 + self.node(6);
        match seed % 9 {
            0 => Shape::Full { nodes },
            1 => Shape::Ring { nodes },
            2 => Shape::Line { nodes },
            3 => Shape::Star { nodes },
            4 => Shape::Tree { nodes, branches: 1 + self.node(3) },
            5 => Shape::Grid { rows: 1 + self.node(2), columns: 2 + self.node(2) },
            6 => Shape::RandomRegular { nodes: 2 * (2 + self.node(3)), degree: 3 },
            7 => Shape::Islands { islands: 2 + self.node(2), size: 1 + self.node(3) },
            _ => Shape::Edges { nodes, edges: (1..nodes).map(|node| (self.node(node), node)).collect() },
        }
    }

    fn jitter(&mut self) -> Jitter {
        let most = Nanos::from_millis(if self.one_in(6) { 80 } else { 2 });
        let scale = self.span(Nanos(100), most);
        match self.0.below(6) {
            0 => Jitter::Constant { span: scale },
            1 => Jitter::Uniform { limit: scale },
            2 => Jitter::Exponential { mean: scale },
            3 => Jitter::Gamma { mean: scale, shape: 0.5 + self.share(3.0) },
            4 => Jitter::LogNormal { median: scale, sigma: 0.1 + self.share(1.0) },
            _ => Jitter::Pareto { scale, alpha: 1.2 + self.share(2.0) },
        }
    }

    fn bursts(&mut self) -> Bursts {
        let every = self.span(Nanos::from_millis(200), Nanos::from_seconds(2));
        Bursts { every, lasting: every.over(8), extra: self.span(Nanos::from_millis(1), Nanos::from_millis(20)) }
    }

    fn queue(&mut self) -> Queue {
        let every = self.span(Nanos::from_millis(200), Nanos::from_seconds(3));
        let load_share = 0.1 + self.share(0.8);
        Queue { every, lasting: every.over(2), load_share, train: self.span(Nanos(1_000), Nanos::from_millis(1)) }
    }

    /// Credits are a hair less than the least delay at the most, for receivers that run slow.
    fn link(&mut self, least: Nanos, most: Nanos) -> Link {
        let delay = self.span(least, most);
        let asymmetry = if self.one_in(4) { self.span(-delay.over(2), delay) } else { Nanos::ZERO };
        let known = delay.min(delay + asymmetry);
        Link {
            delay,
            asymmetry,
            jitter: self.jitter(),
            bursts: self.one_in(5).then(|| self.bursts()),
            queue: None,
            loss_share: if self.one_in(2) { self.share(0.4) } else { 0.0 },
            duplicate_share: if self.one_in(3) { self.share(0.3) } else { 0.0 },
            mu: [Nanos::ZERO, known.over(2), known - known.over(1_000) - Nanos(1)][self.0.below(3) as usize],
            distance: None,
        }
    }

    fn own_link(&mut self, shape: &Shape, seed: u64, common: &Link) -> OwnLink {
        let links: Vec<_> = shape.links(seed).into_iter().collect();
        let (low, high, _) = links[self.0.below(links.len() as u64) as usize];
        let (from, to) = if self.one_in(2) { (low, high) } else { (high, low) };
        OwnLink {
            from,
            to,
            delay: None,
            jitter: Some(self.jitter()),
            bursts: None,
            queue: None,
            // One in four loses next to everything, so that the arc falls silent.
            loss_share: Some(self.share(1.33).min(0.999)),
            duplicate_share: None,
            mu: Some(common.mu.over(2)),
            distance: None,
        }
    }

    fn oscillators(&mut self) -> Oscillators {
        let wanders = self.one_in(2);
        Oscillators {
            offset_within: self.span(Nanos::ZERO, Nanos::from_millis(20)),
            drift_within_ppm: [0.0, 5.0, 50.0, 200.0][self.0.below(4) as usize],
            wander_ppb_per_sqrt_s: if wanders { 100.0 } else { 0.0 },
            wander_limit_ppm: if wanders { 1.0 + self.share(5.0) } else { 0.0 },
            temperature: self.one_in(4).then(|| Temperature {
                every: self.span(Nanos::from_millis(300), Nanos::from_seconds(2)),
                step_ppm: 5.0,
                limit_ppm: 20.0,
            }),
            kappa_ppm: None,
        }
    }

    fn own_oscillator(&mut self, nodes: u32) -> OwnOscillator {
        let offset = self.span(Nanos::from_millis(-700), Nanos::from_millis(700));
        OwnOscillator { node: self.node(nodes), offset: Some(offset), drift_ppm: None }
    }

    fn stamps(&mut self) -> Stamps {
        Stamps {
            by: if self.one_in(4) { Stamping::User } else { Stamping::Kernel },
            noise: if self.one_in(2) { self.span(Nanos(1), Nanos::from_micros(2)) } else { Nanos::ZERO },
            wait_within: if self.one_in(2) { self.span(Nanos(1), Nanos::from_micros(200)) } else { Nanos::ZERO },
        }
    }

    /// Where the seed's place in a row says none, there is none at all: some laws hold of calm worlds only.
    fn events(&mut self, seed: u64, scenario: &Scenario) -> Vec<Event> {
        let Some(first) = self.event(seed / 9 % EVENTS, scenario) else { return Vec::new() };
        let more = self.0.below(3);
        let others = (0..more).filter_map(|_| {
            let kind = self.0.below(2 * EVENTS);
            self.event(kind, scenario)
        });
        std::iter::once(first).chain(others).collect()
    }

    fn event(&mut self, kind: u64, scenario: &Scenario) -> Option<Event> {
        let (nodes, end) = (scenario.topology.nodes(), scenario.duration);
        let (node, at) = (self.node(nodes), self.span(Nanos::ZERO, end - Nanos::from_millis(100)));
        let later = self.span(at + Nanos::from_millis(1), end);
        let until = (!self.one_in(3)).then_some(later);
        let ppm = 10.0 + (self.0.unit() * 3_000.0).round();
        Some(match kind {
            // Soon, so that messages to the old boot arrive at the new one.
            0 if self.one_in(2) => {
                Event::Crash { node, at, restart: Some(at + self.span(Nanos(1), Nanos::from_millis(20))) }
            }
            0 => Event::Crash { node, at, restart: self.one_in(2).then_some(later) },
            1 => Event::Suspend { node, at, until: later },
            2 => Event::FrequencyStep { node, at, by_ppm: ppm / 20.0 },
            3 => Event::ClockStep { node, at, by: self.span(Nanos::from_millis(1), Nanos::from_seconds(3)) },
            4 => Event::StuckClock { node, at, until },
            5 => Event::RacingClock { node, at, until, by_ppm: ppm },
            6 => {
                let to = (0..nodes).filter(|to| *to != node).take(2).collect();
                let lie = self.span(Nanos::from_millis(1), Nanos::from_millis(900));
                let lie = if self.one_in(2) { lie } else { -lie };
                let about = if lie.0 % 2 == 0 { About::Readings } else { About::Everything };
                Event::TwoFacedClock { node, at, until, lie, to, about }
            }
            7 => Event::Partition { nodes: vec![node], at, until: later },
            8 => {
                let links: Vec<_> = scenario.topology.links(scenario.seed.unwrap_or(0)).into_iter().collect();
                let (from, to, _) = links[self.0.below(links.len() as u64) as usize];
                // Never shorter than any link's credit.
                let longest = scenario.wan.as_ref().map_or(Nanos::ZERO, |wan| wan.delay + wan.asymmetry.abs());
                let delay = scenario.links.delay.max(longest).times(2);
                Event::Route { from, to, at, delay }
            }
            9 => Event::Loss { at, until: later, share: 0.05 + 0.9 * self.0.unit() },
            _ => return None,
        })
    }
}
