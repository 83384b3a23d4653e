//! The knee of a line: where the bound, or eps itself, changes from one regime to the other.
//!
//! *Promised*: where the parts of the safe bound cross, 2dκ(τ+ν) = dξ; along tau this is τ* = ξ/(2κ) − ν (theory §1.5's
//! terms), with the ξ, κ and τ_eff that the runs themselves fulfilled. *Measured*, along tau alone: eps is fitted by a + bτ,
//! which is what drift between messages on top of a floor gives, and bends at a/b, where both are equal. Below a knee a
//! shorter tau buys little; above it eps follows tau.

use super::key::Key;
use super::line::Line;
use super::point::Part;
use crate::ids::Algorithm;
use crate::time::Nanos;

/// A fit with fewer points says nothing.
const FEWEST: usize = 4;
/// A fit that misses a point by more than this share of it says nothing.
const MOST_MISSED: f64 = 0.5;

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

/// Where the drift part and the unpredictable part of the safe bound cross, between points by straight lines (exact where
/// drift grows with the key and ξ stays). With several crossings, or where drift falls, it is unclear.
pub fn promised(line: &Line<'_>) -> Knee {
    let excess = |(value, point): &(f64, &super::Point)| {
        let size = |part| Some(point.part(part)?.0 as f64);
        Some((*value, size(Part::Drift)? - size(Part::Delay)?))
    };
    let Some(excess) = line.points.iter().map(excess).collect::<Option<Vec<_>>>() else { return Knee::Unclear };
    let (Some(first), Some(last)) = (excess.first(), excess.last()) else { return Knee::Unclear };
    let crossings: Vec<_> = excess.windows(2).filter(|pair| (pair[0].1 < 0.0) != (pair[1].1 < 0.0)).collect();
    match crossings[..] {
        [] if first.1 < 0.0 => Knee::Above,
        [] => Knee::Below,
        [pair] if last.1 >= 0.0 => {
            let ((x, low), (next, high)) = (pair[0], pair[1]);
            Knee::At(x + (next - x) * low / (low - high))
        }
        _ => Knee::Unclear,
    }
}

/// Where the median eps of an algorithm along tau bends.
pub fn measured(line: &Line<'_>, algorithm: Algorithm) -> Knee {
    let eps =
        |(value, point): &(f64, &super::Point)| Some((*value, point.eps(algorithm).median?.max(Nanos(1)).0 as f64));
    let Some(points) = line.points.iter().map(eps).collect::<Option<Vec<_>>>() else { return Knee::Unclear };
    if line.key != Key::Tau || points.len() < FEWEST {
        return Knee::Unclear;
    }
    let Some((floor, slope)) = fit(&points) else { return Knee::Unclear };
    let missed = points.iter().map(|(tau, eps)| ((floor + slope * tau) / eps - 1.0).abs()).fold(0.0, f64::max);
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    match floor / slope {
        _ if missed > MOST_MISSED => Knee::Unclear,
        _ if floor <= 0.0 => Knee::Below,
        _ if slope <= 0.0 => Knee::Above,
        knee if knee < first => Knee::Below,
        knee if knee > last => Knee::Above,
        knee => Knee::At(knee),
    }
}

/// The a and b of a + bx with the smallest squares of relative errors.
fn fit(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    // With u = 1/y and v = x/y the errors are a·u + b·v − 1.
    let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(1.0 / y, x / y)).sum::<f64>();
    let (uu, uv, vv) = (sum(|u, _| u * u), sum(|u, v| u * v), sum(|_, v| v * v));
    let (u, v) = (sum(|u, _| u), sum(|_, v| v));
    let determinant = uu * vv - uv * uv;
    (determinant > 0.0).then(|| ((u * vv - v * uv) / determinant, (v * uu - u * uv) / determinant))
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

    fn close(found: Knee, expected: f64) -> bool {
        matches!(found, Knee::At(at) if (at / expected - 1.0).abs() < 1e-3)
    }

    proptest! {
        #[test]
        fn both_knees_are_those_of_the_formula(kappa in 1_000..500_000_i64, xi in 1_000..1_000_000_i64,
            mu in 0..10_000_i64, diameter in 1..9_u32, floor in 1_000..1_000_000_i64, slope in 1_000..500_000_i64) {
            use crate::time::Ppb;
            let premises = Premises { kappa: Ppb(kappa), diameter, mu: Nanos(mu), xi: Nanos(xi), ..Premises::default() };
            let made = along("10us..1000s", premises, |tau| floor as f64 + tau * slope as f64 * 1e-9);
            let line = &lines(&made, 0)[0];
            let expected = premises.knee().unwrap().0 as f64;
            prop_assert!(close(promised(line), expected), "{:?}, not {expected}", promised(line));
            let bend = floor as f64 / slope as f64 * 1e9;
            prop_assert!(close(measured(line, Algorithm::Lamport), bend), "{:?}", measured(line, Algorithm::Lamport));
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
    fn what_has_no_such_shape_has_no_knee() {
        let premises =
            Premises { kappa: crate::time::Ppb(50_000), diameter: 2, xi: Nanos(100_000), ..Premises::default() };
        let falling = along("1ms..10s", premises, |tau| 1e12 / tau);
        assert_eq!(measured(&lines(&falling, 0)[0], Algorithm::Lamport), Knee::Unclear);
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
