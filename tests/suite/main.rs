//! Everything that is tested from outside: the pure core in virtual time, and the programs as a person runs them.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests run real processes on real files")]

mod executions;
mod lab;
mod layering;
mod person;
mod readme;
mod virtual_net;
