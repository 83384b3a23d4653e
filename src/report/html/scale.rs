//! Scales: from a value to its place in a drawing.

/// How values are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spacing {
    Linear,
    Log,
}

/// A scale from values to places. Values outside are shown at its ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    spacing: Spacing,
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Equal steps for equal differences. The place of `low` is `start`.
    pub fn linear((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { spacing: Spacing::Linear, low, high, start, end }
    }

    /// Equal steps for equal ratios, from one power of ten to another, around `low` and `high`; not below one.
    pub fn log((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        Self::decades((low.max(1.0), high.max(1.0)), (start, end))
    }

    /// The same for positive values of any size.
    pub fn decades((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        let low = low.max(f64::MIN_POSITIVE).log10().floor();
        let high = high.max(f64::MIN_POSITIVE).log10().ceil().max(low + 1.0);
        Self { spacing: Spacing::Log, low: 10_f64.powf(low), high: 10_f64.powf(high), start, end }
    }

    /// Equal steps for equal ratios, from `low` to `high` themselves; both are positive.
    pub fn ratio((low, high): (f64, f64), (start, end): (f64, f64)) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        Self { spacing: Spacing::Log, low, high: if high > low { high } else { low * 10.0 }, start, end }
    }

    /// The smallest value.
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// Where a value is.
    pub fn at(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Log => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.start + share * (self.end - self.start)
    }

    /// Round values, at most about `most` of them.
    pub fn ticks(&self, most: usize) -> Vec<f64> {
        match self.spacing {
            Spacing::Linear => self.steps(most),
            Spacing::Log => self.powers(most),
        }
    }

    fn steps(&self, most: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / most.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
        (first..=last.min(first.saturating_add(50))).map(|index| index as f64 * step).collect()
    }

    fn powers(&self, most: usize) -> Vec<f64> {
        let decades = (self.high / self.low).log10().round() as usize;
        let step = decades.div_ceil(most.max(1)).max(1);
        (0..=decades).step_by(step).map(|decade| self.low * 10_f64.powi(decade as i32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_are_equal_steps_on_a_log_scale() {
        let scale = Scale::log((450.0, 2e7), (300.0, 0.0));
        assert_eq!((scale.low(), scale.ticks(9).len()), (100.0, 7));
        assert_eq!([100.0, 1e5, 1e8, 0.0, f64::NAN].map(|value| scale.at(value)), [300.0, 150.0, 0.0, 300.0, 300.0]);
        assert_eq!(scale.ticks(3), [1e2, 1e4, 1e6, 1e8]);
        let ratio = Scale::ratio((0.02, 2.0), (0.0, 100.0));
        assert_eq!([0.02, 0.2, 2.0, 9.0].map(|value| ratio.at(value).round()), [0.0, 50.0, 100.0, 100.0]);
    }

    #[test]
    fn ticks_are_round_numbers_inside() {
        assert_eq!(Scale::linear((-35.0, 12.0), (0.0, 1.0)).ticks(5), [-30.0, -20.0, -10.0, 0.0, 10.0]);
        assert_eq!(Scale::linear((0.0, 10.01), (0.0, 1.0)).ticks(6), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::linear((3.0, 3.0), (0.0, 8.0)).at(3.5), 4.0);
    }
}
