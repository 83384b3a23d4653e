//! A scenario: a declared world with what happens in it, as a TOML file says it. Every value has a unit: spans are texts
//! such as `"100ms"`, rates end in `_ppm` or `_ppb`, shares in `_share`.

mod check;
mod events;
mod links;
mod memory;
mod order;
mod oscillators;
mod reading;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use check::Refused;
use check::{Checks, refuse};
pub use events::{About, Event};
pub use links::{Link, OwnLink};
pub use order::Order;
pub use oscillators::{Oscillators, OwnOscillator, Temperature};

use super::shapes::Shape;
use crate::hex;
use crate::ids::Algorithms;
use crate::time::Nanos;

/// No scenario links more pairs of nodes.
const MOST_LINKS: u64 = 16_000_000;

/// How a scenario is run, and with it how large it may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// Every node keeps a journal.
    Journaled,
    /// Nothing is kept but what the result needs.
    Streamed,
}

impl Scale {
    /// No scenario has more nodes.
    pub const fn most_nodes(self) -> u32 {
        match self {
            Self::Journaled => 1_024,
            Self::Streamed => 1_000_000,
        }
    }

    /// No run has more slots of the probe grid.
    const fn most_slots(self) -> i64 {
        match self {
            Self::Journaled => 100_000_000,
            Self::Streamed => 1_000_000_000_000,
        }
    }

    /// No node has more slots: messages of an arc are counted in 32 bits where nothing is kept.
    const fn most_periods(self) -> i64 {
        match self {
            Self::Journaled => i64::MAX,
            Self::Streamed => 1_000_000_000,
        }
    }
}

/// A declared world.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The span over which clocks are measured.
    pub duration: Nanos,
    /// The probe period.
    pub tau: Nanos,
    /// A second request follows each one so much later on its arc (a coded pair); left out, requests are single.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_pairs: Option<Nanos>,
    /// The seed, unless a flag gives another.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The node that NTP-style clocks follow.
    #[serde(default)]
    pub reference: u32,
    /// The clocks that every node runs: a list such as `["lamport", "interval"]`, or `["all"]`.
    #[serde(default)]
    pub clocks: Algorithms,
    /// Claims further than this from the own clock are refused.
    #[serde(default = "plausible")]
    pub plausible: Nanos,
    /// What becomes of credits that would make clocks run away.
    #[serde(default)]
    pub runaway: Runaway,
    /// Who is linked to whom.
    pub topology: Shape,
    /// All local clocks.
    #[serde(default)]
    pub oscillators: Oscillators,
    /// Local clocks that differ.
    #[serde(default, rename = "oscillator")]
    pub own_oscillators: Vec<OwnOscillator>,
    /// All links.
    #[serde(default)]
    pub links: Link,
    /// Links between islands.
    pub wan: Option<Link>,
    /// Directions of links that differ.
    #[serde(default, rename = "link")]
    pub own_links: Vec<OwnLink>,
    /// How programs stamp messages.
    #[serde(default)]
    pub stamps: Stamps,
    /// What happens in time.
    #[serde(default, rename = "event")]
    pub events: Vec<Event>,
    /// What is ordered in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// What becomes of a scenario whose credits exceed the delays round some cycle (docs/theory.md §1.4 "What follows").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runaway {
    /// It is refused.
    #[default]
    Refused,
    /// It is run, to see the clocks run away.
    Shown,
}

/// How programs stamp messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stamps {
    /// Who takes stamps.
    pub by: Stamping,
    /// The kernel's stamps are off by up to this, either way, and say so.
    pub noise: Nanos,
    /// A message waits for its program for up to this after it has arrived.
    pub wait_within: Nanos,
}

/// Who takes stamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamping {
    /// Kernel and program.
    #[default]
    Kernel,
    /// The program alone.
    User,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { by: Stamping::Kernel, noise: Nanos::ZERO, wait_within: Nanos::ZERO }
    }
}

const fn plausible() -> Nanos {
    Nanos::from_seconds(1_000)
}

impl Scenario {
    /// Reads a scenario from the text of a TOML file.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        Self::parse_for(text, Scale::Journaled)
    }

    /// The same for a run of another scale.
    ///
    /// # Errors
    /// Names the key of the scenario, its value and the mend.
    pub fn parse_for(text: &str, scale: Scale) -> Result<Self, Refused> {
        let scenario: Self = toml::from_str(text).map_err(|error| reading::told(text, &error))?;
        scenario.check(scale)?;
        Ok(scenario)
    }

    /// Whether there can be such a world.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check(&self, scale: Scale) -> Result<(), Refused> {
        let nodes = self.check_shape(scale)?;
        self.check_time(nodes, scale)?;
        Checks("scenario").node("reference", self.reference, nodes)?;
        Checks("scenario").span("plausible", self.plausible, Nanos(1))?;
        Checks("stamps").span("noise", self.stamps.noise, Nanos::ZERO)?;
        Checks("stamps").span("wait_within", self.stamps.wait_within, Nanos::ZERO)?;
        self.oscillators.check(self.duration)?;
        self.links.check("links")?;
        self.check_wan()?;
        self.check_own(nodes)?;
        let mut events = self.events.iter().enumerate();
        events.try_for_each(|(index, event)| event.check(&format!("event[{index}]"), nodes, self.duration))?;
        self.order.as_ref().map_or(Ok(()), |order| order.check(self.duration, nodes, self.clocks))
    }

    /// How many nodes there are, if there can be such a network.
    ///
    /// # Errors
    /// Names the key, its value and the mend.
    pub fn check_shape(&self, scale: Scale) -> Result<u32, Refused> {
        let (nodes, most) = (self.topology.nodes(), scale.most_nodes());
        if !(2..=most).contains(&nodes) {
            return Err(refuse("topology: nodes", nodes, &format!("choose from 2 to {most} nodes")));
        }
        match &self.topology {
            Shape::Tree { branches: 0, .. } => Err(refuse("topology.branches", 0, "choose 1 or more")),
            Shape::RandomRegular { degree, .. }
                if *degree == 0 || *degree >= nodes || (degree % 2) * (nodes % 2) == 1 =>
            {
                let mend = format!("choose from 1 to {}, so that degree times nodes is even", nodes - 1);
                Err(refuse("topology.degree", degree, &mend))
            }
            Shape::Edges { edges, .. } => check_edges(edges, nodes),
            _ => Ok(()),
        }?;
        match self.topology.most_links() {
            0..=MOST_LINKS => Ok(nodes),
            links => {
                let mend = format!("choose fewer nodes or another shape, with at most {MOST_LINKS} links");
                Err(refuse("topology: links", links, &mend))
            }
        }
    }

    fn check_wan(&self) -> Result<(), Refused> {
        let Some(wan) = &self.wan else { return Ok(()) };
        if !matches!(self.topology, Shape::Islands { .. }) {
            let mend = "no link of this shape is wide: choose the shape islands, or leave [wan] out";
            return Err(refuse("wan with topology.shape", self.topology.name(), mend));
        }
        wan.check("wan")
    }

    /// What is declared of single oscillators and links, each of which has one table.
    fn check_own(&self, nodes: u32) -> Result<(), Refused> {
        let mut seen = BTreeSet::new();
        for (index, own) in self.own_oscillators.iter().enumerate() {
            own.check(&format!("oscillator[{index}]"), nodes)?;
            if !seen.insert(own.node) {
                let mend = "another [[oscillator]] is of this node: put both into one";
                return Err(refuse(&format!("oscillator[{index}].node"), own.node, mend));
            }
        }
        let mut seen = BTreeSet::new();
        for (index, own) in self.own_links.iter().enumerate() {
            own.check(&format!("link[{index}]"))?;
            if !seen.insert((own.from, own.to)) {
                let mend = format!("another [[link]] is of {}->{}: put both into one", own.from, own.to);
                return Err(refuse(&format!("link[{index}].to"), own.to, &mend));
            }
        }
        Ok(())
    }

    fn check_time(&self, nodes: u32, scale: Scale) -> Result<(), Refused> {
        let checks = Checks("scenario");
        checks.span("duration", self.duration, Nanos::from_millis(10))?;
        checks.span("tau", self.tau, Nanos::from_micros(1))?;
        if self.tau.times(10) > self.duration {
            let mend = format!("choose from 1us to a tenth of the duration, {}", self.duration.over(10));
            return Err(refuse("tau", self.tau, &mend));
        }
        let periods = self.duration.0 / self.tau.0;
        let slots = periods.saturating_mul(i64::from(nodes));
        if slots > scale.most_slots() || periods > scale.most_periods() {
            let mend =
                format!("{slots} slots of the probe grid are too many: choose a longer one, or a shorter duration");
            return Err(refuse("tau", self.tau, &mend));
        }
        if scale == Scale::Journaled { self.check_memory() } else { Ok(()) }
    }
}

/// Whether these edges join two nodes each, no two of them the same.
fn check_edges(edges: &[(u32, u32)], nodes: u32) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for (index, (a, b)) in edges.iter().enumerate() {
        [a, b].into_iter().try_for_each(|node| Checks("topology").node("edges", *node, nodes))?;
        let mend = match (a == b, seen.insert((a.min(b), a.max(b)))) {
            (true, _) => "a node has no link to itself: leave it out",
            (_, false) => "they are linked already, and links go both ways: leave it out",
            _ => continue,
        };
        return Err(refuse(&format!("topology.edges[{index}]"), format!("[{a}, {b}]"), mend));
    }
    Ok(())
}

/// The name of a scenario's text: the first 16 hexadecimal digits of its SHA-256.
pub fn hash(text: &str) -> String {
    hex::text(&Sha256::digest(text)[..8])
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
