//! A second opinion on certificates: small, and sharing no code with what makes them (`certify::proof` says what the text
//! means). It reads stamps, assumptions and evidence, and does not search for anything.
//!
//! - An interval is **not too narrow**: the messages of its paths, each with its assumed delay, and the clocks between them
//!   add up to no more than is claimed.
//! - It is **not too wide**: there is an execution, given by real times of all events, that keeps every assumption and in
//!   which the clock shows what is claimed, to a nanosecond.
//! - A **contradiction** is one: round its cycle the sum is negative.
//!
//! Arithmetic is exact in 2^-32 ns, rounded against the claim. Times in a certificate are in units of 2^-16 ns: an
//! assumption may be missed by four of them (61 fs).

mod statement;
mod verify;

pub use statement::{Malformed, Statement};
pub use verify::{Flaw, check};
