//! Causal clocks: they order events by what could have influenced what. Pure.

pub mod hlc;
pub mod logical;

pub use hlc::{Hlc, HlcStamp};
pub use logical::Logical;
