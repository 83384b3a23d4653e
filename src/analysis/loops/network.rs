//! The network effect: offsets of nodes that fit all pairwise offsets best, and so spread each loop's surplus over its links.
//!
//! Pairwise offsets that are all true add up to zero round every loop. The least change to them that makes it so is the
//! projection on the differences of node offsets, which is the least-squares fit of those (Y. Geng and others, NSDI 2018,
//! section 4: minimise |y| with A(measured − y) = 0 for the loops A). It removes what goes round in circles; an asymmetry
//! that is itself a difference of nodes stays. Units are the caller's, ns here.

/// A measured offset of two nodes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Edge {
    /// The one node's index.
    pub from: usize,
    /// The other's.
    pub to: usize,
    /// Clock of `to` − clock of `from`.
    pub offset_ns: f64,
}

/// Residuals this much smaller than at the beginning are rounding errors.
const PRECISION: f64 = 1e-12;

/// The nodes' offsets with the least sum of squared differences to the measured ones; in each connected part their mean is
/// zero. Conjugate gradients on the graph's Laplacian: at most as many steps as nodes, each O(edges).
pub fn potentials(nodes: usize, edges: &[Edge]) -> Vec<f64> {
    let mut found = vec![0.0; nodes];
    let mut residual = divergence(nodes, edges.iter().map(|edge| (edge, edge.offset_ns)));
    let mut direction = residual.clone();
    let start = dot(&residual, &residual);
    let mut size = start;
    for _ in 0..nodes {
        if size <= start * PRECISION * PRECISION || size == 0.0 {
            break;
        }
        let laplace = divergence(nodes, edges.iter().map(|edge| (edge, direction[edge.to] - direction[edge.from])));
        let step = size / dot(&direction, &laplace);
        add(&mut found, step, &direction);
        add(&mut residual, -step, &laplace);
        let next = dot(&residual, &residual);
        let turn = next / size;
        direction.iter_mut().zip(&residual).for_each(|(direction, residual)| *direction = residual + turn * *direction);
        size = next;
    }
    found
}

/// What flows into each node along the edges.
fn divergence<'a>(nodes: usize, flows: impl Iterator<Item = (&'a Edge, f64)>) -> Vec<f64> {
    let mut sums = vec![0.0; nodes];
    for (edge, flow) in flows {
        sums[edge.to] += flow;
        sums[edge.from] -= flow;
    }
    sums
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    to.iter_mut().zip(what).for_each(|(to, what)| *to += times * what);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purpose, Rng};

    fn edge(from: usize, to: usize, offset_ns: f64) -> Edge {
        Edge { from, to, offset_ns }
    }

    /// The worked example in a review of the paper: A−B 20, B−C −15, C−A 5; the surplus of 10 is taken off in thirds.
    #[test]
    fn a_loop_shares_its_surplus_among_its_links() {
        let edges = [edge(1, 0, 20.0), edge(2, 1, -15.0), edge(0, 2, 5.0)];
        let found = potentials(3, &edges);
        let corrected: Vec<f64> = edges.iter().map(|edge| found[edge.to] - found[edge.from]).collect();
        for (found, expected) in corrected.iter().zip([50.0 / 3.0, -55.0 / 3.0, 5.0 / 3.0]) {
            assert!((found - expected).abs() < 1e-9, "{corrected:?}");
        }
    }

    #[test]
    fn offsets_without_surplus_stay_and_each_part_stands_alone() {
        let truth = [3.0, -1.0, 10.0, 7.5, 100.0];
        let links = [(0, 1), (1, 2), (2, 0), (3, 4), (0, 2)];
        let edges: Vec<Edge> = links.iter().map(|(from, to)| edge(*from, *to, truth[*to] - truth[*from])).collect();
        let found = potentials(5, &edges);
        assert!(
            edges.iter().all(|edge| (found[edge.to] - found[edge.from] - edge.offset_ns).abs() < 1e-9),
            "{found:?}"
        );
        assert!((found[0] + found[1] + found[2]).abs() < 1e-9 && (found[3] + found[4]).abs() < 1e-9);
        assert_eq!(potentials(2, &[]), [0.0, 0.0]);
    }

    /// At the least sum of squares what is left flows into no node, and the corrected offsets add up to zero round a loop.
    #[test]
    fn what_is_left_is_orthogonal_to_every_offset_of_a_node() {
        let mut rng = Rng::stream(7, Purpose::Scenario, 1);
        let edges: Vec<Edge> = (0..12)
            .flat_map(|from| (from + 1..12).map(move |to| (from, to)))
            .map(|(from, to)| edge(from, to, 1_000.0 * rng.unit() - 500.0))
            .collect();
        let found = potentials(12, &edges);
        let left = divergence(12, edges.iter().map(|edge| (edge, edge.offset_ns - found[edge.to] + found[edge.from])));
        assert!(left.iter().all(|left| left.abs() < 1e-6), "{left:?}");
    }
}
