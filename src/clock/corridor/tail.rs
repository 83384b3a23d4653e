//! The normal distribution cut off above: what remains of a guess when a bound is learned.

use crate::real::{exp, ln};

const SQRT_2_PI: f64 = 2.506_628_274_631_000_2;
/// ln sqrt(2 pi).
const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_7;
/// Below this the continued fraction serves, above it the series.
const FAR: f64 = -4.0;

/// A standard normal number that is known to be below a limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tail {
    /// How far below the limit its mean lies; positive.
    pub gap: f64,
    /// Its variance, between 0 and 1.
    pub variance: f64,
    /// The logarithm of the probability that a standard normal number is below the limit.
    pub ln_mass: f64,
}

/// A standard normal number known to be below `limit`: with Phi and phi the distribution and its density, the gap is
/// `limit + phi/Phi` and the variance `1 − gap · phi/Phi`.
///
/// Far below zero phi/Phi is Laplace's continued fraction x + 1/(x + 2/(x + 3/(x + …))) at x = −limit, since Phi itself
/// vanishes there; elsewhere Phi is its series 1/2 + phi · (x + x³/3 + x⁵/15 + …). Both to about 1e-10.
pub fn below(limit: f64) -> Tail {
    let (ratio, ln_mass) = if limit < FAR { far(-limit) } else { near(limit) };
    let gap = (limit + ratio).max(0.0);
    Tail { gap, variance: (1.0 - gap * ratio).clamp(0.0, 1.0), ln_mass }
}

fn far(x: f64) -> (f64, f64) {
    let ratio = (1..=50).rev().fold(x, |fraction, k| x + f64::from(k) / fraction);
    (ratio, -0.5 * x * x - LN_SQRT_2_PI - ln(ratio))
}

fn near(x: f64) -> (f64, f64) {
    if x > 8.0 {
        return (0.0, 0.0);
    }
    let density = exp(-0.5 * x * x) / SQRT_2_PI;
    let (mut term, mut sum) = (x, x);
    for k in 1..=150 {
        term *= x * x / f64::from(2 * k + 1);
        sum += term;
    }
    let mass = 0.5 + density * sum;
    (density / mass, ln(mass))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_of_the_normal_distribution() {
        // Phi(0) = 1/2, phi/Phi = sqrt(2/pi), variance 1 − 2/pi.
        let half = below(0.0);
        assert!((half.gap - 0.797_884_560_802_865_4).abs() < 1e-12 && (half.ln_mass - 0.5_f64.ln()).abs() < 1e-12);
        assert!((half.variance - 0.363_380_227_632_418_6).abs() < 1e-12);
        // Phi(−1) = 0.15865525393, Phi(1.96) = 0.97500210485, Phi(−6) = 9.8658764504e-10.
        for (limit, mass) in
            [(-1.0, 0.158_655_253_931_457), (1.96, 0.975_002_104_851_78), (-6.0, 9.865_876_450_377e-10)]
        {
            assert!((below(limit).ln_mass - f64::ln(mass)).abs() < 1e-9, "{limit}");
        }
    }

    #[test]
    fn the_two_ways_meet_and_the_far_end_is_exponential() {
        let (left, right) = (below(FAR - 1e-9), below(FAR + 1e-9));
        assert!((left.gap - right.gap).abs() < 1e-7 && (left.variance - right.variance).abs() < 1e-7);
        let far = below(-1e4);
        assert!((far.gap * 1e4 - 1.0).abs() < 1e-6, "mean 1/x below the limit: {far:?}");
        assert!(below(-1e9).gap >= 0.0 && below(1e9) == Tail { gap: 1e9, variance: 1.0, ln_mass: 0.0 });
    }

    #[test]
    fn a_sum_over_the_density_gives_the_same_moments() {
        for limit in [-7.0, -3.0, -0.5, 0.7, 2.5] {
            let density = |z: f64| (-0.5 * z * z).exp();
            let points = (0..400_000).map(|k| limit - 1e-5 - 2e-5 * f64::from(k)).map(|z| (z, density(z)));
            let (mut mass, mut first, mut second) = (0.0, 0.0, 0.0);
            for (z, p) in points {
                (mass, first, second) = (mass + p, first + p * z, second + p * z * z);
            }
            let (mean, tail) = (first / mass, below(limit));
            assert!((limit - mean - tail.gap).abs() < 1e-4, "{limit}: {tail:?}");
            assert!((second / mass - mean * mean - tail.variance).abs() < 1e-3, "{limit}: {tail:?}");
        }
    }
}
