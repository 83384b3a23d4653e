//! What belongs to chance in a difference: an interval in which the true difference lies at a stated confidence.
//!
//! * Between three or more runs a side: Welch's interval for the difference of two means (Biometrika 34, 1947).
//! * Within single runs: the bootstrap's 95 % interval, widened about the difference by t_b √(b/(b−1)) / 1.96 for b blocks
//!   and the confidence wanted, since a bootstrap of few blocks is too narrow by just that (Hesterberg, "What teachers
//!   should know about the bootstrap", The American Statistician 69, 2015, section 3.2).
//! * Between the limits of two benches: they differ if the limits do not overlap.

use super::bootstrap::Resampled;

/// What a spread was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpreadKind {
    /// Three or more runs a side.
    Between,
    /// Blocks of time within runs.
    Bootstrap,
    /// The limits that benches gave.
    Limits,
    /// None is needed: facts differ or do not.
    Exact,
    /// None could be made.
    Nothing,
}

impl SpreadKind {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Between => "between runs",
            Self::Bootstrap => "block bootstrap",
            Self::Limits => "confidence limits",
            Self::Exact => "exact",
            Self::Nothing => "no spread",
        }
    }

    /// Whether it is wider for a higher confidence.
    pub const fn widens(self) -> bool {
        matches!(self, Self::Between | Self::Bootstrap)
    }
}

/// Normal quantile of the bootstrap's own interval.
const NORMAL_95: f64 = 1.959_964;

/// Mean of `values`; `None` if there are none.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Welch's interval for mean(head) − mean(base); two or more values a side.
pub fn between_limits(base: &[f64], head: &[f64], confidence: f64) -> (f64, f64) {
    let difference = mean(head).unwrap_or(0.0) - mean(base).unwrap_or(0.0);
    let (b, h) = (error_squared(base), error_squared(head));
    let error = (b + h).sqrt();
    if error <= 0.0 {
        return (difference, difference);
    }
    let freedom = (b + h).powi(2) / (b * b / (base.len() as f64 - 1.0) + h * h / (head.len() as f64 - 1.0));
    let width = student((1.0 - confidence) / 2.0, freedom) * error;
    (difference - width, difference + width)
}

/// Squared standard error of the mean.
fn error_squared(values: &[f64]) -> f64 {
    let (count, mean) = (values.len() as f64, mean(values).unwrap_or(0.0));
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0) / count.max(1.0)
}

/// The interval for `difference`, head less base, from runs that were resampled; one or more a side.
pub fn bootstrap_limits(difference: f64, base: &[&Resampled], head: &[&Resampled], confidence: f64) -> (f64, f64) {
    let draws = base.iter().chain(head).map(|run| run.deviations.len()).min().unwrap_or(0);
    let side = |runs: &[&Resampled], draw: usize| {
        runs.iter().map(|run| run.deviations[draw]).sum::<f64>() / runs.len().max(1) as f64
    };
    let mut moved: Vec<f64> = (0..draws).map(|draw| side(head, draw) - side(base, draw)).collect();
    moved.sort_by(f64::total_cmp);
    let at = |share: f64| moved.get(((share * draws as f64) as usize).min(draws.saturating_sub(1))).copied();
    let (low, high) = (at(0.025).unwrap_or(0.0).min(0.0), at(0.975).unwrap_or(0.0).max(0.0));
    let blocks = base.iter().chain(head).map(|run| run.blocks).min().unwrap_or(0).max(2) as f64;
    let wider = student((1.0 - confidence) / 2.0, blocks - 1.0) * (blocks / (blocks - 1.0)).sqrt() / NORMAL_95;
    (difference + wider * low, difference + wider * high)
}

/// The value that Student's t exceeds with probability `tail`, below a half. With t = √ν tan θ the density is
/// proportional to cos^(ν−1) θ, which is integrated by Simpson's rule and inverted by bisection.
pub fn student(tail: f64, freedom: f64) -> f64 {
    let freedom = freedom.clamp(1.0, 1_000.0);
    let density = |angle: f64| angle.cos().max(0.0).powf(freedom - 1.0);
    let right = std::f64::consts::FRAC_PI_2;
    let half = simpson(density, 0.0, right);
    let (mut low, mut high) = (0.0, right);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if simpson(density, middle, right) / (2.0 * half) > tail { low = middle } else { high = middle }
    }
    freedom.sqrt() * low.tan()
}

fn simpson(f: impl Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    const PAIRS: u32 = 200;
    let step = (to - from) / f64::from(2 * PAIRS);
    let inner = (1..2 * PAIRS).map(|index| f64::from(2 + 2 * (index % 2)) * f(from + f64::from(index) * step));
    (f(from) + inner.sum::<f64>() + f(to)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_students_t_are_those_of_the_tables() {
        for (tail, freedom, table) in
            [(0.025, 1.0, 12.706), (0.025, 2.0, 4.303), (0.025, 4.0, 2.776), (0.005, 6.0, 3.707), (0.001, 19.0, 3.579)]
        {
            let found = student(tail, freedom);
            assert!((found - table).abs() < 2e-3 * table, "{found} for {table}");
        }
        assert!((student(0.025, 1e9) - NORMAL_95).abs() < 3e-3);
    }

    #[test]
    fn welch_by_hand() {
        // Means 2 and 12, variances 1 and 4, so that the error is √(5/3) and freedom (5/3)²/(1/18 + 16/18) = 2.941.
        let (low, high) = between_limits(&[1.0, 2.0, 3.0], &[10.0, 12.0, 14.0], 0.95);
        let width = student(0.025, 25.0 / 8.5) * (5.0_f64 / 3.0).sqrt();
        assert!((high - low - 2.0 * width).abs() < 1e-9 && (low + high - 20.0).abs() < 1e-9);
        assert_eq!(between_limits(&[1.0; 3], &[2.0; 3], 0.95), (1.0, 1.0));
    }

    #[test]
    fn fewer_blocks_and_more_confidence_are_wider() {
        let resampled = |blocks| Resampled { blocks, deviations: (-500..500).map(f64::from).collect() };
        let still = Resampled { blocks: 1_000, deviations: vec![0.0; 1_000] };
        let width = |blocks, confidence| {
            let (low, high) = bootstrap_limits(0.0, &[&resampled(blocks)], &[&still], confidence);
            high - low
        };
        assert!(width(5, 0.95) > width(20, 0.95) && width(20, 0.99) > width(20, 0.95));
    }
}
