//! What can be varied: the values of a scenario that a planner chooses or fears.

use std::fmt;
use std::str::FromStr;

use crate::report::html::words::{self, GAP};
use crate::sim::Scenario;
use crate::sim::scenario::{Link, Refused};
use crate::sim::shapes::Shape;
use crate::time::Nanos;

/// In what a key's values are measured. Inside, a value is a number of this unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Nanoseconds; written as a span such as `100ms`.
    Span,
    /// Things; a whole number.
    Count,
    /// A share of one.
    Share,
    /// Parts per million.
    Ppm,
    /// Parts per billion per square root of a second.
    Walk,
    /// Things a second.
    Rate,
}

impl Unit {
    /// A value as a page has it, with its unit.
    pub fn label(self, value: f64) -> String {
        match self {
            Self::Span => words::tick(value),
            Self::Count => words::plain(value),
            Self::Share => format!("{}{GAP}%", words::plain(value * 1e2)),
            Self::Ppm => format!("{}{GAP}ppm", words::plain(value)),
            Self::Walk => format!("{}{GAP}ppb/√s", words::plain(value)),
            Self::Rate => format!("{}/s", words::plain(value)),
        }
    }
}

/// A key that can be varied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// The probe period.
    Tau,
    /// How long each run lasts.
    Duration,
    /// How many nodes there are.
    Nodes,
    /// The directed diameter, by the number of nodes.
    Diameter,
    /// Minimum delay of all links.
    Delay,
    /// Scale of all links' jitter.
    Jitter,
    /// Share of the messages that all links lose.
    Loss,
    /// Credit of all links.
    Mu,
    /// How much longer the way up takes on all links.
    Asymmetry,
    /// Minimum delay of the links between islands.
    WanDelay,
    /// Scale of their jitter.
    WanJitter,
    /// Share of the messages that they lose.
    WanLoss,
    /// Their credit.
    WanMu,
    /// Limit of the drawn constant drifts.
    Drift,
    /// The declared limit on |rate − 1|.
    Kappa,
    /// Random walk of each rate.
    Wander,
    /// Limit of the drawn offsets at the start.
    Offset,
    /// Error of the kernel's stamps.
    Noise,
    /// How long messages wait for their program.
    Wait,
}

impl Key {
    /// Every key, in the order of `--help`.
    pub const ALL: [Self; 19] = [
        Self::Tau,
        Self::Diameter,
        Self::Nodes,
        Self::Loss,
        Self::Delay,
        Self::Jitter,
        Self::Mu,
        Self::Asymmetry,
        Self::Drift,
        Self::Kappa,
        Self::Wander,
        Self::Offset,
        Self::Noise,
        Self::Wait,
        Self::WanDelay,
        Self::WanJitter,
        Self::WanLoss,
        Self::WanMu,
        Self::Duration,
    ];

    /// The name in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tau => "tau",
            Self::Duration => "duration",
            Self::Nodes => "nodes",
            Self::Diameter => "diameter",
            Self::Delay => "delay",
            Self::Jitter => "jitter",
            Self::Loss => "loss",
            Self::Mu => "mu",
            Self::Asymmetry => "asymmetry",
            Self::WanDelay => "wan-delay",
            Self::WanJitter => "wan-jitter",
            Self::WanLoss => "wan-loss",
            Self::WanMu => "wan-mu",
            Self::Drift => "drift",
            Self::Kappa => "kappa",
            Self::Wander => "wander",
            Self::Offset => "offset",
            Self::Noise => "noise",
            Self::Wait => "wait",
        }
    }

    /// The unit of its values.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Nodes | Self::Diameter => Unit::Count,
            Self::Loss | Self::WanLoss => Unit::Share,
            Self::Drift | Self::Kappa => Unit::Ppm,
            Self::Wander => Unit::Walk,
            _ => Unit::Span,
        }
    }

    /// The name of its column in files.
    pub fn column(self) -> String {
        let unit = match self.unit() {
            Unit::Span => "_ns",
            Unit::Count => "",
            Unit::Share => "_share",
            Unit::Ppm => "_ppm",
            Unit::Walk => "_ppb_per_sqrt_s",
            Unit::Rate => "_per_s",
        };
        format!("{}{unit}", self.name().replace('-', "_"))
    }

    /// A value as it stands in files: a number of the column's unit.
    pub fn number(self, value: f64) -> String {
        match self.unit() {
            Unit::Span | Unit::Count => format!("{value:.0}"),
            _ => value.to_string(),
        }
    }

    /// A value as flags and the terminal have it. It reads back as the same value.
    pub fn text(self, value: f64) -> String {
        match self.unit() {
            Unit::Span => {
                let (span, exact) = (Nanos(value as i64), String::from(Nanos(value as i64)));
                let short = span.to_string();
                if short.parse() == Ok(span) { short } else { exact }
            }
            _ => self.number(value),
        }
    }

    /// A value as a page has it, with its unit.
    pub fn label(self, value: f64) -> String {
        self.unit().label(value)
    }

    /// Reads one value.
    ///
    /// # Errors
    /// Names the key, the value and the mend.
    pub fn read(self, text: &str) -> Result<f64, Refused> {
        let number = |mend: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
            number.ok_or_else(|| self.refuse(text, mend))
        };
        match self.unit() {
            Unit::Span => {
                let span = text.parse::<Nanos>().map_err(|why| self.refuse(text, &why.to_string()))?;
                (span >= Nanos::ZERO || self == Self::Asymmetry)
                    .then_some(span.0 as f64)
                    .ok_or_else(|| self.refuse(text, "choose a span that is not negative"))
            }
            Unit::Count => {
                let count = text.trim().parse::<u32>().ok().filter(|count| (1..=1_024).contains(count));
                count.map(f64::from).ok_or_else(|| self.refuse(text, "choose a whole number from 1 to 1024"))
            }
            Unit::Share => number("choose a share from 0 to below 1, such as 0.01"),
            Unit::Ppm => number("choose a number of parts per million, such as 50"),
            Unit::Walk => number("choose a number of parts per billion per square root of a second, such as 5"),
            Unit::Rate => number("choose a number a second, such as 50"),
        }
    }

    /// The refusal of a value in the common form.
    pub fn refuse(self, value: impl fmt::Display, mend: &str) -> Refused {
        Refused(format!("--over {self}={value}: {mend}"))
    }

    /// Gives a scenario this value. Links and oscillators of their own keep what they declare themselves.
    ///
    /// # Errors
    /// If the key has no meaning in this scenario; names the key, the value and the mend. Whether there can be a world with
    /// this value is for [`Scenario::check`] to say.
    pub fn set(self, value: f64, scenario: &mut Scenario) -> Result<(), Refused> {
        let (span, clocks) = (Nanos(value as i64), &mut scenario.oscillators);
        match self {
            Self::Tau => scenario.tau = span,
            Self::Duration => scenario.duration = span,
            Self::Nodes => scenario.topology = self.with_nodes(&scenario.topology, value as u32)?,
            Self::Diameter => scenario.topology = self.with_diameter(&scenario.topology, value as u32)?,
            Self::Delay => scenario.links.delay = span,
            Self::Jitter => self.scale_jitter(value, &mut scenario.links)?,
            Self::Loss => scenario.links.loss_share = value,
            Self::Mu => scenario.links.mu = span,
            Self::Asymmetry => scenario.links.asymmetry = span,
            Self::Drift => clocks.drift_within_ppm = value,
            Self::Kappa => clocks.kappa_ppm = Some(value),
            Self::Wander => clocks.wander_ppb_per_sqrt_s = value,
            Self::Offset => clocks.offset_within = span,
            Self::Noise => scenario.stamps.noise = span,
            Self::Wait => scenario.stamps.wait_within = span,
            Self::WanDelay | Self::WanJitter | Self::WanLoss | Self::WanMu => {
                let mend = "the scenario has no [wan] links: give it some, or vary the key without wan-";
                let wan = scenario.wan.as_mut().ok_or_else(|| self.refuse(self.text(value), mend))?;
                match self {
                    Self::WanDelay => wan.delay = span,
                    Self::WanJitter => self.scale_jitter(value, wan)?,
                    Self::WanLoss => wan.loss_share = value,
                    _ => wan.mu = span,
                }
            }
        }
        Ok(())
    }

    fn scale_jitter(self, value: f64, link: &mut Link) -> Result<(), Refused> {
        if link.jitter.shape().is_none() && link.jitter.scale().0 == "span" {
            let mend = "the scenario's jitter is constant, so that it has no scale: give it another kind, such as \
                        { kind = \"exponential\", mean = \"10us\" }";
            return Err(self.refuse(self.text(value), mend));
        }
        link.jitter = link.jitter.with_scale(Nanos(value as i64));
        Ok(())
    }

    fn with_nodes(self, shape: &Shape, nodes: u32) -> Result<Shape, Refused> {
        match *shape {
            Shape::Full { .. } => Ok(Shape::Full { nodes }),
            Shape::Ring { .. } => Ok(Shape::Ring { nodes }),
            Shape::Line { .. } => Ok(Shape::Line { nodes }),
            Shape::Star { .. } => Ok(Shape::Star { nodes }),
            Shape::Tree { branches, .. } => Ok(Shape::Tree { nodes, branches }),
            Shape::RandomRegular { degree, .. } => Ok(Shape::RandomRegular { nodes, degree }),
            Shape::Grid { .. } | Shape::Islands { .. } | Shape::Edges { .. } => {
                let mend = "a topology of this shape does not follow from its number of nodes: choose full, ring, line, \
                            star, tree or random-regular";
                Err(self.refuse(format!("{nodes} on {}", shape.name()), mend))
            }
        }
    }

    /// The smallest network of this shape that has the diameter.
    fn with_diameter(self, shape: &Shape, diameter: u32) -> Result<Shape, Refused> {
        match *shape {
            Shape::Line { .. } => Ok(Shape::Line { nodes: diameter + 1 }),
            Shape::Ring { .. } => Ok(Shape::Ring { nodes: 2 * diameter }),
            Shape::Tree { branches, .. } => Ok(Shape::Tree { nodes: tree_nodes(branches, diameter), branches }),
            Shape::Grid { rows, .. } if rows <= diameter + 1 => {
                Ok(Shape::Grid { rows, columns: (diameter + 2).saturating_sub(rows) })
            }
            Shape::Grid { rows, .. } => {
                let mend = format!("a grid of {rows} rows has a diameter of {} or more", rows.saturating_sub(1));
                Err(self.refuse(diameter, &mend))
            }
            _ => {
                let mend = "the diameter of this shape is not free: choose line, ring, tree or grid, or vary nodes";
                Err(self.refuse(format!("{diameter} on {}", shape.name()), mend))
            }
        }
    }
}

/// The fewest nodes of a tree, filled level by level, with this diameter: down to the first leaf of the deepest level and, if
/// the diameter is even, to the first one below the root's second child. Saturates far above what a scenario may have.
fn tree_nodes(branches: u32, diameter: u32) -> u32 {
    if branches < 2 {
        return diameter + 1;
    }
    let depth = diameter.div_ceil(2);
    let level = |level: u32| branches.saturating_pow(level);
    let above = (0..depth).map(level).fold(0, u32::saturating_add);
    let second = if diameter.is_multiple_of(2) { level(depth.saturating_sub(1)) } else { 0 };
    above.saturating_add(second).saturating_add(1)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Key {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Self::ALL.into_iter().find(|key| key.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Refused(format!("--over {text}: no such key: choose one of {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Arc, NodeId};
    use crate::topology::diameter;

    fn scenario(shape: &str, more: &str) -> Scenario {
        let text = format!("duration = \"1s\"\ntau = \"10ms\"\ntopology = {{ {shape} }}\n{more}");
        Scenario::parse(&text).unwrap()
    }

    fn diameter_of(shape: &Shape) -> Option<u32> {
        let arcs = shape.links(1).into_iter().map(|(a, b, _)| Arc { from: NodeId(a), to: NodeId(b) });
        let arcs: Vec<Arc> = arcs.flat_map(|arc| [arc, arc.reversed()]).collect();
        diameter((0..shape.nodes()).map(NodeId), arcs)
    }

    #[test]
    fn a_diameter_is_obtained_with_the_fewest_nodes_of_the_shape() {
        for shape in [
            "\"line\", nodes = 3",
            "\"ring\", nodes = 3",
            "\"tree\", nodes = 3, branches = 2",
            "\"tree\", nodes = 3, branches = 3",
            "\"tree\", nodes = 3, branches = 1",
        ] {
            for d in 1..=8 {
                let mut found = scenario(&format!("shape = {shape}"), "");
                Key::Diameter.set(f64::from(d), &mut found).unwrap();
                assert_eq!(diameter_of(&found.topology), Some(d), "{:?}", found.topology);
                let fewer = f64::from(found.topology.nodes() - 1);
                Key::Nodes.set(fewer, &mut found).unwrap();
                assert!(fewer < 2.0 || diameter_of(&found.topology) < Some(d), "{:?}", found.topology);
            }
        }
        let mut grid = scenario("shape = \"grid\", rows = 3, columns = 3", "");
        Key::Diameter.set(7.0, &mut grid).unwrap();
        assert_eq!((diameter_of(&grid.topology), grid.topology.nodes()), (Some(7), 18));
    }

    #[test]
    fn a_key_without_meaning_in_the_scenario_is_refused_with_the_mend() {
        for (shape, key, words) in [
            ("\"full\", nodes = 3", Key::Diameter, ["diameter=2 on full", "line, ring, tree or grid"]),
            ("\"star\", nodes = 3", Key::Diameter, ["diameter=2 on star", "vary nodes"]),
            ("\"islands\", islands = 2, size = 2", Key::Nodes, ["nodes=2 on islands", "star, tree or"]),
            ("\"grid\", rows = 5, columns = 2", Key::Diameter, ["diameter=2", "4 or more"]),
            ("\"full\", nodes = 3", Key::WanDelay, ["wan-delay=2ns", "no [wan] links"]),
            ("\"full\", nodes = 3", Key::Jitter, ["jitter=2ns", "exponential"]),
        ] {
            let why = key.set(2.0, &mut scenario(&format!("shape = {shape}"), "")).unwrap_err().to_string();
            assert!(words.iter().all(|word| why.contains(word)), "{why}");
        }
    }

    #[test]
    fn every_key_changes_the_scenario_and_its_values_read_back() {
        let base = scenario(
            "shape = \"line\", nodes = 3",
            "[links]\ndelay = \"1ms\"\njitter = { kind = \"gamma\", mean = \"1ms\", shape = 2.0 }\n",
        );
        // No file has both: a line has no wide links, and islands no free diameter.
        let base = Scenario { wan: Some(base.links.clone()), ..base };
        for key in Key::ALL {
            let mut changed = base.clone();
            let value = if key.unit() == Unit::Share { 0.25 } else { 7.0 };
            key.set(value, &mut changed).unwrap();
            assert_ne!(changed, base, "{key}");
            assert_eq!((key.name().parse(), key.read(&key.text(value))), (Ok(key), Ok(value)));
        }
        assert_eq!(Key::Tau.text(1_234_567_891.0), "1234567891ns", "what three decimals cannot say is said in full");
    }

    #[test]
    fn what_is_no_value_is_refused_by_key_value_and_mend() {
        for (key, text, mend) in [
            (Key::Tau, "5", "such as 100ms"),
            (Key::Tau, "-5ms", "not negative"),
            (Key::Nodes, "2.5", "1 to 1024"),
            (Key::Nodes, "0", "1 to 1024"),
            (Key::Loss, "NaN", "such as 0.01"),
            (Key::Drift, "-1", "such as 50"),
            (Key::Wander, "x", "square root"),
        ] {
            let why = key.read(text).unwrap_err().to_string();
            assert!(why.starts_with(&format!("--over {key}={text}: ")) && why.contains(mend), "{why}");
        }
        assert!("taw".parse::<Key>().unwrap_err().to_string().contains("tau, diameter"));
    }
}
