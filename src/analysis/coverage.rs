//! How often a clock's own statement of its error was true: of the reference, or of every clock of the mesh
//! ([`Subject`]).

use super::envelope::{Stretch, sweep};
use super::track::{Leg, Track};
use crate::clock::Subject;

/// What a clock says of its own error, in force from an instant (ns since the run's start) on.
pub type Claims = Vec<(f64, Option<Leg>)>;

/// What clocks are held against: nothing of it is below the lowest nor above the highest.
#[derive(Clone, PartialEq, Debug)]
pub struct Band {
    low: Track,
    high: Track,
}

impl Band {
    /// One clock.
    pub fn of(clock: &Track) -> Self {
        Self { low: clock.clone(), high: clock.clone() }
    }

    /// All of these clocks, between `from` and `to`.
    pub fn of_all(clocks: &[Track], from: f64, to: f64) -> Self {
        let stretches = sweep(clocks, from, to);
        let along = |by: fn(&Stretch) -> usize| {
            let leg = |stretch: &Stretch| {
                let track = &clocks[by(stretch)];
                let leg = track.legs()[track.index_at(stretch.start)];
                Leg { start: stretch.start, value: leg.at(stretch.start), slope: leg.slope }
            };
            Track::new(stretches.iter().map(leg).collect())
        };
        Self { low: along(|stretch| stretch.bottom), high: along(|stretch| stretch.top) }
    }
}

/// Share of node-time between `from` and `to` in which |C_i − C| is at most what clock i states, exact on linear pieces: C
/// is the reference's clock, or any of them all, as the claim's `subject` is. Only time in which a clock states something
/// counts; the reference, of whom a claim about the reference says nothing, does not. `None` if there is no such time.
pub fn of_claims(
    tracks: &[Track],
    claims: &[Claims],
    (subject, reference): (Subject, usize),
    from: f64,
    to: f64,
) -> Option<f64> {
    let (mut covered, mut stated) = (0.0, 0.0);
    if claims.iter().flatten().all(|(_, claim)| claim.is_none()) {
        return None;
    }
    let band = match subject {
        Subject::Reference => Band::of(tracks.get(reference)?),
        Subject::Mesh => Band::of_all(tracks, from, to),
    };
    for (index, (track, claims)) in tracks.iter().zip(claims).enumerate() {
        if subject == Subject::Mesh || index != reference {
            let found = time_of_claims(track, &band, claims, from, to);
            (covered, stated) = (covered + found.0, stated + found.1);
        }
    }
    (stated > 0.0).then(|| (covered / stated).min(1.0))
}

/// Time of one clock between `from` and `to` in which what it states is true of everything in the band, and in which it
/// states something, in ns.
pub fn time_of_claims(track: &Track, band: &Band, claims: &[(f64, Option<Leg>)], from: f64, to: f64) -> (f64, f64) {
    if claims.iter().all(|(_, claim)| claim.is_none()) {
        return (0.0, 0.0);
    }
    let legs = [track, &band.low, &band.high].into_iter().flat_map(Track::legs);
    let starts = legs.map(|leg| leg.start).chain(claims.iter().map(|c| c.0));
    let mut starts: Vec<f64> = starts.filter(|at| *at > from && *at < to).chain([from]).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let (mut covered, mut stated, mut claim) = (0.0, 0.0, 0);
    let at_first = |track: &Track| track.index_at(from);
    let (mut own, mut low, mut high) = (at_first(track), at_first(&band.low), at_first(&band.high));
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
        let (a, low, high) = (follow(&mut own, track), follow(&mut low, &band.low), follow(&mut high, &band.high));
        let Some(bound) = claim.checked_sub(1).and_then(|last| claims[last].1) else { continue };
        let within = |more: Leg, less: Leg| {
            let (gap, slope) = (more.at(start) - less.at(start), more.slope - less.slope);
            negative(gap - bound.at(start), slope - bound.slope, end - start)
        };
        let (above, below) = (within(a, low), within(high, a));
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

    const REFERENCE: (Subject, usize) = (Subject::Reference, 0);

    #[test]
    fn a_growing_bound_covers_from_the_crossing_on() {
        let leg = |start, value, slope| Leg { start, value, slope };
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let off = Track::new(vec![leg(0.0, -10.0, 0.0), leg(80.0, 500.0, 0.0)]);
        let claims = vec![(20.0, Some(leg(20.0, 0.0, 0.5)))];
        // Stated from 20 on; 0.5 (t − 20) reaches 10 at t = 40 and holds until the step at 80.
        let found = of_claims(&[still, off], &[vec![], claims], REFERENCE, 0.0, 100.0);
        assert_eq!(found, Some(40.0 / 80.0));
    }

    #[test]
    fn a_claim_about_the_mesh_is_held_against_the_clock_that_is_furthest() {
        let leg = |start, value, slope| Leg { start, value, slope };
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let ahead = Track::new(vec![leg(0.0, 5.0, 0.0)]);
        let falls = Track::new(vec![leg(0.0, 3.0, -0.25)]);
        let claim = |bound| vec![(0.0, Some(leg(0.0, bound, 0.0)))];
        let of = |claims: [Claims; 3], subject| {
            of_claims(&[still.clone(), ahead.clone(), falls.clone()], &claims, subject, 0.0, 100.0)
        };
        // The first is within 5 of the second always, of the third, 3 − t/4, until t = 32.
        assert_eq!(of([claim(5.0), vec![], vec![]], (Subject::Mesh, 0)), Some(0.32));
        assert_eq!(of([claim(4.9), vec![], vec![]], (Subject::Mesh, 0)), Some(0.0));
        assert_eq!(of([claim(9.0), vec![], vec![]], REFERENCE), None, "the reference says nothing of itself");
        assert_eq!(of([vec![], claim(5.0), vec![]], REFERENCE), Some(1.0));
        assert_eq!(of([vec![], claim(5.0), vec![]], (Subject::Mesh, 0)), Some(0.12), "5 − (3 − t/4) ≤ 5");
    }

    #[test]
    fn without_a_statement_there_is_no_share() {
        let still = Track::new(vec![]);
        assert_eq!(of_claims(&[still.clone(), still], &[vec![], vec![]], REFERENCE, 0.0, 1.0), None);
        assert_eq!(of_claims(&[], &[], REFERENCE, 0.0, 1.0), None);
    }
}
