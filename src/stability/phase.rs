//! Phase data: time errors at equal steps, in pieces between gaps.

use std::fmt;

/// Time errors x_k of a clock, in seconds, at equal steps.
#[derive(Clone, PartialEq, Debug)]
pub struct Phase {
    /// Runs of neighbouring points without a gap; none is empty.
    pub segments: Vec<Vec<f64>>,
    /// τ₀, the step between points, in seconds.
    pub step_s: f64,
}

/// What a column of data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Time errors in seconds.
    #[default]
    Phase,
    /// Fractional frequencies, dimensionless: each holds for one step.
    Frequency,
}

impl Kind {
    /// The kind's name in flags and headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::Frequency => "frequency",
        }
    }

    /// The kind with this name, whatever its case.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Phase, Self::Frequency].into_iter().find(|kind| name.trim().eq_ignore_ascii_case(kind.name()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Phase {
    /// Data of `kind` at steps of `step_s` seconds; what is missing or not finite is a gap. Frequencies are summed up from
    /// zero anew after each gap: nobody knows what the clock did in it.
    pub fn of(kind: Kind, values: impl IntoIterator<Item = Option<f64>>, step_s: f64) -> Self {
        let mut segments = vec![Vec::new()];
        for value in values {
            let last = segments.len() - 1;
            let segment: &mut Vec<f64> = &mut segments[last];
            match (value.filter(|value| value.is_finite()), kind) {
                (None, _) => segments.push(Vec::new()),
                (Some(error), Kind::Phase) => segment.push(error),
                (Some(frequency), Kind::Frequency) => {
                    if segment.is_empty() {
                        segment.push(0.0);
                    }
                    segment.push(segment[segment.len() - 1] + frequency * step_s);
                }
            }
        }
        segments.retain(|segment| !segment.is_empty());
        Self { segments, step_s }
    }

    /// Points in all.
    pub fn points(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }

    /// Points of the longest run without a gap.
    pub fn longest(&self) -> usize {
        self.segments.iter().map(Vec::len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_are_summed_up_and_gaps_part_them() {
        let values = [Some(2.0), Some(-1.0), None, Some(f64::NAN), Some(3.0)];
        let phase = Phase::of(Kind::Frequency, values, 0.5);
        assert_eq!(phase.segments, [vec![0.0, 1.0, 0.5], vec![0.0, 1.5]]);
        assert_eq!((phase.points(), phase.longest()), (5, 3));
        assert_eq!(Phase::of(Kind::Phase, values, 0.5).segments, [vec![2.0, -1.0], vec![3.0]]);
    }
}
