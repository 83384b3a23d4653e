//! Workloads on clocks: what order costs. Pure.

pub mod digest;
pub mod link;
pub mod message;
pub mod payloads;
pub mod report;
pub mod schedule;
pub mod stamp;
pub mod tally;
pub mod total_order;

pub use digest::Digest;
pub use payloads::Payloads;
pub use schedule::Schedule;
pub use stamp::{Stamp, Stamper};
pub use tally::Tally;
pub use total_order::TotalOrder;
