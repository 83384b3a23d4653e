//! Names of things: nodes, arcs, boots, algorithms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A node of the mesh: an agent on a host, or a simulated one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One start of an agent: the host's time of day at the start, in nanoseconds, so that a later boot has a larger id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootId(pub u64);

/// The directed connection over which messages go from one node to another. A link is two arcs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Arc {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
}

impl Arc {
    /// The arc in the other direction.
    pub const fn reversed(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

impl fmt::Display for Arc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.from, self.to)
    }
}

/// The rows of every table: one list, shared by flags, wire, journal and reports. The number is the one on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Algorithm {
    /// The host's own undisciplined clock: the control that shows what synchronising is worth.
    Free = 0,
    /// Lamport's physical clock (1978, rules IR1' and IR2').
    Lamport = 1,
    /// An NTP-style clock that follows one reference node.
    Ntp = 2,
    /// A hybrid logical clock on top of the NTP-style clock.
    Hlc = 3,
    /// The host's own system clock (CLOCK_REALTIME), as whatever daemon runs there keeps it.
    System = 4,
    /// A weighted regression over the latest samples, chrony-style. Only the yardstick runs it: it makes no claim on the
    /// wire and is not in [`Self::ALL`].
    Regression = 5,
    /// The corridor between the least-delayed messages of both directions. Only the yardstick runs it, as above.
    Corridor = 6,
}

impl Algorithm {
    /// Every algorithm that a node runs, in the order in which reports show them.
    pub const ALL: [Self; 5] = [Self::Free, Self::Lamport, Self::Ntp, Self::Hlc, Self::System];
    /// Those of which every agent has a clock of its own even where all agents share one host: all but the system clock.
    pub const OWN: [Self; 4] = [Self::Free, Self::Lamport, Self::Ntp, Self::Hlc];

    /// The algorithm's name in every file and flag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Lamport => "lamport",
            Self::Ntp => "ntp",
            Self::Hlc => "hlc",
            Self::System => "system",
            Self::Regression => "regression",
            Self::Corridor => "corridor",
        }
    }

    /// The algorithm with this number on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|a| a.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no algorithm: choose one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_is_found_by_its_name_and_by_its_code() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.name().parse(), Ok(algorithm));
            assert_eq!(Algorithm::from_code(algorithm as u8), Some(algorithm));
        }
        assert_eq!(Algorithm::from_code(5), None);
        assert!("sundial".parse::<Algorithm>().unwrap_err().contains("lamport"));
    }
}
