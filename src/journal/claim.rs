//! What a host says of its own clock, as its daemons and its kernel put it.

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// Who says it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimSource {
    /// The kernel, by adjtimex: maxerror, which grows by 500 ppm while no daemon resets it.
    Kernel,
    /// chronyd, by `chronyc tracking`: |offset| + root dispersion + half the root delay.
    Chrony,
    /// ClockBound, by its shared memory: its bound, grown by its own limit on the drift since.
    ClockBound,
    /// A network card's hardware clock, by sysfs: a bound on that clock, not on the system clock, which can be no better.
    Phc,
}

impl ClaimSource {
    /// Every source.
    pub const ALL: [Self; 4] = [Self::Kernel, Self::Chrony, Self::ClockBound, Self::Phc];

    /// The source's word in every file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Chrony => "chrony",
            Self::ClockBound => "clockbound",
            Self::Phc => "phc",
        }
    }

    /// Whether it speaks of the system clock.
    pub const fn is_of_system_clock(self) -> bool {
        !matches!(self, Self::Phc)
    }
}

/// One claim: at this reading of the local clock, |clock − true time| is at most `error_bound`, says `source`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HostClaim {
    /// The local clock after the claim was read, in ns.
    pub at_ns: i64,
    /// Who says so.
    pub source: ClaimSource,
    /// Whether the source calls the clock synchronised; if not it promises nothing.
    pub synchronised: bool,
    /// The bound.
    pub error_bound: Nanos,
    /// What the source takes the clock to be off by: clock − true time; none where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<Nanos>,
}
