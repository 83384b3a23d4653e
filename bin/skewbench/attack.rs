//! `skewbench sim --adversary`: the worst that can be done to Lamport's clocks.

use std::cmp::Ordering;

use anyhow::{Result, anyhow};
use skewbench::host::program::Malformed;
use skewbench::sim::exact;
use skewbench::theory::adversary::Settings;
use skewbench::theory::{Adversary, Attack};
use skewbench::time::{Nanos, Ppb};

/// Flags of an adversary. Those that are not given have their defaults where an adversary has a use for them.
#[derive(clap::Args)]
pub struct Flags {
    /// Build the execution that comes closest to the bound: chain, two-source, ring or mixed-mu
    #[arg(long, value_name = "NAME")]
    adversary: Option<Adversary>,
    /// Directed diameter; mixed-mu has 1 always [default: 3]
    #[arg(long, requires = "adversary", conflicts_with = "scenario", value_parser = clap::value_parser!(u32).range(1..=64))]
    diameter: Option<u32>,
    /// Clocks run at 1 ± this many parts per million [default: 100]
    #[arg(long, requires = "adversary", conflicts_with = "scenario", allow_hyphen_values = true, value_name = "PPM")]
    kappa_ppm: Option<f64>,
    /// A message is sent over every arc so often [default: 1s]
    #[arg(long, requires = "adversary", conflicts_with = "scenario", allow_hyphen_values = true, value_name = "SPAN")]
    tau: Option<Nanos>,
    /// The largest credit [default: 1ms]
    #[arg(long, requires = "adversary", conflicts_with = "scenario", allow_hyphen_values = true, value_name = "SPAN")]
    mu: Option<Nanos>,
    /// The largest unpredictable delay; for ring at most kappa*(mu+xi) [default: 100us, of ring 0]
    #[arg(long, requires = "adversary", conflicts_with = "scenario", allow_hyphen_values = true, value_name = "SPAN")]
    xi: Option<Nanos>,
}

impl Flags {
    /// Carries the attack out.
    pub fn carry_out(&self) -> Result<Attack> {
        let adversary = self.adversary.ok_or_else(|| refuse("adversary", "", "name one"))?;
        let settings = self.settings(adversary)?;
        exact::attack(adversary, settings).ok_or_else(|| {
            refuse("tau", settings.tau, "this execution fulfils no premises: choose a longer one").into()
        })
    }

    fn settings(&self, adversary: Adversary) -> Result<Settings> {
        let usual = adversary.usual();
        if adversary == Adversary::MixedMu && self.diameter.is_some_and(|diameter| diameter != 1) {
            return Err(refuse("diameter", self.diameter.unwrap_or(1), "mixed-mu has diameter 1: leave it out").into());
        }
        let kappa_ppm = self.kappa_ppm.unwrap_or(usual.kappa.as_ppm());
        if !(0.0..=100_000.0).contains(&kappa_ppm) {
            return Err(refuse("kappa-ppm", kappa_ppm, "choose from 0 to 100000").into());
        }
        let tau = within("tau", self.tau.unwrap_or(usual.tau), Nanos::from_micros(1), Nanos::from_seconds(1_000))?;
        // Each hop takes tau + mu + xi: a hundred periods at most keep the execution small.
        let most = tau.times(50);
        let settings = Settings {
            diameter: self.diameter.unwrap_or(usual.diameter),
            kappa: Ppb::from_ppm(kappa_ppm),
            tau,
            mu: within("mu", self.mu.unwrap_or(usual.mu), Nanos::ZERO, most)?,
            xi: within("xi", self.xi.unwrap_or(usual.xi), Nanos::ZERO, most)?,
        };
        if adversary == Adversary::Ring && settings.premises().xi_beside_kappa_nu() == Ordering::Greater {
            let mend = "ring is for xi <= kappa*(mu+xi): leave it out for 0, or take two-source";
            return Err(refuse("xi", settings.xi, mend).into());
        }
        Ok(settings)
    }
}

fn within(key: &str, value: Nanos, least: Nanos, most: Nanos) -> Result<Nanos> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(anyhow!(refuse(key, value, &format!("choose from {least} to {most}"))))
}

fn refuse(key: &str, value: impl std::fmt::Display, mend: &str) -> Malformed {
    Malformed(format!("--{key} {value}: {mend}"))
}
