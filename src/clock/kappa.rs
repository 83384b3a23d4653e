//! How fast clocks drift: the largest limit that any node of the mesh told.
//!
//! A node knows the limit of its own local clock; what it can say of the others' clocks rests on theirs. Each clock that
//! needs it claims the largest that it heard of, in ppb, so that the largest of the mesh travels to everybody. A liar can
//! make it larger, up to 1 %, and so widen what others claim of themselves; it can make it no smaller.

use crate::time::{Ppb, Rate};

/// No clock of a mesh that is worth anything drifts more.
const MOST: Ppb = Ppb(10_000_000);

/// The largest kappa of any clock that was heard of, and what follows from it: it is asked for often and hardly ever grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kappa {
    limit: Ppb,
    drift: Rate,
    apart: Rate,
}

impl Kappa {
    /// That of the own clock: nobody was heard yet.
    pub fn own(kappa: Ppb) -> Self {
        let limit = kappa.abs().min(MOST);
        Self { limit, drift: Rate::from_ppb(limit), apart: apart(limit) }
    }

    /// Hears what a peer claims, in ppb.
    #[inline]
    pub fn hear(&mut self, claimed: u32) {
        if Ppb(i64::from(claimed)) > self.limit {
            *self = Self::own(Ppb(i64::from(claimed)));
        }
    }

    /// What to claim, in ppb.
    pub fn claimed(self) -> u32 {
        u32::try_from(self.limit.0).unwrap_or(u32::MAX)
    }

    /// The limit.
    pub const fn limit(self) -> Ppb {
        self.limit
    }

    /// How fast a clock can drift against true time, either way.
    pub const fn drift(self) -> Rate {
        self.drift
    }

    /// How fast two clocks can run apart, for each unit of time that either shows: (1 + kappa)/(1 − kappa) − 1, rounded up.
    pub const fn apart(self) -> Rate {
        self.apart
    }
}

fn apart(limit: Ppb) -> Rate {
    let kappa = i128::from(limit.0);
    let apart = 2 * kappa * i128::from(Ppb::ONE.0) / (i128::from(Ppb::ONE.0) - kappa) + 1;
    Rate::from_ppb(Ppb(apart as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_counts_and_a_liar_widens_within_reason() {
        let mut kappa = Kappa::own(Ppb(-50_000));
        let hear = |kappa: &mut Kappa, claimed| {
            kappa.hear(claimed);
            kappa.claimed()
        };
        assert_eq!(
            [0, 90_000, 7, u32::MAX].map(|claimed| hear(&mut kappa, claimed)),
            [50_000, 90_000, 90_000, 10_000_000]
        );
    }

    #[test]
    fn two_clocks_run_apart_at_a_little_more_than_twice_kappa() {
        let apart = |ppb| Kappa::own(Ppb(ppb)).apart().as_ratio();
        for ppb in [0, 1, 50_000, 10_000_000] {
            let kappa = ppb as f64 * 1e-9;
            let exact = (1.0 + kappa) / (1.0 - kappa) - 1.0;
            assert!((0.0..2e-9).contains(&(apart(ppb) - exact)), "{ppb}");
        }
    }
}
