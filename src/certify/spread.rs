//! Shortest distances over a synchronisation graph, by sweeping timelines: all that one message says reaches a whole
//! timeline in one pass up and one down, so that a distance over h messages takes about h turns of the nodes involved.
//! Bellman–Ford by nodes in place of vertices; weights may be negative.

use super::graph::Graph;

/// The distance of what is out of reach, in units.
pub const FAR: i64 = 1 << 62;

/// How a vertex got its distance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Via {
    /// It is where the search began, or out of reach.
    Start,
    /// From the vertex before it on its timeline.
    Earlier,
    /// From the vertex after it.
    Later,
    /// Over this edge of the graph.
    Edge(u32),
}

/// Which way edges are followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Distances from the start: how much later than the start a vertex can be at most.
    Onward,
    /// Distances to the start: how much earlier than the start a vertex can be at most.
    Backward,
}

/// Distances in units, and how they came about.
#[derive(Clone, Debug, Default)]
pub struct Distances {
    /// By vertex; [`FAR`] and more is out of reach.
    pub units: Vec<i64>,
    via: Vec<Via>,
}

impl Distances {
    /// Every vertex at `units`.
    pub fn reset(&mut self, vertices: usize, units: i64) {
        self.units.clear();
        self.units.resize(vertices, units);
        self.via.clear();
        self.via.resize(vertices, Via::Start);
    }

    /// The vertex that `vertex` has its distance from, and over which edge if over one.
    fn before(&self, vertex: usize, search: &Search) -> Option<(usize, Option<u32>)> {
        match self.via[vertex] {
            Via::Start => None,
            Via::Earlier => Some((vertex - 1, None)),
            Via::Later => Some((vertex + 1, None)),
            Via::Edge(edge) => Some((search.tails[edge as usize] as usize, Some(edge))),
        }
    }

    /// The edges over which `vertex` got its distance, the one next to it first.
    pub fn chain(&self, vertex: usize, search: &Search) -> Vec<u32> {
        let mut edges = Vec::new();
        let mut at = vertex;
        for _ in 0..self.via.len() {
            let Some((before, edge)) = self.before(at, search) else { break };
            edges.extend(edge);
            at = before;
        }
        edges
    }

    /// The edges of a cycle of vertices that got their distances from each other, against its direction, if there is one.
    /// Such a cycle is negative.
    pub fn cycle(&self, search: &Search) -> Option<Vec<u32>> {
        let mut seen = vec![0_u32; self.via.len()];
        for (start, turn) in (0..self.via.len()).zip(1..) {
            let mut at = start;
            while seen[at] == 0 {
                seen[at] = turn;
                let Some((before, _)) = self.before(at, search) else { break };
                at = before;
            }
            if seen[at] == turn && self.before(at, search).is_some() {
                return Some(self.round(at, search));
            }
        }
        None
    }

    fn round(&self, start: usize, search: &Search) -> Vec<u32> {
        let mut edges = Vec::new();
        let mut at = start;
        while let Some((before, edge)) = self.before(at, search) {
            edges.extend(edge);
            at = before;
            if at == start {
                break;
            }
        }
        edges
    }
}

#[derive(Clone, Copy, Debug)]
struct Hop {
    tail: u32,
    head: u32,
    to: u32,
    edge: u32,
    weight: i64,
}

/// A graph made ready to be searched one way.
#[derive(Clone, Debug)]
pub struct Search {
    /// Going to a later vertex of a timeline costs the difference of these marks, to an earlier one that of the others.
    later: Vec<i64>,
    earlier: Vec<i64>,
    timelines: Vec<std::ops::Range<usize>>,
    hops: Vec<Hop>,
    of_node: Vec<std::ops::Range<usize>>,
    tails: Vec<u32>,
}

impl Search {
    /// Makes a graph ready.
    pub fn new(graph: &Graph<'_>, direction: Direction) -> Self {
        let negated = |marks: &[i64]| marks.iter().map(|mark| -mark).collect::<Vec<_>>();
        let (later, earlier) = match direction {
            Direction::Onward => (graph.longest.clone(), graph.shortest.clone()),
            Direction::Backward => (negated(&graph.shortest), negated(&graph.longest)),
        };
        let ends = |edge: &super::graph::Edge<'_>| match direction {
            Direction::Onward => (edge.tail, edge.head),
            Direction::Backward => (edge.head, edge.tail),
        };
        let hop = |(edge, index): (&super::graph::Edge<'_>, u32)| {
            let (tail, head) = ends(edge);
            let to = graph.owner(head) as u32;
            Hop { tail: tail as u32, head: head as u32, to, edge: index, weight: edge.weight }
        };
        let mut hops: Vec<Hop> = graph.edges.iter().zip(0..).map(hop).collect();
        let tails = hops.iter().map(|hop| hop.tail).collect();
        hops.sort_by_key(|hop| (hop.tail, hop.head));
        let timelines: Vec<_> = graph.timelines.iter().map(|timeline| timeline.first..timeline.end).collect();
        let first = |vertex: usize| hops.partition_point(|hop| (hop.tail as usize) < vertex);
        let of_node = timelines.iter().map(|timeline| first(timeline.start)..first(timeline.end)).collect();
        Self { later, earlier, timelines, hops, of_node, tails }
    }

    /// Starts at some vertices of a node, at given distances.
    pub fn begin(&self, distances: &mut Distances, starts: impl IntoIterator<Item = (usize, i64)>) {
        distances.reset(self.later.len(), FAR);
        for (vertex, units) in starts {
            distances.units[vertex] = units;
        }
    }

    /// Lowers distances until every edge holds, beginning with the timelines of `nodes`. After each turn `go_on` is asked;
    /// without its consent the search ends early. A turn visits nodes whose distances the turn before has lowered.
    pub fn settle(
        &self,
        distances: &mut Distances,
        nodes: Vec<usize>,
        mut go_on: impl FnMut(usize, &Distances) -> bool,
    ) {
        let mut due = nodes;
        let mut next = Vec::new();
        let mut waits = vec![false; self.timelines.len()];
        let mut turn = 0;
        while !due.is_empty() {
            turn += 1;
            for node in due.drain(..) {
                waits[node] = false;
                self.sweep(node, distances);
                self.leap(node, distances, |to| {
                    if !std::mem::replace(&mut waits[to], true) {
                        next.push(to);
                    }
                });
            }
            if !go_on(turn, distances) {
                return;
            }
            std::mem::swap(&mut due, &mut next);
        }
    }

    /// Lets the distances of one timeline spread along it.
    fn sweep(&self, node: usize, distances: &mut Distances) {
        let range = self.timelines[node].clone();
        let (units, via) = (&mut distances.units[range.clone()], &mut distances.via[range.clone()]);
        let (later, earlier) = (&self.later[range.clone()], &self.earlier[range]);
        let mut best = FAR;
        for index in 0..units.len() {
            let through = best + later[index];
            if through < units[index] && best < FAR / 2 {
                (units[index], via[index]) = (through, Via::Earlier);
            } else if units[index] < FAR / 2 {
                best = units[index] - later[index];
            }
        }
        best = FAR;
        for index in (0..units.len()).rev() {
            let through = best + earlier[index];
            if through < units[index] && best < FAR / 2 {
                (units[index], via[index]) = (through, Via::Later);
            } else if units[index] < FAR / 2 {
                best = units[index] - earlier[index];
            }
        }
    }

    /// Lets the distances of one timeline spread over messages.
    fn leap(&self, node: usize, distances: &mut Distances, mut lowered: impl FnMut(usize)) {
        for hop in &self.hops[self.of_node[node].clone()] {
            let from = distances.units[hop.tail as usize];
            let through = (from + hop.weight).max(-FAR);
            if from < FAR / 2 && through < distances.units[hop.head as usize] {
                distances.units[hop.head as usize] = through;
                distances.via[hop.head as usize] = Via::Edge(hop.edge);
                lowered(hop.to as usize);
            }
        }
    }
}
