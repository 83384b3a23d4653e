//! How often a clock's own statement of its error was true: of the reference, or of every clock of the mesh
//! ([`Subject`]).

use super::envelope::{Stretch, sweep};
use super::quantile::{PerMille, weighted};
use super::track::{Leg, Track};
use crate::clock::Subject;
use crate::ids::Algorithm;
use crate::time::Nanos;

/// What a clock says of its own error, in force from an instant (ns since the run's start) on.
pub type Claims = Vec<(f64, Option<Leg>)>;

/// Whose clocks the claims of `algorithm`'s clocks are about: their own kind, but for the hybrid clock, which is held against
/// the physical clock of the reference: the one beneath itself, without what the reference has heard.
pub const fn spoken_of(algorithm: Algorithm) -> Algorithm {
    match algorithm {
        Algorithm::Hlc => Algorithm::Ntp,
        other => other,
    }
}

/// What a clock can claim that leads the clock `beneath` it, whose claims are given: these, widened by the lead of the moment,
/// since it is as far behind as that one at most, and ahead by the lead more.
pub fn widened(claims: &[(f64, Option<Leg>)], beneath: &Track, clock: &Track) -> Claims {
    let Some((first, _)) = claims.first() else { return Claims::new() };
    let legs = [beneath, clock].into_iter().flat_map(Track::legs).map(|leg| leg.start);
    let mut starts: Vec<f64> = legs.filter(|at| *at > *first).chain(claims.iter().map(|(at, _)| *at)).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let (mut told, mut under, mut over) = (0, 0, 0);
    let mut wider = |start: f64| {
        while claims.get(told + 1).is_some_and(|(at, _)| *at <= start) {
            told += 1;
        }
        let (beneath, clock) = (beneath.follow(&mut under, start), clock.follow(&mut over, start));
        let lead = (clock.at(start) - beneath.at(start), clock.slope - beneath.slope);
        let wide = |claim: Leg| Leg { start, value: claim.at(start) + lead.0, slope: claim.slope + lead.1 };
        (start, claims[told].1.map(wide))
    };
    starts.into_iter().map(&mut wider).collect()
}

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
            let mut pieces: Vec<(usize, usize, f64)> = Vec::new();
            for stretch in &stretches {
                let clock = by(stretch);
                pieces.push((clock, clocks[clock].index_at(stretch.start), stretch.start));
            }
            pieces.dedup_by_key(|(clock, leg, _)| (*clock, *leg));
            let leg = |(clock, leg, start): &(usize, usize, f64)| {
                let leg = clocks[*clock].legs()[*leg];
                Leg { start: *start, value: leg.at(*start), slope: leg.slope }
            };
            Track::new(pieces.iter().map(leg).collect())
        };
        Self { low: along(|stretch| stretch.bottom), high: along(|stretch| stretch.top) }
    }
}

/// What came of holding claims against what they are about. Sums over clocks and time.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Score {
    /// Time in which a clock stated something, in ns.
    pub stated: f64,
    /// The part of it in which that was true, in ns.
    pub covered: f64,
    /// The integral over it of the distance to what is furthest, in square ns.
    distance: f64,
    /// What was stated, one after the other.
    claims: Vec<Stretch>,
}

impl Score {
    /// Share of the time in which something was stated in which it was true. `None` if there is no such time.
    pub fn coverage(&self) -> Option<f64> {
        (self.stated > 0.0).then(|| (self.covered / self.stated).min(1.0))
    }

    /// Median over time of what was stated.
    pub fn claim(&self) -> Option<Nanos> {
        weighted(&self.claims, PerMille::P50)
    }

    /// The mean over time of the distance over that of what was stated of it: 1 could not be less, 0 could be anything.
    pub fn tightness(&self) -> Option<f64> {
        let stated: f64 = self.claims.iter().map(|claim| (claim.first + claim.last) / 2.0 * claim.length()).sum();
        (stated > 0.0).then(|| self.distance / stated)
    }

    /// Adds what came of another clock's claims, or of another time.
    pub fn add(&mut self, other: Self) {
        (self.stated, self.covered) = (self.stated + other.stated, self.covered + other.covered);
        self.distance += other.distance;
        self.claims.extend(other.claims);
    }
}

/// Holds the claims of `tracks` between `from` and `to` against what they are about: the clock in the place of the
/// reference among those `spoken_of`, or all of these, as the claims' `subject` is. Exact on linear pieces. Only time in which a
/// clock states something counts; the reference, of whom a claim about the reference says nothing, does not.
pub fn of_claims(
    tracks: &[Track],
    claims: &[Claims],
    spoken_of: &[Track],
    (subject, reference): (Subject, usize),
    (from, to): (f64, f64),
) -> Score {
    let mut sum = Score::default();
    if claims.iter().flatten().all(|(_, claim)| claim.is_none()) {
        return sum;
    }
    let band = match (subject, spoken_of.get(reference)) {
        (Subject::Mesh, _) => Band::of_all(spoken_of, from, to),
        (Subject::Reference, Some(clock)) => Band::of(clock),
        (Subject::Reference, None) => return sum,
    };
    for (index, (track, claims)) in tracks.iter().zip(claims).enumerate() {
        if subject == Subject::Mesh || index != reference {
            sum.add(of_clock(track, &band, claims, (from, to)));
        }
    }
    sum
}

/// Holds what one clock states between `from` and `to` against everything in the band.
pub fn of_clock(track: &Track, band: &Band, claims: &[(f64, Option<Leg>)], (from, to): (f64, f64)) -> Score {
    let mut score = Score { claims: stretches(claims, from, to), ..Score::default() };
    if score.claims.is_empty() {
        return score;
    }
    let legs = [track, &band.low, &band.high].into_iter().flat_map(Track::legs);
    let starts = legs.map(|leg| leg.start).chain(claims.iter().map(|c| c.0));
    let mut starts: Vec<f64> = starts.filter(|at| *at > from && *at < to).chain([from]).collect();
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let at_first = |track: &Track| track.index_at(from);
    let (mut own, mut low, mut high) = (at_first(track), at_first(&band.low), at_first(&band.high));
    let mut claim = 0;
    for (index, start) in starts.iter().copied().enumerate() {
        let length = starts.get(index + 1).copied().unwrap_or(to) - start;
        while claims.get(claim).is_some_and(|(at, _)| *at <= start) {
            claim += 1;
        }
        let own = track.follow(&mut own, start);
        let (low, high) = (band.low.follow(&mut low, start), band.high.follow(&mut high, start));
        let Some(bound) = claim.checked_sub(1).and_then(|last| claims[last].1) else { continue };
        let apart = |more: Leg, less: Leg| (more.at(start) - less.at(start), more.slope - less.slope);
        let (above, below) = (apart(own, low), apart(high, own));
        let holds = |apart: (f64, f64)| negative(apart.0 - bound.at(start), apart.1 - bound.slope, length);
        let (first, second) = (holds(above), holds(below));
        score.covered += (first.1.min(second.1) - first.0.max(second.0)).max(0.0);
        score.distance += integral_of_larger(above, below, length);
        score.stated += length;
    }
    score
}

/// What is stated between two instants.
fn stretches(claims: &[(f64, Option<Leg>)], from: f64, to: f64) -> Vec<Stretch> {
    let stretch = |(index, (at, claim)): (usize, &(f64, Option<Leg>))| {
        let next = claims.get(index + 1).map_or(to, |(at, _)| *at);
        let (start, end) = (at.max(from), next.min(to));
        let bound = claim.filter(|_| start < end)?;
        Some(Stretch { start, end, first: bound.at(start), last: bound.at(end), top: 0, bottom: 0 })
    };
    claims.iter().enumerate().filter_map(stretch).collect()
}

/// The integral over `[0, length]` of the larger of two lines, each by its value at 0 and its slope.
fn integral_of_larger(one: (f64, f64), other: (f64, f64), length: f64) -> f64 {
    let larger = |t: f64| (one.0 + one.1 * t).max(other.0 + other.1 * t);
    let crossing = (other.0 - one.0) / (one.1 - other.1);
    let cut = if crossing > 0.0 && crossing < length { crossing } else { length };
    (larger(0.0) + larger(cut)) / 2.0 * cut + (larger(cut) + larger(length)) / 2.0 * (length - cut)
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

    fn leg(start: f64, value: f64, slope: f64) -> Leg {
        Leg { start, value, slope }
    }

    fn score(tracks: &[Track], claims: &[Claims], about: (Subject, usize)) -> Score {
        of_claims(tracks, claims, tracks, about, (0.0, 100.0))
    }

    #[test]
    fn a_growing_bound_covers_from_the_crossing_on() {
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let off = Track::new(vec![leg(0.0, -10.0, 0.0), leg(80.0, 500.0, 0.0)]);
        let claims = vec![(20.0, Some(leg(20.0, 0.0, 0.5)))];
        // Stated from 20 on; 0.5 (t − 20) reaches 10 at t = 40 and holds until the step at 80.
        let found = score(&[still, off], &[vec![], claims], REFERENCE);
        assert_eq!(found.coverage(), Some(40.0 / 80.0));
        // Of 80: 60 at 10 and 20 at 500, where 0 to 40 was stated.
        assert_eq!(found.tightness(), Some((60.0 * 10.0 + 20.0 * 500.0) / (80.0 * 20.0)));
        assert_eq!(found.claim(), Some(Nanos(20)));
    }

    #[test]
    fn a_claim_about_the_mesh_is_held_against_the_clock_that_is_furthest() {
        let still = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let ahead = Track::new(vec![leg(0.0, 5.0, 0.0)]);
        let falls = Track::new(vec![leg(0.0, 3.0, -0.25)]);
        let claim = |bound| vec![(0.0, Some(leg(0.0, bound, 0.0)))];
        let tracks = [still, ahead, falls];
        let of = |claims: [Claims; 3], about| score(&tracks, &claims, about).coverage();
        // The first is within 5 of the second always, of the third, 3 − t/4, until t = 32.
        assert_eq!(of([claim(5.0), vec![], vec![]], (Subject::Mesh, 0)), Some(0.32));
        assert_eq!(of([claim(4.9), vec![], vec![]], (Subject::Mesh, 0)), Some(0.0));
        assert_eq!(of([claim(9.0), vec![], vec![]], REFERENCE), None, "the reference says nothing of itself");
        assert_eq!(of([vec![], claim(5.0), vec![]], REFERENCE), Some(1.0));
        assert_eq!(of([vec![], claim(5.0), vec![]], (Subject::Mesh, 0)), Some(0.12), "5 − (3 − t/4) ≤ 5");
        // The furthest from the first is the second, at 5, until t = 32, and then the third, up to 22.
        let whole = score(&tracks, &[claim(10.0), vec![], vec![]], (Subject::Mesh, 0));
        assert_eq!(whole.tightness(), Some((32.0 * 5.0 + 68.0 * 13.5) / 1000.0));
    }

    #[test]
    fn what_a_hybrid_clock_claims_is_widened_by_its_lead_of_the_moment() {
        let reference = Track::new(vec![leg(0.0, 0.0, 0.0)]);
        let beneath = Track::new(vec![leg(0.0, -4.0, 0.0)]);
        // It stands still at l, 6 ahead of its physical clock at t = 10, which overtakes it at t = 16.
        let hybrid = Track::new(vec![leg(0.0, -4.0, 0.0), leg(10.0, 2.0, -1.0), leg(16.0, -4.0, 0.0)]);
        let claims = vec![(5.0, Some(leg(5.0, 4.0, 0.0))), (12.0, None), (14.0, Some(leg(14.0, 5.0, 0.5)))];
        let wider = widened(&claims, &beneath, &hybrid);
        let at = |t: f64| wider.iter().rfind(|(at, _)| *at <= t).and_then(|(_, claim)| claim.map(|claim| claim.at(t)));
        assert_eq!(
            [4.0, 6.0, 10.0, 11.0, 13.0, 14.0, 15.0, 18.0].map(at),
            [None, Some(4.0), Some(10.0), Some(9.0), None, Some(7.0), Some(6.5), Some(7.0)]
        );
        let found = |claims: &[(f64, Option<Leg>)]| of_clock(&hybrid, &Band::of(&reference), claims, (0.0, 100.0));
        assert_eq!(found(&wider).coverage(), Some(1.0), "true wherever the physical clock's is");
        let lies = [(0.0, Some(leg(0.0, 3.9, 0.0)))];
        assert!(found(&widened(&lies, &beneath, &hybrid)).coverage() < Some(0.1), "and found out with it");
    }

    #[test]
    fn the_band_of_many_clocks_is_that_of_the_envelope() {
        let one = Track::new(vec![leg(0.0, 0.0, 0.5), leg(40.0, -30.0, 0.0), leg(60.0, 1.0, 0.25)]);
        let other = Track::new(vec![leg(0.0, 10.0, 0.0), leg(50.0, 10.0, 0.0), leg(70.0, -5.0, 0.0)]);
        let band = Band::of_all(&[one.clone(), other.clone()], 0.0, 100.0);
        for t in 0..100 {
            let t = f64::from(t) + 0.5;
            assert!((band.low.at(t) - one.at(t).min(other.at(t))).abs() < 1e-9, "{t}");
            assert!((band.high.at(t) - one.at(t).max(other.at(t))).abs() < 1e-9, "{t}");
        }
    }

    #[test]
    fn without_a_statement_there_is_no_share() {
        let still = Track::new(vec![]);
        let silent = score(&[still.clone(), still], &[vec![], vec![]], REFERENCE);
        assert_eq!((silent.coverage(), silent.claim(), silent.tightness()), (None, None, None));
        assert_eq!(score(&[], &[], REFERENCE), Score::default());
    }
}
