//! Cycles of arcs: the check that refuses credits which would make Lamport's clocks run away (docs/theory.md §1.4 "What
//! follows"): only the sum of credits round a cycle matters, and it must not exceed the sum of the delays.

use crate::time::Nanos;

/// An arc with a weight, between nodes by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weighted {
    /// The sender.
    pub from: usize,
    /// The receiver.
    pub to: usize,
    /// For the check of credits: the least R − S of the arc's messages less what they are credited with. Round a cycle the
    /// offsets of the clocks cancel, so that stamps of different clocks will do.
    pub weight: Nanos,
}

/// A cycle with a negative sum of weights, as the nodes it passes, the first not repeated; `None` if there is none
/// (Bellman–Ford). With weights min(R − S) − credit, such a cycle makes clocks run away by that sum at each turn. Drift adds
/// up to the relative rate times the window to each R − S, so that a long window can give a false alarm, never hide a
/// cycle of credits above true delays on clocks that run alike. Cost: O(nodes · arcs).
pub fn negative_cycle(nodes: usize, arcs: &[Weighted]) -> Option<Vec<usize>> {
    let arcs: Vec<&Weighted> = arcs.iter().filter(|arc| arc.from < nodes && arc.to < nodes).collect();
    let mut distance = vec![0_i128; nodes];
    let mut before: Vec<Option<usize>> = vec![None; nodes];
    let mut changed = None;
    for _ in 0..nodes {
        changed = None;
        for arc in &arcs {
            let found = distance[arc.from] + i128::from(arc.weight.0);
            if found < distance[arc.to] {
                (distance[arc.to], before[arc.to], changed) = (found, Some(arc.from), Some(arc.to));
            }
        }
        changed?;
    }
    changed.map(|last| walk_back(last, &before))
}

/// The cycle that leads to `last`, which still changed in the last round.
fn walk_back(last: usize, before: &[Option<usize>]) -> Vec<usize> {
    let back = |node: usize| before.get(node).copied().flatten().unwrap_or(node);
    let inside = (0..before.len()).fold(last, |node, _| back(node));
    let mut cycle = vec![inside];
    let mut node = back(inside);
    while node != inside && cycle.len() <= before.len() {
        cycle.push(node);
        node = back(node);
    }
    cycle.reverse();
    cycle
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arcs(list: &[(usize, usize, i64)]) -> Vec<Weighted> {
        list.iter().map(|(from, to, weight)| Weighted { from: *from, to: *to, weight: Nanos(*weight) }).collect()
    }

    /// min(R − S) − credit in us for the three-cycle of docs/theory.md §1.4: 800 us clockwise, 1200 us anticlockwise, all credited
    /// 1000 us.
    fn asymmetric() -> Vec<Weighted> {
        arcs(&[(0, 1, -200), (1, 2, -200), (2, 0, -200), (1, 0, 200), (2, 1, 200), (0, 2, 200)])
    }

    #[test]
    fn a_curl_of_delays_is_found_and_a_potential_is_not() {
        let cycle = negative_cycle(3, &asymmetric()).expect("clockwise");
        assert_eq!(cycle.len(), 3);
        let next = |node: usize| cycle[(cycle.iter().position(|n| *n == node).unwrap() + 1) % 3];
        assert_eq!([next(0), next(1), next(2)], [1, 2, 0]);
        // The same size of asymmetry from p = (0, 100, 300) us.
        let p = [0, 100, 300];
        let weight = |from: usize, to: usize| (from, to, p[from] - p[to]);
        let list = [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)].map(|(from, to)| weight(from, to));
        assert_eq!(negative_cycle(3, &arcs(&list)), None);
    }

    #[test]
    fn half_of_the_round_trip_is_no_safe_credit_under_jitter() {
        // docs/theory.md §1.4 "What follows": exchanges alternate 1/3 and 3/1 ms, so that both one-way minima are 1 ms; the credit is 2 ms.
        assert_eq!(negative_cycle(2, &arcs(&[(0, 1, -1), (1, 0, -1)])).map(|cycle| cycle.len()), Some(2));
        assert_eq!(negative_cycle(2, &arcs(&[(0, 1, -1), (1, 0, 1)])), None, "a sum of zero is safe");
        assert_eq!(negative_cycle(1, &arcs(&[(0, 7, -1), (0, 0, -1)])), Some(vec![0]));
        assert_eq!(negative_cycle(0, &[]), None);
    }

    /// Whether some walk from a node back to it has a negative sum, by all shortest paths.
    fn some_cycle_is_negative(nodes: usize, list: &[(usize, usize, i64)]) -> bool {
        let mut least = vec![vec![i64::MAX / 4; nodes]; nodes];
        list.iter().for_each(|(from, to, weight)| least[*from][*to] = least[*from][*to].min(*weight));
        for via in 0..nodes {
            for (from, to) in (0..nodes).flat_map(|from| (0..nodes).map(move |to| (from, to))) {
                least[from][to] = least[from][to].min(least[from][via] + least[via][to]).max(-1_000_000);
            }
        }
        (0..nodes).any(|node| least[node][node] < 0)
    }

    proptest! {
        #[test]
        fn a_cycle_is_found_if_and_only_if_there_is_a_negative_one(
            list in prop::collection::vec((0..6_usize, 0..6_usize, -5..20_i64), 0..20)) {
            prop_assert_eq!(negative_cycle(6, &arcs(&list)).is_some(), some_cycle_is_negative(6, &list));
        }

        /// Potentials never make a negative cycle, and what is found is one.
        #[test]
        fn what_is_found_is_negative(list in prop::collection::vec((0..6_usize, 0..6_usize, -5..20_i64), 0..20)) {
            if let Some(cycle) = negative_cycle(6, &arcs(&list)) {
                let least = |from, to| list.iter().filter(|arc| (arc.0, arc.1) == (from, to)).map(|arc| arc.2).min();
                let hops = (0..cycle.len()).map(|i| least(cycle[i], cycle[(i + 1) % cycle.len()]));
                prop_assert!(hops.map(|hop| hop.expect("an arc")).sum::<i64>() < 0);
            }
            let p = [3, -9, 12, 0, 7, 1];
            let curl_free: Vec<_> = list.iter().map(|(a, b, w)| (*a, *b, w.abs() + p[*b] - p[*a])).collect();
            prop_assert_eq!(negative_cycle(6, &arcs(&curl_free)), None);
        }
    }
}
