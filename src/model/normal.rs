//! Normal numbers from additions, multiplications, divisions and square roots alone, so that a draw is the same everywhere.

use super::rng::Rng;
use crate::real::ln;

/// A standard normal number (Marsaglia's polar method, one of the pair).
pub fn normal(rng: &mut Rng) -> f64 {
    loop {
        let (x, y) = (2.0 * rng.unit() - 1.0, 2.0 * rng.unit() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * ln(square) / square).sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rng::Purpose;

    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut rng = Rng::stream(1, Purpose::Scenario, 0);
        let drawn: Vec<f64> = (0..100_000).map(|_| normal(&mut rng)).collect();
        let mean = drawn.iter().sum::<f64>() / 1e5;
        let variance = drawn.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
