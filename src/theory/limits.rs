//! What no algorithm can do better than: limits to hold results against. Without drift; drift only adds to them.

use crate::time::Nanos;

/// The best worst-case eps of `nodes` fully linked clocks whose delays are uncertain by `uncertainty`: u(1 − 1/n), attained
/// (Lundelius & Lynch, Information and Control 62, 1984). Rounded up; zero without nodes.
pub fn complete_graph(uncertainty: Nanos, nodes: u32) -> Nanos {
    let (u, n) = (i128::from(uncertainty.0.max(0)), i128::from(nodes.max(1)));
    saturate(-((-u * (n - 1)).div_euclid(n)))
}

/// No algorithm on an undirected graph of symmetric uncertainties has a better worst case than half its diameter, weighted by
/// them (Biaz & Welch, IPL 80, 2001). Rounded up; `None` if some node cannot reach another. `links` are (node, node,
/// uncertainty).
pub fn half_diameter(nodes: usize, links: &[(usize, usize, Nanos)]) -> Option<Nanos> {
    let mut distance = empty(nodes);
    for (a, b, uncertainty) in links.iter().filter(|(a, b, _)| *a < nodes && *b < nodes) {
        for (from, to) in [(*a, *b), (*b, *a)] {
            shorten(&mut distance[from][to], i128::from(uncertainty.0.max(0)));
        }
    }
    close(&mut distance);
    let longest = distance.iter().flatten().copied().collect::<Option<Vec<i128>>>()?.into_iter().max();
    longest.map(|longest| saturate(-((-longest).div_euclid(2))))
}

/// What is known of the messages from one node to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shift {
    /// The sender p.
    pub from: usize,
    /// The receiver q.
    pub to: usize,
    /// How far q may be shifted earlier against p, as far as these messages tell: the smallest R − S less the least delay
    /// assumed; or, from messages of q to p, the largest delay assumed less the largest R − S.
    pub most: Nanos,
}

/// The smallest eps that any algorithm can guarantee on this very execution: the largest mean weight of a cycle over shortest
/// shifts (Attiya, Herzberg & Rajsbaum, SIAM J. Computing 25(2), 1996), by Floyd and Warshall's and Karp's algorithms.
/// Rounded up to the nanosecond. `None` if some pair is not bounded, or if the stamps contradict the assumptions. Only sums
/// round cycles matter, so that stamps of clocks with any offsets will do. Cost: O(nodes³).
pub fn of_execution(nodes: usize, shifts: &[Shift]) -> Option<Nanos> {
    let mut distance = empty(nodes);
    for shift in shifts.iter().filter(|shift| shift.from < nodes && shift.to < nodes) {
        shorten(&mut distance[shift.from][shift.to], i128::from(shift.most.0));
    }
    close(&mut distance);
    let known: Option<Vec<Vec<i128>>> = distance.into_iter().map(|row| row.into_iter().collect()).collect();
    let known = known?;
    if (0..nodes).any(|node| known[node][node] < 0) {
        return None;
    }
    Some(largest_cycle_mean(&known))
}

fn empty(nodes: usize) -> Vec<Vec<Option<i128>>> {
    let row = |node| (0..nodes).map(|other| (other == node).then_some(0)).collect();
    (0..nodes).map(row).collect()
}

fn shorten(distance: &mut Option<i128>, found: i128) {
    *distance = Some(distance.map_or(found, |known| known.min(found)));
}

/// Floyd and Warshall's shortest paths.
fn close(distance: &mut [Vec<Option<i128>>]) {
    let nodes = distance.len();
    for via in 0..nodes {
        let onward = distance[via].clone();
        for row in distance.iter_mut() {
            let Some(first) = row[via] else { continue };
            for (known, second) in row.iter_mut().zip(&onward) {
                if let Some(second) = second {
                    shorten(known, first + second);
                }
            }
        }
    }
}

/// Karp's theorem, for the largest mean on a complete graph (Discrete Mathematics 23, 1978): with D_k(v) the largest weight of
/// a walk of k arcs from node 0 to v, it is the maximum over v of the minimum over k of (D_n(v) − D_k(v))/(n − k).
fn largest_cycle_mean(weights: &[Vec<i128>]) -> Nanos {
    let nodes = weights.len();
    if nodes < 2 {
        return Nanos::ZERO;
    }
    let mut walks: Vec<Vec<Option<i128>>> = vec![(0..nodes).map(|node| (node == 0).then_some(0)).collect()];
    for length in 0..nodes {
        let best = |to: usize| {
            let before = (0..nodes).filter(|from| *from != to);
            before.filter_map(|from| Some(walks[length][from]? + weights[from][to])).max()
        };
        let row = (0..nodes).map(best).collect();
        walks.push(row);
    }
    let least = |node: usize| {
        let last = walks[nodes][node]?;
        let shorter = (0..nodes).filter_map(|k| Some((last - walks[k][node]?, (nodes - k) as i128)));
        shorter.min_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)))
    };
    let mean = (0..nodes).filter_map(least).max_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)));
    mean.map_or(Nanos::ZERO, |(sum, count)| saturate(-((-sum).div_euclid(count))))
}

fn saturate(ns: i128) -> Nanos {
    Nanos(i64::try_from(ns).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rng::{Purpose, Rng};

    /// A unit that 2 to 6 divide.
    const U: i64 = 60;

    /// Both directions of a link with delays in [0, u]: what a message from p to q with this delay tells of both.
    fn told(from: usize, to: usize, delay: i64) -> [Shift; 2] {
        [Shift { from, to, most: Nanos(delay) }, Shift { from: to, to: from, most: Nanos(U - delay) }]
    }

    #[test]
    fn a_clique_with_all_delays_at_an_extreme_has_the_limit_of_lundelius_and_lynch() {
        // docs/theory.md §2: delays u for i < j and 0 for i > j: 1/2, 2/3, 3/4, 4/5, 5/6 of u.
        for nodes in 2..=6 {
            let pairs = (0..nodes).flat_map(|a| (0..nodes).map(move |b| (a, b))).filter(|(a, b)| a != b);
            let shifts: Vec<Shift> = pairs.flat_map(|(a, b)| told(a, b, if a < b { U } else { 0 })).collect();
            let expected = Nanos(U - U / nodes as i64);
            assert_eq!(of_execution(nodes, &shifts), Some(expected), "{nodes} nodes");
            assert_eq!(complete_graph(Nanos(U), nodes as u32), expected);
        }
    }

    #[test]
    fn the_worst_execution_on_a_path_has_half_the_diameter() {
        // docs/theory.md §2: over all extreme executions 1/2, 1, 3/2, 2, 5/2 of u.
        for nodes in 2..=6_usize {
            let links: Vec<(usize, usize, Nanos)> = (1..nodes).map(|b| (b - 1, b, Nanos(U))).collect();
            let extreme = |choice: u32| {
                let delay = |bit: usize| if choice & (1 << bit) == 0 { 0 } else { U };
                let link = |i: usize| [told(i, i + 1, delay(2 * i)), told(i + 1, i, delay(2 * i + 1))];
                (0..nodes - 1).flat_map(link).flatten().collect::<Vec<Shift>>()
            };
            let worst = (0..1 << (2 * (nodes - 1))).filter_map(|choice| of_execution(nodes, &extreme(choice))).max();
            let expected = Some(Nanos(U * (nodes as i64 - 1) / 2));
            assert_eq!(worst, expected, "{nodes} nodes");
            assert_eq!(half_diameter(nodes, &links), expected);
        }
    }

    /// The largest mean of all walks from `path` back to its first node that pass no node twice.
    fn by_trying(weights: &[Vec<i128>], path: &mut Vec<usize>, sum: i128) -> f64 {
        let (first, last) = (path[0], path[path.len() - 1]);
        let closed = (path.len() > 1).then(|| (sum + weights[last][first]) as f64 / path.len() as f64);
        let mut most = closed.unwrap_or(f64::NEG_INFINITY);
        for next in 0..weights.len() {
            if !path.contains(&next) {
                path.push(next);
                most = most.max(by_trying(weights, path, sum + weights[last][next]));
                path.pop();
            }
        }
        most
    }

    #[test]
    fn the_largest_cycle_mean_is_that_of_all_cycles_tried() {
        let mut rng = Rng::stream(3, Purpose::Scenario, 0);
        for trial in 0..400 {
            let nodes = 2 + trial % 5;
            let mut row = || (0..nodes).map(|_| i128::from(rng.below(2_001)) - 1_000).collect::<Vec<i128>>();
            let weights: Vec<Vec<i128>> = (0..nodes).map(|_| row()).collect();
            let tried =
                (0..nodes).map(|node| by_trying(&weights, &mut vec![node], 0)).fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(largest_cycle_mean(&weights).0, (tried - 1e-9).ceil() as i64, "{weights:?}");
        }
    }

    #[test]
    fn two_nodes_have_half_the_round_trip_whatever_their_offset() {
        for offset in [-1_000, 0, 777] {
            let shift = |from, to, most| Shift { from, to, most: Nanos(most) };
            let shifts = [shift(0, 1, 30 + offset), shift(1, 0, 50 - offset)];
            assert_eq!(of_execution(2, &shifts), Some(Nanos(40)));
        }
    }

    #[test]
    fn what_is_not_bounded_or_contradictory_has_no_limit() {
        let one_way = Shift { from: 0, to: 1, most: Nanos(5) };
        assert_eq!(of_execution(2, &[one_way]), None);
        assert_eq!(of_execution(2, &[one_way, Shift { from: 1, to: 0, most: Nanos(-6) }]), None);
        assert_eq!((of_execution(0, &[]), of_execution(1, &[])), (Some(Nanos::ZERO), Some(Nanos::ZERO)));
        assert_eq!(half_diameter(3, &[(0, 1, Nanos(4))]), None);
        assert_eq!(complete_graph(Nanos(10), 0), Nanos::ZERO);
    }
}
