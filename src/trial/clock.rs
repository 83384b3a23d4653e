//! The clocks that a trial can be played with, by the names of flags.

use serde::{Deserialize, Serialize};

use crate::ids::{Algorithm, Algorithms};
use crate::names::named;
use crate::order::report::StampSource;

/// What a trial's processes read, and what makes their stamps of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Clock {
    /// Stamps of a counter; spans are measured on the NTP-style clock.
    LamportLogical,
    /// Stamps of a hybrid clock on the NTP-style clock.
    Hlc,
    /// The readings themselves.
    Physical(Algorithm),
}

impl Clock {
    /// Every clock that a node can run, and the counter: it has the place of the host's own system clock, which is the same at
    /// every agent of a lab.
    pub const ALL: [Self; Algorithm::ALL.len()] = {
        let mut all = [Self::LamportLogical; Algorithm::ALL.len()];
        let (mut index, mut place) = (0, 1);
        while index < Algorithm::ALL.len() {
            match Algorithm::ALL[index] {
                Algorithm::System => place -= 1,
                Algorithm::Hlc => all[place] = Self::Hlc,
                algorithm => all[place] = Self::Physical(algorithm),
            }
            (index, place) = (index + 1, place + 1);
        }
        all
    };

    /// Those that order the commands of the main run.
    pub const USUAL: [Self; 4] =
        [Self::LamportLogical, Self::Physical(Algorithm::Lamport), Self::Physical(Algorithm::Ntp), Self::Hlc];

    /// Its name in every file and flag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LamportLogical => StampSource::LamportLogical.name(),
            Self::Hlc => StampSource::Hlc.name(),
            Self::Physical(algorithm) => algorithm.name(),
        }
    }

    /// What makes stamps of its readings.
    pub const fn stamps(self) -> StampSource {
        match self {
            Self::LamportLogical => StampSource::LamportLogical,
            Self::Hlc => StampSource::Hlc,
            Self::Physical(Algorithm::Lamport) => StampSource::Lamport,
            Self::Physical(Algorithm::Ntp) => StampSource::Ntp,
            Self::Physical(algorithm) => StampSource::Physical(algorithm),
        }
    }

    /// The synchronised clock that processes read.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::LamportLogical | Self::Hlc => Algorithm::Ntp,
            Self::Physical(algorithm) => algorithm,
        }
    }

    /// Whether nodes that run `clocks` have what it reads; what shows the raw clock everybody has.
    pub const fn is_run_by(self, clocks: Algorithms) -> bool {
        !self.algorithm().is_run() || clocks.contains(self.algorithm())
    }

    /// The usual ones among nodes that run `clocks`.
    pub fn usual_of(clocks: Algorithms) -> Vec<Self> {
        Self::USUAL.into_iter().filter(|clock| clock.is_run_by(clocks)).collect()
    }
}

named!(Clock, "clock");

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.name().to_owned()
    }
}
