//! skewbench tells a team what clock error its machines can promise, with evidence, and what that error costs.
//!
//! Agents on real hosts exchange timestamped UDP probes every τ. On those same probes they run, side by side, Lamport's
//! physical clocks, an NTP-style clock and hybrid logical clocks. A collector puts the measured ε beside Lamport's bound
//! d(2κ(τ+ν)+ξ) and beside what ordering by each clock costs.
//!
//! # The five-minute tour
//!
//! One idea holds it together: **the pure core takes time as an argument.** In reading order:
//!
//! 1. [`time`] and [`affine`]: instants that carry their clock in their type, and the maps between clocks.
//! 2. [`probe`]: what a message says, and the [`probe::Exchange`] that a request and its reply make.
//! 3. [`node`]: the contract (inputs in, outputs out, one pending wake), and the state machine behind it. Its drivers are
//!    the agent's loop in [`host::probing`] and the simulator's in [`sim::network`].
//! 4. [`clock`]: one algorithm a file; start with [`clock::lamport`]. [`causal`] has the hybrid clock on top.
//!    [`yardstick`] measures them where chrony and NTPsec were measured, [`replay`](mod@replay) on stamps that others took.
//! 5. [`order`]: total order by timestamps, the workload that shows what a clock is good for. [`workload`] has others, from
//!    mutual exclusion to Byzantine generals.
//! 6. [`journal`], [`analysis`], [`report`]: what was seen, what follows from it, and how it is told. [`theory`] has the
//!    bounds, [`stability`] the deviations over tau.
//! 7. [`certify`]: what can be said without any common clock, from stamps and assumptions alone; [`checker`] is a second
//!    opinion on it.
//! 8. [`sim`]: the same nodes in virtual time, where truth is known.
//! 9. [`robustness`]: what every clock does while the world is disturbed.
//! 10. [`sweep`]: a grid of simulated runs, and where its answers bend.
//! 11. [`host`]: everything that touches the operating system, and nothing else does.
//!
//! [`ids`], [`length`], [`topology`], [`real`] and [`model`] are shared by all: names, distances, graphs, functions, and
//! declared worlds.

pub mod affine;
pub mod analysis;
pub mod causal;
pub mod certify;
pub mod checker;
pub mod clock;
pub mod compare;
pub mod hex;
pub mod host;
pub mod ids;
pub mod journal;
pub mod length;
pub mod model;
pub mod names;
pub mod node;
pub mod order;
pub mod probe;
pub mod real;
pub mod replay;
pub mod report;
pub mod robustness;
pub mod sim;
pub mod stability;
pub mod sweep;
pub mod theory;
pub mod time;
pub mod topology;
pub mod trial;
pub mod workload;
pub mod yardstick;
