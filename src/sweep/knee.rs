//! The knee of a line: where the bound, or eps itself, changes from one regime to the other.
//!
//! *Promised*: where the parts of the safe bound cross, 2dκ(τ+ν) = dξ; along tau this is τ* = ξ/(2κ) − ν
//! ([`Premises::knee`](crate::theory::Premises::knee)), with the ξ, κ and τ_eff that the runs themselves fulfilled.
//! *Measured*, along tau alone: where eps begins to follow tau, that is where d ln ε / d ln τ passes one half. For a floor
//! with drift on top, ε = a + bτ, that is a/b, where both are equal; nothing is assumed of the floor but that the slope does
//! not fall. Below a knee a shorter tau buys little; far above it eps is in proportion to tau.

use super::key::Key;
use super::line::Line;
use super::point::Part;
use crate::ids::Algorithm;

/// Fewer points say nothing.
const FEWEST: usize = 4;
/// Slopes that fall again by more than this say nothing.
const MOST_AGAINST: f64 = 0.5;

/// Where a line bends, in the unit of its key.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Knee {
    /// Here.
    At(f64),
    /// Below the smallest value: drift rules all along.
    Below,
    /// Above the largest value: the floor rules all along.
    Above,
    /// The numbers do not say: too few points, too few knowns, or no such shape.
    Unclear,
}

/// From where on the drift part of the safe bound is the larger one for good: where it last rises above the unpredictable
/// part, between points by straight lines (exact where drift grows with the key and ξ stays). Below, the choice of ξ makes
/// both parts about equal, so that they may cross several times. Unclear where drift falls below at the end again.
pub fn promised(line: &Line<'_>) -> Knee {
    let excess = |(value, point): &(f64, &super::Point)| {
        let size = |part| Some(point.part(part)?.0 as f64);
        Some((*value, size(Part::Drift)? - size(Part::Delay)?))
    };
    let Some(excess) = line.points.iter().map(excess).collect::<Option<Vec<_>>>() else { return Knee::Unclear };
    let Some(last) = excess.last() else { return Knee::Unclear };
    match excess.windows(2).rfind(|pair| pair[0].1 < 0.0 && pair[1].1 >= 0.0) {
        Some(pair) if last.1 >= 0.0 => {
            let ((x, low), (next, high)) = (pair[0], pair[1]);
            Knee::At(x + (next - x) * low / (low - high))
        }
        None if last.1 >= 0.0 => Knee::Below,
        None if excess.iter().all(|(_, excess)| *excess < 0.0) => Knee::Above,
        _ => Knee::Unclear,
    }
}

/// Two digits, for people: a knee is read off between points, not measured to the third digit.
pub fn rough(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// Where the median eps of an algorithm begins to follow tau: its slope on logarithmic axes passes one half. Slopes are those
/// between neighbours, made never to fall by the least squares that do (pooled adjacent violators), and lie in the middle
/// of theirs.
pub fn measured(line: &Line<'_>, algorithm: Algorithm) -> Knee {
    let eps =
        |(value, point): &(f64, &super::Point)| Some((value.ln(), (point.eps(algorithm).median?.0.max(1) as f64).ln()));
    let Some(points) = line.points.iter().map(eps).collect::<Option<Vec<_>>>() else { return Knee::Unclear };
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
    use crate::time::Nanos;
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
            let made = along("10us..1000s", premises, |tau| floor as f64 + tau * slope as f64 * 1e-9);
            let line = &lines(&made, 0)[0];
            let expected = premises.knee().unwrap().0 as f64;
            prop_assert!(close(promised(line), expected, 1e-3), "{:?}, not {expected}", promised(line));
            let bend = floor as f64 / slope as f64 * 1e9;
            prop_assert!(close(measured(line, Algorithm::Lamport), bend, 0.05), "{:?}", measured(line, Algorithm::Lamport));
        }
    }

    #[test]
    fn a_knee_outside_the_values_is_not_made_up() {
        let premises =
            Premises { kappa: crate::time::Ppb(50_000), diameter: 2, xi: Nanos(100_000), ..Premises::default() };
        assert_eq!(premises.knee(), Some(Nanos(999_900_000)));
        for (range, knee) in [("1ms..100ms", Knee::Above), ("2s..200s", Knee::Below)] {
            let made = along(range, premises, |tau| 50_000.0 + tau * 50e-6);
            let line = &lines(&made, 0)[0];
            assert_eq!((promised(line), measured(line, Algorithm::Ntp)), (knee, knee));
        }
    }

    #[test]
    fn of_several_crossings_the_last_rise_counts() {
        let drift = |taus: [i64; 4]| {
            sweep(&["tau=1ms,2ms,3ms,4ms"], 1, |values, _| {
                // At 50 ppm tau is 100 ns a ms; xi = 1 us less what is under way.
                run(Nanos::from_millis(taus[(values[0] / 1e6) as usize - 1]), Nanos(1_000), Nanos(5))
            })
        };
        let twice = drift([12, 8, 12, 14]);
        assert!(close(promised(&lines(&twice, 0)[0]), 2.5e6, 2e-3), "{:?}", promised(&lines(&twice, 0)[0]));
        assert_eq!(promised(&lines(&drift([8, 12, 12, 8]), 0)[0]), Knee::Unclear);
        assert_eq!((rough(576_321.0), rough(0.0)), (580_000.0, 0.0));
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
        assert_eq!((promised(line), measured(line, Algorithm::Lamport)), (Knee::Below, Knee::Unclear));
        let unknown = sweep(&["tau=1ms..1s"], 1, |_, _| super::super::Measured {
            premises: None,
            ..run(Nanos(1), Nanos(5), Nanos(5))
        });
        assert_eq!(promised(&lines(&unknown, 0)[0]), Knee::Unclear);
    }
}
