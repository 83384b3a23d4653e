//! The simulator without journals: up to a million nodes, of which nothing is kept but what the result needs.
//!
//! It runs the same scenarios with the same draws, and events of one instant happen in the same order, so that every clock
//! shows what it shows in the journaled run, to the nanosecond. What its compact form cannot express is refused by name:
//! clocks whose rate changes, programs that wait, and all that happens to nodes and networks.

pub mod calendar;
pub mod compact;
pub mod courses;
pub mod findings;
pub mod graph;
pub mod lamport;
pub mod mesh;
pub mod rows;
pub mod skew;

pub use compact::World;
pub use findings::Findings;
pub use lamport::Lamport;
pub use mesh::Mesh;
pub use skew::Method;
