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
    /// How far the source takes the clock to be off, give or take, without promising it: adjtimex's esterror. None where it
    /// does not say, and in journals of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_error: Option<Nanos>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_before_the_estimated_error_was_kept_are_read() {
        let old = r#"{"at_ns":5,"source":"kernel","synchronised":true,"error_bound":"7ns","offset":"-2ns"}"#;
        let claim: HostClaim = serde_json::from_str(old).expect("an old claim");
        let (source, offset) = (ClaimSource::Kernel, Some(Nanos(-2)));
        let known =
            HostClaim { at_ns: 5, source, synchronised: true, error_bound: Nanos(7), offset, estimated_error: None };
        assert_eq!(claim, known);
        assert_eq!(serde_json::to_string(&known).expect("text"), old, "what is not known takes no room");
        let new = HostClaim { estimated_error: Some(Nanos(3)), ..known };
        let text = serde_json::to_string(&new).expect("text");
        assert_eq!(serde_json::from_str::<HostClaim>(&text).expect("a claim"), new);
    }
}
