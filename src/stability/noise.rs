//! Which power law the noise follows at a given τ, from the data itself.

use super::phase::Phase;

/// A power law S_y(f) ∝ f^α.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Alpha(pub i32);

/// Fewer points than this at a step of τ do not tell their noise.
const ENOUGH: usize = 30;

impl Alpha {
    /// White phase noise.
    pub const WHITE_PHASE: Self = Self(2);
    /// White frequency noise: a random walk of phase.
    pub const WHITE_FREQUENCY: Self = Self(0);

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self.0 {
            2.. => "white PM",
            1 => "flicker PM",
            0 => "white FM",
            -1 => "flicker FM",
            -2 => "random walk FM",
            -3 => "flicker walk FM",
            _ => "random run FM",
        }
    }
}

/// The noise at τ = `m` steps by the lag-1 autocorrelation of every m-th point (W. Riley and C. Greenhall, *Power law noise
/// identification using the lag 1 autocorrelation*, 18th EFTF, 2004): the data is differenced until r₁/(1+r₁) is below a
/// quarter. The longest run without a gap speaks for all. `None` if it has fewer than thirty such points.
pub fn identify(phase: &Phase, m: usize) -> Option<Alpha> {
    let longest = phase.segments.iter().max_by_key(|segment| segment.len())?;
    let mut x: Vec<f64> = longest.iter().copied().step_by(m.max(1)).collect();
    if x.len() < ENOUGH {
        return None;
    }
    without_parabola(&mut x);
    for differences in 0..=2 {
        let r = lag_one(&x)?;
        let delta = r / (1.0 + r);
        if delta < 0.25 || differences == 2 {
            return Some(Alpha((2 - (2.0 * delta).round() as i32 - 2 * differences).clamp(-4, 2)));
        }
        x = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    }
    None
}

fn lag_one(x: &[f64]) -> Option<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let square: f64 = x.iter().map(|value| (value - mean) * (value - mean)).sum();
    let product: f64 = x.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(product / square).filter(|r| r.is_finite() && *r > -0.99)
}

/// Takes a constant offset, frequency and drift away: least squares on Legendre-like polynomials of the index.
fn without_parabola(x: &mut [f64]) {
    let count = x.len() as f64;
    let place = |k: usize| (2.0 * k as f64 + 1.0) / count - 1.0;
    let spread = (0..x.len()).map(|k| place(k) * place(k)).sum::<f64>() / count;
    let shapes: [&dyn Fn(f64) -> f64; 3] = [&|_| 1.0, &|u| u, &|u| u * u - spread];
    for shape in shapes {
        let norm: f64 = (0..x.len()).map(|k| shape(place(k)) * shape(place(k))).sum();
        let share = x.iter().enumerate().map(|(k, value)| value * shape(place(k))).sum::<f64>() / norm;
        x.iter_mut().enumerate().for_each(|(k, value)| *value -= share * shape(place(k)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::normal::normal;
    use crate::model::{Purpose, Rng};
    use crate::stability::phase::Kind;

    /// Noise whose α is 2, 0, −2 after that many sums of white noise.
    fn summed(seed: u64, sums: u32, points: usize) -> Phase {
        let mut rng = Rng::stream(seed, Purpose::Scenario, 7);
        let mut x: Vec<f64> = (0..points).map(|_| normal(&mut rng)).collect();
        for _ in 0..sums {
            let mut total = 0.0;
            x.iter_mut().for_each(|value| {
                total += *value;
                *value = total;
            });
        }
        Phase::of(Kind::Phase, x.into_iter().map(Some), 1.0)
    }

    #[test]
    fn sums_of_white_noise_are_recognised() {
        for (sums, alpha) in [(0, 2), (1, 0), (2, -2)] {
            let right = (0..20).filter(|seed| identify(&summed(*seed, sums, 2_000), 1) == Some(Alpha(alpha))).count();
            assert!(right >= 19, "{alpha}: {right} of 20");
        }
        assert_eq!(identify(&summed(1, 0, 29), 1), None);
        assert_eq!(identify(&Phase::of(Kind::Phase, vec![Some(1.0); 100], 1.0), 1), None, "no noise at all");
    }
}
