//! Real input and output: the only place that touches the operating system.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the room where the outside world is")]

mod acting;
pub mod agent;
pub mod claims;
pub mod clock;
pub mod collector;
pub mod control;
pub mod doctor;
pub mod facts;
pub mod fleet;
mod frames;
pub mod hold;
pub mod key;
pub mod live;
pub mod lock;
pub mod manifest;
pub mod metrics;
pub mod orderer;
pub mod ordering;
pub mod pairing;
pub mod probing;
pub mod program;
pub mod published;
pub mod reporting;
pub mod results;
pub mod settings;
pub mod ship;
pub mod signals;
pub mod socket;
pub mod spool;
pub mod verify;
