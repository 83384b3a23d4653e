//! Who is linked to whom, in two flat arrays, and how far apart any two nodes can be.

use crate::sim::shapes::{Reach, Shape};

/// Up to so many nodes the diameter is found by a search from each of them.
const SEARCHED: usize = 2_048;
/// So many searches look for a better bound above that.
const SWEEPS: usize = 4;
/// Not reached.
const FAR: u32 = u32::MAX;

/// A graph in compressed sparse rows. Arcs are numbered by sender, then receiver.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Where each node's arcs begin; one more entry says where the last one's end.
    pub first: Vec<u32>,
    /// Each arc's receiver.
    pub to: Vec<u32>,
    /// Each arc's way back.
    pub back: Vec<u32>,
    /// What each arc crosses.
    pub reach: Vec<Reach>,
}

/// The directed diameter, or a certified bound on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Diameter {
    /// It is no less: two nodes are so far apart.
    pub at_least: u32,
    /// It is no more.
    pub at_most: u32,
}

impl Diameter {
    const fn exactly(hops: u32) -> Self {
        Self { at_least: hops, at_most: hops }
    }

    /// Whether both limits are one.
    pub const fn is_exact(self) -> bool {
        self.at_least == self.at_most
    }
}

impl Graph {
    /// The graph of `links`, each with the lower node first, in order.
    pub fn new(nodes: u32, links: &[(u32, u32, Reach)]) -> Self {
        let mut first = vec![0_u32; nodes as usize + 1];
        links.iter().flat_map(|(low, high, _)| [*low, *high]).for_each(|node| first[node as usize + 1] += 1);
        let mut sum = 0;
        first.iter_mut().for_each(|count| {
            sum += *count;
            *count = sum;
        });
        let arcs = 2 * links.len();
        let mut graph = Self { first, to: vec![0; arcs], back: vec![0; arcs], reach: vec![Reach::Local; arcs] };
        let mut next = graph.first.clone();
        let mut place = |node: u32| {
            next[node as usize] += 1;
            next[node as usize] - 1
        };
        // In this order each node's peers come in theirs: first the lower ones.
        for (low, high, reach) in links {
            let (up, down) = (place(*low), place(*high));
            for (arc, to, back) in [(up, *high, down), (down, *low, up)] {
                (graph.to[arc as usize], graph.back[arc as usize]) = (to, back);
                graph.reach[arc as usize] = *reach;
            }
        }
        graph
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.first.len() - 1
    }

    /// The nodes that `node` is linked to, in order.
    pub fn peers(&self, node: u32) -> &[u32] {
        &self.to[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }

    /// The number of the arc between two nodes.
    pub fn arc(&self, from: u32, to: u32) -> Option<usize> {
        let within = (from as usize) < self.nodes();
        let place = within.then(|| self.peers(from).binary_search(&to).ok()).flatten()?;
        Some(self.first[from as usize] as usize + place)
    }

    /// The diameter; `None` if some node cannot reach another. It is exact for the shapes whose diameter is known, for
    /// trees, and for up to 2,048 nodes; for others no more than twice the least eccentricity that a few searches find.
    /// Cost: O(arcs) above that.
    pub fn diameter(&self, shape: &Shape) -> Option<Diameter> {
        let mut search = Search::default();
        let (end, hops) = search.farthest(self, 0)?;
        if let Some(known) = known(shape) {
            return Some(Diameter::exactly(known));
        }
        if self.nodes() <= SEARCHED {
            let all = (0..self.nodes() as u32).map(|node| search.farthest(self, node).map_or(0, |(_, hops)| hops));
            return Some(Diameter::exactly(all.max().unwrap_or(0)));
        }
        let (_, longest) = search.farthest(self, end)?;
        if self.to.len() == 2 * (self.nodes() - 1) {
            return Some(Diameter::exactly(longest));
        }
        Some(self.bounded(&mut search, Diameter { at_least: hops.max(longest), at_most: 2 * hops.min(longest) }))
    }

    /// Looks for a better bound: a node halfway along a longest path has a small eccentricity.
    fn bounded(&self, search: &mut Search, mut found: Diameter) -> Diameter {
        for _ in 0..SWEEPS {
            let middle = search.halfway(self);
            let Some((end, hops)) = search.farthest(self, middle) else { break };
            found.at_most = found.at_most.min(2 * hops);
            let Some((_, longest)) = search.farthest(self, end) else { break };
            found.at_least = found.at_least.max(longest);
        }
        found
    }
}

/// The diameter of a shape for which it is known.
fn known(shape: &Shape) -> Option<u32> {
    match *shape {
        Shape::Full { .. } => Some(1),
        Shape::Ring { nodes } => Some(nodes / 2),
        Shape::Line { nodes } => Some(nodes - 1),
        Shape::Star { nodes } => Some(if nodes == 2 { 1 } else { 2 }),
        Shape::Grid { rows, columns } => Some(rows + columns - 2),
        _ => None,
    }
}

/// A breadth-first search.
#[derive(Default)]
struct Search {
    hops: Vec<u32>,
    order: Vec<u32>,
}

impl Search {
    /// The node farthest from `from` and how far it is; `None` if some node cannot be reached.
    fn farthest(&mut self, graph: &Graph, from: u32) -> Option<(u32, u32)> {
        self.hops.clear();
        self.hops.resize(graph.nodes(), FAR);
        self.order.clear();
        self.order.push(from);
        self.hops[from as usize] = 0;
        let mut done = 0;
        while let Some(node) = self.order.get(done).copied() {
            done += 1;
            let beyond = self.hops[node as usize] + 1;
            for peer in graph.peers(node) {
                if self.hops[*peer as usize] == FAR {
                    self.hops[*peer as usize] = beyond;
                    self.order.push(*peer);
                }
            }
        }
        let last = *self.order.last()?;
        (self.order.len() == graph.nodes()).then(|| (last, self.hops[last as usize]))
    }

    /// A node halfway on a shortest path between the ends of the last search.
    fn halfway(&self, graph: &Graph) -> u32 {
        let mut node = self.order.last().copied().unwrap_or(0);
        let half = self.hops[node as usize] / 2;
        while self.hops[node as usize] > half {
            let nearer = graph.peers(node).iter().find(|peer| self.hops[**peer as usize] < self.hops[node as usize]);
            node = nearer.copied().unwrap_or(node);
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Arc, NodeId};
    use crate::topology::diameter;

    fn graph(shape: &Shape) -> Graph {
        Graph::new(shape.nodes(), &shape.links(5))
    }

    fn shapes() -> Vec<Shape> {
        vec![
            Shape::Full { nodes: 5 },
            Shape::Ring { nodes: 6 },
            Shape::Ring { nodes: 7 },
            Shape::Ring { nodes: 2 },
            Shape::Line { nodes: 5 },
            Shape::Star { nodes: 7 },
            Shape::Star { nodes: 2 },
            Shape::Tree { nodes: 12, branches: 2 },
            Shape::Grid { rows: 3, columns: 4 },
            Shape::Islands { islands: 3, size: 4 },
            Shape::RandomRegular { nodes: 60, degree: 3 },
            Shape::RandomRegular { nodes: 40, degree: 4 },
        ]
    }

    #[test]
    fn diameters_are_those_of_the_searches_from_every_node() {
        for shape in shapes() {
            let graph = graph(&shape);
            let arcs = (0..shape.nodes())
                .flat_map(|from| graph.peers(from).iter().map(move |to| Arc { from: NodeId(from), to: NodeId(*to) }));
            let arcs: Vec<Arc> = arcs.collect();
            let exact = diameter((0..shape.nodes()).map(NodeId), arcs.iter().copied()).unwrap();
            assert_eq!(graph.diameter(&shape), Some(Diameter::exactly(exact)), "{shape:?}");
            let mut search = Search::default();
            let (_, hops) = search.farthest(&graph, 0).unwrap();
            let bound = graph.bounded(&mut search, Diameter { at_least: hops, at_most: 2 * hops });
            assert!(bound.at_least <= exact && exact <= bound.at_most, "{shape:?}: {bound:?} for {exact}");
            for (index, arc) in arcs.iter().enumerate() {
                assert_eq!(graph.arc(arc.from.0, arc.to.0), Some(index), "by sender, then receiver");
                assert_eq!(graph.arc(arc.to.0, arc.from.0), Some(graph.back[index] as usize));
            }
        }
    }

    #[test]
    fn a_large_graph_has_a_bound_and_a_broken_one_none() {
        let shape = Shape::RandomRegular { nodes: 4_000, degree: 4 };
        let bound = graph(&shape).diameter(&shape).unwrap();
        assert!((7..=11).contains(&bound.at_least) && bound.at_most <= 20 && !bound.is_exact(), "{bound:?}");
        let broken = Shape::Edges { nodes: 4, edges: vec![(0, 1), (2, 3)] };
        assert_eq!(graph(&broken).diameter(&broken), None);
        let tree = Shape::Tree { nodes: 4_095, branches: 2 };
        assert_eq!(graph(&tree).diameter(&tree), Some(Diameter::exactly(22)));
    }
}
