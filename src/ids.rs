//! Names of things: nodes, arcs, boots, algorithms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::named;

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

macro_rules! algorithms {
    ($($(#[$doc:meta])* $arm:ident = $code:literal, $name:literal;)*) => {
        /// The rows of every table: one list, shared by flags, wire, journal and reports. The number is the one on the wire.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[repr(u8)]
        pub enum Algorithm {
            $($(#[$doc])* $arm = $code,)*
        }

        impl Algorithm {
            /// Every algorithm, by its number: the order in which reports show them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$arm),*];

            /// The algorithm's name in every file and flag.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$arm => $name,)*
                }
            }
        }
    };
}

// Numbers count up from zero without a gap and never change, since they are on the wire and in journals.
algorithms! {
    /// The host's own undisciplined clock: the control that shows what synchronising is worth.
    Free = 0, "free";
    /// Lamport's physical clock (1978, rules IR1' and IR2').
    Lamport = 1, "lamport";
    /// An NTP-style clock that follows one reference node.
    Ntp = 2, "ntp";
    /// A hybrid logical clock on top of the NTP-style clock.
    Hlc = 3, "hlc";
    /// The host's own system clock (CLOCK_REALTIME), as whatever daemon runs there keeps it.
    System = 4, "system";
    /// A weighted regression over the latest samples, chrony-style, of a reference that the node is linked to.
    Regression = 5, "regression";
    /// The corridor between the least-delayed messages of both directions, to and from a reference that the node is linked to.
    Corridor = 6, "corridor";
    /// The (f+1)-th largest of what was heard: a negative control without agreement.
    Largest = 7, "largest";
    /// An interval that is certain to hold the reference node's clock; its middle.
    Interval = 8, "interval";
    /// The fault-tolerant midpoint of Welch and Lynch (1988).
    WelchLynch = 9, "welch-lynch";
    /// Interactive convergence of Lamport and Melliar-Smith (1985).
    Convergence = 10, "convergence";
    /// A feed-forward clock on the least-delayed exchanges with a reference that the node is linked to (Veitch, Ridoux and Korada, 2009).
    Radclock = 11, "radclock";
    /// Rounds by agreement of Srikanth and Toueg (1987), said on the grid of probes.
    SrikanthToueg = 12, "srikanth-toueg";
    /// Huygens: robust lines between the messages of every link, and the network effect over all links.
    Huygens = 13, "huygens";
}

impl Algorithm {
    /// Those of which every node has a clock of its own unless it is told otherwise: the undisciplined one first.
    pub const OWN: [Self; 4] = [Self::Free, Self::Lamport, Self::Ntp, Self::Hlc];

    /// Whether a node runs a clock of this kind: every node has the free-running clock, and none steers its host's own.
    pub const fn is_run(self) -> bool {
        !matches!(self, Self::Free | Self::System)
    }

    /// The algorithm with this number on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl From<Algorithm> for String {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.name().to_owned()
    }
}

impl TryFrom<String> for Algorithm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

named!(Algorithm, "algorithm");

/// A set of the clocks that a node can run, by their numbers: as text `lamport,ntp,hlc`, on the wire a bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Algorithms(u32);

const _: () = assert!(Algorithm::ALL.len() <= u32::BITS as usize);

impl Algorithms {
    /// None at all.
    pub const NONE: Self = Self(0);
    /// What a node runs unless it is told otherwise.
    pub const USUAL: Self = Self::of(&Algorithm::OWN);
    /// Every clock that a node can run.
    pub const ALL: Self = Self::of(&Algorithm::ALL);
    /// No set has more members.
    pub const MOST: usize = Self::ALL.count();

    /// Those of `algorithms` that a node runs.
    pub const fn of(algorithms: &[Algorithm]) -> Self {
        let (mut set, mut index) = (Self::NONE, 0);
        while index < algorithms.len() {
            set = set.with(algorithms[index]);
            index += 1;
        }
        set
    }

    /// This set and `algorithm`, unless that is none that a node runs.
    pub const fn with(self, algorithm: Algorithm) -> Self {
        if algorithm.is_run() { Self(self.0 | 1 << algorithm as u32) } else { self }
    }

    /// Whether `algorithm` is in the set.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & (1 << algorithm as u32) != 0
    }

    /// How many there are.
    pub const fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// How many of them have smaller numbers than `algorithm`.
    pub const fn before(self, algorithm: Algorithm) -> usize {
        (self.0 & ((1 << algorithm as u32) - 1)).count_ones() as usize
    }

    /// Those that are in both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in one of the sets or in both.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members by their numbers.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let algorithm = Algorithm::ALL.get(left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(*algorithm)
        })
    }

    /// One bit for each member: that of its number.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set with these bits; `None` if one of them is no clock that a node can run.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut set = Self::NONE;
        for name in names {
            set = set.with(name.parse::<Algorithm>().ok().filter(|algorithm| algorithm.is_run()).ok_or_else(|| {
                format!("`{name}` is no clock that a node runs: write `all`, or some of {}", Self::ALL)
            })?);
        }
        Ok(set)
    }

    /// The set, if a node can run it.
    ///
    /// # Errors
    /// Names what is missing.
    pub fn check(self) -> Result<Self, String> {
        if self == Self::NONE {
            return Err(format!("no clock is named: write `all`, or some of {}", Self::ALL));
        }
        if self.contains(Algorithm::Hlc) && !self.contains(Algorithm::Ntp) {
            return Err("hlc runs on top of ntp: name both, or leave hlc out".to_owned());
        }
        Ok(self)
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self::USUAL
    }
}

impl FromIterator<Algorithm> for Algorithms {
    fn from_iter<I: IntoIterator<Item = Algorithm>>(algorithms: I) -> Self {
        algorithms.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.iter().map(Algorithm::name).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Algorithms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "all" => Ok(Self::ALL),
            text => Self::of_names(text.split(',').map(str::trim).filter(|name| !name.is_empty()))?.check(),
        }
    }
}

impl TryFrom<Vec<String>> for Algorithms {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names == ["all"] { Ok(Self::ALL) } else { Self::of_names(names.iter().map(String::as_str))?.check() }
    }
}

impl From<Algorithms> for Vec<String> {
    fn from(set: Algorithms) -> Self {
        set.iter().map(|algorithm| algorithm.name().to_owned()).collect()
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
        assert_eq!(Algorithm::from_code(Algorithm::ALL.len() as u8), None);
        assert!("sundial".parse::<Algorithm>().unwrap_err().contains("lamport"));
    }

    #[test]
    fn a_set_of_clocks_comes_back_from_its_text_and_from_its_bits() {
        for set in [Algorithms::USUAL, Algorithms::ALL, Algorithms::NONE.with(Algorithm::Lamport)] {
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(Algorithms::from_bits(set.bits()), Some(set));
            assert_eq!(Algorithms::try_from(Vec::from(set)), Ok(set));
            assert!(set.iter().enumerate().all(|(index, algorithm)| set.before(algorithm) == index));
        }
        assert_eq!("all".parse(), Ok(Algorithms::ALL));
        assert_eq!(Algorithms::default().to_string(), "lamport,ntp,hlc");
        assert_eq!(Algorithms::from_bits(1 << Algorithm::Free as u32), None);
        assert_eq!(Algorithms::from_bits(1 << 31), None);
    }

    #[test]
    fn a_set_that_no_node_runs_is_refused_with_the_mend() {
        for (text, mend) in [
            ("", "no clock is named"),
            ("free", "`free` is no clock that a node runs"),
            ("sundial", "`sundial` is no clock that a node runs"),
            ("hlc", "hlc runs on top of ntp"),
        ] {
            let refused = text.parse::<Algorithms>().unwrap_err();
            assert!(refused.starts_with(mend), "{text}: {refused}");
        }
    }
}
