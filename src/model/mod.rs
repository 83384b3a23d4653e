//! Declared worlds, shared by the lab and the simulator: seeded draws, oscillators, link delays. Pure.

pub mod link;
pub mod oscillator;
pub mod rng;

pub use oscillator::Oscillator;
pub use rng::{Purpose, Rng};
