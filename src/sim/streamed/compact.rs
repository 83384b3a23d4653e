//! A scenario in its smallest form: flat arrays, a fixed number of bytes a node and an arc.

use super::graph::{Diameter, Graph};
use crate::analysis::track::Leg;
use crate::ids::{Arc as Name, NodeId};
use crate::model::{Path, Purpose, Rng};
use crate::node::Seen;
use crate::sim::scenario::{Link, Refused, Runaway, Scale, Scenario, Stamps};
use crate::sim::shapes::Reach;
use crate::time::{Nanos, Ppb, Rate};

/// A node: its local clock is a straight line, its Lamport clock that line moved up.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Node {
    /// The local reading at true time zero, in ns.
    pub offset: i64,
    /// How fast the local clock gains on true time.
    pub rate: Rate,
    /// Lamport's reading less the local one, in ns.
    pub shift: i64,
    /// The local time of the next request, in ns.
    pub slot: i64,
    /// True over local time, to find instants that are then checked.
    pub pace: f64,
    /// The node's first arc and how many it has.
    pub first: u32,
    /// How many arcs it has.
    pub arcs: u32,
    /// To which of them the next request goes.
    pub turn: u32,
}

impl Node {
    /// The local reading at true time `now`, both in ns: exactly that of [`crate::affine::Line::at`].
    #[inline]
    pub const fn local(&self, now: i64) -> i64 {
        self.offset + now + self.rate.over(Nanos(now)).0
    }

    /// The true time at which the local clock first shows `reading`, found from the present: exactly that of
    /// [`crate::affine::Line::when`].
    #[inline]
    pub fn when(&self, reading: i64, now: i64) -> i64 {
        let mut found = now + ((reading - self.local(now)) as f64 * self.pace) as i64;
        while self.local(found) < reading {
            found += 1;
        }
        while self.local(found - 1) >= reading {
            found -= 1;
        }
        found
    }

    /// The Lamport clock as a leg that begins at `now`.
    #[inline]
    pub fn leg(&self, now: i64) -> Leg {
        let slope = self.rate.as_ratio();
        Leg { start: now as f64, value: (self.offset + self.shift) as f64 + now as f64 * slope, slope }
    }
}

/// An arc.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct Arc {
    /// What its receiver has seen.
    pub seen: Seen,
    /// What its draws come from.
    pub stream: u64,
    /// When the last message was sent that arrives, in ns of true time.
    pub last: i64,
    /// The receiver.
    pub to: u32,
    /// The arc back.
    pub back: u32,
    /// How many messages were sent.
    pub sent: u32,
    /// Which of the kinds of links it is.
    pub kind: u16,
}

/// What arcs have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct Kind {
    /// What happens to messages.
    pub path: Path,
    /// What every message is credited with, in ns.
    pub mu: i64,
}

/// A world that can be streamed.
#[derive(Clone, Debug)]
pub struct World {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The arcs, by sender, then receiver.
    pub arcs: Vec<Arc>,
    /// The kinds of links.
    pub kinds: Vec<Kind>,
    /// The probe period.
    pub tau: Nanos,
    /// The length of the run.
    pub duration: Nanos,
    /// Claims further than this from the own clock are refused.
    pub plausible: Nanos,
    /// The node that the NTP-style clocks follow.
    pub reference: u32,
    /// How programs stamp messages.
    pub stamps: Stamps,
    /// Limits of the directed diameter.
    pub diameter: Diameter,
    /// The largest declared kappa.
    pub kappa: Ppb,
    /// How many clocks run faster or slower than their declared kappa.
    pub unruly: u64,
}

impl World {
    /// The world that the scenario and the seed declare.
    ///
    /// # Errors
    /// Names the key, its value and the mend: what is wrong with it, or what this mode cannot do.
    pub fn new(scenario: &Scenario, seed: u64) -> Result<Self, Refused> {
        scenario.check(Scale::Streamed)?;
        refuse_what_takes_more(scenario)?;
        let nodes = scenario.topology.nodes();
        let graph = Graph::new(nodes, &scenario.topology.links(seed));
        let Some(diameter) = graph.diameter(&scenario.topology) else {
            let text = format!("topology: some of the {nodes} nodes cannot reach each other: add links");
            return Err(Refused(text));
        };
        let (arcs, kinds) = arcs(scenario, seed, &graph)?;
        if scenario.runaway == Runaway::Refused {
            refuse_large_credits(&arcs, &kinds)?;
        }
        let mut world = Self {
            nodes: Vec::with_capacity(nodes as usize),
            arcs,
            kinds,
            tau: scenario.tau,
            duration: scenario.duration,
            plausible: scenario.plausible,
            reference: scenario.reference,
            stamps: scenario.stamps,
            diameter,
            kappa: Ppb(0),
            unruly: 0,
        };
        world.add_nodes(scenario, seed, &graph);
        Ok(world)
    }

    fn add_nodes(&mut self, scenario: &Scenario, seed: u64, graph: &Graph) {
        let all = &scenario.oscillators;
        let mut own: Vec<_> = scenario.own_oscillators.iter().collect();
        own.sort_by_key(|own| own.node);
        let mut own = own.into_iter().peekable();
        for (id, ends) in (0_u32..).zip(graph.first.windows(2)) {
            let (mut offset, mut drift) = all.draw(seed, id);
            while let Some(own) = own.next_if(|own| own.node == id) {
                (offset, drift) = (own.offset.unwrap_or(offset), own.drift_ppm.map_or(drift, Ppb::from_ppm));
            }
            let kappa = all.kappa_ppm.map_or(drift.abs(), Ppb::from_ppm);
            self.kappa = self.kappa.max(kappa);
            self.unruly += u64::from(drift.abs() > kappa);
            let phase = Rng::stream(seed, Purpose::Phase, u64::from(id)).below(scenario.tau.0.max(1) as u64);
            let rate = Rate::from_ppb(drift);
            self.nodes.push(Node {
                offset: offset.0,
                rate,
                shift: 0,
                slot: offset.0 + phase as i64,
                pace: 1.0 / (1.0 + rate.as_ratio()),
                first: ends[0],
                arcs: ends[1] - ends[0],
                turn: 0,
            });
        }
    }

    /// The number of the arc between two nodes.
    pub fn arc(&self, from: u32, to: u32) -> Option<u32> {
        let node = &self.nodes[from as usize];
        let arcs = &self.arcs[node.first as usize..(node.first + node.arcs) as usize];
        arcs.binary_search_by_key(&to, |arc| arc.to).ok().map(|place| node.first + place as u32)
    }

    /// An arc's name.
    pub fn name(&self, arc: usize) -> Name {
        let from = self.nodes.partition_point(|node| node.first as usize <= arc).saturating_sub(1);
        Name { from: NodeId(from as u32), to: NodeId(self.arcs[arc].to) }
    }
}

/// The compact form has clocks of one rate, exact stamps, and nodes to which nothing happens.
fn refuse_what_takes_more(scenario: &Scenario) -> Result<(), Refused> {
    let refused = |key: &str, value: String| {
        Err(Refused(format!(
            "{key} = {value}: a streamed run has no such thing: leave it out, or run without --streamed"
        )))
    };
    let (all, stamps) = (&scenario.oscillators, scenario.stamps);
    if all.wander_limit_ppm != 0.0 {
        return refused("oscillators.wander_limit_ppm", all.wander_limit_ppm.to_string());
    }
    if let Some(temperature) = all.temperature {
        return refused("oscillators.temperature.step_ppm", temperature.step_ppm.to_string());
    }
    if let Some(gap) = scenario.probe_pairs.filter(|gap| *gap != Nanos::ZERO) {
        return refused("probe_pairs", gap.to_string());
    }
    if stamps.wait_within != Nanos::ZERO {
        return refused("stamps.wait_within", stamps.wait_within.to_string());
    }
    if let Some(order) = &scenario.order {
        let names: Vec<&str> = order.workload.iter().map(|workload| workload.name()).collect();
        return refused("order.workload", names.join(", "));
    }
    match scenario.events.first() {
        Some(event) => refused("event[0].kind", event.kind().to_owned()),
        None => Ok(()),
    }
}

/// Each arc with its kind.
fn arcs(scenario: &Scenario, seed: u64, graph: &Graph) -> Result<(Vec<Arc>, Vec<Kind>), Refused> {
    let mut kinds = Kinds(Vec::new());
    let wan = scenario.wan.as_ref().unwrap_or(&scenario.links);
    let mut of_reach = |link: &Link| -> Result<[u16; 2], Refused> {
        let up = Link { delay: link.delay + link.asymmetry, asymmetry: Nanos::ZERO, ..link.clone() };
        Ok([kinds.number(&up)?, kinds.number(&Link { asymmetry: Nanos::ZERO, ..link.clone() })?])
    };
    let (local, wide) = (of_reach(&scenario.links)?, of_reach(wan)?);
    let mut arcs = Vec::with_capacity(graph.to.len());
    for (from, ends) in (0_u32..).zip(graph.first.windows(2)) {
        for arc in ends[0] as usize..ends[1] as usize {
            let to = graph.to[arc];
            let [up, down] = if graph.reach[arc] == Reach::Wide { wide } else { local };
            let stream = Path::new(seed, Name { from: NodeId(from), to: NodeId(to) }, Nanos::ZERO).stream;
            let kind = if from < to { up } else { down };
            let seen = Seen::default();
            arcs.push(Arc { seen, stream, last: 0, to, back: graph.back[arc], sent: 0, kind });
        }
    }
    for (index, own) in scenario.own_links.iter().enumerate() {
        let Some(arc) = graph.arc(own.from, own.to) else {
            let (from, to) = (own.from, own.to);
            let mend = "is no arc of this topology: name two nodes that are linked";
            return Err(Refused(format!("link[{index}]: {from}->{to} {mend}")));
        };
        let common = kinds.link(arcs[arc].kind);
        arcs[arc].kind = kinds.number(&own.over(&common))?;
    }
    Ok((arcs, kinds.finish()))
}

/// The links that differ.
struct Kinds(Vec<Link>);

impl Kinds {
    fn number(&mut self, link: &Link) -> Result<u16, Refused> {
        let known = self.0.iter().position(|known| known == link);
        let number = known.unwrap_or_else(|| {
            self.0.push(link.clone());
            self.0.len() - 1
        });
        let too_many = || Refused(format!("link: {number} different links are too many: choose 65536 at most"));
        u16::try_from(number).map_err(|_| too_many())
    }

    fn link(&self, kind: u16) -> Link {
        self.0[usize::from(kind)].clone()
    }

    fn finish(self) -> Vec<Kind> {
        let kind = |link: Link| {
            let path = Path {
                jitter: link.jitter,
                bursts: link.bursts,
                queue: link.queue,
                loss: link.loss_share,
                duplication: link.duplicate_share,
                ..Path::new(0, Name { from: NodeId(0), to: NodeId(0) }, link.delay)
            };
            Kind { path, mu: link.mu.0 }
        };
        self.0.into_iter().map(kind).collect()
    }
}

/// Credits that are nowhere above the least delay exceed it round no cycle.
fn refuse_large_credits(arcs: &[Arc], kinds: &[Kind]) -> Result<(), Refused> {
    let excessive = |arc: &&Arc| kinds[usize::from(arc.kind)].mu > kinds[usize::from(arc.kind)].path.least().0;
    let Some(kind) = arcs.iter().find(excessive).map(|arc| &kinds[usize::from(arc.kind)]) else { return Ok(()) };
    let (mu, least) = (Nanos(kind.mu), kind.path.least());
    Err(Refused(format!(
        "mu = {mu}: it exceeds the least delay of its arc, {least}, and clocks may run away: choose a smaller one, or set runaway = \"shown\" to see it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::Line;
    use crate::time::{Local, Time, True};

    #[test]
    fn local_clocks_are_those_of_the_lines() {
        for (offset, ppb) in [(0, 0), (-777, 50_000), (5_000_000_000, -100_000_000), (3, 100_000_000), (-9, -1)] {
            let rate = Rate::from_ppb(Ppb(ppb));
            let line: Line<True, Local> = Line { start: Time::ZERO, value: Time::from_nanos(offset), rate };
            let pace = 1.0 / (1.0 + rate.as_ratio());
            let node = Node { offset, rate, shift: 0, slot: 0, pace, first: 0, arcs: 0, turn: 0 };
            for now in (0..90_000_000_000_000).step_by(7_777_777_777_777) {
                assert_eq!(node.local(now), line.at(Time::from_nanos(now)).as_nanos());
                for ahead in [0, 1, 999, 1_234_567, 99_999_999_999] {
                    let reading = node.local(now) + ahead;
                    let expected = line.when(Time::from_nanos(reading)).unwrap().as_nanos();
                    assert_eq!(node.when(reading, now), expected, "{ppb} {now} {ahead}");
                }
            }
        }
        assert_eq!((size_of::<Node>(), size_of::<Arc>()), (64, 64), "a cache line each");
    }
}
