//! Workloads on clocks in virtual time.

pub mod driver;

pub use driver::{Delivery, Planned, Setting, run, run_with_side_channel};
