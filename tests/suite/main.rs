//! Everything that is tested from outside: the pure core in virtual time, and the programs as a person runs them.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests run real processes on real files")]

mod chromium;
mod compare;
mod executions;
mod faults;
mod hostile;
mod hosts;
mod journals;
mod lab;
mod laws;
mod layering;
mod live;
mod metrics;
mod monsters;
mod netns;
mod order;
mod orphans;
mod page;
mod person;
mod readme;
mod replay;
mod security;
mod simulations;
mod stability;
mod strangers;
mod virtual_journals;
mod virtual_net;
mod virtual_run;
