//! Claims of hosts about their own clocks: what was recorded, and how it stands against what the mesh can prove.
//!
//! A claim says |clock − true time| ≤ e. Two hosts that both keep what they claim cannot have clocks further apart than
//! e_i + e_j. So an interval that is certain to hold C_j − C_i refutes the pair of claims if it lies outside
//! [−(e_i + e_j), e_i + e_j] altogether: at least one of them is false, nobody can tell from the two alone which. Assumed:
//! the interval is of the instant of both claims, or widened by what the clocks can have moved since (the caller's part);
//! both hosts mean the same true time. Nothing ever proves a claim: CONSISTENT means not refuted.

use std::collections::BTreeMap;

use super::quantile::{PerMille, nearest_rank};
use super::run::Span;
use crate::ids::NodeId;
use crate::journal::{ClaimSource, HostClaim, Note};
use crate::time::Nanos;

/// How a pair of claims stands against an interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The interval leaves room for both claims.
    Consistent,
    /// One of the two is false; they promise less than was proved by this much.
    Refuted {
        /// From the interval to what the claims allow.
        excess: Nanos,
    },
}

/// Judges two claimed bounds against an interval `[low, high]` that holds the offset between the two clocks.
pub fn judge(bounds: [Nanos; 2], (low, high): (Nanos, Nanos)) -> Judgement {
    let allowed = bounds[0] + bounds[1];
    let excess = (low - allowed).max(-allowed - high);
    if excess > Nanos::ZERO { Judgement::Refuted { excess } } else { Judgement::Consistent }
}

/// Two claims, and what is known of their clocks' offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compared {
    /// Whose claims, and the bounds.
    pub claims: [(NodeId, ClaimSource, Nanos); 2],
    /// The offset of the second clock against the first is in here.
    pub offset: (Nanos, Nanos),
}

/// How one source of one node fared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Comparisons that its claims took part in.
    pub judged: u64,
    /// Those that were refuted.
    pub refuted: u64,
    /// The largest excess.
    pub worst_excess: Nanos,
}

/// All comparisons by node and source. Both claims of a refuted pair are counted: either may be the false one, and the
/// one that is appears in more pairs.
pub fn audit(compared: impl IntoIterator<Item = Compared>) -> BTreeMap<(NodeId, ClaimSource), Audit> {
    let mut audits: BTreeMap<_, Audit> = BTreeMap::new();
    for Compared { claims, offset } in compared {
        let judgement = judge(claims.map(|(.., bound)| bound), offset);
        for (node, source, _) in claims {
            let audit = audits.entry((node, source)).or_default();
            audit.judged += 1;
            if let Judgement::Refuted { excess } = judgement {
                audit.refuted += 1;
                audit.worst_excess = audit.worst_excess.max(excess);
            }
        }
    }
    audits
}

/// What one source of one node claimed over a run.
#[derive(Clone, PartialEq, Debug)]
pub struct ClaimRow {
    /// Whose host.
    pub node: NodeId,
    /// Who says so.
    pub source: ClaimSource,
    /// How often it was asked and answered.
    pub readings: u64,
    /// Share of the answers in which it called the clock synchronised.
    pub synchronised_share: f64,
    /// Bounds of those answers: median and largest. Without synchronisation nothing is promised.
    pub error_bound: Option<(Nanos, Nanos)>,
    /// Sizes of the offsets in those answers, clock − true time: median and largest.
    pub offset: Option<(Nanos, Nanos)>,
    /// Estimates of its error in those answers, which promise nothing: median and largest.
    pub estimated_error: Option<(Nanos, Nanos)>,
    /// How it fared against the mesh; none as long as nothing certain is known of the offsets.
    pub audit: Option<Audit>,
}

/// The claims in the journals, by node and source.
pub fn rows(spans: &BTreeMap<NodeId, Span<'_>>) -> Vec<ClaimRow> {
    let mut found: BTreeMap<(NodeId, ClaimSource), Vec<&HostClaim>> = BTreeMap::new();
    for (node, span) in spans {
        for note in span.run.notes() {
            if let Note::Claim(claim) = note {
                found.entry((*node, claim.source)).or_default().push(claim);
            }
        }
    }
    found.into_iter().map(|((node, source), claims)| row(node, source, &claims)).collect()
}

fn row(node: NodeId, source: ClaimSource, claims: &[&HostClaim]) -> ClaimRow {
    let promised: Vec<&&HostClaim> = claims.iter().filter(|claim| claim.synchronised).collect();
    let sizes = |values: Vec<i64>| {
        let mut values = values;
        values.sort_unstable();
        Some((Nanos(nearest_rank(&values, PerMille::P50)?), Nanos(*values.last()?)))
    };
    ClaimRow {
        node,
        source,
        readings: claims.len() as u64,
        synchronised_share: promised.len() as f64 / claims.len() as f64,
        error_bound: sizes(promised.iter().map(|claim| claim.error_bound.0).collect()),
        offset: sizes(promised.iter().filter_map(|claim| claim.offset).map(|offset| offset.abs().0).collect()),
        estimated_error: sizes(
            promised.iter().filter_map(|claim| claim.estimated_error).map(|error| error.0).collect(),
        ),
        audit: None,
    }
}

/// Says whose claims were recorded where all agents share a host.
pub fn shared(rows: &[ClaimRow], hosts: u32, agents: u32) -> Option<String> {
    let node = rows.first()?.node;
    (hosts == 1 && agents > 1).then(|| {
        format!(
            "claims are those of the one host that all agents share, recorded by node {node} for it: nothing to judge"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::run::choose;
    use crate::analysis::testing::{journal, mesh};
    use crate::journal::Entry;

    fn ns<const N: usize>(values: [i64; N]) -> [Nanos; N] {
        values.map(Nanos)
    }

    #[test]
    fn claims_are_refuted_by_what_lies_outside_their_sum_and_by_nothing_else() {
        let judged = |low, high| judge(ns([10, 5]), (Nanos(low), Nanos(high)));
        for (low, high) in [(-15, -15), (15, 40), (-100, -15), (-100, 100), (0, 0)] {
            assert_eq!(judged(low, high), Judgement::Consistent, "[{low}, {high}]");
        }
        assert_eq!(judged(16, 40), Judgement::Refuted { excess: Nanos(1) });
        assert_eq!(judged(-100, -18), Judgement::Refuted { excess: Nanos(3) });
    }

    #[test]
    fn two_clocks_within_their_bounds_are_never_refuted() {
        let mut rng = crate::model::Rng::stream(4, crate::model::Purpose::Scenario, 0);
        for _ in 0..2_000 {
            let bounds = [0; 2].map(|_| rng.below(1_000) as i64);
            let errors = bounds.map(|bound| rng.below(2 * bound as u64 + 1) as i64 - bound);
            let (slack, offset) = (rng.below(500) as i64, errors[1] - errors[0]);
            let interval = (Nanos(offset - slack), Nanos(offset + rng.below(500) as i64));
            assert_eq!(judge(ns(bounds), interval), Judgement::Consistent, "{bounds:?} {interval:?}");
        }
    }

    #[test]
    fn the_false_claim_is_in_the_most_refuted_pairs() {
        let claim = |node: u32| (NodeId(node), ClaimSource::Chrony, Nanos(10));
        let compared =
            |i, j, offset| Compared { claims: [claim(i), claim(j)], offset: (Nanos(offset), Nanos(offset + 1)) };
        let audits = audit([compared(0, 1, 90), compared(1, 2, -95), compared(0, 2, 3)]);
        let of = |node| audits[&(NodeId(node), ClaimSource::Chrony)];
        assert_eq!(of(1), Audit { judged: 2, refuted: 2, worst_excess: Nanos(74) });
        assert_eq!((of(0).refuted, of(2).refuted, of(2).worst_excess), (1, 1, Nanos(74)));
    }

    #[test]
    fn only_what_was_promised_counts_in_a_row() {
        let mut run = journal(0, 2, 0);
        for (at_ns, error, synchronised) in [(1, 50, true), (2, 70, true), (3, 9_999, false), (4, 60, true)] {
            let (source, offset) = (ClaimSource::Chrony, Some(Nanos(-error)));
            let (error_bound, estimated_error) = (Nanos(error), (at_ns > 1).then_some(Nanos(at_ns)));
            let claim = HostClaim { at_ns, source, synchronised, error_bound, offset, estimated_error };
            run.entries.push(Entry::Note(Note::Claim(claim)));
        }
        let runs = [run];
        let found = rows(&choose(&runs).0);
        assert_eq!((found.len(), found[0].readings, found[0].synchronised_share), (1, 4, 0.75));
        assert_eq!(found[0].error_bound, Some((Nanos(60), Nanos(70))));
        assert_eq!(found[0].offset, Some((Nanos(60), Nanos(70))));
        assert_eq!(found[0].estimated_error, Some((Nanos(2), Nanos(4))), "of 2 and 4");
        assert_eq!(rows(&choose(&mesh(&[0, 1])).0), []);
    }
}
