//! Distributed algorithms whose order depends on clocks, each a pure state machine with its invariants and its price.
//!
//! One file a workload. Each holds the process (inputs and outputs are values, time is an argument: [`Process`]), a checker
//! of its invariants over a [`Log`] of what all processes did, and the formulas that predict its cost. The driver in
//! [`crate::sim`] runs them in virtual time; another driver may run the very same code on sockets.

pub mod airline;
pub mod anomaly;
pub mod byzantine;
pub mod causal;
pub mod commit_wait;
mod contract;
pub mod deadlock;
pub mod exclusion;
#[cfg(test)]
mod explore;
pub mod fairness;
mod heartbeat;
mod log;
pub mod mutex;
pub mod predict;
pub mod real_time;
pub mod restart;
pub mod ricart_agrawala;
mod row;
pub mod snapshot;
pub mod stability_tests;
pub mod state_machine;
pub mod termination;
pub mod trace;
pub mod wire;

pub use contract::{Actions, Input, Output, Process};
pub use log::{Entry, Log, What};
pub use row::{Check, Relation, Row, quantiles};
