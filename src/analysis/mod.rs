//! From journals to numbers. Pure: functions over values, the same for a live run, a simulated one and copied files.
//!
//! Reading order: [`run`] (what goes in), [`horizon`] (which span of true time is judged), [`track`] (each clock as
//! straight pieces of true time), [`envelope`] (exact eps), [`timely`] (the premises that the run itself fulfilled),
//! [`optimum`] (what the best algorithm could have promised), [`parameters`] (what stamps alone show), [`loops`] (what loops of links show of asymmetry), [`summary`] (what comes out). Times inside are nanoseconds of true time since the run's start, as `f64`: exact to far
//! below a nanosecond for a hundred days, and able to hold the instant at which two lines cross.

pub mod arcs;
pub mod audit;
pub mod certificate;
pub mod clocks;
pub mod coverage;
pub mod envelope;
pub mod events;
pub mod facts;
pub mod horizon;
pub mod lies;
pub mod loops;
pub mod optimum;
pub mod ordering;
pub mod parameters;
pub mod premise;
pub mod proved;
pub mod quantile;
pub mod reading;
pub mod replicas;
pub mod ruling;
pub mod run;
pub mod series;
pub mod shared;
pub mod skew;
pub mod stability;
pub mod summarise;
pub mod summary;
pub mod system;
pub mod target;
#[cfg(test)]
pub(crate) mod testing;
pub mod timely;
pub mod track;
pub mod traffic;
pub mod truth;

pub use certificate::certificate;
pub use run::{AgentRun, Unreadable};
pub use summarise::summarise;
pub use summary::{Summary, Verdict};
