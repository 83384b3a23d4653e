//! Refusals: each names the key, its value and the mend.

use std::fmt;

use crate::model::Queue;
use crate::model::jitter::{Bursts, Jitter};
use crate::time::Nanos;

/// No span of a scenario is longer: a day.
pub const LONGEST: Nanos = Nanos::from_seconds(86_400);

/// Why a text is no scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A refusal in the common form.
pub fn refuse(key: &str, value: impl fmt::Display, mend: &str) -> Refused {
    Refused(format!("{key} = {value}: {mend}"))
}

/// Checks of the values in one table.
#[derive(Clone, Copy, Debug)]
pub struct Checks<'a>(pub &'a str);

impl Checks<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.0)
    }

    /// From `least` to a day.
    pub fn span(&self, key: &str, value: Nanos, least: Nanos) -> Result<(), Refused> {
        self.within(key, value, least, LONGEST)
    }

    /// From `least` to `most`.
    pub fn within(&self, key: &str, value: Nanos, least: Nanos, most: Nanos) -> Result<(), Refused> {
        let mend = || format!("choose from {least} to {most}");
        if (least..=most).contains(&value) { Ok(()) } else { Err(refuse(&self.key(key), value, &mend())) }
    }

    /// From zero to below one.
    pub fn share(&self, key: &str, value: f64) -> Result<(), Refused> {
        let mend = "choose a share from 0 to below 1, such as 0.01";
        if (0.0..1.0).contains(&value) { Ok(()) } else { Err(refuse(&self.key(key), value, mend)) }
    }

    /// Within ±`most`, both included.
    pub fn number(&self, key: &str, value: f64, least: f64, most: f64) -> Result<(), Refused> {
        let mend = || format!("choose from {least} to {most}");
        if (least..=most).contains(&value) { Ok(()) } else { Err(refuse(&self.key(key), value, &mend())) }
    }

    /// A node of the topology.
    pub fn node(&self, key: &str, node: u32, nodes: u32) -> Result<(), Refused> {
        let mend = || format!("nodes are 0 to {}", nodes.saturating_sub(1));
        if node < nodes { Ok(()) } else { Err(refuse(&self.key(key), node, &mend())) }
    }

    /// A distribution.
    pub fn jitter(&self, jitter: &Jitter) -> Result<(), Refused> {
        let (name, scale) = jitter.scale();
        self.span(&format!("jitter.{name}"), scale, Nanos::ZERO)?;
        jitter.shape().map_or(Ok(()), |(name, shape)| self.number(&format!("jitter.{name}"), shape, 0.05, 100.0))
    }

    /// Bursts.
    pub fn bursts(&self, bursts: &Bursts) -> Result<(), Refused> {
        self.span("bursts.extra", bursts.extra, Nanos::ZERO)?;
        self.spells("bursts", bursts.every, bursts.lasting)
    }

    /// A queue.
    pub fn queue(&self, queue: &Queue) -> Result<(), Refused> {
        self.number("queue.load_share", queue.load_share, 0.01, 0.9)?;
        self.span("queue.train", queue.train, Nanos(1))?;
        self.spells("queue", queue.every, queue.lasting)
    }

    /// Spans of time, one in each period.
    fn spells(&self, what: &str, every: Nanos, lasting: Nanos) -> Result<(), Refused> {
        self.span(&format!("{what}.every"), every, Nanos(1))?;
        if (Nanos::ZERO..=every).contains(&lasting) {
            return Ok(());
        }
        let mend = format!("choose from 0s to {what}.every, {every}");
        Err(refuse(&self.key(&format!("{what}.lasting")), lasting, &mend))
    }
}
