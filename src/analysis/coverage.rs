//! How often a clock's own statement of its error was true.

use super::track::{Leg, Track};

/// What a clock says of its own error, in force from an instant (ns since the run's start) on.
pub type Claims = Vec<(f64, Option<Leg>)>;

/// Share of node-time between `from` and `to` in which |C_i − C_reference| is at most what clock i states, exact on
/// linear pieces. Only time in which a clock states something counts; the reference itself does not. `None` if there is
/// no such time.
pub fn of_claims(tracks: &[Track], claims: &[Claims], reference: usize, from: f64, to: f64) -> Option<f64> {
    let (mut covered, mut stated) = (0.0, 0.0);
    let peer = tracks.get(reference)?;
    for (index, (track, claims)) in tracks.iter().zip(claims).enumerate() {
        if index != reference {
            let found = time_of_claims(track, peer, claims, from, to);
            (covered, stated) = (covered + found.0, stated + found.1);
        }
    }
    (stated > 0.0).then(|| (covered / stated).min(1.0))
}

/// Time of one clock between `from` and `to` in which what it states is true, and in which it states something, in ns.
pub fn time_of_claims(
    track: &Track,
    reference: &Track,
    claims: &[(f64, Option<Leg>)],
    from: f64,
    to: f64,
) -> (f64, f64) {
    if claims.iter().all(|(_, claim)| claim.is_none()) {
        return (0.0, 0.0);
    }
    let starts = track.legs().iter().chain(reference.legs()).map(|leg| leg.start).chain(claims.iter().map(|c| c.0));
    let mut starts: Vec<f64> = starts.filter(|at| *at > from && *at < to).chain([from]).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let (mut covered, mut stated, mut claim) = (0.0, 0.0, 0);
    let (mut own, mut its) = (track.index_at(from), reference.index_at(from));
    for (index, start) in starts.iter().copied().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(to);
        while claims.get(claim).is_some_and(|(at, _)| *at <= start) {
            claim += 1;
        }
        let follow = |index: &mut usize, track: &Track| {
            while track.legs().get(*index + 1).is_some_and(|next| next.start <= start) {
                *index += 1;
            }
            track.legs()[*index]
        };
        let (a, b) = (follow(&mut own, track), follow(&mut its, reference));
        let Some(bound) = claim.checked_sub(1).and_then(|last| claims[last].1) else { continue };
        let (error, slope) = (a.at(start) - b.at(start), a.slope - b.slope);
        let above = negative(error - bound.at(start), slope - bound.slope, end - start);
        let below = negative(-error - bound.at(start), -slope - bound.slope, end - start);
        covered += (above.1.min(below.1) - above.0.max(below.0)).max(0.0);
        stated += end - start;
    }
    (covered, stated)
}

/// The part of `[0, length]` on which `value + slope * t` is not positive.
fn negative(value: f64, slope: f64, length: f64) -> (f64, f64) {
    let root = (-value / slope).clamp(0.0, length);
    match (value <= 0.0, slope > 0.0, slope < 0.0) {
        (true, true, _) => (0.0, root),
        (true, _, _) => (0.0, length),
        (false, _, true) => (root, length),
        (false, _, _) => (length, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_bound_covers_from_the_crossing_on() {
        let leg = |start, value, slope| Leg { start, value, slope };
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let off = Track::new(vec![leg(0.0, -10.0, 0.0), leg(80.0, 500.0, 0.0)]);
        let claims = vec![(20.0, Some(leg(20.0, 0.0, 0.5)))];
        // Stated from 20 on; 0.5 (t − 20) reaches 10 at t = 40 and holds until the step at 80.
        let found = of_claims(&[still, off], &[vec![], claims], 0, 0.0, 100.0);
        assert_eq!(found, Some(40.0 / 80.0));
    }

    #[test]
    fn without_a_statement_there_is_no_share() {
        let still = Track::new(vec![]);
        assert_eq!(of_claims(&[still.clone(), still], &[vec![], vec![]], 0, 0.0, 1.0), None);
        assert_eq!(of_claims(&[], &[], 0, 0.0, 1.0), None);
    }
}
