//! What others reached in the same network, in microseconds and seconds.

use super::Condition;

/// One program in one of the six conditions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reached {
    /// Root mean square of the offset, in us.
    pub rms: f64,
    /// 99 % quantile of |offset|, in us.
    pub p99: f64,
    /// Largest |offset|, in us.
    pub max: f64,
    /// Largest difference between two clients, median over seeds, in us.
    pub epsilon: f64,
    /// Seconds to 100 us, if ever.
    pub close_after: Option<u32>,
}

/// The published figures of one condition.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Published {
    /// chrony.
    pub chrony: Reached,
    /// NTPsec.
    pub ntpsec: Reached,
    /// Root mean square, in us, of a filter of 40,000 particles that knows the whole model.
    pub limit: f64,
}

/// Which chrony: unmodified, polls fixed, slews up to 83,333 ppm, no step at start-up.
pub const CHRONY: &str = "chrony 4.8+52";
/// Which NTPsec: unmodified, polls fixed, slews up to 500 ppm, no step at start-up.
pub const NTPSEC: &str = "NTPsec 1.2.2";

const fn reached(rms: f64, p99: f64, max: f64, epsilon: f64, close_after: Option<u32>) -> Reached {
    Reached { rms, p99, max, epsilon, close_after }
}

/// The six conditions by network and poll in seconds.
const ALL: [(&str, i64, Published); 6] = [
    (
        "lan",
        1,
        Published {
            chrony: reached(2.11, 5.90, 35.0, 25.5, Some(5)),
            ntpsec: reached(4.85, 14.4, 29.1, 34.4, Some(440)),
            limit: 0.30,
        },
    ),
    (
        "lan",
        16,
        Published {
            chrony: reached(3.73, 9.92, 22.1, 22.3, Some(34)),
            ntpsec: reached(3.68, 10.0, 16.1, 19.1, Some(639)),
            limit: 1.7,
        },
    ),
    (
        "lan",
        64,
        Published {
            chrony: reached(8.91, 26.5, 47.1, 56.6, Some(132)),
            ntpsec: reached(16.0, 43.9, 67.2, 88.5, Some(972)),
            limit: 4.0,
        },
    ),
    (
        "wan",
        1,
        Published {
            chrony: reached(105.0, 293.0, 1_659.0, 1_455.0, None),
            ntpsec: reached(242.0, 720.0, 1_441.0, 1_714.0, None),
            limit: 2.4,
        },
    ),
    (
        "wan",
        16,
        Published {
            chrony: reached(102.0, 265.0, 959.0, 720.0, Some(1_024)),
            ntpsec: reached(144.0, 411.0, 706.0, 825.0, Some(2_231)),
            limit: 19.0,
        },
    ),
    (
        "wan",
        64,
        Published {
            chrony: reached(103.0, 294.0, 506.0, 427.0, Some(1_224)),
            ntpsec: reached(156.0, 446.0, 727.0, 845.0, Some(4_869)),
            limit: 38.0,
        },
    ),
];

/// What is published of a condition; `None` for those outside the model.
pub fn of(condition: &Condition) -> Option<&'static Published> {
    let poll = condition.poll.0 / crate::time::NANOS_PER_SECOND;
    ALL.iter().find(|(name, seconds, _)| *name == condition.name && *seconds == poll).map(|(.., published)| published)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yardstick::condition::{cells, strange};

    #[test]
    fn each_of_the_six_conditions_is_published_and_no_other() {
        assert!(cells().iter().all(|cell| of(cell).is_some()));
        assert!(strange().iter().all(|condition| of(condition).is_none()));
    }
}
