//! Anomalous behaviour (Lamport, CACM 21(7), 1978): what a channel beside the system knows to be later is stamped earlier.
//!
//! Event e is stamped at i; a nudge without a stamp then makes j stamp an event f. An anomaly is stamp(f) ≤ stamp(e). It is
//! impossible if the nudge takes ν > (ε + g)/(1 − κ), with g the stamps' tick. Read the other way round: the slowest nudge
//! that still shows an anomaly proves ε ≥ (1 − κ)ν − g, without any common clock.

use super::wire::{Wire, wire};
use super::{Actions, Input, Process};
use crate::order::{Stamp, Stamper};
use crate::time::{Nanos, Ppb, Synced, Time};

/// The tick of physical stamps: they are whole nanoseconds.
pub const TICK: Nanos = Nanos(1);

/// What makes a process stamp an event: a user, or a nudge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Touch(pub u64);

/// The event that was stamped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamped(pub Touch, pub Stamp);

/// No process tells another anything: all that connects them is the side channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Silence {}

wire!(struct Touch(number));
wire!(struct Stamped(touch, stamp));

impl Wire for Silence {
    fn put(&self, _: &mut Vec<u8>) {
        match *self {}
    }

    fn take(_: &mut &[u8]) -> Option<Self> {
        None
    }
}

/// A process that stamps what happens to it.
#[derive(Clone, Debug)]
pub struct Witness(pub Stamper);

impl Process for Witness {
    type Message = Silence;
    type Command = Touch;
    type Event = Stamped;

    fn handle(&mut self, at: Time<Synced>, input: Input<Silence, Touch>, act: &mut Actions<Silence, Stamped>) {
        if let Input::Command(touch) = input {
            act.note(Stamped(touch, self.0.tick(at)));
        }
    }
}

/// What anomalies prove about the clocks' spread: with local rates within `kappa` of one, it is at least this.
pub fn least_eps(slowest_anomalous_nudge: Nanos, kappa: Ppb) -> Nanos {
    let lost = i128::from(slowest_anomalous_nudge.0) * i128::from(kappa.0.abs());
    // Rounded so that the bound stays one.
    let lost = Nanos((lost / i128::from(Ppb::ONE.0)) as i64 + i64::from(lost % i128::from(Ppb::ONE.0) != 0));
    slowest_anomalous_nudge - lost - TICK
}
