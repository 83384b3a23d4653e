//! What one run did to one clock.

use super::disturbance::Disturbance;
use super::lives::Lives;
use crate::analysis::coverage::{Band, Score, of_clock};
use crate::analysis::envelope::{Stretch, sweep};
use crate::analysis::quantile::{PerMille, largest, weighted};
use crate::clock::Subject;
use crate::ids::{Algorithm, NodeId};
use crate::time::Nanos;

/// Within so many times its median before the disturbance, eps counts as what it was...
const TWICE: i64 = 2;
/// ...if its median over so many polls is: one late message makes a spike that is no relapse...
const POLLS: i64 = 10;
/// ...for so many polls on end: errors that move slowly pass the limit now and then without any disturbance.
const STAYS: usize = 100;

/// One clock in one run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Median over time of eps between settling and the disturbance.
    pub before: Nanos,
    /// Largest eps from the disturbance's beginning on.
    pub worst: Nanos,
    /// From the disturbance's end to the instant from which the median of eps over ten polls is within twice the median before
    /// for a hundred polls on end; to a poll. `None` if it never is.
    pub recovered: Option<Nanos>,
    /// Node-time from settling on in which a clock stated a bound that held, in ns.
    pub covered: f64,
    /// Node-time in which one stated a bound, in ns.
    pub stated: f64,
    /// Median over that time of the stated bound.
    pub claim: Option<Nanos>,
    /// How often clocks stepped from settling on.
    pub steps: u64,
}

/// Measures the clocks of `algorithm`. `None` if eps has no course.
pub fn of(algorithm: Algorithm, lives: &Lives, disturbance: Disturbance) -> Option<Measured> {
    let ns = |span: Nanos| span.0 as f64;
    let [settled, begins, ends, over] =
        [disturbance.settled(), disturbance.begins(), disturbance.ends(), disturbance.over()].map(ns);
    let is_honest = |node: NodeId| !disturbance.liars().contains(&node.0);
    let eps = |from, to| -> Vec<Stretch> {
        let of = |span: (f64, f64)| {
            let tracks = lives.living(algorithm, span).filter(|lived| is_honest(lived.node));
            sweep(&tracks.map(|lived| lived.track.clone()).collect::<Vec<_>>(), span.0, span.1)
        };
        lives.spans(from, to).into_iter().flat_map(of).collect()
    };
    let (quiet, after) = (eps(settled, begins), eps(begins, over));
    let before = weighted(&quiet, PerMille::P50)?;
    let poll = ns(disturbance.poll());
    let limit = before.times(TWICE);
    let claims = claims(algorithm, lives, &is_honest, (settled, over));
    Some(Measured {
        before,
        worst: largest(&after)?,
        recovered: recovered(&after, limit, (ends, over), poll),
        covered: claims.covered,
        stated: claims.stated,
        claim: claims.claim(),
        steps: lives.steps(algorithm, is_honest, settled),
    })
}

/// The median of eps over each ten polls between two instants, a poll apart from each other.
fn medians(eps: &[Stretch], span: (f64, f64), poll: f64) -> Vec<Option<Nanos>> {
    let width = poll * POLLS as f64;
    let windows = ((span.1 - span.0 - width) / poll) as usize + 1;
    let start = |index: usize| span.0 + index as f64 * poll;
    (0..windows).map(|index| weighted(&clipped(eps, start(index), start(index) + width), PerMille::P50)).collect()
}

/// From the beginning of `span` to that of the first ten polls from which on, for a hundred polls on end, no ten polls have a
/// median above `limit`.
fn recovered(eps: &[Stretch], limit: Nanos, span: (f64, f64), poll: f64) -> Option<Nanos> {
    let within = |median: &Option<Nanos>| median.is_some_and(|median| median <= limit);
    let first = medians(eps, span, poll).windows(STAYS).position(|on_end| on_end.iter().all(within))?;
    Some(Nanos((first as f64 * poll) as i64))
}

/// What of eps lies between two instants.
fn clipped(eps: &[Stretch], from: f64, to: f64) -> Vec<Stretch> {
    let first = eps.partition_point(|stretch| stretch.end <= from);
    let inside = eps[first..].iter().take_while(|stretch| stretch.start < to);
    let clip = |stretch: &Stretch| {
        let (start, end) = (stretch.start.max(from), stretch.end.min(to));
        Stretch { start, end, first: stretch.eps(start), last: stretch.eps(end), ..*stretch }
    };
    inside.map(clip).collect()
}

fn claims(algorithm: Algorithm, lives: &Lives, is_honest: &dyn Fn(NodeId) -> bool, whole: (f64, f64)) -> Score {
    let mut sum = Score::default();
    for span in lives.spans(whole.0, whole.1) {
        let honest = || lives.living(algorithm, span).filter(|lived| is_honest(lived.node));
        let subject = Subject::of(algorithm);
        let band = match subject {
            Subject::Reference => Band::of(lives.truth(algorithm, span)),
            Subject::Mesh => {
                Band::of_all(&honest().map(|lived| lived.track.clone()).collect::<Vec<_>>(), span.0, span.1)
            }
        };
        for lived in honest().filter(|lived| subject == Subject::Mesh || lived.node != lives.reference()) {
            sum.add(of_clock(lived.track, &band, lived.claims, span));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eps of so many ns for so many polls of one ns each, one after the other.
    fn course(of: &[(f64, f64)]) -> Vec<Stretch> {
        let mut start = 0.0;
        let stretch = |(eps, polls): &(f64, f64)| {
            let from = start;
            start += polls;
            Stretch { start: from, end: start, first: *eps, last: *eps, top: 0, bottom: 1 }
        };
        of.iter().map(stretch).collect()
    }

    #[test]
    fn a_clock_has_recovered_when_it_stays_near() {
        let after = |of: &[(f64, f64)]| recovered(&course(of), Nanos(20), (50.0, 300.0), 1.0).map(|after| after.0);
        assert_eq!(after(&[(10.0, 300.0)]), Some(0));
        // Far until 60: of the ten polls from 55 on half are near.
        assert_eq!(after(&[(90.0, 60.0), (20.0, 240.0)]), Some(5));
        assert_eq!(after(&[(90.0, 60.0), (20.0, 50.0), (21.0, 10.0), (5.0, 180.0)]), Some(65), "a relapse");
        assert_eq!(after(&[(10.0, 70.0), (900.0, 2.0), (10.0, 228.0)]), Some(0), "a spike");
        assert_eq!(after(&[(10.0, 200.0), (90.0, 100.0)]), Some(0), "for a hundred polls it was near");
        assert_eq!(after(&[(90.0, 210.0), (10.0, 90.0)]), None, "for too short a time");
    }
}
