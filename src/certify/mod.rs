//! What can be certified of clocks that have no clock in common: from local stamps and stated assumptions alone, an
//! interval for every clock at every instant of another, or the proof that an assumption is false. Pure.
//!
//! Reading order: [`observation`] (what is known), [`graph`] (what follows from it at once), [`feasible()`] (whether it can
//! be), [`query`] (intervals), [`epsilon`] (what they say of synchronised clocks), [`contradiction`] and [`suspects`] (who
//! is to blame if it cannot be), [`proof`] (certificates that a stranger can check: `crate::checker` does). [`pairwise`]
//! is the special case of two nodes.
//!
//! Source: B. Patt-Shamir and S. Rajsbaum, *A theory of clock synchronization*, STOC 1994.

pub mod contradiction;
pub mod course;
pub mod epsilon;
pub mod feasible;
pub mod graph;
pub mod observation;
pub mod pairwise;
pub mod proof;
pub mod prune;
pub mod query;
pub mod scale;
pub mod spread;
pub mod suspects;

pub use contradiction::Contradiction;
pub use course::Course;
pub use epsilon::{Aging, Apart, Cell, Sight};
pub use feasible::{Feasible, feasible};
pub use graph::Graph;
pub use observation::{Delay, Message, Observation, Window};
pub use query::{Interval, Queries, Reach};
