//! Who exchanges probes with whom: links, arcs, the directed diameter, and what is configured for each arc: the delays
//! that a lab injects, and the minimum delay that is known.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{Arc, NodeId};
use crate::length::Length;
use crate::time::Nanos;

/// What is configured for one arc: what a lab does to its messages on their arrival, and what is known of it.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Impairment {
    /// Held back by at least this much.
    pub delay: Nanos,
    /// And by a further span, drawn evenly between zero and this.
    pub jitter: Nanos,
    /// Share of the messages that are dropped, 0 to 1.
    pub loss: f64,
    /// Known minimum delay that every message is credited with (the base of mu_m). An over-estimate makes clocks run
    /// away.
    pub mu: Nanos,
    /// How far apart both ends are, where somebody said so: no message is faster than light. It never raises `mu`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<Length>,
}

impl Impairment {
    /// Whether messages pass untouched.
    pub fn is_none(&self) -> bool {
        *self == Self { mu: self.mu, distance: self.distance, ..Self::default() }
    }
}

/// Most nodes of a run. What costs a step for each node and event stays bearable below it.
pub const MAX_NODES: u32 = 1_024;

/// A directed graph of nodes in which every arc has its reverse.
#[derive(Clone, PartialEq, Debug)]
pub struct Topology {
    name: String,
    nodes: u32,
    arcs: BTreeMap<Arc, Impairment>,
}

/// Why a text does not describe a topology.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadTopology(String);

impl fmt::Display for BadTopology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadTopology {}

impl Topology {
    /// Every pair is linked.
    pub fn full(nodes: u32, impairment: Impairment) -> Self {
        Self::from_links("full", nodes, (0..nodes).flat_map(|a| (0..a).map(move |b| (b, a))), impairment)
    }

    /// Each node is linked to the next, the last to the first.
    pub fn ring(nodes: u32, impairment: Impairment) -> Self {
        Self::from_links("ring", nodes, (0..nodes).map(|a| (a, (a + 1) % nodes)), impairment)
    }

    /// Each node is linked to the next.
    pub fn line(nodes: u32, impairment: Impairment) -> Self {
        Self::from_links("line", nodes, (1..nodes).map(|a| (a - 1, a)), impairment)
    }

    fn from_links(name: &str, nodes: u32, links: impl Iterator<Item = (u32, u32)>, impairment: Impairment) -> Self {
        let arcs = links
            .filter(|(a, b)| a != b)
            .map(|(a, b)| Arc { from: NodeId(a), to: NodeId(b) })
            .flat_map(|arc| [(arc, impairment), (arc.reversed(), impairment)])
            .collect();
        Self { name: name.to_owned(), nodes, arcs }
    }

    /// Reads a topology from text, one arc a line: `from,to[,delay[,jitter[,loss[,mu[,distance]]]]]`. Lines that are
    /// empty, start with `#` or with the header `from` are skipped. What a line leaves out is taken from `default`; an arc whose reverse
    /// is given but which is not given itself is a copy of it.
    ///
    /// # Errors
    /// Names the line, the value and the mend.
    pub fn parse(name: &str, text: &str, nodes: u32, default: Impairment) -> Result<Self, BadTopology> {
        if nodes > MAX_NODES {
            return Err(BadTopology(format!(
                "topology {name}: {nodes} nodes are too many: at most {MAX_NODES} can be"
            )));
        }
        let mut arcs = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with("from") {
                continue;
            }
            let (arc, impairment) = parse_arc(line, nodes, default)
                .map_err(|why| BadTopology(format!("topology {name}, line {}: {why}", index + 1)))?;
            if arcs.insert(arc, impairment).is_some() {
                return Err(BadTopology(format!("topology {name}, line {}: arc {arc} is given twice", index + 1)));
            }
        }
        for (arc, impairment) in arcs.clone() {
            arcs.entry(arc.reversed()).or_insert(impairment);
        }
        let topology = Self { name: name.to_owned(), nodes, arcs };
        match topology.diameter() {
            Some(_) => Ok(topology),
            None => Err(BadTopology(format!(
                "topology {name}: some of the {nodes} nodes cannot reach each other: add links, or set --nodes to the number of nodes in the file"
            ))),
        }
    }

    /// What the topology is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of nodes; their ids are `0..nodes`.
    pub fn nodes(&self) -> u32 {
        self.nodes
    }

    /// Every arc with its impairment, ordered by sender, then receiver.
    pub fn arcs(&self) -> impl Iterator<Item = (Arc, Impairment)> + '_ {
        self.arcs.iter().map(|(arc, impairment)| (*arc, *impairment))
    }

    /// The nodes that `node` is linked to, in order.
    pub fn peers(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.arcs.keys().filter(move |arc| arc.from == node).map(|arc| arc.to)
    }

    /// The directed diameter: the longest of the shortest paths, in arcs; `None` if some node cannot reach another.
    pub fn diameter(&self) -> Option<u32> {
        diameter((0..self.nodes).map(NodeId), self.arcs.keys().copied())
    }
}

/// The directed diameter of a graph: the longest of the shortest paths, in arcs; `None` if some node cannot reach
/// another, if an arc names another node, or with more than [`MAX_NODES`]. Cost: one breadth-first search a node.
pub fn diameter(nodes: impl IntoIterator<Item = NodeId>, arcs: impl IntoIterator<Item = Arc>) -> Option<u32> {
    let nodes = nodes.into_iter().take(MAX_NODES as usize + 1);
    let places: BTreeMap<NodeId, usize> = nodes.zip(0..).collect();
    let mut next = vec![Vec::new(); places.len()];
    for arc in arcs {
        next[*places.get(&arc.from)?].push(*places.get(&arc.to)?);
    }
    for peers in &mut next {
        peers.sort_unstable();
        peers.dedup();
    }
    let few = places.len() <= MAX_NODES as usize;
    let mut farthest = (0..next.len()).map(|start| farthest(&next, start));
    few.then(|| farthest.try_fold(0, |longest, found| Some(longest.max(found?))))?
}

/// How far the farthest node is from `start`, in arcs; `None` if some node is out of reach.
fn farthest(next: &[Vec<usize>], start: usize) -> Option<u32> {
    let mut distances = vec![None; next.len()];
    distances[start] = Some(0);
    let mut reached = vec![start];
    let mut turn = 0;
    while turn < reached.len() && reached.len() < next.len() {
        let node = reached[turn];
        for &peer in &next[node] {
            if distances[peer].is_none() {
                distances[peer] = distances[node].map(|distance: u32| distance + 1);
                reached.push(peer);
            }
        }
        turn += 1;
    }
    (reached.len() == next.len()).then(|| reached.last().and_then(|last| distances[*last]))?
}

fn parse_arc(line: &str, nodes: u32, default: Impairment) -> Result<(Arc, Impairment), String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    if !(2..=7).contains(&fields.len()) {
        let form = "from,to[,delay[,jitter[,loss[,mu[,distance]]]]]";
        return Err(format!("`{line}` has {} fields: write {form}", fields.len()));
    }
    let node = |key: &str, text: &str| match text.parse::<u32>() {
        Ok(id) if id < nodes => Ok(NodeId(id)),
        _ => Err(format!("{key} `{text}` is no node: nodes are 0 to {}", nodes.saturating_sub(1))),
    };
    let arc = Arc { from: node("from", fields[0])?, to: node("to", fields[1])? };
    if arc.from == arc.to {
        return Err(format!("arc {arc} joins a node to itself: name two nodes"));
    }
    let span = |key: &str, index: usize, default: Nanos| match fields.get(index) {
        None | Some(&"") => Ok(default),
        Some(text) => match text.parse::<Nanos>() {
            Ok(span) if span >= Nanos::ZERO => Ok(span),
            Ok(_) => Err(format!("{key} `{text}` is negative: write a span such as 5ms")),
            Err(why) => Err(format!("{key} {why}")),
        },
    };
    let impairment = Impairment {
        delay: span("delay", 2, default.delay)?,
        jitter: span("jitter", 3, default.jitter)?,
        loss: match fields.get(4) {
            None | Some(&"") => default.loss,
            Some(text) => match text.parse::<f64>() {
                Ok(loss) if (0.0..1.0).contains(&loss) => loss,
                _ => return Err(format!("loss `{text}` is no share: write a number from 0 to below 1, such as 0.01")),
            },
        },
        mu: span("mu", 5, default.mu)?,
        distance: match fields.get(6) {
            None | Some(&"") => default.distance,
            Some(text) => Some(text.parse().map_err(|why| format!("distance {why}"))?),
        },
    };
    Ok((arc, impairment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diameters_of_the_named_shapes() {
        let none = Impairment::default();
        assert_eq!(Topology::full(5, none).diameter(), Some(1));
        assert_eq!(Topology::ring(6, none).diameter(), Some(3));
        assert_eq!(Topology::ring(7, none).diameter(), Some(3));
        assert_eq!(Topology::line(5, none).diameter(), Some(4));
        assert_eq!(Topology::full(5, none).arcs().count(), 20);
        assert_eq!(Topology::ring(2, none).arcs().count(), 2);
        assert_eq!(Topology::line(3, none).peers(NodeId(1)).collect::<Vec<_>>(), [NodeId(0), NodeId(2)]);
    }

    #[test]
    fn the_diameter_is_directed() {
        let ring = (0..4).map(|i| Arc { from: NodeId(i), to: NodeId((i + 1) % 4) });
        assert_eq!(diameter((0..4).map(NodeId), ring), Some(3));
        assert_eq!(diameter((0..2).map(NodeId), [Arc { from: NodeId(0), to: NodeId(1) }]), None);
    }

    #[test]
    fn no_graph_costs_more_than_its_size_allows() {
        let arc = |from, to| Arc { from: NodeId(from), to: NodeId(to) };
        let unknown = [arc(0, 1), arc(1, 0), arc(1, 9)];
        assert_eq!(diameter((0..2).map(NodeId), unknown), None, "an arc to a node that is none");
        assert_eq!(diameter((0..u32::MAX).map(NodeId), unknown), None);
        let crowd = (0..=MAX_NODES).map(|i| arc(i, (i + 1) % (MAX_NODES + 1)));
        assert_eq!(diameter((0..=MAX_NODES).map(NodeId), crowd), None);
        let again = [arc(0, 1), arc(1, 0)].into_iter().cycle().take(200_000);
        assert_eq!(diameter((0..2).map(NodeId), again), Some(1));
        let error = Topology::parse("x", "0,1", u32::MAX, Impairment::default()).unwrap_err().to_string();
        assert!(error.contains("4294967295") && error.contains("1024"), "{error}");
    }

    #[test]
    fn a_file_may_give_each_direction_its_own_delay() {
        let text = "from,to,delay,jitter,loss\n0,1,5ms,1ms,0.1,9ns,120km # there\n1,0,7ms\n\n1,2\n";
        let topology = Topology::parse("x", text, 3, Impairment::default()).unwrap();
        let found: BTreeMap<_, _> = topology.arcs().collect();
        let arc = |from, to| Arc { from: NodeId(from), to: NodeId(to) };
        assert_eq!(
            found[&arc(0, 1)],
            Impairment {
                delay: Nanos::from_millis(5),
                jitter: Nanos::from_millis(1),
                loss: 0.1,
                mu: Nanos(9),
                distance: "120km".parse().ok()
            }
        );
        assert!(found[&arc(0, 1)].distance.is_some() && found[&arc(1, 2)].distance.is_none());
        assert_eq!(found[&arc(1, 0)].delay, Nanos::from_millis(7));
        assert_eq!(found.len(), 4, "the reverse of 1,2 is implied");
    }

    #[test]
    fn a_bad_file_is_refused_by_line_value_and_mend() {
        for (text, words) in [
            ("0,9", ["line 1", "`9`", "0 to 2"]),
            ("0,1\n1,2,5parsecs", ["line 2", "5parsecs", "100ms"]),
            ("0,1,1ms,0,1.5", ["line 1", "`1.5`", "below 1"]),
            ("0,1,1ms,0,0,0,120", ["line 1", "distance `120`", "120km"]),
            ("0,1", ["topology x", "3 nodes", "add links"]),
            ("0,0", ["line 1", "0->0", "two nodes"]),
        ] {
            let error = Topology::parse("x", text, 3, Impairment::default()).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{error}");
            }
        }
    }
}
