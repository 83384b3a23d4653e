//! Everything that is tested from outside: the pure core in virtual time, and the programs as a person runs them.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests run real processes on real files")]

mod certificates;
mod certified_runs;
mod chromium;
mod claims;
mod compare;
mod difference_system;
mod events;
mod executions;
mod faults;
mod grid;
mod hostile;
mod hosts;
mod lab;
mod laws;
mod layering;
mod live;
mod metrics;
mod monsters;
mod netns;
mod ordered_run;
mod orphans;
mod page;
mod parameters;
mod person;
mod readme;
mod replay;
mod security;
mod simulated;
mod simulations;
mod stability;
mod strangers;
mod streamed;
mod swarm;
mod sweeps;
mod verify;
