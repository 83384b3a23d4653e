//! The knee of a line along tau: where the bound, or eps itself, begins to follow tau.
//!
//! That is where d ln y / d ln τ passes one half. For a floor with drift on top, y = a + bτ, it is a/b, where both are equal:
//! for the safe bound under constant ξ and κ and without losses ξ/(2κ) + ν + μ/(2d), where 2dκτ = d(2κν+ξ) + κμ
//! ([`Premises::knee`](crate::theory::Premises::knee)). Slopes are taken, and not the crossing of the two parts, since below
//! the knee the choice of ξ makes both about equal, so that they cross by chance. Below a knee a shorter tau buys little; far
//! above it eps is in proportion to tau.

use super::key::Key;
use super::line::Line;
use super::point::Point;
use crate::ids::Algorithm;
use crate::time::Nanos;

/// Fewer points say nothing.
const FEWEST: usize = 4;
/// Slopes that fall again by more than this say nothing.
const MOST_AGAINST: f64 = 0.5;

/// Where a line bends, in ns of tau.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Knee {
    /// Here.
    At(f64),
    /// Below the smallest value: it follows tau all along.
    Below,
    /// Above the largest value: it does not follow tau anywhere.
    Above,
    /// The numbers do not say: too few points, too few knowns, no such shape, or the line is not along tau.
    Unclear,
}

/// Where the median safe bound begins to follow tau.
pub fn promised(line: &Line<'_>) -> Knee {
    bend(line, |point| point.safe.median)
}

/// Where the median eps of an algorithm begins to follow tau.
pub fn measured(line: &Line<'_>, algorithm: Algorithm) -> Knee {
    bend(line, |point| point.eps(algorithm).median)
}

/// The formula, ξ/(2κ) + ν + μ/(2d), with the median premises of the point that is nearest to this tau in ratio.
pub fn formula(line: &Line<'_>, tau: f64) -> Option<f64> {
    let far = |(value, _): &&(f64, &Point)| (value / tau).ln().abs();
    let nearest = line.points.iter().min_by(|a, b| far(a).total_cmp(&far(b)))?;
    nearest.1.knee.map(|knee| knee.0 as f64)
}

/// Two digits, for people: a knee is read off between points, not measured to the third digit.
pub fn rough(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// Where the slope of a number on logarithmic axes passes one half. Slopes are those between neighbours, made never to fall
/// by the least squares that do (pooled adjacent violators), and lie in the middle of theirs.
fn bend(line: &Line<'_>, number: impl Fn(&Point) -> Option<Nanos>) -> Knee {
    let known = |(value, point): &(f64, &Point)| Some((value.ln(), (number(point)?.0.max(1) as f64).ln()));
    let Some(points) = line.points.iter().map(known).collect::<Option<Vec<_>>>() else { return Knee::Unclear };
    if line.key != Key::Tau || points.len() < FEWEST {
        return Knee::Unclear;
    }
    let slope = |pair: &[(f64, f64)]| {
        let (width, rise) = (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1);
        Slope { middle: (pair[0].0 + pair[1].0) / 2.0, width, slope: rise / width }
    };
    let raw: Vec<Slope> = points.windows(2).map(slope).collect();
    let slopes = never_falling(&raw);
    let against = raw.iter().zip(&slopes).map(|(raw, slope)| (raw.slope - slope.slope).abs()).fold(0.0, f64::max);
    let Some(above) = slopes.iter().position(|slope| slope.slope >= 0.5) else {
        return if against > MOST_AGAINST { Knee::Unclear } else { Knee::Above };
    };
    match above.checked_sub(1).map(|below| (&slopes[below], &slopes[above])) {
        _ if against > MOST_AGAINST => Knee::Unclear,
        None => Knee::Below,
        Some((low, high)) => {
            let share = (0.5 - low.slope) / (high.slope - low.slope);
            Knee::At((low.middle + share * (high.middle - low.middle)).exp())
        }
    }
}

/// The slope between two neighbours, on logarithmic axes.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Slope {
    middle: f64,
    width: f64,
    slope: f64,
}

/// The same slopes, each where it was, with the least change that leaves none below the one before it.
fn never_falling(slopes: &[Slope]) -> Vec<Slope> {
    let mut pools: Vec<(Slope, usize)> = Vec::new();
    for slope in slopes {
        let (mut pool, mut count) = (*slope, 1);
        while let Some((before, many)) = pools.pop_if(|(before, _)| before.slope > pool.slope) {
            let width = before.width + pool.width;
            pool.slope = (before.slope * before.width + pool.slope * pool.width) / width;
            (pool.width, count) = (width, count + many);
        }
        pools.push((pool, count));
    }
    let pooled = pools.into_iter().flat_map(|(pool, count)| std::iter::repeat_n(pool.slope, count));
    slopes.iter().zip(pooled).map(|(slope, pooled)| Slope { slope: pooled, ..*slope }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Sweep;
    use crate::sweep::line::lines;
    use crate::sweep::testing::{run, sweep};
    use crate::theory::Premises;
    use proptest::prelude::*;

    /// Along tau, with xi and kappa the same everywhere.
    fn along(range: &str, premises: Premises, eps: impl Fn(f64) -> f64) -> Sweep {
        sweep(&[&format!("tau={range}")], 3, |values, _| {
            let tau = Nanos(values[0] as i64);
            let mut made = run(tau, premises.xi, Nanos(eps(values[0]) as i64));
            made.premises = Some(Premises { tau, ..premises });
            made
        })
    }

    fn close(found: Knee, expected: f64, share: f64) -> bool {
        matches!(found, Knee::At(at) if (at / expected - 1.0).abs() < share)
    }

    proptest! {
        #[test]
        fn both_knees_are_those_of_the_formula(kappa in 1_000..500_000_i64, xi in 1_000..1_000_000_i64,
            mu in 0..10_000_i64, diameter in 1..9_u32, floor in 10_000..1_000_000_i64, slope in 1_000..500_000_i64) {
            use crate::time::Ppb;
            let premises = Premises { kappa: Ppb(kappa), diameter, mu: Nanos(mu), xi: Nanos(xi), ..Premises::default() };
            // The last knee is at 1000 s, and is found where slopes on both sides of it are known.
            let made = along("10us..10000s", premises, |tau| floor as f64 + tau * slope as f64 * 1e-9);
            let line = &lines(&made, 0)[0];
            let expected = xi as f64 * 1e9 / (2.0 * kappa as f64) + (mu + xi) as f64 + mu as f64 / (2.0 * f64::from(diameter));
            prop_assert!(close(promised(line), expected, 0.05), "{:?}, not {expected}", promised(line));
            prop_assert!(formula(line, expected).is_some_and(|formula| (formula - expected).abs() < 1.0));
            let bend = floor as f64 / slope as f64 * 1e9;
            prop_assert!(close(measured(line, Algorithm::Lamport), bend, 0.05), "{:?}", measured(line, Algorithm::Lamport));
        }
    }

    #[test]
    fn a_knee_outside_the_values_is_not_made_up() {
        let premises =
            Premises { kappa: crate::time::Ppb(50_000), diameter: 2, xi: Nanos(100_000), ..Premises::default() };
        assert_eq!(premises.knee(), Some(Nanos(1_000_100_000)));
        for (range, knee) in [("1ms..100ms", Knee::Above), ("2s..200s", Knee::Below)] {
            let made = along(range, premises, |tau| 50_000.0 + tau * 50e-6);
            let line = &lines(&made, 0)[0];
            assert_eq!((promised(line), measured(line, Algorithm::Ntp)), (knee, knee));
        }
    }

    #[test]
    fn what_has_no_such_shape_has_no_knee() {
        let premises =
            Premises { kappa: crate::time::Ppb(50_000), diameter: 2, xi: Nanos(100_000), ..Premises::default() };
        let bent_down = along("1ms..10s", premises, |tau| if tau < 1e8 { tau } else { 1e8 });
        assert_eq!(measured(&lines(&bent_down, 0)[0], Algorithm::Lamport), Knee::Unclear);
        let few = along("1ms..10ms", premises, |tau| tau);
        assert_eq!(measured(&lines(&few, 0)[0], Algorithm::Lamport), Knee::Unclear);
        let loss = sweep(&["loss=0.1,0.2,0.3,0.4"], 1, |_, _| run(Nanos(1_000_000), Nanos(5), Nanos(5)));
        let line = &lines(&loss, 0)[0];
        assert_eq!((promised(line), measured(line, Algorithm::Lamport)), (Knee::Unclear, Knee::Unclear));
        assert_eq!((rough(576_321.0), rough(0.0)), (580_000.0, 0.0));
        let unknown = sweep(&["tau=1ms..1s"], 1, |_, _| super::super::Measured {
            premises: None,
            ..run(Nanos(1), Nanos(5), Nanos(5))
        });
        assert_eq!(promised(&lines(&unknown, 0)[0]), Knee::Unclear);
    }
}
