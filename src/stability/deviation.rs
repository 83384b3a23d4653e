//! The Allan and Hadamard families.

use super::phase::Phase;

/// A deviation of differences.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Deviation {
    /// Allan deviation, each point used once: second differences at distance m, every m-th of them.
    Adev,
    /// Overlapping Allan deviation: all of them.
    Oadev,
    /// Modified Allan deviation: of averages over m neighbours, which tells white from flicker phase noise.
    Mdev,
    /// Time deviation, in seconds: τ/√3 times the modified Allan deviation.
    Tdev,
    /// Hadamard deviation: third differences, which a constant frequency drift does not enter.
    Hdev,
    /// Overlapping Hadamard deviation.
    Ohdev,
}

/// A deviation at one τ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Estimate {
    /// The deviation: dimensionless, but for [`Deviation::Tdev`], which is in seconds.
    pub value: f64,
    /// How many differences it is the root mean square of.
    pub terms: usize,
}

impl Deviation {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Adev, Self::Oadev, Self::Mdev, Self::Tdev, Self::Hdev, Self::Ohdev];

    /// The deviation's name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adev => "adev",
            Self::Oadev => "oadev",
            Self::Mdev => "mdev",
            Self::Tdev => "tdev_s",
            Self::Hdev => "hdev",
            Self::Ohdev => "ohdev",
        }
    }

    /// The order of its differences of phase: 2, or 3 for the Hadamard family.
    pub const fn order(self) -> usize {
        match self {
            Self::Hdev | Self::Ohdev => 3,
            _ => 2,
        }
    }

    /// Whether its differences are of averages.
    pub const fn is_modified(self) -> bool {
        matches!(self, Self::Mdev | Self::Tdev)
    }

    /// Whether neighbouring differences share points.
    pub const fn overlaps(self) -> bool {
        !matches!(self, Self::Adev | Self::Hdev)
    }

    /// The deviation at τ = `m` steps; `None` if the data has not one difference of that length. Cost: O(points).
    pub fn estimate(self, phase: &Phase, m: usize) -> Option<Estimate> {
        if m == 0 {
            return None;
        }
        let (mut sum, mut terms) = (0.0, 0);
        for segment in &phase.segments {
            let (squares, count) = if self.is_modified() { averaged(segment, m) } else { self.plain(segment, m) };
            (sum, terms) = (sum + squares, terms + count);
        }
        if terms == 0 {
            return None;
        }
        let tau = m as f64 * phase.step_s;
        let mean = sum / terms as f64;
        let value = match self {
            Self::Adev | Self::Oadev => (mean / 2.0).sqrt() / tau,
            Self::Mdev => (mean / 2.0).sqrt() / (tau * m as f64),
            Self::Tdev => (mean / 6.0).sqrt() / m as f64,
            Self::Hdev | Self::Ohdev => (mean / 6.0).sqrt() / tau,
        };
        Some(Estimate { value, terms })
    }

    /// Sum of squares of the differences of points, and their number.
    fn plain(self, x: &[f64], m: usize) -> (f64, usize) {
        let step = if self.overlaps() { 1 } else { m };
        let reach = self.order().saturating_mul(m);
        let starts = (0..x.len().saturating_sub(reach)).step_by(step);
        let (mut sum, mut terms) = (0.0, 0);
        for i in starts {
            let difference = match self.order() {
                2 => x[i + 2 * m] - 2.0 * x[i + m] + x[i],
                _ => x[i + 3 * m] - 3.0 * x[i + 2 * m] + 3.0 * x[i + m] - x[i],
            };
            (sum, terms) = (sum + difference * difference, terms + 1);
        }
        (sum, terms)
    }
}

/// Sum of squares of the second differences, each summed over m neighbours, and their number.
fn averaged(x: &[f64], m: usize) -> (f64, usize) {
    let reach = 3_usize.saturating_mul(m);
    if x.len() < reach {
        return (0.0, 0);
    }
    let difference = |i: usize| x[i + 2 * m] - 2.0 * x[i + m] + x[i];
    let mut window: f64 = (0..m).map(difference).sum();
    let mut sum = window * window;
    for j in 1..=x.len() - reach {
        window += difference(j + m - 1) - difference(j - 1);
        sum += window * window;
    }
    (sum, x.len() - reach + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::phase::Kind;
    use crate::stability::testing::{nbs14, thousand};

    fn printed(phase: &Phase, m: usize) -> [String; 6] {
        Deviation::ALL.map(|one| format!("{:.6e}", one.estimate(phase, m).unwrap().value))
    }

    #[test]
    fn nine_frequencies_of_nbs_have_the_published_deviations() {
        // NBS Monograph 140, Annex 8.E, as in NIST SP 1065, table 31: to the five printed decimals.
        let phase = nbs14();
        let five = |m| Deviation::ALL.map(|one| format!("{:.5}", one.estimate(&phase, m).unwrap().value));
        assert_eq!(five(1), ["91.22945", "91.22945", "91.22945", "52.67135", "70.80607", "70.80607"]);
        assert_eq!(five(2), ["115.80821", "85.95287", "74.78849", "86.35831", "116.79799", "85.61487"]);
    }

    #[test]
    fn a_thousand_points_have_the_published_deviations() {
        // NIST SP 1065, table 32; it prints 3.910860e-2 for HDEV at 100 in some copies.
        let phase = thousand();
        assert_eq!(
            printed(&phase, 1),
            ["2.922319e-1", "2.922319e-1", "2.922319e-1", "1.687202e-1", "2.943883e-1", "2.943883e-1"]
        );
        assert_eq!(
            printed(&phase, 10),
            ["9.965736e-2", "9.159953e-2", "6.172376e-2", "3.563623e-1", "1.052754e-1", "9.581083e-2"]
        );
        assert_eq!(
            printed(&phase, 100),
            ["3.897804e-2", "3.241343e-2", "2.170921e-2", "1.253382e0", "3.910861e-2", "3.237638e-2"]
        );
    }

    #[test]
    fn offset_frequency_and_for_hadamard_drift_do_not_count() {
        let mut phase = thousand();
        for (k, x) in phase.segments[0].iter_mut().enumerate() {
            *x += 5.0 + 0.25 * k as f64;
        }
        for (one, (before, after)) in
            Deviation::ALL.iter().zip(printed(&thousand(), 10).iter().zip(printed(&phase, 10)))
        {
            assert_eq!(*before, after, "{}", one.name());
        }
        let parabola = Phase::of(Kind::Phase, (0..200).map(|k| Some(f64::from(k * k))), 1.0);
        let at = |one: Deviation| one.estimate(&parabola, 4).unwrap().value;
        assert_eq!((at(Deviation::Hdev), at(Deviation::Ohdev)), (0.0, 0.0));
        let drift = 4.0 * 2.0 / 2.0_f64.sqrt();
        assert!((at(Deviation::Oadev) - drift).abs() < 1e-12, "a drift D per step has ADEV = D tau/sqrt 2, D = 2");
    }

    #[test]
    fn a_gap_costs_the_differences_that_span_it_and_changes_no_other() {
        let whole = thousand().segments.remove(0);
        let cut = |at: usize| {
            let values = whole.iter().enumerate().map(|(k, x)| (k != at).then_some(*x));
            Phase::of(Kind::Phase, values, 1.0)
        };
        for one in Deviation::ALL.into_iter().filter(|one| one.overlaps()) {
            let reach = if one.is_modified() { 3 * 7 } else { one.order() * 7 + 1 };
            let terms = |phase: &Phase| one.estimate(phase, 7).unwrap().terms;
            let lost = terms(&thousand()) - terms(&cut(500));
            assert_eq!(lost, reach, "{}: every difference with the missing point or on both sides of it", one.name());
        }
        assert!(Deviation::Oadev.estimate(&Phase::of(Kind::Phase, [Some(1.0), None, Some(2.0)], 1.0), 1).is_none());
        assert!(Deviation::Mdev.estimate(&thousand(), usize::MAX).is_none());
    }
}
