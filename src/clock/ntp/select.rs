//! Selection (RFC 5905, section 11.2.1): which peers tell the truth, and which of them to follow.

use smallvec::SmallVec;

use super::filter::MAX_DISPERSION;
use crate::ids::NodeId;
use crate::time::Nanos;

/// MAXDIST: the largest root distance of a peer that may be followed, and what one stratum weighs.
pub const MAX_DISTANCE: Nanos = Nanos::from_seconds(1);
/// MAXSTRAT: this stratum and beyond is not synchronised.
pub const MAX_STRATUM: u8 = 16;

/// So many peers take no allocation.
pub const FEW: usize = 8;

/// A peer that may be followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The peer.
    pub peer: NodeId,
    /// The peer's own stratum.
    pub stratum: u8,
    /// How far the peer's clock is ahead of ours now.
    pub offset: Nanos,
    /// Root distance: the reference is no further than this from the peer's reading as we know it.
    pub distance: Nanos,
    /// psi: the jitter of the peer's filter.
    pub jitter: Nanos,
}

impl Candidate {
    /// lambda_p = stratum · MAXDIST + root distance: the smaller the better.
    pub fn merit(&self) -> Nanos {
        MAX_DISTANCE.times(i64::from(self.stratum)) + self.distance
    }

    fn edges(&self) -> [(Nanos, Edge); 3] {
        let distance = self.distance.max(Nanos::ZERO).min(MAX_DISPERSION.times(2));
        [(self.offset - distance, Edge::Low), (self.offset, Edge::Middle), (self.offset + distance, Edge::High)]
    }
}

/// At equal values an interval opens before it closes, so that intervals that touch do meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Edge {
    Low,
    Middle,
    High,
}

/// Where the truth is if the majority tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Intersection {
    /// Its lower end.
    pub low: Nanos,
    /// Its upper end.
    pub high: Nanos,
    /// How many candidates had to be assumed wrong.
    pub falsetickers: usize,
}

/// The smallest interval that holds points of at least m − f of the m intervals offset ± distance, with at most f
/// midpoints outside, for the smallest f < m/2 for which there is one; `None` if there is no majority.
///
/// Marzullo's sweep as modified in RFC 5905: the RFC's text asks for exactly f midpoints outside, its code for at most
/// f, as here. Assumes that fewer than half of the candidates are wrong. Cost: O(m) where all intervals hold all midpoints,
/// else a sort of 3m, then O(m) for each f.
pub fn intersection(candidates: &[Candidate]) -> Option<Intersection> {
    let edges: SmallVec<[_; FEW]> = candidates.iter().map(Candidate::edges).collect();
    agreement(&edges).or_else(|| largest_agreement(edges.into_iter().flatten().collect()))
}

/// What all intervals share, if it holds all midpoints: no candidate has to be assumed wrong.
fn agreement(edges: &[[(Nanos, Edge); 3]]) -> Option<Intersection> {
    let low = edges.iter().map(|[(low, _), ..]| *low).max()?;
    let high = edges.iter().map(|[.., (high, _)]| *high).min()?;
    let inside = |[_, (middle, _), _]: &[(Nanos, Edge); 3]| (low..=high).contains(middle);
    (low < high && edges.iter().all(inside)).then_some(Intersection { low, high, falsetickers: 0 })
}

fn largest_agreement(mut edges: SmallVec<[(Nanos, Edge); 3 * FEW]>) -> Option<Intersection> {
    edges.sort_unstable();
    let count = edges.len() / 3;
    let allowed = 0..count.div_ceil(2);
    allowed.into_iter().find_map(|falsetickers| {
        let wanted = count - falsetickers;
        let (low, below) = sweep(edges.iter(), Edge::Low, wanted)?;
        let (high, above) = sweep(edges.iter().rev(), Edge::High, wanted)?;
        (low < high && below + above <= falsetickers).then_some(Intersection { low, high, falsetickers })
    })
}

/// The first point at which `wanted` intervals have been entered, and how many midpoints were passed on the way.
fn sweep<'a>(edges: impl Iterator<Item = &'a (Nanos, Edge)>, entering: Edge, wanted: usize) -> Option<(Nanos, usize)> {
    let (mut inside, mut passed) = (0_usize, 0);
    for (value, edge) in edges {
        match edge {
            Edge::Middle => passed += 1,
            edge if *edge == entering => inside += 1,
            _ => inside = inside.saturating_sub(1),
        }
        if inside >= wanted {
            return Some((*value, passed));
        }
    }
    None
}

/// The truechimers, best first: candidates whose midpoint lies in the intersection. The first entry is to be the system
/// peer; [`mod@super::combine`] thins and averages those of its stratum.
pub fn truechimers(candidates: &[Candidate]) -> SmallVec<[Candidate; FEW]> {
    let Some(truth) = intersection(candidates) else { return SmallVec::new() };
    let inside = |candidate: &&Candidate| (truth.low..=truth.high).contains(&candidate.offset);
    let mut chosen: SmallVec<[Candidate; FEW]> = candidates.iter().filter(inside).copied().collect();
    chosen.sort_by_key(|candidate| (candidate.merit(), candidate.peer));
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intervals(ends: &[(i64, i64)]) -> Vec<Candidate> {
        let candidate = |(index, (low, high)): (usize, &(i64, i64))| Candidate {
            peer: NodeId(index as u32),
            stratum: 1,
            offset: Nanos((low + high) * 5),
            distance: Nanos((high - low) * 5),
            jitter: Nanos(1),
        };
        ends.iter().enumerate().map(candidate).collect()
    }

    fn found(ends: &[(i64, i64)]) -> Option<(i64, i64, usize)> {
        intersection(&intervals(ends)).map(|i| (i.low.0 / 10, i.high.0 / 10, i.falsetickers))
    }

    #[test]
    fn the_modified_sweep_gives_the_published_intervals() {
        assert_eq!(found(&[(8, 12), (11, 13), (10, 12)]), Some((10, 12, 1)));
        assert_eq!(found(&[(8, 12), (11, 13), (14, 15)]), None, "no majority");
        assert_eq!(found(&[(8, 9), (8, 12), (10, 12)]), Some((8, 12, 1)));
    }

    #[test]
    fn one_is_a_majority_of_one_and_none_of_nobody() {
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[(8, 12)]), Some((8, 12, 0)));
        assert_eq!(found(&[(8, 12), (14, 15)]), None, "one of two is no majority");
    }

    proptest! {
        /// Whoever agrees with all is found without sorting: as the sweep finds it.
        #[test]
        fn agreement_of_all_is_what_the_sweep_finds(ends in prop::collection::vec((0..30_i64, 0..30_i64), 0..7)) {
            let ends: Vec<_> = ends.into_iter().map(|(low, length)| (low, low + length)).collect();
            let edges: Vec<_> = intervals(&ends).iter().map(Candidate::edges).collect();
            let swept = largest_agreement(edges.iter().copied().flatten().collect());
            let at_once = agreement(&edges);
            prop_assert!(at_once.is_none() || at_once == swept, "{at_once:?} {swept:?}");
            prop_assert_eq!(at_once.is_some(), swept.is_some_and(|found| found.falsetickers == 0));
        }
    }

    #[test]
    fn a_falseticker_is_left_out_and_the_smallest_stratum_wins() {
        let mut candidates = intervals(&[(8, 12), (9, 12), (8, 11), (90, 91)]);
        candidates[0].stratum = 3;
        candidates[1].stratum = 2;
        let chosen = truechimers(&candidates);
        assert_eq!(chosen.iter().map(|c| c.peer.0).collect::<Vec<_>>(), [2, 1, 0]);
    }
}
