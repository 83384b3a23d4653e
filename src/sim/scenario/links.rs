//! What a scenario says of its links.

use serde::{Deserialize, Serialize};

use super::check::{Checks, Refused};
use crate::length::Length;
use crate::model::Queue;
use crate::model::jitter::{Bursts, Jitter};
use crate::time::Nanos;

/// All links of a kind.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Minimum delay of both directions.
    pub delay: Nanos,
    /// How much longer the way from the lower to the higher node takes.
    #[serde(default)]
    pub asymmetry: Nanos,
    /// What is added to the delay of each message.
    #[serde(default = "no_jitter")]
    pub jitter: Jitter,
    /// When still more is added.
    pub bursts: Option<Bursts>,
    /// What messages wait behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// Share of the copies that are lost, 0 to below 1.
    #[serde(default)]
    pub loss_share: f64,
    /// Share of the messages that are doubled, 0 to below 1.
    #[serde(default)]
    pub duplicate_share: f64,
    /// What Lamport's clock takes for the minimum delay and credits every message with.
    #[serde(default)]
    pub mu: Nanos,
    /// How far apart both ends are: what certificates may know of the delays. It changes neither delays nor credits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<Length>,
}

/// One direction of one link, where it differs from the others.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnLink {
    /// The sender.
    pub from: u32,
    /// The receiver.
    pub to: u32,
    /// See [`Link::delay`]; asymmetry is not added to it.
    pub delay: Option<Nanos>,
    /// See [`Link::jitter`].
    pub jitter: Option<Jitter>,
    /// See [`Link::bursts`].
    pub bursts: Option<Bursts>,
    /// See [`Link::queue`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<Queue>,
    /// See [`Link::loss_share`].
    pub loss_share: Option<f64>,
    /// See [`Link::duplicate_share`].
    pub duplicate_share: Option<f64>,
    /// See [`Link::mu`].
    pub mu: Option<Nanos>,
    /// See [`Link::distance`].
    pub distance: Option<Length>,
}

const fn no_jitter() -> Jitter {
    Jitter::Constant { span: Nanos::ZERO }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            delay: Nanos::from_micros(50),
            asymmetry: Nanos::ZERO,
            jitter: no_jitter(),
            bursts: None,
            queue: None,
            loss_share: 0.0,
            duplicate_share: 0.0,
            mu: Nanos::ZERO,
            distance: None,
        }
    }
}

impl Link {
    /// Whether a network can be like that; `table` names it.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, table: &str) -> Result<(), Refused> {
        let checks = Checks(table);
        checks.span("delay", self.delay, Nanos(1))?;
        checks.span("mu", self.mu, Nanos::ZERO)?;
        checks.span("asymmetry", self.asymmetry, Nanos(1) - self.delay)?;
        checks.share("loss_share", self.loss_share)?;
        checks.share("duplicate_share", self.duplicate_share)?;
        checks.jitter(&self.jitter)?;
        self.bursts.map_or(Ok(()), |bursts| checks.bursts(&bursts))?;
        self.queue.map_or(Ok(()), |queue| checks.queue(&queue))
    }
}

impl OwnLink {
    /// Whether a network can be like that; `table` names it.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, table: &str) -> Result<(), Refused> {
        self.over(&Link::default()).check(table)
    }

    /// The link as it is with what is given here in place of `common`.
    pub fn over(&self, common: &Link) -> Link {
        Link {
            delay: self.delay.unwrap_or(common.delay),
            asymmetry: if self.delay.is_some() { Nanos::ZERO } else { common.asymmetry },
            jitter: self.jitter.unwrap_or(common.jitter),
            bursts: self.bursts.or(common.bursts),
            queue: self.queue.or(common.queue),
            loss_share: self.loss_share.unwrap_or(common.loss_share),
            duplicate_share: self.duplicate_share.unwrap_or(common.duplicate_share),
            mu: self.mu.unwrap_or(common.mu),
            distance: self.distance.or(common.distance),
        }
    }
}
