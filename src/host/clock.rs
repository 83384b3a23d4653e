//! The host's clocks: CLOCK_MONOTONIC_RAW, and the local clock that is derived from it.

use nix::time::{ClockId, clock_gettime};

use crate::affine::shifted;
use crate::model::Oscillator;
use crate::time::{Local, Nanos, Raw, Time, True};

/// CLOCK_MONOTONIC_RAW now: never steered by anybody.
#[inline]
pub fn raw_now() -> Time<Raw> {
    read(ClockId::CLOCK_MONOTONIC_RAW)
}

/// CLOCK_BOOTTIME now: it goes on while the host sleeps.
pub fn boottime_now() -> Nanos {
    Nanos(read::<Raw>(ClockId::CLOCK_BOOTTIME).as_nanos())
}

/// Nanoseconds of the time of day now, since 1970.
pub fn wall_now_ns() -> i64 {
    read::<Raw>(ClockId::CLOCK_REALTIME).as_nanos()
}

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> Nanos {
    Nanos(read::<Raw>(ClockId::CLOCK_THREAD_CPUTIME_ID).as_nanos())
}

fn read<D: crate::time::Domain>(clock: ClockId) -> Time<D> {
    // These clocks exist on every Linux that can run this program; a kernel without them gives zero.
    let now = clock_gettime(clock).map_or(Nanos::ZERO, |now| Nanos::from_seconds(now.tv_sec()) + Nanos(now.tv_nsec()));
    Time::ZERO + now
}

/// The local clock: in a lab the declared oscillator on the raw clock, on a real host the raw clock itself, set once to
/// the time of day so that hosts start near each other. Nothing ever steers it.
#[derive(Clone, Debug)]
pub struct LocalClock {
    oscillator: Option<Oscillator>,
    anchor: Nanos,
}

impl LocalClock {
    /// A lab's clock: true time is the raw clock, and the local clock is as declared.
    pub fn declared(oscillator: Oscillator) -> Self {
        Self { oscillator: Some(oscillator), anchor: Nanos::ZERO }
    }

    /// A real host's clock: the raw clock plus `anchor`.
    pub fn undisciplined(anchor: Nanos) -> Self {
        Self { oscillator: None, anchor }
    }

    /// Whether it is an oscillator declared on a clock that other agents share.
    pub const fn is_declared(&self) -> bool {
        self.oscillator.is_some()
    }

    /// The local clock now.
    #[inline]
    pub fn now(&mut self) -> Time<Local> {
        self.local(raw_now())
    }

    /// The local reading at a raw instant.
    #[inline]
    pub fn local(&mut self, raw: Time<Raw>) -> Time<Local> {
        match &mut self.oscillator {
            Some(oscillator) => oscillator.local(shifted::<Raw, True>(raw, Nanos::ZERO)),
            None => shifted(raw, self.anchor),
        }
    }

    /// The raw instant at which the local clock shows `local`.
    pub fn raw(&mut self, local: Time<Local>) -> Time<Raw> {
        match &mut self.oscillator {
            Some(oscillator) => shifted(oscillator.true_time(local), Nanos::ZERO),
            None => shifted(local, -self.anchor),
        }
    }
}
