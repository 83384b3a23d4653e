//! What happens in time: to a clock, to a node, to the network.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::check::{Checks, Refused, refuse};
use crate::time::Nanos;

/// One event. All instants are true time since the run's start.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A node dies, and perhaps starts again as a new boot.
    Crash {
        /// Which node.
        node: u32,
        /// When it dies.
        at: Nanos,
        /// When it starts again.
        restart: Option<Nanos>,
    },
    /// A node's local clock and program stand still, and what arrives meanwhile is lost: a laptop's lid.
    Suspend {
        /// Which node.
        node: u32,
        /// From when on.
        at: Nanos,
        /// Until when.
        until: Nanos,
    },
    /// A local clock changes its rate for good, as with its temperature.
    FrequencyStep {
        /// Which node.
        node: u32,
        /// When.
        at: Nanos,
        /// By how much.
        by_ppm: f64,
    },
    /// A local clock jumps ahead. (It cannot be set back: local clocks are raw counters.)
    ClockStep {
        /// Which node.
        node: u32,
        /// When.
        at: Nanos,
        /// How far.
        by: Nanos,
    },
    /// A local clock all but stops, at a thousandth of its rate, while its node goes on.
    StuckClock {
        /// Which node.
        node: u32,
        /// From when on.
        at: Nanos,
        /// Until when; for ever if it is not given.
        until: Option<Nanos>,
    },
    /// A local clock runs at a wrong rate.
    RacingClock {
        /// Which node.
        node: u32,
        /// From when on.
        at: Nanos,
        /// Until when; for ever if it is not given.
        until: Option<Nanos>,
        /// How much faster.
        by_ppm: f64,
    },
    /// A node tells some of its peers other readings than it has.
    TwoFacedClock {
        /// Which node.
        node: u32,
        /// From when on.
        at: Nanos,
        /// Until when; for ever if it is not given.
        until: Option<Nanos>,
        /// What is added to the readings that it tells.
        lie: Nanos,
        /// Whom it tells them.
        to: Vec<u32>,
        /// What it lies about.
        #[serde(default)]
        about: About,
    },
    /// Nothing passes between some nodes and all others.
    Partition {
        /// The nodes on one side.
        nodes: Vec<u32>,
        /// From when on.
        at: Nanos,
        /// Until when.
        until: Nanos,
    },
    /// One direction of a link gets another minimum delay.
    Route {
        /// The sender.
        from: u32,
        /// The receiver.
        to: u32,
        /// From when on.
        at: Nanos,
        /// The new minimum delay.
        delay: Nanos,
    },
    /// Every link loses more than it usually does.
    Loss {
        /// From when on.
        at: Nanos,
        /// Until when.
        until: Nanos,
        /// Share of the copies that are lost, if the link's own is not larger.
        share: f64,
    },
}

/// What a clock with two faces lies about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// The readings of its synchronised clocks; its stamps are true.
    #[default]
    Readings,
    /// Readings and stamps alike: to those it tells, its local clock is another.
    Everything,
}

impl Event {
    /// When it begins and, if it does, ends.
    pub const fn span(&self) -> (Nanos, Option<Nanos>) {
        match *self {
            Self::Crash { at, restart, .. } => (at, restart),
            Self::Suspend { at, until, .. } | Self::Partition { at, until, .. } | Self::Loss { at, until, .. } => {
                (at, Some(until))
            }
            Self::StuckClock { at, until, .. }
            | Self::RacingClock { at, until, .. }
            | Self::TwoFacedClock { at, until, .. } => (at, until),
            Self::FrequencyStep { at, .. } | Self::ClockStep { at, .. } | Self::Route { at, .. } => (at, None),
        }
    }

    /// The nodes that it names, by key.
    fn nodes(&self) -> Vec<(&'static str, u32)> {
        match self {
            Self::Crash { node, .. }
            | Self::Suspend { node, .. }
            | Self::FrequencyStep { node, .. }
            | Self::ClockStep { node, .. }
            | Self::StuckClock { node, .. }
            | Self::RacingClock { node, .. } => vec![("node", *node)],
            Self::TwoFacedClock { node, to, .. } => {
                [("node", *node)].into_iter().chain(to.iter().map(|to| ("to", *to))).collect()
            }
            Self::Partition { nodes, .. } => nodes.iter().map(|node| ("nodes", *node)).collect(),
            Self::Route { from, to, .. } => vec![("from", *from), ("to", *to)],
            Self::Loss { .. } => Vec::new(),
        }
    }

    /// Whether it can happen among so many nodes in a run of this duration; `table` names it.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, table: &str, nodes: u32, duration: Nanos) -> Result<(), Refused> {
        let checks = Checks(table);
        for (key, node) in self.nodes() {
            checks.node(key, node, nodes)?;
        }
        let (at, until) = self.span();
        checks.span("at", at, Nanos::ZERO)?;
        if let Some(until) = until.filter(|until| *until <= at) {
            let key = if matches!(self, Self::Crash { .. }) { "restart" } else { "until" };
            return Err(refuse(&format!("{table}.{key}"), until, &format!("choose an instant after {at}")));
        }
        if at >= duration {
            let mend = format!("the run ends at {duration}: choose an earlier instant, or a longer duration");
            return Err(refuse(&format!("{table}.at"), at, &mend));
        }
        self.check_sides(table, nodes)?;
        match *self {
            Self::FrequencyStep { by_ppm, .. } => checks.number("by_ppm", by_ppm, -10_000.0, 10_000.0),
            Self::RacingClock { by_ppm, .. } => checks.number("by_ppm", by_ppm, -900_000.0, 10_000_000.0),
            Self::ClockStep { by, .. } => checks.span("by", by, Nanos(1)),
            Self::TwoFacedClock { lie, .. } => checks.span("lie", lie.abs(), Nanos(1)),
            Self::Route { delay, .. } => checks.span("delay", delay, Nanos(1)),
            Self::Loss { share, .. } => checks.share("share", share),
            _ => Ok(()),
        }
    }

    /// Whether somebody is lied to or parted from others.
    fn check_sides(&self, table: &str, nodes: u32) -> Result<(), Refused> {
        let refused =
            |key: &str, named: &[u32], mend: &str| Err(refuse(&format!("{table}.{key}"), format!("{named:?}"), mend));
        match self {
            Self::TwoFacedClock { to, .. } if to.is_empty() => {
                refused("to", to, "nobody is lied to: name at least one other node")
            }
            Self::TwoFacedClock { node, to, .. } if to.contains(node) => {
                refused("to", to, &format!("node {node} does not hear itself: name others only"))
            }
            Self::Partition { nodes: named, .. } => match named.iter().collect::<BTreeSet<_>>().len() {
                0 => refused("nodes", named, "nobody is parted from the others: name at least one node"),
                many if many == nodes as usize => {
                    refused("nodes", named, "nobody is left on the other side: name fewer nodes")
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// What it is called in scenarios.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Suspend { .. } => "suspend",
            Self::FrequencyStep { .. } => "frequency-step",
            Self::ClockStep { .. } => "clock-step",
            Self::StuckClock { .. } => "stuck-clock",
            Self::RacingClock { .. } => "racing-clock",
            Self::TwoFacedClock { .. } => "two-faced-clock",
            Self::Partition { .. } => "partition",
            Self::Route { .. } => "route",
            Self::Loss { .. } => "loss",
        }
    }
}
