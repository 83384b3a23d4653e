//! How far apart Lamport's physical clocks can get (CACM 21(7), 1978, the theorem on PC2), in four forms.
//!
//! Symbols are the paper's: kappa limits |rate − 1| of every clock, d is the directed diameter, tau the longest interval
//! between sends of timely messages on an arc, mu the largest credited part of a delay, xi the limit of the unpredictable
//! part of a timely delay, and nu = mu + xi. All results are exact in integers and rounded up to the nanosecond.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::time::{Nanos, Ppb};

/// Parts in one whole, as [`Ppb`] counts them.
const WHOLE: i128 = Ppb::ONE.0 as i128;

/// What the theorem assumes of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Premises {
    /// Largest |rate − 1| of any clock.
    pub kappa: Ppb,
    /// Directed diameter of the graph of arcs.
    pub diameter: u32,
    /// Longest interval between sends of timely messages on any arc.
    pub tau: Nanos,
    /// Largest part of a delay that any message was credited with.
    pub mu: Nanos,
    /// A message is timely if its delay exceeds its own credit by less than this.
    pub xi: Nanos,
}

/// The bound in its four forms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// d(2κ(τ+ν)+ξ): as published in the review this project started from. False in general where d·ξ < μ.
    pub seed: Nanos,
    /// d(2κ(τ+ν)+ξ) + κμ: always valid. Verdicts stand on this one.
    pub safe: Nanos,
    /// 2κd(τ+ν) + κμ + d·max(0, ξ−κν): attained, but valid only where every message has the same credit.
    pub tight: Nanos,
    /// d(2κτ+ξ): the paper's approximation for μ+ξ much smaller than τ. It can be exceeded.
    pub paper: Nanos,
}

/// A term of the safe bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Term {
    /// 2dκτ: clocks drift apart between messages. A shorter tau mends it.
    Drift,
    /// 2dκν: clocks drift apart while messages are under way.
    Flight,
    /// dξ: delays that nobody can predict. Better stamps or a quieter network mend it.
    Jitter,
    /// κμ: a message under way may lift a clock.
    Credit,
}

impl Term {
    /// The term as it stands in the formula; the text used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drift => "2d*kappa*tau",
            Self::Flight => "2d*kappa*nu",
            Self::Jitter => "d*xi",
            Self::Credit => "kappa*mu",
        }
    }
}

/// The longest tau under which no external observer can see an anomaly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TauCeiling {
    /// Any tau up to this one will do.
    AtMost(Nanos),
    /// Nothing drifts (kappa or d is zero), and the rest leaves room: any tau will do.
    Unlimited,
    /// No tau is short enough.
    Infeasible,
}

impl std::fmt::Display for TauCeiling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(tau) => tau.fmt(f),
            Self::Unlimited => f.pad("unlimited"),
            Self::Infeasible => f.pad("infeasible"),
        }
    }
}

impl Premises {
    /// nu = mu + xi: the longest delay of a timely message.
    pub fn nu(&self) -> Nanos {
        self.mu + self.xi
    }

    /// Xi beside kappa·nu: what a message loses against a slow clock on its way is xi − kappa·nu. Where that is less than
    /// nothing, nobody is further behind than the one who was first.
    pub fn xi_beside_kappa_nu(&self) -> Ordering {
        (span(self.xi) * WHOLE).cmp(&(self.kappa() * self.span_nu()))
    }

    /// The bound in its four forms.
    pub fn bounds(&self) -> Bounds {
        let [drift, flight, jitter, credit] = self.terms();
        let d = i128::from(self.diameter);
        let excess = (span(self.xi) * WHOLE - self.kappa() * self.span_nu()).max(0).saturating_mul(d);
        Bounds {
            seed: round_up(sum([drift, flight, jitter])),
            safe: round_up(sum([drift, flight, jitter, credit])),
            tight: round_up(sum([drift, flight, credit, excess])),
            paper: round_up(sum([drift, jitter])),
        }
    }

    /// The largest term of the safe bound; of equal ones the first in the order of [`Term`].
    pub fn dominant(&self) -> Term {
        let names = [Term::Drift, Term::Flight, Term::Jitter, Term::Credit];
        let largest = names.into_iter().zip(self.terms()).rev().max_by_key(|(_, size)| *size);
        largest.map_or(Term::Drift, |(term, _)| term)
    }

    /// The size of one term of the safe bound, rounded up.
    pub fn term(&self, term: Term) -> Nanos {
        let [drift, flight, jitter, credit] = self.terms();
        round_up(match term {
            Term::Drift => drift,
            Term::Flight => flight,
            Term::Jitter => jitter,
            Term::Credit => credit,
        })
    }

    /// The knee, τ* = ξ/(2κ) + ν + μ/(2d): the tau at which what follows it, 2dκτ, is as large as the rest of the safe bound,
    /// d(2κν+ξ) + κμ, so that the bound's slope on logarithmic axes is one half. A tau far below it buys little. It is this
    /// run's ξ and κ at another tau: exact if they stay the same. Rounded down; `None` if nothing drifts.
    pub fn knee(&self) -> Option<Nanos> {
        let [_, flight, jitter, credit] = self.terms();
        let per_ns_of_tau = (2 * self.kappa()).saturating_mul(i128::from(self.diameter));
        sum([flight, jitter, credit]).checked_div(per_ns_of_tau).map(saturate)
    }

    /// How long after the start the bounds begin to hold: d(τ+ν) + μ/(1−κ) (the paper's equation 11), rounded up.
    pub fn warm_up(&self) -> Nanos {
        let hops = i128::from(self.diameter).saturating_mul(span(self.tau) + self.span_nu());
        let rest = WHOLE - self.kappa();
        let landing = if rest > 0 { div_up(span(self.mu) * WHOLE, rest) } else { i128::from(i64::MAX) };
        saturate(hops.saturating_add(landing))
    }

    /// The largest tau with eps ≤ (1−κ)·mu_min, where `mu_min` is the shortest time in which one process can influence
    /// another, over any channel (docs/theory.md §1.5): (((1−κ)·mu_min − κμ)/d − ξ)/(2κ) − ν, rounded down. This tau is not the
    /// run's; its other premises are.
    pub fn tau_ceiling(&self, mu_min: Nanos) -> TauCeiling {
        let d = i128::from(self.diameter);
        let jitter = d.saturating_mul(span(self.xi) * WHOLE);
        let room = (WHOLE - self.kappa()) * span(mu_min) - self.kappa() * span(self.mu) - jitter;
        let price = 2 * self.kappa() * d;
        if price == 0 {
            return if room > 0 { TauCeiling::Unlimited } else { TauCeiling::Infeasible };
        }
        match room.div_euclid(price) - self.span_nu() {
            tau if tau > 0 => TauCeiling::AtMost(saturate(tau)),
            _ => TauCeiling::Infeasible,
        }
    }

    /// The terms of the safe bound in parts per billion of a nanosecond, in the order of [`Term`].
    fn terms(&self) -> [i128; 4] {
        let d = i128::from(self.diameter);
        let drifting = |length: i128| (2 * self.kappa() * length).saturating_mul(d);
        [
            drifting(span(self.tau)),
            drifting(self.span_nu()),
            (span(self.xi) * WHOLE).saturating_mul(d),
            self.kappa() * span(self.mu),
        ]
    }

    fn kappa(&self) -> i128 {
        i128::from(self.kappa.0).clamp(0, WHOLE)
    }

    fn span_nu(&self) -> i128 {
        span(self.mu) + span(self.xi)
    }
}

/// A span for exact arithmetic; a negative one has no meaning here and counts as zero.
fn span(span: Nanos) -> i128 {
    i128::from(span.0.max(0))
}

fn sum<const N: usize>(terms: [i128; N]) -> i128 {
    terms.into_iter().fold(0, i128::saturating_add)
}

fn div_up(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}

fn round_up(parts: i128) -> Nanos {
    saturate(div_up(parts, WHOLE))
}

fn saturate(ns: i128) -> Nanos {
    Nanos(i64::try_from(ns).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Premises from kappa in ppb and seconds.
    fn premises(diameter: u32, kappa: i64, tau: f64, mu: f64, xi: f64) -> Premises {
        let ns = |seconds: f64| Nanos((seconds * 1e9).round() as i64);
        Premises { kappa: Ppb(kappa), diameter, tau: ns(tau), mu: ns(mu), xi: ns(xi) }
    }

    #[test]
    fn the_seed_bound_is_below_what_its_counterexamples_reach() {
        // docs/theory.md §1.1: 0.0500 s was reached against 0.0400, 230 us against 220, and 0.1510 against 0.142.
        let two = premises(1, 10_000_000, 1.0, 1.0, 0.0).bounds();
        assert_eq!((two.seed, two.safe), (Nanos(40_000_000), Nanos(50_000_000)));
        let wan = premises(1, 100_000, 1.0, 0.1, 0.0).bounds();
        assert_eq!((wan.seed, wan.safe), (Nanos(220_000), Nanos(230_000)));
        let three = premises(1, 10_000_000, 1.0, 1.0, 0.1).bounds();
        assert_eq!((three.seed, three.safe), (Nanos(142_000_000), Nanos(152_000_000)));
    }

    #[test]
    fn the_chain_adversary_stands_to_the_bounds_as_theory_says() {
        // docs/theory.md §1.1: what a chain reaches, and its ratios to paper, seed and tight.
        for (d, kappa, tau, mu, xi, reached, ratios) in [
            (1, 100_000, 1.0, 1e-3, 1e-4, 300.110e-6, [1.00037, 0.99963, 0.99967]),
            (3, 100_000, 1.0, 1e-3, 1e-4, 900.330e-6, [1.00037, 0.99963, 0.99989]),
            (5, 100_000, 1.0, 1e-3, 1e-4, 1_500.550e-6, [1.00037, 0.99963, 0.99993]),
            (4, 10_000_000, 1.0, 0.2, 0.05, 0.29, [1.0357, 0.9667, 0.9932]),
            (3, 10_000, 0.1, 0.02, 0.005, 15.00675e-3, [1.00005, 0.99995, 0.99999]),
            (3, 1_000_000, 1.0, 0.5, 0.0, 7.5e-3, [1.25, 0.8333, 0.7895]),
        ] {
            let bounds = premises(d, kappa, tau, mu, xi).bounds();
            for (bound, ratio) in [bounds.paper, bounds.seed, bounds.tight].into_iter().zip(ratios) {
                let found = reached / bound.as_seconds();
                assert!((found - ratio).abs() < 5e-5, "d = {d}, kappa = {kappa} ppb: {found} for {ratio}");
            }
        }
    }

    #[test]
    fn the_tight_bound_is_what_the_adversaries_attain() {
        // docs/theory.md §1.1: by two sources, and where xi < kappa nu by the ring.
        for (d, kappa, mu, xi, reached) in [
            (1, 10_000_000, 0.1, 0.02, 42_200_000),
            (2, 10_000_000, 0.1, 0.02, 83_400_000),
            (3, 10_000_000, 0.1, 0.02, 124_600_000),
            (2, 100_000, 1e-3, 1e-4, 600_320),
            (1, 10_000_000, 0.1, 0.0, 23_000_000),
            (3, 10_000_000, 0.5, 0.0, 95_000_000),
        ] {
            assert_eq!(premises(d, kappa, 1.0, mu, xi).bounds().tight, Nanos(reached));
        }
    }

    #[test]
    fn bounds_are_rounded_up_to_the_nanosecond() {
        let one = Premises { kappa: Ppb(1), diameter: 1, tau: Nanos(1), ..Premises::default() };
        assert_eq!(one.bounds().safe, Nanos(1));
        assert_eq!(Premises::default().bounds().safe, Nanos(0));
    }

    #[test]
    fn the_ceiling_of_tau_is_that_of_the_theory() {
        // docs/theory.md §1.5 "No anomaly that an outsider could see": kappa = 50 ppm, mu = 20 us.
        let ceiling = |d, xi| premises(d, 50_000, 0.1, 20e-6, xi).tau_ceiling(Nanos(20_000));
        assert_eq!(ceiling(1, 5e-6), TauCeiling::AtMost(Nanos(149_955_000)));
        assert_eq!(ceiling(3, 5e-6), TauCeiling::AtMost(Nanos(16_635_000)));
        assert_eq!(ceiling(1, 100e-6), TauCeiling::Infeasible);
        let wan = premises(1, 50_000, 0.1, 10e-3, 1e-3).tau_ceiling(Nanos(10_000_000));
        assert!(matches!(wan, TauCeiling::AtMost(tau) if (tau.as_seconds() - 90.0).abs() < 0.1), "{wan}");
        assert_eq!(premises(0, 50_000, 0.1, 0.0, 0.0).tau_ceiling(Nanos(5)), TauCeiling::Unlimited);
    }

    #[test]
    fn at_the_ceiling_the_safe_bound_just_fits() {
        let at = |tau| Premises { tau, ..premises(3, 50_000, 0.0, 20e-6, 5e-6) };
        let TauCeiling::AtMost(tau) = at(Nanos(0)).tau_ceiling(Nanos(20_000)) else { panic!("feasible") };
        let room = Nanos(19_999);
        assert!(at(tau).bounds().safe <= room && at(tau + Nanos(10_000)).bounds().safe > room);
    }

    #[test]
    fn the_dominant_term_names_what_to_mend() {
        assert_eq!(premises(1, 50_000, 1.0, 0.0, 1e-6).dominant(), Term::Drift);
        assert_eq!(premises(1, 50_000, 0.1, 0.0, 1e-3).dominant(), Term::Jitter);
        assert_eq!(premises(1, 500_000, 0.0, 1.0, 0.0).dominant(), Term::Flight);
        assert_eq!(premises(0, 50_000, 0.0, 1.0, 0.0).dominant(), Term::Credit);
    }

    #[test]
    fn at_the_knee_half_of_the_bound_follows_tau() {
        // xi = 20 us at 50 ppm: 200 ms, and nu = 20.02 ms, and a sixth of mu = 20 ms.
        let run = premises(3, 50_000, 0.2, 20e-3, 20e-6);
        assert_eq!(run.knee(), Some(Nanos(223_353_333)));
        for run in [run, premises(1, 100_000, 1.0, 0.0, 1e-4), premises(8, 1_000, 1.0, 0.1, 0.0)] {
            let there = Premises { tau: run.knee().unwrap(), ..run };
            let (half, whole) = (there.term(Term::Drift), there.bounds().safe);
            assert!((whole - half.times(2)).abs() <= Nanos(3), "{half} of {whole}");
        }
        assert_eq!((premises(3, 0, 0.2, 0.0, 1e-4).knee(), premises(0, 50_000, 0.2, 1.0, 1e-9).knee()), (None, None));
    }

    #[test]
    fn the_terms_add_up_to_the_safe_bound() {
        let run = premises(3, 51_234, 0.123_456_789, 1.000_001e-3, 1.234_5e-4);
        let sum =
            [Term::Drift, Term::Flight, Term::Jitter, Term::Credit].map(|term| run.term(term).0).iter().sum::<i64>();
        assert!((0..=3).contains(&(sum - run.bounds().safe.0)), "each is rounded up");
    }

    #[test]
    fn the_warm_up_covers_every_hop_and_the_landing() {
        assert_eq!(premises(2, 0, 1.0, 0.1, 0.02).warm_up(), Nanos(2_240_000_000 + 100_000_000));
    }

    #[test]
    fn hostile_premises_saturate() {
        let most =
            Premises { kappa: Ppb(i64::MAX), diameter: u32::MAX, tau: Nanos::MAX, mu: Nanos::MAX, xi: Nanos::MAX };
        assert_eq!((most.bounds().safe, most.warm_up()), (Nanos::MAX, Nanos::MAX));
        assert_eq!(most.tau_ceiling(Nanos::MAX), TauCeiling::Infeasible);
        let least = Premises { kappa: Ppb(-1), tau: Nanos(-5), mu: Nanos(i64::MIN), ..most };
        assert_eq!(least.bounds().paper, Nanos::MAX);
    }
}
