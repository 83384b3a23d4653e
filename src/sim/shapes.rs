//! Shapes of networks: who is linked to whom.

use std::collections::BTreeSet;

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

    /// Every link once, the lower node first, in order. No node is linked to itself.
    pub fn links(&self, seed: u64) -> BTreeSet<(u32, u32, Reach)> {
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
        ordered.map(|(a, b, reach)| (a.min(b), a.max(b), reach)).collect()
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
/// Every regular graph can be reached so.
fn random_regular(nodes: u32, degree: u32, seed: u64) -> impl Iterator<Item = (u32, u32)> {
    let mut rng = Rng::stream(seed, Purpose::Shape, u64::from(nodes));
    let mut links: Vec<(u32, u32)> = circulant(nodes, degree);
    let key = |a: u32, b: u32| (a.min(b), a.max(b));
    let mut present: BTreeSet<(u32, u32)> = links.iter().map(|(a, b)| key(*a, *b)).collect();
    for _ in 0..20 * links.len() {
        let (one, two) = (rng.below(links.len() as u64) as usize, rng.below(links.len() as u64) as usize);
        let ((a, b), (c, d)) = (links[one], links[two]);
        let (first, second) = (key(a, d), key(c, b));
        if a == d || c == b || first == second || present.contains(&first) || present.contains(&second) {
            continue;
        }
        for gone in [key(a, b), key(c, d)] {
            present.remove(&gone);
        }
        present.extend([first, second]);
        (links[one], links[two]) = ((a, d), (c, b));
    }
    links.into_iter()
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
        let shape = Shape::RandomRegular { nodes: 30, degree: 4 };
        assert_ne!(shape.links(1), shape.links(2));
        assert_eq!(shape.links(1), shape.links(1));
    }
}
