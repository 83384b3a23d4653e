//! Shapes of networks: who is linked to whom.

use serde::{Deserialize, Serialize};

use crate::model::{Purpose, Rng};

/// What a link crosses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reach {
    /// It stays inside a LAN.
    Local,
    /// It joins two islands.
    Wide,
}

/// A shape with its size.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// Every pair is linked.
    Full {
        /// How many nodes.
        nodes: u32,
    },
    /// Each node is linked to the next, the last to the first.
    Ring {
        /// How many nodes.
        nodes: u32,
    },
    /// Each node is linked to the next.
    Line {
        /// How many nodes.
        nodes: u32,
    },
    /// Every node is linked to node 0.
    Star {
        /// How many nodes.
        nodes: u32,
    },
    /// Node 0 is the root; each node has so many below it.
    Tree {
        /// How many nodes.
        nodes: u32,
        /// How many below each.
        branches: u32,
    },
    /// Each node is linked to those beside, above and below it.
    Grid {
        /// How many rows.
        rows: u32,
        /// How many nodes in each of them.
        columns: u32,
    },
    /// Each node has so many links, at random by the seed.
    RandomRegular {
        /// How many nodes.
        nodes: u32,
        /// How many links each of them has.
        degree: u32,
    },
    /// Islands in which every pair is linked; the first nodes of all islands are linked by WAN links.
    Islands {
        /// How many islands.
        islands: u32,
        /// How many nodes each of them has.
        size: u32,
    },
    /// The links of a list.
    Edges {
        /// How many nodes.
        nodes: u32,
        /// Pairs of nodes.
        edges: Vec<(u32, u32)>,
    },
}

impl Shape {
    /// How many nodes there are.
    pub const fn nodes(&self) -> u32 {
        match self {
            Self::Full { nodes }
            | Self::Ring { nodes }
            | Self::Line { nodes }
            | Self::Star { nodes }
            | Self::Tree { nodes, .. }
            | Self::RandomRegular { nodes, .. }
            | Self::Edges { nodes, .. } => *nodes,
            Self::Grid { rows, columns } => rows.saturating_mul(*columns),
            Self::Islands { islands, size } => islands.saturating_mul(*size),
        }
    }

    /// The shape's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Ring { .. } => "ring",
            Self::Line { .. } => "line",
            Self::Star { .. } => "star",
            Self::Tree { .. } => "tree",
            Self::Grid { .. } => "grid",
            Self::RandomRegular { .. } => "random-regular",
            Self::Islands { .. } => "islands",
            Self::Edges { .. } => "edges",
        }
    }

    /// How many links there are at most; what building them costs.
    pub fn most_links(&self) -> u64 {
        let nodes = u64::from(self.nodes());
        let pairs = |count: u64| count * count.saturating_sub(1) / 2;
        match self {
            Self::Full { .. } => pairs(nodes),
            Self::Ring { .. } | Self::Line { .. } | Self::Star { .. } | Self::Tree { .. } => nodes,
            Self::Grid { .. } => 2 * nodes,
            Self::RandomRegular { degree, .. } => nodes * u64::from(*degree) / 2,
            Self::Islands { islands, size } => {
                pairs(u64::from(*islands)).saturating_add(nodes.saturating_mul(u64::from(*size)) / 2)
            }
            Self::Edges { edges, .. } => edges.len() as u64,
        }
    }

    /// Every link once, the lower node first, in order. No node is linked to itself.
    pub fn links(&self, seed: u64) -> Vec<(u32, u32, Reach)> {
        let pairs: Vec<(u32, u32, Reach)> = match *self {
            Self::Full { nodes } => local(full(0, nodes)),
            Self::Ring { nodes } => local((0..nodes).map(|a| (a, (a + 1) % nodes))),
            Self::Line { nodes } => local((1..nodes).map(|a| (a - 1, a))),
            Self::Star { nodes } => local((1..nodes).map(|a| (0, a))),
            Self::Tree { nodes, branches } => local((1..nodes).map(|a| ((a - 1) / branches.max(1), a))),
            Self::Grid { rows, columns } => local(grid(rows, columns)),
            Self::RandomRegular { nodes, degree } => local(random_regular(nodes, degree, seed)),
            Self::Islands { islands, size } => {
                let inside = (0..islands).flat_map(|island| full(island * size, size));
                let across = full(0, islands).map(|(a, b)| (a * size, b * size, Reach::Wide));
                local(inside).into_iter().chain(across).collect()
            }
            Self::Edges { ref edges, .. } => local(edges.iter().copied()),
        };
        let ordered = pairs.into_iter().filter(|(a, b, _)| a != b);
        let mut links: Vec<_> = ordered.map(|(a, b, reach)| (a.min(b), a.max(b), reach)).collect();
        links.sort_unstable();
        links.dedup();
        links
    }
}

fn local(pairs: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32, Reach)> {
    pairs.map(|(a, b)| (a, b, Reach::Local)).collect()
}

fn full(first: u32, nodes: u32) -> impl Iterator<Item = (u32, u32)> {
    (first..first + nodes).flat_map(move |a| (first..a).map(move |b| (b, a)))
}

fn grid(rows: u32, columns: u32) -> impl Iterator<Item = (u32, u32)> {
    let at = move |row, column| row * columns + column;
    let across = (0..rows).flat_map(move |row| (1..columns).map(move |column| (at(row, column - 1), at(row, column))));
    let down = (1..rows).flat_map(move |row| (0..columns).map(move |column| (at(row - 1, column), at(row, column))));
    across.chain(down)
}

/// A regular graph, shuffled: the ends of two random links change places as long as no link is then double or a loop.
/// Every regular graph can be reached so. Cost: O(links · degree) in time, O(links) in memory.
fn random_regular(nodes: u32, degree: u32, seed: u64) -> impl Iterator<Item = (u32, u32)> {
    let mut rng = Rng::stream(seed, Purpose::Shape, u64::from(nodes));
    let mut links: Vec<(u32, u32)> = circulant(nodes, degree);
    let mut peers = Peers::of(nodes, degree, &links);
    for _ in 0..20 * links.len() {
        let (one, two) = (rng.below(links.len() as u64) as usize, rng.below(links.len() as u64) as usize);
        let ((a, b), (c, d)) = (links[one], links[two]);
        let (first, second) = ((a.min(d), a.max(d)), (c.min(b), c.max(b)));
        if a == d || c == b || first == second || peers.are_linked(a, d) || peers.are_linked(c, b) {
            continue;
        }
        for (node, old, new) in [(a, b, d), (b, a, c), (c, d, b), (d, c, a)] {
            peers.change(node, old, new);
        }
        (links[one], links[two]) = ((a, d), (c, b));
    }
    links.into_iter()
}

/// The peers of every node of a regular graph.
struct Peers {
    degree: usize,
    all: Vec<u32>,
}

impl Peers {
    fn of(nodes: u32, degree: u32, links: &[(u32, u32)]) -> Self {
        let degree = degree as usize;
        let (mut all, mut known) = (vec![0; nodes as usize * degree], vec![0; nodes as usize]);
        for (node, peer) in links.iter().flat_map(|(a, b)| [(*a as usize, *b), (*b as usize, *a)]) {
            all[node * degree + known[node]] = peer;
            known[node] += 1;
        }
        Self { degree, all }
    }

    fn of_node(&mut self, node: u32) -> &mut [u32] {
        let first = node as usize * self.degree;
        &mut self.all[first..first + self.degree]
    }

    fn are_linked(&mut self, node: u32, peer: u32) -> bool {
        self.of_node(node).contains(&peer)
    }

    /// Puts `new` in the place of `old` among the peers of `node`.
    fn change(&mut self, node: u32, old: u32, new: u32) {
        self.of_node(node).iter_mut().filter(|peer| **peer == old).for_each(|peer| *peer = new);
    }
}

/// Each node is linked to those nearest to it on a circle; if the degree is odd, also to the one opposite.
fn circulant(nodes: u32, degree: u32) -> Vec<(u32, u32)> {
    let near = (1..=degree / 2).flat_map(|step| (0..nodes).map(move |a| (a, (a + step) % nodes)));
    let opposite = (0..nodes / 2).map(|a| (a, a + nodes / 2)).filter(|_| degree % 2 == 1);
    near.chain(opposite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Arc, NodeId};
    use crate::topology::diameter;

    fn of(shape: &Shape) -> (usize, Option<u32>) {
        let links = shape.links(3);
        let arcs = links.iter().map(|(a, b, _)| Arc { from: NodeId(*a), to: NodeId(*b) });
        let arcs: Vec<Arc> = arcs.flat_map(|arc| [arc, arc.reversed()]).collect();
        (links.len(), diameter((0..shape.nodes()).map(NodeId), arcs))
    }

    #[test]
    fn shapes_have_the_links_and_the_diameter_of_their_kind() {
        for (shape, links, d) in [
            (Shape::Full { nodes: 5 }, 10, 1),
            (Shape::Ring { nodes: 6 }, 6, 3),
            (Shape::Ring { nodes: 2 }, 1, 1),
            (Shape::Line { nodes: 5 }, 4, 4),
            (Shape::Star { nodes: 7 }, 6, 2),
            (Shape::Tree { nodes: 7, branches: 2 }, 6, 4),
            (Shape::Grid { rows: 3, columns: 4 }, 17, 5),
            (Shape::Islands { islands: 3, size: 4 }, 21, 3),
            (Shape::Edges { nodes: 3, edges: vec![(1, 0), (0, 1), (2, 1)] }, 2, 2),
        ] {
            assert_eq!(of(&shape), (links, Some(d)), "{shape:?}");
        }
    }

    #[test]
    fn a_random_regular_graph_is_regular_and_depends_on_the_seed() {
        for (nodes, degree) in [(10, 3), (20, 4), (5, 4), (50, 8)] {
            let shape = Shape::RandomRegular { nodes, degree };
            let links = shape.links(1);
            for node in 0..nodes {
                let count = links.iter().filter(|(a, b, _)| *a == node || *b == node).count();
                assert_eq!(count, degree as usize, "{shape:?}, node {node}");
            }
        }
        let found = Shape::RandomRegular { nodes: 8, degree: 3 }.links(7);
        let pairs: Vec<(u32, u32)> = found.iter().map(|(a, b, _)| (*a, *b)).collect();
        let pinned = [(0, 1), (0, 5), (0, 7), (1, 5), (1, 6), (2, 3), (2, 4), (2, 6), (3, 4), (3, 5), (4, 7), (6, 7)];
        assert_eq!(pairs, pinned, "a seed's graph stays what it was");
        let shape = Shape::RandomRegular { nodes: 30, degree: 4 };
        assert_ne!(shape.links(1), shape.links(2));
        assert_eq!(shape.links(1), shape.links(1));
    }
}
