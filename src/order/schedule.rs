//! When commands are meant to be issued.

use super::report::{Load, Phase};
use crate::time::{NANOS_PER_SECOND, Nanos, Raw, Time};

/// An open loop's plan: command `n` is due at `began + n / rate`, whatever the system takes, so that a slow system
/// shows as latency and not as fewer commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    began: Time<Raw>,
    commands_per_s: u64,
    total: u64,
}

impl Schedule {
    /// The plan of a phase that began at `began`; `None` if it is saturated and has none.
    pub fn of(phase: &Phase, began: Time<Raw>) -> Option<Self> {
        match phase.load {
            Load::Saturated => None,
            Load::Open { commands_per_s } => {
                let total = commands_within(Nanos(phase.duration_ns), commands_per_s);
                Some(Self { began, commands_per_s, total })
            }
        }
    }

    /// Commands of the whole plan.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many commands are due at `now`.
    pub fn due(&self, now: Time<Raw>) -> u64 {
        match now - self.began {
            early if early < Nanos::ZERO => 0,
            elapsed => (commands_within(elapsed, self.commands_per_s) + 1).min(self.total),
        }
    }

    /// When command `number` (from zero) is due.
    #[inline]
    pub fn intended(&self, number: u64) -> Time<Raw> {
        let rate = self.commands_per_s.max(1);
        let after = match number.checked_mul(NANOS_PER_SECOND as u64) {
            Some(scaled) => scaled / rate,
            None => (number / rate).saturating_mul(NANOS_PER_SECOND as u64),
        };
        self.began + Nanos(i64::try_from(after).unwrap_or(i64::MAX))
    }
}

fn commands_within(span: Nanos, commands_per_s: u64) -> u64 {
    let commands = span.0.max(0) as u128 * u128::from(commands_per_s) / NANOS_PER_SECOND as u128;
    u64::try_from(commands).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::report::StampSource;

    #[test]
    fn commands_are_due_evenly_and_end_with_the_phase() {
        let load = Load::Open { commands_per_s: 4 };
        let source = StampSource::Ntp;
        let phase = Phase { index: 0, source, load, payload_bytes: 64, batch: 64, duration_ns: NANOS_PER_SECOND };
        let at = |ms| Time::from_nanos(7) + Nanos::from_millis(ms);
        let plan = Schedule::of(&phase, at(0)).unwrap();
        assert_eq!([-1, 0, 249, 250, 999, 5_000].map(|ms| plan.due(at(ms))), [0, 1, 1, 2, 4, 4]);
        assert_eq!((plan.intended(0), plan.intended(3), plan.total()), (at(0), at(750), 4));
        assert_eq!(Schedule::of(&Phase { load: Load::Saturated, ..phase }, at(0)), None);
        let idle = Schedule::of(&Phase { load: Load::Open { commands_per_s: 0 }, ..phase }, at(0)).unwrap();
        assert_eq!((idle.due(at(500)), idle.total()), (0, 0));
    }
}
