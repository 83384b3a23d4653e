//! Declared worlds, shared by the lab and the simulator: seeded draws, oscillators, link delays. Pure.

pub mod jitter;
pub mod link;
pub mod normal;
pub mod oscillator;
pub mod path;
pub mod queue;
pub mod rng;

pub use jitter::Jitter;
pub use oscillator::Oscillator;
pub use path::Path;
pub use queue::Queue;
pub use rng::{Purpose, Rng};
