//! Every statistic over τ.

use super::confidence::{degrees_of_freedom, interval};
use super::deviation::{Deviation, Estimate};
use super::excursion::{mtie, tie_rms};
use super::mask::Mask;
use super::noise::{Alpha, identify};
use super::phase::Phase;

/// Something that is computed at each τ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Statistic {
    /// A deviation.
    Of(Deviation),
    /// Maximum time interval error, in seconds.
    Mtie,
    /// Root mean square of the time interval error, in seconds.
    TieRms,
}

impl Statistic {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::Of(Deviation::Adev),
        Self::Of(Deviation::Oadev),
        Self::Of(Deviation::Mdev),
        Self::Of(Deviation::Tdev),
        Self::Of(Deviation::Hdev),
        Self::Of(Deviation::Ohdev),
        Self::Mtie,
        Self::TieRms,
    ];

    /// The statistic's name in files, with its unit if it has one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Of(deviation) => deviation.name(),
            Self::Mtie => "mtie_s",
            Self::TieRms => "tie_rms_s",
        }
    }

    /// The largest value that `mask` allows at `tau` seconds, if it says anything of this statistic.
    pub fn limit(self, mask: Mask, tau: f64) -> Option<f64> {
        match self {
            Self::Mtie => mask.mtie_s(tau),
            Self::Of(Deviation::Tdev) => mask.tdev_s(tau),
            _ => None,
        }
    }
}

/// One statistic at one τ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// Which.
    pub statistic: Statistic,
    /// τ in steps.
    pub m: usize,
    /// τ in seconds.
    pub tau_s: f64,
    /// Its value, and from how many terms.
    pub estimate: Estimate,
    /// The noise that was identified at this τ, or at the last one at which the data told.
    pub noise: Option<Alpha>,
    /// Equivalent degrees of freedom in that noise.
    pub degrees: Option<f64>,
    /// The 95 % interval.
    pub interval: Option<(f64, f64)>,
}

/// All statistics over all τ.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Curves {
    /// By τ, and at each τ in the order of [`Statistic::ALL`]; what the data has no term for is left out.
    pub rows: Vec<Row>,
}

/// Averaging factors 1, 2 and 4 of each decade that `most` steps reach.
pub fn factors(most: usize) -> Vec<usize> {
    let decades = std::iter::successors(Some(1_usize), |decade| decade.checked_mul(10));
    let all =
        decades.take_while(|decade| *decade <= most).flat_map(|decade| [1, 2, 4].map(|n| decade.saturating_mul(n)));
    all.filter(|m| *m <= most).collect()
}

impl Curves {
    /// The statistics of `phase`. Cost: O(points · log points).
    pub fn of(phase: &Phase) -> Self {
        let (mut rows, mut noise) = (Vec::new(), None);
        for m in factors(phase.longest().saturating_sub(1)) {
            noise = identify(phase, m).or(noise);
            rows.extend(Statistic::ALL.into_iter().filter_map(|statistic| row(phase, statistic, m, noise)));
        }
        Self { rows }
    }

    /// The same without noise and intervals, which cost more than all the rest.
    pub fn without_intervals(phase: &Phase) -> Self {
        let row = |m| Statistic::ALL.into_iter().filter_map(move |statistic| row(phase, statistic, m, None));
        Self { rows: factors(phase.longest().saturating_sub(1)).into_iter().flat_map(row).collect() }
    }

    /// The rows of one statistic.
    pub fn of_statistic(&self, statistic: Statistic) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.statistic == statistic)
    }

    /// The rows that exceed `mask`.
    pub fn beyond(&self, mask: Mask) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.statistic.limit(mask, row.tau_s).is_some_and(|limit| row.estimate.value > limit))
    }
}

fn row(phase: &Phase, statistic: Statistic, m: usize, noise: Option<Alpha>) -> Option<Row> {
    let estimate = match statistic {
        Statistic::Of(deviation) => deviation.estimate(phase, m),
        Statistic::Mtie => mtie(phase, m),
        Statistic::TieRms => tie_rms(phase, m),
    };
    let estimate = estimate.filter(|estimate| estimate.value.is_finite())?;
    let degrees = match statistic {
        Statistic::Of(deviation) => noise.and_then(|noise| degrees_of_freedom(deviation, phase, m, noise)),
        _ => None,
    };
    let interval = degrees.and_then(|degrees| interval(estimate.value, degrees));
    Some(Row { statistic, m, tau_s: m as f64 * phase.step_s, estimate, noise, degrees, interval })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stability::phase::Kind;
    use crate::stability::testing::{nbs14, thousand};

    #[test]
    fn tau_takes_three_steps_a_decade() {
        assert_eq!(factors(1_000), [1, 2, 4, 10, 20, 40, 100, 200, 400, 1_000]);
        assert_eq!((factors(0), factors(3)), (vec![], vec![1, 2]));
        assert!(factors(usize::MAX).len() > 50);
    }

    #[test]
    fn each_tau_has_what_the_data_has_terms_for() {
        let curves = Curves::of(&thousand());
        let last = |statistic| curves.of_statistic(statistic).last().map(|row| row.m);
        assert_eq!(last(Statistic::Of(Deviation::Oadev)), Some(400));
        assert_eq!(last(Statistic::Of(Deviation::Hdev)), Some(200));
        assert_eq!(last(Statistic::Mtie), Some(1_000));
        let at_ten = curves.of_statistic(Statistic::Of(Deviation::Oadev)).find(|row| row.m == 10).unwrap();
        assert_eq!(at_ten.noise, Some(Alpha::WHITE_FREQUENCY), "uniform frequencies are white");
        let (low, high) = at_ten.interval.unwrap();
        assert!(low < at_ten.estimate.value && at_ten.estimate.value < high);
        assert!(
            Curves::of(&nbs14()).rows.iter().all(|row| row.interval.is_none()),
            "ten points do not tell their noise"
        );
    }

    #[test]
    fn a_mask_is_exceeded_where_the_data_is_worse() {
        let wave = Phase::of(Kind::Phase, (0..2_000).map(|k| Some(if k % 2 == 0 { 0.0 } else { 60e-9 })), 1.0);
        let curves = Curves::of(&wave);
        assert!(curves.beyond(Mask::PrtcB).any(|row| row.statistic == Statistic::Mtie && row.tau_s == 100.0));
        assert!(!curves.beyond(Mask::PrtcA).any(|row| row.statistic == Statistic::Mtie && row.tau_s > 273.0));
    }
}
