//! Cluster and combine (RFC 5905, sections 11.2.2 and 11.2.3): of the truechimers those that agree best, and their average.
//!
//! Inputs: candidates of one stratum with their offsets from our reading, root distances and jitters, in nanoseconds.
//! Outputs: the survivors, and an offset and a jitter in nanoseconds. Assumes that the errors of survivors are not all
//! the same. Departures: the RFC lets survivors of every stratum vote. Here those of the smallest stratum alone do, which
//! is that of the system peer: in a mesh the others have what they know from these, or from us, and averages would go
//! round in circles. A node next to the only root so averages nobody. And the system peer is not voted out (as ntpd's
//! preferred peer is not), lest a node hop from one peer to another with every exchange.

use super::select::Candidate;
use crate::ids::NodeId;
use crate::time::Nanos;

/// NMIN: no fewer are left by voting.
const MIN_SURVIVORS: usize = 3;

/// Leaves out, one after the other, the candidate whose offset differs most from the others', as long as that selection
/// jitter is not below every candidate's own jitter and more than three are left. `kept` is never left out: voting ends.
///
/// The selection jitter psi_s of j is the root of the sum of (theta_j − theta_k)² over n − 1. That sum is
/// n (theta_j − m)² + sum (theta_k − m)² with m the mean: the worst is the one furthest from the mean. Cost: a pass over the
/// candidates for each one left out.
pub fn cluster(mut candidates: Vec<Candidate>, kept: Option<NodeId>) -> Vec<Candidate> {
    while candidates.len() > MIN_SURVIVORS {
        let Some((worst, selection_jitter)) = worst(&candidates) else { break };
        let least = candidates.iter().map(|candidate| candidate.jitter).min();
        if least.is_some_and(|least| selection_jitter < least.as_seconds()) || Some(candidates[worst].peer) == kept {
            break;
        }
        candidates.remove(worst);
    }
    candidates
}

/// The place of the candidate with the largest selection jitter, and that jitter in seconds.
fn worst(candidates: &[Candidate]) -> Option<(usize, f64)> {
    let first = candidates.first()?.offset;
    let offsets: Vec<f64> = candidates.iter().map(|candidate| (candidate.offset - first).as_seconds()).collect();
    let count = offsets.len() as f64;
    let mean = offsets.iter().sum::<f64>() / count;
    let spread: f64 = offsets.iter().map(|offset| (offset - mean).powi(2)).sum();
    let apart = offsets.iter().map(|offset| (offset - mean).powi(2)).enumerate();
    let (place, most) = apart.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    Some((place, ((count * most + spread) / (count - 1.0).max(1.0)).sqrt()))
}

/// What the survivors say together, against what the system peer says alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Combined {
    /// How far the average offset is above the system peer's.
    pub shift: Nanos,
    /// PSI_s: the root of the mean square of the survivors' differences from the system peer.
    pub jitter: Nanos,
}

impl Combined {
    /// The system peer alone.
    pub const ALONE: Self = Self { shift: Nanos::ZERO, jitter: Nanos::ZERO };

    /// PSI = sqrt(PSI_s² + psi²), with psi the system peer's own jitter.
    pub fn jitter_with(&self, own: Nanos) -> Nanos {
        let squares = (self.jitter.0 as f64).powi(2) + (own.0 as f64).powi(2);
        if self.jitter == Nanos::ZERO { own } else { Nanos(squares.sqrt().round() as i64) }
    }
}

/// The average of the survivors, each weighted by one over its root distance. Where the system peer is none of them, it
/// stands alone.
pub fn combine(survivors: &[Candidate], system_peer: NodeId) -> Combined {
    let Some(system) = survivors.iter().find(|candidate| candidate.peer == system_peer) else { return Combined::ALONE };
    let weighted = survivors.iter().map(|candidate| {
        let apart = (candidate.offset - system.offset).0 as f64;
        (1.0 / candidate.distance.0.max(1) as f64, apart)
    });
    let sums = weighted.fold((0.0, 0.0, 0.0), |(total, first, second), (weight, apart)| {
        (total + weight, first + weight * apart, second + weight * apart * apart)
    });
    let (total, first, second) = sums;
    Combined { shift: Nanos((first / total).round() as i64), jitter: Nanos((second / total).sqrt().round() as i64) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Purpose, Rng};

    fn candidates(offsets_us: &[i64], jitter_us: i64) -> Vec<Candidate> {
        let candidate = |(index, offset): (usize, &i64)| Candidate {
            peer: NodeId(index as u32),
            stratum: 2,
            offset: Nanos::from_micros(*offset),
            distance: Nanos::from_millis(1),
            jitter: Nanos::from_micros(jitter_us),
        };
        offsets_us.iter().enumerate().map(candidate).collect()
    }

    fn left(offsets_us: &[i64], jitter_us: i64, kept: Option<u32>) -> Vec<u32> {
        let survivors = cluster(candidates(offsets_us, jitter_us), kept.map(NodeId));
        survivors.iter().map(|candidate| candidate.peer.0).collect()
    }

    #[test]
    fn outliers_are_voted_out_down_to_three() {
        assert_eq!(left(&[0, 10, 900, -400, 20], 1, None), [0, 1, 4]);
        assert_eq!(left(&[0, 10, 900], 1, None), [0, 1, 2], "three are left however far apart");
        assert_eq!(left(&[], 1, None), [0; 0]);
    }

    #[test]
    fn voting_ends_where_differences_are_no_more_than_jitter_or_the_system_peer_would_go() {
        // psi_s of 900: sqrt((900² + 890² + 880² + 880²) / 3) is about 1025, of -100 about 586.
        assert_eq!(left(&[0, 10, 900, 20, 20], 2_000, None), [0, 1, 2, 3, 4]);
        assert_eq!(left(&[0, 10, 900, 20, 20], 20, None), [0, 1, 3, 4]);
        assert_eq!(left(&[0, 10, 900, 20, 20], 20, Some(2)), [0, 1, 2, 3, 4]);
    }

    /// The definition itself, every pair summed.
    #[test]
    fn the_selection_jitter_is_that_of_its_definition() {
        let mut rng = Rng::stream(3, Purpose::Scenario, 0);
        for _ in 0..2_000 {
            let offsets: Vec<i64> = (0..2 + rng.below(7)).map(|_| rng.below(10_000) as i64 - 5_000).collect();
            let jitter = |j: &i64| {
                let squares: i64 = offsets.iter().map(|k| (j - k).pow(2)).sum();
                (squares as f64 / (offsets.len() - 1) as f64).sqrt() * 1e-6
            };
            let expected = offsets.iter().map(jitter).fold(0.0, f64::max);
            let (place, found) = worst(&candidates(&offsets, 1)).expect("candidates");
            assert!((found / expected.max(1e-12) - 1.0).abs() < 1e-6 || expected == 0.0, "{found} {expected}");
            assert!((jitter(&offsets[place]) - expected).abs() < 1e-12, "{offsets:?}");
        }
    }

    #[test]
    fn survivors_weigh_by_one_over_their_root_distance() {
        let mut survivors = candidates(&[0, 30], 1);
        survivors[1].distance = Nanos::from_millis(2);
        // (0/1 + 30/2) / (1/1 + 1/2) = 10, and sqrt((0/1 + 900/2) / (3/2)) = 17.32.
        let from_first = combine(&survivors, NodeId(0));
        assert_eq!((from_first.shift, from_first.jitter), (Nanos::from_micros(10), Nanos(17_321)));
        assert_eq!(
            combine(&survivors, NodeId(1)).shift,
            Nanos::from_micros(-20),
            "the same average, seen from the other"
        );
        assert_eq!(from_first.jitter_with(Nanos(10_000)), Nanos(20_000), "sqrt(300 + 100)");
    }

    #[test]
    fn alone_the_system_peer_is_left_as_it_is() {
        assert_eq!(combine(&candidates(&[70], 1), NodeId(0)), Combined::ALONE);
        assert_eq!(combine(&candidates(&[70, 80], 1), NodeId(9)), Combined::ALONE, "it is none of them");
        assert_eq!(Combined::ALONE.jitter_with(Nanos(1_234)), Nanos(1_234));
    }
}
