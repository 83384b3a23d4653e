//! Metrics: what an agent or a collector is doing, as Prometheus text on a loopback port. Off unless asked for.
//!
//! [`names`] is the list of what is exported (docs/metrics.md describes it), [`page`] the text format, [`serve`] the
//! endpoint. The probe thread never waits for any of it: it adds to the atomics of a [`Meter`], and a scrape reads them.

mod agent;
mod endpoint;
mod meter;
pub mod names;
pub mod page;
#[cfg(test)]
mod tests;

pub use agent::AgentPage;
pub use endpoint::{Endpoint, loopback_only, serve};
pub use meter::Meter;
