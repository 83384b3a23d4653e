//! A point's numbers over its seeds: the median and the worst of each.
//!
//! What is unknown counts as larger than any number: a seed without a bound makes the worst bound unknown, and if it is
//! half of the seeds, the median too. So no number looks better because a run could not tell it.

use std::cmp::Ordering;

use super::measured::{Eps, Measured};
use crate::analysis::Verdict;
use crate::ids::Algorithm;
use crate::theory::{Bounds, Premises, Term};
use crate::time::{Nanos, Ppb};

/// A number over the seeds of a point.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread<T> {
    /// The middle one; of two, the larger.
    pub median: Option<T>,
    /// The largest.
    pub worst: Option<T>,
}

impl<T: Copy + PartialOrd> Spread<T> {
    fn of(values: impl Iterator<Item = Option<T>>) -> Self {
        let mut values: Vec<Option<T>> = values.collect();
        values.sort_by(|a, b| match (a, b) {
            (Some(a), Some(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            _ => b.is_some().cmp(&a.is_some()),
        });
        let at = |place: usize| values.get(place).copied().flatten();
        Self { median: at(values.len() / 2), worst: at(values.len().saturating_sub(1)) }
    }
}

/// The parts of the safe bound that a planner can do something about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// 2dκ(τ+ν): clocks drift apart, between messages and while they are under way.
    Drift,
    /// dξ: delays that nobody can predict.
    Delay,
    /// κμ: a message under way may lift a clock.
    Credit,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Drift, Self::Delay, Self::Credit];

    /// The part as it stands in the formula; the text used in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drift => "2d*kappa*(tau+nu)",
            Self::Delay => "d*xi",
            Self::Credit => "kappa*mu",
        }
    }

    /// Its size, rounded up.
    pub fn of(self, premises: &Premises) -> Nanos {
        match self {
            Self::Drift => premises.term(Term::Drift) + premises.term(Term::Flight),
            Self::Delay => premises.term(Term::Jitter),
            Self::Credit => premises.term(Term::Credit),
        }
    }
}

/// One point of the grid.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// Its number in the grid.
    pub number: usize,
    /// How many seeds it was run with.
    pub seeds: u32,
    /// Nodes.
    pub nodes: u32,
    /// Directed diameter, the largest of all seeds.
    pub diameter: Option<u32>,
    /// How long each run lasted: the shortest of all seeds.
    pub duration: Nanos,
    /// The largest eps, for each algorithm of [`Algorithm::OWN`].
    pub eps_max: [Spread<Nanos>; 4],
    /// Eps at most this for 99 % of the window, likewise.
    pub eps_p99: [Spread<Nanos>; 4],
    /// The bound as published.
    pub seed_bound: Spread<Nanos>,
    /// The safe bound.
    pub safe: Spread<Nanos>,
    /// The tight bound.
    pub tight: Spread<Nanos>,
    /// The paper's approximation.
    pub paper: Spread<Nanos>,
    /// The longest gap between timely sends.
    pub tau_eff: Spread<Nanos>,
    /// The limit of the unpredictable delay.
    pub xi: Spread<Nanos>,
    /// The largest credit.
    pub mu: Spread<Nanos>,
    /// The drift of the worst clock.
    pub kappa: Spread<Ppb>,
    /// The parts of the safe bound, for each of [`Part::ALL`].
    pub parts: [Spread<Nanos>; 3],
    /// The tau from which on the safe bound would follow it, with all else as it is here: the median of
    /// [`Premises::knee`]. Absent where nothing drifts.
    pub knee: Option<Nanos>,
    /// Measured eps of Lamport's clocks over the tight bound.
    pub tightness: Spread<f64>,
    /// Seeds by their verdict: WITHIN, VIOLATED, UNKNOWN.
    pub verdicts: [u32; 3],
}

impl Point {
    /// Puts the runs of a point together.
    pub fn of(number: usize, runs: &[Measured]) -> Self {
        let eps = |pick: fn(Eps) -> Nanos| {
            Algorithm::OWN.map(|algorithm| Spread::of(runs.iter().map(|run| run.of(algorithm).map(pick))))
        };
        let premise = |pick: fn(&Premises) -> Nanos| Spread::of(runs.iter().map(|run| run.premises.as_ref().map(pick)));
        let bound = |pick: fn(Bounds) -> Nanos| Spread::of(runs.iter().map(|run| Some(pick(run.premises?.bounds()))));
        let part = |part: Part| Spread::of(runs.iter().map(|run| run.premises.as_ref().map(|it| part.of(it))));
        let verdicts = [Verdict::Within, Verdict::Violated, Verdict::Unknown];
        Self {
            number,
            seeds: runs.len() as u32,
            nodes: runs.iter().map(|run| run.nodes).max().unwrap_or(0),
            diameter: runs.iter().map(|run| run.diameter).max().flatten(),
            duration: runs.iter().map(|run| run.duration).min().unwrap_or(Nanos::ZERO),
            eps_max: eps(|eps| eps.max),
            eps_p99: eps(|eps| eps.p99),
            seed_bound: bound(|bounds| bounds.seed),
            safe: bound(|bounds| bounds.safe),
            tight: bound(|bounds| bounds.tight),
            paper: bound(|bounds| bounds.paper),
            tau_eff: premise(|premises| premises.tau),
            xi: premise(|premises| premises.xi),
            mu: premise(|premises| premises.mu),
            kappa: Spread::of(runs.iter().map(|run| Some(run.premises?.kappa))),
            parts: Part::ALL.map(part),
            knee: Spread::of(runs.iter().map(|run| run.premises?.knee())).median,
            tightness: Spread::of(runs.iter().map(Measured::tightness)),
            verdicts: verdicts.map(|verdict| runs.iter().filter(|run| run.verdict == verdict).count() as u32),
        }
    }

    /// The largest eps of an algorithm's clocks.
    pub fn eps(&self, algorithm: Algorithm) -> Spread<Nanos> {
        let found = Algorithm::OWN.into_iter().zip(self.eps_max).find(|(own, _)| *own == algorithm);
        found.map_or(Spread { median: None, worst: None }, |(_, eps)| eps)
    }

    /// The median size of a part of the safe bound.
    pub fn part(&self, part: Part) -> Option<Nanos> {
        Part::ALL.into_iter().zip(self.parts).find(|(own, _)| *own == part).and_then(|(_, size)| size.median)
    }

    /// The largest part of the safe bound by the medians; of equal ones the first. Unknown without a bound.
    pub fn dominant(&self) -> Option<Part> {
        let sizes = Part::ALL.into_iter().rev().map(|part| Some((self.part(part)?, part)));
        sizes.collect::<Option<Vec<_>>>()?.into_iter().max_by_key(|(size, _)| *size).map(|(_, part)| part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::run;

    #[test]
    fn an_unknown_is_larger_than_any_number() {
        let of = |values: &[Option<i32>]| {
            let spread = Spread::of(values.iter().copied());
            (spread.median, spread.worst)
        };
        assert_eq!(of(&[Some(3), Some(1), Some(2)]), (Some(2), Some(3)));
        assert_eq!(of(&[Some(3), None, Some(2)]), (Some(3), None));
        assert_eq!(of(&[None, None, Some(2)]), (None, None));
        assert_eq!(of(&[Some(1), Some(2)]), (Some(2), Some(2)), "of two the larger");
        assert_eq!(of(&[]), (None, None));
    }

    #[test]
    fn a_point_has_medians_worst_and_verdicts_of_its_runs() {
        let ms = Nanos::from_millis;
        let mut runs: Vec<Measured> = [1, 5, 2].map(|eps| run(ms(100), ms(1), ms(eps))).into();
        runs[1].verdict = Verdict::Violated;
        let point = Point::of(7, &runs);
        let eps = point.eps(Algorithm::Lamport);
        assert_eq!((eps.median, eps.worst), (Some(ms(2)), Some(ms(5))));
        assert_eq!((point.verdicts, point.seeds, point.number), ([2, 1, 0], 3, 7));
        // kappa = 50 ppm, d = 1: 10 us of drift (and 100 ns under way), 1 ms of delay.
        assert_eq!((point.part(Part::Drift), point.part(Part::Delay)), (Some(Nanos(10_100)), Some(ms(1))));
        assert_eq!(point.dominant(), Some(Part::Delay));
        assert_eq!(point.tightness.worst.map(|share| (share * 100.0).round()), Some(495.0));
        runs[0].premises = None;
        let point = Point::of(7, &runs);
        assert_eq!((point.safe.worst, point.safe.median.is_some()), (None, true));
    }
}
