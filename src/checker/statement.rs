//! The text of a certificate as values.

use std::collections::BTreeMap;
use std::fmt;

/// A message's name: sender, receiver, number.
pub type Id = (u32, u32, u64);

/// One step of a path or cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Whether the message's least delay is used, from its receipt to its send; else its most, the other way.
    pub is_least: bool,
    /// The message.
    pub id: Id,
}

/// An execution that reaches one end: real times in units of 2^-16 ns by (node, reading), the instant being zero.
pub type Times = BTreeMap<(u32, i64), i64>;

/// What is claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Whose clock turned to `at` at the instant.
    pub own: u32,
    /// In ns.
    pub at: i64,
    /// Whose clock is read.
    pub other: u32,
    /// Its least and largest reading, in ns.
    pub ends: [i64; 2],
    /// The paths to the low end and from the high end.
    pub paths: [Vec<Step>; 2],
    /// An execution for each end.
    pub times: [Times; 2],
}

/// A certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statement {
    /// The step of every clock in ns.
    pub tick: i64,
    /// Limit on |rate − 1| in ppb by node.
    pub nodes: BTreeMap<u32, i64>,
    /// Least and most delay in ns by arc.
    pub arcs: BTreeMap<(u32, u32), (i64, Option<i64>)>,
    /// Send and receipt by message.
    pub messages: BTreeMap<Id, (i64, i64)>,
    /// Claims on intervals.
    pub claims: Vec<Claim>,
    /// Cycles that are said to be negative.
    pub cycles: Vec<Vec<Step>>,
}

/// A line that is none of a certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Its number, from one.
    pub line: usize,
    /// What it says.
    pub text: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: `{}` is no line of a certificate, or stands in the wrong place", self.line, self.text)
    }
}

impl std::error::Error for Malformed {}

/// What the lines that follow belong to.
enum Place {
    Nothing,
    Path(usize),
    Times(usize),
    Cycle,
}

impl Statement {
    /// Reads a certificate.
    ///
    /// # Errors
    /// Names the first line that is none.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut statement = Self::default();
        let mut place = Place::Nothing;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let refused = || Malformed { line: index + 1, text: line.chars().take(100).collect() };
            statement.take(&words, &mut place).ok_or_else(refused)?;
        }
        Ok(statement)
    }

    fn take(&mut self, words: &[&str], place: &mut Place) -> Option<()> {
        match words {
            ["tick", tick] => self.tick = tick.parse().ok().filter(|tick| (0..=1_000_000_000).contains(tick))?,
            ["node", node, kappa] => {
                let kappa = kappa.parse().ok().filter(|kappa| (0..1_000_000_000).contains(kappa))?;
                self.nodes.insert(node.parse().ok()?, kappa);
            }
            ["arc", from, to, least, most] => {
                let most = if *most == "-" { None } else { Some(most.parse().ok()?) };
                self.arcs.insert((from.parse().ok()?, to.parse().ok()?), (least.parse().ok()?, most));
            }
            ["message", from, to, sequence, sent, received] => {
                let id = (from.parse().ok()?, to.parse().ok()?, sequence.parse().ok()?);
                self.messages.insert(id, (sent.parse().ok()?, received.parse().ok()?));
            }
            ["claim", own, at, other, low, high] => {
                *place = Place::Nothing;
                let (own, at, other) = (own.parse().ok()?, at.parse().ok()?, other.parse().ok()?);
                let ends = [low.parse().ok()?, high.parse().ok()?];
                self.claims.push(Claim { own, at, other, ends, paths: Default::default(), times: Default::default() });
            }
            ["path", end] => *place = Place::Path(index_of(end)?),
            ["times", end] => *place = Place::Times(index_of(end)?),
            ["cycle"] => {
                *place = Place::Cycle;
                self.cycles.push(Vec::new());
            }
            [bound @ ("least" | "most"), from, to, sequence] => {
                let id = (from.parse().ok()?, to.parse().ok()?, sequence.parse().ok()?);
                let step = Step { is_least: *bound == "least", id };
                match place {
                    Place::Path(end) => self.claims.last_mut()?.paths[*end].push(step),
                    Place::Cycle => self.cycles.last_mut()?.push(step),
                    _ => return None,
                }
            }
            ["at", node, reading, units] => {
                let Place::Times(end) = place else { return None };
                let key = (node.parse().ok()?, reading.parse().ok()?);
                self.claims.last_mut()?.times[*end].insert(key, units.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

fn index_of(end: &str) -> Option<usize> {
    ["low", "high"].iter().position(|name| *name == end)
}
