//! What a scenario says of its local clocks.

use serde::{Deserialize, Serialize};

use super::check::{Checks, Refused};
use crate::model::{Purpose, Rng};
use crate::time::{Nanos, Ppb};

/// All local clocks.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oscillators {
    /// Each offset at the start is drawn evenly between minus and plus this.
    pub offset_within: Nanos,
    /// Each constant drift is drawn evenly between minus and plus this.
    pub drift_within_ppm: f64,
    /// Size of the random walk of each rate, per square root of a second.
    pub wander_ppb_per_sqrt_s: f64,
    /// The walk is held between minus and plus this.
    pub wander_limit_ppm: f64,
    /// Steps of each rate, as with a changing temperature.
    pub temperature: Option<Temperature>,
    /// The declared limit on |rate − 1|, kappa; what the drifts, walks and steps declared here can reach if it is not
    /// given.
    pub kappa_ppm: Option<f64>,
}

/// A rate that steps at regular intervals.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// The interval.
    pub every: Nanos,
    /// Each step is drawn evenly between minus and plus this.
    pub step_ppm: f64,
    /// All steps together are held between minus and plus this.
    pub limit_ppm: f64,
}

/// One node's local clock, where it differs from the others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnOscillator {
    /// Which node.
    pub node: u32,
    /// Its offset at the start.
    pub offset: Option<Nanos>,
    /// Its constant drift.
    pub drift_ppm: Option<f64>,
}

impl Oscillators {
    /// Whether clocks can be like that.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, duration: Nanos) -> Result<(), Refused> {
        let checks = Checks("oscillators");
        checks.span("offset_within", self.offset_within, Nanos::ZERO)?;
        for (key, value) in [
            ("drift_within_ppm", self.drift_within_ppm),
            ("wander_limit_ppm", self.wander_limit_ppm),
            ("kappa_ppm", self.kappa_ppm.unwrap_or(0.0)),
        ] {
            checks.number(key, value, 0.0, 100_000.0)?;
        }
        checks.number("wander_ppb_per_sqrt_s", self.wander_ppb_per_sqrt_s, 0.0, 1e6)?;
        let Some(temperature) = &self.temperature else { return Ok(()) };
        checks.span("temperature.every", temperature.every, duration.over(10_000).max(Nanos(1)))?;
        checks.number("temperature.step_ppm", temperature.step_ppm, 0.0, 10_000.0)?;
        checks.number("temperature.limit_ppm", temperature.limit_ppm, 0.0, 10_000.0)
    }

    /// The drawn offset and drift of `node`.
    pub fn draw(&self, seed: u64, node: u32) -> (Nanos, Ppb) {
        let within = |purpose, limit: i64| {
            let drawn = Rng::stream(seed, purpose, u64::from(node)).below(2 * limit.max(0) as u64 + 1);
            drawn as i64 - limit.max(0)
        };
        let drift = Ppb::from_ppm(self.drift_within_ppm);
        (Nanos(within(Purpose::Offset, self.offset_within.0)), Ppb(within(Purpose::Drift, drift.0)))
    }
}

impl Temperature {
    /// When the rate of `node` steps and what all steps so far then come to.
    pub fn steps(&self, seed: u64, node: u32, duration: Nanos) -> Vec<(Nanos, Ppb)> {
        let mut rng = Rng::stream(seed, Purpose::Temperature, u64::from(node));
        let (step, limit) = (Ppb::from_ppm(self.step_ppm).0, Ppb::from_ppm(self.limit_ppm).0);
        let mut sum = 0_i64;
        let mut steps = Vec::new();
        let mut at = self.every;
        while at < duration && self.every > Nanos::ZERO {
            sum = (sum + rng.below(2 * step as u64 + 1) as i64 - step).clamp(-limit, limit);
            steps.push((at, Ppb(sum)));
            at += self.every;
        }
        steps
    }
}

impl OwnOscillator {
    /// Whether a clock can be like that; `table` names it.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, table: &str, nodes: u32) -> Result<(), Refused> {
        let checks = Checks(table);
        checks.node("node", self.node, nodes)?;
        checks.span("offset", self.offset.unwrap_or(Nanos::ZERO).abs(), Nanos::ZERO)?;
        checks.number("drift_ppm", self.drift_ppm.unwrap_or(0.0), -100_000.0, 100_000.0)
    }
}
